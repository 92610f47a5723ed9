//! A stack with its operations, their builds and workflows, and people.

use std::hash::{Hash, Hasher};
use std::mem;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::json;
use slipway_model::environment::Environment;
use slipway_model::error_name::ErrorName;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Digest;
use slipway_model::operation::approval::{ApprovalRule, Decision, WAIT_FOR_APPROVAL};
use slipway_model::operation::build::{APPLY, PLAN};
use slipway_model::operation::cancel::{Cancel, cancelled_by};
use slipway_model::operation::one_build::{Next, Planned, REVIEW_PLAN};
use slipway_model::operation::{Failure, Operation, OperationEvent, OperationKind, OperationStatus, StepStatus};
use slipway_model::plan::{Action, PlanSummary, ResourceChange};
use slipway_model::stack::{StackEvent, StackStatus};

pub const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The most attempts of `Wait for approval`, and the most builds of a phase.
pub const ATTEMPTS: u8 = 2;
pub const BUILDS: usize = 2;

/// The system: so many requests to one stack, in an environment with or without approvals.
#[derive(Debug, Clone, Copy)]
pub struct Stacks {
    pub operations: usize,
    pub is_gated: bool,
}

/// A change of the rules that breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A stale token counts as answered.
    StaleTokenIsAnAnswer,
    /// A build does not read a cancel when it ends.
    CancelIsNotRead,
    /// A build applies its plan whatever the verdict is.
    PlanIsNotJudged,
    /// The end of an operation does not start the next one.
    SlotIsNotHandedOver,
}

/// The system with a flaw.
#[derive(Debug, Clone, Copy)]
pub struct Flawed {
    pub stacks: Stacks,
    pub flaw: Flaw,
}

/// Where the workflow of an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workflow {
    Idle,
    Begin,
    Plan,
    Review,
    /// It waits with the token of this attempt, which the step has stored or not.
    Wait(u8, bool),
    Apply,
    Complete,
    /// A state failed with this error.
    Fail(&'static str, ErrorName),
    Stopped,
    Done,
}

impl Hash for Workflow {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        mem::discriminant(self).hash(hasher);
        match self {
            Self::Wait(attempt, has_asked) => (attempt, has_asked).hash(hasher),
            Self::Fail(step, error) => (step, error.as_str()).hash(hasher),
            _ => {}
        }
    }
}

/// Where a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    Queued,
    Planning,
    /// It may apply once no other Terraform does.
    Planned,
    Applying,
    /// It waits for the build whose plan is on the record.
    Following,
    Ended(bool),
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Build {
    pub step: &'static str,
    pub stage: Stage,
}

impl Build {
    pub fn is_alive(self) -> bool {
        !matches!(self.stage, Stage::Ended(_) | Stage::Dead)
    }
}

/// How far a person is with a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decided {
    No,
    Recorded,
    Acknowledged,
    /// It was answered with a conflict.
    Rejected,
}

/// An operation, and what goes on around its record.
#[derive(Debug, Clone)]
pub struct Run {
    pub record: Operation,
    pub workflow: Workflow,
    pub builds: Vec<Build>,
    pub approval: Decided,
    pub rejection: Decided,
    pub cancel: Decided,
    pub applied: u8,
}

/// A state of the system.
#[derive(Debug, Clone)]
pub struct World {
    pub stack: StackStatus,
    pub slot: Option<usize>,
    pub queue: Vec<usize>,
    /// Shared between states that differ elsewhere.
    pub runs: Vec<Rc<Run>>,
    /// What did not hold in the event that led here.
    pub wrong: Option<String>,
    pub flaw: Option<Flaw>,
}

fn operation(number: usize, status: OperationStatus) -> Operation {
    let operation = json!({
        "id": format!("op-0000000000000000000000000{number}").parse::<OperationId>().expect("an id"),
        "kind": OperationKind::Update, "stack": StackId::from_bits(7), "stack_name": "shop", "environment": "live",
        "status": status, "revision": 1, "requested_by": "ann", "created_at": NOW,
        "configuration": {"blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "variables": {}, "sensitive": []},
    });
    serde_json::from_value(operation).expect("an operation")
}

pub fn environment(is_gated: bool) -> Environment {
    let approval = if is_gated { "always" } else { "never" };
    let environment = json!({"name": "live", "account": "000000000000", "region": "us-east-1", "approval": approval});
    serde_json::from_value(environment).expect("an environment")
}

pub fn plan() -> PlanSummary {
    let mut plan = PlanSummary::default();
    plan.add_change(ResourceChange {
        address: "r.a".to_owned(),
        action: Action::Create,
    });
    plan
}

pub fn failure(name: ErrorName, step: &str) -> Failure {
    Failure {
        name: name.to_string(),
        step: step.to_owned(),
        message: "it failed".to_owned(),
        address: None,
    }
}

pub fn build_name(step: &str, number: usize) -> String {
    format!("{step} {number}")
}

pub fn token(attempt: u8) -> String {
    format!("token {attempt}")
}

impl World {
    pub fn first() -> Self {
        Self {
            stack: StackStatus::Ready,
            slot: None,
            queue: Vec::new(),
            runs: Vec::new(),
            wrong: None,
            flaw: None,
        }
    }

    /// `POST`: the operation gets the slot or a place in the queue.
    pub fn request(&mut self) {
        let number = self.runs.len();
        let status = if self.slot.is_none() {
            self.slot = Some(number);
            OperationStatus::Starting
        } else {
            self.queue.push(number);
            OperationStatus::Queued
        };
        self.runs.push(Rc::new(Run {
            record: operation(number, status),
            workflow: Workflow::Idle,
            builds: Vec::new(),
            approval: Decided::No,
            rejection: Decided::No,
            cancel: Decided::No,
            applied: 0,
        }));
    }

    /// Begin operation.
    pub fn begin(&mut self, number: usize) {
        let run = Rc::make_mut(&mut self.runs[number]);
        let Ok(status) = run.record.status.after(OperationEvent::Begun) else {
            run.workflow = Workflow::Fail("Begin operation", ErrorName::Cancelled);
            return;
        };
        match self.stack.after(StackEvent::Begun(run.record.kind())) {
            Ok(stack) => {
                run.record.status = status;
                run.record.found = Some(self.stack);
                self.stack = stack;
                run.workflow = Workflow::Plan;
                run.builds = vec![Build {
                    step: PLAN,
                    stage: Stage::Queued,
                }];
            }
            Err(error) => self.wrong = Some(error.to_string()),
        }
    }

    /// Review plan.
    pub fn review(&mut self, number: usize, environment: &Environment) {
        let run = Rc::make_mut(&mut self.runs[number]);
        match run.record.planned() {
            Some(Planned::Applied) => {
                run.workflow = Workflow::Complete;
                return;
            }
            Some(Planned::Applies | Planned::Failed) => {
                run.workflow = Workflow::Fail(REVIEW_PLAN, ErrorName::PlanFailed);
                return;
            }
            Some(Planned::Left) | None => {}
        }
        let Some(plan) = &run.record.plan else {
            run.workflow = Workflow::Fail(REVIEW_PLAN, ErrorName::PlanFailed);
            return;
        };
        let verdict = run.record.review(plan, environment);
        let rule = ApprovalRule::of(plan, environment, NOW);
        let Ok(status) = run.record.status.after(OperationEvent::Begun) else {
            run.workflow = Workflow::Fail(REVIEW_PLAN, ErrorName::Internal);
            return;
        };
        run.record.status = status;
        run.record.verdict = Some(verdict.clone());
        run.record.approval_rule = Some(rule);
        run.record.begin_step(REVIEW_PLAN, NOW);
        run.record.end_step(REVIEW_PLAN, StepStatus::Succeeded, NOW);
        run.workflow = match run.record.after_review(&verdict) {
            Next::Refused(_) => Workflow::Fail(REVIEW_PLAN, ErrorName::PlanRefused),
            Next::Approval => Workflow::Wait(1, false),
            Next::Complete => Workflow::Complete,
            Next::Apply => run.apply(),
        };
    }

    /// Delivers the decision that is on the record, as the API, the step and the sweeper do.
    pub fn deliver(&mut self, number: usize) {
        let flaw = self.flaw;
        let run = Rc::make_mut(&mut self.runs[number]);
        let Some((token_on_record, decision)) = run.record.undelivered_decision() else {
            return;
        };
        let is_approved = matches!(decision, Decision::Approved(_));
        let known = token_on_record.to_owned();
        match run.workflow {
            Workflow::Wait(attempt, _) if token(attempt) == known => {
                run.workflow = if is_approved {
                    run.apply()
                } else {
                    Workflow::Fail(WAIT_FOR_APPROVAL, ErrorName::ApprovalRejected)
                };
                run.record.decision_delivered(&known);
            }
            _ if flaw == Some(Flaw::StaleTokenIsAnAnswer) => run.record.decision_delivered(&known),
            _ => {}
        }
    }

    /// The end of an operation, as `finish_operation` writes it: its own, the stack's, and the slot.
    pub fn finish(&mut self, number: usize, event: OperationEvent, failure: Option<Failure>) {
        let flaw = self.flaw;
        let run = Rc::make_mut(&mut self.runs[number]);
        if run.record.status.has_ended() {
            return;
        }
        let was_queued = run.record.status == OperationStatus::Queued;
        match run.record.status.after(event) {
            Ok(status) => run.record.status = status,
            Err(error) => {
                self.wrong = Some(error.to_string());
                return;
            }
        }
        run.record.approval_token = None;
        let known = run.record.failure.take();
        run.record.failure = failure.map(|failure| known.filter(|known| known.name == failure.name).unwrap_or(failure));
        let is_success = event == OperationEvent::Succeeded;
        let status = if is_success {
            StepStatus::Succeeded
        } else {
            StepStatus::Failed
        };
        run.record.end_running_steps(status, NOW);
        if was_queued {
            self.queue.retain(|other| *other != number);
            return;
        }
        let kind = run.record.kind();
        let event = match run.record.found {
            _ if is_success => StackEvent::Succeeded(kind),
            Some(found) if !run.record.has_begun_apply() => StackEvent::Untouched(kind, found),
            _ => StackEvent::Failed(kind),
        };
        match self.stack.after(event) {
            Ok(stack) => self.stack = stack,
            Err(error) => self.wrong = Some(error.to_string()),
        }
        self.slot = None;
        if !self.queue.is_empty() && flaw != Some(Flaw::SlotIsNotHandedOver) {
            let next = self.queue.remove(0);
            match self.runs[next].record.status.after(OperationEvent::Dequeued) {
                Ok(status) => Rc::make_mut(&mut self.runs[next]).record.status = status,
                Err(error) => self.wrong = Some(error.to_string()),
            }
            self.slot = Some(next);
        }
    }

    /// Record failure.
    pub fn record_failure(&mut self, number: usize, step: &str, name: ErrorName) {
        let run = Rc::make_mut(&mut self.runs[number]);
        if !run.record.status.has_ended() {
            run.record.begin_step(step, NOW);
            run.record.end_step(step, StepStatus::Failed, NOW);
        }
        // What the runner recorded says more.
        let recorded = run.record.failure.clone().filter(|_| step == PLAN || step == APPLY);
        let failure = run.record.failing(recorded.unwrap_or_else(|| failure(name, step)));
        let event = match failure.name.as_str() {
            name if name == ErrorName::Cancelled.as_str() => OperationEvent::Cancelled,
            name if ErrorName::discards(name) => OperationEvent::Discarded,
            _ => OperationEvent::Failed,
        };
        Rc::make_mut(&mut self.runs[number]).workflow = Workflow::Done;
        self.finish(number, event, Some(failure));
    }

    /// `POST …/cancel`.
    pub fn cancel(&mut self, number: usize) {
        let run = Rc::make_mut(&mut self.runs[number]);
        if run.record.status.has_ended() {
            let is_cancelled = run.record.status == OperationStatus::Cancelled;
            run.cancel = if is_cancelled {
                Decided::Acknowledged
            } else {
                Decided::Rejected
            };
            return;
        }
        match run.record.cancelling() {
            Cancel::End => {
                run.cancel = Decided::Acknowledged;
                let step = run.record.running_step().unwrap_or_default().to_owned();
                let failure = cancelled_by("bob", &step, None);
                self.finish(number, OperationEvent::Cancelled, Some(failure));
            }
            Cancel::Request => {
                run.record.request_interruption("bob", NOW);
                run.cancel = Decided::Acknowledged;
            }
            other => self.wrong = Some(format!("a cancel of an update takes {other:?}")),
        }
    }

    /// Whether another build of the stack applies.
    pub fn is_locked(&self) -> bool {
        let mut builds = self.runs.iter().flat_map(|run| &run.builds);
        builds.any(|build| build.stage == Stage::Applying)
    }
}
