//! The decision about a plan, and its delivery to the state `Wait for approval`.
//!
//! Step Functions gives every attempt of a state a new task token and rejects the earlier ones. A rejected token says that the
//! attempt ended, never that the state got an answer. So the record keeps the decision, and a repeated attempt answers its own
//! token with it.

use jiff::Timestamp;

use super::{Failure, IllegalTransition, Operation, OperationEvent, OperationStatus, StepStatus};

/// The state in which a plan waits.
pub const WAIT_FOR_APPROVAL: &str = "Wait for approval";

/// What was decided about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Approved, by this caller.
    Approved(&'a str),
    /// Rejected, for this reason.
    Rejected(&'a Failure),
}

impl Operation {
    /// The decision about the plan, once made; it does not change afterwards.
    pub fn decision(&self) -> Option<Decision<'_>> {
        match (self.status, &self.approved_by, &self.failure) {
            (OperationStatus::Running, Some(by), _) => Some(Decision::Approved(by)),
            (OperationStatus::WaitingForApproval, None, Some(failure)) => Some(Decision::Rejected(failure)),
            _ => None,
        }
    }

    /// The decision that `Wait for approval` may not have accepted yet, with the token of its newest attempt. A later step on
    /// the record means that it did.
    pub fn undelivered_decision(&self) -> Option<(&str, Decision<'_>)> {
        self.steps.last().filter(|step| step.name == WAIT_FOR_APPROVAL)?;
        Some((self.approval_token.as_deref()?, self.decision()?))
    }

    /// An attempt of `Wait for approval` waits with this token. After a decision only the token changes.
    pub fn ask_approval(&mut self, token: &str, now: Timestamp) -> Result<(), IllegalTransition> {
        if self.decision().is_none() {
            self.status = self.status.after(OperationEvent::ApprovalAsked)?;
            self.begin_step(WAIT_FOR_APPROVAL, now);
        }
        self.approval_token = Some(token.to_owned());
        Ok(())
    }

    /// The plan is approved. Repeating an approval changes nothing.
    pub fn approve(&mut self, by: &str, now: Timestamp) -> Result<(), IllegalTransition> {
        match self.decision() {
            Some(Decision::Approved(_)) => return Ok(()),
            None if self.status == OperationStatus::WaitingForApproval => {}
            Some(Decision::Rejected(_)) | None => return Err(self.undecidable(OperationEvent::Approved)),
        }
        self.end_step(WAIT_FOR_APPROVAL, StepStatus::Succeeded, now);
        self.status = self.status.after(OperationEvent::Approved)?;
        self.approved_by = Some(by.to_owned());
        Ok(())
    }

    /// The plan is rejected, for this reason. The operation waits until the workflow records its end. Repeating the same
    /// rejection changes nothing.
    pub fn reject(&mut self, failure: &Failure) -> Result<(), IllegalTransition> {
        match self.decision() {
            Some(Decision::Rejected(known)) if known == failure => {}
            None if self.status == OperationStatus::WaitingForApproval => self.failure = Some(failure.clone()),
            Some(_) | None => return Err(self.undecidable(OperationEvent::Failed)),
        }
        Ok(())
    }

    /// `Wait for approval` accepted the decision with this token: nothing is left to deliver. The token of a later attempt
    /// stays.
    pub fn decision_delivered(&mut self, token: &str) {
        if self.approval_token.as_deref() == Some(token) {
            self.approval_token = None;
        }
    }

    fn undecidable(&self, event: OperationEvent) -> IllegalTransition {
        let status = self.status;
        IllegalTransition { status, event }
    }
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
