//! The build's log: plain lines on standard output, which people follow while the build runs.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use slipway_model::log::{LINE_BYTES, Line, parts};

use crate::secrets;

/// What was printed and not taken yet, once it is kept.
static PRINTED: Mutex<Option<Vec<Line>>> = Mutex::new(None);

/// Prints a line, without secrets. The work continues even if the reader of the log has gone.
pub(crate) fn say(line: impl fmt::Display) {
    let text = secrets::hide(&format!("{line}\n"));
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    drop(out);
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lines) = printed.as_mut() {
        let time = Timestamp::now().as_millisecond();
        lines.extend(text.lines().flat_map(|line| parts(line, LINE_BYTES)).map(|part| Line {
            time,
            message: part.to_owned(),
        }));
    }
}

/// Keeps what is printed from now on.
pub(crate) fn keep() {
    *PRINTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
}

/// What was printed since this was asked last.
pub(crate) fn take() -> Vec<Line> {
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    printed.as_mut().map(std::mem::take).unwrap_or_default()
}
