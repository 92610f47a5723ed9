//! How a step fails.

use lambda_runtime::Diagnostic;
use slipway_control::Error;
use slipway_control::admission;
use slipway_model::error_name::ErrorName;
use slipway_model::plan::Refusal;
use slipway_model::problem::FieldProblem;

/// The most characters of an error's text. The workflow cuts at 2,000, and the text travels as JSON inside the cause.
const TEXT_LENGTH: usize = 1_500;

/// Why a step failed.
///
/// Its `Display` is text for the requester; what only an operator needs is in the sources.
/// [`StepError::name`] is what `Retry` and `Catch` of the workflow match.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The rules of the environment forbid the plan.
    #[error("{0}")]
    PlanRefused(Refusal),
    /// The request does not fit the stack any more when its turn comes.
    #[error("{0}")]
    RequestInvalid(String),
    /// The policies do not permit the request any more when its turn comes.
    #[error("the request was permitted when it was sent, and is denied now that its turn has come. {0}")]
    RequestDenied(String),
    /// There is no plan to review.
    #[error("{0}")]
    PlanFailed(String),
    /// The outputs of the apply are not those that the runner recorded.
    #[error("{0}")]
    OutputsDiffer(String),
    /// The blueprint's output `slipway` is missing, wrong, or names what does not exist.
    #[error("{0}")]
    ContractInvalid(String),
    /// A migration did not end with exit code 0.
    #[error("{0}")]
    MigrationFailed(String),
    /// The snapshot of the database did not come to be.
    #[error("{0}")]
    SnapshotFailed(String),
    /// A backup did not end with exit code 0.
    #[error("{0}")]
    BackupFailed(String),
    /// A requested task did not end with exit code 0.
    #[error("{0}")]
    TaskFailed(String),
    /// A service did not become stable.
    #[error("{0}")]
    RolloutFailed(String),
    /// Tasks that have to stop before migrations still run; the workflow checks again for a while.
    #[error("{0}")]
    NotQuiesced(String),
    /// The health address does not answer as it should; the workflow asks again for a while.
    #[error("{0}")]
    Unhealthy(String),
    /// The operation was cancelled in its rollout: the workflow restores the services.
    #[error("{0}")]
    Cancelled(String),
    /// The operation was cancelled, or ended otherwise, while the step ran.
    #[error("the operation has ended already")]
    Ended(#[source] slipway_store::Error),
    /// The role of an environment in another account is not there, or does not trust Slipway.
    #[error(
        "releases in the environment `{environment}` are done with the role {role}, which could not be assumed ({said}): deploy \
         aws/target-account, or the module tf/modules/target-account, in that account again, with the outputs of Slipway's own template"
    )]
    RoleRefused {
        /// The environment.
        environment: String,
        /// The ARN of its release role.
        role: String,
        /// The code and message of STS.
        said: String,
        /// What the client says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// ECS has no room for a task, or RDS is busy with the database: the workflow asks again for a while.
    #[error("{0}")]
    Busy(String),
    /// The error of the step before, which was not this step's to judge.
    #[error("{text}")]
    PassedOn {
        /// Its name.
        name: ErrorName,
        /// Its text.
        text: String,
    },
    /// An AWS service could not be reached, or throttles.
    #[error("AWS could not {doing}; this may pass")]
    Unavailable {
        /// What was being done.
        doing: String,
        /// What the client says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A permission is missing.
    #[error(
        "AWS denied permission to {doing} ({said}): deploy Slipway's template again, and for an environment with a role \
         aws/target-account or the module tf/modules/target-account in its account, in the Region of the environment; if the permission \
         is in the role then, a service control policy or a permissions boundary denies it"
    )]
    Denied {
        /// What was being done.
        doing: String,
        /// The service's code and message.
        said: String,
        /// What the client says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An AWS service refused.
    #[error("AWS could not {doing}: {said}")]
    Refused {
        /// What was being done.
        doing: String,
        /// The service's code and message.
        said: String,
        /// What the client says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The stored policies cannot be evaluated.
    #[error("the stored policies are not valid: {0}. An administrator has to correct them")]
    Policies(#[source] slipway_policy::text::Invalid),
    /// The table could not do what was asked.
    #[error("the operation's record could not be read or written")]
    Store(#[source] slipway_store::Error),
    /// The workflow sent what no step understands. What that is belongs into the execution's cause.
    #[error("the step cannot read what the workflow sent: {0}")]
    ReadPayload(serde_json::Error),
    /// The answer of a step cannot be written.
    #[error("the step cannot write its answer")]
    WriteAnswer(#[source] serde_json::Error),
}

impl StepError {
    /// A step that waits could not be answered. `doing` says with what.
    pub(crate) fn unanswered(doing: &str, error: Error) -> Self {
        match error {
            Error::Record(error) => error.into(),
            source => Self::Unavailable {
                doing: doing.to_owned(),
                source: source.into(),
            },
        }
    }

    /// The error's name in the workflow, and the `errorType` of the function.
    pub fn name(&self) -> &'static str {
        self.error_name().as_str()
    }

    /// The error's name.
    pub(crate) fn error_name(&self) -> ErrorName {
        match self {
            Self::PlanRefused(refusal) => refusal.error_name(),
            Self::PlanFailed(_) => ErrorName::PlanFailed,
            Self::RequestInvalid(_) => ErrorName::RequestInvalid,
            Self::RequestDenied(_) => ErrorName::RequestDenied,
            Self::OutputsDiffer(_) => ErrorName::ApplyFailed,
            Self::ContractInvalid(_) => ErrorName::ContractInvalid,
            Self::MigrationFailed(_) => ErrorName::MigrationFailed,
            Self::SnapshotFailed(_) => ErrorName::SnapshotFailed,
            Self::BackupFailed(_) => ErrorName::BackupFailed,
            Self::TaskFailed(_) => ErrorName::TaskFailed,
            Self::RolloutFailed(_) => ErrorName::RolloutFailed,
            Self::NotQuiesced(_) => ErrorName::NotQuiesced,
            Self::Unhealthy(_) => ErrorName::Unhealthy,
            Self::Cancelled(_) | Self::Ended(_) => ErrorName::Cancelled,
            Self::RoleRefused { .. } => ErrorName::RoleRefused,
            Self::Busy(_) => ErrorName::Busy,
            Self::PassedOn { name, .. } => *name,
            Self::Denied { .. } => ErrorName::AccessDenied,
            Self::Unavailable { .. } => ErrorName::Transient,
            Self::Store(error) if error.is_transient() => ErrorName::Transient,
            Self::Refused { .. } | Self::Policies(_) | Self::Store(_) | Self::ReadPayload(_) | Self::WriteAnswer(_) => {
                ErrorName::Internal
            }
        }
    }

    /// Whether its text or its sources may have words of others: of AWS, a blueprint or a container.
    pub(crate) fn quotes(&self) -> bool {
        !matches!(
            self,
            Self::Ended(_) | Self::Unavailable { .. } | Self::Store(_) | Self::ReadPayload(_) | Self::WriteAnswer(_)
        )
    }

    /// The text for the requester.
    pub fn text(&self) -> String {
        cut(&self.to_string(), TEXT_LENGTH)
    }

    /// The outputs of the apply, in the object with this key, cannot be used.
    pub(crate) fn outputs(key: &str, why: &str) -> Self {
        Self::OutputsDiffer(format!(
            "failed to read the outputs of the apply: {key} {why}. Update the stack"
        ))
    }

    /// The problems of a contract in one text, by field.
    pub(crate) fn contract(problems: &[FieldProblem]) -> Self {
        Self::ContractInvalid(format!(
            "the blueprint's output is not what Slipway needs: {}",
            lines(problems)
        ))
    }
}

/// Problems in one text, by field.
fn lines(problems: &[FieldProblem]) -> String {
    let lines = problems
        .iter()
        .map(|problem| format!("`{}` {}: {}", problem.field, problem.detail, problem.remedy));
    lines.collect::<Vec<_>>().join("; ")
}

/// The first `length` characters of a text.
pub(crate) fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl From<slipway_store::Error> for StepError {
    fn from(error: slipway_store::Error) -> Self {
        match error {
            slipway_store::Error::IllegalTransition(_) | slipway_store::Error::NotActive { .. } => Self::Ended(error),
            error => Self::Store(error),
        }
    }
}

impl From<slipway_policy::gate::Error> for StepError {
    fn from(error: slipway_policy::gate::Error) -> Self {
        match error {
            slipway_policy::gate::Error::Store(error) => error.into(),
            slipway_policy::gate::Error::Invalid(invalid) => Self::Policies(invalid),
        }
    }
}

impl From<admission::Refusal> for StepError {
    fn from(refusal: admission::Refusal) -> Self {
        match refusal {
            admission::Refusal::Invalid(problems) => Self::RequestInvalid(format!(
                "the request does not fit the stack any more, which changed while the request waited: {}",
                lines(&problems)
            )),
            admission::Refusal::Conflict(why) => Self::RequestInvalid(why),
            admission::Refusal::RevisionMismatch { current } => {
                Self::RequestInvalid(format!("the stack is at revision {current} by now"))
            }
            admission::Refusal::Store(error) => error.into(),
        }
    }
}

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        Self {
            error_type: error.name().to_owned(),
            error_message: error.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut("äöü", 3), "äöü");
        assert!(StepError::Unhealthy("ä".repeat(9_000)).text().chars().count() <= TEXT_LENGTH + 1);
    }
}
