//! What is wrong with a request, field by field; for a file, with the place in it.

use serde::{Deserialize, Serialize};

/// A place in a text. Columns count characters, as Terraform's do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Place {
    /// The beginning of a text.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place that a text leads to if it begins here.
    #[must_use]
    pub fn after(self, text: &str) -> Self {
        match text.rfind('\n') {
            None => Self {
                line: self.line,
                column: self.column + text.chars().count(),
            },
            Some(last) => Self {
                line: self.line + text.bytes().filter(|byte| *byte == b'\n').count(),
                column: text[last + 1..].chars().count() + 1,
            },
        }
    }

    /// The place of a byte of a text.
    pub fn of(text: &str, byte: usize) -> Self {
        Self::START.after(&text[..text.floor_char_boundary(byte)])
    }

    /// A place in a text that begins here, as a place in the text around it.
    #[must_use]
    pub fn around(self, inner: Self) -> Self {
        match inner.line {
            1 => Self {
                line: self.line,
                column: self.column + inner.column - 1,
            },
            line => Self {
                line: self.line + line - 1,
                column: inner.column,
            },
        }
    }
}

/// One thing that is wrong with a request: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The field, as a path into the request: `variables.size`, `images.web`.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
    /// The place in the file that the field names (`files.main.tf`).
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl FieldProblem {
    /// A problem with `field`.
    pub fn new(field: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
            remedy: remedy.into(),
            place: None,
        }
    }

    /// The same problem, at this place of its file.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into();
        self
    }

    /// The same problem, of a field of `outer`.
    #[must_use]
    pub fn below(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// A text from the request, fit to be repeated in an answer.
pub fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.escape_default().take(SHOWN).collect();
    if text.escape_default().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
