//! Runs every case of a mock configuration (the format of AWS Step Functions Local) through a state machine, and prints as JSON
//! which states each went through, how it ended, and what its functions and its other tasks were called with.
//!
//! ```sh
//! cargo run -p asl-interpreter --example paths -- statemachine/operation.asl.json statemachine/operation.cases.json
//! ```
//!
//! The input of a case is `{"operation": "<name of the case>", "stack_id": "<the same>"}`. An execution is aborted at the first task that its case has no
//! response for. `scripts/compare_with_emulator.py` holds the answer against another implementation, and
//! `scripts/check_state_machine.py` against AWS's service models.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use asl_interpreter::simulate::{Answer, Simulation, simulate};
use asl_interpreter::{Outcome, StateMachine, TaskRequest};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A mock configuration, as far as it is used here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mocks {
    state_machines: BTreeMap<String, Machine>,
    mocked_responses: BTreeMap<String, BTreeMap<String, Response>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Machine {
    test_cases: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a task answers.
#[derive(Clone, Deserialize)]
enum Response {
    Return(Value),
    #[serde(rename_all = "PascalCase")]
    Throw {
        error: String,
        cause: String,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [definition, mocks] = arguments.as_slice() else {
        return Err("usage: paths DEFINITION MOCKS".into());
    };
    let machine = StateMachine::parse(&fs::read_to_string(definition)?)?;
    let mocks: Mocks = serde_json::from_str(&fs::read_to_string(mocks)?)?;
    let cases = mocks.state_machines.values().flat_map(|machine| &machine.test_cases);
    let mut paths = Map::new();
    for (name, responses) in cases {
        let mut calls: BTreeMap<String, u32> = BTreeMap::new();
        let run = simulate(&machine, json!({"operation": name, "stack_id": name}), |task| {
            let call = calls.entry(task.state.clone()).or_default();
            let attempt = *call;
            *call += 1;
            let response = responses.get(&task.state);
            let response = response.and_then(|response| {
                mocks
                    .mocked_responses
                    .get(response)?
                    .iter()
                    .find_map(|(range, response)| is_in(attempt, range).then(|| response.clone()))
            });
            match response {
                Some(Response::Return(output)) => Answer::Succeed(output),
                Some(Response::Throw { error, cause }) => Answer::Fail { error, cause },
                None => Answer::Abort,
            }
        });
        paths.insert(name.clone(), summary(&run));
    }
    let printed = serde_json::to_string_pretty(&paths)?;
    fs::write("/dev/stdout", printed)?;
    Ok(())
}

/// Whether the range (`0`, `1-3`) has this attempt.
fn is_in(attempt: u32, range: &str) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    matches!((first.parse(), last.parse()), (Ok(first), Ok(last)) if (first..=last).contains(&attempt))
}

fn summary(run: &Simulation) -> Value {
    let (status, error) = match &run.outcome {
        Outcome::Succeeded { .. } => ("SUCCEEDED", None),
        Outcome::Failed { error, .. } => ("FAILED", error.clone()),
        Outcome::TimedOut => ("TIMED_OUT", None),
        Outcome::Aborted { .. } => ("ABORTED", None),
    };
    let calls: Vec<_> = run.tasks.iter().filter_map(call).collect();
    let tasks = run.tasks.iter();
    let tasks: Vec<_> = tasks
        .map(|task| json!({"state": task.state, "role": task.role, "arguments": task.arguments}))
        .collect();
    json!({"path": run.visited(), "status": status, "error": error, "calls": calls, "tasks": tasks})
}

/// What a function was called with.
fn call(task: &TaskRequest) -> Option<&Value> {
    task.arguments.get("FunctionName")?;
    task.arguments.get("Payload")
}
