//! By what rule a plan is approved.

use jiff::Timestamp;
use serde::Serialize;

use crate::operation::approval::ApprovalRule;
use crate::plan::Requirement;

/// By what rule a plan is approved, since its review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalOnSheet {
    /// How many approvers it takes.
    pub required: u32,
    /// Whether the requester may be one of them.
    pub self_approval: bool,
    /// When the plan expires without a decision.
    pub expires_at: Timestamp,
    /// The rules that require an approval.
    pub required_by: Vec<RequiredBy>,
}

/// A rule that requires an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequiredBy {
    /// Its name.
    pub policy: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl From<Requirement> for RequiredBy {
    fn from(requirement: Requirement) -> Self {
        Self {
            policy: requirement.policy(),
            reason: requirement.reason(),
        }
    }
}

impl From<&ApprovalRule> for ApprovalOnSheet {
    fn from(rule: &ApprovalRule) -> Self {
        Self {
            required: rule.required,
            self_approval: rule.self_approval,
            expires_at: rule.expires_at,
            required_by: rule.required_by.iter().copied().map(RequiredBy::from).collect(),
        }
    }
}
