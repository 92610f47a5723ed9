//! How an operation ends, and what that means to its record and to its stack's.

use jiff::Timestamp;
use slipway_model::error_name::ErrorName;
use slipway_model::operation::{Failure, Operation, OperationEvent, OperationKind, StepStatus};
use slipway_model::release::ReleaseEvent;
use slipway_model::stack::{DriftSeen, Stack, StackEvent, StackStatus, Unsettled};

use crate::error::IllegalTransition;

/// How an operation ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It did what was asked.
    Succeeded,
    /// It did not. A failure that the operation has already (the runner's, with the resource) is kept, unless this one
    /// names another error.
    Failed(Failure),
    /// It was cancelled. A queued operation is removed from the queue.
    Cancelled(Failure),
    /// Its change was rejected, refused or not decided in time.
    Discarded(Failure),
}

impl End {
    /// How an operation ends that fails so.
    pub fn of(failure: Failure) -> Self {
        match failure.name.as_str() {
            name if name == ErrorName::Cancelled.as_str() => Self::Cancelled(failure),
            name if ErrorName::discards(name) => Self::Discarded(failure),
            _ => Self::Failed(failure),
        }
    }

    /// Why it ended, unless it succeeded.
    pub fn failure_mut(&mut self) -> Option<&mut Failure> {
        match self {
            Self::Succeeded => None,
            Self::Failed(failure) | Self::Cancelled(failure) | Self::Discarded(failure) => Some(failure),
        }
    }

    fn of_operation(&self, operation: &Operation) -> OperationEvent {
        match self {
            Self::Succeeded => OperationEvent::Succeeded,
            // Also after a cancel: what the services run does not fit the database.
            _ if !operation.may_roll_back() => OperationEvent::NeedsAttention,
            Self::Failed(_) => OperationEvent::Failed,
            Self::Cancelled(_) => OperationEvent::Cancelled,
            Self::Discarded(_) => OperationEvent::Discarded,
        }
    }

    fn of_stack(&self, operation: &Operation, unsettled: bool) -> StackEvent {
        let kind = operation.kind();
        match (self, operation.found) {
            // Also after an update that succeeded, and released nothing over what the services may run.
            _ if unsettled => StackEvent::Unsettled(kind),
            (Self::Succeeded, _) => StackEvent::Succeeded(kind),
            (Self::Cancelled(_) | Self::Discarded(_), _)
                if kind == OperationKind::Provision && !operation.has_begun_apply() =>
            {
                StackEvent::Abandoned
            }
            // Its name is free, so that the corrected request can be sent. A later step may have made something: then the stack stays.
            (Self::Failed(_), _) if kind == OperationKind::Provision && operation.made_nothing() => {
                StackEvent::Abandoned
            }
            (_, Some(found)) if !operation.has_begun_apply() => StackEvent::Untouched(kind, found),
            _ => StackEvent::Failed(kind),
        }
    }

    pub(super) fn of_release(&self) -> ReleaseEvent {
        match self {
            Self::Succeeded => ReleaseEvent::Succeeded,
            Self::Failed(_) | Self::Cancelled(_) | Self::Discarded(_) => ReleaseEvent::Failed,
        }
    }
}

/// Passes the slot to this operation, or to none. It may have begun, beside the one that has ended; the status of the stack is the one
/// without both.
pub(super) fn pass_slot(next: Option<&Operation>, stack: &mut Stack) -> Result<(), IllegalTransition> {
    if let Some(begun) = next.filter(|next| next.found.is_some()) {
        stack.status = stack.status.after(StackEvent::Begun(begun.kind()))?;
    }
    stack.active_operation = next.map(|next| next.id.clone());
    stack.beside = None;
    Ok(())
}

/// Moves the stack to its status after the end of an operation, and records what a release left unsettled or stopped: on the stack,
/// and what the services run now, with the remedy if something is unsettled, in the operation's failure.
pub(super) fn end_stack(
    operation: &mut Operation,
    stack: &mut Stack,
    end: &End,
    now: Timestamp,
) -> Result<(), IllegalTransition> {
    let succeeded = *end == End::Succeeded;
    let earlier = stack.unsettled.take();
    let left = if succeeded {
        earlier
            .as_ref()
            .and_then(|earlier| earlier.left_after(operation, stack.contract.as_ref()))
    } else {
        Unsettled::left_by(operation, earlier.as_ref(), now)
    };
    stack.status = stack.status.after(end.of_stack(operation, left.is_some()))?;
    let restored = if succeeded {
        None
    } else {
        operation.restored_to(stack.current_release)
    };
    // What was restored may be what an earlier operation left.
    let runs = match (&left, &earlier) {
        (Some(left), _) => Some(left.sentence(stack.current_release)),
        (None, Some(earlier)) => restored.map(|_| earlier.sentence(stack.current_release)),
        (None, None) => restored,
    };
    if let (Some(runs), Some(failure)) = (runs, &mut operation.failure) {
        failure.add(&runs);
    }
    if !operation.quiesced.is_empty() {
        stack.quiesced_by = Some(operation.id.clone());
    } else if succeeded && operation.release().is_some() {
        stack.quiesced_by = None;
    }
    stack.unsettled = match earlier {
        Some(earlier) if succeeded && left.is_none() && stack.status != StackStatus::Destroyed => {
            stack.status = stack.status.after(StackEvent::Settled(earlier.found))?;
            None
        }
        earlier => left.or(earlier).filter(|_| stack.status != StackStatus::Destroyed),
    };
    Ok(())
}

/// The stack's known drift: the result of its last drift check, until its infrastructure changes.
pub(super) fn note_drift(operation: &Operation, stack: &mut Stack, end: &End, now: Timestamp) {
    match (operation.kind(), end) {
        (OperationKind::Drift, End::Succeeded) => {
            let found = operation.drift.as_ref();
            stack.drift = found.map(|drift| DriftSeen::new(operation.id.clone(), now, drift));
        }
        (OperationKind::Update | OperationKind::Destroy, _) if operation.has_begun_apply() => stack.drift = None,
        _ => {}
    }
}

/// Writes an end on an operation. Steps that still run end with it, because no later event ends them.
pub(super) fn end_operation(operation: &mut Operation, end: &End, now: Timestamp) -> Result<(), IllegalTransition> {
    operation.status = operation.status.after(end.of_operation(operation))?;
    operation.ended_at = Some(now);
    operation.approval_token = None;
    let step = match end {
        End::Succeeded => {
            // The failure of an earlier attempt of a step. It is no cancel: a step that succeeds reads the record in the same write, and
            // fails after a cancel.
            operation.failure = None;
            StepStatus::Succeeded
        }
        End::Failed(failure) | End::Cancelled(failure) | End::Discarded(failure) => {
            let known = operation.failure.take().filter(|known| known.name == failure.name);
            operation.failure = Some(known.unwrap_or_else(|| failure.clone()));
            if matches!(end, End::Cancelled(_)) {
                StepStatus::Cancelled
            } else {
                StepStatus::Failed
            }
        }
    };
    operation.end_running_steps(step, now);
    Ok(())
}
