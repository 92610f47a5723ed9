//! The summary of a plan, and of drift: what the record of an operation has of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::cost::MonthlyCost;
use super::item::Item;
use super::pages::Document;
use super::protection::{self, Losses};
use crate::cut::cut;

/// How many resources a [`PlanSummary`] names: enough for a person to read, few enough for a DynamoDB item.
pub const RESOURCES_NAMED: usize = 100;

/// How many bytes the addresses of these have together: a key of a `for_each` may be of any length.
pub const RESOURCES_BYTES: usize = 32 * 1024;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Names one more resource while there is room.
pub(super) fn name(named: &mut Vec<ResourceChange>, change: ResourceChange) {
    let bytes: usize = named.iter().map(|change| change.address.len()).sum();
    if named.len() < RESOURCES_NAMED && bytes + change.address.len() <= RESOURCES_BYTES {
        named.push(change);
    }
}

/// How many reasons a [`PlanSummary`] gives for not being understood, how many warnings, and how many services it names.
const REASONS_NAMED: usize = 10;

/// The most bytes of one of these.
const REASON_BYTES: usize = 400;

/// How many bytes the keys of tags have together that a [`PlanSummary`] keeps.
const TAGS_BYTES: usize = 16 * 1024;

/// How many types of resources a [`PlanSummary`] counts.
const TYPES_COUNTED: usize = 500;

/// Adds a text to a list while there is room, unless the list has it.
fn note_in(list: &mut Vec<String>, text: &str) {
    let kept = cut(text, REASON_BYTES);
    match list.len() {
        _ if list.contains(&kept) => {}
        len if len < REASONS_NAMED => list.push(kept),
        len if len == REASONS_NAMED => list.push("and more".to_owned()),
        _ => {}
    }
}

/// One resource of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// Its address in the configuration.
    pub address: String,
    /// What would be done to it.
    pub action: Action,
}

/// The summary of a plan that people and policies read. The whole plan is in the artifacts bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Resources that would be made, without the replaced ones.
    pub add: u64,
    /// Resources that would be changed in place.
    pub change: u64,
    /// Resources that would be destroyed, without the replaced ones.
    pub destroy: u64,
    /// Resources that would be destroyed and made anew.
    pub replace: u64,
    /// Resources that would be taken into the state, and nothing else.
    #[serde(default)]
    pub import: u64,
    /// Of the resources that are counted above, how many would be taken into the state, too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub imported_too: u64,
    /// Resources that would be dropped from the state.
    #[serde(default)]
    pub forget: u64,
    /// Resources that would get another address in the state, and nothing else.
    #[serde(default)]
    pub moved: u64,
    /// Data sources that the apply would read.
    #[serde(default)]
    pub read: u64,
    /// Actions that the apply would invoke.
    #[serde(default)]
    pub invoke: u64,
    /// Resources that would be made or destroyed, and whose provisioners may run then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub provision: u64,
    /// Changes and actions that Terraform leaves to a later plan.
    #[serde(default)]
    pub deferred: u64,
    /// Changes of which Slipway does not know what they are.
    #[serde(default)]
    pub unknown: u64,
    /// Resources that were changed outside Terraform.
    #[serde(default)]
    pub drifted: u64,
    /// Of these, how many the apply would change back.
    #[serde(default)]
    pub drift_overwritten: u64,
    /// Checks and conditions that failed.
    #[serde(default)]
    pub checks_failed: u64,
    /// Services of ECS that the apply deploys or makes, and schedules that it makes: the current release is rolled out to them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deploys: u64,
    /// Whether an output would change: Terraform then has something to apply even where no resource changes.
    pub outputs_changed: bool,
    /// What changes in services, by the output `slipway`: a line for each of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Whether there is something to apply, as Terraform says. OpenTofu does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applyable: Option<bool>,
    /// Whether nothing is left to a later plan, as Terraform says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// The first [`RESOURCES_NAMED`] resources that would change: what destroys comes first.
    pub resources: Vec<ResourceChange>,
    /// How many resources and actions of each type would change, and how.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, BTreeMap<Action, u64>>,
    /// What would be lost, by type. Records of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub losses: Losses,
    /// What the provider no longer finds, by type: the apply drops it from the state, whether or not it exists.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_found: Losses,
    /// How many resources that have tags are created or changed.
    #[serde(default)]
    pub tagged: u64,
    /// The keys of the tags that all of these have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// What in the plan is not understood. Such a plan is never applied without an approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<String>,
    /// What Terraform warns of: the first texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the resources cost a month, before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<MonthlyCost>,
    /// The whole plan in the artifacts bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
}

impl PlanSummary {
    /// Counts one more resource, and names it while there is room.
    pub fn add_change(&mut self, change: ResourceChange) {
        self.count_action(change.action);
        name(&mut self.resources, change);
    }

    fn count_action(&mut self, action: Action) {
        let count = match action {
            Action::Create => &mut self.add,
            Action::Update => &mut self.change,
            Action::Replace => &mut self.replace,
            Action::Delete => &mut self.destroy,
            Action::Import => &mut self.import,
            Action::Forget => &mut self.forget,
            Action::Move => &mut self.moved,
            Action::Read => &mut self.read,
            Action::Invoke => &mut self.invoke,
            Action::Unknown => &mut self.unknown,
        };
        *count += 1;
    }

    /// Resources that would be taken into the state, as Terraform counts them.
    pub fn imports(&self) -> u64 {
        self.import + self.imported_too
    }

    /// How many resources the provider no longer finds.
    pub fn not_found_count(&self) -> u64 {
        self.not_found.values().map(|lost| lost.count).sum()
    }

    /// Counts a resource of the complete plan.
    pub(super) fn count(&mut self, item: &Item) {
        if let Some(action) = item.action {
            self.count_action(action);
            self.imported_too += u64::from(item.is_imported() && action != Action::Import);
        }
        protection::count(&mut self.losses, item);
        self.deploys += u64::from(item.is_deployed());
        self.count_type(item);
    }

    pub(super) fn count_type(&mut self, item: &Item) {
        let Some(action) = item.action else { return };
        let kind = protection::known(&item.kind);
        if self.types.len() == TYPES_COUNTED && !self.types.contains_key(kind) {
            return self.note("the plan changes more types of resources than are counted");
        }
        let counts = self.types.entry(kind.to_owned()).or_default();
        *counts.entry(action).or_default() += 1;
    }

    /// Counts a resource with these keys of tags. Keys for which there is no room count as missing: a policy that requires them refuses.
    pub(super) fn count_tags(&mut self, mut keys: BTreeSet<String>) {
        self.tags = if self.tagged == 0 {
            let mut room = TAGS_BYTES;
            keys.retain(|key| {
                let left = room.checked_sub(key.len());
                room = left.unwrap_or(room);
                left.is_some()
            });
            keys
        } else {
            self.tags.intersection(&keys).cloned().collect()
        };
        self.tagged += 1;
    }

    /// Notes something that is not understood.
    pub fn note(&mut self, what: impl Into<String>) {
        note_in(&mut self.not_understood, &what.into());
    }

    /// Notes what changes in a service.
    pub(super) fn note_service(&mut self, line: &str) {
        note_in(&mut self.services, line);
    }

    /// Notes a warning of Terraform, which has no secrets.
    pub fn warn(&mut self, text: &str) {
        note_in(&mut self.warnings, text);
    }

    /// How many resources an apply would touch.
    pub fn resource_count(&self) -> u64 {
        self.add + self.change + self.destroy + self.replace + self.import + self.forget + self.moved + self.unknown
    }

    /// Whether anything would change.
    pub(super) fn changes(&self) -> bool {
        self.resource_count() + self.invoke > 0 || self.outputs_changed
    }

    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        !self.applyable.unwrap_or_else(|| self.changes())
    }

    /// Whether a resource would be destroyed, for good or to be made anew.
    pub fn destroys(&self) -> bool {
        self.destroy + self.replace > 0
    }

    /// Whether a resource could be lost: destroyed, removed from the state, also because its provider does not find it, or subject to an
    /// action or a provisioner with unknown effect.
    pub fn may_lose(&self) -> bool {
        self.destroys() || self.forget + self.invoke + self.provision + self.not_found_count() > 0
    }

    /// The types of which a resource would be destroyed, replaced or dropped from the state.
    pub fn lost_types(&self) -> impl Iterator<Item = &str> {
        let lost = |counts: &BTreeMap<Action, u64>| counts.keys().any(|action| protection::loses(*action));
        let types = self.types.iter().filter(move |(_, counts)| lost(counts));
        types.map(|(kind, _)| kind.as_str())
    }
}

/// Drift: resources that differ from the stack's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// How many resources differ.
    pub count: u64,
    /// The first [`RESOURCES_NAMED`] of them: `update` for a changed one, `delete` for one that no longer exists.
    pub resources: Vec<ResourceChange>,
}

impl Drift {
    /// Counts one more resource, and names it while there is room.
    pub fn add(&mut self, change: ResourceChange) {
        self.count += 1;
        name(&mut self.resources, change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_its_first_resources_and_counts_them_all() {
        let mut long = PlanSummary::default();
        for number in 0..RESOURCES_NAMED + 5 {
            long.add_change(ResourceChange {
                address: format!("r.r{number}"),
                action: Action::Create,
            });
        }
        assert_eq!(
            (long.add, long.resources.len()),
            (RESOURCES_NAMED as u64 + 5, RESOURCES_NAMED)
        );
    }

    #[test]
    fn long_addresses_leave_room_in_the_record() {
        let mut long = PlanSummary::default();
        let mut drift = Drift::default();
        for number in 0..200 {
            let change = ResourceChange {
                address: format!("terraform_data.it[\"{number}{}\"]", "k".repeat(5_000)),
                action: Action::Create,
            };
            long.add_change(change.clone());
            drift.add(change);
        }
        assert_eq!((long.add, drift.count), (200, 200));
        for named in [&long.resources, &drift.resources] {
            let bytes: usize = named.iter().map(|change| change.address.len()).sum();
            assert!(!named.is_empty() && bytes <= RESOURCES_BYTES, "{bytes}");
        }
    }

    #[test]
    fn keys_of_tags_leave_room_in_the_record() {
        let mut tagged = PlanSummary::default();
        let keys: BTreeSet<String> = (0..200)
            .map(|number| format!("{number}{}", "k".repeat(1_000)))
            .collect();
        tagged.count_tags(keys.clone());
        let bytes: usize = tagged.tags.iter().map(String::len).sum();
        assert!(!tagged.tags.is_empty() && bytes <= TAGS_BYTES, "{bytes}");
        tagged.count_tags(keys);
        assert_eq!(tagged.tags.len(), 16);
    }

    #[test]
    fn reasons_leave_room_in_the_record() {
        let mut odd = PlanSummary::default();
        for reason in 0..30 {
            // Terraform repeats a warning for each call of a module.
            for _ in 0..2 {
                odd.note(format!("{reason} {}", "x".repeat(1_000)));
                odd.warn(&format!("{reason} {}", "x".repeat(1_000)));
            }
        }
        for list in [&odd.not_understood, &odd.warnings] {
            assert_eq!((list.len(), list[10].as_str()), (REASONS_NAMED + 1, "and more"));
            assert!(
                list.iter().all(|text| text.len() <= REASON_BYTES + '…'.len_utf8()),
                "{list:?}"
            );
        }
    }
}
