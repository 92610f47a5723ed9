//! Blueprints as they are shown.

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::{blueprint, variable};
use utoipa::ToSchema;

/// A blueprint in the list of blueprints.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlueprintSummary {
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// What its latest version is for.
    pub description: String,
    /// Its latest version: the one that a stack gets where the request names none.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// When that version was published.
    pub published_at: Timestamp,
}

impl From<slipway_store::blueprint::BlueprintSummary> for BlueprintSummary {
    fn from(summary: slipway_store::blueprint::BlueprintSummary) -> Self {
        Self {
            name: summary.name.to_string(),
            description: summary.description,
            version: summary.latest.to_string(),
            published_at: summary.published_at,
        }
    }
}

/// A blueprint: its latest version, and which others there are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlueprintPage {
    /// Its latest version, with the schema of its variables.
    #[serde(flatten)]
    pub latest: BlueprintVersion,
    /// Its versions, the highest first.
    #[schema(example = json!(["1.1.0", "1.0.0"]))]
    pub versions: Vec<String>,
    /// Give this as `cursor` for more versions; null at their end.
    pub next: Option<String>,
}

/// A version of a blueprint. It is immutable.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlueprintVersion {
    /// The blueprint's name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// Which version of it this is.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// What it is for.
    pub description: String,
    /// The digest of its files.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub digest: String,
    /// The values that a stack made from it is given.
    pub variables: Vec<Variable>,
    /// When it was published.
    pub published_at: Timestamp,
}

impl From<blueprint::Blueprint> for BlueprintVersion {
    fn from(blueprint: blueprint::Blueprint) -> Self {
        Self {
            name: blueprint.name.to_string(),
            version: blueprint.version.to_string(),
            description: blueprint.description,
            digest: blueprint.digest.to_string(),
            variables: blueprint.variables.into_iter().map(Variable::from).collect(),
            published_at: blueprint.published_at,
        }
    }
}

/// A variable of a blueprint version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Variable {
    /// Its name.
    #[schema(example = "size")]
    pub name: String,
    /// What values it takes, for programs: `"string"`, `{"list": "number"}`, `{"object": {"gib": {"type": "number",
    /// "optional": false}}}`.
    #[serde(rename = "type")]
    #[schema(value_type = serde_json::Value, example = "number")]
    pub kind: variable::Kind,
    /// What values it takes, as the blueprint writes it.
    #[schema(example = "number")]
    pub type_text: String,
    /// Whether a request has to give a value.
    pub required: bool,
    /// The value that it has where a request gives none; absent for null, and for one that is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// The default as the blueprint writes it, where only Terraform can say what it comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1 / 3")]
    pub default_expression: Option<String>,
    /// Whether null is a value that it takes.
    pub nullable: bool,
    /// What it is for.
    pub description: String,
    /// Whether its value is never shown.
    pub sensitive: bool,
    /// What else its value must satisfy; Terraform evaluates these when it plans.
    pub validations: Vec<Validation>,
}

/// What a value must satisfy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Validation {
    /// The condition, as the blueprint writes it.
    pub condition: String,
    /// What Terraform says when it does not hold.
    pub error_message: String,
}

impl From<variable::Variable> for Variable {
    fn from(variable: variable::Variable) -> Self {
        let validations = variable.validations.into_iter().map(|validation| Validation {
            condition: validation.condition,
            error_message: validation.error_message,
        });
        Self {
            name: variable.name,
            kind: variable.kind,
            type_text: variable.type_text,
            required: variable.required,
            // A null is lost in the table; what is published is shown as it is read again.
            default: variable.default.filter(|value| !value.is_null()),
            default_expression: variable.default_expression,
            nullable: variable.nullable,
            description: variable.description,
            sensitive: variable.sensitive,
            validations: validations.collect(),
        }
    }
}
