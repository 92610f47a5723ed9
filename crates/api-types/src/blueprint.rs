//! Blueprints.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::{blueprint, variable};
use utoipa::ToSchema;

/// A version of a blueprint, by name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlueprintReference {
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// Its version.
    #[schema(example = "1.0.0")]
    pub version: String,
}

/// A blueprint in the list of blueprints.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlueprintSummary {
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// The purpose of its latest version.
    pub description: String,
    /// Its latest version: the default for new stacks.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// When that version was published.
    pub published_at: Timestamp,
    /// Whether it is a draft: then there are only drafts, and a new stack must name the version.
    pub draft: bool,
}

/// A blueprint: its latest version, and the list of all.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlueprintPage {
    /// Its latest version, with the schema of its variables.
    #[serde(flatten)]
    pub latest: BlueprintVersion,
    /// Its versions, the highest first.
    #[schema(example = json!(["1.1.0", "1.0.0"]))]
    pub versions: Vec<String>,
    /// The same versions, each with its marks.
    pub history: Vec<VersionSummary>,
    /// Send this as `cursor` for more versions; null on the last page.
    pub next: Option<String>,
}

/// A version in the list of versions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    /// The version.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// When it was published.
    pub published_at: Timestamp,
    /// Whether it is a draft.
    pub draft: bool,
    /// Why it is deprecated; null if it is not.
    #[schema(example = "Use 1.1.0: this version has public buckets")]
    pub deprecated: Option<String>,
}

impl From<&blueprint::Blueprint> for VersionSummary {
    fn from(blueprint: &blueprint::Blueprint) -> Self {
        let deprecation = blueprint.deprecation.as_ref();
        Self {
            version: blueprint.version.to_string(),
            published_at: blueprint.published_at,
            draft: blueprint.draft,
            deprecated: deprecation.map(|deprecation| deprecation.message.clone()),
        }
    }
}

/// A deprecation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Deprecation {
    /// The reason, and the version to use instead.
    #[schema(example = "Use 1.1.0: this version has public buckets")]
    pub message: String,
    /// The caller who deprecated it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl From<blueprint::Deprecation> for Deprecation {
    fn from(blueprint::Deprecation { message, by, at }: blueprint::Deprecation) -> Self {
        Self { message, by, at }
    }
}

/// A version of a blueprint. Its files and variables are immutable, unless it is a draft.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlueprintVersion {
    /// The blueprint's name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// The version.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// Its purpose.
    pub description: String,
    /// The digest of its files.
    #[schema(example = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub digest: String,
    /// The digest of the files as the author has them. Null for a version without remote modules, or of an earlier version of Slipway.
    pub written: Option<String>,
    /// The variables of a stack of this version.
    pub variables: Vec<Variable>,
    /// When it was published.
    pub published_at: Timestamp,
    /// Who published it; null if an earlier version of Slipway did not record that.
    pub published_by: Option<String>,
    /// Whether it is a draft: for stacks in sandbox environments, and replaced when it is published again.
    pub draft: bool,
    /// Why it should no longer be used; null for a version in good standing. Stacks may still be created from it.
    pub deprecation: Option<Deprecation>,
}

impl From<blueprint::Blueprint> for BlueprintVersion {
    fn from(blueprint: blueprint::Blueprint) -> Self {
        Self {
            name: blueprint.name.to_string(),
            version: blueprint.version.to_string(),
            description: blueprint.description,
            digest: blueprint.digest.to_string(),
            written: blueprint.written.map(|digest| digest.to_string()),
            variables: blueprint.variables.into_iter().map(Variable::from).collect(),
            published_at: blueprint.published_at,
            published_by: blueprint.published_by,
            draft: blueprint.draft,
            deprecation: blueprint.deprecation.map(Deprecation::from),
        }
    }
}

/// A variable of a blueprint version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Variable {
    /// Its name.
    #[schema(example = "size")]
    pub name: String,
    /// Its type for programs: `"string"`, `{"list": "number"}`, `{"object": {"gib": {"type": "number", "optional": false}}}`.
    #[serde(rename = "type")]
    #[schema(value_type = serde_json::Value, example = "number")]
    pub kind: variable::Kind,
    /// Its type as the blueprint declares it.
    #[schema(example = "number")]
    pub type_text: String,
    /// Whether a request must set it.
    pub required: bool,
    /// Its default; absent for null, and for a default that is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// The default as the blueprint declares it, if only Terraform can evaluate it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1 / 3")]
    pub default_expression: Option<String>,
    /// Whether it accepts null.
    pub nullable: bool,
    /// Its purpose.
    pub description: String,
    /// Whether its values are hidden.
    pub sensitive: bool,
    /// Its validations, as the blueprint declares them.
    pub validations: Vec<Validation>,
}

/// A validation of a variable.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// The condition, as the blueprint declares it.
    pub condition: String,
    /// The error message if the condition is false.
    pub error_message: String,
}

impl From<variable::Variable> for Variable {
    fn from(variable: variable::Variable) -> Self {
        let variable = variable.shown();
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
