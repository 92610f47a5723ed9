//! Operations: one change or check of a stack, executed by the workflow.

pub mod approval;
pub mod beside;
pub mod build;
pub mod cancel;
pub mod compatibility;
pub mod draft;
#[cfg(test)]
pub(crate) mod example;
pub mod layout;
mod may_exist;
pub mod noted;
pub mod one_build;
pub mod quiesce;
pub mod reconfigure;
pub mod rollouts;
mod snapshot;
mod status;
mod step;
pub mod task_run;
pub mod unsettled;
pub mod work;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::approval::{Approval, ApprovalRule, Rejection};
use self::cancel::CancelRequest;
use self::layout::Layout;
use self::noted::{OperationNoted, is_zero};
use self::one_build::PlanMade;
use self::quiesce::Quiesced;
use self::rollouts::ServiceRollout;
pub use self::snapshot::Snapshot;
pub use self::status::{IllegalTransition, OperationEvent, OperationStatus};
pub use self::step::{Step, StepStatus, current_name};
use self::task_run::TaskRun;
use self::work::Work;
use crate::event::{Delivery, Origin};
use crate::id::{OperationId, ReleaseNumber, StackId};
pub use crate::kind::OperationKind;
use crate::name::{Digest, Name};
use crate::plan::binding::Binding;
use crate::plan::{Drift, PlanSummary, Verdict};
use crate::policy::PermittedRequest;
use crate::stack::{Configuration, StackStatus};

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

impl Failure {
    /// Adds what else people need to know, as sentences of their own.
    pub fn add(&mut self, sentences: &str) {
        self.message = format!("{}. {sentences}", self.message.trim_end_matches('.'));
    }
}

/// How many log streams an operation names: migrations are tried again for a lock up to 20 times each, with a stream for each task.
const LOGS_NAMED: usize = 100;

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
    #[serde(flatten)]
    pub work: Work,
    /// The stack that it is for.
    pub stack: StackId,
    /// The stack's name.
    pub stack_name: Name,
    /// The environment of the stack.
    pub environment: Name,
    /// The owner of the stack: of one that has ended, the owner at its end. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_owner: Option<String>,
    /// Where it stands.
    pub status: OperationStatus,
    /// The revision: it grows with every change of this record, so that a watcher can wait for the next one.
    pub revision: u64,
    /// What the stack is made from in this operation.
    pub configuration: Configuration,
    /// The status of the stack when the operation began: an operation that ends before Apply restores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<StackStatus>,
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
    /// What it stopped for its migrations, or changed while it ran, and has not restored.
    #[serde(default, skip_serializing_if = "Quiesced::is_empty")]
    pub quiesced: Quiesced,
    /// The requester.
    pub requested_by: String,
    /// The request as policies permitted it. None on records of earlier versions of Slipway alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permitted: Option<PermittedRequest>,
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
    /// The build of Apply that applies that plan, or did. None before there is one, and where the build of Plan applies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_by: Option<String>,
    /// Whether its apply ended before it ran Terraform, so that it counts as not begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_applied: bool,
    /// The SHA-256 of the outputs that its apply left in the artifacts bucket. None before the plan is applied, and on records of
    /// earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Digest>,
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
    /// Whether its plan was rejected, whatever ended it then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rejected: bool,
    /// Who rejected it, and which sheet. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
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
    /// Where its builds keep their objects.
    #[serde(default, skip_serializing_if = "Layout::is_default")]
    pub artifacts: Layout,
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

impl Operation {
    /// What it does.
    pub fn kind(&self) -> OperationKind {
        self.work.kind()
    }

    /// The release that it rolls out.
    pub fn release(&self) -> Option<ReleaseNumber> {
        self.work.release()
    }

    /// Notes where a step prints to, once. Of too many, the earliest of a step with several leaves: a task that was tried before.
    pub fn note_log(&mut self, log: LogStream) {
        if self.logs.contains(&log) {
            return;
        }
        self.logs.push(log);
        if self.logs.len() > LOGS_NAMED {
            let is_tried_again = |at: &usize| {
                self.logs[at + 1..]
                    .iter()
                    .any(|later| later.step == self.logs[*at].step)
            };
            let earliest = (0..self.logs.len()).find(is_tried_again).unwrap_or_default();
            self.logs.remove(earliest);
        }
    }

    /// Whether it has ended and its result was not yet reported to the account that requested it by event.
    pub fn owes_result(&self) -> bool {
        let due = |origin: &Origin| origin.result == Delivery::Due;
        self.status.has_ended() && self.origin.as_ref().is_some_and(due)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn logs_of_tasks_that_were_tried_again_leave_room_in_the_record() {
        let mut operation = example::operation(&json!({}));
        let log = |step: &str, stream: String| LogStream {
            step: step.to_owned(),
            group: "/slipway/builds".to_owned(),
            stream,
            in_segments: false,
        };
        operation.note_log(log("Plan", "plan".to_owned()));
        for number in 0..2 * LOGS_NAMED {
            operation.note_log(log("Run migration: migrate", number.to_string()));
        }
        assert_eq!(operation.logs.len(), LOGS_NAMED);
        let ends = [operation.logs.first(), operation.logs.last()].map(|log| log.expect("a log").stream.as_str());
        assert_eq!(ends, ["plan", "199"]);
    }
}
