//! What it takes to call an operation off.

use super::{Failure, Operation, OperationStatus, StepStatus};
use crate::error_name::ErrorName;

/// The state after which ECS may be replacing the tasks of services.
pub const PREPARE_RELEASE: &str = "Prepare release";
/// The state in which a service gets the release, with the service's name after it.
pub const WAIT_UNTIL_STABLE: &str = "Wait until stable";
/// The state in which a service goes back to what it ran before, with the service's name after it.
pub const WAIT_UNTIL_PUT_BACK: &str = "Wait until put back";

/// The state in which the health address proves the release.
pub const VERIFY: &str = "Verify";

/// The states in which a command or RDS is waited for, before any service gets the release.
const BEFORE_THE_ROLLOUT: [&str; 3] = ["Run backup", "Run migration", "Wait for snapshot"];

/// What it takes to call an operation off.
///
/// Step Functions stops an execution where it is, and runs no `Catch`: stopped in its rollout, some services would be left on the
/// new release and others on the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallingOff {
    /// Its execution is stopped: no service has got anything of its release.
    Stop,
    /// The cancel goes on the record, and the rollouts that it waits for are ended: the workflow then restores the services.
    PutBack,
    /// It is about to roll out, or past that, or puts services back, and goes on.
    NotNow,
}

impl Operation {
    /// What it takes to call it off at the step at which it is.
    pub fn calling_off(&self) -> CallingOff {
        let is_released = self.steps.iter().any(|step| step.name == PREPARE_RELEASE);
        if self.status != OperationStatus::Running || !is_released {
            return CallingOff::Stop;
        }
        let runs = |states: &[&str]| {
            let running = self.steps.iter().filter(|step| step.status == StepStatus::Running);
            running
                .map(|step| step.name.split_once(':').map_or(step.name.as_str(), |(state, _)| state))
                .any(|state| states.contains(&state))
        };
        // First: the rollouts that the workflow gave up still stand as running then.
        if runs(&[WAIT_UNTIL_PUT_BACK]) {
            CallingOff::NotNow
        } else if runs(&[WAIT_UNTIL_STABLE, VERIFY]) {
            CallingOff::PutBack
        } else if runs(&BEFORE_THE_ROLLOUT) {
            CallingOff::Stop
        } else {
            CallingOff::NotNow
        }
    }

    /// Records that the operation is to be cancelled, where the workflow can still restore the services. A step that lets the
    /// release pass reads it in the write with which it ends, so one of the two is first and the other one sees it.
    pub fn request_cancel(&mut self, failure: &Failure) {
        if self.cancel_requested().is_none() && self.calling_off() == CallingOff::PutBack {
            self.failure = Some(failure.clone());
        }
    }

    /// Who cancelled the operation, of one whose workflow is yet to end it.
    pub fn cancel_requested(&self) -> Option<&Failure> {
        let runs = self.status == OperationStatus::Running;
        let failure = self.failure.as_ref().filter(|_| runs);
        failure.filter(|failure| failure.name == ErrorName::Cancelled.as_str())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::id::{OperationId, StackId};
    use crate::name::Digest;

    fn running() -> Operation {
        let operation = json!({
            "id": OperationId::generate(),
            "kind": "release",
            "stack": StackId::from_bits(7),
            "stack_name": "shop",
            "environment": "local",
            "status": "running",
            "revision": 1,
            "configuration": {"blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "variables": {}, "sensitive": []},
            "requested_by": "ann",
            "created_at": Timestamp::UNIX_EPOCH,
        });
        serde_json::from_value(operation).expect("an operation")
    }

    #[test]
    fn nothing_is_stopped_that_would_leave_services_half_way() {
        let at = |steps: &[(&str, StepStatus)]| {
            let mut operation = running();
            for (name, status) in steps {
                operation.begin_step(name, Timestamp::UNIX_EPOCH);
                operation.end_step(name, *status, Timestamp::UNIX_EPOCH);
            }
            operation.calling_off()
        };
        let prepared = (PREPARE_RELEASE, StepStatus::Succeeded);
        let of = |state: &str| format!("{state}: web");
        let (stable, put_back) = (of(WAIT_UNTIL_STABLE), of(WAIT_UNTIL_PUT_BACK));
        for (expected, last) in [
            (CallingOff::Stop, vec![("Apply", StepStatus::Running)]),
            (CallingOff::NotNow, vec![prepared]),
            (
                CallingOff::Stop,
                vec![prepared, ("Wait for snapshot", StepStatus::Running)],
            ),
            (
                CallingOff::Stop,
                vec![prepared, ("Run migration: migrate", StepStatus::Running)],
            ),
            (
                CallingOff::NotNow,
                vec![prepared, ("Run migration: migrate", StepStatus::Succeeded)],
            ),
            (
                CallingOff::PutBack,
                vec![prepared, (stable.as_str(), StepStatus::Running)],
            ),
            (
                CallingOff::NotNow,
                vec![prepared, (stable.as_str(), StepStatus::Succeeded)],
            ),
            (CallingOff::PutBack, vec![prepared, (VERIFY, StepStatus::Running)]),
            (CallingOff::NotNow, vec![prepared, (VERIFY, StepStatus::Succeeded)]),
            (
                CallingOff::NotNow,
                vec![
                    prepared,
                    (stable.as_str(), StepStatus::Running),
                    (put_back.as_str(), StepStatus::Running),
                ],
            ),
        ] {
            assert_eq!(at(&last), expected, "{last:?}");
        }
    }
}
