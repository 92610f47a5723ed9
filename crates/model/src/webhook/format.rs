//! The body of a delivery.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::Message;
use super::{slack, teams};
use crate::notification::Notification;

/// The form of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The notification itself.
    #[default]
    Json,
    /// A message for an incoming webhook of Slack.
    Slack,
    /// An Adaptive Card for a workflow of Microsoft Teams.
    Teams,
}

/// A text that names no [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of json, slack and teams")]
pub struct InvalidFormat;

impl Format {
    /// The body of a notification, whose text is `json`.
    pub fn body(self, notification: &Notification, json: &str) -> String {
        match self {
            Self::Json => json.to_owned(),
            Self::Slack => slack::body(&Message::of(notification)).to_string(),
            Self::Teams => teams::body(&Message::of(notification)).to_string(),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Teams => "teams",
        })
    }
}

impl FromStr for Format {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        [Self::Json, Self::Slack, Self::Teams]
            .into_iter()
            .find(|format| format.to_string() == text)
            .ok_or(InvalidFormat)
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
