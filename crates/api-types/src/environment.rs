//! Environments.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use slipway_model::environment;
use utoipa::ToSchema;

/// An environment: where stacks live, and the rules there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    /// Its name.
    #[schema(example = "local")]
    pub name: String,
    /// The AWS account.
    #[schema(example = "000000000000")]
    pub account: String,
    /// The AWS Region.
    #[schema(example = "us-east-1")]
    pub region: String,
    /// The ARN of the role that Terraform assumes; null if it has only the permissions of the build.
    pub role: Option<String>,
    /// The external ID in the role's trust policy. Only administrators can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When a plan waits for an approval: `never`, `when_destroying` or `always`.
    #[schema(value_type = String, example = "never")]
    pub approval: environment::Approval,
    /// How many approvals a plan needs.
    pub approvals_required: u32,
    /// Whether requesters may approve their own plans.
    pub self_approval: bool,
    /// The number of seconds after which an undecided plan expires.
    pub approval_timeout_seconds: u32,
    /// The number of seconds after which approvers of a waiting plan are reminded, each time; 0 for never.
    pub approval_reminder_seconds: u32,
    /// Whether destroying stacks and losing resources of protected types is forbidden.
    pub protected: bool,
    /// Whether stacks may be made from drafts of blueprints.
    pub sandbox: bool,
    /// The resource types whose resources no plan may delete, replace or forget in a protected environment; null for the default
    /// list.
    pub protected_types: Option<Vec<String>>,
    /// Values for all blueprints that declare a variable of that name. Requests cannot set these. Under the name of a variable that
    /// any blueprint declares as sensitive, `(sensitive)` is shown.
    #[schema(value_type = Object)]
    pub variables: Map<String, Value>,
    /// Likewise, values that builds read when they plan: the ARN of a secret, with `#` and the name of a member, or of a parameter.
    pub references: BTreeMap<String, String>,
    /// The revision; its ETag is this in quotes.
    pub revision: u64,
}

impl Environment {
    /// The environment. `sensitive` are the names under which values are hidden.
    pub fn of(environment: environment::Environment, revision: u64, sensitive: &BTreeSet<String>) -> Self {
        let variables = environment.shown_variables(sensitive);
        let types = environment.protected_types;
        Self {
            name: environment.name.to_string(),
            account: environment.account.to_string(),
            region: environment.region.to_string(),
            role: environment.role.map(String::from),
            external_id: environment.external_id.map(String::from),
            approval: environment.approval,
            approvals_required: environment.approvals_required,
            self_approval: environment.self_approval,
            approval_timeout_seconds: environment.approval_timeout_seconds,
            approval_reminder_seconds: environment.approval_reminder_seconds,
            protected: environment.protected,
            sandbox: environment.sandbox,
            protected_types: types.map(|types| types.into_iter().map(String::from).collect()),
            variables,
            references: environment
                .references
                .into_iter()
                .map(|(name, reference)| (name, reference.into()))
                .collect(),
            revision,
        }
    }
}
