//! Runs a machine to its end in no time, for tests of state machines.

use serde_json::Value;

use crate::definition::StateMachine;
use crate::execution::{Outcome, TaskRequest};
use crate::history::HistoryEvent;

/// What a simulated task answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The task succeeds with this output.
    Succeed(Value),
    /// The task fails.
    Fail {
        /// The error's name, which `ErrorEquals` matches.
        error: String,
        /// The error's text.
        cause: String,
    },
    /// The task never answers: its `TimeoutSeconds` or `HeartbeatSeconds` passes.
    Never,
}

/// What a simulation saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The whole history, as `GetExecutionHistory` would list it.
    pub history: Vec<HistoryEvent>,
    /// How the execution ended.
    pub outcome: Outcome,
    /// Every task attempt, in order.
    pub tasks: Vec<TaskRequest>,
}

/// Runs `machine` with `input`; `answer` is asked once for each task attempt. Timers fire in order without waiting.
pub fn simulate(
    _machine: &StateMachine,
    _input: Value,
    _answer: impl FnMut(&TaskRequest) -> Answer,
) -> Simulation {
    todo!("the interpreter follows")
}
