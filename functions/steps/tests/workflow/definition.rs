//! What every state of the shipped machine must have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::DEFINITION;

const DOCUMENT: &str = include_str!("../../../../docs/workflow.md");

/// Errors that pass in minutes: the account has no capacity left, or tasks are stopping.
const PASSES_IN_MINUTES: [&str; 3] = [
    "Lambda.TooManyRequestsException",
    "CodeBuild.AccountLimitExceededException",
    "Slipway.NotQuiesced",
];

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
fn every_task_has_timeout_and_catch_and_every_state_a_comment() {
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
                // Capacity comes back in minutes, or in hours, and tasks stop in minutes; everything else passes in seconds.
                let waits_long = PASSES_IN_MINUTES
                    .iter()
                    .any(|error| retrier["ErrorEquals"] == serde_json::json!([error]));
                let most = if waits_long { 200 } else { 10 };
                assert!(
                    retrier["MaxAttempts"].as_u64().is_some_and(|attempts| attempts <= most),
                    "{name}"
                );
            }
        }
    }
}

/// How long a retrier waits in all, in seconds. Full jitter waits half of that on average.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
fn longest_wait(retrier: &Value) -> f64 {
    let number = |name: &str| {
        retrier[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name} in {retrier}"))
    };
    let (mut interval, mut total) = (number("IntervalSeconds"), 0.0);
    for _ in 0..retrier["MaxAttempts"].as_u64().expect("MaxAttempts") {
        total += interval.min(number("MaxDelaySeconds"));
        interval *= number("BackoffRate");
    }
    total
}

#[test]
fn every_lambda_task_waits_fifteen_minutes_for_concurrency() {
    let tasks = states().into_iter().filter(|(_, state)| {
        let resource = state["Resource"].as_str();
        resource.is_some_and(|resource| resource.starts_with("arn:${Partition}:states:::lambda:invoke"))
    });
    let mut seen = 0;
    for (name, state) in tasks {
        seen += 1;
        let retriers = state["Retry"]
            .as_array()
            .unwrap_or_else(|| panic!("{name} has no Retry"));
        // The first retrier that matches counts its attempts, so a later one would not be reached.
        assert_eq!(
            retriers[0]["ErrorEquals"],
            serde_json::json!(["Lambda.TooManyRequestsException"]),
            "{name}"
        );
        assert_eq!(retriers[0]["JitterStrategy"], "FULL", "{name}");
        assert!(longest_wait(&retriers[0]) / 2.0 >= 15.0 * 60.0, "{name}");
        for other in &retriers[1..] {
            assert!(!other["ErrorEquals"].to_string().contains("TooManyRequests"), "{name}");
        }
    }
    assert!(seen > 10, "{seen} Lambda tasks");
}

/// The error while the account's builds and their queue are as many as they may be.
const ACCOUNT_LIMIT: [&str; 1] = ["CodeBuild.AccountLimitExceededException"];

/// AWS counts the attempts of a retrier by itself: a general one before it would use up the patience.
#[test]
fn build_retries_for_hours_fit_the_execution_history() {
    let mut builds = 0;
    for (name, state) in states() {
        if state["Resource"] != "arn:${Partition}:states:::codebuild:startBuild.sync" {
            continue;
        }
        builds += 1;
        let retrier = &state["Retry"][0];
        assert_eq!(retrier["ErrorEquals"], serde_json::json!(ACCOUNT_LIMIT), "{name}");
        assert_eq!(
            retrier["JitterStrategy"], "FULL",
            "{name}: all that wait would come at once"
        );
        let attempts = retrier["MaxAttempts"].as_u64().expect("a number");
        let on_average = longest_wait(retrier) / 2.0;
        assert!(
            (3.0..4.0).contains(&(on_average / 3_600.0)),
            "{name}: {on_average} seconds"
        );
        // TaskScheduled, TaskStarted and TaskSubmitFailed, of the 25,000 that an execution may have.
        assert!(attempts * 3 * 2 < 2_000, "{name}");
    }
    assert_eq!(builds, 2);
}

#[test]
fn the_substitutions_are_the_known_ones_and_the_documented_ones() {
    let known = ["CodeBuildProject", "Partition", "StepsFunctionArn"].map(str::to_owned);
    let known = BTreeSet::from(known);
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
