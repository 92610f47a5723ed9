//! The parameters of a call: each is taken once, and what nobody took is refused.

use serde_json::{Map, Value};

use super::invalid;
use crate::wire::AwsError;

/// What is left of a call's parameters.
pub(super) struct Parameters(Map<String, Value>);

impl Parameters {
    pub(super) fn new(parameters: Map<String, Value>) -> Self {
        Self(parameters)
    }

    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, AwsError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            // Step Functions brings JSON.
            Some(plain @ (Value::Bool(_) | Value::Number(_))) => Ok(Some(plain.to_string())),
            Some(_) => Err(invalid(format!("The parameter {name} is not a text."))),
        }
    }

    pub(super) fn required(&mut self, name: &str) -> Result<String, AwsError> {
        let value = self.optional(name)?.filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            let message = format!("The request must contain the parameter {name}.");
            AwsError::new("MissingParameter", message)
        })
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, AwsError> {
        match self.optional(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(invalid(format!(
                "The parameter {name} is `true` or `false`, not `{other}`."
            ))),
        }
    }

    /// Refuses what is left, but for what means nothing on this machine.
    pub(super) fn refuse_others(&self, ignored: &[&str]) -> Result<(), AwsError> {
        match self.0.keys().find(|name| !ignored.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(invalid(format!("The parameter {name}: local mode does not offer it."))),
        }
    }
}
