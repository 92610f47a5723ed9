//! The step that waits for a progressive rollout is woken: by the events of ECS, and by decisions at its pauses.

use aws_sdk_sfn::Client;
use slipway_model::operation::Operation;
use slipway_store::Store;
use slipway_store::pause::PROGRESSIVE;
use slipway_store::rollout::Rollout;

use crate::Error;
use crate::task_token::{self, Answer};

/// The error with which a step that waits for a rollout is woken: the workflow runs it again.
pub const CHECK_AGAIN: &str = "Slipway.CheckAgain";

/// Wakes the step that waits for a progressive rollout of this service, if one does.
pub async fn wake(store: &Store, sfn: &Client, service: &str) -> Result<Option<Rollout>, Error> {
    let waiting = store.rollout(service, PROGRESSIVE).await?;
    let Some(rollout) = waiting else { return Ok(None) };
    // With a stale token, the step is being run again, and checks.
    let (Answer::Accepted | Answer::Stale) =
        task_token::fail(sfn, &rollout.token, CHECK_AGAIN, "the rollout has changed").await?;
    Ok(Some(rollout))
}

/// Wakes the steps whose rollouts were decided about.
pub async fn deliver_pauses(store: &Store, sfn: &Client, operation: &Operation) -> Result<(), Error> {
    for rollout in operation.rollouts.iter().filter(|rollout| rollout.pause.is_some()) {
        wake(store, sfn, &rollout.arn).await?;
    }
    Ok(())
}
