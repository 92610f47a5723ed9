//! History events in the shape of AWS `GetExecutionHistory`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// AWS stops an execution whose history reaches this many events (quota "Maximum execution history size").
pub const MAX_EVENTS: u64 = 25_000;

/// The `type` of an event. Only the types that a supported machine can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are AWS's own and say what they are")]
pub enum EventType {
    ExecutionStarted,
    ExecutionSucceeded,
    ExecutionFailed,
    ExecutionTimedOut,
    ExecutionAborted,
    EvaluationFailed,
    ChoiceStateEntered,
    ChoiceStateExited,
    FailStateEntered,
    PassStateEntered,
    PassStateExited,
    SucceedStateEntered,
    SucceedStateExited,
    WaitStateEntered,
    WaitStateExited,
    WaitStateAborted,
    TaskStateEntered,
    TaskStateExited,
    TaskStateAborted,
    TaskScheduled,
    TaskStarted,
    TaskSubmitted,
    TaskSubmitFailed,
    TaskSucceeded,
    TaskFailed,
    TaskTimedOut,
    LambdaFunctionScheduled,
    LambdaFunctionStarted,
    LambdaFunctionSucceeded,
    LambdaFunctionFailed,
    LambdaFunctionTimedOut,
    ParallelStateEntered,
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    ParallelStateAborted,
    ParallelStateExited,
    MapStateEntered,
    MapStateStarted,
    MapStateSucceeded,
    MapStateFailed,
    MapStateAborted,
    MapStateExited,
    MapIterationStarted,
    MapIterationSucceeded,
    MapIterationFailed,
    MapIterationAborted,
}

/// One event of an execution's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEvent {
    /// When it happened; on the wire a number of seconds, as in AWS's JSON protocol.
    #[serde(with = "epoch_seconds")]
    pub timestamp: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// From 1, without gaps.
    pub id: u64,
    /// The event that this one follows; 0 for the first event of an execution and for its first state.
    pub previous_event_id: u64,
    /// The details object, under the name that belongs to the type. Some types have none.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub details: Option<EventDetails>,
}

/// The details of an event: one field of AWS's `HistoryEvent`, named as there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are AWS's own and say what they are")]
pub enum EventDetails {
    #[serde(rename = "executionStartedEventDetails")]
    ExecutionStarted(ExecutionStartedDetails),
    #[serde(rename = "executionSucceededEventDetails")]
    ExecutionSucceeded(OutputDetails),
    #[serde(rename = "executionFailedEventDetails")]
    ExecutionFailed(ErrorDetails),
    #[serde(rename = "executionTimedOutEventDetails")]
    ExecutionTimedOut(ErrorDetails),
    #[serde(rename = "executionAbortedEventDetails")]
    ExecutionAborted(ErrorDetails),
    #[serde(rename = "evaluationFailedEventDetails")]
    EvaluationFailed(EvaluationFailedDetails),
    #[serde(rename = "stateEnteredEventDetails")]
    StateEntered(StateEnteredDetails),
    #[serde(rename = "stateExitedEventDetails")]
    StateExited(StateExitedDetails),
    #[serde(rename = "taskScheduledEventDetails")]
    TaskScheduled(TaskScheduledDetails),
    #[serde(rename = "taskStartedEventDetails")]
    TaskStarted(TaskDetails),
    #[serde(rename = "taskSubmittedEventDetails")]
    TaskSubmitted(TaskOutputDetails),
    #[serde(rename = "taskSubmitFailedEventDetails")]
    TaskSubmitFailed(TaskErrorDetails),
    #[serde(rename = "taskSucceededEventDetails")]
    TaskSucceeded(TaskOutputDetails),
    #[serde(rename = "taskFailedEventDetails")]
    TaskFailed(TaskErrorDetails),
    #[serde(rename = "taskTimedOutEventDetails")]
    TaskTimedOut(TaskErrorDetails),
    #[serde(rename = "lambdaFunctionScheduledEventDetails")]
    LambdaFunctionScheduled(LambdaFunctionScheduledDetails),
    #[serde(rename = "lambdaFunctionSucceededEventDetails")]
    LambdaFunctionSucceeded(OutputDetails),
    #[serde(rename = "lambdaFunctionFailedEventDetails")]
    LambdaFunctionFailed(ErrorDetails),
    #[serde(rename = "lambdaFunctionTimedOutEventDetails")]
    LambdaFunctionTimedOut(ErrorDetails),
    #[serde(rename = "mapStateStartedEventDetails")]
    MapStateStarted(MapStateStartedDetails),
    #[serde(rename = "mapIterationStartedEventDetails")]
    MapIterationStarted(MapIterationDetails),
    #[serde(rename = "mapIterationSucceededEventDetails")]
    MapIterationSucceeded(MapIterationDetails),
    #[serde(rename = "mapIterationFailedEventDetails")]
    MapIterationFailed(MapIterationDetails),
    #[serde(rename = "mapIterationAbortedEventDetails")]
    MapIterationAborted(MapIterationDetails),
}

/// `inputDetails`, `outputDetails`, `assignedVariablesDetails`: never truncated here, data over the limit fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDetails {
    /// Whether the text beside it was cut.
    pub truncated: bool,
}

/// Of `ExecutionStarted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionStartedDetails {
    /// The input as JSON text.
    pub input: String,
    /// About `input`.
    pub input_details: DataDetails,
    /// The role of the execution.
    pub role_arn: String,
}

/// An output alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputDetails {
    /// The output as JSON text.
    pub output: String,
    /// About `output`.
    pub output_details: DataDetails,
}

/// An error alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetails {
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The error's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Of `EvaluationFailed`: which expression, in which field of which state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationFailedDetails {
    /// The error's name.
    pub error: String,
    /// The error's text.
    pub cause: String,
    /// The field: `Arguments/ProjectName`.
    pub location: String,
    /// The state's name.
    pub state: String,
}

/// Of every `*StateEntered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateEnteredDetails {
    /// The state's name.
    pub name: String,
    /// Its input as JSON text.
    pub input: String,
    /// About `input`.
    pub input_details: DataDetails,
}

/// Of every `*StateExited`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateExitedDetails {
    /// The state's name.
    pub name: String,
    /// Its output as JSON text.
    pub output: String,
    /// About `output`.
    pub output_details: DataDetails,
    /// The variables that the state assigned, each as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_variables: Option<BTreeMap<String, String>>,
    /// About `assigned_variables`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_variables_details: Option<DataDetails>,
}

/// Of `TaskScheduled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskScheduledDetails {
    /// The service: `codebuild`.
    pub resource_type: String,
    /// The action: `startBuild.sync`.
    pub resource: String,
    /// The region of the call.
    pub region: String,
    /// The evaluated `Arguments` as JSON text.
    pub parameters: String,
    /// The evaluated `Credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_credentials: Option<TaskCredentials>,
    /// `TimeoutSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u64>,
    /// `HeartbeatSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_in_seconds: Option<u64>,
}

/// What a task's call is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCredentials {
    /// The role that is assumed for it.
    pub role_arn: String,
}

/// Of `TaskStarted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDetails {
    /// The service: `codebuild`.
    pub resource_type: String,
    /// The action: `startBuild.sync`.
    pub resource: String,
}

/// Of `TaskSubmitted` and `TaskSucceeded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskOutputDetails {
    /// The service: `codebuild`.
    pub resource_type: String,
    /// The action: `startBuild.sync`.
    pub resource: String,
    /// The output as JSON text.
    pub output: String,
    /// About `output`.
    pub output_details: DataDetails,
}

/// Of `TaskFailed`, `TaskSubmitFailed` and `TaskTimedOut`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskErrorDetails {
    /// The service: `codebuild`.
    pub resource_type: String,
    /// The action: `startBuild.sync`.
    pub resource: String,
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The error's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Of `LambdaFunctionScheduled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LambdaFunctionScheduledDetails {
    /// The ARN of the function.
    pub resource: String,
    /// The payload as JSON text.
    pub input: String,
    /// About `input`.
    pub input_details: DataDetails,
    /// `TimeoutSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u64>,
}

/// Of `MapStateStarted`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapStateStartedDetails {
    /// How many items there are.
    pub length: usize,
}

/// Of every `MapIteration*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapIterationDetails {
    /// The Map state's name.
    pub name: String,
    /// Which item, from 0.
    pub index: usize,
}

mod epoch_seconds {
    //! A timestamp as seconds with milliseconds behind the point.

    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::cast_precision_loss, reason = "milliseconds fit 53 bits for 280,000 years")]
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(at.as_millisecond() as f64 / 1000.0)
    }

    #[allow(clippy::cast_possible_truncation, reason = "out of range is refused by Timestamp")]
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Timestamp::from_millisecond((seconds * 1000.0).round() as i64).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_wire_shape_of_aws_and_reads_back() {
        let event = HistoryEvent {
            timestamp: "2026-11-21T08:00:00.250Z".parse().expect("a time"),
            event_type: EventType::PassStateEntered,
            id: 2,
            previous_event_id: 0,
            details: Some(EventDetails::StateEntered(StateEnteredDetails {
                name: "Plan".to_owned(),
                input: "{}".to_owned(),
                input_details: DataDetails::default(),
            })),
        };
        let wire = serde_json::to_value(&event).expect("serialises");
        assert_eq!(
            wire,
            serde_json::json!({
                "timestamp": 1_795_248_000.25, "type": "PassStateEntered", "id": 2, "previousEventId": 0,
                "stateEnteredEventDetails": {"name": "Plan", "input": "{}", "inputDetails": {"truncated": false}},
            })
        );
        assert_eq!(serde_json::from_value::<HistoryEvent>(wire).expect("reads back"), event);
    }

    #[test]
    fn an_event_without_details_has_no_field_for_them() {
        let event = HistoryEvent {
            timestamp: Timestamp::UNIX_EPOCH,
            event_type: EventType::MapStateSucceeded,
            id: 9,
            previous_event_id: 8,
            details: None,
        };
        let wire = serde_json::to_value(&event).expect("serialises");
        assert_eq!(wire.as_object().map(serde_json::Map::len), Some(4));
        assert_eq!(serde_json::from_value::<HistoryEvent>(wire).expect("reads back"), event);
    }
}
