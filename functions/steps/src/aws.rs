//! What AWS clients say, as errors of a step.

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{Failure, Task};

use slipway_control::secrets::Unknown;

use crate::StepError;

/// The error codes of throttling and of passing failures, for which the HTTP status is not enough.
const RETRYABLE: [&str; 8] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "ServerException",
    "ServiceUnavailableException",
    "SlowDown",
    // Of EventBridge Scheduler: a concurrent change of the schedule.
    "ConflictException",
];

/// The error codes by which AWS services say that a permission is missing.
const DENIED: [&str; 3] = ["AccessDeniedException", "AccessDenied", "UnauthorizedOperation"];

impl From<Unknown> for StepError {
    fn from(error: Unknown) -> Self {
        let doing = "read the list of the stack's secrets";
        match error {
            Unknown::Record(error) => error.into(),
            Unknown::List(error) => failed(doing, *error),
            Unknown::Body(source) => Self::Unavailable {
                doing: doing.to_owned(),
                source,
            },
            Unknown::Unusable(said) => Self::Refused {
                doing: doing.to_owned(),
                said: said.to_owned(),
                source: said.into(),
            },
        }
    }
}

/// Sorts out an error of a call that was to do something: whether it may pass, or what AWS said against it.
pub(crate) fn failed<E>(doing: impl Into<String>, error: SdkError<E>) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let doing = doing.into();
    match &error {
        SdkError::ServiceError(refused) => {
            let code = refused.err().code().unwrap_or_default().to_owned();
            let message = refused.err().message().unwrap_or_default().to_owned();
            let status = refused.raw().status().as_u16();
            sorted(doing, status, &code, &message, Box::new(error))
        }
        SdkError::ConstructionFailure(_) => StepError::Refused {
            doing,
            said: "the request could not be made".to_owned(),
            source: Box::new(error),
        },
        _ => StepError::Unavailable {
            doing,
            source: Box::new(error),
        },
    }
}

/// Sorts out an error that a service answered.
pub(crate) fn sorted(
    doing: String,
    status: u16,
    code: &str,
    message: &str,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StepError {
    let said = format!("{code}: {message}");
    if status >= 500 || RETRYABLE.contains(&code) {
        StepError::Unavailable { doing, source }
    } else if DENIED.contains(&code) {
        StepError::Denied { doing, said, source }
    } else {
        StepError::Refused { doing, said, source }
    }
}

/// Whether ECS has ended a task.
pub(crate) fn is_stopped(task: &Task) -> bool {
    task.last_status() == Some("STOPPED")
}

/// ECS may omit parts of a response and give reasons. The only accepted reason is that the part does not exist.
pub(crate) fn only_missing(doing: &str, failures: &[Failure]) -> Result<(), StepError> {
    let Some(other) = failures.iter().find(|failure| failure.reason() != Some("MISSING")) else {
        return Ok(());
    };
    let said = format!(
        "{}: {}",
        other.reason().unwrap_or("ECS gives no reason"),
        other.arn().unwrap_or_default()
    );
    Err(StepError::Refused {
        doing: doing.to_owned(),
        source: said.clone().into(),
        said,
    })
}
