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
use slipway_model::operation::approval::{ApprovalRule, Decision, Undecidable, WAIT_FOR_APPROVAL};
use slipway_model::operation::build::{APPLY, PLAN};
use slipway_model::operation::cancel::{Cancel, cancelled_by};
use slipway_model::operation::one_build::{Next, Planned, REVIEW_PLAN};
use slipway_model::operation::{Failure, Operation, OperationEvent, OperationKind, OperationStatus, StepStatus};
use slipway_model::plan::{Action, PlanSummary, ResourceChange};
use slipway_model::stack::{Stack, StackStatus};

pub const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The most attempts of `Wait for approval`, and the most builds of a phase.
pub const ATTEMPTS: u8 = 2;
pub const BUILDS: usize = 2;

/// The system: requests of these kinds (updates and releases) to one stack, in this order, in an environment with or without approvals.
#[derive(Debug, Clone, Copy)]
pub struct Stacks {
    pub requests: &'static [OperationKind],
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
    /// An approval does not look who runs beside the plan.
    ApprovalIgnoresBeside,
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
    /// A release rolls out.
    RollOut,
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
    pub stack: Rc<Stack>,
    pub queue: Vec<usize>,
    /// Shared between states that differ elsewhere.
    pub runs: Vec<Rc<Run>>,
    /// What did not hold in the event that led here.
    pub wrong: Option<String>,
    pub flaw: Option<Flaw>,
}

pub fn id(number: usize) -> OperationId {
    format!("op-0000000000000000000000000{number}").parse().expect("an id")
}

pub fn operation(number: usize, kind: OperationKind, status: OperationStatus) -> Operation {
    let release = (kind == OperationKind::Release).then_some(number + 1);
    let operation = json!({
        "id": id(number), "kind": kind, "release": release, "stack": StackId::from_bits(7), "stack_name": "shop", "environment": "live",
        "status": status, "revision": 1, "requested_by": "ann", "created_at": NOW,
        "configuration": {"blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "variables": {}, "sensitive": []},
    });
    serde_json::from_value(operation).expect("an operation")
}

fn stack() -> Stack {
    let configuration = operation(0, OperationKind::Update, OperationStatus::Starting).configuration;
    let stack = json!({
        "id": StackId::from_bits(7), "name": "shop", "environment": "live", "owner": "ann", "status": StackStatus::Ready, "revision": 1,
        "configuration": configuration, "last_release": 0, "created_at": NOW, "updated_at": NOW,
    });
    serde_json::from_value(stack).expect("a stack")
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
            stack: Rc::new(stack()),
            queue: Vec::new(),
            runs: Vec::new(),
            wrong: None,
            flaw: None,
        }
    }

    /// The step stores its token. While the plan of an update waits, others may run beside it.
    pub fn ask_approval(&mut self, number: usize, attempt: u8) {
        let run = Rc::make_mut(&mut self.runs[number]);
        let before = run.record.status;
        if run.record.ask_approval(&token(attempt), NOW).is_err() {
            run.workflow = Workflow::Fail(WAIT_FOR_APPROVAL, ErrorName::Internal);
            return;
        }
        run.workflow = Workflow::Wait(attempt, true);
        if run.record.status != before {
            run.record.open_beside(Rc::make_mut(&mut self.stack));
        }
        self.deliver(number);
    }

    /// `POST …/approve`. What runs beside the plan is a reason to approve it later.
    pub fn approve(&mut self, number: usize) {
        let flaw = self.flaw;
        let run = Rc::make_mut(&mut self.runs[number]);
        let mut record = run.record.clone();
        let mut stack = Stack::clone(&self.stack);
        let closed = match record.approve("bob".into(), NOW) {
            Ok(()) if flaw == Some(Flaw::ApprovalIgnoresBeside) => Ok(false),
            Ok(()) => stack.close_beside(NOW),
            Err(undecidable) => Err(undecidable),
        };
        match closed {
            Ok(_) => {
                run.record = record;
                run.approval = Decided::Recorded;
                self.stack = Rc::new(stack);
            }
            // The place is kept for the approver, who comes again.
            Err(Undecidable::RunsBeside(_)) => self.stack = Rc::new(stack),
            Err(_) => run.approval = Decided::Rejected,
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
            Cancel::Stop => {
                run.workflow = Workflow::Done;
                run.cancel = Decided::Acknowledged;
                self.finish(number, OperationEvent::Cancelled, Some(cancelled_by("bob", "", None)));
            }
            other => self.wrong = Some(format!("a cancel takes {other:?}")),
        }
    }

    /// Whether another build of the stack applies.
    pub fn is_locked(&self) -> bool {
        let mut builds = self.runs.iter().flat_map(|run| &run.builds);
        builds.any(|build| build.stage == Stage::Applying)
    }
}
