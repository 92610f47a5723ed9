//! What Terraform would change, and what follows from it.

use serde::{Deserialize, Serialize};

use crate::environment::{Approval, Environment};
use crate::operation::OperationKind;

/// How many resources a [`PlanSummary`] names: enough for a person to read, few enough for a DynamoDB item.
pub const RESOURCES_NAMED: usize = 100;

/// How many bytes the addresses of these have together: a key of a `for_each` may be of any length.
pub const RESOURCES_BYTES: usize = 32 * 1024;

/// Names one more resource while there is room.
fn name(named: &mut Vec<ResourceChange>, change: ResourceChange) {
    let bytes: usize = named.iter().map(|change| change.address.len()).sum();
    if named.len() < RESOURCES_NAMED && bytes + change.address.len() <= RESOURCES_BYTES {
        named.push(change);
    }
}

/// What a plan would do to one resource.
///
/// The names are those of Terraform's `-json` stream (`change.action` in a `planned_change` message), less `noop` and `read`,
/// which change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is destroyed and made anew.
    Replace,
    /// It is destroyed.
    Delete,
    /// An existing resource is taken into the state.
    Import,
    /// It is dropped from the state, and goes on existing.
    Forget,
    /// It gets another address in the state. Nothing happens to the resource; but without the move, the next version of the
    /// blueprint that lacks the `moved` block destroys it.
    Move,
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
    /// Resources that would be taken into the state.
    #[serde(default)]
    pub import: u64,
    /// Resources that would be dropped from the state.
    #[serde(default)]
    pub forget: u64,
    /// Resources that would get another address in the state, and nothing else.
    #[serde(default)]
    pub moved: u64,
    /// Whether an output would change: Terraform then has something to apply even where no resource changes.
    pub outputs_changed: bool,
    /// The first [`RESOURCES_NAMED`] resources that would change, in the order of the plan.
    pub resources: Vec<ResourceChange>,
}

impl PlanSummary {
    /// Counts one more resource, and names it while there is room.
    pub fn add_change(&mut self, change: ResourceChange) {
        let count = match change.action {
            Action::Create => &mut self.add,
            Action::Update => &mut self.change,
            Action::Replace => &mut self.replace,
            Action::Delete => &mut self.destroy,
            Action::Import => &mut self.import,
            Action::Forget => &mut self.forget,
            Action::Move => &mut self.moved,
        };
        *count += 1;
        name(&mut self.resources, change);
    }

    /// How many resources an apply would touch.
    pub fn resource_count(&self) -> u64 {
        self.add + self.change + self.destroy + self.replace + self.import + self.forget + self.moved
    }

    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.resource_count() == 0 && !self.outputs_changed
    }

    /// Whether a resource would be destroyed, for good or to be made anew.
    pub fn destroys(&self) -> bool {
        self.destroy + self.replace > 0
    }
}

/// What was changed outside Terraform: where the resources are not as the stack's state says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// How many resources differ.
    pub count: u64,
    /// The first [`RESOURCES_NAMED`] of them: `update` for one that was changed, `delete` for one that is gone.
    pub resources: Vec<ResourceChange>,
}

impl Drift {
    /// Counts one more resource, and names it while there is room.
    pub fn add(&mut self, change: ResourceChange) {
        self.count += 1;
        name(&mut self.resources, change);
    }
}

/// What follows from a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The operation wanted only the plan.
    ShownOnly,
    /// Nothing would change.
    NothingToChange,
    /// It is applied at once.
    Apply,
    /// It waits until somebody approves it.
    ApprovalNeeded,
    /// The rules of the environment forbid it: the text says which.
    Refused(String),
}

/// Judges a plan by the kind of its operation and the rules of its environment.
pub fn review(kind: OperationKind, plan: &PlanSummary, environment: &Environment) -> Verdict {
    if kind.only_looks() {
        return Verdict::ShownOnly;
    }
    if kind == OperationKind::Destroy && environment.protected {
        return Verdict::Refused(format!(
            "the environment `{}` is protected: stacks in it are not destroyed",
            environment.name
        ));
    }
    if plan.is_empty() {
        return Verdict::NothingToChange;
    }
    match environment.approval {
        Approval::Never => Verdict::Apply,
        Approval::WhenDestroying if plan.destroys() => Verdict::ApprovalNeeded,
        Approval::WhenDestroying => Verdict::Apply,
        Approval::Always => Verdict::ApprovalNeeded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(approval: Approval, protected: bool) -> Environment {
        Environment {
            name: "live".parse().expect("a name"),
            account: "000000000000".parse().expect("an account"),
            region: "us-east-1".parse().expect("a region"),
            role: None,
            external_id: None,
            approval,
            protected,
            variables: serde_json::Map::new(),
        }
    }

    fn plan(actions: &[Action]) -> PlanSummary {
        let mut plan = PlanSummary::default();
        for (index, action) in actions.iter().enumerate() {
            plan.add_change(ResourceChange {
                address: format!("r.r{index}"),
                action: *action,
            });
        }
        plan
    }

    #[test]
    fn a_plan_names_its_first_resources_and_counts_them_all() {
        let long = plan(&[Action::Create; RESOURCES_NAMED + 5]);
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
    fn the_rules_of_the_environment_decide() {
        let (creates, replaces) = (plan(&[Action::Create]), plan(&[Action::Update, Action::Replace]));
        let judge = |plan, approval| review(OperationKind::Update, plan, &environment(approval, true));
        assert_eq!(judge(&creates, Approval::Never), Verdict::Apply);
        assert_eq!(judge(&creates, Approval::WhenDestroying), Verdict::Apply);
        assert_eq!(judge(&replaces, Approval::WhenDestroying), Verdict::ApprovalNeeded);
        assert_eq!(judge(&creates, Approval::Always), Verdict::ApprovalNeeded);
        assert_eq!(judge(&plan(&[]), Approval::Always), Verdict::NothingToChange);
    }

    #[test]
    fn move_alone_is_something_to_apply() {
        let moves = plan(&[Action::Move]);
        let judge = |approval| review(OperationKind::Update, &moves, &environment(approval, true));
        assert_eq!(judge(Approval::Never), Verdict::Apply);
        assert_eq!(judge(Approval::WhenDestroying), Verdict::Apply);
    }

    #[test]
    fn outputs_alone_are_something_to_apply() {
        let outputs = PlanSummary {
            outputs_changed: true,
            ..PlanSummary::default()
        };
        assert_eq!(
            review(OperationKind::Update, &outputs, &environment(Approval::Never, false)),
            Verdict::Apply
        );
    }

    #[test]
    fn what_only_looks_never_applies_and_a_protected_environment_is_never_destroyed() {
        let deletes = plan(&[Action::Delete]);
        for kind in [OperationKind::Preview, OperationKind::Drift] {
            assert_eq!(
                review(kind, &deletes, &environment(Approval::Always, true)),
                Verdict::ShownOnly
            );
        }
        assert!(matches!(
            review(OperationKind::Destroy, &deletes, &environment(Approval::Never, true)),
            Verdict::Refused(why) if why.contains("live")
        ));
        // Nor is one whose resources are gone already: its record stays.
        assert!(matches!(
            review(OperationKind::Destroy, &plan(&[]), &environment(Approval::Never, true)),
            Verdict::Refused(_)
        ));
    }
}
