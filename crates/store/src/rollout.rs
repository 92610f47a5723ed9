//! Steps of the workflow that wait for the end of an ECS deployment, and their answers.
//!
//! Two functions answer them: `await_rollout`, which checks once after it has stored the token, and `events`, when ECS sends an event.

use aws_sdk_sfn::Client;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use slipway_model::error_name::ErrorName;
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::WAIT_UNTIL_STABLE;
use slipway_model::operation::{Failure, Operation, StepStatus};

use crate::idempotency::expiry;
use crate::item::encode;
use crate::list::{PAGE, Query};
use crate::table::{self, EXPIRES_AT, Index, Key, LISTED};
use crate::task_token::{self, Answer, AnswerError};
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

/// How long a token is kept: longer than a step may wait.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A step of the workflow that waits for an ECS deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The ARN of the ECS service.
    pub service: String,
    /// The id of the deployment: `ecs-svc/…`.
    pub deployment: String,
    /// The task token that its end answers.
    pub token: String,
    /// The operation whose step waits.
    pub operation: OperationId,
    /// The name of the step.
    pub step: String,
}

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
pub async fn end(store: &Store, sfn: &Client, rollout: &Rollout, ended: &Ended) -> Result<(), AnswerError> {
    // Recorded first: once the workflow goes on, its next steps write the operation too.
    let ended = match record_end(store, rollout, ended).await {
        Ok(ended) => ended,
        // The record no longer exists; the step still waits.
        Err(Error::NotFound { .. }) => ended.clone(),
        Err(error) => return Err(AnswerError::Record(error)),
    };
    let answer = match &ended {
        Ended::Completed => task_token::succeed(sfn, &rollout.token, "{}").await?,
        Ended::Failed(reason) => task_token::fail(sfn, &rollout.token, FAILED, reason).await?,
        Ended::Cancelled(reason) => task_token::fail(sfn, &rollout.token, CANCELLED, reason).await?,
    };
    match answer {
        Answer::Accepted => store.forget_rollout(rollout).await.map_err(AnswerError::Record),
        Answer::Stale => Ok(()),
    }
}

/// Records how a rollout ended, unless the operation is cancelled; the end that counts.
async fn record_end(store: &Store, rollout: &Rollout, ended: &Ended) -> Result<Ended, Error> {
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
) -> Result<Option<Operation>, AnswerError> {
    let note = |operation: &mut Operation| {
        operation.request_cancel(failure);
        Ok(())
    };
    let noted = store.update_operation(operation, note).await;
    let noted = noted.map_err(AnswerError::Record)?;
    let Some(requested) = noted.cancel_requested() else {
        return Ok(None);
    };
    let cancelled = Ended::Cancelled(requested.message.clone());
    for rollout in store.rollouts(operation).await.map_err(AnswerError::Record)? {
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

impl Store {
    /// Keeps the token of a step that waits; a repeated step's token takes the place of the earlier one.
    pub async fn put_rollout(&self, rollout: &Rollout) -> Result<(), Error> {
        let places = vec![
            (LISTED, rollout.step.clone()),
            (Index::Collection.partition(), table::rollouts_of(&rollout.operation)),
        ];
        let mut item = encode(&rollout.key(), places, rollout)?;
        item.insert(EXPIRES_AT.to_owned(), expiry(Timestamp::now(), KEPT));
        let writes = vec![Write::Put(item, Condition::Always)];
        match self.write("keep the token of a rollout", writes).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(Error::Conflict {
                what: format!("the rollout {}", rollout.deployment),
            }),
        }
    }

    /// The step that waits for this deployment.
    pub async fn rollout(&self, service: &str, deployment: &str) -> Result<Option<Rollout>, Error> {
        self.get(&Key::rollout(service, deployment)).await
    }

    /// The rollouts that an operation waits for; one of this moment may be missing.
    pub async fn rollouts(&self, operation: &OperationId) -> Result<Vec<Rollout>, Error> {
        let query = Query::of_index(Index::Collection, table::rollouts_of(operation));
        Ok(self.indexed_page(&query, PAGE, None).await?.items)
    }

    /// Forgets a step whose token was answered. Reading and forgetting are two calls, so that an answer that did not reach Step
    /// Functions can be sent again; a token that a repeated step has put in its place since stays.
    pub async fn forget_rollout(&self, rollout: &Rollout) -> Result<(), Error> {
        let condition = Condition::Text("token", rollout.token.clone());
        let writes = vec![Write::Delete(rollout.key(), condition)];
        match self.write("forget a rollout", writes).await? {
            Written::Yes | Written::Conflict => Ok(()),
        }
    }
}

impl Rollout {
    fn key(&self) -> Key {
        Key::rollout(&self.service, &self.deployment)
    }
}
