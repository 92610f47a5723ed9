//! The decision about a plan, as it is recorded. `slipway-control` delivers it to the workflow.

use jiff::Timestamp;
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::id::OperationId;
use slipway_model::name::Digest;
use slipway_model::operation::approval::Approver;
use slipway_model::operation::{Failure, Operation};

use crate::operation::{conflict, next_revision};
use crate::watch;
use crate::write::{ATTEMPTS, Written, pause};
use crate::{Error, Store};

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
    pub(crate) async fn decide<E>(
        &self,
        id: &OperationId,
        entry: impl Fn(&Operation) -> Entry,
        decide: impl Fn(&mut Operation, Timestamp) -> Result<(), E>,
    ) -> Result<Operation, Error>
    where
        Error: From<E>,
    {
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
