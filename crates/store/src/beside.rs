//! The place beside an update whose plan waits for its approval ([`slipway_model::stack::beside`]).
//!
//! A request takes it in the transaction that creates its operation. Operations in the queue get it in a transaction of their own, after
//! the one that opened or emptied it: if the function dies in between, the sweeper repeats that.

use jiff::Timestamp;
use slipway_model::id::StackId;
use slipway_model::operation::{Operation, OperationKind, OperationStatus};
use slipway_model::stack::Stack;
use slipway_model::stack::beside::Beside;

use crate::operation::dequeue;
use crate::stack::{QueuePlace, next_stack_revision};
use crate::watch;
use crate::write::{ATTEMPTS, Written, pause};
use crate::{Error, Store};

/// When an operation begins that is requested now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// At once: it takes the slot.
    Slot,
    /// At once, beside the plan that waits.
    Beside,
    /// After this many others.
    Behind(usize),
}

impl Turn {
    /// The position in the queue, from 1.
    pub(crate) fn position(self) -> Option<usize> {
        match self {
            Self::Slot | Self::Beside => None,
            Self::Behind(others) => Some(others + 1),
        }
    }
}

impl Store {
    /// The turn of an operation of this kind that is requested of the stack as it was read. A change of the queue that lets it begin
    /// earlier changes the revision of the stack.
    pub(crate) async fn turn(&self, stack: &Stack, kind: OperationKind) -> Result<Turn, Error> {
        if stack.active_operation.is_none() {
            return Ok(Turn::Slot);
        }
        let queue = self.places(&stack.id, None).await?;
        let behind = Turn::Behind(queue.len());
        let is_next =
            kind.runs_beside() && self.is_open_beside(stack).await? && self.first_not_passed(queue).await?.is_none();
        Ok(if is_next { Turn::Beside } else { behind })
    }

    /// Gives the place beside a plan that waits to the operation in the queue whose turn it is, if the place is empty. Returns the operation
    /// that has the place and is yet to be started.
    pub async fn fill_beside(&self, stack: &StackId) -> Result<Option<Operation>, Error> {
        for attempt in 0..ATTEMPTS {
            let read = self.stack(stack).await?;
            if let Some(id) = read.operation_beside() {
                let has_place = self.operation(id).await?;
                return Ok(Some(has_place).filter(|operation| operation.status == OperationStatus::Starting));
            }
            if !self.is_open_beside(&read).await? {
                return Ok(None);
            }
            let queue = self.places(stack, None).await?;
            let next = self.first_not_passed(queue).await?;
            let Some((place, next)) = next.filter(|(_, next)| next.kind().runs_beside()) else {
                return Ok(None);
            };
            if let Some(next) = self.begin_beside(read, &place, next).await? {
                return Ok(Some(next));
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("the stack {stack}"),
        })
    }

    /// Whether an operation may begin beside the one that has the slot. While functions are being updated, one of an earlier version may
    /// approve a plan without closing the place.
    async fn is_open_beside(&self, stack: &Stack) -> Result<bool, Error> {
        match &stack.active_operation {
            Some(waits) if stack.has_place_beside(Timestamp::now()) => {
                Ok(self.operation(waits).await?.lets_others_beside())
            }
            _ => Ok(false),
        }
    }

    /// The first operation of a queue that those behind it do not pass, with its place.
    async fn first_not_passed(&self, queue: Vec<QueuePlace>) -> Result<Option<(QueuePlace, Operation)>, Error> {
        for place in queue {
            let operation = self.operation(&place.operation).await?;
            if !operation.kind().is_passed() {
                return Ok(Some((place, operation)));
            }
        }
        Ok(None)
    }

    /// Gives the place to an operation; `None` if the stack, the queue or the operation has changed since.
    async fn begin_beside(
        &self,
        mut stack: Stack,
        place: &QueuePlace,
        mut next: Operation,
    ) -> Result<Option<Operation>, Error> {
        stack.beside = Some(Beside::of(next.id.clone()));
        let Some(mut writes) = dequeue(&mut next, place, &stack)? else {
            return Ok(None);
        };
        writes.extend(next_stack_revision(&mut stack, Timestamp::now())?);
        match self.write("begin an operation beside a plan", writes).await? {
            Written::Yes => {
                watch::changed(&next.id);
                Ok(Some(next))
            }
            Written::Conflict => Ok(None),
        }
    }
}
