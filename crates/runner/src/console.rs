//! The build's log: plain lines on standard output, which people follow while the build runs.

use std::fmt;
use std::io::Write;

/// Prints a line. Whoever reads the log may go away; the work goes on all the same.
pub(crate) fn say(line: impl fmt::Display) {
    let text = format!("{line}\n");
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
