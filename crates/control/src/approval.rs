//! The decision about a plan, delivered to the state `Wait for approval`.
//!
//! Three deliver it: the API that recorded it, an attempt of the state that finds it on the record, and the sweeper, for an API
//! that died in between.

use std::time::Duration;

use aws_sdk_sfn::Client;
use serde_json::json;
use slipway_model::operation::Operation;
use slipway_model::operation::approval::Decision;
use slipway_store::Store;
use tokio::time::Instant;

use crate::Error;
use crate::task_token::{self, Answer};

/// Where a decision is.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// The workflow goes on with it.
    Delivered(Operation),
    /// The operation ended before the workflow had it.
    Ended(Operation),
    /// It is on the record, and an attempt that is about to run will find it there.
    Pending,
}

/// Delivers the decision on the record, if there is one. `Pending` where the state was retried and its next attempt has not
/// written its token yet.
pub async fn deliver(store: &Store, sfn: &Client, operation: &Operation) -> Result<Delivery, Error> {
    let Some((token, decision)) = operation.undelivered_decision() else {
        return Ok(Delivery::Delivered(operation.clone()));
    };
    let answer = match decision {
        Decision::Approved(by) => {
            let output = json!({ "approved_by": by }).to_string();
            task_token::succeed(sfn, token, &output).await?
        }
        Decision::Rejected(failure) => task_token::fail_with(sfn, token, failure).await?,
    };
    if answer == Answer::Stale {
        return Ok(Delivery::Pending);
    }
    let delivered = |operation: &mut Operation| {
        operation.decision_delivered(token);
        Ok(())
    };
    let delivered = store.update_operation(&operation.id, delivered).await?;
    Ok(Delivery::Delivered(delivered))
}

/// Delivers the decision, also to an attempt that writes its token within this time.
pub async fn deliver_within(
    store: &Store,
    sfn: &Client,
    mut operation: Operation,
    time: Duration,
) -> Result<Delivery, Error> {
    let deadline = Instant::now() + time;
    loop {
        match deliver(store, sfn, &operation).await? {
            Delivery::Pending => {}
            elsewhere => return Ok(elsewhere),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let changed = store.operation_changed(&operation.id, operation.revision, left).await?;
        if changed.status.has_ended() {
            return Ok(Delivery::Ended(changed));
        }
        if changed.revision == operation.revision {
            return Ok(Delivery::Pending);
        }
        operation = changed;
    }
}
