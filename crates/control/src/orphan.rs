//! Orphaned operations: the execution was stopped from outside, timed out, or no longer exists.
//!
//! The workflow's last states record every other end themselves, before the execution ends.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionError;
use slipway_model::error_name::ErrorName;
use slipway_model::id::{OperationId, StackId};
use slipway_model::operation::build::APPLY;
use slipway_model::operation::{Failure, Operation};
use slipway_store::finish::{End, Finished};
use slipway_store::{Error as StoreError, Store};

use crate::{Error, start};

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionEnd {
    /// It came to its last state, without having recorded what became of the operation.
    Succeeded,
    /// It failed, with an error's name and cause where Step Functions says them.
    Failed {
        /// The error's name.
        error: Option<String>,
        /// What it says.
        cause: Option<String>,
    },
    /// It took longer than the state machine allows.
    TimedOut,
    /// It was stopped, perhaps with a reason.
    Aborted {
        /// The reason.
        cause: Option<String>,
    },
    /// Step Functions does not know it.
    Gone,
}

impl ExecutionEnd {
    /// The end by an execution's status; `None` while it runs. The names are those of Step Functions.
    pub fn of_status(status: &str, error: Option<String>, cause: Option<String>) -> Option<Self> {
        Some(match status {
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed { error, cause },
            "TIMED_OUT" => Self::TimedOut,
            "ABORTED" => Self::Aborted { cause },
            _ => return None,
        })
    }

    /// The end of the operation that follows. One whose cancel was requested ends as cancelled, whatever came between.
    fn of_operation(self, operation: &Operation) -> End {
        match self.without_request(operation) {
            End::Failed(failure) if operation.cancel.is_some() => End::Cancelled(operation.failing(failure)),
            end => end,
        }
    }

    fn without_request(self, operation: &Operation) -> End {
        let failure = |name: &str, message: String| Failure {
            name: name.to_owned(),
            step: operation.running_step().unwrap_or_default().to_owned(),
            message,
            address: None,
        };
        match self {
            Self::Aborted { cause } => {
                let message = cause.unwrap_or_else(|| "The execution was stopped.".to_owned());
                End::Cancelled(failure(ErrorName::Cancelled.as_str(), message))
            }
            Self::Failed { error, cause } => {
                let name = error.unwrap_or_else(|| ErrorName::Internal.to_string());
                let message = cause.unwrap_or_else(|| "The execution failed, and nothing says why.".to_owned());
                // A cancel or a rejection also ends an execution so, if the state that records it failed.
                End::of(failure(&name, message))
            }
            Self::TimedOut => {
                let message = "The execution took longer than the workflow allows.".to_owned();
                End::Failed(failure("States.Timeout", message))
            }
            Self::Succeeded => {
                let message = "The execution ended without recording what became of the operation.".to_owned();
                End::Failed(failure(ErrorName::Internal.as_str(), message))
            }
            Self::Gone => {
                let message = "The execution no longer exists in Step Functions.".to_owned();
                End::Failed(failure(ErrorName::Internal.as_str(), message))
            }
        }
    }
}

/// How an execution ended; `None` while it runs.
pub async fn end_of(sfn: &Client, execution: &str) -> Result<Option<ExecutionEnd>, Error> {
    match sfn.describe_execution().execution_arn(execution).send().await {
        Ok(execution) => Ok(ExecutionEnd::of_status(
            execution.status.as_str(),
            execution.error,
            execution.cause,
        )),
        Err(error) => match error.as_service_error() {
            Some(DescribeExecutionError::ExecutionDoesNotExist(_)) => Ok(Some(ExecutionEnd::Gone)),
            _ => Err(Error::Describe(Box::new(error.into()))),
        },
    }
}

/// Ends an operation as its execution did, where it has not ended, and starts the next one of the stack. `stack` as in
/// [`Store::operation_and_stack`].
pub async fn end(
    store: &Store,
    sfn: &Client,
    state_machine: &str,
    operation: &OperationId,
    stack: Option<&StackId>,
    how: ExecutionEnd,
) -> Result<Finished, StoreError> {
    let (stored, stack) = store.operation_and_stack(operation, stack).await?;
    let mut end = how.of_operation(&stored);
    if stored.running_step() == Some(APPLY)
        && let Some(failure) = end.failure_mut()
        && let Some(exist) = stored.may_exist()
    {
        failure.add(&format!("{exist}."));
    }
    // Most often the workflow's last state has ended it, and this end is not written.
    if !stored.status.has_ended()
        && let Some(failure) = end.failure_mut()
    {
        store.secrets_of(&stored).await?.hide_in_failure(failure);
    }
    // On the heap: the future of every caller would contain these.
    let finished = Box::pin(store.finish_known_operation(stored, Some(stack), &end)).await?;
    if let Some(next) = &finished.next {
        start::start_or_leave(sfn, state_machine, next).await;
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_ended_is_an_end() {
        for status in ["RUNNING", "PENDING_REDRIVE", ""] {
            assert_eq!(ExecutionEnd::of_status(status, None, None), None);
        }
        let end = ExecutionEnd::of_status("ABORTED", None, Some("enough".to_owned()));
        let cause = Some("enough".to_owned());
        assert_eq!(end, Some(ExecutionEnd::Aborted { cause }));
    }
}
