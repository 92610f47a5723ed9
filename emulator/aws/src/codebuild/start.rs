//! The request of `StartBuild`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::invalid;
use crate::wire::{AwsError, input};

/// What `StartBuild` accepts. Whatever else could change which program runs or as whom is refused.
pub(super) struct StartBuild {
    pub(super) project_name: String,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) token: Option<String>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

impl StartBuild {
    pub(super) fn parse(body: Value) -> Result<Self, AwsError> {
        let mut body: Map<String, Value> = input(body)?;
        let text = |value: Option<Value>| value.map(input::<String>).transpose();
        let project_name = text(body.remove("projectName"))?.ok_or_else(|| invalid("projectName is missing."))?;
        let token = text(body.remove("idempotencyToken"))?;
        let overrides = body.remove("environmentVariablesOverride").unwrap_or(json!([]));
        let mut variables = BTreeMap::new();
        for variable in input::<Vec<Variable>>(overrides)? {
            if variable.kind.is_some_and(|kind| kind != "PLAINTEXT") {
                return Err(invalid(
                    "environmentVariablesOverride: this emulator supports PLAINTEXT alone.",
                ));
            }
            if !is_variable_name(&variable.name) || variable.value.contains('\0') {
                return Err(invalid(format!(
                    "environmentVariablesOverride: {:?} cannot be an environment variable.",
                    variable.name
                )));
            }
            variables.insert(variable.name, variable.value);
        }
        match body.keys().next() {
            Some(other) => Err(invalid(format!(
                "{other} is not supported: builds in this emulator take environmentVariablesOverride and \
                 idempotencyToken alone."
            ))),
            None => Ok(Self {
                project_name,
                variables,
                token,
            }),
        }
    }
}

/// A name that every shell passes on.
fn is_variable_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
}
