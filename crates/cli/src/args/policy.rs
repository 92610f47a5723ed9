//! Policies: who may do what, and which plans may be applied.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use slipway_model::id::OperationId;
use slipway_model::name::Name;

use super::StackRef;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List the policies
    List,
    /// Show a policy
    Show {
        /// The policy
        name: Name,
    },
    /// Store a policy, or replace the one of that name
    Put {
        /// The policy
        name: Name,
        /// A file with the policy in Cedar
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Delete a policy; a default policy that it replaced holds again
    Delete {
        /// The policy
        name: Name,
    },
    /// Print all policies in Cedar, as `import` takes them
    Export {
        /// As they were at this revision
        #[arg(long)]
        revision: Option<u64>,
    },
    /// Replace all stored policies by those of files, or none
    Import {
        /// Files with policies in Cedar, each with an annotation `@id`
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
    },
    /// Compare decisions with the expected ones
    Test {
        /// A JSON file like `{"tests": […]}`
        #[arg(value_hint = ValueHint::FilePath)]
        tests: PathBuf,
        /// Test the policies of this file instead of the stored ones
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        policies: Option<PathBuf>,
    },
}

/// Check whether you have a permission.
#[derive(Debug, Args)]
pub struct CanI {
    /// The action: `read`, `request-update`, `approve`, `configure` …
    pub action: String,
    /// The stack: its name, `ENVIRONMENT/NAME` or its id
    #[arg(conflicts_with_all = ["operation", "environment", "blueprint"])]
    pub stack: Option<StackRef>,
    /// The operation
    #[arg(long, conflicts_with_all = ["environment", "blueprint"])]
    pub operation: Option<OperationId>,
    /// The environment
    #[arg(long)]
    pub environment: Option<Name>,
    /// The blueprint; with --environment, a new stack of it there
    #[arg(long)]
    pub blueprint: Option<Name>,
}
