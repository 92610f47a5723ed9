//! `slipway stack`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use semver::Version;
use slipway_model::name::Name;

use super::subscription::Subscribe;
use super::values::{BlueprintRef, StackRef, assignment, service_image, version_of};
use crate::images::Named;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub enum StackCommand {
    /// Create a stack from a blueprint
    Create(StackCreate),
    /// List stacks
    List(StackList),
    /// Show a stack
    Show {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
    },
    /// Change a stack, or plan and apply it again as it is
    Update(StackUpdate),
    /// Plan an update without applying it
    Preview(StackUpdate),
    /// Check for drift: changes outside Terraform
    Drift {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        #[command(flatten)]
        wait: Wait,
    },
    /// Transfer a stack to another owner
    Transfer {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// New owner: `team:GROUP`, a person, a role or an account
        owner: String,
    },
    /// Destroy a stack
    Destroy {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Do not ask for the stack's name: required where there is no terminal
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Debug, Args)]
pub struct StackCreate {
    /// Name of the stack
    #[arg(required_unless_present = "request")]
    pub name: Option<Name>,
    /// Blueprint, `web` or `web@1.2.0` [default: its latest version]
    #[arg(long, required_unless_present = "request")]
    pub blueprint: Option<BlueprintRef>,
    /// Environment of the stack [default: that of the request, or `local`]
    #[arg(long, short)]
    pub environment: Option<Name>,
    /// JSON file with an API request, which other options override
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub request: Option<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
    /// Service and first image, by digest or ECR tag (repeatable)
    #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = service_image)]
    pub images: Vec<(Name, Named)>,
    #[command(flatten)]
    pub subscribe: Subscribe,
    #[command(flatten)]
    pub wait: Wait,
}

#[derive(Debug, Args)]
pub struct StackList {
    /// Only stacks of this environment
    #[arg(long, short)]
    pub environment: Option<Name>,
    /// Only stacks of this blueprint
    #[arg(long)]
    pub blueprint: Option<Name>,
    /// Only stacks of this version of their blueprint
    #[arg(long, value_parser = version_of)]
    pub version: Option<Version>,
    /// Only stacks of this status
    #[arg(long)]
    pub status: Option<String>,
    /// Only stacks of this owner
    #[arg(long)]
    pub owner: Option<String>,
}

#[derive(Debug, Args)]
pub struct StackUpdate {
    /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
    pub stack: StackRef,
    /// The blueprint version to change to
    #[arg(long, value_parser = version_of)]
    pub version: Option<Version>,
    #[command(flatten)]
    pub variables: Variables,
    /// Variable to reset to its default (repeatable)
    #[arg(long, value_name = "NAME")]
    pub unset: Vec<String>,
    #[command(flatten)]
    pub subscribe: Subscribe,
    /// Service to unsubscribe from pushed images (repeatable)
    #[arg(long, value_name = "SERVICE")]
    pub unsubscribe: Vec<Name>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Values for a blueprint's variables.
#[derive(Debug, Args)]
pub struct Variables {
    /// Value of a variable: text as it is, other types as JSON (repeatable)
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = assignment)]
    pub variables: Vec<(String, String)>,
    /// JSON file with values, or `-` for standard input (keeps secrets out of the process list)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub var_file: Option<PathBuf>,
}

/// Whether a command waits for the end of its operation.
#[derive(Debug, Clone, Copy, Args)]
pub struct Wait {
    /// Watch the operation until it ends [default on a terminal]
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Return once the operation is accepted [default elsewhere]
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
}

impl Wait {
    /// Whether it does. Scripts, whose output is no terminal, wait only if they say so.
    pub fn waits(self, output: Output) -> bool {
        self.wait || (!self.no_wait && output.is_terminal())
    }
}
