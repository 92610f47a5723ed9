//! The decision about a plan, and its delivery to the state `Wait for approval`.
//!
//! Step Functions gives every attempt of a state a new task token and rejects the earlier ones. A rejected token says that the
//! attempt ended, never that the state got an answer. So the record keeps the decision, and a repeated attempt answers its own
//! token with it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::noted::is_zero;
use super::{Failure, IllegalTransition, Operation, OperationEvent, OperationStatus, StepStatus};
use crate::environment::Environment;
use crate::id::OperationId;
use crate::name::Digest;
use crate::plan::review::requirements;
use crate::plan::{PlanSummary, Refusal, Requirement};
use crate::policy::Principal;
use crate::principal::is_same_person;

/// The state in which a plan waits.
pub const WAIT_FOR_APPROVAL: &str = "Wait for approval";

/// Why an approval of an earlier version of Slipway does not count while its plan waits.
const NOT_JUDGED: &str =
    "An earlier version of Slipway recorded the approval without the groups of its approver. Approve again.";

/// Of an approver who is known by name alone.
static NO_GROUPS: BTreeSet<String> = BTreeSet::new();

/// The rule by which a plan is approved: that of the environment when the plan was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// How many approvers it takes.
    pub required: u32,
    /// Whether the requester may be one of them.
    pub self_approval: bool,
    /// When the plan expires without a decision.
    pub expires_at: Timestamp,
    /// After how many seconds its approvers are reminded, each time; 0 for never.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub remind_every_seconds: u32,
    /// Why the plan waits: the environment may have other rules by now. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_by: Vec<Requirement>,
}

impl ApprovalRule {
    /// The rule for a plan that is reviewed now.
    pub fn of(plan: &PlanSummary, environment: &Environment, now: Timestamp) -> Self {
        let timeout = SignedDuration::from_secs(environment.approval_timeout_seconds.into());
        Self {
            required: environment.approvals_required,
            self_approval: environment.self_approval,
            expires_at: now.saturating_add(timeout).unwrap_or(Timestamp::MAX),
            remind_every_seconds: environment.approval_reminder_seconds,
            required_by: requirements(plan, environment),
        }
    }
}

/// An approval that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The approver.
    pub by: String,
    /// When it was given.
    pub at: Timestamp,
    /// The hash of the approval sheet that it quoted. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<Digest>,
    /// What the approver said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The approver as the token or the signature said: policies judge the approval again when a further one comes. None on records of
    /// earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// Why policies did not permit it any more when a further approval came. It does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
}

/// A caller who approves a plan.
#[derive(Debug, Clone, Copy)]
pub struct Approver<'a> {
    /// The caller's name.
    pub name: &'a str,
    /// Names that the caller had in earlier versions.
    pub former: &'a [String],
    /// The groups that the caller's token names.
    pub groups: &'a BTreeSet<String>,
    /// Whether the caller is an administrator.
    pub administrator: bool,
    /// The hash of the approval sheet that the caller quotes.
    pub sheet: Option<&'a Digest>,
    /// What the caller says.
    pub comment: Option<&'a str>,
}

impl<'a> From<&'a str> for Approver<'a> {
    fn from(name: &'a str) -> Self {
        Self {
            name,
            former: &[],
            groups: &NO_GROUPS,
            administrator: false,
            sheet: None,
            comment: None,
        }
    }
}

impl Approver<'_> {
    fn is(&self, name: &str) -> bool {
        let mut names = self.former.iter().map(String::as_str).chain([self.name]);
        names.any(|own| is_same_person(own, name))
    }

    fn principal(&self) -> Principal {
        Principal {
            name: self.name.to_owned(),
            former: self.former.to_vec(),
            groups: self.groups.clone(),
            administrator: self.administrator,
        }
    }
}

/// A rejection that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The caller who rejected the plan.
    pub by: String,
    /// The hash of the approval sheet as it was then. None if the sheet could not be made or kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<Digest>,
}

impl From<&str> for Rejection {
    fn from(by: &str) -> Self {
        Self {
            by: by.to_owned(),
            sheet: None,
        }
    }
}

/// Why a decision does not count. Nothing is recorded then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecidable {
    /// The requester approves.
    #[error("the requester of an operation does not approve its plan")]
    OwnRequest,
    /// The time for a decision is over.
    #[error("the time for a decision about the plan was over at {0}")]
    Expired(Timestamp),
    /// The plan is approved.
    #[error("the plan was approved by {0}")]
    Approved(String),
    /// The plan is rejected.
    #[error("the plan was rejected: {0}")]
    Rejected(String),
    /// The operation does not wait for a decision: it is not that far, or has ended.
    #[error("the operation has the status `{0}` and does not wait for a decision")]
    NotWaiting(OperationStatus),
    /// Another operation runs beside the plan, which is applied alone.
    #[error(
        "the operation {0} of the stack runs, and a plan is applied alone: approve the plan when that operation has ended"
    )]
    RunsBeside(OperationId),
}

/// What was decided about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Approved; this caller's approval was the last one that it took.
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

    /// Whether this caller requested the operation, and requesters may not approve their own.
    pub fn forbids_own_approval(&self, by: Approver<'_>) -> bool {
        let allows = self.approval_rule.as_ref().is_some_and(|rule| rule.self_approval);
        by.is(&self.requested_by) && !allows && !self.status.has_ended()
    }

    /// Judges the approvals of a plan that waits again: `denial` says why policies do not permit one by now. It does not count then, also
    /// if policies permit it later: the approver approves again.
    pub fn judge_approvals(&mut self, denial: impl Fn(&Principal) -> Option<String>) {
        if self.status != OperationStatus::WaitingForApproval || self.decision().is_some() {
            return;
        }
        for approval in self.approvals.iter_mut().filter(|approval| approval.denied.is_none()) {
            approval.denied = match &approval.principal {
                Some(principal) => denial(principal),
                None => Some(NOT_JUDGED.to_owned()),
            };
        }
    }

    /// The approvals that policies did not deny since they were given.
    pub fn permitted_approvals(&self) -> impl Iterator<Item = &Approval> {
        self.approvals.iter().filter(|approval| approval.denied.is_none())
    }

    /// Records an approval; the last one that it takes approves the plan. An approver counts once, and repeating an approval
    /// changes nothing, also after the operation has ended. Once the plan is approved, no other approval is taken. Approvals of another
    /// sheet do not count any more: no two approvers agree to different things. Nor do those that policies denied since
    /// ([`Operation::judge_approvals`]), which their approvers may give again.
    pub fn approve(&mut self, by: Approver<'_>, now: Timestamp) -> Result<(), Undecidable> {
        if self.forbids_own_approval(by) {
            return Err(Undecidable::OwnRequest);
        }
        // The same approval again, from a caller whose answer was lost. Another one would not count: who sends it must know.
        let is_repeated = self
            .permitted_approvals()
            .any(|given| by.is(&given.by) && given.sheet.as_ref() == by.sheet);
        match self.decision() {
            _ if is_repeated && self.status.has_ended() && !self.rejected => return Ok(()),
            Some(Decision::Approved(_)) if is_repeated => return Ok(()),
            Some(Decision::Approved(last)) => return Err(Undecidable::Approved(last.to_owned())),
            Some(Decision::Rejected(failure)) => return Err(Undecidable::Rejected(failure.message.clone())),
            None => self.require_open(now)?,
        }
        let is_replaced = |approval: &Approval| approval.denied.is_some() && by.is(&approval.by);
        self.approvals
            .retain(|approval| approval.sheet.as_ref() == by.sheet && !is_replaced(approval));
        if self.approvals.iter().any(|approval| by.is(&approval.by)) {
            return Ok(());
        }
        self.approvals.push(Approval {
            by: by.name.to_owned(),
            at: now,
            sheet: by.sheet.cloned(),
            comment: by.comment.map(ToOwned::to_owned),
            principal: Some(by.principal()),
            denied: None,
        });
        if self.permitted_approvals().count() >= self.approvals_required() {
            self.end_step(WAIT_FOR_APPROVAL, StepStatus::Succeeded, now);
            self.status = OperationStatus::Running;
            self.approved_by = Some(by.name.to_owned());
        }
        Ok(())
    }

    /// Rejects the plan, for this reason; the approvals that it has do not count any more. The operation waits until the workflow
    /// records its end. Repeating the same rejection changes nothing, also after that.
    pub fn reject(&mut self, failure: &Failure, now: Timestamp) -> Result<(), Undecidable> {
        match self.decision() {
            _ if self.rejected && self.status.has_ended() && self.failure.as_ref() == Some(failure) => Ok(()),
            Some(Decision::Rejected(known)) if known == failure => Ok(()),
            Some(Decision::Rejected(known)) => Err(Undecidable::Rejected(known.message.clone())),
            Some(Decision::Approved(by)) => Err(Undecidable::Approved(by.to_owned())),
            None => {
                self.require_open(now)?;
                self.failure = Some(failure.clone());
                self.rejected = true;
                Ok(())
            }
        }
    }

    /// How many approvers the plan takes.
    pub fn approvals_required(&self) -> usize {
        let required = self.approval_rule.as_ref().map_or(1, |rule| rule.required);
        usize::try_from(required).unwrap_or(usize::MAX)
    }

    /// Why a plan that needs an approval by the present rules of its environment is not applied: they may be stricter than those of the
    /// review. None if the plan needs no approval, or has every approval that they require.
    pub fn refusal_without_approval(&self, plan: &PlanSummary, environment: &Environment) -> Option<Refusal> {
        let required = requirements(plan, environment);
        let first = required.first()?;
        let missing = self.missing_approval(environment)?;
        Some(Refusal {
            policy: first.policy().to_owned(),
            reason: format!(
                "{missing}, and the rules require more by now: {}. Request the operation again",
                first.reason()
            ),
            resources: Vec::new(),
        })
    }

    /// Why the approvals that the plan takes cannot be enough by the present rules of its environment: more are required than by the rule
    /// of its review, or the requester gave one. None while they can be, and if the plan needs no approval by now.
    pub fn approval_in_vain(&self, plan: &PlanSummary, environment: &Environment) -> Option<String> {
        requirements(plan, environment).first()?;
        let required = usize::try_from(environment.approvals_required).unwrap_or(usize::MAX);
        let takes = self.approvals_required();
        if takes < required {
            return Some(format!(
                "the environment requires {required} approvals by now, and the plan takes {takes}, as was required at its review"
            ));
        }
        let mut approvers = self.permitted_approvals();
        let is_own = approvers.any(|approval| is_same_person(&approval.by, &self.requested_by));
        (is_own && !environment.self_approval)
            .then(|| "the environment does not permit the approval of the requester by now".to_owned())
    }

    /// What its approvals lack by the present rules of its environment.
    fn missing_approval(&self, environment: &Environment) -> Option<String> {
        let Some(last) = self.approved_by.as_deref() else {
            return Some("the plan has no approval".to_owned());
        };
        let required = usize::try_from(environment.approvals_required).unwrap_or(usize::MAX);
        // Records of earlier versions of Slipway have the last approver only.
        let given = self.permitted_approvals().count().max(1);
        if given < required {
            return Some(format!("the plan has {given} of {required} approvals"));
        }
        let approvers = self.permitted_approvals().map(|approval| approval.by.as_str());
        let mut approvers = approvers.chain([last]);
        let is_own = !environment.self_approval && approvers.any(|by| is_same_person(by, &self.requested_by));
        is_own.then(|| "the requester approved the plan".to_owned())
    }

    /// Whether an approval counts for this sheet. One of an earlier sheet does not, unless it is among those that approved the plan. None
    /// of a rejected plan does, and none that policies denied since.
    pub fn counts(&self, approval: &Approval, sheet: &Digest) -> bool {
        !self.rejected
            && approval.denied.is_none()
            && (self.approved_by.is_some() || approval.sheet.as_ref() == Some(sheet))
    }

    /// `Wait for approval` accepted the decision with this token: nothing is left to deliver. The token of a later attempt
    /// stays.
    pub fn decision_delivered(&mut self, token: &str) {
        if self.approval_token.as_deref() == Some(token) {
            self.approval_token = None;
        }
    }

    /// Whether a decision may be made now.
    fn require_open(&self, now: Timestamp) -> Result<(), Undecidable> {
        if self.status != OperationStatus::WaitingForApproval {
            return Err(Undecidable::NotWaiting(self.status));
        }
        match &self.approval_rule {
            Some(rule) if now >= rule.expires_at => Err(Undecidable::Expired(rule.expires_at)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
