//! Questions to a person at a terminal.

use std::io::{IsTerminal, Write};

use crate::error::Error;
use crate::harmless::harmless;
use crate::output::Output;

/// Whether a person can be asked: at a terminal, and not for data.
pub fn can_ask(output: Output) -> bool {
    output.is_terminal() && std::io::stdin().is_terminal()
}

/// Asks for a line.
pub fn ask(question: &str) -> Result<String, Error> {
    let mut stdout = std::io::stdout();
    let _ = write!(stdout, "{} ", harmless(question));
    let _ = stdout.flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Error::Program(format!("failed to read the answer: {error}")))?;
    Ok(answer.trim().to_owned())
}
