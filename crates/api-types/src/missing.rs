//! What a request names and the server does not have.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a request names and the server does not have. A client can name its own way to the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// Its kind: `stack`, `operation`, `policy`, `source_account`, `webhook` or `dead_letter`.
    #[schema(value_type = String, example = "stack")]
    pub kind: MissingKind,
    /// Its name or ID, as the request has it.
    #[schema(example = "lusab-babad")]
    pub name: String,
}

/// The kind of a missing thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingKind {
    Stack,
    Operation,
    Policy,
    SourceAccount,
    Webhook,
    DeadLetter,
}

impl MissingKind {
    /// Its name in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Operation => "operation",
            Self::Policy => "policy",
            Self::SourceAccount => "source account",
            Self::Webhook => "webhook",
            Self::DeadLetter => "dead-lettered event",
        }
    }
}
