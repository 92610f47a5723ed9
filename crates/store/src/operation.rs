//! What is written on an operation between its creation and its end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_model::contract::Contract;
use slipway_model::event::Delivery;
use slipway_model::id::{OperationId, ReleaseNumber, StackId};
use slipway_model::name::{Image, Name};
use slipway_model::operation::layout::Layout;
use slipway_model::operation::work::Work;
use slipway_model::operation::{Failure, Operation, OperationEvent, OperationStatus, StepStatus};
use slipway_model::release::{Release, ReleaseEvent};
use slipway_model::stack::beside::Place;
use slipway_model::stack::{Stack, StackEvent, StackStatus};

use crate::error::IllegalTransition;
use crate::item::encode;
use crate::notification::notification_writes;
use crate::release::release_write;
use crate::stack::{QueuePlace, next_stack_revision, stack_write};
use crate::table::{Key, operation_places};
use crate::watch;
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Error, Store};

impl Store {
    /// The operation, or [`Error::NotFound`].
    pub async fn operation(&self, id: &OperationId) -> Result<Operation, Error> {
        self.require(&Key::operation(id), || format!("operation {id}")).await
    }

    /// Applies a pure change to an operation and writes it under the next revision. Where another writer came between, the
    /// change is applied again to what is there now. A change that changes nothing writes nothing.
    ///
    /// It cannot end an operation: [`Store::finish_operation`] does, with everything that follows.
    pub async fn update_operation(
        &self,
        id: &OperationId,
        change: impl Fn(&mut Operation) -> Result<(), IllegalTransition>,
    ) -> Result<Operation, Error> {
        let read = self.operation(id).await?;
        self.update_known_operation(read, change).await
    }

    /// [`Store::update_operation`] for a caller that has read the operation: it is read again only where it has changed since.
    pub async fn update_known_operation(
        &self,
        known: Operation,
        change: impl Fn(&mut Operation) -> Result<(), IllegalTransition>,
    ) -> Result<Operation, Error> {
        let id = &known.id.clone();
        let mut known = Some(known);
        for attempt in 0..ATTEMPTS {
            let read = match known.take() {
                Some(known) => known,
                None => self.operation(id).await?,
            };
            let mut operation = read.clone();
            change(&mut operation)?;
            if operation == read {
                return Ok(operation);
            }
            debug_assert_eq!(
                operation.status.has_ended(),
                read.status.has_ended(),
                "an operation ends by `finish_operation`"
            );
            if self
                .write("update an operation", revision_after(&read, &mut operation)?)
                .await?
                == Written::Yes
            {
                watch::changed(id);
                return Ok(operation);
            }
            pause(attempt).await;
        }
        Err(conflict(id))
    }

    /// Gives the release of an operation other images before it begins: on the operation and on the release, in one write.
    pub async fn settle_images(&self, known: Operation, images: &BTreeMap<Name, Image>) -> Result<Operation, Error> {
        let id = known.id.clone();
        let mut known = Some(known);
        for attempt in 0..ATTEMPTS {
            let read = match known.take() {
                Some(known) => known,
                None => self.operation(&id).await?,
            };
            let mut operation = read.clone();
            let (Some(number), true) = (operation.release(), operation.work.settle_images(images)) else {
                return Ok(read);
            };
            let mut release = self.release(&operation.stack, number).await?;
            let condition = as_read(&release);
            release.images.clone_from(images);
            let mut writes = revision_after(&read, &mut operation)?;
            writes.push(release_write(&release, condition)?);
            if self.write("settle the images of a release", writes).await? == Written::Yes {
                watch::changed(&id);
                return Ok(operation);
            }
            pause(attempt).await;
        }
        Err(conflict(&id))
    }

    /// The first step of the execution runs: the operation and its stack are in progress. Returns both.
    pub async fn begin_operation(&self, id: &OperationId) -> Result<(Operation, Stack), Error> {
        self.begin(id, None, None).await
    }

    /// [`Store::begin_operation`], and records the ARN of the execution in the same write. `stack` as in
    /// [`Store::operation_and_stack`].
    pub async fn begin_execution(
        &self,
        id: &OperationId,
        stack: Option<&StackId>,
        execution: &str,
    ) -> Result<(Operation, Stack), Error> {
        self.begin(id, stack, Some(execution)).await
    }

    async fn begin(
        &self,
        id: &OperationId,
        known: Option<&StackId>,
        execution: Option<&str>,
    ) -> Result<(Operation, Stack), Error> {
        for attempt in 0..ATTEMPTS {
            let (mut operation, mut stack) = self.operation_and_stack(id, known).await?;
            let status = operation
                .status
                .after(OperationEvent::Begun)
                .map_err(IllegalTransition::from)?;
            let Some(place) = stack.place(id) else {
                // It ended between the two reads: the next attempt sees that.
                pause(attempt).await;
                continue;
            };
            let found = self.status_found(&stack, place).await?;
            let begun = found
                .after(StackEvent::Begun(operation.kind()))
                .map_err(IllegalTransition::from)?;
            if operation.status == status {
                return Ok((operation, stack));
            }
            let now = Timestamp::now();
            operation.status = status;
            operation.execution_arn = execution.map(str::to_owned).or(operation.execution_arn);
            operation.started_at.get_or_insert(now);
            operation.found = Some(found);
            // Here, and not by a build: the execution's own version of the steps has to find what builds keep.
            operation.artifacts = Layout::ByStack;
            match &mut operation.work {
                Work::Update { mends, .. } => *mends = found == StackStatus::Failed,
                Work::Preview { .. } => {}
                // What it was when the request came may have been changed by the operations before this one.
                _ => operation.configuration = stack.configuration.clone(),
            }
            let mut writes = next_revision(&mut operation)?;
            match place {
                Place::Slot if found == begun => {}
                Place::Slot => {
                    stack.status = begun;
                    writes.extend(next_stack_revision(&mut stack, now)?);
                }
                // The end of the operation that waits gives the stack the status of this one, if this one has begun: one of the two is
                // written first.
                Place::Beside => writes.extend(next_stack_revision(&mut stack, now)?),
            }
            if self.write("begin an operation", writes).await? == Written::Yes {
                watch::changed(id);
                return Ok((operation, stack));
            }
            pause(attempt).await;
        }
        Err(Error::NotActive { operation: id.clone() })
    }

    /// The status of the stack that an operation finds which begins in this place.
    async fn status_found(&self, stack: &Stack, place: Place) -> Result<StackStatus, Error> {
        match (place, &stack.active_operation) {
            (Place::Beside, Some(waits)) => Ok(self.operation(waits).await?.found_before()),
            _ => Ok(stack.status),
        }
    }

    /// Starts the release of an operation: its own, or (for an update) the current one again. Returns both.
    pub async fn begin_release(&self, id: &OperationId, number: ReleaseNumber) -> Result<(Operation, Release), Error> {
        for attempt in 0..ATTEMPTS {
            let mut operation = self.operation(id).await?;
            let read = self.release(&operation.stack, number).await?;
            if operation.status != OperationStatus::Running {
                return Err(Error::NotActive { operation: id.clone() });
            }
            let mut release = read.clone();
            release.status = read
                .status
                .after(ReleaseEvent::Begun)
                .map_err(IllegalTransition::from)?;
            release.operation = id.clone();
            if operation.release() == Some(number) && release == read {
                return Ok((operation, release));
            }
            let mut writes = next_revision(&mut operation)?;
            writes.push(release_write(&release, as_read(&read))?);
            if self.write("begin a release", writes).await? == Written::Yes {
                watch::changed(id);
                return Ok((operation, release));
            }
            pause(attempt).await;
        }
        Err(conflict(id))
    }

    /// Notes that a state of the workflow runs.
    pub async fn begin_step(&self, id: &OperationId, step: &str) -> Result<Operation, Error> {
        let now = Timestamp::now();
        self.update_operation(id, |operation| {
            operation.begin_step(step, now);
            Ok(())
        })
        .await
    }

    /// Notes how a state of the workflow ended.
    pub async fn end_step(&self, id: &OperationId, step: &str, status: StepStatus) -> Result<Operation, Error> {
        let now = Timestamp::now();
        self.update_operation(id, |operation| {
            operation.end_step(step, status, now);
            Ok(())
        })
        .await
    }

    /// Records why the operation is going to fail. The first failure stays: it is the cause of the others.
    pub async fn record_failure(&self, id: &OperationId, failure: &Failure) -> Result<Operation, Error> {
        self.update_operation(id, |operation| {
            operation.failure.get_or_insert_with(|| failure.clone());
            Ok(())
        })
        .await
    }

    /// Records whether the result of an operation was reported to the requesting account.
    pub async fn record_delivery(&self, id: &OperationId, delivery: Delivery) -> Result<Operation, Error> {
        self.update_operation(id, |operation| {
            if let Some(origin) = &mut operation.origin {
                origin.result = delivery;
            }
            Ok(())
        })
        .await
    }

    /// Records what the blueprint's `slipway` output says, on the stack of an operation that has the slot.
    pub async fn record_contract(&self, id: &OperationId, contract: &Contract) -> Result<Stack, Error> {
        for attempt in 0..ATTEMPTS {
            let (operation, stack) = self.operation_and_stack(id, None).await?;
            if let Some(stack) = self.try_record_contract(operation, stack, contract, |_| Ok(())).await? {
                return Ok(stack);
            }
            pause(attempt).await;
        }
        Err(conflict(id))
    }

    /// [`Store::record_contract`] together with a change of the operation, in one write, for a caller that has judged both records
    /// by what it read: `None` where one of them has changed since.
    pub async fn try_record_contract(
        &self,
        read: Operation,
        mut stack: Stack,
        contract: &Contract,
        change: impl FnOnce(&mut Operation) -> Result<(), IllegalTransition>,
    ) -> Result<Option<Stack>, Error> {
        let id = read.id.clone();
        let mut operation = read.clone();
        change(&mut operation)?;
        if stack.active_operation.as_ref() != Some(&id) {
            return Err(Error::NotActive { operation: id });
        }
        let mut writes = Vec::new();
        if operation != read {
            writes.extend(revision_after(&read, &mut operation)?);
        }
        if stack.contract.as_ref() != Some(contract) {
            stack.contract = Some(contract.clone());
            stack.updated_at = Timestamp::now();
            stack.revision += 1;
            let condition = Condition::Revision(stack.revision - 1);
            writes.push(stack_write(&stack, condition)?);
        }
        if !writes.is_empty() && self.write("record a contract", writes).await? == Written::Conflict {
            return Ok(None);
        }
        watch::changed(&id);
        Ok(Some(stack))
    }
}

/// The writes of a changed operation, under the revision after the one that was read.
pub(crate) fn next_revision(operation: &mut Operation) -> Result<Vec<Write>, Error> {
    let read = operation.revision;
    operation.revision += 1;
    operation_writes(operation, Condition::Revision(read))
}

/// The writes of an operation whose turn has come, and which leaves its place in the queue. `None` if it was cancelled since it was read.
pub(crate) fn dequeue(next: &mut Operation, place: &QueuePlace, stack: &Stack) -> Result<Option<Vec<Write>>, Error> {
    let Ok(status) = next.status.after(OperationEvent::Dequeued) else {
        return Ok(None);
    };
    next.status = status;
    next.stack_owner = Some(stack.owner.clone());
    let mut writes = next_revision(next)?;
    writes.push(Write::Delete(place.key.clone(), Condition::Exists));
    Ok(Some(writes))
}

/// The writes of a changed operation. A change that owes no notification makes none, also where the record does not say what was
/// notified: a build may not write notifications.
fn revision_after(read: &Operation, operation: &mut Operation) -> Result<Vec<Write>, Error> {
    if (operation.status, operation.reminders) != (read.status, read.reminders) {
        return next_revision(operation);
    }
    operation.revision += 1;
    Ok(vec![operation_write(operation, Condition::Revision(read.revision))?])
}

/// The condition that a release still is as it was read: one operation of its stack at a time changes releases, and each
/// change but a repeated one changes its status.
pub(crate) fn as_read(release: &Release) -> Condition {
    Condition::Text("status", release_status(release))
}

/// The status as it is stored.
fn release_status(release: &Release) -> String {
    match serde_json::to_value(release.status) {
        Ok(serde_json::Value::String(status)) => status,
        _ => String::new(),
    }
}

/// The writes of an operation, and of the notifications that it owes.
pub(crate) fn operation_writes(operation: &mut Operation, condition: Condition) -> Result<Vec<Write>, Error> {
    let made = operation.notifications(Timestamp::now());
    let mut writes = vec![operation_write(operation, condition)?];
    writes.extend(notification_writes(&made)?);
    Ok(writes)
}

fn operation_write(operation: &Operation, condition: Condition) -> Result<Write, Error> {
    let item = encode(&Key::operation(&operation.id), operation_places(operation), operation)?;
    Ok(Write::Put(item, condition))
}

/// The error after too many attempts.
pub(crate) fn conflict(id: &OperationId) -> Error {
    Error::Conflict {
        what: format!("the operation {id}"),
    }
}
