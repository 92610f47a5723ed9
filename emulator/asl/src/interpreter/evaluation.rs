//! What the expressions of a state see, and leaving a state with what they gave.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::failures::Failure;
use super::{Flow, Interpreter};
use crate::errors::{DATA_LIMIT_EXCEEDED, MAX_DATA_BYTES, StateError};
use crate::history::{DataDetails, EventDetails, StateExitedDetails};
use crate::jsonata::{EvaluationError, Scope, Session};
use crate::states::{Exit, State, Transition};
use crate::thread::Thread;

/// The quota "Maximum total size of all stored variables in an execution".
const MAX_VARIABLES_BYTES: usize = 10 * 1024 * 1024;

/// What a state knows beside its input.
#[derive(Default)]
pub(super) struct Known {
    /// `$states.result`.
    pub result: Option<Value>,
    /// `$states.errorOutput`.
    pub error_output: Option<Value>,
}

/// What a state is left with.
pub(super) struct Leaving {
    output: Value,
    assigned: Map<String, Value>,
}

impl Interpreter<'_> {
    /// Evaluates expressions of a thread's state.
    pub(super) fn evaluate<T>(
        &mut self,
        thread: &Thread,
        state: &State,
        known: &Known,
        read: impl FnOnce(&mut Session) -> Result<T, EvaluationError>,
    ) -> Result<T, EvaluationError> {
        let context = self.context(thread, state);
        self.evaluate_in(thread, known, context, read)
    }

    /// Evaluates expressions with a context object that the caller has added to.
    pub(super) fn evaluate_in<T>(
        &mut self,
        thread: &Thread,
        known: &Known,
        context: Value,
        read: impl FnOnce(&mut Session) -> Result<T, EvaluationError>,
    ) -> Result<T, EvaluationError> {
        let scope = Scope {
            input: &thread.visit.input,
            result: known.result.as_ref(),
            error_output: known.error_output.as_ref(),
            context,
            variables: self.visible_variables(thread),
            now: self.now,
        };
        let mut session = Session::new(scope, self.execution.random);
        let value = read(&mut session);
        self.execution.random = session.random();
        value
    }

    /// `$states.context`: the context object, after "Accessing execution data from the Context object".
    pub(super) fn context(&self, thread: &Thread, state: &State) -> Value {
        let start = &self.execution.start;
        let visit = &thread.visit;
        let mut context = json!({
            "Execution": {
                "Id": start.arn,
                "Input": start.input,
                "StartTime": time(self.execution.started_at),
                "Name": start.name,
                "RoleArn": start.role_arn,
                "RedriveCount": 0,
            },
            "StateMachine": { "Id": start.state_machine_arn, "Name": start.state_machine_name },
            "State": { "Name": visit.state, "EnteredTime": time(visit.entered_at) },
        });
        if state.counts_retries() {
            context["State"]["RetryCount"] = json!(visit.retries.iter().sum::<u64>());
        }
        if let Some(token) = &visit.token {
            context["Task"] = json!({ "Token": token });
        }
        if let Some(item) = self.map_item(thread) {
            context["Map"] = item;
        }
        context
    }

    /// `$states.context.Map` of the nearest Map around a thread.
    fn map_item(&self, thread: &Thread) -> Option<Value> {
        let mut parent = thread.parent.as_ref();
        while let Some(link) = parent {
            if let Some(value) = &link.item {
                return Some(json!({ "Item": { "Index": link.index, "Value": value } }));
            }
            parent = self.execution.threads.get(&link.thread)?.parent.as_ref();
        }
        None
    }

    /// The variables of a thread and of all threads around it. Inner names cannot repeat outer ones.
    fn visible_variables(&self, thread: &Thread) -> Map<String, Value> {
        let mut variables = thread.variables.clone();
        let mut parent = thread.parent.as_ref();
        while let Some(outer) = parent.and_then(|link| self.execution.threads.get(&link.thread)) {
            for (name, value) in &outer.variables {
                variables.entry(name).or_insert_with(|| value.clone());
            }
            parent = outer.parent.as_ref();
        }
        variables
    }

    /// Leaves a state through an exit of it. `prefix` leads to the exit, `Choices[0]/` for that of a rule.
    pub(super) fn leave(
        &mut self,
        thread: Thread,
        state: &State,
        known: &Known,
        (exit, prefix): (&Exit, &str),
        transition: &Transition,
    ) -> Flow {
        match self.evaluate_exit(&thread, state, known, exit, prefix) {
            Ok(leaving) => self.exit(thread, state, leaving, transition),
            Err(failure) => self.fail(thread, state, failure),
        }
    }

    /// `Assign` and `Output` both see the variables as they were when the state was entered.
    pub(super) fn evaluate_exit(
        &mut self,
        thread: &Thread,
        state: &State,
        known: &Known,
        exit: &Exit,
        prefix: &str,
    ) -> Result<Leaving, Failure> {
        let default = known.result.as_ref().or(known.error_output.as_ref());
        let default = default.unwrap_or(&thread.visit.input).clone();
        let evaluated = self.evaluate(thread, state, known, |session| {
            let output = match &exit.output {
                Some(output) => output.evaluate(session, &format!("{prefix}Output"))?,
                None => default,
            };
            let assign = exit.assign.as_ref();
            let assign = assign.map(|assign| assign.evaluate(session, &format!("{prefix}Assign")));
            Ok((output, assign.transpose()?))
        });
        let (output, assigned) = evaluated.map_err(Failure::evaluation)?;
        let assigned = match assigned {
            Some(Value::Object(assigned)) => assigned,
            _ => Map::new(),
        };
        self.check_sizes(thread, &output, &assigned).map_err(Failure::plain)?;
        Ok(Leaving { output, assigned })
    }

    /// Writes the exit, assigns the variables and follows the transition.
    pub(super) fn exit(
        &mut self,
        mut thread: Thread,
        state: &State,
        Leaving { output, assigned }: Leaving,
        transition: &Transition,
    ) -> Flow {
        let variables: BTreeMap<_, _> = assigned
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        let variables = (!variables.is_empty()).then_some(variables);
        let details = EventDetails::StateExited(StateExitedDetails {
            name: state.name.clone(),
            output: text(&output),
            output_details: DataDetails::default(),
            assigned_variables_details: variables.is_some().then(DataDetails::default),
            assigned_variables: variables,
        });
        if let Some(event_type) = state.exited() {
            thread.previous_event = self.record(thread.previous_event, event_type, Some(details))?;
        }
        thread.variables.extend(assigned);
        self.go_on(thread, output, transition)
    }

    fn check_sizes(&self, thread: &Thread, output: &Value, assigned: &Map<String, Value>) -> Result<(), StateError> {
        check_size(output, &thread.visit.state)?;
        let added: usize = assigned.values().map(|value| text(value).len()).sum();
        if added > MAX_DATA_BYTES {
            let cause = format!(
                "The Assign field exceeds the maximum variable assignment size by {} bytes.",
                added - MAX_DATA_BYTES
            );
            return Err(StateError::new(DATA_LIMIT_EXCEEDED, cause));
        }
        if added == 0 {
            return Ok(());
        }
        let kept = thread
            .variables
            .iter()
            .filter(|(name, _)| !assigned.contains_key(*name));
        let others = self.execution.threads.values();
        let others = others.flat_map(|other| &other.variables);
        let total = added + kept.chain(others).map(|(_, value)| text(value).len()).sum::<usize>();
        if total > MAX_VARIABLES_BYTES {
            let cause = format!(
                "Execution total variable size limit exceeded. State '{}' assigned variables that exceed the total \
                 execution limit by {} bytes.",
                thread.visit.state,
                total - MAX_VARIABLES_BYTES
            );
            return Err(StateError::new(DATA_LIMIT_EXCEEDED, cause));
        }
        Ok(())
    }
}

/// Data may be as large as [`MAX_DATA_BYTES`]. `subject` is what AWS names in the error.
pub(super) fn check_size(value: &Value, subject: &str) -> Result<(), StateError> {
    if text(value).len() > MAX_DATA_BYTES {
        return Err(StateError::data_limit_exceeded(subject));
    }
    Ok(())
}

/// A value as the JSON text that history holds.
pub(super) fn text(value: &Value) -> String {
    value.to_string()
}

/// A time as the context object shows it.
fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
