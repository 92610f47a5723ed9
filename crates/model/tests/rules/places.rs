//! The places of a stack: its slot, the one beside a plan that waits, and its queue. As the store writes them, each in one event.

use std::rc::Rc;

use slipway_model::error_name::ErrorName;
use slipway_model::id::OperationId;
use slipway_model::operation::build::PLAN;
use slipway_model::operation::{Failure, Operation, OperationEvent, OperationKind, OperationStatus, StepStatus};
use slipway_model::stack::StackEvent;
use slipway_model::stack::beside::{Beside, Place};

use crate::system::{Build, Decided, Flaw, NOW, Run, Stage, Workflow, World, id, operation};

impl World {
    /// The operations in progress: the one that has the slot, then the one beside it.
    pub fn in_progress(&self) -> Vec<usize> {
        let number = |id: &OperationId| {
            let mut runs = self.runs.iter();
            runs.position(|run| run.record.id == *id).expect("an operation")
        };
        self.stack.in_progress().map(number).collect()
    }

    fn kind(&self, number: usize) -> OperationKind {
        self.runs[number].record.kind()
    }

    /// `POST`: the operation gets the slot, the place beside a plan that waits, or a place in the queue.
    pub fn request(&mut self, kind: OperationKind) {
        let number = self.runs.len();
        let is_next_beside = kind.runs_beside() && self.is_open_beside() && self.first_not_passed().is_none();
        let mut status = OperationStatus::Starting;
        let stack = Rc::make_mut(&mut self.stack);
        if stack.active_operation.is_none() {
            stack.active_operation = Some(id(number));
        } else if is_next_beside {
            stack.beside = Some(Beside::of(id(number)));
        } else {
            self.queue.push(number);
            status = OperationStatus::Queued;
        }
        self.runs.push(Rc::new(Run {
            record: operation(number, kind, status),
            workflow: Workflow::Idle,
            builds: Vec::new(),
            approval: Decided::No,
            rejection: Decided::No,
            cancel: Decided::No,
            applied: 0,
        }));
    }

    /// The operation in the queue that may begin beside a plan that waits, by its place there.
    pub fn next_beside(&self) -> Option<usize> {
        let next = self.first_not_passed().filter(|_| self.is_open_beside());
        next.filter(|place| self.kind(self.queue[*place]).runs_beside())
    }

    fn is_open_beside(&self) -> bool {
        let waits = self.in_progress().first().map(|waits| &self.runs[*waits].record);
        self.stack.has_place_beside(NOW) && waits.is_some_and(Operation::lets_others_beside)
    }

    /// The first in the queue that those behind it do not pass, by its place there.
    fn first_not_passed(&self) -> Option<usize> {
        let mut queue = self.queue.iter();
        queue.position(|waiting| !self.kind(*waiting).is_passed())
    }

    /// It gets the place.
    pub fn fill_beside(&mut self, place: usize) {
        let next = self.queue.remove(place);
        self.dequeue(next);
        Rc::make_mut(&mut self.stack).beside = Some(Beside::of(id(next)));
    }

    fn dequeue(&mut self, next: usize) {
        match self.runs[next].record.status.after(OperationEvent::Dequeued) {
            Ok(status) => Rc::make_mut(&mut self.runs[next]).record.status = status,
            Err(error) => self.wrong = Some(error.to_string()),
        }
    }

    /// Begin operation.
    pub fn begin(&mut self, number: usize) {
        let place = self.stack.place(&id(number));
        let found = match (place, self.in_progress().first()) {
            (Some(Place::Beside), Some(waits)) => self.runs[*waits].record.found_before(),
            _ => self.stack.status,
        };
        let run = Rc::make_mut(&mut self.runs[number]);
        let Ok(status) = run.record.status.after(OperationEvent::Begun) else {
            run.workflow = Workflow::Fail("Begin operation", ErrorName::Cancelled);
            return;
        };
        let begun = match found.after(StackEvent::Begun(run.record.kind())) {
            Ok(begun) => begun,
            Err(error) => {
                self.wrong = Some(error.to_string());
                return;
            }
        };
        run.record.status = status;
        run.record.found = Some(found);
        if place == Some(Place::Slot) {
            Rc::make_mut(&mut self.stack).status = begun;
        }
        if run.record.kind() == OperationKind::Release {
            run.workflow = Workflow::RollOut;
            return;
        }
        run.workflow = Workflow::Plan;
        run.builds = vec![Build {
            step: PLAN,
            stage: Stage::Queued,
        }];
    }

    /// The end of an operation, as `finish_operation` writes it: its own, the stack's, and the slot.
    pub fn finish(&mut self, number: usize, event: OperationEvent, failure: Option<Failure>) {
        let run = Rc::make_mut(&mut self.runs[number]);
        if run.record.status.has_ended() {
            return;
        }
        let was_queued = run.record.status == OperationStatus::Queued;
        match run.record.status.after(event) {
            Ok(status) => run.record.status = status,
            Err(error) => {
                self.wrong = Some(error.to_string());
                return;
            }
        }
        run.record.approval_token = None;
        let known = run.record.failure.take();
        run.record.failure = failure.map(|failure| known.filter(|known| known.name == failure.name).unwrap_or(failure));
        let is_success = event == OperationEvent::Succeeded;
        let status = if is_success {
            StepStatus::Succeeded
        } else {
            StepStatus::Failed
        };
        run.record.end_running_steps(status, NOW);
        if was_queued {
            self.queue.retain(|other| *other != number);
            return;
        }
        let ended = run.record.clone();
        let kind = ended.kind();
        let event = match ended.found {
            _ if is_success => StackEvent::Succeeded(kind),
            Some(found) if !ended.has_begun_apply() => StackEvent::Untouched(kind, found),
            _ => StackEvent::Failed(kind),
        };
        let other = self.in_progress().into_iter().find(|other| *other != number);
        let passed = match (self.stack.place(&ended.id), other) {
            (Some(Place::Beside), Some(waits)) => self.end_beside(waits, &ended, event),
            (Some(Place::Slot), beside) => self.pass_slot(beside, event),
            other => Err(format!("{number} ends at {other:?}")),
        };
        if let Err(error) = passed {
            self.wrong = Some(error);
        }
    }

    /// The end of an operation beside a plan that waits.
    fn end_beside(&mut self, waits: usize, ended: &Operation, event: StackEvent) -> Result<(), String> {
        let waits = &mut Rc::make_mut(&mut self.runs[waits]).record;
        let without = waits.status_without(ended).map_err(|error| error.to_string())?;
        let status = without.after(event).map_err(|error| error.to_string())?;
        waits.ended_beside(ended, status);
        if let Some(place) = &mut Rc::make_mut(&mut self.stack).beside {
            place.operation = None;
        }
        Ok(())
    }

    /// The end of the operation that has the slot: it goes to the one beside it, or to the next in the queue.
    fn pass_slot(&mut self, beside: Option<usize>, event: StackEvent) -> Result<(), String> {
        let stack = Rc::make_mut(&mut self.stack);
        stack.status = stack.status.after(event).map_err(|error| error.to_string())?;
        stack.active_operation = beside.map(id);
        stack.beside = None;
        if let Some(beside) = beside {
            let beside = &self.runs[beside].record;
            if beside.found.is_some() {
                let begun = stack.status.after(StackEvent::Begun(beside.kind()));
                stack.status = begun.map_err(|error| error.to_string())?;
            }
        } else if !self.queue.is_empty() && self.flaw != Some(Flaw::SlotIsNotHandedOver) {
            let next = self.queue.remove(0);
            stack.active_operation = Some(id(next));
            self.dequeue(next);
        }
        Ok(())
    }
}
