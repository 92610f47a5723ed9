//! What an execution and its driver say to each other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::history::HistoryEvent;
use crate::resource::Resource;

/// What `StartExecution` knows, and the `$states.context` object shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutionStart {
    /// The ARN of the execution: `$states.context.Execution.Id`.
    pub arn: String,
    /// The name of the execution: `$states.context.Execution.Name`.
    pub name: String,
    /// The role it runs with: `$states.context.Execution.RoleArn`.
    pub role_arn: String,
    /// The ARN of the state machine: `$states.context.StateMachine.Id`. Its region is the one that events name.
    pub state_machine_arn: String,
    /// The name of the state machine: `$states.context.StateMachine.Name`.
    pub state_machine_name: String,
    /// The input of the execution.
    pub input: Value,
}

/// Names one attempt of a Task state. A retry is a new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// Names one timer of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

/// Something that happened outside and that the execution has to know.
///
/// An event that names a task or timer which is no longer open is ignored: a task that answers after its timeout, a
/// timer that fires while it is being cancelled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The call is on its way: `TaskStarted`.
    TaskStarted {
        /// The task.
        task: TaskId,
    },
    /// The call of a `.sync` or `.waitForTaskToken` task was accepted: `TaskSubmitted`.
    TaskSubmitted {
        /// The task.
        task: TaskId,
        /// What the service answered.
        output: Value,
    },
    /// The call of a `.sync` or `.waitForTaskToken` task was refused: `TaskSubmitFailed`.
    TaskSubmitFailed {
        /// The task.
        task: TaskId,
        /// The error's name, `CodeBuild.AWSCodeBuildException`.
        error: Option<String>,
        /// The error's text.
        cause: Option<String>,
    },
    /// The task has its result: `TaskSucceeded`.
    TaskSucceeded {
        /// The task.
        task: TaskId,
        /// The result, in the shape that AWS gives for this integration.
        output: Value,
    },
    /// The task failed: `TaskFailed`. Both texts are optional, as in `SendTaskFailure`.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// The error's name, which `ErrorEquals` matches.
        error: Option<String>,
        /// The error's text.
        cause: Option<String>,
    },
    /// `SendTaskHeartbeat` was called for the task.
    Heartbeat {
        /// The task.
        task: TaskId,
    },
    /// A timer is due.
    TimerFired {
        /// The timer.
        timer: TimerId,
    },
    /// `StopExecution` was called.
    Abort {
        /// The error given by the caller.
        error: Option<String>,
        /// The cause given by the caller.
        cause: Option<String>,
    },
}

/// A task that has to be started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRequest {
    /// The id that its events carry.
    pub task: TaskId,
    /// The name of the state, for logs.
    pub state: String,
    /// What to call.
    pub resource: Resource,
    /// The role to call it with; none means the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The evaluated `Arguments`, or the state's input where it has none.
    pub arguments: Value,
    /// The token of a `.waitForTaskToken` task, which `Arguments` may have passed on already.
    pub token: Option<String>,
}

/// Something that the driver has to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Start a task, and answer with its events.
    StartTask(Box<TaskRequest>),
    /// Stop a task whose answer is no longer needed (it timed out, its branch or execution was stopped). As on
    /// AWS, the job of a `.sync` task is then stopped too.
    CancelTask {
        /// The task.
        task: TaskId,
    },
    /// Answer with [`Event::TimerFired`] at this time, or at once if it has passed.
    StartTimer {
        /// The timer.
        timer: TimerId,
        /// When it is due.
        at: Timestamp,
    },
    /// The timer is not needed any more.
    CancelTimer {
        /// The timer.
        timer: TimerId,
    },
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// `SUCCEEDED`.
    Succeeded {
        /// The output of its last state.
        output: Value,
    },
    /// `FAILED`.
    Failed {
        /// The error's name. A Fail state may have none.
        error: Option<String>,
        /// The error's text.
        cause: Option<String>,
    },
    /// `TIMED_OUT`: the machine's own `TimeoutSeconds` has passed.
    TimedOut,
    /// `ABORTED` by [`Event::Abort`].
    Aborted {
        /// The error given by the caller.
        error: Option<String>,
        /// The cause given by the caller.
        cause: Option<String>,
    },
}

/// What came of one event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The history events that this turn adds, in order.
    pub history: Vec<HistoryEvent>,
    /// What the driver has to do now, in order.
    pub effects: Vec<Effect>,
    /// How the execution ended, if it did in this turn.
    pub outcome: Option<Outcome>,
}
