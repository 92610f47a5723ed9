//! A stream of Terraform as it is kept for people: without secrets, and not larger than fits into memory. A provisioner may write
//! hundreds of megabytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};
use slipway_model::secret::Secrets;

use crate::error::Error;
use crate::secrets;
use crate::stream::LONGEST;
use crate::work_folder::private_file;

/// The most bytes of a stream that are kept: half of its beginning, and half of its end.
const KEPT: u64 = 16 << 20;

/// The end of standard error that is read.
const COMPLAINT: u64 = 64 << 10;

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Hides the known secrets in a stream that no process writes to any more.
pub(crate) fn hide_secrets(stream: &Path) -> Result<(), Error> {
    let secrets = secrets::known();
    if secrets.is_empty() {
        return Ok(());
    }
    let hidden = stream.with_extension("hidden");
    let read = File::open(stream).map_err(failed("read", stream))?;
    let write = private_file(&hidden)?;
    hide_lines(BufReader::new(read), BufWriter::new(write), &secrets, LONGEST).map_err(failed("write", &hidden))?;
    std::fs::rename(&hidden, stream).map_err(failed("write", stream))
}

/// Copies lines without secrets, one at a time.
fn hide_lines(mut read: impl BufRead, mut write: impl Write, secrets: &Secrets, longest: usize) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = longest as u64 + 1;
        if read.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return write.flush();
        }
        if line.len() > longest {
            // A secret may stand where it would be cut.
            if line.last() != Some(&b'\n') {
                read.skip_until(b'\n')?;
            }
            writeln!(write, "{}", note("a line that is too long"))?;
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        // In the values of a message a text has one escape less than in the file.
        match serde_json::from_str::<Value>(text) {
            Ok(message) => writeln!(write, "{}", secrets.hide_value(&message))?,
            Err(_) => writeln!(write, "{}", secrets.hide(text))?,
        }
    }
}

/// A message that stands for what was left out.
fn note(what: &str) -> Value {
    json!({"@level": "warn", "@message": format!("Slipway left out {what}"), "type": "log"})
}

/// What is kept of a stream.
pub(crate) fn read(stream: &Path) -> Result<Vec<u8>, Error> {
    let file = File::open(stream).map_err(failed("read", stream))?;
    excerpt(file, KEPT).map_err(failed("read", stream))
}

/// A text of at most about so many bytes: without the middle, where it is longer. Only whole lines are left out.
fn excerpt(mut text: impl Read + Seek, most: u64) -> io::Result<Vec<u8>> {
    let length = text.seek(SeekFrom::End(0))?;
    text.rewind()?;
    let mut kept = Vec::new();
    if length <= most {
        text.read_to_end(&mut kept)?;
        return Ok(kept);
    }
    let half = most / 2;
    text.by_ref().take(half).read_to_end(&mut kept)?;
    kept.truncate(kept.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1));
    text.seek(SeekFrom::Start(length - half))?;
    let mut end = Vec::new();
    text.take(half).read_to_end(&mut end)?;
    drop_first_line(&mut end);
    let left_out = length - (kept.len() + end.len()) as u64;
    kept.extend(
        format!(
            "{}\n",
            note(&format!("{left_out} bytes: the log of the build has them"))
        )
        .into_bytes(),
    );
    kept.extend(end);
    Ok(kept)
}

/// Drops what is before the first whole line.
fn drop_first_line(text: &mut Vec<u8>) {
    let end = text.iter().position(|&byte| byte == b'\n');
    text.drain(..end.map_or(text.len(), |at| at + 1));
}

/// The end of what a program wrote to standard error.
pub(crate) fn complaint(file: &Path) -> String {
    let end = File::open(file).and_then(|mut file| {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(COMPLAINT)))?;
        let mut end = Vec::new();
        file.take(COMPLAINT).read_to_end(&mut end)?;
        if length > COMPLAINT {
            // A secret may stand where it is cut.
            drop_first_line(&mut end);
        }
        Ok(end)
    });
    secrets::hide(String::from_utf8_lossy(&end.unwrap_or_default()).trim())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Cursor;

    use super::*;

    const LINE: &str = "{\"@message\":\"a: hunter2-sesame\",\"type\":\"log\"}\n";
    const LINES: usize = 100_000;

    /// Lines that exist nowhere at once.
    struct Lines<'a> {
        left: usize,
        rest: Cursor<&'static [u8]>,
        read: &'a Cell<usize>,
    }

    impl Read for Lines<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let mut read = self.rest.read(into)?;
            if read == 0 && self.left > 0 {
                self.left -= 1;
                self.rest = Cursor::new(LINE.as_bytes());
                read = self.rest.read(into)?;
            }
            self.read.set(self.read.get() + read);
            Ok(read)
        }
    }

    /// Counts the lines that come, and how many bytes of the source are not among them yet.
    struct Counted<'a> {
        lines: usize,
        held: usize,
        read: &'a Cell<usize>,
    }

    impl Write for Counted<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes);
            self.lines += text.matches('\n').count();
            assert!(!text.contains("hunter2"));
            self.held = self.held.max(self.read.get().saturating_sub(self.lines * LINE.len()));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn secrets() -> Secrets {
        Secrets::default().with(&[json!("hunter2-sesame")])
    }

    #[test]
    fn secrets_are_hidden_line_by_line() {
        let read = Cell::new(0);
        let source = Lines {
            left: LINES,
            rest: Cursor::new(b"".as_slice()),
            read: &read,
        };
        let mut written = Counted {
            lines: 0,
            held: 0,
            read: &read,
        };
        hide_lines(BufReader::new(source), &mut written, &secrets(), LONGEST).expect("written");
        assert_eq!((written.lines, read.get()), (LINES, LINES * LINE.len()));
        assert!(written.held < 64 * 1024, "{} bytes were held", written.held);
    }

    #[test]
    fn line_that_is_too_long_to_hide_secrets_in_is_left_out() {
        let text = format!("{LINE}{}hunter2-sesame\n{LINE}last", "x".repeat(200));
        let mut hidden = Vec::new();
        hide_lines(text.as_bytes(), &mut hidden, &secrets(), 100).expect("written");
        let hidden = String::from_utf8(hidden).expect("a text");
        let lines: Vec<&str> = hidden.lines().collect();
        assert_eq!(lines.len(), 4, "{hidden}");
        assert!(lines[1].contains("left out a line that is too long"), "{hidden}");
        assert!(!hidden.contains("hunter2") && lines[3] == "last", "{hidden}");
    }

    #[test]
    fn middle_of_a_large_stream_is_left_out_with_a_note() {
        let lines: Vec<String> = (0..1000).map(|number| format!("line {number}\n")).collect();
        let text = lines.concat();
        let whole = excerpt(Cursor::new(&text), text.len() as u64).expect("read");
        assert_eq!(whole, text.as_bytes());
        let kept = String::from_utf8(excerpt(Cursor::new(&text), 100).expect("read")).expect("a text");
        let lines: Vec<&str> = kept.lines().collect();
        assert_eq!((lines.first(), lines.last()), (Some(&"line 0"), Some(&"line 999")));
        let note = lines
            .iter()
            .position(|line| line.contains("Slipway left out"))
            .expect("a note");
        let kept_bytes: usize = lines.iter().map(|line| line.len() + 1).sum::<usize>() - lines[note].len() - 1;
        assert!(
            lines[note].contains(&format!("{} bytes", text.len() - kept_bytes)),
            "{kept}"
        );
        assert!(kept_bytes <= 100, "{kept}");
    }
}
