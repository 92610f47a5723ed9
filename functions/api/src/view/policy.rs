//! Policies and decisions as they are shown.

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::policy::{PolicyRevision, StoredPolicy};
use slipway_policy::policies::defaults;
use utoipa::ToSchema;

/// All policies that hold: those that were stored, and the default policies that they do not replace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Policies {
    /// Grows with every change; its ETag is this in quotes. 0 before the first change.
    pub revision: u64,
    /// Who made the last change.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<Timestamp>,
    /// Whether a policy may refuse a plan. Builds then leave their plans to the workflow.
    pub judges_plans: bool,
    /// The policies, by name.
    pub items: Vec<Policy>,
}

/// A policy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Policy {
    /// Its name, by which denials call it.
    #[schema(example = "owner")]
    pub name: String,
    /// Its text in Cedar.
    #[schema(example = "permit (principal, action, resource) when { principal.administrator };")]
    pub text: String,
    /// Whether it is a default policy, as Slipway ships it.
    pub default: bool,
    /// Whether it replaces a default policy. Deleting it restores that.
    pub replaces_default: bool,
    /// Who stored it; null for a default policy.
    pub updated_by: Option<String>,
    /// When.
    pub updated_at: Option<Timestamp>,
}

impl From<StoredPolicy> for Policy {
    fn from(policy: StoredPolicy) -> Self {
        Self {
            replaces_default: defaults().any(|(name, _)| name == policy.name.as_str()),
            name: policy.name.to_string(),
            text: policy.text,
            default: false,
            updated_by: Some(policy.updated_by),
            updated_at: Some(policy.updated_at),
        }
    }
}

impl From<PolicyRevision> for Policies {
    fn from(revision: PolicyRevision) -> Self {
        let is_replaced = |name: &str| revision.policies.iter().any(|policy| policy.name.as_str() == name);
        let kept = defaults().filter(|(name, _)| !is_replaced(name));
        let mut items: Vec<Policy> = kept
            .map(|(name, text)| Policy {
                name: name.to_owned(),
                text,
                default: true,
                replaces_default: false,
                updated_by: None,
                updated_at: None,
            })
            .collect();
        items.extend(revision.policies.into_iter().map(Policy::from));
        items.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            revision: revision.revision,
            changed_by: revision.changed_at.map(|_| revision.changed_by),
            changed_at: revision.changed_at,
            judges_plans: revision.judges_plans,
            items,
        }
    }
}

/// Whether the caller may do something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Decision {
    /// Whether it is permitted.
    pub allowed: bool,
    /// The policies that permit or forbid it; empty if none permits it.
    pub policies: Vec<String>,
    /// Why it is denied.
    pub reason: Option<String>,
}

/// What the caller may do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Permissions {
    /// The permitted actions.
    #[schema(example = json!(["list", "read", "request-update"]))]
    pub actions: Vec<String>,
}

/// What came of tests of policies.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PolicyTests {
    /// How many decisions were as expected.
    pub passed: usize,
    /// How many were not.
    pub failed: usize,
    /// Each test.
    pub results: Vec<PolicyTest>,
}

/// What came of a test.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PolicyTest {
    /// Its name.
    pub name: String,
    /// Whether the decision was as expected.
    pub passed: bool,
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
}

impl From<Result<Vec<String>, slipway_policy::Denial>> for Decision {
    fn from(decision: Result<Vec<String>, slipway_policy::Denial>) -> Self {
        match decision {
            Ok(policies) => Self {
                allowed: true,
                policies,
                reason: None,
            },
            Err(denial) => Self {
                allowed: false,
                policies: denial.policies,
                reason: Some(denial.reason),
            },
        }
    }
}
