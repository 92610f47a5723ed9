//! The build's log: plain lines on standard output, which people follow while the build runs.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use slipway_model::count::counted;
use slipway_model::log::{LINE_BYTES, Line, parts};

use crate::secrets;

/// The most memory of lines that are not taken yet, about: a provisioner may print faster than S3 takes it.
const KEPT: usize = 16 << 20;

/// What a line takes besides its text, about.
const LINE: usize = 64;

/// What was printed and not taken yet, once it is kept.
static PRINTED: Mutex<Option<Printed>> = Mutex::new(None);

/// Lines that wait.
#[derive(Default)]
struct Printed {
    lines: Vec<Line>,
    size: usize,
    /// How many lines came when there was no room.
    dropped: u64,
}

impl Printed {
    fn add(&mut self, text: &str, time: i64) {
        for part in text.lines().flat_map(|line| parts(line, LINE_BYTES)) {
            let size = self.size + part.len() + LINE;
            // Also what would fit after it: what is missing is in one place.
            if self.dropped > 0 || size > KEPT {
                self.dropped += 1;
                continue;
            }
            self.size = size;
            self.lines.push(Line {
                time,
                message: part.to_owned(),
            });
        }
    }

    fn into_lines(mut self, time: i64) -> Vec<Line> {
        if self.dropped > 0 {
            let message = format!(
                "Slipway left out {} here: they came faster than the log is kept. The log of the build itself has them.",
                counted(self.dropped, "line")
            );
            self.lines.push(Line { time, message });
        }
        self.lines
    }
}

/// Prints a line, without secrets. The work continues even if the reader of the log has gone.
pub(crate) fn say(line: impl fmt::Display) {
    let text = secrets::hide(&format!("{line}\n"));
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    drop(out);
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(printed) = printed.as_mut() {
        printed.add(&text, Timestamp::now().as_millisecond());
    }
}

/// Keeps what is printed from now on.
pub(crate) fn keep() {
    *PRINTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Printed::default());
}

/// What was printed since this was asked last.
pub(crate) fn take() -> Vec<Line> {
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = printed.as_mut().map(std::mem::take).unwrap_or_default();
    taken.into_lines(Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_nothing_takes_do_not_fill_the_memory() {
        let mut printed = Printed::default();
        let text = format!("{}\n", "x".repeat(1000)).repeat(64);
        for time in 0..1000 {
            printed.add(&text, time);
        }
        assert!(printed.size <= KEPT && printed.dropped > 0);
        let (kept, dropped) = (printed.lines.len() as u64, printed.dropped);
        assert_eq!(kept + dropped, 64_000);
        let lines = printed.into_lines(1000);
        let last = lines.last().expect("a note");
        assert!(
            last.message.contains(&format!("left out {dropped} lines here")),
            "{}",
            last.message
        );
    }
}
