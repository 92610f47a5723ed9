//! Source accounts as they are shown.

use std::collections::BTreeSet;

use serde::Serialize;
use slipway_model::name::Name;
use slipway_model::source_account::{self, Action};
use utoipa::ToSchema;

/// An AWS account whose events may ask for operations, and for which.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceAccount {
    /// The account.
    #[schema(example = "111122223333")]
    pub account: String,
    /// Whose it is.
    pub description: String,
    /// What it may ask for: `provision`, `release`, `destroy`, `drift`.
    #[schema(value_type = Vec<String>, example = json!(["release"]))]
    pub actions: BTreeSet<Action>,
    /// Of stacks of which blueprints.
    #[schema(value_type = Vec<String>, example = json!(["guestbook"]))]
    pub blueprints: BTreeSet<Name>,
    /// In which environments.
    #[schema(value_type = Vec<String>, example = json!(["live"]))]
    pub environments: BTreeSet<Name>,
    /// The ARN of the event bus that receives the results of its requests.
    pub results: Option<String>,
    /// Grows with every change; its ETag is this in quotes.
    pub revision: u64,
}

impl SourceAccount {
    /// What is shown of it.
    pub fn of(account: source_account::SourceAccount, revision: u64) -> Self {
        Self {
            account: account.account.to_string(),
            description: account.description,
            actions: account.actions,
            blueprints: account.blueprints,
            environments: account.environments,
            results: account.results,
            revision,
        }
    }
}
