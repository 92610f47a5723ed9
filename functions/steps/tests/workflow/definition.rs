//! What every state of the shipped machine must have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::DEFINITION;

const DOCUMENT: &str = include_str!("../../../../docs/workflow.md");

/// Every state of the machine with its name, those in Maps as well.
pub fn states() -> Vec<(String, Value)> {
    let definition: Value = serde_json::from_str(DEFINITION).expect("JSON");
    let mut states = Vec::new();
    collect(&definition, &mut states);
    states
}

fn collect(scope: &Value, states: &mut Vec<(String, Value)>) {
    for (name, state) in scope["States"].as_object().expect("states") {
        states.push((name.clone(), state.clone()));
        if state["ItemProcessor"].is_object() {
            collect(&state["ItemProcessor"], states);
        }
    }
}

/// The names that stand between `start` and `end` in a text.
fn between(text: &str, start: &str, end: char) -> BTreeSet<String> {
    let parts = text.split(start).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(end)?.0.to_owned()))
        .collect()
}

#[test]
fn every_task_has_a_timeout_and_catches_everything_and_every_state_says_what_it_is() {
    for (name, state) in states() {
        assert!(
            state["Comment"].as_str().is_some_and(|comment| comment.len() > 10),
            "{name} has no comment"
        );
        if state["Type"] != "Task" && state["Type"] != "Map" {
            continue;
        }
        let catches = state["Catch"]
            .as_array()
            .unwrap_or_else(|| panic!("{name} has no Catch"));
        let last = &catches.last().expect("a catcher")["ErrorEquals"];
        assert_eq!(last, &serde_json::json!(["States.ALL"]), "{name}");
        if state["Type"] == "Task" {
            assert!(!state["TimeoutSeconds"].is_null(), "{name} has no timeout");
            for retrier in state["Retry"]
                .as_array()
                .unwrap_or_else(|| panic!("{name} has no Retry"))
            {
                assert!(retrier["MaxAttempts"].as_u64().is_some_and(|most| most <= 10), "{name}");
            }
        }
    }
}

#[test]
fn the_substitutions_are_the_known_ones_and_the_documented_ones() {
    let known = BTreeSet::from(["CodeBuildProject".to_owned(), "StepsFunctionArn".to_owned()]);
    assert_eq!(between(DEFINITION, "${", '}'), known);
    assert_eq!(between(DOCUMENT, "`${", '}'), known);
}

#[test]
fn every_state_is_documented() {
    for (name, _) in states() {
        assert!(
            DOCUMENT.contains(&format!("| {name} |")),
            "docs/workflow.md says nothing of {name}"
        );
    }
}
