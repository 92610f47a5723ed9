//! What the states of the workflow send. A field that is not known here is refused: the two cannot drift apart unseen.

use serde::Deserialize;
use slipway_model::id::OperationId;
use slipway_model::name::Name;

/// The payload of one `lambda:invoke`, by its step.
#[derive(Debug, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Payload {
    Begin {
        operation: OperationId,
        execution: String,
    },
    ReviewPlan {
        operation: OperationId,
    },
    AskApproval {
        operation: OperationId,
        token: String,
    },
    RecordOutputs {
        operation: OperationId,
    },
    PrepareRelease {
        operation: OperationId,
    },
    CheckMigration {
        operation: OperationId,
        cluster: String,
        migration: EndedMigration,
    },
    AwaitRollout {
        operation: OperationId,
        token: String,
        state: String,
        cluster: String,
        rollout: Rollout,
    },
    Verify {
        operation: OperationId,
    },
    Complete {
        operation: OperationId,
    },
    RecordFailure {
        operation: OperationId,
        failure: Failed,
    },
}

/// A migration whose task has ended, or never ran.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndedMigration {
    pub name: Name,
    /// The container that the command ran in.
    pub container: String,
    pub timeout_seconds: u32,
    /// The ARN of its ECS task; empty where there is none.
    pub task: String,
    /// The error of Run migration; empty when ECS ran the task to its end.
    #[serde(default)]
    pub error: String,
    #[serde(default)]
    pub cause: String,
}

/// A service that ECS rolls out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollout {
    /// What the blueprint calls the service.
    pub key: Name,
    /// The ARN of the service.
    pub service: String,
    /// The id of the ECS deployment.
    pub deployment: String,
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_refused() {
        let id = OperationId::generate();
        let parse = |value| serde_json::from_value::<Payload>(value);
        assert!(parse(json!({"step": "verify", "operation": id})).is_ok());
        for wrong in [
            json!({"step": "verify", "operation": id, "more": 1}),
            json!({"step": "verify", "operation": "op-1"}),
            json!({"step": "verify"}),
            json!({"step": "erase", "operation": id}),
            json!({"operation": id}),
        ] {
            assert!(parse(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
