//! Transitions: every target is there, every state is reached, every scope can end.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::Problems;
use crate::diagnostics::{Diagnostic, DiagnosticCode};

/// Checks one scope. It reads the JSON, so that a state with other problems still takes part.
pub(super) fn check(start_at: &str, states: &Map<String, Value>, location: &str, problems: &mut Problems) {
    let code = DiagnosticCode::MissingTransitionTarget;
    if !states.contains_key(start_at) {
        let message = format!("Missing 'Next' target: {start_at}");
        problems.add(code, message, &format!("{location}/StartAt"));
    }
    for (name, state) in states {
        for edge in edges(state) {
            if !states.contains_key(edge.target) {
                // AWS says `Next` whatever the field is.
                let message = format!("Missing 'Next' target: {}", edge.target);
                let at = format!("{location}/States/{name}/{}", edge.field);
                problems.add(code, message, &at);
            }
        }
    }
    // Without an end AWS looks no further.
    if !states.values().any(is_terminal) {
        problems.0.push(Diagnostic {
            code: DiagnosticCode::MissingEndState,
            message: "Workflow has no terminal state".to_owned(),
            location: None,
        });
        return;
    }
    let reached = reached(start_at, states);
    for name in states.keys() {
        if !reached.contains(name.as_str()) {
            let message = format!("State \"{name}\" is not reachable.");
            problems.add(code, message, &format!("{location}/States/{name}"));
        }
    }
}

struct Edge<'v> {
    target: &'v str,
    field: String,
}

fn edges(state: &Value) -> Vec<Edge<'_>> {
    let single = ["Next", "Default"].into_iter().filter_map(|kind| {
        let target = state.get(kind)?.as_str()?;
        let field = kind.to_owned();
        Some(Edge { target, field })
    });
    let listed = ["Choices", "Catch"].into_iter().flat_map(|list| {
        let entries = state.get(list).and_then(Value::as_array);
        let entries = entries.into_iter().flatten().enumerate();
        entries.filter_map(move |(index, entry)| {
            Some(Edge {
                target: entry.get("Next")?.as_str()?,
                field: format!("{list}[{index}]/Next"),
            })
        })
    });
    single.chain(listed).collect()
}

fn reached<'v>(start_at: &'v str, states: &'v Map<String, Value>) -> BTreeSet<&'v str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![start_at];
    while let Some(name) = next.pop() {
        if let Some(state) = states.get(name)
            && reached.insert(name)
        {
            next.extend(edges(state).into_iter().map(|edge| edge.target));
        }
    }
    reached
}

fn is_terminal(state: &Value) -> bool {
    let state_type = state.get("Type").and_then(Value::as_str);
    match state_type {
        Some("Succeed" | "Fail") => true,
        Some(_) => state.get("End") == Some(&Value::Bool(true)),
        None => false,
    }
}
