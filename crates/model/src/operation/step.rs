//! The states of the workflow that an operation went through.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::Operation;
use super::cancel::{VERIFY, WAIT_UNTIL_RESTORED};
use super::quiesce::QUIESCE;
use super::unsettled::{POINT_SCHEDULES, RESTORE_SCHEDULES};

/// One state of the workflow, as the operation went through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The name of the state in the AWS console; in a Map, with the name of the item: `Run migration: migrate`.
    #[serde(deserialize_with = "current_name")]
    pub name: String,
    /// When it began (the first time, where it was repeated).
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub status: StepStatus,
}

/// States whose names have changed, with the names of now. Records, and executions that began with an earlier version, have the
/// earlier ones.
const RENAMED: [(&str, &str); 2] = [
    ("Wait until put back", WAIT_UNTIL_RESTORED),
    ("Put back schedules", RESTORE_SCHEDULES),
];

/// Reads the name of a step, under the name that its state has now: nothing else has to know the earlier one.
pub fn current_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let renamed = RENAMED.iter().find_map(|(earlier, now)| {
        let item = name.strip_prefix(earlier)?;
        (item.is_empty() || item.starts_with(": ")).then(|| format!("{now}{item}"))
    });
    Ok(renamed.unwrap_or(name))
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It goes on.
    Running,
    /// It is done.
    Succeeded,
    /// It failed; the operation's failure says why where it is the one that ended the operation.
    Failed,
    /// It ran when the operation was cancelled.
    Cancelled,
}

impl StepStatus {
    /// Its name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Operation {
    /// Notes that a state of the workflow runs. A repeated one keeps the time at which it began first.
    pub fn begin_step(&mut self, name: &str, now: Timestamp) {
        match self.steps.iter_mut().find(|step| step.name == name) {
            Some(step) => {
                step.status = StepStatus::Running;
                step.ended_at = None;
            }
            None => self.steps.push(Step {
                name: name.to_owned(),
                started_at: now,
                ended_at: None,
                status: StepStatus::Running,
            }),
        }
    }

    /// Notes how a state of the workflow ended.
    pub fn end_step(&mut self, name: &str, status: StepStatus, now: Timestamp) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.name == name) {
            step.end(status, now);
        }
    }

    /// The name of the state that runs; of several, of the one that began last.
    pub fn running_step(&self) -> Option<&str> {
        let mut steps = self.steps.iter().rev();
        let running = steps.find(|step| step.status == StepStatus::Running);
        running.map(|step| step.name.as_str())
    }

    /// Notes that the workflow restores what the release changed: the state that it gave up for that ended now. No state says so itself,
    /// and its time is not that of what is restored. Items of Maps end when what they wait for does.
    pub fn give_up(&mut self, now: Timestamp) {
        let is_cancelled = self.cancel.is_some() || self.cancel_requested().is_some();
        let status = if is_cancelled {
            StepStatus::Cancelled
        } else {
            StepStatus::Failed
        };
        for step in &mut self.steps {
            let is_given_up = [QUIESCE, VERIFY, POINT_SCHEDULES].contains(&step.name.as_str());
            if is_given_up && step.status == StepStatus::Running {
                step.end(status, now);
            }
        }
    }

    /// Notes that the states which ran have ended.
    pub fn end_running_steps(&mut self, status: StepStatus, now: Timestamp) {
        for step in &mut self.steps {
            if step.status == StepStatus::Running {
                step.end(status, now);
            }
        }
    }
}

impl Step {
    /// The first end stays: that a step ended so may be said again by a later one.
    fn end(&mut self, status: StepStatus, now: Timestamp) {
        if self.status == status && self.ended_at.is_some() {
            return;
        }
        self.status = status;
        self.ended_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operation::cancel::Cancel;
    use crate::operation::example;
    use crate::stack::Unsettled;

    #[test]
    fn earlier_names_of_states_are_read_as_those_of_now() {
        let at = Timestamp::UNIX_EPOCH;
        let step = |name: &str, status: &str| json!({"name": name, "started_at": at, "status": status});
        let release = |last: serde_json::Value| {
            let steps = [
                step("Wait until stable: web", "failed"),
                step("Point schedules", "failed"),
                step("Put back schedules", "succeeded"),
                last,
            ];
            example::operation(&json!({"kind": "release", "release": 2, "steps": steps}))
        };
        let restoring = release(step("Wait until put back: web", "running"));
        assert_eq!(restoring.cancelling(), Cancel::NotNow);
        assert_eq!(restoring.running_step(), Some("Wait until restored: web"));
        let restored = release(step("Wait until put back: web", "succeeded"));
        assert_eq!(Unsettled::left_by(&restored, None, at), None);
        let other = release(step("Wait until put backwards", "running"));
        assert_eq!(other.running_step(), Some("Wait until put backwards"));
    }
}
