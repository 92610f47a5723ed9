//! What a plan would lose: in a protected environment it may lose no resource of a [protected type](crate::environment::protected_types).
//!
//! The rule looks at the plan, never at the name of the request. An update, a version without the resource, `count = 0`, a
//! replacement, a `removed` block, a move to another type and a destroy are all the same loss. What Slipway cannot read counts as
//! lost.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::item::Item;
use super::{Action, PlanSummary, Refusal};
use crate::environment::Environment;
use crate::environment::protected_types::UNKNOWN;

/// The policy's name in refusals and on approval sheets.
pub const PROTECTED_TYPES: &str = "environment.protected_types";

/// The policy that keeps whole stacks from being destroyed.
pub const PROTECTED: &str = "environment.protected";

/// How many addresses of each type are kept, and how many bytes of them all: enough to say what a refused plan would lose.
const ADDRESSES: usize = 5;
const BYTES: usize = 16 * 1024;

/// How many types are kept. Losses of more are kept under [`UNKNOWN`].
const TYPES: usize = 200;

/// The resources of one type that a plan would lose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub resources: Vec<super::ResourceChange>,
}

/// What a plan would lose, by resource type.
pub type Losses = BTreeMap<String, Lost>;

/// The type, where there is one: an empty text is no key of a map in DynamoDB.
pub(super) fn known(kind: &str) -> &str {
    if kind.is_empty() { UNKNOWN } else { kind }
}

/// Whether the action loses the resource, or its effect is unknown.
pub(super) fn loses(action: Action) -> bool {
    match action {
        Action::Delete | Action::Replace | Action::Forget | Action::Unknown => true,
        Action::Invoke | Action::Update | Action::Import | Action::Create | Action::Move | Action::Read => false,
    }
}

/// Counts what an item loses. A move to another type loses the resource of the type before.
pub(super) fn count(losses: &mut Losses, item: &Item) {
    let Some(action) = item.action else { return };
    let kind = known(&item.kind);
    let before = item.previous_address.as_deref().map(type_in);
    if let Some(before) = before.filter(|before| *before != kind) {
        lose(losses, before, item, action);
    }
    if loses(action) {
        lose(losses, kind, item, action);
    }
}

fn lose(losses: &mut Losses, kind: &str, item: &Item, action: Action) {
    let kind = if losses.len() >= TYPES && !losses.contains_key(kind) {
        UNKNOWN
    } else {
        kind
    };
    let bytes: usize = losses
        .values()
        .flat_map(|lost| &lost.resources)
        .map(|resource| resource.address.len())
        .sum();
    let lost = losses.entry(kind.to_owned()).or_default();
    lost.count += 1;
    if lost.resources.len() < ADDRESSES && bytes + item.address.len() <= BYTES {
        lost.resources.push(super::ResourceChange {
            address: item.address.clone(),
            action,
        });
    }
}

/// The resource type in an address: `aws_s3_bucket` in `module.a["x.y"].aws_s3_bucket.this[0]`.
/// <https://developer.hashicorp.com/terraform/cli/state/resource-addressing>
pub fn type_in(address: &str) -> &str {
    let mut parts = parts(address).into_iter().peekable();
    while parts.next_if_eq(&"module").is_some() {
        parts.next();
    }
    match parts.next() {
        Some("data" | "ephemeral") => parts.next().unwrap_or(UNKNOWN),
        kind => known(kind.unwrap_or_default()),
    }
}

/// An address at its dots; those in keys are part of the key.
pub fn parts(address: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut in_text, mut is_escaped, mut depth) = (false, false, 0_usize);
    for (index, character) in address.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            '[' if !in_text => depth += 1,
            ']' if !in_text => depth = depth.saturating_sub(1),
            '.' if !in_text && depth == 0 => {
                parts.push(&address[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&address[start..]);
    parts
}

/// Whether the provider does not find a resource of a protected type. With another account, Region or role in its configuration, it does
/// not find resources that exist.
pub fn is_not_found(plan: &PlanSummary, environment: &Environment) -> bool {
    plan.not_found.keys().any(|kind| environment.protects(kind))
}

/// Why the environment refuses the plan: it would lose resources of protected types. None if it would not.
pub fn refusal(plan: &PlanSummary, environment: &Environment) -> Option<Refusal> {
    let lost = plan.losses.iter().filter(|(kind, _)| environment.protects(kind));
    let mut resources: Vec<String> = Vec::new();
    let mut phrases: Vec<String> = Vec::new();
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for (kind, lost) in lost {
        types.insert(kind);
        resources.extend(lost.resources.iter().map(|resource| resource.address.clone()));
        phrases.push(lost.phrase(kind));
    }
    // A record of an earlier version has no losses, only counts.
    for kind in plan.lost_types().filter(|kind| environment.protects(kind)) {
        if types.insert(kind) {
            phrases.push(format!("resources of the type `{kind}`"));
        }
    }
    if environment.protected
        && plan.losses.is_empty()
        && plan.types.is_empty()
        && plan.destroy + plan.replace + plan.forget + plan.unknown > 0
    {
        phrases.push("resources of types that the plan does not name".to_owned());
    }
    if phrases.is_empty() {
        return None;
    }
    Some(Refusal {
        policy: PROTECTED_TYPES.to_owned(),
        reason: format!(
            "the environment `{}` is protected, and the plan would lose {}",
            environment.name,
            phrases.join("; ")
        ),
        resources,
    })
}

impl Lost {
    fn phrase(&self, kind: &str) -> String {
        let named = self
            .resources
            .iter()
            .map(|resource| format!("{} ({})", resource.address, resource.action));
        let phrase = named.collect::<Vec<_>>().join(", ");
        let more = self.count - u64::try_from(self.resources.len()).unwrap_or(u64::MAX).min(self.count);
        match (more, phrase.is_empty()) {
            (0, _) => phrase,
            (more, true) => format!("{more} of the type `{kind}`"),
            (more, false) => format!("{phrase} and {more} more of the type `{kind}`"),
        }
    }
}

#[cfg(test)]
#[path = "protection_tests.rs"]
mod tests;
