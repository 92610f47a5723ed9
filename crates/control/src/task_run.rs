//! Steps of the workflow that wait for a one-off task of ECS, and how they are answered.
//!
//! Two answer them: `run_task`, which checks the task once its ARN is on the record, and `events`, when ECS says that it stopped.

use aws_sdk_sfn::Client;
use serde_json::json;
use slipway_model::id::OperationId;
use slipway_store::{Error as StoreError, Store};

use crate::{Error, task_token};

/// What the workflow gets as the error of a task that did not end in time.
pub const TIMED_OUT: &str = "States.Timeout";

/// The output of a step whose task has ended, or has been stopped because of an `error`.
pub fn output(task: &str, error: Option<&str>) -> String {
    json!({"task": task, "error": error.unwrap_or_default()}).to_string()
}

/// Answers the step of the operation that waits for this task, and returns whether one did. Idempotent. A task that is not on
/// the record is ignored, because `startedBy` is free text of the caller of `RunTask`.
pub async fn stopped(store: &Store, sfn: &Client, operation: &OperationId, task: &str) -> Result<bool, Error> {
    let known = match store.operation(operation).await {
        Ok(known) => known,
        Err(StoreError::NotFound { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let run = known.running_task().filter(|run| run.task.as_deref() == Some(task));
    let Some(token) = run.and_then(|run| run.token.as_deref()) else {
        return Ok(false);
    };
    // With a stale token the step is retried, and sees itself that the task has stopped.
    task_token::succeed(sfn, token, &output(task, None)).await.map(drop)?;
    Ok(true)
}
