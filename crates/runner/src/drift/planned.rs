//! What an update would change: Terraform's own decision on what the blueprint sets.
//!
//! The part `configuration` of a plan does not say it. It has no dynamic blocks, and not what `ignore_changes` leaves.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::cause::names;

/// The part of `show -json` of a plan that says what changes.
#[derive(Debug, Deserialize)]
pub(super) struct Planned {
    /// It also lists the resources to which nothing happens.
    #[serde(default)]
    resource_changes: Vec<Planning>,
    /// What the changes read.
    #[serde(default)]
    relevant_attributes: Vec<Relevant>,
}

#[derive(Debug, Deserialize)]
struct Planning {
    address: String,
    change: Actions,
}

#[derive(Debug, Deserialize)]
struct Actions {
    actions: Vec<String>,
}

/// An attribute of a resource that a change of another resource, or of an output, reads.
#[derive(Debug, Deserialize)]
struct Relevant {
    resource: String,
    /// The path in the resource. Its steps are names and keys.
    #[serde(default)]
    attribute: Vec<Value>,
}

impl Planned {
    /// Whether an update leaves a resource as it is, and nothing changes that reads one of these attributes. What the plan does not
    /// list is not known.
    pub(super) fn leaves(&self, address: &str, attributes: &BTreeSet<String>) -> bool {
        let listed = self.resource_changes.iter();
        let mut listed = listed.filter(|planning| planning.address == address).peekable();
        listed.peek().is_some()
            && listed.all(|planning| planning.change.actions == ["no-op"])
            && !self.reads(address, attributes)
    }

    /// Whether a change reads one of these attributes. A reference may be without the key of the instance.
    fn reads(&self, address: &str, attributes: &BTreeSet<String>) -> bool {
        let drifted = names(address);
        let relevant = self.relevant_attributes.iter();
        relevant
            .filter(|relevant| names(&relevant.resource) == drifted)
            .any(|relevant| match relevant.attribute.first().and_then(Value::as_str) {
                Some(name) => attributes.contains(name),
                None => true,
            })
    }
}
