//! How an attribute of a resource changes, as people read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::Digest;

/// One attribute that changes: a leaf of the resource's value.
///
/// A side is absent where the attribute does not exist there; where its value is sensitive, the mark stands alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the marks of Terraform's JSON, each of its own"
)]
pub struct AttributeChange {
    /// Its path: `tags.Name`, `ingress[0].from_port`, `labels["a b"]`.
    pub path: String,
    /// The value before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether the value is known only after the apply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_unknown: bool,
    /// Whether there is a value before, which is sensitive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_sensitive: bool,
    /// Whether there is a value after, which is sensitive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_sensitive: bool,
    /// Whether Slipway hides a part of the value before, because a sensitive value stands in it that Terraform does not mark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_hidden: bool,
    /// Whether Slipway hides a part of the value after, likewise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_hidden: bool,
    /// Whether Slipway hides a part of the path, likewise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub path_hidden: bool,
    /// Whether it forces the replacement of the resource.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
    /// A long text: its changed lines, as a unified diff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// A text that is JSON: what changes in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<AttributeChange>,
    /// What the value before is, where it is too long to be shown whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_cut: Option<Cut>,
    /// What the value after is, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_cut: Option<Cut>,
}

/// A text that is not shown whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}

impl Cut {
    pub(super) fn of(text: &str) -> Self {
        Self {
            bytes: text.len() as u64,
            sha256: Digest::of(text.as_bytes()),
        }
    }
}

impl AttributeChange {
    /// How many bytes it has as JSON.
    pub(super) fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |json| json.len())
    }
}
