//! Steps of the workflow that wait for an ECS deployment to end, and how they are told.
//!
//! Two tell them: `await_rollout`, which looks once after it has kept the token, and `events`, when ECS says so.

use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::operation::send_task_failure::SendTaskFailureError;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessError;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use slipway_model::error_name::ErrorName;
use slipway_model::id::OperationId;
use slipway_model::operation::calling_off::WAIT_UNTIL_STABLE;
use slipway_model::operation::{Failure, Operation, StepStatus};

use crate::idempotency::expiry;
use crate::item::encode;
use crate::list::{PAGE, Query};
use crate::table::{self, EXPIRES_AT, Index, Key, LISTED};
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
    /// Somebody called the operation off: who, in a sentence.
    CalledOff(String),
}

/// The error that the workflow gets when a rollout failed.
pub const FAILED: &str = ErrorName::RolloutFailed.as_str();
/// The error that it gets when the operation was called off.
pub const CALLED_OFF: &str = ErrorName::Cancelled.as_str();

/// Why a step could not be told.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// Step Functions did not take the answer.
    #[error("Step Functions did not take the answer to the step that waits")]
    Answer(#[source] Box<aws_sdk_sfn::Error>),
    /// The table could not record the end.
    #[error("the end of what a step waits for could not be recorded")]
    Record(#[source] Error),
}

/// Tells a step that its rollout has ended, and forgets it. Telling it again is harmless.
pub async fn end(store: &Store, sfn: &aws_sdk_sfn::Client, rollout: &Rollout, ended: &Ended) -> Result<(), EndError> {
    // Recorded first: once the workflow goes on, its next steps write the operation too.
    let status = match ended {
        Ended::Completed => StepStatus::Succeeded,
        Ended::Failed(_) => StepStatus::Failed,
        Ended::CalledOff(_) => StepStatus::Cancelled,
    };
    match store.end_step(&rollout.operation, &rollout.step, status).await {
        // A record that is gone needs no end; whoever waits still wants to be told.
        Ok(_) | Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(EndError::Record(error)),
    }
    match ended {
        Ended::Completed => succeed(sfn, &rollout.token).await?,
        Ended::Failed(reason) => fail(sfn, &rollout.token, FAILED, reason).await?,
        Ended::CalledOff(reason) => fail(sfn, &rollout.token, CALLED_OFF, reason).await?,
    }
    store.forget_rollout(rollout).await.map_err(EndError::Record)
}

/// Ends the rollouts by which an operation's services get its release: the workflow puts the services back, and ends the
/// operation as called off for this reason. `None` where no rollout is waited for; then nothing was done.
pub async fn call_off(
    store: &Store,
    sfn: &aws_sdk_sfn::Client,
    operation: &OperationId,
    failure: &Failure,
) -> Result<Option<Operation>, EndError> {
    let mut rollouts = store.rollouts(operation).await.map_err(EndError::Record)?;
    rollouts.retain(|rollout| rollout.step.starts_with(WAIT_UNTIL_STABLE));
    if rollouts.is_empty() {
        return Ok(None);
    }
    let note = |operation: &mut Operation| {
        operation.failure = Some(failure.clone());
        Ok(())
    };
    // Before the workflow hears of it: its last step finds here what was said.
    let noted = store
        .update_operation(operation, note)
        .await
        .map_err(EndError::Record)?;
    let called_off = Ended::CalledOff(failure.message.clone());
    for rollout in &rollouts {
        end(store, sfn, rollout, &called_off).await?;
    }
    Ok(Some(noted))
}

pub(crate) async fn succeed(sfn: &aws_sdk_sfn::Client, token: &str) -> Result<(), EndError> {
    let answer = sfn.send_task_success().task_token(token).output("{}").send().await;
    answer.map(drop).or_else(|error| match error.as_service_error() {
        Some(
            SendTaskSuccessError::TaskTimedOut(_)
            | SendTaskSuccessError::TaskDoesNotExist(_)
            | SendTaskSuccessError::InvalidToken(_),
        ) => Ok(()),
        _ => Err(unanswered(error)),
    })
}

async fn fail(sfn: &aws_sdk_sfn::Client, token: &str, error: &str, reason: &str) -> Result<(), EndError> {
    let request = sfn.send_task_failure().task_token(token).error(error);
    let answer = request.cause(reason).send().await;
    answer.map(drop).or_else(|error| match error.as_service_error() {
        Some(
            SendTaskFailureError::TaskTimedOut(_)
            | SendTaskFailureError::TaskDoesNotExist(_)
            | SendTaskFailureError::InvalidToken(_),
        ) => Ok(()),
        _ => Err(unanswered(error)),
    })
}

/// The step still waits. Where it does not (it timed out, or was answered by the other one), there is nothing left to say.
fn unanswered<E>(error: SdkError<E>) -> EndError
where
    aws_sdk_sfn::Error: From<SdkError<E>>,
{
    EndError::Answer(Box::new(error.into()))
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
