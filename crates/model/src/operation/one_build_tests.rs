//! The rule of one build, over 10,000 orders in which builds, workflow and people may come.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::environment::Approval;
use crate::operation::cancel::{Cancel, cancelled_by};
use crate::operation::example;
use crate::operation::work::Work;
use crate::operation::{OperationEvent, OperationKind};
use crate::plan::{Action, ResourceChange};

fn operation(kind: OperationKind) -> Operation {
    example::operation(&json!({ "kind": kind }))
}

fn update_that(mends: bool) -> Work {
    Work::Update {
        patch: None,
        release: None,
        compatible_with_previous: true,
        mends,
    }
}

fn environment(approval: Approval) -> Environment {
    let environment = json!({
        "name": "live", "account": "000000000000", "region": "us-east-1", "approval": approval, "protected": false, "variables": {},
    });
    serde_json::from_value(environment).expect("an environment")
}

/// A plan whose only resource contains this number.
fn plan(number: usize, action: Option<Action>) -> PlanSummary {
    let mut plan = PlanSummary::default();
    if let Some(action) = action {
        let address = format!("r.plan{number}");
        plan.add_change(ResourceChange { address, action });
    }
    plan
}

fn new_plan(build: &str, number: usize, verdict: Option<Verdict>) -> NewPlan {
    let archive = verdict.is_none().then(|| Digest::of(&number.to_be_bytes()));
    NewPlan {
        made: PlanMade {
            build: build.to_owned(),
            archive,
        },
        plan: Some(plan(number, Some(Action::Create))),
        binding: None,
        drift: None,
        verdict,
    }
}

fn failure(step: &str) -> Failure {
    Failure {
        name: "Slipway.PlanFailed".to_owned(),
        step: step.to_owned(),
        message: "no such subnet".to_owned(),
        address: None,
    }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn build_applies_a_plan_that_needs_no_approval() {
    let update = operation(OperationKind::Update);
    let judge = |operation: &Operation, action, approval| {
        go_on_from_plan(
            operation,
            &plan(0, action),
            &environment(approval),
            PolicyHead::default(),
        )
    };
    let (creates, deletes) = (Some(Action::Create), Some(Action::Delete));
    assert_eq!(judge(&update, creates, Approval::Never), Some(Verdict::Apply));
    assert_eq!(judge(&update, creates, Approval::WhenDestroying), Some(Verdict::Apply));
    assert_eq!(judge(&update, deletes, Approval::WhenDestroying), None);
    assert_eq!(judge(&update, creates, Approval::Always), None);
    assert_eq!(judge(&update, None, Approval::Never), None);
    assert_eq!(
        judge(&operation(OperationKind::Preview), creates, Approval::Never),
        None
    );
    let judged = PolicyHead {
        revision: 1,
        judges_plans: true,
    };
    let by_policies = go_on_from_plan(&update, &plan(0, creates), &environment(Approval::Never), judged);
    assert_eq!(by_policies, None, "only the workflow evaluates policies");
    let mends = Operation {
        work: update_that(true),
        ..update
    };
    assert_eq!(
        judge(&mends, None, Approval::Always),
        Some(Verdict::NothingToChange),
        "nothing is changed, and the outputs are read"
    );
}

#[test]
fn record_shows_plan_verdict_and_apply_of_one_build() {
    let mut operation = operation(OperationKind::Update);
    operation.begin_build(PLAN, NOW);
    let new = new_plan("one", 1, Some(Verdict::Apply));
    assert_eq!(operation.end_plan(new.clone(), NOW), AfterPlan::Apply);
    let steps: Vec<_> = operation
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.status))
        .collect();
    assert_eq!(
        steps,
        [
            (PLAN, StepStatus::Succeeded),
            (REVIEW_PLAN, StepStatus::Succeeded),
            (APPLY, StepStatus::Running)
        ]
    );
    assert_eq!(operation.cancelling(), Cancel::Request);
    assert_eq!(operation.waits_for_build(), None);
    // The answer to the write was lost.
    let recorded = operation.clone();
    assert_eq!(operation.end_plan(new, NOW), AfterPlan::Apply);
    assert_eq!(operation, recorded);
}

#[test]
fn apply_counts_as_begun_unless_it_failed_before_terraform() {
    let mut operation = operation(OperationKind::Update);
    operation.begin_apply("one", NOW);
    assert!(operation.has_begun_apply());
    operation.fail_before_apply("one", failure(APPLY), NOW);
    assert_eq!(operation.status_of(APPLY), Some(StepStatus::Failed));
    assert!(!operation.has_begun_apply());
    operation.begin_apply("one", NOW);
    assert!(operation.has_begun_apply());
    // A build that lost the race does not know what the other one did.
    operation.fail_before_apply("two", failure(APPLY), NOW);
    assert!(operation.has_begun_apply());
}

#[test]
fn second_plan_and_late_failure_change_nothing() {
    for verdict in [None, Some(Verdict::Apply)] {
        let mut operation = operation(OperationKind::Update);
        operation.begin_build(PLAN, NOW);
        operation.end_plan(new_plan("one", 1, verdict), NOW);
        let recorded = operation.clone();
        for second in [None, Some(Verdict::Apply)] {
            assert_eq!(operation.end_plan(new_plan("two", 2, second), NOW), AfterPlan::Drop);
        }
        assert!(!operation.fail_plan(failure(PLAN), NOW));
        assert_eq!(operation, recorded);
    }
}

#[test]
fn cancelled_operation_keeps_its_plan_and_applies_nothing() {
    let mut operation = operation(OperationKind::Update);
    operation.begin_build(PLAN, NOW);
    operation.request_interruption("ann", NOW);
    let after = operation.end_plan(new_plan("one", 1, Some(Verdict::Apply)), NOW);
    assert_eq!(after, AfterPlan::Leave);
    assert_eq!(operation.verdict, None);
    assert!(operation.plan.is_some() && !operation.may_apply());
    assert_eq!(operation.planned(), Some(Planned::Left));
}

/// Random numbers of one seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("a small number")
    }
}

/// A build of Plan, and where it is.
#[derive(Debug, Clone)]
enum PlanBuild {
    Queued,
    /// Terraform plans.
    Plans,
    /// It has a plan and a verdict, and nothing on the record yet.
    Made(Box<NewPlan>, usize),
    Applies(usize),
    /// It waits for the build whose plan is on the record.
    Follows,
    Ended,
}

/// A build of Apply, and where it is.
#[derive(Debug, Clone)]
enum ApplyBuild {
    Queued,
    Applies(usize),
    Ended,
}

struct World {
    random: Random,
    now: Timestamp,
    operation: Operation,
    environment: Environment,
    plan_builds: Vec<PlanBuild>,
    apply_builds: Vec<ApplyBuild>,
    archives: BTreeMap<String, usize>,
    /// What `Review plan` read, before it writes.
    reviewing: Option<Operation>,
    /// The plan that each verdict on the record was made for, in the order of the verdicts.
    judged: Vec<(Verdict, Option<String>)>,
    plans: usize,
    applied: Vec<usize>,
}

/// Which plan this is.
fn address(plan: Option<&PlanSummary>) -> Option<String> {
    plan.and_then(|plan| plan.resources.first())
        .map(|change| change.address.clone())
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let approval = [Approval::Never, Approval::WhenDestroying, Approval::Always][random.below(3)];
        let mut operation = operation(OperationKind::Update);
        operation.work = update_that(random.below(4) == 0);
        Self {
            random,
            now: NOW,
            operation,
            environment: environment(approval),
            plan_builds: vec![PlanBuild::Queued],
            apply_builds: Vec::new(),
            archives: BTreeMap::new(),
            reviewing: None,
            judged: Vec::new(),
            plans: 0,
            applied: Vec::new(),
        }
    }

    fn happens(&mut self) {
        self.now += SignedDuration::from_secs(1);
        match self.random.below(16) {
            0 if self.plan_builds.len() < 3 => self.plan_builds.push(PlanBuild::Queued),
            1..=7 => self.plan_build_goes_on(),
            8..=9 => self.apply_build_goes_on(),
            10..=11 => self.review(),
            12 if self.operation.status == OperationStatus::WaitingForApproval => {
                self.operation.approve("eve".into(), self.now).expect("it waits");
            }
            13 if self.operation.may_apply() && self.apply_builds.len() < 2 => {
                self.apply_builds.push(ApplyBuild::Queued);
            }
            14 if self.random.below(6) == 0 => self.cancel(),
            15 if self.random.below(3) == 0 => {
                let approval = [Approval::Never, Approval::Always][self.random.below(2)];
                self.environment = environment(approval);
            }
            _ => {}
        }
    }

    fn plan_build_goes_on(&mut self) {
        let which = self.random.below(self.plan_builds.len());
        let name = format!("build-{which}");
        let next = match self.plan_builds[which].clone() {
            PlanBuild::Queued if self.operation.interruption().is_some() => PlanBuild::Ended,
            PlanBuild::Queued if self.operation.planned().is_some() => PlanBuild::Follows,
            PlanBuild::Queued => {
                self.operation.begin_build(PLAN, self.now);
                PlanBuild::Plans
            }
            PlanBuild::Plans if self.random.below(5) == 0 => {
                if self.operation.fail_plan(failure(PLAN), self.now) {
                    PlanBuild::Ended
                } else {
                    PlanBuild::Follows
                }
            }
            PlanBuild::Plans => {
                self.plans += 1;
                let action = [Some(Action::Create), Some(Action::Delete), None][self.random.below(3)];
                let made = plan(self.plans, action);
                let verdict = go_on_from_plan(&self.operation, &made, &self.environment, PolicyHead::default());
                let mut new = new_plan(&name, self.plans, verdict);
                new.plan = Some(made);
                if let Some(archive) = &new.made.archive {
                    self.archives.insert(archive.as_str().to_owned(), self.plans);
                }
                PlanBuild::Made(Box::new(new), self.plans)
            }
            PlanBuild::Made(new, number) => self.record_plan(*new, number),
            PlanBuild::Applies(number) => {
                self.applies(number);
                let well = self.random.below(3) > 0;
                let ended = if well { Ok(()) } else { Err(failure(APPLY)) };
                let _ = self.operation.end_build(APPLY, ended, self.now);
                PlanBuild::Ended
            }
            PlanBuild::Follows if self.operation.planned() == Some(Planned::Applies) => PlanBuild::Follows,
            PlanBuild::Follows | PlanBuild::Ended => PlanBuild::Ended,
        };
        self.plan_builds[which] = next;
    }

    fn record_plan(&mut self, new: NewPlan, number: usize) -> PlanBuild {
        let had = self.operation.planned_by.clone();
        let made_for = (new.verdict.clone(), address(new.plan.as_ref()));
        let after = self.operation.end_plan(new.clone(), self.now);
        if had.is_none()
            && let (AfterPlan::Apply, (Some(verdict), plan)) = (after, made_for)
        {
            self.judged.push((verdict, plan));
        }
        if self.random.below(3) == 0 {
            assert_eq!(self.operation.end_plan(new, self.now), after, "a repeated write");
        }
        match after {
            AfterPlan::Apply => PlanBuild::Applies(number),
            AfterPlan::Leave => PlanBuild::Ended,
            AfterPlan::Drop => PlanBuild::Follows,
        }
    }

    /// The build of Apply unpacks the archive that the record names.
    fn apply_build_goes_on(&mut self) {
        if self.apply_builds.is_empty() {
            return;
        }
        let which = self.random.below(self.apply_builds.len());
        let next = match self.apply_builds[which].clone() {
            ApplyBuild::Queued => {
                let archive = self
                    .operation
                    .planned_by
                    .as_ref()
                    .and_then(|made| made.archive.as_ref());
                let number = archive.and_then(|archive| self.archives.get(archive.as_str()).copied());
                match number.filter(|_| self.operation.interruption().is_none() && self.operation.may_apply()) {
                    Some(number) => {
                        self.operation.begin_build(APPLY, self.now);
                        ApplyBuild::Applies(number)
                    }
                    None => ApplyBuild::Ended,
                }
            }
            ApplyBuild::Applies(number) => {
                self.applies(number);
                let _ = self.operation.end_build(APPLY, Ok(()), self.now);
                ApplyBuild::Ended
            }
            ApplyBuild::Ended => ApplyBuild::Ended,
        };
        self.apply_builds[which] = next;
    }

    /// `Review plan` reads the record, and writes its verdict later.
    fn review(&mut self) {
        let Some(read) = self.reviewing.take() else {
            let ended = self.plan_builds.iter().any(|build| matches!(build, PlanBuild::Ended));
            let left = self.operation.planned() == Some(Planned::Left) && self.operation.verdict.is_none();
            if ended && left && self.operation.interruption().is_none() {
                self.reviewing = Some(self.operation.clone());
            }
            return;
        };
        if self.operation.status != OperationStatus::Running {
            return;
        }
        let judged = read.plan.as_ref().expect("a plan");
        let verdict = read.review(judged, &self.environment);
        self.judged.push((verdict.clone(), address(read.plan.as_ref())));
        let next = self.operation.after_review(&verdict);
        self.operation.verdict = Some(verdict);
        if next == Next::Approval {
            self.operation.ask_approval("token", self.now).expect("it runs");
        }
    }

    fn cancel(&mut self) {
        if self.operation.status.has_ended() {
            return;
        }
        if self.operation.cancelling() == Cancel::Request {
            self.operation.request_interruption("bob", self.now);
        } else {
            let ended = self.operation.status.after(OperationEvent::Cancelled);
            self.operation.status = ended.expect("it has not ended");
            self.operation.failure = Some(cancelled_by("bob", PLAN, None));
        }
    }

    /// Terraform applies the plan with this number.
    fn applies(&mut self, number: usize) {
        let plan = self.operation.plan.as_ref();
        let (verdict, judged) = self.judged.last().expect("a verdict before the apply");
        assert_eq!(Some(verdict), self.operation.verdict.as_ref());
        assert_eq!(judged, &address(plan), "the verdict is on the plan of the record");
        if let Some(address) = address(plan) {
            assert_eq!(address, format!("r.plan{number}"), "and that plan is applied");
        }
        let approved = match self.operation.after_review(verdict) {
            Next::Apply => true,
            Next::Approval => self.operation.approved_by.is_some(),
            Next::Complete | Next::Refused(_) => false,
        };
        assert!(approved, "{verdict:?} lets it apply");
        self.applied.push(number);
    }
}

#[test]
fn no_plan_is_applied_without_a_verdict_on_it() {
    let (mut one_build, mut two_builds, mut duplicates) = (0, 0, 0);
    for seed in 0..10_000 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            let before = world.operation.clone();
            world.happens();
            let now = &world.operation;
            if before.planned_by.is_some() {
                assert_eq!(
                    (&now.planned_by, &now.plan),
                    (&before.planned_by, &before.plan),
                    "seed {seed}"
                );
            }
            if before.status.has_ended() {
                assert_eq!(now.status, before.status, "seed {seed}");
            }
        }
        if let Some(first) = world.applied.first() {
            assert!(world.applied.iter().all(|number| number == first), "seed {seed}");
            let kept = world
                .operation
                .planned_by
                .as_ref()
                .is_some_and(|made| made.archive.is_some());
            if kept {
                two_builds += 1;
            } else {
                one_build += 1;
                assert_eq!(world.applied.len(), 1, "seed {seed}");
            }
            duplicates += usize::from(world.plans > 1);
        }
    }
    // The orders that matter come up.
    let seen = [one_build, two_builds, duplicates];
    assert!(seen.iter().all(|&count| count > 300), "{seen:?}");
}
