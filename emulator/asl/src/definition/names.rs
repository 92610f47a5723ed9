//! Names that have to be unique: of states in the whole machine, of variables against the scopes around.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::Problems;
use crate::diagnostics::DiagnosticCode;

/// Checks the names of a machine's whole `States`, inner scopes included.
pub(super) fn check(states: &Map<String, Value>, problems: &mut Problems) {
    let mut names = Names {
        states: BTreeSet::new(),
        problems,
    };
    names.scope(states, "", &BTreeSet::new());
}

struct Names<'v, 'p> {
    states: BTreeSet<&'v str>,
    problems: &'p mut Problems,
}

impl<'v> Names<'v, '_> {
    fn scope(&mut self, states: &'v Map<String, Value>, location: &str, outer: &BTreeSet<&'v str>) {
        let mut visible = outer.clone();
        for (name, state) in states {
            let location = format!("{location}/States/{name}");
            self.state_name(name, &location);
            for (name, location) in assigned(state, &location) {
                self.variable(name, &location, outer);
                visible.insert(name);
            }
        }
        for (name, state) in states {
            let location = format!("{location}/States/{name}");
            for (inner, location) in inner_scopes(state, &location) {
                self.scope(inner, &location, &visible);
            }
        }
    }

    fn state_name(&mut self, name: &'v str, location: &str) {
        if name.is_empty() || name.chars().count() > 80 {
            let message = "State name must be between 1 and 80 characters";
            self.problems.schema(message, location);
        }
        if !self.states.insert(name) {
            let message = format!("Duplicate State name: {name}");
            self.problems.add(DiagnosticCode::DuplicateStateName, message, location);
        }
    }

    /// "Passing data between states with variables": a Unicode identifier of at most 80 characters, not `states`,
    /// and not a variable that a scope around assigns.
    fn variable(&mut self, name: &str, location: &str, outer: &BTreeSet<&str>) {
        let is_identifier = name
            .chars()
            .enumerate()
            .all(|(at, letter)| letter.is_alphabetic() || at > 0 && (letter.is_alphanumeric() || letter == '_'));
        if name.is_empty() || name.chars().count() > 80 || !is_identifier {
            let why = if name.chars().count() > 80 {
                "the variable name is longer than 80 characters"
            } else {
                "the variable name contains invalid characters"
            };
            let message = format!("Invalid variable name '{name}': {why}.");
            self.problems
                .add(DiagnosticCode::InvalidVariableName, message, location);
        } else if name == "states" {
            let message = "Cannot assign to reserved variable '$states'.";
            self.problems
                .add(DiagnosticCode::ReservedVariableName, message, location);
        } else if outer.contains(name) {
            let message = format!("The variable name '{name}' was already defined in a parent scope.");
            self.problems
                .add(DiagnosticCode::DuplicateVariableName, message, location);
        }
    }
}

/// Each variable that a state assigns, in its own `Assign` or in that of a rule or catcher.
fn assigned<'v>(state: &'v Value, location: &str) -> Vec<(&'v str, String)> {
    let own = std::iter::once((state.get("Assign"), format!("{location}/Assign")));
    let listed = ["Choices", "Catch"].into_iter().flat_map(|list| {
        let entries = state.get(list).and_then(Value::as_array);
        let entries = entries.into_iter().flatten().enumerate();
        entries.map(move |(index, entry)| {
            let at = format!("{location}/{list}[{index}]/Assign");
            (entry.get("Assign"), at)
        })
    });
    own.chain(listed)
        .filter_map(|(assign, at)| Some((assign?.as_object()?, at)))
        .flat_map(|(assign, at)| assign.keys().map(move |name| (name.as_str(), format!("{at}/{name}"))))
        .collect()
}

/// The `States` of each branch and of the processor.
fn inner_scopes<'v>(state: &'v Value, location: &str) -> Vec<(&'v Map<String, Value>, String)> {
    let branches = state.get("Branches").and_then(Value::as_array);
    let branches = branches.into_iter().flatten().enumerate();
    let branches = branches.map(|(at, branch)| (branch, format!("{location}/Branches[{at}]")));
    let processor = ["ItemProcessor", "Iterator"].into_iter();
    let processor = processor.filter_map(|field| Some((state.get(field)?, format!("{location}/{field}"))));
    branches
        .chain(processor)
        .filter_map(|(scope, at)| Some((scope.get("States")?.as_object()?, at)))
        .collect()
}
