//! Operations: one change or check of a stack, executed by the workflow.

pub mod approval;
pub mod build;
pub mod cancel;
pub mod compatibility;
pub mod noted;
pub mod one_build;
pub mod rollouts;
pub mod task_run;
pub mod unsettled;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::approval::{Approval, ApprovalRule};
use self::cancel::CancelRequest;
use self::noted::{OperationNoted, is_zero};
use self::one_build::PlanMade;
use self::rollouts::ServiceRollout;
use self::task_run::TaskRun;
use crate::account::AccountId;
use crate::contract::Database;
use crate::event::{Delivery, Origin};
use crate::id::{OperationId, ReleaseNumber, StackId};
use crate::name::{Image, Name};
use crate::plan::binding::Binding;
use crate::plan::{Drift, PlanSummary, Verdict};
use crate::request::Patch;
use crate::stack::{Configuration, StackStatus};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Creates the stack's infrastructure, and rolls out its first release if images were given.
    Provision,
    /// Changes its variables or its blueprint version. If the shape of its services changes, the current release is rolled out again.
    Update,
    /// Rolls out a new set of images.
    Release,
    /// Destroys what Terraform made.
    Destroy,
    /// Shows what an update would change, and changes nothing.
    Preview,
    /// Checks for drift, and changes nothing.
    Drift,
    /// Rolls out the images of an earlier release again, without migrations.
    Rollback,
    /// Runs a command of the stack's with its current images.
    Task,
}

impl OperationKind {
    /// Whether Terraform only looks in it: its plan is shown and never applied.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Preview | Self::Drift)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provision => "provision",
            Self::Update => "update",
            Self::Release => "release",
            Self::Destroy => "destroy",
            Self::Preview => "preview",
            Self::Drift => "drift",
            Self::Rollback => "rollback",
            Self::Task => "task",
        })
    }
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// It waits until the operations before it have ended.
    Queued,
    /// It has the stack's slot, and its execution is being started.
    Starting,
    /// Its execution runs.
    Running,
    /// Its execution waits for the approval of the plan.
    WaitingForApproval,
    /// It did what was asked.
    Succeeded,
    /// It did not; the operation's failure says why.
    Failed,
    /// It did not, after migrations that the previous release does not work with: a person decides whether the stack goes forward
    /// or back ([`compatibility`]).
    NeedsAttention,
    /// It was cancelled.
    Cancelled,
    /// Its change was rejected, refused or not decided in time. The stack is as it was.
    Discarded,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationEvent {
    /// Its turn has come: it has the stack's slot.
    Dequeued,
    /// The first step of its execution runs.
    Begun,
    /// Its plan needs an approval.
    ApprovalAsked,
    /// The plan was approved.
    Approved,
    /// Its last step is done.
    Succeeded,
    /// A step failed, or its execution ended without recording it.
    Failed,
    /// It did not succeed after migrations that the previous release does not work with.
    NeedsAttention,
    /// It was cancelled.
    Cancelled,
    /// Its change was rejected, refused or not decided in time.
    Discarded,
}

/// An event that does not belong to the status of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operation that is {status} cannot take the event {event:?}")]
pub struct IllegalTransition {
    /// The status it has.
    pub status: OperationStatus,
    /// The event that does not belong to it.
    pub event: OperationEvent,
}

impl OperationStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Starting,
        Self::Running,
        Self::WaitingForApproval,
        Self::Succeeded,
        Self::Failed,
        Self::NeedsAttention,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// Its name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::WaitingForApproval => "waiting_for_approval",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NeedsAttention => "needs_attention",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }

    /// The status after `event`. An event that says again what is so already changes nothing: steps are repeated.
    pub fn after(self, event: OperationEvent) -> Result<Self, IllegalTransition> {
        use OperationStatus::{
            Cancelled, Discarded, Failed, NeedsAttention, Queued, Running, Starting, Succeeded, WaitingForApproval,
        };
        match (self, event) {
            (Queued | Starting, OperationEvent::Dequeued) => Ok(Starting),
            (Starting | Running, OperationEvent::Begun) => Ok(Running),
            (Running | WaitingForApproval, OperationEvent::ApprovalAsked) => Ok(WaitingForApproval),
            (WaitingForApproval | Running, OperationEvent::Approved) => Ok(Running),
            (Running | Succeeded, OperationEvent::Succeeded) => Ok(Succeeded),
            (Starting | Running | WaitingForApproval | Failed, OperationEvent::Failed) => Ok(Failed),
            (Running | NeedsAttention, OperationEvent::NeedsAttention) => Ok(NeedsAttention),
            (Queued | Starting | Running | WaitingForApproval | Cancelled, OperationEvent::Cancelled) => Ok(Cancelled),
            (Starting | Running | WaitingForApproval | Discarded, OperationEvent::Discarded) => Ok(Discarded),
            (status, event) => Err(IllegalTransition { status, event }),
        }
    }

    /// Whether nothing comes after it.
    pub fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::NeedsAttention | Self::Cancelled | Self::Discarded
        )
    }
}

impl fmt::Display for OperationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One state of the workflow, as the operation went through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The name of the state in the AWS console; in a Map, with the name of the item: `Run migration: migrate`.
    pub name: String,
    /// When it began (the first time, where it was repeated).
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub status: StepStatus,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It goes on.
    Running,
    /// It is done.
    Succeeded,
    /// It failed; the operation's failure says why where it is the one that ended the operation.
    Failed,
    /// It ran when the operation was cancelled.
    Cancelled,
}

/// How far Terraform is in the step that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Resources that are done.
    pub done: u64,
    /// Resources that the plan would touch.
    pub total: u64,
    /// Resources that Terraform works on at this moment.
    #[serde(default)]
    pub running: u64,
    /// The address of the resource that was begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}

/// Why an operation failed, for its requester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error's name, which is also the execution's `Error`: `Slipway.ApplyFailed`.
    pub name: String,
    /// The name of the state that failed.
    pub step: String,
    /// What went wrong: the first diagnostic, the exit code and the last line of the log.
    pub message: String,
    /// The address of the resource that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A CloudWatch Logs stream with what a step of the operation printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    /// The name of the step that prints to it.
    pub step: String,
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
    /// Whether the same lines are in the artifacts bucket, in segments ([`crate::log`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_segments: bool,
}

/// A snapshot of a stack's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its identifier in RDS.
    pub id: String,
    /// What it is taken of.
    pub database: Database,
    /// The account of the snapshot; none means Slipway's own. Only events of this account report its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// When it was there; none while it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// The step that comes after it, where that is a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The Step Functions task token of the step that waits for it. Never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Snapshot {
    /// The snapshot of an operation. Idempotent: an operation has one snapshot.
    pub fn new(stack: &StackId, operation: &OperationId, database: Database) -> Self {
        Self {
            id: format!("{stack}-{operation}"),
            database,
            account: None,
            taken_at: None,
            next: None,
            token: None,
        }
    }

    /// The operation that takes the snapshot of this identifier; none where the name is not one of ours.
    pub fn operation(id: &str) -> Option<OperationId> {
        let (stack, operation) = id.split_once("-op-")?;
        stack.parse::<StackId>().ok()?;
        format!("op-{operation}").parse().ok()
    }
}

/// A schedule that a release points at its own task definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedSchedule {
    /// Its name in EventBridge Scheduler.
    pub name: String,
    /// The group that it is in.
    pub group: String,
    /// The ARN of the release's task definition.
    pub task_definition: String,
    /// What is restored if the release fails.
    pub previous: ScheduleTarget,
}

/// What a schedule runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleTarget {
    /// The task definition in it, which need not exist before the first release.
    pub task_definition: String,
    /// Whether it ticks.
    pub enabled: bool,
}

/// One change or check of a stack: one Step Functions execution, whose name is the operation's ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// What it does.
    pub kind: OperationKind,
    /// The stack that it is for.
    pub stack: StackId,
    /// The stack's name.
    pub stack_name: Name,
    /// The environment of the stack.
    pub environment: Name,
    /// The owner of the stack. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_owner: Option<String>,
    /// Where it stands.
    pub status: OperationStatus,
    /// The revision: it grows with every change of this record, so that a watcher can wait for the next one.
    pub revision: u64,
    /// What the stack is made from in this operation.
    pub configuration: Configuration,
    /// What an update or a preview changes in the configuration that the stack has when the operation begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
    /// The status of the stack when the operation began: an operation that ends before Apply restores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<StackStatus>,
    /// Its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseNumber>,
    /// Whether it is an update of a stack on which the last change of the infrastructure did not come through: it applies also
    /// a plan without changes, and brings the current release out again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mends: bool,
    /// The images of that release, if they came with the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<Name, Image>,
    /// The command of the stack's contract that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Name>,
    /// Whether the previous release works with the database after its migrations, so that services may go back by themselves.
    #[serde(default = "is_compatible", skip_serializing_if = "Clone::clone")]
    pub compatible_with_previous: bool,
    /// Whether it takes a snapshot before its migrations.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_snapshot: bool,
    /// The snapshot of the stack's database that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// The one-off task that it runs, or ran last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_run: Option<TaskRun>,
    /// The progressive rollouts of its services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollouts: Vec<ServiceRollout>,
    /// The schedules that its release changes, and what is restored if it fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ReleasedSchedule>,
    /// The requester.
    pub requested_by: String,
    /// The event that requested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When its execution began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The states that it went through, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// How far Terraform is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What Terraform would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSummary>,
    /// Which plan that is. None before there is one, and on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_by: Option<PlanMade>,
    /// What the apply of that plan uses, by SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// What followed from that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The drift that it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The rule by which its plan is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_rule: Option<ApprovalRule>,
    /// The approvals that were given, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// The approver whose approval was the last one that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// The Step Functions task token that an approval or a rejection answers. Never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_token: Option<String>,
    /// How many reminders of its approval were due.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminders: u32,
    /// What was last notified of it. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<OperationNoted>,
    /// The request to cancel it that came while a build was at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelRequest>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Where its steps print to, in the order in which they began.
    #[serde(default)]
    pub logs: Vec<LogStream>,
    /// The ARN of its execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
}

/// What a release declares that says nothing of it.
pub(crate) fn is_compatible() -> bool {
    true
}

impl Operation {
    /// Whether it has ended and its result was not yet reported to the account that requested it by event.
    pub fn owes_result(&self) -> bool {
        let due = |origin: &Origin| origin.result == Delivery::Due;
        self.status.has_ended() && self.origin.as_ref().is_some_and(due)
    }

    /// Notes that a state of the workflow runs. A repeated one keeps the time at which it began first.
    pub fn begin_step(&mut self, name: &str, now: Timestamp) {
        match self.steps.iter_mut().find(|step| step.name == name) {
            Some(step) => {
                step.status = StepStatus::Running;
                step.ended_at = None;
            }
            None => self.steps.push(Step {
                name: name.to_owned(),
                started_at: now,
                ended_at: None,
                status: StepStatus::Running,
            }),
        }
    }

    /// Notes how a state of the workflow ended.
    pub fn end_step(&mut self, name: &str, status: StepStatus, now: Timestamp) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.name == name) {
            step.end(status, now);
        }
    }

    /// The name of the state that runs; of several, of the one that began last.
    pub fn running_step(&self) -> Option<&str> {
        let mut steps = self.steps.iter().rev();
        let running = steps.find(|step| step.status == StepStatus::Running);
        running.map(|step| step.name.as_str())
    }

    /// Notes that the states which ran have ended.
    pub fn end_running_steps(&mut self, status: StepStatus, now: Timestamp) {
        for step in &mut self.steps {
            if step.status == StepStatus::Running {
                step.end(status, now);
            }
        }
    }
}

impl Step {
    /// The first end stays: that a step ended so may be said again by a later one.
    fn end(&mut self, status: StepStatus, now: Timestamp) {
        if self.status == status && self.ended_at.is_some() {
            return;
        }
        self.status = status;
        self.ended_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [OperationEvent; 9] = [
        OperationEvent::Dequeued,
        OperationEvent::Begun,
        OperationEvent::ApprovalAsked,
        OperationEvent::Approved,
        OperationEvent::Succeeded,
        OperationEvent::Failed,
        OperationEvent::NeedsAttention,
        OperationEvent::Cancelled,
        OperationEvent::Discarded,
    ];

    #[test]
    fn an_end_is_final_and_every_event_may_be_repeated() {
        for status in OperationStatus::ALL {
            for event in EVENTS {
                let Ok(next) = status.after(event) else { continue };
                assert_eq!(next.after(event), Ok(next), "{status} {event:?} twice");
                assert!(!status.has_ended() || next == status, "{status} must not become {next}");
            }
        }
    }

    #[test]
    fn a_snapshot_names_its_operation() {
        let database = Database {
            kind: crate::contract::DatabaseKind::RdsInstance,
            id: "main".to_owned(),
        };
        let operation = OperationId::generate();
        let snapshot = Snapshot::new(&StackId::from_bits(7), &operation, database);
        assert_eq!(Snapshot::operation(&snapshot.id), Some(operation));
        for other in [
            "main-final",
            "rds:main-2026-11-21",
            "lusab-babad-op-1",
            &format!("x-op-{}", "0".repeat(26)),
        ] {
            assert_eq!(Snapshot::operation(other), None, "{other}");
        }
    }

    #[test]
    fn every_operation_can_be_cancelled_until_it_ends() {
        for status in OperationStatus::ALL.into_iter().filter(|status| !status.has_ended()) {
            assert_eq!(status.after(OperationEvent::Cancelled), Ok(OperationStatus::Cancelled));
        }
    }
}
