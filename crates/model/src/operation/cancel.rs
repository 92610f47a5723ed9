//! The effect of a cancel at each step of an operation.
//!
//! CodeBuild and Step Functions end a build without a signal to its processes, so an operation is never stopped while Terraform
//! works. Instead, the request is written to the operation's record, where the runner reads it. The runner interrupts Terraform and
//! waits until it has saved the state. The record decides every race, because each change is conditional on the revision that
//! was read:
//!
//! * a cancel before the runner begins a step ends the operation; the runner finds it ended and does nothing;
//! * a cancel after that is a request, which the runner finds at the latest when it ends the step;
//! * a cancel after the runner has ended the step ends the operation.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::quiesce::{QUIESCE, RESUME};
use super::task_run::{RUN_BACKUP, RUN_MIGRATION, RUN_TASK};
use super::{Failure, Operation, OperationKind, OperationStatus, StepStatus};
use crate::error_name::ErrorName;

/// The state after which ECS may be replacing the tasks of services.
pub const PREPARE_RELEASE: &str = "Prepare release";
/// The state in which a service is rolled out; the service's name follows.
pub const WAIT_UNTIL_STABLE: &str = "Wait until stable";
/// The state in which a service goes back to what it ran before, with the service's name after it.
pub const WAIT_UNTIL_RESTORED: &str = "Wait until restored";

/// The state in which the health address proves the release.
pub const VERIFY: &str = "Verify";

/// The state in which RDS copies the database, before any command runs. As a step of an operation it includes Take snapshot, which
/// repeats its request while the database is busy.
pub const WAIT_FOR_SNAPSHOT: &str = "Wait for snapshot";

/// The states in which a command runs. Nothing but the workflow stops its task.
const COMMANDS: [&str; 3] = [RUN_BACKUP, RUN_MIGRATION, RUN_TASK];

/// How long a runner may leave a request unanswered. It reads its record every few seconds, so one that is silent for longer is
/// not there any more.
pub const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// A request to cancel an operation whose build is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// The requester.
    pub requested_by: String,
    /// When the request was made; a repeated one changes nothing.
    pub requested_at: Timestamp,
    /// When the runner read it. From then on Terraform is ending by itself, however long what it is at takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
}

impl CancelRequest {
    /// Whether the build has to be stopped from outside: it did not answer in time.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.acknowledged_at.is_none() && now.duration_since(self.requested_at) > GRACE
    }

    /// What is recorded of a step that was at work when the request came, with what became of it.
    pub fn ends(&self, step: &str, ended: Result<(), Failure>) -> Failure {
        match ended {
            Ok(()) => cancelled_by(&self.requested_by, step, Some("the step had succeeded by then")),
            // Terraform was interrupted, or never started.
            Err(failure) if failure.name == ErrorName::Cancelled.as_str() => {
                cancelled_by(&self.requested_by, step, None)
            }
            Err(failure) => Failure {
                address: failure.address,
                ..cancelled_by(&self.requested_by, step, Some(&failure.message))
            },
        }
    }
}

/// Why a build of an operation has nothing to do any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interruption {
    /// The operation is being cancelled.
    Requested(CancelRequest),
    /// The operation has ended: no step waits for the build.
    Ended(OperationStatus),
}

impl Interruption {
    /// What these two fields of an operation say.
    pub fn of(status: OperationStatus, cancel: Option<&CancelRequest>) -> Option<Self> {
        if status.has_ended() {
            return Some(Self::Ended(status));
        }
        cancel.cloned().map(Self::Requested)
    }
}

/// The failure of an operation that was cancelled.
pub fn cancelled_by(requester: &str, step: &str, besides: Option<&str>) -> Failure {
    let besides = besides.map(|besides| format!("; {besides}"));
    Failure {
        name: ErrorName::Cancelled.to_string(),
        step: step.to_owned(),
        message: format!("{requester} cancelled the operation{}", besides.unwrap_or_default()),
        address: None,
    }
}

/// What it takes to cancel an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// The record of the operation ends, under the revision that was read; its execution is stopped after that. No build of it
    /// is at work, and one that begins later finds the operation ended.
    End,
    /// Terraform may be at work: the request is recorded, and the runner answers it.
    Request,
    /// Its execution is stopped, and then its record ends. No service has got anything of its release; a record that ended
    /// first would not keep an execution that goes on from its services.
    Stop,
    /// The cancel goes on the record, and what the workflow waits for is ended: it then stops the command, or restores workers,
    /// schedules and services.
    Unwind,
    /// It is about to roll out, or past that, or restores services, and goes on.
    NotNow,
}

impl Operation {
    /// What it takes to cancel it at the step at which it is. Step Functions stops an execution where it is and runs no `Catch`:
    /// stopped in its rollout, some services would be left on the new release and others on the old one.
    pub fn cancelling(&self) -> Cancel {
        if self.status != OperationStatus::Running {
            return Cancel::End;
        }
        if self.building().is_some() {
            return Cancel::Request;
        }
        // First: the steps that the workflow gave up still stand as running then.
        if self.runs(&[WAIT_UNTIL_RESTORED, RESUME]) {
            return Cancel::NotNow;
        }
        if self.runs(&COMMANDS) {
            return Cancel::Unwind;
        }
        if !self.steps.iter().any(|step| step.name == PREPARE_RELEASE) {
            return if matches!(self.kind(), OperationKind::Release | OperationKind::Rollback) {
                Cancel::Stop
            } else {
                // Also a task before its command and after it: whichever is written first, this end or its own, is its end.
                Cancel::End
            };
        }
        if self.runs(&[QUIESCE, WAIT_UNTIL_STABLE, VERIFY]) {
            Cancel::Unwind
        } else if self.runs(&[WAIT_FOR_SNAPSHOT]) {
            Cancel::Stop
        } else {
            Cancel::NotNow
        }
    }

    /// Why its build has nothing to do any more.
    pub fn interruption(&self) -> Option<Interruption> {
        Interruption::of(self.status, self.cancel.as_ref())
    }

    /// The failure that ends it: where its cancel was requested, it was cancelled, and what failed is said besides.
    pub fn failing(&self, failure: Failure) -> Failure {
        match &self.cancel {
            Some(request) if failure.name != ErrorName::Cancelled.as_str() => {
                let step = failure.step.clone();
                request.ends(&step, Err(failure))
            }
            _ => failure,
        }
    }

    /// Records that the operation is to be cancelled, where the workflow can still stop the command or restore the services. A step
    /// that lets either pass reads it in the write with which it ends, so one of the two is first and the other one sees it.
    pub fn request_cancel(&mut self, failure: &Failure) {
        if self.cancel_requested().is_none() && self.cancelling() == Cancel::Unwind {
            self.failure = Some(failure.clone());
        }
    }

    /// Who cancelled the operation, of one whose workflow is yet to end it.
    pub fn cancel_requested(&self) -> Option<&Failure> {
        let runs = self.status == OperationStatus::Running;
        let failure = self.failure.as_ref().filter(|_| runs);
        failure.filter(|failure| failure.name == ErrorName::Cancelled.as_str())
    }

    /// Whether a cancel ended it, perhaps as `needs_attention`. One that is repeated is answered again.
    pub fn was_cancelled(&self) -> bool {
        let failure = self.failure.as_ref().filter(|_| self.status.has_ended());
        self.status == OperationStatus::Cancelled
            || failure.is_some_and(|failure| failure.name == ErrorName::Cancelled.as_str())
    }

    /// What it ends with if it is cancelled now. What failed before, and is about to end it, is said too; so is a command that is done.
    pub fn cancelled_now(&self, requester: &str) -> Failure {
        let has_run = self
            .items_of(RUN_TASK)
            .any(|(_, status)| status == StepStatus::Succeeded);
        let besides = match &self.failure {
            Some(failure) => Some(failure.message.as_str()),
            None => has_run.then_some("the task had succeeded by then"),
        };
        cancelled_by(requester, self.running_step().unwrap_or_default(), besides)
    }

    /// Records the request to the runner of its build. One that was made before stays as it is: the runner may have answered it.
    pub fn request_interruption(&mut self, requester: &str, now: Timestamp) {
        self.cancel.get_or_insert_with(|| CancelRequest {
            requested_by: requester.to_owned(),
            requested_at: now,
            acknowledged_at: None,
        });
    }

    /// The runner has read the request.
    pub fn acknowledge_cancel(&mut self, now: Timestamp) {
        if let Some(request) = &mut self.cancel {
            request.acknowledged_at.get_or_insert(now);
        }
    }
}

#[cfg(test)]
#[path = "cancel_tests.rs"]
mod tests;
