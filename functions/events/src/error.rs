//! Errors of event handling.

use lambda_runtime::Diagnostic;
use slipway_control::admission::Refusal;
use slipway_model::error_chain::chain;
use slipway_model::problem::FieldProblem;

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is not an event.
    #[error("failed to read the event")]
    ReadEvent(#[source] serde_json::Error),
    /// Its detail is not what AWS documents for its type.
    #[error("failed to read the detail of the event `{detail_type}`")]
    ReadDetail {
        /// The event's type.
        detail_type: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A rule matches events that the function does not support.
    #[error("events of the type `{0}` are not supported")]
    UnknownType(String),
    /// Its source or account cannot send events of its type.
    #[error("events of the type `{detail_type}` do not come from `{source_name}` in the account {account}")]
    Spoofed {
        /// The event's type.
        detail_type: String,
        /// The source that the event names.
        source_name: String,
        /// The account that it is from.
        account: String,
    },
    /// An event about a deployment names no service.
    #[error("the event of a deployment names no service")]
    NoService,
    /// The request of another account is rejected.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The policies could not be evaluated.
    #[error("failed to evaluate the policies")]
    Policies(#[source] slipway_policy::gate::Error),
    /// An access to the table failed.
    #[error("failed to {doing}")]
    Table {
        /// A verb phrase.
        doing: &'static str,
        /// What it says.
        #[source]
        source: slipway_store::Error,
    },
    /// The step that waits for a deployment could not be answered.
    #[error("failed to answer the step that waits for the deployment")]
    EndRollout(#[source] slipway_control::Error),
    /// The step that runs a one-off task could not be answered.
    #[error("failed to answer the step that runs a one-off task")]
    EndTask(#[source] slipway_control::Error),
    /// The step that waits for a snapshot could not be answered.
    #[error("failed to answer the step that waits for the snapshot")]
    EndSnapshot(#[source] slipway_control::Error),
    /// The operation of an execution could not be ended.
    #[error("failed to end the operation of an ended execution")]
    EndOperation(#[source] slipway_store::Error),
    /// EventBridge did not accept a result.
    #[error("failed to send the result to the event bus {bus}")]
    PutResult {
        /// The bus.
        bus: String,
        /// What EventBridge says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The dead-letter queue did not accept an event.
    #[error("failed to dead-letter an event (reason: {reason})")]
    DeadLetter {
        /// Why the event is dead-lettered.
        reason: String,
        /// What the queue says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why the request of another account is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}{}", listed(problems))]
pub struct Refused {
    /// Why, in a sentence.
    pub detail: String,
    /// What is wrong with the request, field by field.
    pub problems: Vec<FieldProblem>,
    /// Whether the account may not request this: the audit log records it.
    pub is_denial: bool,
}

impl Refused {
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            problems: Vec::new(),
            is_denial: false,
        }
    }

    /// The account may not request this.
    pub(crate) fn denied(detail: impl Into<String>) -> Self {
        Self {
            is_denial: true,
            ..Self::new(detail)
        }
    }

    /// The fields of the request are wrong.
    pub(crate) fn invalid(problems: Vec<FieldProblem>) -> Self {
        Self {
            problems,
            ..Self::new("The request is not valid; nothing was changed.")
        }
    }
}

fn listed(problems: &[FieldProblem]) -> String {
    let one = |problem: &FieldProblem| format!(" {}: {}; {}.", problem.field, problem.detail, problem.remedy);
    problems.iter().map(one).collect()
}

impl EventError {
    /// The error's name in the metrics and logs of Lambda, and with a dead-lettered event.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReadEvent(_) | Self::ReadDetail { .. } | Self::NoService => "Slipway.EventUnreadable",
            Self::UnknownType(_) => "Slipway.EventUnknown",
            Self::Spoofed { .. } => "Slipway.EventSpoofed",
            Self::Refused(_) => "Slipway.EventRefused",
            Self::Policies(_)
            | Self::Table { .. }
            | Self::EndRollout(_)
            | Self::EndTask(_)
            | Self::EndSnapshot(_)
            | Self::EndOperation(_)
            | Self::PutResult { .. }
            | Self::DeadLetter { .. } => "Slipway.EventNotHandled",
        }
    }

    /// Whether a retry of the event would fail in the same way.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::ReadEvent(_)
            | Self::ReadDetail { .. }
            | Self::NoService
            | Self::UnknownType(_)
            | Self::Spoofed { .. }
            | Self::Refused(_) => true,
            Self::Table { source, .. } | Self::EndOperation(source) => !source.is_transient(),
            // An administrator mends policies that are not valid; the event is brought again until then.
            Self::Policies(_)
            | Self::EndRollout(_)
            | Self::EndTask(_)
            | Self::EndSnapshot(_)
            | Self::PutResult { .. }
            | Self::DeadLetter { .. } => false,
        }
    }

    /// Whether an account tried what it may not do.
    pub(crate) fn is_denial(&self) -> bool {
        match self {
            Self::Spoofed { .. } => true,
            Self::Refused(refused) => refused.is_denial,
            _ => false,
        }
    }

    /// An error of the table, with a verb phrase for the failed access.
    pub(crate) fn table(doing: &'static str) -> impl Fn(slipway_store::Error) -> Self {
        move |source| Self::Table { doing, source }
    }

    /// The rejection of a request. `within` is the field of the event that holds the request.
    pub(crate) fn refused(refusal: Refusal, within: Option<&str>) -> Self {
        let below = |problem: FieldProblem| match within {
            Some(outer) => problem.below(outer),
            None => problem,
        };
        match refusal {
            Refusal::Invalid(problems) => Refused::invalid(problems.into_iter().map(below).collect()).into(),
            Refusal::Store(slipway_store::Error::NotFound { what }) => {
                Refused::new(format!("There is no {what}.")).into()
            }
            Refusal::Store(error @ slipway_store::Error::TooLarge { .. }) => Refused::new(chain(&error)).into(),
            Refusal::Store(source) => Self::table("create the operation")(source),
            refusal @ (Refusal::Conflict(_) | Refusal::RevisionMismatch { .. }) => {
                Refused::new(refusal.to_string()).into()
            }
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
