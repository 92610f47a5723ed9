//! What is wrong with a request, field by field.

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a request: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The field, as a path into the request: `variables.size`, `images.web`.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

impl FieldProblem {
    /// A problem with `field`.
    pub fn new(field: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
            remedy: remedy.into(),
        }
    }

    /// The same problem, of a field of `outer`.
    #[must_use]
    pub fn below(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}
