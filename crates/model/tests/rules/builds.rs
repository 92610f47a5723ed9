//! What builds write on the record of their operation, by the model's own functions.

use slipway_model::environment::Environment;
use slipway_model::error_name::ErrorName;
use slipway_model::name::Digest;
use slipway_model::operation::Failure;
use slipway_model::operation::build::{APPLY, PLAN};
use slipway_model::operation::one_build::{AfterPlan, NewPlan, PlanMade, Planned, go_on_from_plan};
use slipway_model::policy::PolicyHead;

use crate::system::{Build, Flaw, NOW, Run, Stage, Workflow, build_name, failure, plan};

/// What an interrupted apply ends with.
pub fn interrupted() -> Failure {
    failure(ErrorName::Cancelled, APPLY)
}

impl Run {
    /// The workflow enters Apply.
    pub fn apply(&mut self) -> Workflow {
        self.builds.push(Build {
            step: APPLY,
            stage: Stage::Queued,
        });
        Workflow::Apply
    }

    /// A build of this phase begins.
    pub fn begin_build(&mut self, number: usize) {
        let step = self.builds[number].step;
        let is_interrupted = self.record.interruption().is_some();
        self.builds[number].stage = if step == PLAN {
            if self.record.planned_by.is_some() && !is_interrupted {
                Stage::Following
            } else if is_interrupted {
                self.record.fail_plan(failure(ErrorName::Cancelled, PLAN), NOW);
                Stage::Ended(false)
            } else {
                self.record.begin_build(PLAN, NOW);
                Stage::Planning
            }
        } else if is_interrupted {
            let _ = self.record.end_build(APPLY, Err(interrupted()), NOW);
            Stage::Ended(false)
        } else if self.applied > 0 {
            Stage::Ended(self.record.end_build(APPLY, Ok(()), NOW).is_ok())
        } else if self.record.may_apply() {
            self.record.begin_build(APPLY, NOW);
            Stage::Planned
        } else {
            let _ = self
                .record
                .end_build(APPLY, Err(failure(ErrorName::ApplyFailed, APPLY)), NOW);
            Stage::Ended(false)
        };
    }

    /// A build has planned: it records the plan, and applies it if it may.
    pub fn end_plan(&mut self, number: usize, environment: &Environment, flaw: Option<Flaw>) {
        let verdict = go_on_from_plan(&self.record, &plan(), environment, PolicyHead::default());
        let name = build_name(PLAN, number);
        let new = NewPlan {
            made: PlanMade {
                archive: verdict.is_none().then(|| Digest::of(name.as_bytes())),
                build: name,
            },
            plan: Some(plan()),
            binding: None,
            drift: None,
            verdict,
        };
        let after = self.record.end_plan(new, NOW);
        self.builds[number].stage = match after {
            AfterPlan::Apply => Stage::Planned,
            AfterPlan::Leave if flaw == Some(Flaw::PlanIsNotJudged) => Stage::Planned,
            AfterPlan::Leave => Stage::Ended(self.record.interruption().is_none()),
            AfterPlan::Drop => Stage::Following,
        };
    }

    /// A build could not plan, or was interrupted.
    pub fn fail_plan(&mut self, number: usize, name: ErrorName) {
        let is_first = self.record.fail_plan(failure(name, PLAN), NOW);
        self.builds[number].stage = if is_first {
            Stage::Ended(false)
        } else {
            Stage::Following
        };
    }

    /// A build ends its apply.
    pub fn end_apply(&mut self, number: usize, outcome: Result<(), Failure>, flaw: Option<Flaw>) {
        if flaw == Some(Flaw::CancelIsNotRead) {
            self.record.cancel = None;
        }
        let is_success = outcome.is_ok();
        let recorded = self.record.end_build(APPLY, outcome, NOW);
        self.builds[number].stage =
            Stage::Ended(is_success && recorded.is_ok() && self.record.interruption().is_none());
    }

    /// A build that follows another one ends as that does.
    pub fn follow(&mut self, number: usize) {
        if self.record.interruption().is_some() {
            self.builds[number].stage = Stage::Ended(false);
            return;
        }
        let made = self.record.planned_by.as_ref().map(|made| made.build.clone());
        let is_maker =
            |(other, build): (usize, &Build)| Some(build_name(build.step, other)) == made && build.is_alive();
        let is_alive = self.builds.iter().enumerate().any(is_maker);
        self.builds[number].stage = match self.record.planned() {
            Some(Planned::Applies) if is_alive => return,
            Some(Planned::Applies) => {
                let _ = self
                    .record
                    .end_build(APPLY, Err(failure(ErrorName::ApplyFailed, APPLY)), NOW);
                Stage::Ended(false)
            }
            Some(Planned::Failed) => Stage::Ended(false),
            Some(Planned::Left | Planned::Applied) | None => Stage::Ended(true),
        };
    }

    /// A person's decision is acknowledged once the workflow has it.
    pub fn is_delivered(&self) -> bool {
        !self.record.status.has_ended() && self.record.undelivered_decision().is_none()
    }
}
