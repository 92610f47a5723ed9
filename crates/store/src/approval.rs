//! The decision about a plan: recorded, and delivered to the state `Wait for approval`.
//!
//! Three deliver it: the API that recorded it, an attempt of the state that finds it on the record, and the sweeper, for an API
//! that died in between.

use std::time::Duration;

use aws_sdk_sfn::Client;
use jiff::Timestamp;
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::id::OperationId;
use slipway_model::name::Digest;
use slipway_model::operation::approval::{Approver, Decision, Undecidable};
use slipway_model::operation::{Failure, Operation};
use tokio::time::Instant;

use crate::operation::{conflict, next_revision};
use crate::task_token::{self, Answer, AnswerError};
use crate::watch;
use crate::write::{ATTEMPTS, Written, pause};
use crate::{Error, Store};

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

impl Store {
    /// The plan waits for a decision; `token` is the task token that it answers. Where there is a decision already, it is
    /// still to be delivered with this token.
    pub async fn ask_approval(&self, id: &OperationId, token: &str) -> Result<Operation, Error> {
        let now = Timestamp::now();
        self.update_operation(id, |operation| Ok(operation.ask_approval(token, now)?))
            .await
    }

    /// Records that a reminder of the approval is due, which notifies its approvers; whether it was.
    pub async fn remind_approvers(&self, read: &Operation, now: Timestamp) -> Result<bool, Error> {
        if read.reminders_due(now).is_none() {
            return Ok(false);
        }
        let remind = |operation: &mut Operation| {
            // It may have been decided since.
            operation.reminders = operation.reminders_due(now).unwrap_or(operation.reminders);
            Ok(())
        };
        let reminded = self.update_known_operation(read.clone(), remind).await?;
        Ok(reminded.reminders > read.reminders)
    }

    /// Records an approval; the last one that the plan takes is still to be delivered.
    pub async fn approve<'a>(&self, id: &OperationId, by: impl Into<Approver<'a>>) -> Result<Operation, Error> {
        let by = by.into();
        let after = json!({"sheet": by.sheet.map(Digest::as_str)});
        let entry = |operation: &Operation| {
            Entry::new(by.name, Action::Approve, format!("stack/{}", operation.stack))
                .of_operation(id)
                .because(by.comment)
                .with_change(None, Some(after.clone()), |_| false)
        };
        self.decide(id, entry, |operation, now| operation.approve(by, now))
            .await
    }

    /// Records a rejection, which is still to be delivered.
    pub async fn reject(&self, id: &OperationId, by: &str, failure: &Failure) -> Result<Operation, Error> {
        let entry = |operation: &Operation| {
            Entry::new(by, Action::Reject, format!("stack/{}", operation.stack))
                .of_operation(id)
                .because(Some(&failure.message))
        };
        self.decide(id, entry, |operation, now| operation.reject(failure, now))
            .await
    }

    /// Records a decision under the revision that was read, so that of two at once the second one meets the first.
    async fn decide(
        &self,
        id: &OperationId,
        entry: impl Fn(&Operation) -> Entry,
        decide: impl Fn(&mut Operation, Timestamp) -> Result<(), Undecidable>,
    ) -> Result<Operation, Error> {
        for attempt in 0..ATTEMPTS {
            let read = self.operation(id).await?;
            let mut operation = read.clone();
            let now = Timestamp::now();
            decide(&mut operation, now)?;
            if operation == read {
                return Ok(operation);
            }
            let mut writes = next_revision(&mut operation)?;
            writes.extend(self.audit_writes(entry(&operation), now).await?);
            if self.write("record a decision", writes).await? == Written::Yes {
                watch::changed(id);
                return Ok(operation);
            }
            pause(attempt).await;
        }
        Err(conflict(id))
    }
}

/// Delivers the decision on the record, if there is one. `Pending` where the state was retried and its next attempt has not
/// written its token yet.
pub async fn deliver(store: &Store, sfn: &Client, operation: &Operation) -> Result<Delivery, AnswerError> {
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
    let delivered = store.update_operation(&operation.id, delivered).await;
    delivered.map(Delivery::Delivered).map_err(AnswerError::Record)
}

/// Delivers the decision, also to an attempt that writes its token within this time.
pub async fn deliver_within(
    store: &Store,
    sfn: &Client,
    mut operation: Operation,
    time: Duration,
) -> Result<Delivery, AnswerError> {
    let deadline = Instant::now() + time;
    loop {
        match deliver(store, sfn, &operation).await? {
            Delivery::Pending => {}
            elsewhere => return Ok(elsewhere),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let changed = store.operation_changed(&operation.id, operation.revision, left).await;
        let changed = changed.map_err(AnswerError::Record)?;
        if changed.status.has_ended() {
            return Ok(Delivery::Ended(changed));
        }
        if changed.revision == operation.revision {
            return Ok(Delivery::Pending);
        }
        operation = changed;
    }
}
