//! What the states of the workflow send. A field that is not known here is refused: the two cannot drift apart unseen.

use jiff::Timestamp;
use serde::Deserialize;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Name;

use crate::commands::PreparedCommand;
use crate::prepare_release::{Placement, PreparedService, PreparedSnapshot};
use crate::stack_account::Place;
use crate::state::Direction;

/// An operation that is read together with its stack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfStack {
    pub operation: OperationId,
    /// The stack, which saves a read. None from state machines of earlier versions.
    #[serde(default)]
    pub stack: Option<StackId>,
}

/// The payload of one `lambda:invoke`, by its step.
#[derive(Debug, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Payload {
    Begin {
        operation: OperationId,
        /// As in [`OfStack`].
        #[serde(default)]
        stack: Option<StackId>,
        execution: String,
    },
    ReviewPlan {
        operation: OperationId,
    },
    AskApproval {
        operation: OperationId,
        token: String,
    },
    RecordOutputs(OfStack),
    PrepareRelease {
        operation: OperationId,
    },
    PrepareTask {
        operation: OperationId,
    },
    RunTask(RunTask),
    CheckTask {
        operation: OperationId,
        /// When the workflow entered the state. None from state machines of earlier versions.
        #[serde(default)]
        entered: Option<Timestamp>,
        place: Place,
        cluster: String,
        what: What,
        task: EndedTask,
    },
    Quiesce {
        operation: OperationId,
        place: Place,
        cluster: String,
    },
    Resume {
        operation: OperationId,
        place: Place,
    },
    StopRollouts {
        operation: OperationId,
        place: Place,
        cluster: String,
        services: Vec<PreparedService>,
    },
    UpdateService {
        operation: OperationId,
        state: Direction,
        place: Place,
        cluster: String,
        service: Updated,
    },
    AwaitRollout {
        operation: OperationId,
        token: String,
        state: Direction,
        entered: Timestamp,
        place: Place,
        cluster: String,
        rollout: Rollout,
    },
    TakeSnapshot {
        operation: OperationId,
        place: Place,
        snapshot: PreparedSnapshot,
    },
    AwaitSnapshot {
        operation: OperationId,
        token: String,
        place: Place,
        snapshot: PreparedSnapshot,
    },
    Verify {
        operation: OperationId,
        place: Place,
        cluster: String,
    },
    PointSchedules {
        operation: OperationId,
        place: Place,
    },
    // Executions that began with an earlier version send the earlier name.
    #[serde(alias = "put_back_schedules")]
    RestoreSchedules {
        operation: OperationId,
        place: Place,
    },
    Complete(OfStack),
    RecordFailure {
        operation: OperationId,
        failure: Failed,
    },
}

/// What a one-off task is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Migration,
    Backup,
    Task,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Migration => "migration",
            Self::Backup => "backup",
            Self::Task => "task",
        })
    }
}

/// A one-off task that is to run, and whose end answers the token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunTask {
    pub operation: OperationId,
    pub token: String,
    /// When the workflow entered the state, this time.
    pub entered: Timestamp,
    pub place: Place,
    pub cluster: String,
    pub placement: Placement,
    pub what: What,
    pub command: PreparedCommand,
}

/// A one-off task that has ended, or never ran.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndedTask {
    pub name: Name,
    /// The container that the command ran in.
    pub container: String,
    pub timeout_seconds: u32,
    /// The ARN of its ECS task; empty where there is none.
    pub task: String,
    /// The step that comes after it, where that runs as a task as well.
    pub next: Option<String>,
    /// The error of the state that ran it; empty when ECS ran the task to its end.
    #[serde(default)]
    pub error: String,
    #[serde(default)]
    pub cause: String,
    /// What ran, to run it again. None from state machines of earlier versions.
    #[serde(default)]
    pub command: Option<PreparedCommand>,
}

/// What a service is updated to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Updated {
    /// What the blueprint calls the service.
    pub key: Name,
    /// What ECS calls it.
    pub name: String,
    pub task_definition: String,
    /// The desired count; none if an autoscaler owns it.
    pub desired_count: Option<i32>,
}

/// A service that ECS rolls out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollout {
    /// What the blueprint calls the service.
    pub key: Name,
    /// The ARN of the service.
    pub service: String,
    /// The id of the ECS deployment; empty where ECS did not show it yet when the service was updated.
    pub deployment: String,
    /// What the service was updated to.
    pub task_definition: String,
    /// Whether ECS shifts requests by weight. Executions that began with an earlier version do not say it.
    #[serde(default)]
    pub progressive: bool,
    /// When the workflow began to update the service.
    pub since: Timestamp,
    pub timeout_seconds: u32,
}

/// How a state of the workflow failed, in the words of its Catch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failed {
    pub step: String,
    pub error: String,
    pub cause: String,
    /// The ARN of the CodeBuild build that failed; empty where none did.
    #[serde(default)]
    pub job: String,
}

/// An event, as EventBridge brings it.
#[derive(Debug, Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
pub(crate) enum Event {
    /// An execution has ended. Its name is the id of its operation.
    #[serde(rename = "Step Functions Execution Status Change")]
    ExecutionEnded { name: OperationId },
    /// The sweeper has found an operation that ended before its workers were resumed.
    #[serde(rename = "Slipway Resume Due")]
    ResumeDue { operation: OperationId },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_refused() {
        let id = OperationId::generate();
        let parse = |value| serde_json::from_value::<Payload>(value);
        assert!(parse(json!({"step": "complete", "operation": id})).is_ok());
        assert!(parse(json!({"step": "complete", "operation": id, "stack": StackId::from_bits(1)})).is_ok());
        for wrong in [
            json!({"step": "complete", "operation": id, "more": 1}),
            json!({"step": "complete", "operation": "op-1"}),
            json!({"step": "complete"}),
            json!({"step": "erase", "operation": id}),
            json!({"operation": id}),
        ] {
            assert!(parse(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
