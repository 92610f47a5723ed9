//! Which notifications a record owes: what differs from what was last notified.

use jiff::{SignedDuration, Timestamp};

use super::{
    Kind, Notification, NotificationId, NotifiedApproval, NotifiedDrift, NotifiedOperation, NotifiedPlan,
    NotifiedStack, Subject, VERSION,
};
use crate::cut::cut;
use crate::operation::approval::WAIT_FOR_APPROVAL;
use crate::operation::noted::OperationNoted;
use crate::operation::{Failure, Operation, OperationStatus};
use crate::plan::PlanSummary;
use crate::stack::{DriftSeen, Stack, StackNoted};

/// The most bytes of a failure's message: an event has at most 256 KB, and the record has the whole text.
const MESSAGE: usize = 4_096;

/// The most bytes of an address: the key of a `for_each` may have any length.
const ADDRESS: usize = 512;

impl Operation {
    /// The notifications that this record owes; it notes that they were made. A record of an earlier version of Slipway owes one of
    /// its status.
    pub fn notifications(&mut self, now: Timestamp) -> Vec<Notification> {
        let noted = self.noted.take();
        let before = first(self.revision);
        let (mut sequence, previous) = noted
            .as_ref()
            .map_or((before, None), |noted| (noted.sequence, Some(noted.status)));
        let reminded = noted.map_or(0, |noted| noted.reminders);
        let mut made = Vec::new();
        if previous != Some(self.status) {
            sequence += 1;
            made.push(self.notification(Kind::Operation(self.status), sequence, previous, now));
        }
        if self.reminders > reminded && self.status == OperationStatus::WaitingForApproval {
            sequence += 1;
            made.push(self.notification(Kind::ApprovalReminder, sequence, Some(self.status), now));
        }
        self.noted = Some(OperationNoted {
            sequence,
            status: self.status,
            reminders: self.reminders,
        });
        made
    }

    fn notification(
        &self,
        kind: Kind,
        sequence: u64,
        previous: Option<OperationStatus>,
        now: Timestamp,
    ) -> Notification {
        let waits = self.status == OperationStatus::WaitingForApproval;
        let stack = NotifiedStack {
            id: self.stack.clone(),
            name: self.stack_name.clone(),
            environment: self.environment.clone(),
            owner: self.stack_owner.clone(),
            blueprint: self.configuration.blueprint.clone(),
            version: self.configuration.version.clone(),
        };
        let subject = Subject::Operation(self.id.clone());
        let status = (self.status.to_string(), previous.map(|status| status.to_string()));
        Notification {
            operation: Some(NotifiedOperation {
                id: self.id.clone(),
                kind: self.kind(),
                requester: self.requested_by.clone(),
                release: self.release(),
            }),
            plan: self.plan.as_ref().filter(|_| waits).map(NotifiedPlan::from),
            approval: waits.then(|| NotifiedApproval {
                required: self.approvals_required() as u64,
                given: self.permitted_approvals().count() as u64,
                expires_at: self.approval_rule.as_ref().map(|rule| rule.expires_at),
            }),
            failure: self.failure.as_ref().filter(|_| self.status.has_ended()).map(bounded),
            ..Notification::about(subject, kind, sequence, status, stack, now)
        }
    }

    /// How many reminders of the approval there should have been by now. None while no approval is due, or without reminders.
    pub fn reminders_due(&self, now: Timestamp) -> Option<u32> {
        if self.status != OperationStatus::WaitingForApproval || self.decision().is_some() {
            return None;
        }
        let every = self.approval_rule.as_ref()?.remind_every_seconds;
        let asked = self
            .steps
            .iter()
            .find(|step| step.name == WAIT_FOR_APPROVAL)?
            .started_at;
        let waited: SignedDuration = now.duration_since(asked);
        let due = waited.as_secs().checked_div(every.into())?;
        u32::try_from(due).ok().filter(|due| *due > self.reminders)
    }
}

impl Stack {
    /// The notifications that this record owes; it notes that they were made.
    pub fn notifications(&mut self, now: Timestamp) -> Vec<Notification> {
        let noted = self.noted.take();
        let before = first(self.revision);
        let (mut sequence, previous) = noted
            .as_ref()
            .map_or((before, None), |noted| (noted.sequence, Some(noted.status)));
        let seen = noted.and_then(|noted| noted.drift);
        let found = self.drift.as_ref().filter(|drift| drift.count > 0);
        let latest = found.map(|drift| drift.operation.clone());
        let mut made = Vec::new();
        if previous != Some(self.status) {
            sequence += 1;
            let previous = previous.map(|status| status.to_string());
            made.push(self.notification(Kind::Stack(self.status), sequence, previous, now));
        }
        if let Some(drift) = found.filter(|_| latest != seen) {
            sequence += 1;
            let status = Some(self.status.to_string());
            let drift = NotifiedDrift::from(drift);
            made.push(Notification {
                drift: Some(drift),
                ..self.notification(Kind::Drifted, sequence, status, now)
            });
        }
        self.noted = Some(StackNoted {
            sequence,
            status: self.status,
            drift: latest.or(seen),
        });
        made
    }

    fn notification(&self, kind: Kind, sequence: u64, previous: Option<String>, now: Timestamp) -> Notification {
        let stack = NotifiedStack {
            id: self.id.clone(),
            name: self.name.clone(),
            environment: self.environment.clone(),
            owner: Some(self.owner.clone()),
            blueprint: self.configuration.blueprint.clone(),
            version: self.configuration.version.clone(),
        };
        let subject = Subject::Stack(self.id.clone());
        let status = (self.status.to_string(), previous);
        Notification::about(subject, kind, sequence, status, stack, now)
    }
}

impl Notification {
    /// What every notification has, and no details. `status` is the subject's, and the one in the notification before.
    fn about(
        subject: Subject,
        kind: Kind,
        sequence: u64,
        (status, previous): (String, Option<String>),
        stack: NotifiedStack,
        now: Timestamp,
    ) -> Self {
        Self {
            version: VERSION,
            id: NotificationId {
                subject: subject.clone(),
                sequence,
            },
            kind,
            time: now,
            subject,
            sequence,
            status,
            previous,
            stack,
            operation: None,
            plan: None,
            approval: None,
            failure: None,
            drift: None,
        }
    }
}

/// The number before the first notification of a record that has this revision. An earlier version of Slipway that writes the record
/// drops what was noted. Revisions grow at least as fast as numbers, so numbers still grow.
fn first(revision: u64) -> u64 {
    revision.saturating_sub(1)
}

impl From<&PlanSummary> for NotifiedPlan {
    fn from(plan: &PlanSummary) -> Self {
        Self {
            add: plan.add,
            change: plan.change,
            destroy: plan.destroy,
            replace: plan.replace,
            forget: plan.forget,
        }
    }
}

impl From<&DriftSeen> for NotifiedDrift {
    fn from(drift: &DriftSeen) -> Self {
        let resources = drift.resources.iter();
        Self {
            count: drift.count,
            resources: resources.map(|address| cut(address, ADDRESS)).collect(),
        }
    }
}

/// The failure as a notification has it. Its secrets are hidden already: what was cut could no longer be recognised.
fn bounded(failure: &Failure) -> Failure {
    Failure {
        name: cut(&failure.name, ADDRESS),
        step: cut(&failure.step, ADDRESS),
        message: cut(&failure.message, MESSAGE),
        address: failure.address.as_deref().map(|address| cut(address, ADDRESS)),
    }
}
