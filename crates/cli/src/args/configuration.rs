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
        /// The environment
        name: Name,
    },
    /// Make an environment, or replace the one of that name; only administrators do
    Put {
        /// The environment
        name: Name,
        /// A JSON file with the environment, as the API takes it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        request: PathBuf,
    },
    /// Delete an environment in which no stack lives; only administrators do
    Delete {
        /// The environment
        name: Name,
    },
    /// Print all environments, external ids too, as `import` takes them; only administrators do
    Export,
    /// Put all environments of files, or none if one is wrong; those that no file names stay; only administrators do
    Import {
        /// JSON files like `{"environments": […]}`
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum SourceAccountCommand {
    /// List the source accounts
    List,
    /// Show a source account and what it may ask for
    Show {
        /// The 12 digits of the AWS account
        account: AccountId,
    },
    /// Make a source account, or replace the one of that id; only administrators do
    Put {
        /// The 12 digits of the AWS account
        account: AccountId,
        #[command(flatten)]
        record: SourceAccountRecord,
    },
    /// Delete a source account: its events ask for nothing any more; only administrators do
    Delete {
        /// The 12 digits of the AWS account
        account: AccountId,
    },
    /// Print all source accounts, as `import` takes them
    Export,
    /// Put all source accounts of files, or none if one is wrong; those that no file names stay; only administrators do
    Import {
        /// JSON files like `{"source_accounts": […]}`
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// What a source account may ask for.
#[derive(Debug, Args)]
pub struct SourceAccountRecord {
    /// A JSON file with the source account, as the API takes it; what else is given here counts more
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub request: Option<PathBuf>,
    /// What it may ask for: provision, release, destroy or drift; may be repeated
    #[arg(long = "action", required_unless_present = "request")]
    pub actions: Vec<Action>,
    /// Of stacks of which blueprint; may be repeated
    #[arg(long = "blueprint", required_unless_present = "request")]
    pub blueprints: Vec<Name>,
    /// In which environment; may be repeated
    #[arg(long = "environment", short, required_unless_present = "request")]
    pub environments: Vec<Name>,
    /// Whose it is, in a sentence
    #[arg(long)]
    pub description: Option<String>,
    /// ARN of the event bus in that account that receives results
    #[arg(long, value_name = "ARN")]
    pub results: Option<ResultBus>,
}
