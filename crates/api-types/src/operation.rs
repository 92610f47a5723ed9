//! Operations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::error_name::ErrorName;
use slipway_model::operation::approval::{self, Decision};
use slipway_model::operation::compatibility::{Way, WayKind};
use slipway_model::operation::{self, OperationKind, OperationStatus, StepStatus};
use utoipa::ToSchema;

use crate::BlueprintReference;
use crate::operation_links::OperationLinks;
use crate::plan_summary::{Drift, Plan};
use crate::rollout::Rollout;

/// One change or check of a stack, executed by the workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// Its ID.
    #[schema(example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a")]
    pub id: String,
    /// Its kind: `provision`, `update`, `release`, `destroy`, `preview`, `drift`, `rollback` or `task`.
    #[schema(value_type = String, example = "provision")]
    pub kind: OperationKind,
    /// Its stack.
    pub stack: StackReference,
    /// The environment of the stack.
    #[schema(example = "local")]
    pub environment: String,
    /// Its status: `queued`, `starting`, `running`, `waiting_for_approval`, `succeeded`, `failed`, `needs_attention`, `cancelled` or
    /// `discarded`.
    #[schema(value_type = String, example = "running")]
    pub status: OperationStatus,
    /// The revision, which grows with every change. Send it as `seen` to wait for the next change.
    pub revision: u64,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When its execution started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The requester.
    pub requested_by: String,
    /// The approver who gave the last required approval.
    pub approved_by: Option<String>,
    /// The approvals.
    pub approvals: Vec<Approval>,
    /// How many approvals its plan needs; null if it needs none.
    pub approvals_required: Option<u32>,
    /// Whether the rule of its plan lets the requester approve; null if it needs no approval.
    pub self_approval: Option<bool>,
    /// When its plan expires without a decision.
    pub approval_expires_at: Option<Timestamp>,
    /// The decision about its plan: `approved` or `rejected`. A rejected operation is about to be discarded.
    #[schema(value_type = Option<String>, example = "approved")]
    pub decision: Option<PlanDecision>,
    /// Its position in the stack's queue, from 1; null if it is not queued.
    pub position: Option<usize>,
    /// The blueprint version that it applies.
    pub blueprint: BlueprintReference,
    /// The number of its release.
    pub release: Option<u32>,
    /// The task of the blueprint that it runs.
    pub task: Option<String>,
    /// The snapshot of the stack's database.
    pub snapshot: Option<Snapshot>,
    /// The step whose build is queued or starting; null if there is none.
    #[schema(example = "Plan")]
    pub waiting_for_build: Option<String>,
    /// The request to cancel it; null unless a build was running at that time. The operation ends once Terraform has saved the state.
    pub cancel: Option<CancelRequest>,
    /// The steps of the workflow so far.
    pub steps: Vec<Step>,
    /// The progress of Terraform.
    pub progress: Option<Progress>,
    /// The progressive rollouts of its services.
    pub rollouts: Vec<Rollout>,
    /// What Terraform would change.
    pub plan: Option<Plan>,
    /// The drift that it found.
    pub drift: Option<Drift>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The ways on, if it is `needs_attention`: each with the command and the request that goes it.
    pub ways_forward: Vec<WayForward>,
    /// The ARN of its Step Functions execution.
    pub execution_arn: Option<String>,
    /// Related paths.
    pub links: OperationLinks,
}

/// A decision about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanDecision {
    /// It has enough approvals.
    Approved,
    /// It was rejected.
    Rejected,
}

impl PlanDecision {
    /// The decision about the plan of an operation; none before.
    pub fn about(operation: &operation::Operation) -> Option<Self> {
        match (operation.decision(), &operation.failure) {
            (Some(Decision::Rejected(_)), _) => Some(Self::Rejected),
            // A cancel may have overtaken it.
            _ if operation.rejected => Some(Self::Rejected),
            // On records of earlier versions of Slipway.
            (_, Some(failure)) if failure.name == ErrorName::ApprovalRejected.as_str() => Some(Self::Rejected),
            _ => operation.approved_by.is_some().then_some(Self::Approved),
        }
    }
}

/// A way on from an operation that is `needs_attention`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WayForward {
    /// Which one: `release_forward` or `roll_back`.
    #[schema(value_type = String, example = "release_forward")]
    pub way: WayKind,
    /// What it does.
    pub description: String,
    /// The command.
    #[schema(example = "slipway release rollback staging/guestbook")]
    pub command: String,
    /// The method and path of the request.
    #[schema(example = "POST /v1/stacks/lusab-babad/rollback")]
    pub request: String,
}

impl From<Way> for WayForward {
    fn from(way: Way) -> Self {
        Self {
            way: way.way,
            description: way.description,
            command: way.command,
            request: way.request,
        }
    }
}

/// A request to cancel an operation whose build is running.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CancelRequest {
    /// The requester.
    pub requested_by: String,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// When the build read the request and interrupted Terraform; null until then.
    pub acknowledged_at: Option<Timestamp>,
}

/// An approval.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The approver.
    pub by: String,
    /// When it was given.
    pub at: Timestamp,
    /// The hash of the approval sheet that it quoted.
    pub sheet: Option<String>,
    /// The approver's comment.
    pub comment: Option<String>,
    /// Why policies did not permit the approval any more when a further one came: it does not count, and the approver may approve again.
    pub denied: Option<String>,
}

/// A stack by ID and name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StackReference {
    /// Its ID.
    #[schema(example = "lusab-babad")]
    pub id: String,
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
}

/// A step of an operation: one state of the workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// The name of the state in the AWS console.
    #[schema(example = "Plan")]
    pub name: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its status: `running`, `succeeded`, `failed` or `cancelled`.
    #[schema(value_type = String, example = "succeeded")]
    pub status: StepStatus,
}

/// The progress of Terraform in the current step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The number of finished resources.
    pub done: u64,
    /// The number of resources in the plan.
    pub total: u64,
    /// Resources that Terraform works on at this moment.
    pub running: u64,
    /// The address of the resource that was started last.
    pub current: Option<String>,
}

/// A snapshot of a stack's database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Its identifier in RDS.
    #[schema(example = "lusab-babad-op-01kaj3v9mz5x0q8r2t4w6y7z9a")]
    pub id: String,
    /// When it was complete; null before.
    pub taken_at: Option<Timestamp>,
}

/// The error of an operation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The error's name, which is also the execution's `Error`.
    #[schema(example = "Slipway.ApplyFailed")]
    pub name: String,
    /// The step that failed.
    #[schema(example = "Apply")]
    pub step: String,
    /// The message.
    pub message: String,
    /// The address of the resource concerned.
    pub address: Option<String>,
    /// The path of the log.
    pub log: String,
}

impl Operation {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.status.has_ended()
    }

    /// Whether its plan waits for an approval or a rejection.
    pub fn waits_for_decision(&self) -> bool {
        self.status == OperationStatus::WaitingForApproval && self.decision.is_none()
    }

    /// The operation for callers who may not read it: which it is, its status, and what they asked of it themselves.
    #[must_use]
    pub fn without_content(self) -> Self {
        Self {
            approved_by: None,
            approvals: Vec::new(),
            approvals_required: None,
            self_approval: None,
            approval_expires_at: None,
            task: None,
            snapshot: None,
            waiting_for_build: None,
            steps: Vec::new(),
            progress: None,
            rollouts: Vec::new(),
            plan: None,
            drift: None,
            error: None,
            ways_forward: Vec::new(),
            execution_arn: None,
            ..self
        }
    }

    /// The operation as the API shows it; `position` is its position in the queue.
    pub fn new(operation: operation::Operation, position: Option<usize>) -> Self {
        let links = OperationLinks::of(&operation);
        let waiting_for_build = operation.waits_for_build().map(str::to_owned);
        let decision = PlanDecision::about(&operation);
        let ways_forward = operation.ways().into_iter().map(WayForward::from).collect();
        let (kind, release) = (operation.kind(), operation.release());
        let task = operation.work.task().map(ToString::to_string);
        let rule = operation.approval_rule;
        let verdict = operation.verdict;
        Self {
            id: operation.id.to_string(),
            kind,
            stack: StackReference {
                id: operation.stack.to_string(),
                name: operation.stack_name.to_string(),
            },
            environment: operation.environment.to_string(),
            status: operation.status,
            revision: operation.revision,
            created_at: operation.created_at,
            started_at: operation.started_at,
            ended_at: operation.ended_at,
            requested_by: operation.requested_by,
            approved_by: operation.approved_by,
            approvals: operation.approvals.into_iter().map(Approval::from).collect(),
            approvals_required: rule.as_ref().map(|rule| rule.required),
            self_approval: rule.as_ref().map(|rule| rule.self_approval),
            approval_expires_at: rule.map(|rule| rule.expires_at),
            decision,
            position,
            blueprint: BlueprintReference {
                name: operation.configuration.blueprint.to_string(),
                version: operation.configuration.version.to_string(),
            },
            waiting_for_build,
            cancel: operation.cancel.map(|request| CancelRequest {
                requested_by: request.requested_by,
                requested_at: request.requested_at,
                acknowledged_at: request.acknowledged_at,
            }),
            release: release.map(|number| number.0),
            steps: operation.steps.into_iter().map(Step::from).collect(),
            progress: operation.progress.map(|progress| Progress {
                done: progress.done,
                total: progress.total,
                running: progress.running,
                current: progress.current,
            }),
            rollouts: operation.rollouts.into_iter().map(Rollout::from).collect(),
            plan: operation.plan.map(|plan| Plan::new(plan, verdict)),
            task,
            snapshot: operation.snapshot.map(|snapshot| Snapshot {
                id: snapshot.id,
                taken_at: snapshot.taken_at,
            }),
            drift: operation.drift.map(Drift::from),
            error: operation.failure.map(|failure| Failure {
                name: failure.name,
                step: failure.step,
                message: failure.message,
                address: failure.address,
                log: links.logs.clone(),
            }),
            ways_forward,
            execution_arn: operation.execution_arn,
            links,
        }
    }
}

impl From<approval::Approval> for Approval {
    fn from(approval: approval::Approval) -> Self {
        Self {
            by: approval.by,
            at: approval.at,
            sheet: approval.sheet.map(|sheet| sheet.as_str().to_owned()),
            comment: approval.comment,
            denied: approval.denied,
        }
    }
}

impl From<operation::Step> for Step {
    fn from(step: operation::Step) -> Self {
        Self {
            name: step.name,
            started_at: step.started_at,
            ended_at: step.ended_at,
            status: step.status,
        }
    }
}
