//! One build for Plan and Apply, if the plan needs no approval.
//!
//! A build of AWS CodeBuild starts in 45 to 190 seconds, so the runner judges its plan by the rule of `Review plan`
//! ([`Operation::review`]). If the verdict is to apply it at once, the same build applies it; every other verdict is left to `Review plan`.
//!
//! Two builds may plan for one operation, because `StartBuild` is retried after a lost response. The record decides between them:
//! **the first recorded plan is the operation's only plan**. A later build, whatever its result, changes nothing and ends as
//! the first one does. So a recorded verdict always concerns the plan that is applied.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::build::{APPLY, PLAN};
use super::{Failure, Operation, OperationStatus, StepStatus};
use crate::environment::Environment;
use crate::name::Digest;
use crate::plan::binding::Binding;
use crate::plan::{Drift, PlanSummary, Refusal, Verdict};
use crate::policy::PolicyHead;

/// The state in which the plan is judged.
pub const REVIEW_PLAN: &str = "Review plan";

/// Which plan an operation has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanMade {
    /// The build that made it.
    pub build: String,
    /// The archive in the artifacts bucket with everything that the build of Apply needs. None if nothing is kept: the plan is
    /// only shown, or the build that made it applies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Digest>,
}

/// What a build that planned has to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    /// Which plan it is.
    pub made: PlanMade,
    /// What Terraform would change; none for a drift check.
    pub plan: Option<PlanSummary>,
    /// What the apply of an archive uses; none where nothing is kept.
    pub binding: Option<Binding>,
    /// What drifted, for a drift check.
    pub drift: Option<Drift>,
    /// The verdict on it, if this build is to apply it.
    pub verdict: Option<Verdict>,
}

/// What a build does after it has recorded its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterPlan {
    /// It applies the plan. The record says that Apply runs.
    Apply,
    /// Nothing more. The workflow goes on with `Review plan`.
    Leave,
    /// Its plan is dropped, because the record has the plan of another build.
    Drop,
}

/// How far the build is whose plan is on the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planned {
    /// It left the plan to the workflow.
    Left,
    /// It applies the plan.
    Applies,
    /// It applied the plan.
    Applied,
    /// It failed to apply the plan, or was cancelled.
    Failed,
}

/// What the workflow does after `Review plan`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It ends: there is nothing to apply, or only the plan was requested.
    Complete,
    /// It waits for an approval.
    Approval,
    /// It applies the plan.
    Apply,
    /// It fails for this reason.
    Refused(Refusal),
}

/// The verdict with which the build that made this plan applies it; none if the plan is left to the workflow.
///
/// `environment` and `policies` are as they are after the plan. The verdict is the one that `Review plan` would come to. Policies that
/// may refuse a plan are evaluated there alone.
pub fn go_on_from_plan(
    operation: &Operation,
    plan: &PlanSummary,
    environment: &Environment,
    policies: PolicyHead,
) -> Option<Verdict> {
    if policies.judges_plans {
        return None;
    }
    let verdict = operation.review(plan, environment);
    (operation.after_review(&verdict) == Next::Apply).then_some(verdict)
}

impl Operation {
    /// What follows from the verdict on its plan.
    pub fn after_review(&self, verdict: &Verdict) -> Next {
        match verdict {
            Verdict::Refused(why) => Next::Refused(why.clone()),
            Verdict::ApprovalNeeded => Next::Approval,
            Verdict::Apply => Next::Apply,
            // Applying the empty plan changes nothing, and says the outputs: what failed before may not have come to that.
            Verdict::NothingToChange if self.work.mends() => Next::Apply,
            Verdict::NothingToChange | Verdict::ShownOnly => Next::Complete,
        }
    }

    /// How far the build is whose plan the operation has; none before there is one.
    pub fn planned(&self) -> Option<Planned> {
        let made = self.planned_by.as_ref()?;
        Some(match self.status_of(APPLY) {
            Some(status) if made.archive.is_none() => match status {
                StepStatus::Running => Planned::Applies,
                StepStatus::Succeeded => Planned::Applied,
                StepStatus::Failed | StepStatus::Cancelled => Planned::Failed,
            },
            _ => Planned::Left,
        })
    }

    /// A build of Plan ends with a plan. With a verdict it begins Apply in the same write, unless a cancel came first.
    pub fn end_plan(&mut self, new: NewPlan, now: Timestamp) -> AfterPlan {
        if let Some(made) = &self.planned_by {
            // The answer to the write of this very plan may have been lost.
            let own = *made == new.made;
            return match self.planned() {
                Some(Planned::Applies) if own => AfterPlan::Apply,
                Some(Planned::Left) if own => AfterPlan::Leave,
                _ => AfterPlan::Drop,
            };
        }
        if self.status.has_ended() {
            return AfterPlan::Leave;
        }
        let ended = self.end_build(PLAN, Ok(()), now);
        (self.plan, self.drift, self.progress) = (new.plan, new.drift, None);
        self.planned_by = Some(new.made);
        self.binding = new.binding;
        if ended.is_ok() {
            // Another build may have failed to plan before. With its failure an approval would count as decided.
            self.failure.take_if(|failure| failure.step == PLAN);
        }
        match (ended, new.verdict) {
            (Ok(()), Some(verdict)) => {
                self.verdict = Some(verdict);
                self.begin_step(REVIEW_PLAN, now);
                self.end_step(REVIEW_PLAN, StepStatus::Succeeded, now);
                self.begin_build(APPLY, now);
                AfterPlan::Apply
            }
            _ => AfterPlan::Leave,
        }
    }

    /// A build of Plan ends without a plan. `false` if another build's plan is on the record: the failure is dropped.
    pub fn fail_plan(&mut self, failure: Failure, now: Timestamp) -> bool {
        if self.planned_by.is_some() {
            return false;
        }
        // What the record says of it is read by the caller.
        let _ = self.end_build(PLAN, Err(failure), now);
        true
    }

    /// Whether a build of Apply may apply the plan that the operation has: the verdict on it says so, and it was approved if it
    /// has to be.
    pub fn may_apply(&self) -> bool {
        let verdict = self.verdict.as_ref().map(|verdict| self.after_review(verdict));
        self.status == OperationStatus::Running
            && match verdict {
                Some(Next::Apply) => true,
                Some(Next::Approval) => self.approved_by.is_some(),
                Some(Next::Complete | Next::Refused(_)) | None => false,
            }
    }
}

#[cfg(test)]
#[path = "one_build_tests.rs"]
mod tests;
