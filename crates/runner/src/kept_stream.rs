//! A stream of Terraform as it is kept for people: without secrets, and not larger than fits into memory. A provisioner may write
//! hundreds of megabytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::{Value, json};
use slipway_model::secret::Secrets;

use crate::error::Error;
use crate::secrets;

/// The most bytes of a stream that are kept: half of its beginning, and half of its end.
const KEPT: u64 = 16 << 20;

/// The end of standard error that is read.
const COMPLAINT: u64 = 64 << 10;

/// A message that stands for what was left out.
fn note(what: &str) -> Value {
    json!({"@level": "warn", "@message": format!("Slipway left out {what}"), "type": "log"})
}

/// What is kept of a stream that no process writes to any more, without the known secrets. They are hidden in memory, in as much as is
/// kept: the disk may be full of what Terraform wrote.
pub(crate) fn read(stream: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File {
        action: "read",
        path: stream.to_owned(),
        source,
    };
    let kept = File::open(stream)
        .and_then(|file| excerpt(file, KEPT))
        .map_err(failed)?;
    Ok(without_secrets(kept, &secrets::known()))
}

/// The same lines without secrets.
fn without_secrets(text: Vec<u8>, secrets: &Secrets) -> Vec<u8> {
    if secrets.is_empty() {
        return text;
    }
    let mut hidden = String::with_capacity(text.len());
    for line in String::from_utf8_lossy(&text).lines() {
        // In the values of a message a text has one escape less than in the file.
        match serde_json::from_str::<Value>(line) {
            Ok(message) => hidden.push_str(&secrets.hide_value(&message).to_string()),
            Err(_) => hidden.push_str(&secrets.hide(line)),
        }
        hidden.push('\n');
    }
    hidden.into_bytes()
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
    use std::io::Cursor;

    use super::*;

    #[test]
    fn secrets_are_hidden_in_messages_and_in_other_lines() {
        let secrets = Secrets::default().with(&[json!("hunter2\"sesame")]);
        let message = json!({"@message": "a: hunter2\"sesame", "type": "log"});
        let text = format!("{message}\npanic: hunter2\"sesame");
        let hidden = String::from_utf8(without_secrets(text.clone().into_bytes(), &secrets)).expect("a text");
        assert!(!hidden.contains("hunter2") && !hidden.contains("sesame"), "{hidden}");
        let lines: Vec<&str> = hidden.lines().collect();
        assert!(
            lines[0].contains("\"type\":\"log\"") && lines[1].starts_with("panic: "),
            "{hidden}"
        );
        assert_eq!(
            without_secrets(text.clone().into_bytes(), &Secrets::default()),
            text.into_bytes()
        );
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
