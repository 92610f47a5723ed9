//! Cancelling an operation, and what its runner sees of that.

use jiff::Timestamp;
use serde::Deserialize;
use slipway_model::audit::{Action, Entry};
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::{Cancel, CancelRequest, Interruption};
use slipway_model::operation::{Operation, OperationStatus};

use crate::finish::{End, Finished};
use crate::item::{decode, key_attributes};
use crate::judged::Judged;
use crate::operation::{conflict, next_revision};
use crate::table::Key;
use crate::watch;
use crate::write::{ATTEMPTS, Written, aws, pause};
use crate::{Error, Store};

/// What a cancel came to.
#[derive(Debug, Clone)]
pub enum Cancelled {
    /// A cancel has ended the operation's record, now or before; its execution may still run.
    Ended(Box<Finished>),
    /// It had ended otherwise.
    EndedBefore(Operation),
    /// A build is at work: its runner was asked, or had been before.
    Requested(Operation),
    /// Nothing was written: it takes this, and the operation is as it was read.
    Takes(Cancel, Operation),
}

/// The part of an operation's record that a runner polls.
#[derive(Debug, Deserialize)]
struct Polled {
    status: OperationStatus,
    #[serde(default)]
    cancel: Option<CancelRequest>,
}

impl Store {
    /// Cancels an operation as far as its record does that. What is decided holds for the revision that is written: a runner
    /// that begins or ends its step at the same time comes before that or after it. A conflict as for [`Store::reject`].
    pub async fn cancel_operation(&self, judged: impl Into<Judged<'_>>, requester: &str) -> Result<Cancelled, Error> {
        let judged = judged.into();
        let id = judged.id();
        for attempt in 0..ATTEMPTS {
            let mut operation = self.operation(id).await?;
            if !judged.has_owner_of(&operation) {
                break;
            }
            if operation.was_cancelled() {
                return Ok(Cancelled::Ended(Box::new(self.finished(operation, None).await?)));
            }
            if operation.status.has_ended() {
                return Ok(Cancelled::EndedBefore(operation));
            }
            let entry = cancel_entry(&operation, requester);
            let written = match operation.cancelling() {
                Cancel::End => {
                    let end = End::Cancelled(operation.cancelled_now(requester));
                    match Box::pin(self.end_now(operation, None, &end, Some(&entry))).await? {
                        Some(finished) => return Ok(Cancelled::Ended(Box::new(finished))),
                        None => Written::Conflict,
                    }
                }
                Cancel::Request => {
                    if operation.cancel.is_some() {
                        return Ok(Cancelled::Requested(operation));
                    }
                    let now = Timestamp::now();
                    operation.request_interruption(requester, now);
                    let mut writes = next_revision(&mut operation)?;
                    writes.extend(self.audit_writes(entry, now).await?);
                    let written = self.write("request a cancel", writes).await?;
                    if written == Written::Yes {
                        watch::changed(id);
                        return Ok(Cancelled::Requested(operation));
                    }
                    written
                }
                takes => return Ok(Cancelled::Takes(takes, operation)),
            };
            if written == Written::Conflict {
                pause(attempt).await;
            }
        }
        Err(conflict(id))
    }

    /// What a runner that is at work has to stop for. This is read every few seconds: the read is an eventually consistent one,
    /// at half the price, and what it misses the next one sees.
    pub async fn interruption(&self, id: &OperationId) -> Result<Option<Interruption>, Error> {
        let key = Key::operation(id);
        let request = self.client.get_item().table_name(&self.table);
        let request = request
            .set_key(Some(key_attributes(&key)))
            .projection_expression("#status, cancel")
            .expression_attribute_names("#status", "status");
        let answer = Box::pin(request.send()).await;
        let answer = answer.map_err(|error| aws("poll an operation", error))?;
        let item = answer.item.ok_or_else(|| Error::NotFound {
            what: format!("operation {id}"),
        })?;
        let polled: Polled = decode(&key, item)?;
        Ok(Interruption::of(polled.status, polled.cancel.as_ref()))
    }

    /// The runner has read the request to cancel.
    pub async fn acknowledge_cancel(&self, id: &OperationId) -> Result<Operation, Error> {
        let now = Timestamp::now();
        self.update_operation(id, |operation| {
            if !operation.status.has_ended() {
                operation.acknowledge_cancel(now);
            }
            Ok(())
        })
        .await
    }
}

/// What the audit log says of a cancel.
pub fn cancel_entry(operation: &Operation, requester: &str) -> Entry {
    Entry::new(requester, Action::Cancel, format!("stack/{}", operation.stack)).of_operation(&operation.id)
}
