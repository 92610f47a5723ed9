//! `Retry` and `Catch` of a definition.

use serde_json::Value;

use super::MAX_SECONDS;
use super::fields::{Object, Problems};
use super::state_parser::{exit, only_jsonpath};
use crate::errors;
use crate::jsonata::Readable;
use crate::retry::{Jitter, Retrier};
use crate::states::{Catcher, Handlers};

const ERROR_OUTPUT: Readable = Readable {
    result: false,
    error_output: true,
};

/// `Retry` and `Catch` of a state.
pub(super) fn handlers(state: &Object<'_>, problems: &mut Problems) -> Handlers {
    let mut handlers = Handlers::default();
    let retry = state.array("Retry", false, problems).unwrap_or_default();
    for (at, value) in retry.iter().enumerate() {
        let location = format!("{}[{at}]", state.at("Retry"));
        if let Some(entry) = problems.object(value, &location) {
            let last = at + 1 == retry.len();
            handlers.retry.extend(retrier(&entry, last, problems));
        }
    }
    let catch = state.array("Catch", false, problems).unwrap_or_default();
    for (at, value) in catch.iter().enumerate() {
        let location = format!("{}[{at}]", state.at("Catch"));
        if let Some(entry) = problems.object(value, &location) {
            let last = at + 1 == catch.len();
            handlers.catch.extend(catcher(&entry, last, problems));
        }
    }
    handlers
}

fn retrier(entry: &Object<'_>, last: bool, problems: &mut Problems) -> Option<Retrier> {
    let fields = [
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
        "Comment",
    ];
    entry.only(&fields, problems);
    entry.comment(problems);
    let error_equals = error_equals(entry, last, problems);
    // AWS accepts an interval of 0, although its documentation asks for a positive one.
    let interval = entry.whole("IntervalSeconds", &(0..=MAX_SECONDS), problems);
    let max_attempts = entry.whole("MaxAttempts", &(0..=MAX_SECONDS), problems);
    let max_delay_seconds = entry.whole("MaxDelaySeconds", &(1..=31_622_400), problems);
    let jitters = [("NONE", Jitter::None), ("FULL", Jitter::Full)];
    let jitter = entry.word("JitterStrategy", &jitters, problems);
    let rate = entry.get("BackoffRate").map(Value::as_f64);
    let backoff_rate = match rate {
        None => 2.0,
        Some(Some(rate)) if rate >= 1.0 => rate,
        Some(rate) => {
            let message = rate.map_or("Expected value of type Number", |_| "Minimum value is 1");
            problems.schema(message, &entry.at("BackoffRate"));
            return None;
        }
    };
    Some(Retrier {
        error_equals: error_equals?,
        interval_seconds: interval.unwrap_or(1),
        max_attempts: max_attempts.unwrap_or(3),
        backoff_rate,
        max_delay_seconds,
        jitter: jitter.unwrap_or(Jitter::None),
    })
}

fn catcher(entry: &Object<'_>, last: bool, problems: &mut Problems) -> Option<Catcher> {
    if entry.has("ResultPath") {
        problems.schema(only_jsonpath("ResultPath"), &entry.location);
        return None;
    }
    let fields = ["ErrorEquals", "Next", "Assign", "Output", "Comment"];
    entry.only(&fields, problems);
    entry.required(&["Next"], problems);
    entry.comment(problems);
    let error_equals = error_equals(entry, last, problems);
    let next = entry.string("Next", problems);
    let exit = exit(entry, ERROR_OUTPUT, problems);
    Some(Catcher {
        error_equals: error_equals?,
        exit,
        next: next?,
    })
}

/// `States.ALL` has to stand alone, and in the last entry.
fn error_equals(entry: &Object<'_>, last: bool, problems: &mut Problems) -> Option<Vec<String>> {
    entry.required(&["ErrorEquals"], problems);
    let names: Option<Vec<String>> = entry
        .array("ErrorEquals", true, problems)?
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect();
    let location = entry.at("ErrorEquals");
    let Some(names) = names else {
        problems.schema("Expected value of type [STRING]", &location);
        return None;
    };
    let all = names.iter().position(|name| name == errors::ALL);
    if let Some(at) = all.filter(|_| names.len() > 1 || !last) {
        let message = "States.ALL must appear alone and at end of list";
        problems.schema(message, &format!("{location}[{at}]"));
    }
    Some(names)
}
