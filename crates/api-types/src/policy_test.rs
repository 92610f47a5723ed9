//! Tests of policies.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use slipway_model::plan;
use utoipa::ToSchema;

/// Policies and tests.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"tests": [{
    "name": "a member updates", "principal": {"name": "email:login.example.com:ann@example.com", "groups": ["payments"]},
    "action": "request-update", "stack": {"owner": "team:payments", "environment": {"name": "live", "protected": true}, "blueprint": "web"},
    "expect": "allow"
}]}))]
pub struct TestPolicies {
    /// Policies in Cedar, each with an annotation `@id`. Default policies that it does not name hold. Without it, the stored policies.
    pub text: Option<String>,
    /// The tests.
    pub tests: Vec<Test>,
}

/// A test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// The caller.
    pub principal: TestPrincipal,
    /// The action.
    pub action: String,
    /// The stack that it is about.
    #[serde(default)]
    pub stack: Option<TestStack>,
    /// The operation of that stack.
    #[serde(default)]
    pub operation: Option<TestOperation>,
    /// The environment that it is about.
    #[serde(default)]
    pub environment: Option<TestEnvironment>,
    /// The blueprint that it is about.
    #[serde(default)]
    pub blueprint: Option<String>,
    /// What the request has.
    #[serde(default)]
    pub request: TestRequest,
    /// What the plan would do, for the action `apply`.
    #[serde(default)]
    pub plan: Option<TestPlan>,
    /// The expected decision: `allow` or `deny`.
    #[schema(value_type = String, example = "allow")]
    pub expect: Expect,
    /// A policy that must be among those that decide.
    #[serde(default)]
    pub policy: Option<String>,
}

/// The caller.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPrincipal {
    /// The name in Slipway.
    pub name: String,
    /// The groups.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Whether it is an administrator.
    #[serde(default)]
    pub administrator: bool,
}

/// A stack.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestStack {
    /// Its ID; none for a new stack.
    #[serde(default)]
    pub id: Option<String>,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Its blueprint.
    #[serde(default)]
    pub blueprint: String,
    /// Where it is.
    pub environment: TestEnvironment,
}

/// An environment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEnvironment {
    /// Its name.
    pub name: String,
    /// Its account.
    #[serde(default)]
    pub account: String,
    /// Its Region.
    #[serde(default)]
    pub region: String,
    /// Whether it is protected.
    #[serde(default)]
    pub protected: bool,
}

/// An operation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestOperation {
    /// What it does.
    #[serde(default)]
    pub kind: String,
    /// Its requester.
    pub requester: String,
}

/// A request.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// The variables that it sets.
    #[serde(default)]
    pub variables: BTreeSet<String>,
    /// The repositories of its images.
    #[serde(default)]
    pub images: BTreeSet<String>,
    /// The version that it names.
    #[serde(default)]
    pub version: Option<String>,
    /// Whether it is the push of an image to which the stack subscribes.
    #[serde(default)]
    pub pushed: bool,
}

/// A plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPlan {
    /// How many resources of each type it has, by action.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"aws_db_instance": {"replace": 1}}))]
    pub types: BTreeMap<String, BTreeMap<plan::Action, u64>>,
    /// The keys of tags that all resources with tags have.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// How many resources have tags.
    #[serde(default)]
    pub tagged: u64,
    /// The repositories of the images.
    #[serde(default)]
    pub images: BTreeSet<String>,
}

/// An expected decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It is permitted.
    Allow,
    /// It is denied.
    Deny,
}
