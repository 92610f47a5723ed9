//! Environments as they are shown.

use serde::Serialize;
use serde_json::{Map, Value};
use slipway_model::environment;
use utoipa::ToSchema;

/// A place for stacks, and the rules there.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Environment {
    /// Its name.
    #[schema(example = "local")]
    pub name: String,
    /// The AWS account.
    #[schema(example = "000000000000")]
    pub account: String,
    /// The AWS region.
    #[schema(example = "us-east-1")]
    pub region: String,
    /// When a plan waits for an approval: `never`, `when_destroying` or `always`.
    #[schema(value_type = String, example = "never")]
    pub approval: environment::Approval,
    /// Whether stacks here are kept from being destroyed.
    pub protected: bool,
    /// The values that it gives to blueprints which declare a variable of that name. A request cannot set these.
    #[schema(value_type = Object)]
    pub variables: Map<String, Value>,
}

impl From<environment::Environment> for Environment {
    fn from(environment: environment::Environment) -> Self {
        Self {
            name: environment.name.to_string(),
            account: environment.account.to_string(),
            region: environment.region,
            approval: environment.approval,
            protected: environment.protected,
            variables: environment.variables,
        }
    }
}
