//! From the text of a definition to a [`StateMachine`]: scopes, and what holds for a machine as a whole.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{Object, Problems};
use super::{MAX_SECONDS, StateMachine, StateScope, graph, names, state_parser};
use crate::diagnostics::{Diagnostic, DiagnosticCode};
use crate::states::ScopeId;

/// Parses a definition.
pub(super) fn parse(text: &str) -> Result<StateMachine, Vec<Diagnostic>> {
    let definition = read_json(text).map_err(|diagnostic| vec![diagnostic])?;
    let mut parser = Parser::default();
    let machine = parser.machine(&definition);
    match machine {
        Some(machine) if parser.problems.0.is_empty() => Ok(machine),
        _ => Err(parser.problems.0),
    }
}

fn read_json(text: &str) -> Result<Value, Diagnostic> {
    let diagnostic = |code, message| Diagnostic {
        code,
        message,
        location: None,
    };
    match serde_json::from_str(text) {
        Ok(definition @ Value::Object(_)) => Ok(definition),
        Err(error) if !text.trim().is_empty() => {
            Err(diagnostic(DiagnosticCode::InvalidJsonDescription, error.to_string()))
        }
        _ => Err(diagnostic(
            DiagnosticCode::SchemaValidationFailed,
            "Definition must be a valid JSON object".to_owned(),
        )),
    }
}

/// `QueryLanguage`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueryLanguage {
    /// What AWS takes when nothing is said.
    #[default]
    JsonPath,
    Jsonata,
}

pub(super) const QUERY_LANGUAGES: [(&str, QueryLanguage); 2] = [
    ("JSONPath", QueryLanguage::JsonPath),
    ("JSONata", QueryLanguage::Jsonata),
];

/// A definition on its way to be a machine.
#[derive(Default)]
pub(super) struct Parser {
    pub problems: Problems,
    /// The language of the machine. A state inside a branch falls back to it, not to that of the state around it.
    pub language: QueryLanguage,
    scopes: Vec<StateScope>,
}

impl Parser {
    fn machine(&mut self, definition: &Value) -> Option<StateMachine> {
        let machine = self.problems.object(definition, "")?;
        let fields = [
            "Comment",
            "QueryLanguage",
            "StartAt",
            "States",
            "TimeoutSeconds",
            "Version",
        ];
        machine.only(&fields, &mut self.problems);
        machine.required(&["States", "StartAt"], &mut self.problems);
        machine.comment(&mut self.problems);
        machine.word("Version", &[("1.0", ())], &mut self.problems);
        self.language = machine
            .word("QueryLanguage", &QUERY_LANGUAGES, &mut self.problems)
            .unwrap_or_default();
        // AWS accepts 0 here, and no time at all is no limit to it.
        let bounds = 0..=MAX_SECONDS;
        let timeout_seconds = machine.whole("TimeoutSeconds", &bounds, &mut self.problems);
        let root = self.scope(&machine);
        if let Some(states) = machine.get("States").and_then(Value::as_object) {
            names::check(states, &mut self.problems);
        }
        root.map(|_| StateMachine {
            scopes: std::mem::take(&mut self.scopes),
            timeout_seconds: timeout_seconds.filter(|seconds| *seconds > 0),
        })
    }

    /// A branch or processor: a scope and the fields around it.
    pub fn inner_scope(&mut self, object: &Object<'_>, fields: &[&str]) -> Option<ScopeId> {
        let fields = [&["Comment", "StartAt", "States"], fields].concat();
        object.only(&fields, &mut self.problems);
        object.required(&["States", "StartAt"], &mut self.problems);
        object.comment(&mut self.problems);
        self.scope(object)
    }

    /// `StartAt` and `States`. Inner scopes are added before the one that holds them.
    fn scope(&mut self, object: &Object<'_>) -> Option<ScopeId> {
        let start_at = object.string("StartAt", &mut self.problems);
        let states = self.problems.object(object.get("States")?, &object.at("States"))?;
        if states.map.is_empty() {
            self.problems.schema("Value cannot be empty", &states.location);
        }
        let mut parsed = BTreeMap::new();
        for (name, state) in states.map {
            if let Some(state) = state_parser::parse(self, name, state, &states.at(name)) {
                parsed.insert(name.clone(), state);
            }
        }
        let start_at = start_at?;
        graph::check(&start_at, states.map, &object.location, &mut self.problems);
        self.scopes.push(StateScope {
            start_at,
            states: parsed,
        });
        Some(ScopeId(self.scopes.len() - 1))
    }
}
