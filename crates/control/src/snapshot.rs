//! The step of the workflow that waits for the snapshot of a database, and its answer.
//!
//! Two functions answer it: `events`, when RDS reports the end of the snapshot, and `await_snapshot`, which checks the record and
//! RDS itself. Both write what they know to the operation's record, so their order does not matter.

use jiff::Timestamp;
use slipway_model::account::AccountId;
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::WAIT_FOR_SNAPSHOT;
use slipway_model::operation::{Operation, Snapshot, StepStatus};
use slipway_store::{Error as StoreError, Store};

use crate::{Error, task_token};

/// Records that the snapshot of an operation exists, and answers the step that waits for it, if there is one. Idempotent. Snapshots
/// of other operations, and earlier ones of this, are ignored. `account` is the sender's, none means Slipway's own: in another
/// account, someone could give a snapshot the same name.
pub async fn taken(
    store: &Store,
    sfn: &aws_sdk_sfn::Client,
    operation: &OperationId,
    snapshot: &str,
    account: Option<&AccountId>,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let is_meant = |own: &Snapshot| own.id == snapshot && own.account.as_ref() == account;
    let change = |operation: &mut Operation| {
        let own = operation.snapshot.as_mut().filter(|own| is_meant(own));
        let Some(own) = own.filter(|_| !operation.status.has_ended()) else {
            return Ok(());
        };
        own.taken_at.get_or_insert(now);
        if own.token.is_none() {
            return Ok(());
        }
        let next = own.next.clone();
        operation.end_step(WAIT_FOR_SNAPSHOT, StepStatus::Succeeded, now);
        // Said again later, it runs no more.
        if let Some(next) = next.filter(|next| operation.steps.iter().all(|step| step.name != *next)) {
            operation.begin_step(&next, now);
        }
        Ok(())
    };
    let updated = match store.update_operation(operation, change).await {
        Ok(updated) => updated,
        Err(StoreError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let own = updated.snapshot.filter(is_meant);
    match own.and_then(|own| own.token) {
        // With a stale token the step is retried, and finds on the record that the snapshot is there.
        Some(token) => task_token::succeed(sfn, &token, "{}").await.map(drop),
        None => Ok(()),
    }
}
