//! What happened in a simulation, and what was wrong with it.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::os;

/// How many of the last lines a failure shows.
const SHOWN: usize = 60;

/// What happened, a line for each message that arrived or was lost.
#[derive(Debug)]
pub struct History {
    lines: Vec<String>,
    violation: Option<String>,
}

impl History {
    pub fn new() -> Self {
        Self {
            lines: Vec::new(),
            violation: None,
        }
    }

    pub fn note(&mut self, line: &str) {
        let at = os::passed().as_millis();
        self.lines.push(format!("{at:>9} {line}"));
    }

    /// An invariant does not hold. The first violation is kept: others follow from it.
    pub fn violate(&mut self, what: &str) {
        if self.violation.is_none() {
            self.note(&format!("VIOLATION {what}"));
            let from = self.lines.len().saturating_sub(SHOWN);
            self.violation = Some(format!("{what}\n{}", self.lines[from..].join("\n")));
        }
    }

    pub fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    pub fn is_violated(&self) -> bool {
        self.violation.is_some()
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.lines.hash(&mut hasher);
        hasher.finish()
    }
}
