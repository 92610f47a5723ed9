//! What a release stops or changes while it runs, and what it takes to restore it.
//!
//! Each item goes on the record before the workflow changes it, and leaves the record after it is as before. So whatever ends the
//! operation in between, the record says what is still to be restored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reconfigure::Reconfigured;
use super::{Operation, StepStatus};
use crate::name::Name;

/// The state that stops workers and schedules.
pub const QUIESCE: &str = "Quiesce workers";
/// The state that runs them again after a failure.
pub const RESUME: &str = "Resume workers";

/// What an operation has stopped or changed for a time, and not restored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiesced {
    /// The services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<QuiescedService>,
    /// The schedules. All of them were enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<QuiescedSchedule>,
    /// The services whose deployment configuration is another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configurations: Vec<Reconfigured>,
}

/// A service that runs no tasks while migrations run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuiescedService {
    /// Its name in the contract.
    pub key: Name,
    /// Its name in ECS.
    pub name: String,
    /// The ARN or name of its cluster.
    pub cluster: String,
    /// Its desired count before.
    pub desired_count: i32,
    /// Which activities of its autoscaler were suspended before; none without an autoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Suspended>,
}

/// The suspended activities of an autoscaler: `SuspendedState` of Application Auto Scaling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    /// Scaling in by a policy.
    pub scale_in: bool,
    /// Scaling out by a policy.
    pub scale_out: bool,
    /// Scheduled scaling.
    pub scheduled: bool,
}

/// A schedule that starts no tasks while migrations run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuiescedSchedule {
    /// Its name in the contract.
    pub key: Name,
    /// Its name in EventBridge Scheduler.
    pub name: String,
    /// The group that it is in.
    pub group: String,
}

impl Suspended {
    /// Every activity.
    pub const ALL: Self = Self {
        scale_in: true,
        scale_out: true,
        scheduled: true,
    };
}

impl Quiesced {
    /// Whether everything is as before.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.schedules.is_empty() && self.configurations.is_empty()
    }

    /// The changed deployment configuration of the service of this name in the contract.
    pub fn configuration(&self, key: &Name) -> Option<&Reconfigured> {
        self.configurations.iter().find(|service| service.key == *key)
    }

    /// The service of this name in the contract.
    pub fn service(&self, key: &Name) -> Option<&QuiescedService> {
        self.services.iter().find(|service| service.key == *key)
    }

    /// Whether everything of `other` is among them.
    pub fn includes(&self, other: &Self) -> bool {
        let mut services = other.services.iter();
        let mut schedules = other.schedules.iter();
        services.all(|service| self.service(&service.key).is_some())
            && schedules.all(|schedule| self.has_schedule(&schedule.key))
    }

    /// Whether the schedule of this name in the contract is among them.
    pub fn has_schedule(&self, key: &Name) -> bool {
        self.schedules.iter().any(|schedule| schedule.key == *key)
    }
}

impl Operation {
    /// A service is about to be stopped. The first record counts: a repeated step finds the service stopped.
    pub fn quiesce_service(&mut self, service: &QuiescedService) {
        if self.quiesced.service(&service.key).is_none() {
            self.quiesced.services.push(service.clone());
        }
    }

    /// A schedule is about to be disabled.
    pub fn quiesce_schedule(&mut self, schedule: &QuiescedSchedule) {
        if !self.quiesced.has_schedule(&schedule.key) {
            self.quiesced.schedules.push(schedule.clone());
        }
    }

    /// A service runs again, or no longer exists.
    pub fn service_resumed(&mut self, key: &Name) {
        self.quiesced.services.retain(|service| service.key != *key);
    }

    /// A schedule is enabled again, or no longer exists.
    pub fn schedule_resumed(&mut self, key: &Name) {
        self.quiesced.schedules.retain(|schedule| schedule.key != *key);
    }

    /// Nothing of the quiesced runs any more: the step `next` begins, unless a cancel came first, which keeps this one running.
    pub fn end_quiesce(&mut self, next: Option<&str>, now: Timestamp) {
        if self.cancel_requested().is_some() {
            return;
        }
        self.end_step(QUIESCE, StepStatus::Succeeded, now);
        if let Some(next) = next {
            self.begin_step(next, now);
        }
    }

    /// What it has stopped and not restored, as a sentence; none where everything runs.
    pub fn quiesced_sentence(&self) -> Option<String> {
        let Quiesced {
            services, schedules, ..
        } = &self.quiesced;
        let quoted = |keys: Vec<&Name>| {
            let quoted: Vec<String> = keys.into_iter().map(|key| format!("`{key}`")).collect();
            quoted.join(", ")
        };
        let services = quoted(services.iter().map(|service| &service.key).collect());
        let schedules = quoted(schedules.iter().map(|schedule| &schedule.key).collect());
        let what = match (services.is_empty(), schedules.is_empty()) {
            (true, true) => return None,
            (false, true) => format!("Services ({services})"),
            (true, false) => format!("Schedules ({schedules})"),
            (false, false) => format!("Services ({services}) and schedules ({schedules})"),
        };
        Some(if self.owes_resume() {
            format!(
                "{what} are still stopped, although the operation has ended. Slipway resumes them every five minutes, and before \
                 the next release."
            )
        } else {
            format!("{what} are stopped while migrations run. They run again before the operation ends.")
        })
    }

    /// Whether it has ended before everything that it stopped or changed was as before.
    pub fn owes_resume(&self) -> bool {
        self.status.has_ended() && !self.quiesced.is_empty()
    }
}
