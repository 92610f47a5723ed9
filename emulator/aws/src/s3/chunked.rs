//! `aws-chunked`: the body format with which SDKs send a checksum after the bytes that it is of.
//!
//! ```text
//! 400;chunk-signature=...\r\n <1024 bytes> \r\n 0\r\n x-amz-checksum-crc32:AAAAAA==\r\n \r\n
//! ```
//!
//! Chunk signatures are not verified: the emulator knows no secret key that they could be verified with.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};

/// The longest chunk header or trailer line. AWS's are well below.
const LONGEST_LINE: usize = 4096;

/// The trailers of a body, there when the body has been read to its end.
#[derive(Clone, Default)]
pub(super) struct Trailers(Arc<Mutex<Vec<(String, String)>>>);

impl Trailers {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let trailers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trailers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    }

    fn add(&self, line: &str) {
        if let Some((name, value)) = line.split_once(':') {
            let mut trailers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            trailers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

/// A body that is not what it says.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChunkedError {
    #[error("the body ended inside a chunk")]
    Truncated,
    #[error("`{0}` is not the size of a chunk")]
    Size(String),
    #[error("a chunk does not end with a line break")]
    Boundary,
    #[error("the body could not be read")]
    Read(#[source] axum::Error),
}

enum State {
    Header,
    Data(u64),
    DataEnd,
    Trailer,
    Done,
}

struct Decoder<S> {
    source: S,
    buffer: BytesMut,
    state: State,
    trailers: Trailers,
}

/// The bytes inside the chunks. The trailers are in `trailers` when the stream has ended.
pub(super) fn decode(
    source: impl Stream<Item = Result<Bytes, axum::Error>> + Send + Unpin,
    trailers: Trailers,
) -> impl Stream<Item = Result<Bytes, ChunkedError>> + Send {
    let decoder = Decoder {
        source,
        buffer: BytesMut::new(),
        state: State::Header,
        trailers,
    };
    futures::stream::try_unfold(decoder, |mut decoder| async move {
        let next = decoder.next().await?;
        Ok(next.map(|bytes| (bytes, decoder)))
    })
}

impl<S: Stream<Item = Result<Bytes, axum::Error>> + Unpin> Decoder<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, ChunkedError> {
        loop {
            match self.state {
                State::Header => {
                    let line = self.line().await?;
                    let digits = line.split(';').next().unwrap_or_default();
                    let size = u64::from_str_radix(digits, 16).map_err(|_| ChunkedError::Size(digits.to_owned()))?;
                    self.state = if size == 0 { State::Trailer } else { State::Data(size) };
                }
                State::Data(left) => {
                    if self.buffer.is_empty() {
                        self.fill().await?;
                    }
                    let count = usize::try_from(left).map_or(self.buffer.len(), |left| left.min(self.buffer.len()));
                    let left = left - count as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Some(self.buffer.split_to(count).freeze()));
                }
                State::DataEnd => {
                    if !self.line().await?.is_empty() {
                        return Err(ChunkedError::Boundary);
                    }
                    self.state = State::Header;
                }
                State::Trailer => {
                    let line = match self.line().await {
                        // Some clients leave the last line break out.
                        Err(ChunkedError::Truncated) if self.buffer.is_empty() => String::new(),
                        line => line?,
                    };
                    if line.is_empty() {
                        self.state = State::Done;
                    } else {
                        self.trailers.add(&line);
                    }
                }
                State::Done => return Ok(None),
            }
        }
    }

    async fn line(&mut self) -> Result<String, ChunkedError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.advance(end + 2);
                return Ok(line);
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(ChunkedError::Boundary);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), ChunkedError> {
        let chunk = self.source.next().await.ok_or(ChunkedError::Truncated)?;
        self.buffer.extend_from_slice(&chunk.map_err(ChunkedError::Read)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    async fn decoded(body: &'static [u8], piece: usize) -> Result<(Vec<u8>, Trailers), ChunkedError> {
        let trailers = Trailers::default();
        let pieces = body.chunks(piece).map(|piece| Ok(Bytes::from_static(piece)));
        let stream = decode(futures::stream::iter(pieces), trailers.clone());
        let bytes: Vec<Bytes> = stream.try_collect().await?;
        Ok((bytes.concat(), trailers))
    }

    #[tokio::test]
    async fn bytes_and_trailers_are_found_however_the_body_is_cut() {
        let body = b"5;chunk-signature=aa\r\nhello\r\n6\r\n\r\nworl\r\n0\r\nx-amz-checksum-crc32: AbC=\r\n\r\n";
        for piece in 1..body.len() {
            let (bytes, trailers) = decoded(body, piece).await.expect("decodes");
            assert_eq!(bytes, b"hello\r\nworl");
            assert_eq!(trailers.get("X-Amz-Checksum-Crc32").as_deref(), Some("AbC="));
        }
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_or_wrong_is_refused() {
        for body in [
            &b"5\r\nhel"[..],
            b"5\r\nhello",
            b"zz\r\n",
            b"2\r\nhello\r\n0\r\n\r\n",
            b"",
        ] {
            assert!(decoded(body, 3).await.is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
