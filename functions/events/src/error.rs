//! How the handling of an event fails.

use lambda_runtime::Diagnostic;
use slipway_model::error_chain::chain;

/// A variable that the function's environment must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct MissingVariable(pub(crate) &'static str);

/// Why what follows from an event was not done.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is not an event.
    #[error("the event cannot be read")]
    ReadEvent(#[source] serde_json::Error),
    /// Its detail is not what AWS documents for its type.
    #[error("the detail of the event `{detail_type}` cannot be read")]
    ReadDetail {
        /// The event's type.
        detail_type: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A rule brings what nothing is known of.
    #[error("nothing is known of events of the type `{0}`")]
    UnknownType(String),
    /// An event about a deployment names no service.
    #[error("the event of a deployment names no service")]
    NoService,
    /// The table could not be asked who waits for a deployment.
    #[error("the table could not be asked who waits for the deployment")]
    ReadRollout(#[source] slipway_store::Error),
    /// The step that waits for a deployment could not be told.
    #[error("the step that waits for the deployment could not be told of its end")]
    EndRollout(#[source] slipway_store::rollout::EndError),
    /// The operation of an execution could not be ended.
    #[error("the operation of an execution that has ended could not be ended")]
    EndOperation(#[source] slipway_store::Error),
}

impl EventError {
    /// The error's name in the metrics and logs of Lambda.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReadEvent(_) | Self::ReadDetail { .. } | Self::NoService => "Slipway.EventUnreadable",
            Self::UnknownType(_) => "Slipway.EventUnknown",
            Self::ReadRollout(_) | Self::EndRollout(_) | Self::EndOperation(_) => "Slipway.EventNotHandled",
        }
    }
}

impl From<EventError> for Diagnostic {
    fn from(error: EventError) -> Self {
        Self {
            error_type: error.name().to_owned(),
            error_message: chain(&error),
        }
    }
}
