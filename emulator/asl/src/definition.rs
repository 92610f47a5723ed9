//! A state machine, parsed once and refused if AWS would refuse it.

mod fields;
mod graph;
mod handler_parser;
mod names;
mod parser;
mod state_parser;

use std::collections::BTreeMap;

use crate::diagnostics::DefinitionErrors;
use crate::resource::Resource;
use crate::states::{Kind, ScopeId, State};

/// AWS bounds a machine's time, as it does that of a task or a wait.
pub(crate) const MAX_SECONDS: u64 = 99_999_999;

/// A checked definition. Whatever [`StateMachine::parse`] accepts, the interpreter runs as AWS does.
///
/// Supported are Standard workflows in `JSONata`: all eight state types, Map in `INLINE` mode. Refused with a
/// sentence that says so: `JSONPath`, Distributed Map, activities.
#[derive(Clone, Debug, PartialEq)]
pub struct StateMachine {
    /// The machine's own scope is the last one: scopes are complete from the inside out.
    scopes: Vec<StateScope>,
    timeout_seconds: Option<u64>,
}

/// One `States` object and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StateScope {
    pub start_at: String,
    pub states: BTreeMap<String, State>,
}

impl StateMachine {
    /// Parses and checks a definition, with every problem at once as AWS `CreateStateMachine` reports them.
    pub fn parse(definition: &str) -> Result<Self, DefinitionErrors> {
        parser::parse(definition).map_err(DefinitionErrors)
    }

    /// Every Task state with what it calls, so that a caller can refuse a machine whose calls it cannot make.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &Resource)> {
        let states = self.scopes.iter().flat_map(|scope| scope.states.values());
        states.filter_map(|state| match &state.kind {
            Kind::Task(task) => Some((state.name.as_str(), &task.resource)),
            _ => None,
        })
    }

    /// `TimeoutSeconds` of the machine.
    pub(crate) fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// The machine's own scope.
    pub(crate) fn root(&self) -> ScopeId {
        ScopeId(self.scopes.len().saturating_sub(1))
    }

    /// The name of the first state of a scope.
    pub(crate) fn start_at(&self, scope: ScopeId) -> &str {
        self.scopes.get(scope.0).map_or("", |scope| scope.start_at.as_str())
    }

    /// A state by its name. `None` only if the machine is not the one that the caller's names come from.
    pub(crate) fn state(&self, scope: ScopeId, name: &str) -> Option<&State> {
        self.scopes.get(scope.0)?.states.get(name)
    }
}
