//! An operation ends, and the next one gets the slot.

use jiff::Timestamp;
use slipway_model::audit::Entry;
use slipway_model::error_chain::chain;
use slipway_model::error_name::ErrorName;
use slipway_model::id::OperationId;
use slipway_model::operation::{Failure, Operation, OperationKind, OperationStatus};
use slipway_model::release::{Release, ReleaseEvent, ReleaseStatus};
use slipway_model::secret::Secrets;
use slipway_model::stack::beside::Place;
use slipway_model::stack::{Stack, StackStatus};

use crate::error::IllegalTransition;
use crate::fit::fit_end;
use crate::operation::{as_read, conflict, dequeue, next_revision};
use crate::release::release_write;
use crate::stack::{QueuePlace, next_stack_revision};
use crate::subscription::subscription_writes;
use crate::table::Key;
use crate::watch;
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Error, Store};

use self::end::{end_operation, end_stack, note_drift, pass_slot};

mod end;

pub use self::end::End;

/// The reason of a failure whose secrets are not known.
const UNREADABLE: &str = "The reason is hidden, because the secrets of the stack could not be read";

/// Hides secrets in why an operation did not succeed. If they could not be read, nothing says what the text must not show, and it is left
/// out.
pub fn hide_in_failure<E>(failure: &mut Failure, operation: &OperationId, secrets: Result<Secrets, E>)
where
    E: std::error::Error + 'static,
{
    match secrets {
        Ok(secrets) => secrets.hide_in_failure(failure),
        Err(error) => {
            tracing::error!(%operation, error = chain(&error), "the reason of a failure is hidden");
            UNREADABLE.clone_into(&mut failure.message);
            failure.address = None;
        }
    }
}

/// An operation that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The operation as it is stored: where it had ended before, as it ended then.
    pub operation: Operation,
    /// The operation that is in progress now and is still to be started.
    pub next: Option<Operation>,
}

impl Store {
    /// Ends an operation: its own end, the stack's status, the release's, and the slot, in one transaction.
    ///
    /// Repeating it, also with another end, changes nothing and returns the same.
    pub async fn finish_operation(&self, id: &OperationId, end: &End) -> Result<Finished, Error> {
        let read = self.operation(id).await?;
        Box::pin(self.finish_known_operation(read, None, end)).await
    }

    /// [`Store::finish_operation`] for a caller that has read the operation, and perhaps its stack: they are read again only where they
    /// have changed since.
    pub async fn finish_known_operation(
        &self,
        known: Operation,
        stack: Option<Stack>,
        end: &End,
    ) -> Result<Finished, Error> {
        let id = known.id.clone();
        let mut known = Some((known, stack));
        for attempt in 0..ATTEMPTS {
            let (operation, stack) = match known.take() {
                Some(known) => known,
                None => (self.operation(&id).await?, None),
            };
            if operation.status.has_ended() {
                return Box::pin(self.finished(operation, stack)).await;
            }
            if let Some(finished) = Box::pin(self.end_now(operation, stack, end, None)).await? {
                return Ok(finished);
            }
            pause(attempt).await;
        }
        Err(conflict(&id))
    }

    /// Ends an operation, under the revision that was read; `None` where it has changed since.
    pub(crate) async fn end_now(
        &self,
        operation: Operation,
        stack: Option<Stack>,
        end: &End,
        entry: Option<&Entry>,
    ) -> Result<Option<Finished>, Error> {
        if operation.status != OperationStatus::Queued {
            return Box::pin(self.leave_place(operation, stack, end, entry)).await;
        }
        let id = operation.id.clone();
        match self.leave_queue(operation, end, entry).await? {
            Written::Yes => Ok(Some(self.finished(self.operation(&id).await?, None).await?)),
            Written::Conflict => Ok(None),
        }
    }

    async fn known_or_read(&self, known: Option<Stack>, operation: &Operation) -> Result<Stack, Error> {
        match known {
            Some(known) => Ok(known),
            None => self.stack(&operation.stack).await,
        }
    }

    /// What follows from an operation that has ended.
    pub(crate) async fn finished(&self, operation: Operation, stack: Option<Stack>) -> Result<Finished, Error> {
        let stack = self.known_or_read(stack, &operation).await?;
        if stack.status == StackStatus::Destroyed {
            self.empty_queue(&stack).await?;
        }
        let next = Box::pin(self.yet_to_start(&stack)).await?;
        Ok(Finished { operation, next })
    }

    /// The operation of a stack that is in progress and was not started; beside a plan that waits, the next in the queue may begin.
    async fn yet_to_start(&self, stack: &Stack) -> Result<Option<Operation>, Error> {
        if stack.beside.is_some() {
            return match Box::pin(self.fill_beside(&stack.id)).await {
                // The end is written. The sweeper fills the place.
                Err(Error::Conflict { .. }) => Ok(None),
                filled => filled,
            };
        }
        let Some(id) = &stack.active_operation else {
            return Ok(None);
        };
        Ok(Some(self.operation(id).await?).filter(|next| next.status == OperationStatus::Starting))
    }

    /// Ends an operation in progress, in the place that it has.
    async fn leave_place(
        &self,
        mut operation: Operation,
        known: Option<Stack>,
        end: &End,
        entry: Option<&Entry>,
    ) -> Result<Option<Finished>, Error> {
        let is_fresh = known.is_none();
        let mut stack = self.known_or_read(known, &operation).await?;
        let place = match stack.place(&operation.id) {
            None if is_fresh => self.lost_place(&operation, &mut stack).await?,
            place => place,
        };
        let Some(place) = place else {
            // It ended between the two reads, or began.
            return Ok(None);
        };
        let now = Timestamp::now();
        end_operation(&mut operation, end, now)?;
        self.hide_in_failure(&mut operation).await;
        let id = operation.id.clone();
        let other = self.other_in_progress(&stack, &id).await?;
        let left = match (place, other) {
            (Place::Slot, beside) => Box::pin(self.leave_slot(&mut operation, beside, &mut stack, end, now)).await?,
            (Place::Beside, Some(waits)) => {
                Some(Box::pin(self.leave_beside(&mut operation, waits, &mut stack, end, now)).await?)
            }
            // It lost its place, and the stack was destroyed since.
            (Place::Beside, None) => Some(Vec::new()),
        };
        let Some(mut writes) = left else {
            return Ok(None);
        };
        fit_end(&mut operation, Some(&mut stack))?;
        writes.extend(next_revision(&mut operation)?);
        writes.extend(next_stack_revision(&mut stack, now)?);
        if let Some(entry) = entry {
            writes.extend(self.audit_writes(entry.clone(), now).await?);
        }
        if self.write("end an operation", writes).await? == Written::Conflict {
            return Ok(None);
        }
        watch::changed(&id);
        stack.in_progress().for_each(watch::changed);
        Ok(Some(Box::pin(self.finished(operation, Some(stack))).await?))
    }

    /// The place of an operation that has none on the record of its stack as it was read after the operation: none if it has ended since.
    /// If it has not, functions of an earlier version have written the stack, which drops the place beside a plan. It ends as if it had it
    /// still; if nothing has the slot by now, as if it had that.
    async fn lost_place(&self, operation: &Operation, stack: &mut Stack) -> Result<Option<Place>, Error> {
        if self.operation(&operation.id).await?.status.has_ended() {
            return Ok(None);
        }
        if stack.active_operation.is_some() || stack.status == StackStatus::Destroyed {
            return Ok(Some(Place::Beside));
        }
        pass_slot(Some(operation), stack)?;
        Ok(Some(Place::Slot))
    }

    /// The operation of a stack that is in progress besides this one.
    async fn other_in_progress(&self, stack: &Stack, id: &OperationId) -> Result<Option<Operation>, Error> {
        match stack.in_progress().find(|other| *other != id) {
            Some(other) => self.operation(other).await.map(Some),
            None => Ok(None),
        }
    }

    /// Ends the operation that has the slot, which goes to the operation beside it, or to the next in the queue. `None` if that has changed
    /// since it was read.
    async fn leave_slot(
        &self,
        operation: &mut Operation,
        beside: Option<Operation>,
        stack: &mut Stack,
        end: &End,
        now: Timestamp,
    ) -> Result<Option<Vec<Write>>, Error> {
        let mut writes = self.end_in_stack(operation, stack, end, now).await?;
        let mut next = beside;
        if next.is_none()
            && stack.status != StackStatus::Destroyed
            && let Some((place, mut first)) = self.next_in_queue(stack).await?
        {
            let Some(dequeued) = dequeue(&mut first, &place, stack)? else {
                return Ok(None);
            };
            writes.extend(dequeued);
            next = Some(first);
        }
        pass_slot(next.as_ref(), stack)?;
        Ok(Some(writes))
    }

    /// Ends an operation beside one that waits. That one keeps the slot, and its record gets what this end means to it.
    async fn leave_beside(
        &self,
        operation: &mut Operation,
        mut waits: Operation,
        stack: &mut Stack,
        end: &End,
        now: Timestamp,
    ) -> Result<Vec<Write>, Error> {
        let without = waits.status_without(operation).map_err(IllegalTransition::from)?;
        let updating = std::mem::replace(&mut stack.status, without);
        let mut writes = self.end_in_stack(operation, stack, end, now).await?;
        waits.ended_beside(operation, stack.status);
        stack.status = updating;
        // Of an operation that lost its place, another one may have it by now.
        if let Some(place) = &mut stack.beside
            && place.operation.as_ref() == Some(&operation.id)
        {
            place.operation = None;
        }
        // Also if nothing changes: an approval that was judged before this end meets the write, and is judged again by the sheet.
        writes.extend(next_revision(&mut waits)?);
        Ok(writes)
    }

    /// What the end of an operation means to its stack, without its place. Returns the writes of other records.
    async fn end_in_stack(
        &self,
        operation: &mut Operation,
        stack: &mut Stack,
        end: &End,
        now: Timestamp,
    ) -> Result<Vec<Write>, Error> {
        let succeeded = *end == End::Succeeded;
        end_stack(operation, stack, end, now)?;
        note_drift(operation, stack, end, now);
        let mut writes = self.end_release(operation, stack, end, now).await?;
        if operation.kind() == OperationKind::Update && (succeeded || operation.has_begun_apply()) {
            stack.commit(&operation.configuration, succeeded);
            if let Some(patch) = operation.work.patch() {
                let after = self.subscriptions_after(stack, &patch.subscriptions).await?;
                writes.extend(subscription_writes(&stack.id, &stack.subscriptions, &after));
                stack.subscriptions = after;
            }
        }
        if stack.status == StackStatus::Destroyed {
            let claim = Key::name(&stack.environment, &stack.name);
            writes.push(Write::Delete(claim, Condition::Text("stack", stack.id.to_string())));
            let subscriptions = std::mem::take(&mut stack.subscriptions);
            writes.extend(subscription_writes(&stack.id, &subscriptions, &stack.subscriptions));
        }
        Ok(writes)
    }

    /// Hides the stack's secrets in why an operation did not succeed: the record's notification leaves the installation. If they cannot
    /// be read, the text is left out.
    async fn hide_in_failure(&self, operation: &mut Operation) {
        if operation.failure.is_none() {
            return;
        }
        let secrets = self.secrets_of(operation).await;
        let Some(failure) = &mut operation.failure else { return };
        hide_in_failure(failure, &operation.id, secrets);
    }

    /// Ends an operation that waits for its turn, which changes nothing of its stack.
    async fn leave_queue(&self, mut operation: Operation, end: &End, entry: Option<&Entry>) -> Result<Written, Error> {
        let id = operation.id.clone();
        let now = Timestamp::now();
        end_operation(&mut operation, end, now)?;
        self.hide_in_failure(&mut operation).await;
        // The stack may have been transferred while the operation waited.
        let mut stack = self.stack(&operation.stack).await?;
        operation.stack_owner = Some(stack.owner.clone());
        // Read before the place: where the place is still there, the release was that of an operation that waits.
        let release = match operation.release() {
            Some(number) => Some(self.release(&operation.stack, number).await?),
            None => None,
        };
        let places = self.places(&operation.stack, None).await?;
        let Some(place) = places.into_iter().find(|place| place.operation == id) else {
            // Its turn came between the two reads.
            return Ok(Written::Conflict);
        };
        fit_end(&mut operation, None)?;
        let mut writes = next_revision(&mut operation)?;
        writes.push(Write::Delete(place.key, Condition::Exists));
        if let Some(release) = release {
            writes.push(move_release(release, ReleaseEvent::Failed, now)?);
        }
        if stack.beside.is_some() {
            // What is behind it may begin beside the plan that waits: a request that was judged by the queue before is judged again.
            writes.extend(next_stack_revision(&mut stack, now)?);
        }
        if let Some(entry) = entry {
            writes.extend(self.audit_writes(entry.clone(), now).await?);
        }
        let written = self.write("take an operation out of its queue", writes).await?;
        if written == Written::Yes {
            watch::changed(&id);
        }
        Ok(written)
    }

    /// Cancels the queue of a stack that is destroyed. Nothing is added to that queue any more, so this ends. If it is interrupted, it
    /// continues when the end of the `destroy` is repeated.
    async fn empty_queue(&self, stack: &Stack) -> Result<(), Error> {
        let end = End::Cancelled(Failure {
            name: ErrorName::Cancelled.to_string(),
            step: String::new(),
            message: "The stack was destroyed before it was this operation's turn.".to_owned(),
            address: None,
        });
        for place in self.places(&stack.id, None).await? {
            for attempt in 0..ATTEMPTS {
                let operation = self.operation(&place.operation).await?;
                if operation.status.has_ended() {
                    break;
                }
                if self.leave_queue(operation, &end, None).await? == Written::Conflict {
                    pause(attempt).await;
                }
            }
        }
        Ok(())
    }

    /// The operation that waits longest for a stack, with its place.
    async fn next_in_queue(&self, stack: &Stack) -> Result<Option<(QueuePlace, Operation)>, Error> {
        let Some(first) = self.places(&stack.id, Some(1)).await?.pop() else {
            return Ok(None);
        };
        let operation = self.operation(&first.operation).await?;
        Ok(Some((first, operation)))
    }

    /// The writes that end what the operation released: its own release, and the one whose place that takes.
    async fn end_release(
        &self,
        operation: &Operation,
        stack: &mut Stack,
        end: &End,
        now: Timestamp,
    ) -> Result<Vec<Write>, Error> {
        let mut writes = Vec::new();
        let current = stack.current_release;
        if let Some(number) = operation.release() {
            let mut release = self.release(&stack.id, number).await?;
            let taken = operation
                .snapshot
                .as_ref()
                .filter(|snapshot| snapshot.taken_at.is_some());
            if let Some(snapshot) = taken {
                release.snapshot = Some(snapshot.id.clone());
            }
            writes.push(move_release(release, end.of_release(), now)?);
            if *end == End::Succeeded {
                stack.current_release = Some(number);
            }
        }
        if stack.status == StackStatus::Destroyed {
            stack.current_release = None;
        }
        if let Some(previous) = current.filter(|_| stack.current_release != current) {
            let release = self.release(&stack.id, previous).await?;
            writes.push(move_release(release, ReleaseEvent::Superseded, now)?);
        }
        Ok(writes)
    }
}

/// The write of a release after an event. A release that comes to its end without having begun (there was nothing to
/// replace) has begun and ended at once.
fn move_release(read: Release, event: ReleaseEvent, now: Timestamp) -> Result<Write, Error> {
    let condition = as_read(&read);
    let mut release = read;
    if release.status == ReleaseStatus::Requested && event == ReleaseEvent::Succeeded {
        release.status = release
            .status
            .after(ReleaseEvent::Begun)
            .map_err(IllegalTransition::from)?;
    }
    release.status = release.status.after(event).map_err(IllegalTransition::from)?;
    if event != ReleaseEvent::Superseded {
        release.ended_at.get_or_insert(now);
    }
    release_write(&release, condition)
}
