//! The bytes of objects and parts: one file each, named at random, never changed after it was written.
//!
//! A file belongs to an object from the moment that the index names it. What the index does not name is an upload
//! that a crash cut off, and is removed at the next start. So no rename is needed to make a write atomic, and a
//! reader that has a file open reads it to the end although the object is replaced meanwhile.

use std::collections::HashSet;
use std::fs;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::checksums::{Algorithm, Digests, Hasher};
use crate::error::{DiskFull, is_disk_full};

/// What is read or written at once.
const CHUNK: usize = 256 * 1024;

/// The folder with the files.
pub(super) struct Bodies {
    folder: PathBuf,
}

/// A file that was written and is not yet named by the index. Dropped before [`Written::keep`], it is removed.
pub(super) struct Written {
    path: PathBuf,
    name: String,
    kept: bool,
    pub(super) size: u64,
    pub(super) digests: Digests,
}

impl Written {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn etag(&self) -> String {
        hex::encode(self.digests.md5)
    }

    /// The index names the file now.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.path);
        }
    }
}

impl Bodies {
    /// Opens the folder and removes every file in it that is not `known`.
    pub(super) fn open(folder: &Path, known: &HashSet<String>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !known.contains(entry.file_name().to_string_lossy().as_ref()) {
                remove(&entry.path());
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Writes a stream to a new file.
    pub(super) async fn write<E: std::fmt::Display>(
        &self,
        stream: impl Stream<Item = Result<Bytes, E>>,
        algorithms: impl IntoIterator<Item = Algorithm>,
        payload_sha256: bool,
    ) -> S3Result<Written> {
        let name = hex::encode(rand::random::<u128>().to_be_bytes());
        let path = self.folder.join(&name);
        let file = tokio::fs::File::create(&path)
            .await
            .map_err(|error| failed(&self.folder, error))?;
        let mut written = Written {
            path,
            name,
            kept: false,
            size: 0,
            digests: Hasher::new([], false).finish(),
        };
        let mut hasher = Hasher::new(algorithms, payload_sha256);
        let mut file = tokio::io::BufWriter::with_capacity(CHUNK, file);
        let mut stream = std::pin::pin!(stream);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| s3_error!(IncompleteBody, "The body ended early: {error}"))?;
            hasher.update(&chunk);
            written.size += chunk.len() as u64;
            file.write_all(&chunk)
                .await
                .map_err(|error| failed(&self.folder, error))?;
        }
        file.flush().await.map_err(|error| failed(&self.folder, error))?;
        written.digests = hasher.finish();
        Ok(written)
    }

    /// Opens a file for reading.
    pub(super) fn read(&self, name: &str) -> io::Result<fs::File> {
        fs::File::open(self.folder.join(name))
    }

    /// Removes a file that the index has ceased to name.
    pub(super) fn remove(&self, name: &str) {
        remove(&self.folder.join(name));
    }
}

/// A part of a file as a stream.
pub(super) fn stream(file: fs::File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
    futures::stream::once(async move {
        let mut file = tokio::fs::File::from_std(file);
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start)).await?;
        }
        Ok::<_, io::Error>(chunks(file, range.end - range.start))
    })
    .try_flatten()
}

fn chunks(file: tokio::fs::File, length: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
    futures::stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))];
        let count = file.read(&mut chunk).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(count);
        Ok(Some((Bytes::from(chunk), (file, left - count as u64))))
    })
}

/// A part of a file as the body of an answer.
pub(super) fn blob(file: fs::File, range: Range<u64>) -> StreamingBlob {
    StreamingBlob::wrap(stream(file, range))
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        // It takes space, and nothing else; the next start tries again.
        tracing::warn!(path = %path.display(), %error, "the body of a deleted object was not removed");
    }
}

fn failed(folder: &Path, error: io::Error) -> S3Error {
    if is_disk_full(&error) {
        return disk_full(folder);
    }
    S3Error::with_source(S3ErrorCode::InternalError, Box::new(error))
}

/// The bodies and the index lie in a folder of the data folder.
pub(super) fn disk_full(folder: &Path) -> S3Error {
    let full = DiskFull {
        folder: folder.to_owned(),
    };
    s3_error!(InternalError, "{full}")
}
