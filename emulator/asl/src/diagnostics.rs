//! What is wrong with a definition, in the words and places of AWS `ValidateStateMachineDefinition`.

use std::fmt;

use serde::Serialize;

/// The class of a problem, as AWS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DiagnosticCode {
    /// The text is not JSON.
    InvalidJsonDescription,
    /// A field is missing, unknown, of the wrong type or not supported.
    SchemaValidationFailed,
    /// A transition names a state that its scope does not have, or nothing leads to a state.
    MissingTransitionTarget,
    /// No state of a scope ends it.
    MissingEndState,
    /// Two states of the machine have the same name.
    DuplicateStateName,
    /// A branch or iteration assigns a variable of the scope around it.
    DuplicateVariableName,
    /// A variable's name is not one.
    InvalidVariableName,
    /// The variable `states` is assigned.
    ReservedVariableName,
    /// The `JSONata` does not parse.
    InvalidJsonataExpression,
    /// The `JSONata` parses and reads something that Step Functions does not have.
    UnsupportedJsonataExpression,
}

impl DiagnosticCode {
    /// The name on the wire: `SCHEMA_VALIDATION_FAILED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::MissingEndState => "MISSING_END_STATE",
            Self::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Self::DuplicateVariableName => "DUPLICATE_VARIABLE_NAME",
            Self::InvalidVariableName => "INVALID_VARIABLE_NAME",
            Self::ReservedVariableName => "RESERVED_VARIABLE_NAME",
            Self::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Self::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
        }
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One problem of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The class of the problem.
    pub code: DiagnosticCode,
    /// A sentence for the person who wrote the definition.
    pub message: String,
    /// Where it is: `/States/Plan/Next`. Text that is not JSON has no places, and a missing end has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            // AWS writes what it has in that place.
            None => f.write_str(" at null"),
        }
    }
}

/// Every problem of a definition at once.
///
/// It reads as the message of AWS `InvalidDefinition`:
/// `Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: ... at /States/Plan, ...'`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid State Machine Definition: '{}'", join(.0))]
pub struct DefinitionErrors(pub Vec<Diagnostic>);

fn join(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
