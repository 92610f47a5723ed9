//! What administrators configure: environments and source accounts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use slipway_model::account::{AccountId, ResultBus};
use slipway_model::name::Name;
use slipway_model::source_account::Action;

#[derive(Debug, Subcommand)]
pub enum EnvironmentCommand {
    /// List the environments
    List,
    /// Show an environment and its rules
    Show {
        /// Name of the environment
        name: Name,
    },
    /// Create or replace an environment (administrators)
    Put {
        /// Name of the environment
        name: Name,
        /// JSON file with the environment, as in the API
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        request: PathBuf,
    },
    /// Delete an environment without stacks (administrators)
    Delete {
        /// Name of the environment
        name: Name,
    },
    /// Print all environments with external IDs, for `import` (administrators)
    Export,
    /// Create or replace all environments in the files, or none (administrators)
    Import {
        /// JSON files like `{"environments": […]}`
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Show the changes without making them
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum SourceAccountCommand {
    /// List the source accounts
    List,
    /// Show a source account and its permissions
    Show {
        /// AWS account ID
        account: AccountId,
    },
    /// Create or replace a source account (administrators)
    Put {
        /// AWS account ID
        account: AccountId,
        #[command(flatten)]
        record: SourceAccountRecord,
    },
    /// Delete a source account, so that its events are rejected (administrators)
    Delete {
        /// AWS account ID
        account: AccountId,
    },
    /// Print all source accounts, for `import`
    Export,
    /// Create or replace all source accounts in the files, or none (administrators)
    Import {
        /// JSON files like `{"source_accounts": […]}`
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Show the changes without making them
        #[arg(long)]
        dry_run: bool,
    },
}

/// The permissions of a source account.
#[derive(Debug, Args)]
pub struct SourceAccountRecord {
    /// JSON file with a source account, which other options override
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub request: Option<PathBuf>,
    /// Permitted action: provision, release, destroy or drift (repeatable)
    #[arg(long = "action", required_unless_present = "request")]
    pub actions: Vec<Action>,
    /// Permitted blueprint (repeatable)
    #[arg(long = "blueprint", required_unless_present = "request")]
    pub blueprints: Vec<Name>,
    /// Permitted environment (repeatable)
    #[arg(long = "environment", short, required_unless_present = "request")]
    pub environments: Vec<Name>,
    /// Description in a sentence
    #[arg(long)]
    pub description: Option<String>,
    /// ARN of the event bus in that account for results
    #[arg(long, value_name = "ARN")]
    pub results: Option<ResultBus>,
}
