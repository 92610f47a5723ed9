//! An execution as a value, and the words in which a driver talks with it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::StateMachine;
use crate::history::HistoryEvent;
use crate::interpreter::{Interpreter, TimerPurpose};
use crate::random::Random;
use crate::resource::Resource;
use crate::thread::{Phase, Thread, ThreadId};

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

/// One run of a state machine.
///
/// All of it is data: save it after each [`Turn`] and read it back to go on. It belongs to the definition that it was
/// started with, and goes on only with that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub(crate) start: ExecutionStart,
    pub(crate) started_at: Timestamp,
    pub(crate) random: Random,
    /// The id of the last history event.
    pub(crate) last_event: u64,
    /// The last number given to a task, timer or thread: an id never comes back.
    last_id: u64,
    pub(crate) threads: BTreeMap<ThreadId, Thread>,
    pub(crate) timers: BTreeMap<TimerId, Timer>,
    pub(crate) outcome: Option<Outcome>,
}

/// An open timer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timer {
    pub at: Timestamp,
    pub purpose: TimerPurpose,
}

impl Execution {
    /// Starts an execution. `seed` is the only source of randomness that it will have.
    pub fn start(machine: &StateMachine, start: ExecutionStart, now: Timestamp, seed: u64) -> (Self, Turn) {
        let mut execution = Self {
            start,
            started_at: now,
            random: Random::new(seed),
            last_event: 0,
            last_id: 0,
            threads: BTreeMap::new(),
            timers: BTreeMap::new(),
            outcome: None,
        };
        let turn = Interpreter::turn(machine, &mut execution, now, Interpreter::begin);
        (execution, turn)
    }

    /// Takes in one event. An event for a task or timer that is not open, or after the end, changes nothing.
    pub fn handle(&mut self, machine: &StateMachine, event: Event, now: Timestamp) -> Turn {
        if self.outcome.is_some() {
            return Turn::default();
        }
        Interpreter::turn(machine, self, now, |interpreter| interpreter.take_in(event))
    }

    /// Every task that has not answered and every timer that has not fired: what a driver takes up after a restart.
    pub fn pending(&self) -> Vec<Effect> {
        let tasks = self.threads.values().filter_map(|thread| match &thread.visit.phase {
            Phase::Running(task) => Some(Effect::StartTask(Box::new(task.request.clone()))),
            _ => None,
        });
        let timers = self.timers.iter().map(|(timer, open)| Effect::StartTimer {
            timer: *timer,
            at: open.at,
        });
        tasks.chain(timers).collect()
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What it was started with.
    pub fn started_with(&self) -> &ExecutionStart {
        &self.start
    }

    /// When it was started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
