//! The parameters of a call of the Query protocol: each is taken once, and the rest is refused.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Map, Value};

use crate::wire::AwsError;

/// What is left of a call's parameters.
pub(crate) struct Parameters(Map<String, Value>);

impl Parameters {
    pub(crate) fn new(parameters: Map<String, Value>) -> Self {
        Self(parameters)
    }

    pub(crate) fn optional(&mut self, name: &str) -> Result<Option<String>, AwsError> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            // Step Functions brings JSON.
            Some(plain @ (Value::Bool(_) | Value::Number(_))) => Ok(Some(plain.to_string())),
            Some(_) => Err(invalid(format!("The parameter {name} is not a text."))),
        }
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<String, AwsError> {
        let value = self.optional(name)?.filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            let message = format!("The request must contain the parameter {name}.");
            AwsError::new("MissingParameter", message)
        })
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, AwsError> {
        match self.optional(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(invalid(format!(
                "The parameter {name} is `true` or `false`, not `{other}`."
            ))),
        }
    }

    /// The `Port` of a server, or one that is free.
    pub(crate) fn port(&mut self) -> Result<u16, AwsError> {
        let Some(port) = self.optional("Port")? else {
            let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
            return bound
                .map(|address| address.port())
                .map_err(|error| AwsError::new("InternalFailure", format!("There is no free port: {error}.")));
        };
        match port.parse() {
            Ok(port @ 1150..) => Ok(port),
            _ => Err(invalid("The parameter Port must be a number from 1150 to 65535.")),
        }
    }

    /// Refuses what is left, but for what means nothing on this machine.
    pub(crate) fn refuse_others(&self, ignored: &[&str]) -> Result<(), AwsError> {
        match self.0.keys().find(|name| !ignored.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(invalid(format!(
                "The parameter {name}: this emulator does not support it."
            ))),
        }
    }
}

/// The error of a parameter with a wrong value, as RDS and ElastiCache call it.
pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValue", message)
}
