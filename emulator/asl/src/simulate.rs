//! Runs a machine to its end in no time, for tests of state machines.
//!
//! ```
//! use serde_json::json;
//! use asl_interpreter::simulate::{Answer, simulate};
//! use asl_interpreter::{Outcome, StateMachine};
//!
//! let machine = StateMachine::parse(
//!     r#"{
//!         "QueryLanguage": "JSONata", "StartAt": "Double", "States": {
//!             "Double": {
//!                 "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
//!                 "Arguments": {"FunctionName": "double", "Payload": "{% $states.input.n %}"},
//!                 "Output": "{% $states.result.Payload %}", "End": true
//!             }
//!         }
//!     }"#,
//! )?;
//! let run = simulate(&machine, json!({"n": 21}), |task| {
//!     let n = task.arguments["Payload"].as_i64().unwrap_or(0);
//!     Answer::Succeed(json!({"Payload": n * 2}))
//! });
//! assert_eq!(run.outcome, Outcome::Succeeded { output: json!(42) });
//! assert_eq!(run.visited(), ["Double"]);
//! # Ok::<(), asl_interpreter::DefinitionErrors>(())
//! ```

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::Value;

use crate::definition::StateMachine;
use crate::driver::{Effect, Event, ExecutionStart, Outcome, TaskRequest};
use crate::execution::Execution;
use crate::history::{EventDetails, HistoryEvent};
use crate::resource::IntegrationPattern;

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
    /// The execution is stopped instead, as `StopExecution` does.
    Abort,
}

impl Answer {
    /// A failure.
    pub fn fail(error: &str, cause: &str) -> Self {
        Self::Fail {
            error: error.to_owned(),
            cause: cause.to_owned(),
        }
    }
}

/// What a simulation saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The whole history, as `GetExecutionHistory` would list it.
    pub history: Vec<HistoryEvent>,
    /// How the execution ended. One in which every task stays silent without a timeout counts as
    /// [`Outcome::TimedOut`].
    pub outcome: Outcome,
    /// Every task attempt, in order.
    pub tasks: Vec<TaskRequest>,
}

impl Simulation {
    /// The names of the states that were entered, in order.
    pub fn visited(&self) -> Vec<&str> {
        self.history
            .iter()
            .filter_map(|event| match &event.details {
                Some(EventDetails::StateEntered(entered)) => Some(entered.name.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// Runs `machine` with `input`; `answer` is asked once for each task attempt. Timers fire in order without waiting,
/// and only when no task is left to answer.
pub fn simulate(machine: &StateMachine, input: Value, answer: impl FnMut(&TaskRequest) -> Answer) -> Simulation {
    simulate_observed(machine, input, answer, |execution| execution)
}

/// As [`simulate`], and hands the execution to `between` after every turn: what a driver does that saves it and reads
/// it back.
pub fn simulate_observed(
    machine: &StateMachine,
    input: Value,
    mut answer: impl FnMut(&TaskRequest) -> Answer,
    mut between: impl FnMut(Execution) -> Execution,
) -> Simulation {
    let mut now = Timestamp::UNIX_EPOCH;
    let (mut execution, mut turn) = Execution::start(machine, example_start(input), now, 0);
    let mut history = Vec::new();
    let mut tasks = Vec::new();
    let mut events = VecDeque::new();
    loop {
        history.append(&mut turn.history);
        if let Some(outcome) = turn.outcome {
            return Simulation {
                history,
                outcome,
                tasks,
            };
        }
        for effect in turn.effects {
            if let Effect::StartTask(request) = effect {
                events.extend(answered(&request, answer(&request)));
                tasks.push(*request);
            }
        }
        execution = between(execution);
        let event = events.pop_front().or_else(|| {
            let (timer, at) = next_timer(&execution)?;
            now = now.max(at);
            Some(Event::TimerFired { timer })
        });
        let Some(event) = event else {
            return Simulation {
                history,
                outcome: Outcome::TimedOut,
                tasks,
            };
        };
        turn = execution.handle(machine, event, now);
    }
}

fn example_start(input: Value) -> ExecutionStart {
    ExecutionStart {
        arn: "arn:aws:states:us-east-1:123456789012:execution:simulated:run".to_owned(),
        name: "run".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/simulated".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:simulated".to_owned(),
        state_machine_name: "simulated".to_owned(),
        input,
    }
}

/// The events that a driver would send for the answer.
fn answered(request: &TaskRequest, answer: Answer) -> Vec<Event> {
    let task = request.task;
    let mut events = vec![Event::TaskStarted { task }];
    if request.resource.pattern() != IntegrationPattern::RequestResponse {
        let output = Value::Object(serde_json::Map::new());
        events.push(Event::TaskSubmitted { task, output });
    }
    match answer {
        Answer::Succeed(output) => events.push(Event::TaskSucceeded { task, output }),
        Answer::Fail { error, cause } => events.push(Event::TaskFailed {
            task,
            error: Some(error),
            cause: Some(cause),
        }),
        Answer::Never => {}
        Answer::Abort => events.push(Event::Abort {
            error: None,
            cause: None,
        }),
    }
    events
}

fn next_timer(execution: &Execution) -> Option<(crate::TimerId, Timestamp)> {
    let timers = execution.pending().into_iter();
    let timers = timers.filter_map(|effect| match effect {
        Effect::StartTimer { timer, at } => Some((timer, at)),
        _ => None,
    });
    timers.min_by_key(|(timer, at)| (*at, *timer))
}
