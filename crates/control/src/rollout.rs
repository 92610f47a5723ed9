//! The end of an ECS deployment, for the step of the workflow that waits for it.
//!
//! Two functions answer the step: `await_rollout`, which checks once after it has stored the token, and `events`, when ECS sends an event.

use aws_sdk_sfn::Client;
use jiff::Timestamp;
use slipway_model::error_name::ErrorName;
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::WAIT_UNTIL_STABLE;
use slipway_model::operation::{Failure, Operation, StepStatus};
use slipway_store::rollout::Rollout;
use slipway_store::{Error as StoreError, Store};

use crate::Error;
use crate::task_token::{self, Answer};

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The service is stable.
    Completed,
    /// It is not, for this reason.
    Failed(String),
    /// The operation was cancelled; the text names the caller.
    Cancelled(String),
}

/// The error that the workflow gets when a rollout failed.
pub const FAILED: &str = ErrorName::RolloutFailed.as_str();
/// Its error after a cancel.
pub const CANCELLED: &str = ErrorName::Cancelled.as_str();

/// Answers a step whose rollout has ended, and forgets it. Repeating it is harmless.
///
/// A cancel that is on the record wins over every other end: it was acknowledged. Where the token is stale, the step is retried
/// with another one, and looks itself.
pub async fn end(store: &Store, sfn: &Client, rollout: &Rollout, ended: &Ended) -> Result<(), Error> {
    // Recorded first: once the workflow goes on, its next steps write the operation too.
    let ended = match record_end(store, rollout, ended).await {
        Ok(ended) => ended,
        // The record no longer exists; the step still waits.
        Err(StoreError::NotFound { .. }) => ended.clone(),
        Err(error) => return Err(error.into()),
    };
    let answer = match &ended {
        Ended::Completed => task_token::succeed(sfn, &rollout.token, "{}").await?,
        Ended::Failed(reason) => task_token::fail(sfn, &rollout.token, FAILED, reason).await?,
        Ended::Cancelled(reason) => task_token::fail(sfn, &rollout.token, CANCELLED, reason).await?,
    };
    match answer {
        Answer::Accepted => Ok(store.forget_rollout(rollout).await?),
        Answer::Stale => Ok(()),
    }
}

/// Records how a rollout ended, unless the operation is cancelled; the end that counts.
async fn record_end(store: &Store, rollout: &Rollout, ended: &Ended) -> Result<Ended, StoreError> {
    let now = Timestamp::now();
    let effective = |operation: &Operation| match operation.cancel_requested() {
        Some(failure) if rollout.step.starts_with(WAIT_UNTIL_STABLE) => Ended::Cancelled(failure.message.clone()),
        _ => ended.clone(),
    };
    let note = |operation: &mut Operation| {
        operation.end_step(&rollout.step, effective(operation).of_step(), now);
        Ok(())
    };
    let noted = store.update_operation(&rollout.operation, note).await?;
    Ok(effective(&noted))
}

/// Cancels the command or the release of an operation: the waiting step fails, and the workflow stops the command or restores the
/// services. `None` if no such step is left; then nothing was done.
///
/// The cancel is recorded first, on condition that such a step runs. Every step that may let the release pass checks the record
/// when it ends, so a recorded cancel is never missed.
pub async fn cancel(
    store: &Store,
    sfn: &Client,
    operation: &OperationId,
    failure: &Failure,
) -> Result<Option<Operation>, Error> {
    let note = |operation: &mut Operation| {
        operation.request_cancel(failure);
        Ok(())
    };
    let noted = store.update_operation(operation, note).await?;
    let Some(requested) = noted.cancel_requested() else {
        return Ok(None);
    };
    let cancelled = Ended::Cancelled(requested.message.clone());
    for rollout in store.rollouts(operation).await? {
        if rollout.step.starts_with(WAIT_UNTIL_STABLE) {
            end(store, sfn, &rollout, &cancelled).await?;
        }
    }
    // A step that has no token yet reads the cancel when it stores one.
    if let Some(token) = noted.running_task().and_then(|run| run.token.as_deref()) {
        // With a stale token the step is retried, and reads the cancel.
        let _ = task_token::fail(sfn, token, CANCELLED, &requested.message).await?;
    }
    Ok(Some(noted))
}

impl Ended {
    fn of_step(&self) -> StepStatus {
        match self {
            Self::Completed => StepStatus::Succeeded,
            Self::Failed(_) => StepStatus::Failed,
            Self::Cancelled(_) => StepStatus::Cancelled,
        }
    }
}
