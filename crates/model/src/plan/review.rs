//! The verdict about a plan.

use serde::{Deserialize, Serialize};

use super::protection;
use super::refusal::Refusal;
use super::summary::PlanSummary;
use crate::environment::{Approval, Environment};
use crate::kind::OperationKind;

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
    /// It waits for approval.
    ApprovalNeeded,
    /// A rule of the environment forbids it.
    Refused(Refusal),
}

/// Judges a plan by the kind of its operation and the rules of its environment.
pub fn review(kind: OperationKind, plan: &PlanSummary, environment: &Environment) -> Verdict {
    if kind.only_looks() {
        return Verdict::ShownOnly;
    }
    if kind == OperationKind::Destroy && environment.protected {
        return Verdict::Refused(Refusal {
            policy: protection::PROTECTED.to_owned(),
            reason: format!(
                "the environment `{}` is protected: stacks in it are not destroyed",
                environment.name
            ),
            resources: Vec::new(),
        });
    }
    if let Some(refusal) = protection::refusal(plan, environment) {
        return Verdict::Refused(refusal);
    }
    if !plan.not_understood.is_empty() {
        return Verdict::ApprovalNeeded;
    }
    if plan.is_empty() {
        return Verdict::NothingToChange;
    }
    match environment.approval {
        // A plan does not show the effect of an action, which may delete protected resources.
        Approval::Never if environment.protected && plan.invoke > 0 => Verdict::ApprovalNeeded,
        Approval::Never => Verdict::Apply,
        Approval::WhenDestroying if plan.may_lose() => Verdict::ApprovalNeeded,
        Approval::WhenDestroying => Verdict::Apply,
        Approval::Always => Verdict::ApprovalNeeded,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::{Action, ResourceChange};

    fn environment(approval: Approval, protected: bool) -> Environment {
        Environment {
            name: "live".parse().expect("a name"),
            account: "000000000000".parse().expect("an account"),
            region: "us-east-1".parse().expect("a region"),
            role: None,
            external_id: None,
            approval,
            approvals_required: 1,
            self_approval: false,
            approval_timeout_seconds: 259_200,
            approval_reminder_seconds: 86_400,
            protected,
            sandbox: false,
            protected_types: None,
            variables: serde_json::Map::new(),
            references: BTreeMap::new(),
            former: BTreeMap::new(),
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
    fn the_rules_of_the_environment_decide() {
        let (creates, replaces) = (plan(&[Action::Create]), plan(&[Action::Update, Action::Replace]));
        let judge = |plan, approval| review(OperationKind::Update, plan, &environment(approval, false));
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
    fn terraform_decides_whether_there_is_something_to_apply() {
        let says = |applyable, mut plan: PlanSummary| {
            plan.applyable = applyable;
            review(OperationKind::Update, &plan, &environment(Approval::Never, false))
        };
        assert_eq!(says(Some(true), plan(&[])), Verdict::Apply);
        assert_eq!(says(Some(false), plan(&[])), Verdict::NothingToChange);
        assert_eq!(says(None, plan(&[])), Verdict::NothingToChange);
        assert_eq!(says(None, plan(&[Action::Move])), Verdict::Apply);
    }

    #[test]
    fn what_is_not_understood_needs_an_approval() {
        let mut odd = plan(&[]);
        odd.note("the plan has `resource_renames`");
        for (kind, verdict) in [
            (OperationKind::Update, Verdict::ApprovalNeeded),
            (OperationKind::Destroy, Verdict::ApprovalNeeded),
            (OperationKind::Preview, Verdict::ShownOnly),
        ] {
            assert_eq!(review(kind, &odd, &environment(Approval::Never, false)), verdict);
        }
    }

    #[test]
    fn what_may_be_lost_needs_an_approval_when_destroying() {
        for (action, verdict) in [
            (Action::Forget, Verdict::ApprovalNeeded),
            (Action::Invoke, Verdict::ApprovalNeeded),
            (Action::Import, Verdict::Apply),
            (Action::Update, Verdict::Apply),
        ] {
            let environment = environment(Approval::WhenDestroying, false);
            assert_eq!(
                review(OperationKind::Update, &plan(&[action]), &environment),
                verdict,
                "{action}"
            );
        }
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
    fn read_only_kinds_never_apply_and_protection_forbids_destroy() {
        let deletes = plan(&[Action::Delete]);
        for kind in [OperationKind::Preview, OperationKind::Drift] {
            assert_eq!(
                review(kind, &deletes, &environment(Approval::Always, true)),
                Verdict::ShownOnly
            );
        }
        assert!(matches!(
            review(OperationKind::Destroy, &deletes, &environment(Approval::Never, true)),
            Verdict::Refused(why) if why.to_string().contains("live")
        ));
        // Nor is one whose resources no longer exist: its record is retained.
        assert!(matches!(
            review(OperationKind::Destroy, &plan(&[]), &environment(Approval::Never, true)),
            Verdict::Refused(_)
        ));
    }
}
