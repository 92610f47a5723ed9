//! Dead-lettered events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::dead_letter;
use utoipa::ToSchema;

/// A dead-lettered event. `slipway event show` shows its content.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// The ID of its message.
    #[schema(example = "5fea7756-0ea4-451a-a703-a558b933e274")]
    pub id: String,
    /// Its queue: `unhandled` if a function rejected it or failed, `undelivered` if EventBridge did not reach the function,
    /// `notifications` if the notify function failed.
    #[schema(example = "unhandled")]
    pub queue: String,
    /// Since when it is there.
    pub since: Option<Timestamp>,
    /// Its `detail-type`. `records of the table's stream` has no content, and cannot be redriven: the sweeper replaces it.
    #[serde(rename = "type")]
    #[schema(example = "Slipway Request")]
    pub kind: Option<String>,
    /// The account that sent it.
    #[schema(example = "111122223333")]
    pub account: Option<String>,
    /// The name of the error.
    #[schema(example = "Slipway.EventRefused")]
    pub error: Option<String>,
    /// Its text.
    pub reason: Option<String>,
}

/// Dead-lettered events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeadLetters {
    /// The events, the oldest first.
    pub items: Vec<DeadLetter>,
    /// About how many further events the queues have. Any of them can be redriven by its ID.
    pub more: u64,
}

impl From<dead_letter::DeadLetter> for DeadLetter {
    fn from(letter: dead_letter::DeadLetter) -> Self {
        Self {
            id: letter.id,
            queue: letter.queue,
            since: letter.since,
            kind: letter.kind,
            account: letter.account,
            error: letter.error,
            reason: letter.reason,
        }
    }
}
