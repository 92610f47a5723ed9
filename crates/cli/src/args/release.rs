//! `slipway release`, `task` and `image`

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};
use slipway_model::id::ReleaseNumber;
use slipway_model::name::Name;

use super::plan::OperationRef;
use super::stack::Wait;
use super::values::{StackRef, release_number, service_image};
use crate::images::Named;

#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// Release new images: migrations first, services after
    Create {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Service and image, by digest or ECR tag (repeatable)
        #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = service_image, required_unless_present = "request")]
        images: Vec<(Name, Named)>,
        /// JSON file with an API request, whose images `--image` replaces
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        request: Option<PathBuf>,
        /// Take a snapshot and run the backups before the migrations
        #[arg(long)]
        snapshot: bool,
        /// Whether the previous release works after the migrations [default: as the blueprint says]
        #[arg(long, value_name = "BOOL")]
        compatible_with_previous: Option<bool>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Roll back to an earlier release, without migrations
    Rollback {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Number of the release [default: the last successful one before the current]
        #[arg(value_parser = release_number)]
        number: Option<ReleaseNumber>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Continue the paused rollouts of a release
    Continue {
        /// Operation ID, or the stack: `NAME`, `ENVIRONMENT/NAME` or ID
        operation: OperationRef,
        #[command(flatten)]
        wait: Wait,
    },
    /// Restore the previous release at a pause
    #[command(alias = "roll-back")]
    Restore {
        /// Operation ID, or the stack: `NAME`, `ENVIRONMENT/NAME` or ID
        operation: OperationRef,
        #[command(flatten)]
        wait: Wait,
    },
    /// List the releases of a stack
    List {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
    },
    /// Show a release
    Show {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Release number
        #[arg(value_parser = release_number)]
        number: ReleaseNumber,
    },
}

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Run a task once
    Run {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Name of the task (`slipway stack show` lists them)
        name: Name,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Push a folder with an `image.json` to the local ECS and print its digest
    Push {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// Repository
        #[arg(long)]
        repository: Name,
        /// Tag, which subscribed stacks release
        #[arg(long)]
        tag: Option<String>,
    },
}
