//! The decision about a plan, as it is recorded. `slipway-control` delivers it to the workflow.

use jiff::Timestamp;
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::id::OperationId;
use slipway_model::name::Digest;
use slipway_model::operation::approval::{Approver, Rejection, Undecidable};
use slipway_model::operation::{Failure, Operation};

use crate::error::IllegalTransition;
use crate::judged::Judged;
use crate::operation::{conflict, next_revision};
use crate::stack::next_stack_revision;
use crate::watch;
use crate::write::{ATTEMPTS, Written, pause};
use crate::{Error, Store};

impl Store {
    /// The plan waits for a decision; `token` is the task token that it answers. Where there is a decision already, it is
    /// still to be delivered with this token.
    ///
    /// While the plan of an update waits, others may run beside it ([`Store::fill_beside`]).
    pub async fn ask_approval(&self, id: &OperationId, token: &str) -> Result<Operation, Error> {
        for attempt in 0..ATTEMPTS {
            let (read, mut stack) = self.operation_and_stack(id, None).await?;
            let mut operation = read.clone();
            let now = Timestamp::now();
            operation.ask_approval(token, now).map_err(IllegalTransition::from)?;
            if operation == read {
                return Ok(operation);
            }
            let mut writes = next_revision(&mut operation)?;
            // A repeated step leaves the place as it is.
            if operation.status != read.status && operation.open_beside(&mut stack) {
                writes.extend(next_stack_revision(&mut stack, now)?);
            }
            if self.write("ask for an approval", writes).await? == Written::Yes {
                watch::changed(id);
                return Ok(operation);
            }
            pause(attempt).await;
        }
        Err(conflict(id))
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

    /// Records an approval that the caller has judged by the operation that it read: `None` where that has changed since, or what runs
    /// beside it. The last approval that the plan takes is still to be delivered. Nothing begins beside a plan that has an approval.
    pub async fn try_approve(&self, read: &Operation, by: Approver<'_>) -> Result<Option<Operation>, Error> {
        let now = Timestamp::now();
        let mut operation = read.clone();
        operation.approve(by, now)?;
        if operation == *read {
            return Ok(Some(operation));
        }
        let mut stack = self.stack(&operation.stack).await?;
        let mut writes = Vec::new();
        match stack.close_beside(now) {
            Ok(false) => {}
            Ok(true) => writes.extend(next_stack_revision(&mut stack, now)?),
            Err(runs_beside) => {
                let kept = next_stack_revision(&mut stack, now)?;
                return match self.write("keep the place beside a plan", kept).await? {
                    Written::Yes => Err(runs_beside.into()),
                    Written::Conflict => Ok(None),
                };
            }
        }
        writes.extend(next_revision(&mut operation)?);
        let entry = Entry::new(by.name, Action::Approve, format!("stack/{}", operation.stack))
            .of_operation(&operation.id)
            .because(by.comment)
            .with_change(None, Some(json!({"sheet": by.sheet.map(Digest::as_str)})), |_| false);
        writes.extend(self.audit_writes(entry, now).await?);
        match self.write("record an approval", writes).await? {
            Written::Yes => {
                watch::changed(&operation.id);
                Ok(Some(operation))
            }
            Written::Conflict => Ok(None),
        }
    }

    /// Records a rejection, which is still to be delivered. A conflict if the stack has another owner than that of the record `judged`.
    pub async fn reject(
        &self,
        judged: impl Into<Judged<'_>>,
        rejection: impl Into<Rejection>,
        failure: &Failure,
    ) -> Result<Operation, Error> {
        let (judged, rejection) = (judged.into(), rejection.into());
        let sheet = rejection.sheet.as_ref().map(|sheet| json!({"sheet": sheet.as_str()}));
        let entry = |operation: &Operation| {
            Entry::new(&rejection.by, Action::Reject, format!("stack/{}", operation.stack))
                .of_operation(&operation.id)
                .because(Some(&failure.message))
                .with_change(None, sheet.clone(), |_| false)
        };
        let reject = |operation: &mut Operation, now: Timestamp| {
            let is_repeated = operation.rejected;
            operation.reject(failure, now)?;
            if !is_repeated {
                operation.rejection = Some(rejection.clone());
            }
            Ok::<_, Undecidable>(())
        };
        self.decide(judged, entry, reject).await
    }

    /// Records a decision under the revision that was read, so that of two at once the second one meets the first, and one that policies
    /// permitted for the former owner of the stack is not written.
    pub(crate) async fn decide<E>(
        &self,
        judged: Judged<'_>,
        entry: impl Fn(&Operation) -> Entry,
        decide: impl Fn(&mut Operation, Timestamp) -> Result<(), E>,
    ) -> Result<Operation, Error>
    where
        Error: From<E>,
    {
        let id = judged.id();
        for attempt in 0..ATTEMPTS {
            let read = self.operation(id).await?;
            if !judged.has_owner_of(&read) {
                break;
            }
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
