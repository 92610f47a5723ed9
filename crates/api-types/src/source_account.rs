//! Source accounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use slipway_model::name::Name;
use slipway_model::source_account::{self, Action};
use utoipa::ToSchema;

/// A source account: an AWS account whose events may request operations.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SourceAccount {
    /// The account.
    #[schema(example = "111122223333")]
    pub account: String,
    /// A description.
    pub description: String,
    /// The permitted actions: `provision`, `release`, `destroy`, `drift`.
    #[schema(value_type = Vec<String>, example = json!(["release"]))]
    pub actions: BTreeSet<Action>,
    /// The blueprints of the permitted stacks.
    #[schema(value_type = Vec<String>, example = json!(["guestbook"]))]
    pub blueprints: BTreeSet<Name>,
    /// The environments of the permitted stacks.
    #[schema(value_type = Vec<String>, example = json!(["live"]))]
    pub environments: BTreeSet<Name>,
    /// The ARN of the event bus that receives the results of its requests.
    pub results: Option<String>,
    /// The revision; its ETag is this in quotes.
    pub revision: u64,
}

impl SourceAccount {
    /// The source account as the API shows it.
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
