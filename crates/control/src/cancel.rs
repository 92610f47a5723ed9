//! Cancelling an operation: its record, and what is at work for it.

use aws_sdk_sfn::Client;
use slipway_model::error_chain::chain;
use slipway_model::error_name::ErrorName;
use slipway_model::operation::cancel::{Cancel, cancelled_by};
use slipway_model::operation::{Operation, OperationStatus};
use slipway_store::Store;
use slipway_store::cancel::{Cancelled, cancel_entry};
use slipway_store::finish::{End, Finished};

use crate::start::{execution_arn, start_or_leave};
use crate::{Error, rollout};

/// What a request to cancel came to.
#[derive(Debug)]
pub enum Outcome {
    /// The operation has ended as cancelled, or ends so once its build or its rollout has ended.
    Accepted(Operation),
    /// It had ended otherwise.
    EndedBefore(Operation),
    /// It is between two steps of its release. Stopping it there could leave some services on the new images and some on the old.
    BetweenTwoSteps(Operation),
}

impl Outcome {
    /// What the record says of a cancel. Of several that come at the same time, and of one that is repeated, each has the same outcome.
    fn of(operation: Operation) -> Self {
        if operation.cancel_requested().is_some() || operation.was_cancelled() {
            Self::Accepted(operation)
        } else if operation.status.has_ended() {
            Self::EndedBefore(operation)
        } else {
            Self::BetweenTwoSteps(operation)
        }
    }
}

/// Cancels an operation, and starts the next one of its stack.
pub async fn cancel(
    store: &Store,
    sfn: &Client,
    state_machine: &str,
    operation: &Operation,
    requester: &str,
) -> Result<Outcome, Error> {
    let hand_over = async |finished: Finished| {
        if let Some(next) = &finished.next {
            start_or_leave(sfn, state_machine, next).await;
        }
        finished.operation
    };
    let stop_execution = async |operation: &Operation| {
        let execution = execution_arn(state_machine, &operation.id);
        let cause = operation.failure.as_ref().map(|failure| failure.message.as_str());
        stop(sfn, &execution, ErrorName::Cancelled.as_str(), cause).await
    };
    match store.cancel_operation(operation, requester).await? {
        Cancelled::Requested(operation) => Ok(Outcome::Accepted(operation)),
        Cancelled::EndedBefore(operation) => Ok(Outcome::EndedBefore(operation)),
        Cancelled::Ended(finished) => {
            // A cancel that is repeated has nothing to stop, or what the first one could not.
            if operation.status != OperationStatus::Queued
                && let Err(error) = stop_execution(&finished.operation).await
            {
                let error = chain(&error);
                tracing::warn!(operation = %operation.id, error, "its execution goes on, to a build that does nothing or a timeout");
            }
            Ok(Outcome::Accepted(hand_over(*finished).await))
        }
        Cancelled::Takes(Cancel::Unwind, operation) => {
            store.record_audit(&cancel_entry(&operation, requester)).await?;
            // The workflow stops the command or restores the services, and ends the operation.
            let failure = cancelled_by(requester, operation.running_step().unwrap_or_default(), None);
            match Box::pin(rollout::cancel(store, sfn, &operation.id, &failure)).await? {
                Some(noted) => Ok(Outcome::Accepted(noted)),
                // The step has ended, perhaps by a cancel that came just before.
                None => Ok(Outcome::of(store.operation(&operation.id).await?)),
            }
        }
        Cancelled::Takes(Cancel::Stop, operation) => {
            store.record_audit(&cancel_entry(&operation, requester)).await?;
            let failure = cancelled_by(requester, operation.running_step().unwrap_or_default(), None);
            let operation = Operation {
                failure: Some(failure.clone()),
                ..operation
            };
            stop_execution(&operation).await?;
            let finished = store.finish_operation(&operation.id, &End::Cancelled(failure)).await?;
            // Its last state may have been faster.
            Ok(Outcome::of(hand_over(finished).await))
        }
        Cancelled::Takes(Cancel::End | Cancel::Request | Cancel::NotNow, operation) => Ok(Outcome::of(operation)),
    }
}

/// Stops an execution. One that never started is kept from it by the operation's record.
pub async fn stop(sfn: &Client, execution: &str, error: &str, cause: Option<&str>) -> Result<(), Error> {
    let stop = sfn.stop_execution().execution_arn(execution).error(error);
    match stop
        .set_cause(cause.map(str::to_owned))
        .send()
        .await
        .map_err(aws_sdk_sfn::Error::from)
    {
        Ok(_) | Err(aws_sdk_sfn::Error::ExecutionDoesNotExist(_)) => Ok(()),
        Err(error) => Err(Error::Stop(Box::new(error))),
    }
}
