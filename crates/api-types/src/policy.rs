//! Policies and decisions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All policies that hold: those that were stored, and the default policies that they do not replace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Its name, by which denials call it.
    #[schema(example = "owner")]
    pub name: String,
    /// Its text in Cedar.
    #[schema(example = "permit (principal, action, resource) when { principal.administrator };")]
    pub text: String,
    /// What it does.
    pub effect: PolicyEffect,
    /// The policy as a part of a file for `PUT /v1/policies`, with its name.
    #[schema(
        example = "@id(\"administrators\")\npermit (principal, action, resource) when { principal.administrator };"
    )]
    pub in_file: String,
    /// Whether it is a default policy, as Slipway ships it.
    pub default: bool,
    /// Whether it replaces a default policy. Deleting it restores that.
    pub replaces_default: bool,
    /// Who stored it; null for a default policy.
    pub updated_by: Option<String>,
    /// When.
    pub updated_at: Option<Timestamp>,
}

/// What a policy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyEffect {
    /// It permits.
    Permit,
    /// It forbids.
    Forbid,
    /// Its text has no policy. If its name is that of a default policy, it switches that off.
    Off,
}

/// Whether the caller may do something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Whether it is permitted.
    pub allowed: bool,
    /// The policies that permit or forbid it; empty if none permits it.
    pub policies: Vec<String>,
    /// Why it is denied.
    pub reason: Option<String>,
}

/// What the caller may do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Permissions {
    /// The permitted actions.
    #[schema(example = json!(["list", "read", "request-update"]))]
    pub actions: Vec<String>,
}

/// What came of tests of policies.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyTests {
    /// How many decisions were as expected.
    pub passed: usize,
    /// How many were not.
    pub failed: usize,
    /// Each test.
    pub results: Vec<PolicyTest>,
}

/// What came of a test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyTest {
    /// Its name.
    pub name: String,
    /// Whether the decision was as expected.
    pub passed: bool,
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
}
