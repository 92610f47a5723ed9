//! The builds of an operation: how the runner begins and ends a step of it, and how long it waits for that.

use jiff::Timestamp;

use super::approval::WAIT_FOR_APPROVAL;
use super::one_build::REVIEW_PLAN;
use super::{Failure, Operation, OperationKind, OperationStatus, Step, StepStatus};
use crate::error_name::ErrorName;
use crate::plan::Verdict;

/// The state in which the runner plans.
pub const PLAN: &str = "Plan";
/// The state in which the runner applies.
pub const APPLY: &str = "Apply";
/// The states of the workflow before Apply. None of them makes anything of the stack.
const BEFORE_APPLY: [&str; 4] = ["Begin operation", PLAN, REVIEW_PLAN, WAIT_FOR_APPROVAL];

impl Operation {
    /// The runner begins a step. Where there is an [`Operation::interruption`] nothing begins.
    pub fn begin_build(&mut self, step: &str, now: Timestamp) {
        if self.interruption().is_some() {
            return;
        }
        self.begin_step(step, now);
        self.progress = None;
        // Of an earlier try of this step.
        self.failure.take_if(|failure| failure.step == step);
    }

    /// A build begins to apply the plan, unless another one has.
    pub fn begin_apply(&mut self, build: &str, now: Timestamp) {
        if self.other_apply(build).is_none() {
            self.begin_build(APPLY, now);
            self.applied_by = Some(build.to_owned());
            self.nothing_applied = false;
        }
    }

    /// A build fails before it runs Terraform's apply, and no build did that before it: the step failed, and nothing was applied. If
    /// another build has begun since, that one knows.
    pub fn fail_before_apply(&mut self, build: &str, failure: Failure, now: Timestamp) {
        if self.status.has_ended() {
            return;
        }
        // What the record says of the end is read by the caller.
        let _ = self.end_build(APPLY, Err(failure), now);
        self.nothing_applied = self.other_apply(build).is_none();
    }

    /// Whether its apply deploys or makes what a release fills.
    pub fn deploys(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.deploys > 0)
    }

    /// Whether the rules refused the plan when its build of Apply was about to begin.
    pub fn is_refused_before_apply(&self) -> bool {
        let is_refused = |failure: &Failure| failure.step == APPLY && ErrorName::discards(&failure.name);
        !self.has_begun_apply() && self.failure.as_ref().is_some_and(is_refused)
    }

    /// The build that applies the plan, if it is another one. Which of the two is known to have ended, the caller sees.
    pub fn other_apply(&self, build: &str) -> Option<&str> {
        self.applied_by.as_deref().filter(|other| *other != build)
    }

    /// The runner ends a step. Returns how it ended: a cancel that was requested until now wins, whatever Terraform did.
    pub fn end_build(&mut self, step: &str, ended: Result<(), Failure>, now: Timestamp) -> Result<(), Failure> {
        if self.status.has_ended() {
            return ended;
        }
        let ended = match &self.cancel {
            Some(request) => Err(request.ends(step, ended)),
            None => ended,
        };
        match &ended {
            Ok(()) => self.end_step(step, StepStatus::Succeeded, now),
            Err(failure) => {
                let is_cancelled = failure.name == ErrorName::Cancelled.as_str();
                let status = if is_cancelled {
                    StepStatus::Cancelled
                } else {
                    StepStatus::Failed
                };
                self.end_step(step, status, now);
                self.failure = Some(failure.clone());
            }
        }
        ended
    }

    /// The step that a build is at: the runner has begun it and not ended it.
    pub fn building(&self) -> Option<&'static str> {
        let builds = [APPLY, PLAN].into_iter();
        builds.into_iter().find(|step| self.runs(&[step]))
    }

    /// The step that waits for its build: the workflow has come to it, and the runner has not begun it. The account's other
    /// builds come first, or the build is being provisioned.
    pub fn waits_for_build(&self) -> Option<&'static str> {
        if self.status != OperationStatus::Running || !self.kind().runs_terraform() {
            return None;
        }
        let Some(plan) = self.status_of(PLAN) else {
            return Some(PLAN);
        };
        let applies = match self.verdict {
            Some(Verdict::Apply) => true,
            Some(Verdict::ApprovalNeeded) => self.approved_by.is_some(),
            _ => false,
        };
        (plan == StepStatus::Succeeded && applies && self.status_of(APPLY).is_none()).then_some(APPLY)
    }

    /// Whether the runner has begun to apply the plan. An operation that ends before that leaves the stack as it was, also if the step
    /// failed before Terraform ran.
    pub fn has_begun_apply(&self) -> bool {
        self.status_of(APPLY).is_some() && !self.nothing_applied
    }

    /// Whether it came to no step that makes anything of its stack. Once the record says that it has ended, no build begins to apply
    /// its plan either: [`Operation::begin_build`] and [`Operation::end_plan`] read that, under the revision that they write.
    pub fn made_nothing(&self) -> bool {
        let is_before = |step: &Step| BEFORE_APPLY.contains(&step.name.as_str());
        self.applied_by.is_none() && self.steps.iter().all(is_before)
    }

    /// The status of the step with this name; none before it began.
    pub fn status_of(&self, step: &str) -> Option<StepStatus> {
        let found = self.steps.iter().find(|begun| begun.name == step);
        found.map(|step| step.status)
    }

    /// Whether one of these states runs; an item of a Map has its state's name before the colon.
    pub(super) fn runs(&self, states: &[&str]) -> bool {
        let running = self.steps.iter().filter(|step| step.status == StepStatus::Running);
        running
            .map(|step| step.name.split_once(':').map_or(step.name.as_str(), |(state, _)| state))
            .any(|state| states.contains(&state))
    }
}

impl OperationKind {
    /// Whether its path in the workflow begins with Plan.
    pub fn runs_terraform(self) -> bool {
        match self {
            Self::Provision | Self::Update | Self::Destroy | Self::Preview | Self::Drift => true,
            Self::Release | Self::Rollback | Self::Task => false,
        }
    }
}
