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

/// Why a plan waits for an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// Slipway does not understand all of it.
    NotUnderstood,
    /// The environment is protected, and the provider does not find a resource of a protected type.
    NotFoundInProtected,
    /// The environment wants an approval of every plan.
    EveryPlan,
    /// The environment wants an approval of plans that may lose something, and this one may.
    MayLose,
    /// The environment is protected, and the plan invokes actions.
    InvokesInProtected,
    /// The environment is protected, and the plan runs provisioners.
    ProvisionsInProtected,
}

/// The names of these rules on approval sheets.
pub const UNDERSTOOD: &str = "plan.understood";
/// See [`UNDERSTOOD`].
pub const APPROVAL: &str = "environment.approval";
/// See [`UNDERSTOOD`].
pub const PROTECTED_ACTIONS: &str = "environment.protected_actions";

impl Requirement {
    /// The name of the rule that requires the approval.
    pub fn policy(self) -> &'static str {
        match self {
            Self::NotUnderstood => UNDERSTOOD,
            Self::NotFoundInProtected => protection::PROTECTED_TYPES,
            Self::EveryPlan | Self::MayLose => APPROVAL,
            Self::InvokesInProtected | Self::ProvisionsInProtected => PROTECTED_ACTIONS,
        }
    }

    /// Why the rule requires it, in a clause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotUnderstood => "Slipway does not understand all of the plan",
            Self::NotFoundInProtected => {
                "the provider does not find resources of protected types, and the apply would drop them from the state"
            }
            Self::EveryPlan => "every plan waits for an approval",
            Self::MayLose => {
                "the plan destroys, replaces, forgets or does not find resources, invokes actions or runs provisioners"
            }
            Self::InvokesInProtected => "the plan invokes actions, and no plan shows the effect of an action",
            Self::ProvisionsInProtected => "the plan runs provisioners, and no plan shows the effect of a provisioner",
        }
    }
}

/// Every reason for which the plan waits for an approval by the rules of the environment; none if it needs no approval.
pub fn requirements(plan: &PlanSummary, environment: &Environment) -> Vec<Requirement> {
    let not_understood = (!plan.not_understood.is_empty()).then_some(Requirement::NotUnderstood);
    let not_found = protection::is_not_found(plan, environment).then_some(Requirement::NotFoundInProtected);
    // A plan does not show the effect of an action or a provisioner, which may delete protected resources.
    let unseen = |count: u64| environment.protected && count > 0;
    let by_environment: Vec<Requirement> = match environment.approval {
        Approval::Never => {
            let invokes = unseen(plan.invoke).then_some(Requirement::InvokesInProtected);
            let provisions = unseen(plan.provision).then_some(Requirement::ProvisionsInProtected);
            invokes.into_iter().chain(provisions).collect()
        }
        Approval::WhenDestroying if plan.may_lose() => vec![Requirement::MayLose],
        Approval::WhenDestroying => Vec::new(),
        Approval::Always => vec![Requirement::EveryPlan],
    };
    not_understood
        .into_iter()
        .chain(not_found)
        .chain(by_environment)
        .collect()
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
    let required = requirements(plan, environment);
    // An update after a failed apply applies an empty plan, too. That writes a state without the resources that were not found.
    let may_change = |why: &Requirement| *why == Requirement::NotUnderstood || plan.not_found_count() > 0;
    if plan.is_empty() && !required.iter().any(may_change) {
        Verdict::NothingToChange
    } else if required.is_empty() {
        Verdict::Apply
    } else {
        Verdict::ApprovalNeeded
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
    fn provisioners_need_an_approval_as_actions_do() {
        let provisions = PlanSummary {
            provision: 1,
            ..plan(&[Action::Create])
        };
        for (approval, protected, required) in [
            (Approval::Never, false, vec![]),
            (Approval::Never, true, vec![Requirement::ProvisionsInProtected]),
            (Approval::WhenDestroying, false, vec![Requirement::MayLose]),
            (Approval::Always, true, vec![Requirement::EveryPlan]),
        ] {
            let environment = environment(approval, protected);
            assert_eq!(requirements(&provisions, &environment), required, "{approval}");
        }
    }

    #[test]
    fn every_rule_that_requires_an_approval_is_named() {
        let mut invokes = plan(&[Action::Invoke]);
        let required = |plan: &PlanSummary, approval| {
            let requirements = requirements(plan, &environment(approval, true)).into_iter();
            requirements.map(Requirement::policy).collect::<Vec<_>>()
        };
        assert_eq!(required(&invokes, Approval::Never), [PROTECTED_ACTIONS]);
        invokes.note("an unknown action");
        assert_eq!(required(&invokes, Approval::Never), [UNDERSTOOD, PROTECTED_ACTIONS]);
        assert_eq!(required(&invokes, Approval::WhenDestroying), [UNDERSTOOD, APPROVAL]);
        assert_eq!(required(&plan(&[Action::Create]), Approval::Always), [APPROVAL]);
        assert!(required(&plan(&[Action::Create]), Approval::WhenDestroying).is_empty());
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
