//! What the tests of this crate share.

#![allow(dead_code, reason = "no test file uses all of it")]

use asl_interpreter::simulate::{Answer, Simulation, simulate};
use asl_interpreter::{EventDetails, HistoryEvent, Outcome, StateMachine, TaskRequest};
use serde_json::Value;

/// A machine in `JSONata` from its states, of which the first one listed starts.
pub fn machine(states: &str) -> StateMachine {
    let states: Value = serde_json::from_str(states).expect("the states are JSON");
    let start = states.as_object().and_then(|states| states.keys().next());
    let definition = serde_json::json!({
        "QueryLanguage": "JSONata", "StartAt": start.expect("a state"), "States": states,
    });
    parse(&definition.to_string())
}

/// A machine from its whole definition.
pub fn parse(definition: &str) -> StateMachine {
    match StateMachine::parse(definition) {
        Ok(machine) => machine,
        Err(errors) => panic!("{errors}"),
    }
}

/// Runs a machine whose tasks all succeed with `{}`.
pub fn run(states: &str, input: &Value) -> Simulation {
    run_with(states, input, |_| Answer::Succeed(serde_json::json!({})))
}

/// Runs a machine.
pub fn run_with(states: &str, input: &Value, answer: impl FnMut(&TaskRequest) -> Answer) -> Simulation {
    simulate(&machine(states), input.clone(), answer)
}

/// The types of the events, one word each.
pub fn types(history: &[HistoryEvent]) -> Vec<String> {
    history.iter().map(|event| format!("{:?}", event.event_type)).collect()
}

/// `previousEventId` of each event.
pub fn previous(history: &[HistoryEvent]) -> Vec<u64> {
    history.iter().map(|event| event.previous_event_id).collect()
}

/// Expects the types (as one line of words) and the chain of a history.
pub fn expect_history(run: &Simulation, expected_types: &str, expected_previous: &[u64]) {
    let expected: Vec<_> = expected_types.split_whitespace().collect();
    assert_eq!(types(&run.history), expected);
    assert_eq!(previous(&run.history), expected_previous);
    let ids: Vec<_> = run.history.iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=u64::try_from(ids.len()).expect("few")).collect::<Vec<_>>());
}

/// The output of a run that succeeded.
pub fn output(run: &Simulation) -> &Value {
    match &run.outcome {
        Outcome::Succeeded { output } => output,
        other => panic!("did not succeed: {other:?}"),
    }
}

/// Name and cause of a run that failed.
pub fn failure(run: &Simulation) -> (&str, &str) {
    match &run.outcome {
        Outcome::Failed { error, cause } => (
            error.as_deref().unwrap_or_default(),
            cause.as_deref().unwrap_or_default(),
        ),
        other => panic!("did not fail: {other:?}"),
    }
}

/// The details of the event with this id.
pub fn details(run: &Simulation, id: usize) -> &EventDetails {
    run.history[id - 1].details.as_ref().expect("an event with details")
}
