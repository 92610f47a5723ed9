//! Operations and their logs as they are shown.

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::console_link::Console;
use slipway_model::error_name::ErrorName;
use slipway_model::operation::approval::{self, Decision};
use slipway_model::operation::compatibility::{Way, WayKind};
use slipway_model::operation::{self, OperationKind, OperationStatus, StepStatus};
use slipway_model::plan;
use utoipa::ToSchema;

use super::BlueprintReference;
use super::rollout::Rollout;

/// One change or check of a stack, executed by the workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
    /// When its plan expires without a decision.
    pub approval_expires_at: Option<Timestamp>,
    /// The decision about its plan: `approved` or `rejected`. A rejected operation is about to be discarded.
    #[schema(example = "approved")]
    pub decision: Option<&'static str>,
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
    pub waiting_for_build: Option<&'static str>,
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

/// A way on from an operation that is `needs_attention`.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CancelRequest {
    /// The requester.
    pub requested_by: String,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// When the build read the request and interrupted Terraform; null until then.
    pub acknowledged_at: Option<Timestamp>,
}

/// An approval.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Approval {
    /// The approver.
    pub by: String,
    /// When it was given.
    pub at: Timestamp,
    /// The hash of the approval sheet that it quoted.
    pub sheet: Option<String>,
    /// The approver's comment.
    pub comment: Option<String>,
}

/// A stack by ID and name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StackReference {
    /// Its ID.
    #[schema(example = "lusab-babad")]
    pub id: String,
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
}

/// A step of an operation: one state of the workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, ToSchema)]
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

/// A plan: what Terraform would change, and the verdict.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Plan {
    /// Resources to create.
    pub add: u64,
    /// Resources to update in place.
    pub change: u64,
    /// Resources to destroy.
    pub destroy: u64,
    /// Resources to destroy and create again.
    pub replace: u64,
    /// Resources to import into the state.
    pub import: u64,
    /// Resources to remove from the state without destroying them.
    pub forget: u64,
    /// Resources that only get another address in the state.
    pub moved: u64,
    /// Actions to invoke.
    pub invoke: u64,
    /// Changes and actions that Terraform defers to a later plan.
    pub deferred: u64,
    /// Drifted resources.
    pub drifted: u64,
    /// Failed checks and conditions.
    pub checks_failed: u64,
    /// What Slipway does not understand in the plan, which then needs an approval.
    pub not_understood: Vec<String>,
    /// Whether an output would change.
    pub outputs_changed: bool,
    /// The first 100 resources that would change, deletions first. `links.plan` has all of them.
    pub resources: Vec<ResourceChange>,
    /// The verdict: `shown_only`, `nothing_to_change`, `apply`, `approval_needed` or `refused`; null before the review.
    #[schema(example = "apply")]
    pub verdict: Option<&'static str>,
    /// Why the environment's rules refuse it.
    pub refused_because: Option<String>,
    /// The policy that refuses it.
    #[schema(example = "environment.protected_types")]
    pub refused_by: Option<String>,
    /// The addresses of the resources that the policy is about. The first ones, if there are many.
    pub refused_resources: Vec<String>,
}

/// A snapshot of a stack's database.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Snapshot {
    /// Its identifier in RDS.
    #[schema(example = "lusab-babad-op-01kaj3v9mz5x0q8r2t4w6y7z9a")]
    pub id: String,
    /// When it was complete; null before.
    pub taken_at: Option<Timestamp>,
}

/// Drift: differences between the resources and the stack's state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Drift {
    /// How many resources drifted.
    pub count: u64,
    /// The first 100 of them: `update` for a changed one, `delete` for one that no longer exists.
    pub resources: Vec<ResourceChange>,
}

/// The change of one resource in a plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResourceChange {
    /// Its address in the configuration.
    #[schema(example = "terraform_data.service[\"web\"]")]
    pub address: String,
    /// The change: `create`, `update`, `replace`, `delete`, `import`, `forget`, `move` or `unknown`.
    #[schema(value_type = String, example = "create")]
    pub action: plan::Action,
}

/// The error of an operation.
#[derive(Debug, Clone, Serialize, ToSchema)]
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

/// Paths related to an operation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OperationLinks {
    /// The operation.
    #[serde(rename = "self")]
    #[schema(example = "/v1/operations/op-01kaj3v9mz5x0q8r2t4w6y7z9a")]
    pub this: String,
    /// Its stack.
    pub stack: String,
    /// Its log.
    pub logs: String,
    /// Its whole plan, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Its approval sheet, once there is a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Approve it here, while it waits for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
    /// Reject it here, while it waits for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
    /// Continue its paused rollouts here.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub continue_release: Option<String>,
    /// Roll its paused rollouts back here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<String>,
    /// Cancel it here, until it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<String>,
    /// Its execution in the AWS console, once it has one. The local Step Functions has no console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// The log of its last build in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl Operation {
    /// The operation as the API shows it; `position` is its position in the queue.
    pub fn new(operation: operation::Operation, position: Option<usize>) -> Self {
        let links = OperationLinks::of(&operation);
        let waiting_for_build = operation.waits_for_build();
        let decision = match (operation.decision(), &operation.failure) {
            (Some(Decision::Rejected(_)), _) => Some("rejected"),
            (_, Some(failure)) if failure.name == ErrorName::ApprovalRejected.as_str() => Some("rejected"),
            _ => operation.approved_by.is_some().then_some("approved"),
        };
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

impl Plan {
    fn new(plan: plan::PlanSummary, verdict: Option<plan::Verdict>) -> Self {
        let (verdict, refusal) = match verdict {
            None => (None, None),
            Some(plan::Verdict::ShownOnly) => (Some("shown_only"), None),
            Some(plan::Verdict::NothingToChange) => (Some("nothing_to_change"), None),
            Some(plan::Verdict::Apply) => (Some("apply"), None),
            Some(plan::Verdict::ApprovalNeeded) => (Some("approval_needed"), None),
            Some(plan::Verdict::Refused(refusal)) => (Some("refused"), Some(refusal)),
        };
        Self {
            add: plan.add,
            change: plan.change,
            destroy: plan.destroy,
            replace: plan.replace,
            import: plan.import,
            forget: plan.forget,
            moved: plan.moved,
            invoke: plan.invoke,
            deferred: plan.deferred,
            drifted: plan.drifted,
            checks_failed: plan.checks_failed,
            not_understood: plan.not_understood,
            outputs_changed: plan.outputs_changed,
            resources: resources(plan.resources),
            verdict,
            refused_because: refusal.as_ref().map(|refusal| refusal.reason.clone()),
            refused_by: refusal.as_ref().map(|refusal| refusal.policy.clone()),
            refused_resources: refusal.map(|refusal| refusal.resources).unwrap_or_default(),
        }
    }
}

impl From<plan::Drift> for Drift {
    fn from(drift: plan::Drift) -> Self {
        Self {
            count: drift.count,
            resources: resources(drift.resources),
        }
    }
}

fn resources(changes: Vec<plan::ResourceChange>) -> Vec<ResourceChange> {
    let shown = |change: plan::ResourceChange| ResourceChange {
        address: change.address,
        action: change.action,
    };
    changes.into_iter().map(shown).collect()
}

impl OperationLinks {
    fn of(operation: &operation::Operation) -> Self {
        let this = format!("/v1/operations/{}", operation.id);
        let waits = operation.status == OperationStatus::WaitingForApproval && operation.decision().is_none();
        let is_paused = operation.paused().next().is_some();
        let plan = operation.plan.as_ref();
        let is_kept = plan.is_some_and(|plan| plan.document.is_some());
        let execution = operation.execution_arn.as_deref();
        let console = execution.and_then(Console::of);
        // Tasks of a stack may print in another account and Region; builds print in Slipway's own.
        let build = operation.logs.iter().rfind(|log| log.in_segments);
        Self {
            plan: is_kept.then(|| format!("{this}/plan")),
            sheet: plan.map(|_| format!("{this}/sheet")),
            stack: format!("/v1/stacks/{}", operation.stack),
            logs: format!("{this}/logs"),
            approve: waits.then(|| format!("{this}/approve")),
            reject: waits.then(|| format!("{this}/reject")),
            continue_release: is_paused.then(|| format!("{this}/continue")),
            roll_back: is_paused.then(|| format!("{this}/roll-back")),
            cancel: (!operation.status.has_ended()).then(|| format!("{this}/cancel")),
            log: console
                .zip(build)
                .map(|(console, build)| console.log_stream(&build.group, &build.stream)),
            console: console.zip(execution).map(|(console, arn)| console.execution(arn)),
            this,
        }
    }
}

/// A page of an operation's log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogLines {
    /// The lines, grouped by step.
    pub lines: Vec<LogLine>,
    /// Send this as `after` for the following lines.
    pub after: String,
    /// Whether the operation has ended and these are its last lines.
    pub ended: bool,
}

/// A line that a step printed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogLine {
    /// When it was printed.
    pub time: Timestamp,
    /// The step that printed it.
    #[schema(example = "Plan")]
    pub step: String,
    /// The line.
    pub message: String,
}

/// A page of the log of a service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServiceLog {
    /// The lines, by time.
    pub lines: Vec<ServiceLine>,
    /// Send this as `after` for the following lines.
    pub after: String,
    /// Whether there are more lines already.
    pub more: bool,
}

/// A line that a container of a service printed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServiceLine {
    /// When it was printed.
    pub time: Timestamp,
    /// The container.
    #[schema(example = "web")]
    pub container: String,
    /// The ID of the ECS task.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    pub task: String,
    /// The line.
    pub message: String,
}
