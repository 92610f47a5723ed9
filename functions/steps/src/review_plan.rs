//! Review plan: the rules of the environment judge what Terraform would change, unless the build of Plan has applied them already.

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::environment::Environment;
use slipway_model::id::OperationId;
use slipway_model::operation::approval::ApprovalRule;
use slipway_model::operation::one_build::{Next, Planned};
use slipway_model::operation::{Operation, OperationKind, StepStatus};
use slipway_model::plan::{PlanSummary, Verdict};
use slipway_policy::facts::{EnvironmentFacts, StackFacts};

use crate::{StepError, Steps, state};

/// What the workflow does next.
#[derive(Debug, Serialize)]
pub(crate) struct Reviewed {
    verdict: Answer,
    /// Whether the build of Plan applied the plan.
    applied: bool,
    /// How long the plan waits for an approval.
    approval_seconds: i64,
    /// What the console shows of the plan; none for a drift check.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Counts>,
    /// By what rule it is approved; none if it needs no approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalRule>,
}

/// How many resources the plan would change, and how.
#[derive(Debug, Serialize)]
struct Counts {
    add: u64,
    change: u64,
    replace: u64,
    destroy: u64,
    forget: u64,
    import: u64,
    moved: u64,
}

impl Counts {
    fn of(plan: &PlanSummary) -> Self {
        Self {
            add: plan.add,
            change: plan.change,
            replace: plan.replace,
            destroy: plan.destroy,
            forget: plan.forget,
            import: plan.imports(),
            moved: plan.moved,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// Nothing: the plan was all that was wanted, or nothing would change.
    Complete,
    ApprovalNeeded,
    Apply,
}

impl Steps {
    pub(crate) async fn review_plan(&self, operation: &OperationId) -> Result<Reviewed, StepError> {
        let began = Timestamp::now();
        let planned = self.store.operation(operation).await?;
        match planned.planned() {
            Some(Planned::Applied) => {
                return Ok(Reviewed {
                    verdict: Answer::Apply,
                    applied: true,
                    approval_seconds: 0,
                    plan: planned.plan.as_ref().map(Counts::of),
                    approval: None,
                });
            }
            Some(Planned::Applies | Planned::Failed) => {
                let why = "the build of Plan began to apply the plan and did not record its success";
                return Err(StepError::PlanFailed(why.to_owned()));
            }
            Some(Planned::Left) | None => {}
        }
        let mut rule = None;
        let verdict = match (&planned.plan, &planned.drift) {
            // What differs is not planned for: it is shown.
            (None, Some(_)) if planned.kind() == OperationKind::Drift => Verdict::ShownOnly,
            (Some(plan), _) => {
                let environment = self.store.environment(&planned.environment).await?;
                let verdict = planned.review(plan, &environment);
                let verdict = self.judged(verdict, &planned, plan, &environment).await?;
                rule = (verdict == Verdict::ApprovalNeeded).then(|| ApprovalRule::of(plan, &environment, began));
                verdict
            }
            (None, _) => return Err(StepError::PlanFailed("the build ended without a plan".to_owned())),
        };
        let change = |operation: &mut Operation| {
            operation.verdict = Some(verdict.clone());
            if matches!(verdict, Verdict::Refused(_)) {
                operation.end_step(state::REVIEW_PLAN, StepStatus::Failed, Timestamp::now());
            }
            // A repeated review does not give more time.
            if operation.approval_rule.is_none() {
                operation.approval_rule.clone_from(&rule);
            }
        };
        let reviewed = self.note(planned, state::REVIEW_PLAN, began, change).await?;
        let approval_seconds = reviewed.approval_rule.as_ref().map_or(0, |rule| {
            // At least a second: a time that is over ends the state at once, as it should.
            rule.expires_at.duration_since(Timestamp::now()).as_secs().max(1)
        });
        let verdict = match reviewed.after_review(&verdict) {
            Next::Refused(why) => return Err(StepError::PlanRefused(why)),
            Next::Approval => Answer::ApprovalNeeded,
            Next::Apply => Answer::Apply,
            Next::Complete => Answer::Complete,
        };
        Ok(Reviewed {
            verdict,
            applied: false,
            approval_seconds,
            plan: reviewed.plan.as_ref().map(Counts::of),
            approval: reviewed.approval_rule,
        })
    }

    /// The verdict after the policies: they refuse what the rules of the environment would let apply.
    async fn judged(
        &self,
        verdict: Verdict,
        operation: &Operation,
        plan: &PlanSummary,
        environment: &Environment,
    ) -> Result<Verdict, StepError> {
        match operation.after_review(&verdict) {
            Next::Refused(_) | Next::Complete => return Ok(verdict),
            Next::Approval | Next::Apply => {}
        }
        let (stack, head) = self.store.stack_and_policy_head(&operation.stack).await?;
        let policies = self.gate.policies_at(head).await?;
        let stack = StackFacts::new(&stack, EnvironmentFacts::from(environment));
        Ok(policies
            .refusal(operation, plan, stack)
            .map_or(verdict, Verdict::Refused))
    }
}
