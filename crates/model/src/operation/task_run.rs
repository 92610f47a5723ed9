//! The one-off task of ECS that an operation runs: what it takes to follow the task, and to stop it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operation, StepStatus};
use crate::id::OperationId;
use crate::name::Digest;

/// The state in which a backup runs, with the backup's name after it.
pub const RUN_BACKUP: &str = "Run backup";
/// The state in which a migration runs, with the migration's name after it.
pub const RUN_MIGRATION: &str = "Run migration";
/// The state in which a task runs, with the task's name after it.
pub const RUN_TASK: &str = "Run task";

/// A one-off task. Commands run one after the other, so an operation has one at most: the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    /// The step that it is: `Run migration: migrate`.
    pub step: String,
    /// The cluster that it runs in.
    pub cluster: String,
    /// How often ECS rejected it, which proves that nothing was started.
    #[serde(default)]
    pub rejected: u32,
    /// Its ARN, once ECS has started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The Step Functions task token of the step, which its end answers. Never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The ARNs of its earlier tasks, which got no lock in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lock_timeouts: Vec<String>,
}

impl TaskRun {
    /// The token by which ECS knows a repeated request to start it. One that ECS rejected is another request the next time.
    ///
    /// ECS takes at most 64 characters: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>.
    pub fn client_token(&self, operation: &OperationId) -> String {
        let Self { step, rejected, .. } = self;
        // Without lock timeouts as earlier versions of Slipway made it.
        let again = match self.lock_timeouts.len() {
            0 => String::new(),
            times => format!("/{times}"),
        };
        Digest::of(format!("{operation}/{step}/{rejected}{again}").as_bytes())
            .hex()
            .to_owned()
    }
}

impl Operation {
    /// A step that runs a one-off task waits, with this token. One that has ended already stays as it is.
    pub fn wait_for_task(&mut self, step: &str, cluster: &str, token: &str, now: Timestamp) {
        if self.has_ended_step(step) {
            return;
        }
        self.begin_step(step, now);
        let own = self.task_run.take().filter(|run| run.step == step);
        self.task_run = Some(TaskRun {
            token: Some(token.to_owned()),
            ..own.unwrap_or_else(|| TaskRun {
                step: step.to_owned(),
                cluster: cluster.to_owned(),
                rejected: 0,
                task: None,
                token: None,
                lock_timeouts: Vec::new(),
            })
        });
    }

    /// The task of this step got no lock in time, and had no effect: the step starts another one. Idempotent.
    pub fn lock_timed_out(&mut self, step: &str, task: &str) {
        let Some(run) = self.task_run.as_mut().filter(|run| run.step == step) else {
            return;
        };
        if run.lock_timeouts.iter().any(|known| known == task) {
            return;
        }
        run.lock_timeouts.push(task.to_owned());
        run.task = None;
        run.token = None;
    }

    /// How many tasks of this step got no lock in time.
    pub fn lock_timeouts(&self, step: &str) -> usize {
        let run = self.task_run.as_ref().filter(|run| run.step == step);
        run.map_or(0, |run| run.lock_timeouts.len())
    }

    /// The one-off task of this step is known to ECS by this ARN.
    pub fn task_started(&mut self, step: &str, task: &str) {
        if let Some(run) = self.task_run.as_mut().filter(|run| run.step == step) {
            run.task = Some(task.to_owned());
        }
    }

    /// ECS rejected the one-off task of this step, and started nothing.
    pub fn task_rejected(&mut self, step: &str) {
        if let Some(run) = self.task_run.as_mut().filter(|run| run.step == step) {
            run.rejected += 1;
        }
    }

    /// The one-off task of a step that has not ended.
    pub fn running_task(&self) -> Option<&TaskRun> {
        self.task_run.as_ref().filter(|run| !self.has_ended_step(&run.step))
    }

    fn has_ended_step(&self, name: &str) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.name == name && step.status != StepStatus::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_without_effect_gets_another_client_token() {
        let operation = OperationId::generate();
        let run = TaskRun {
            step: format!("{RUN_MIGRATION}: migrate"),
            cluster: "main".to_owned(),
            rejected: 0,
            task: None,
            token: None,
            lock_timeouts: Vec::new(),
        };
        let repeated = TaskRun {
            token: Some("another".to_owned()),
            ..run.clone()
        };
        let rejected = TaskRun {
            rejected: 1,
            ..run.clone()
        };
        let again = TaskRun {
            lock_timeouts: vec!["arn:task".to_owned()],
            ..run.clone()
        };
        let next = TaskRun {
            step: format!("{RUN_MIGRATION}: seed"),
            ..run.clone()
        };
        let token = run.client_token(&operation);
        assert_eq!(token.len(), 64);
        assert_eq!(repeated.client_token(&operation), token);
        for other in [
            rejected.client_token(&operation),
            again.client_token(&operation),
            next.client_token(&operation),
            run.client_token(&OperationId::generate()),
        ] {
            assert_ne!(other, token);
        }
    }
}
