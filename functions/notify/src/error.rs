//! Errors of the function.

use lambda_runtime::Diagnostic;
use slipway_model::error_chain::chain;

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// It is not an event that the function supports.
    #[error("failed to read the event")]
    ReadEvent(#[source] serde_json::Error),
    /// A notification, a webhook or a delivery could not be read.
    #[error("failed to read what is to be sent")]
    Read(#[source] slipway_store::Error),
    /// The key of the installation could not be read.
    #[error("failed to read the key from which the secrets of webhooks are derived")]
    ReadKey(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// EventBridge did not accept an event.
    #[error("failed to send an event to EventBridge")]
    Put(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was done could not be noted: it is done again.
    #[error("failed to note what was sent")]
    Note(#[source] slipway_store::Error),
    /// A webhook did not accept a notification. Lambda makes the next attempt.
    #[error("the webhook `{webhook}` did not accept a notification: {why}")]
    NotDelivered {
        /// The webhook's name.
        webhook: String,
        /// What came of the attempt.
        why: String,
    },
}

impl NotifyError {
    /// The error's name in the metrics and logs of Lambda.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReadEvent(_) => "Slipway.EventUnreadable",
            Self::NotDelivered { .. } => "Slipway.WebhookNotDelivered",
            Self::Read(_) | Self::ReadKey(_) | Self::Put(_) | Self::Note(_) => "Slipway.NotificationNotSent",
        }
    }
}

impl From<NotifyError> for Diagnostic {
    fn from(error: NotifyError) -> Self {
        Self {
            error_type: error.name().to_owned(),
            error_message: chain(&error),
        }
    }
}
