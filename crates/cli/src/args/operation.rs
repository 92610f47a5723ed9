//! `slipway operation`, `logs` and `open`

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use slipway_model::name::Name;
use slipway_model::operation::OperationStatus;

use super::plan::{Approve, OperationRef, Reject, TARGET};
use super::values::{StackRef, operation_status, span};

#[derive(Debug, Subcommand)]
pub enum OperationCommand {
    /// List a stack's operations, or all that are in progress
    List(OperationList),
    /// Show an operation
    Show {
        /// Operation ID, or a stack: its operation in progress, else its newest
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
    /// Watch an operation until it has ended
    Watch {
        /// Operation ID, or a stack: its operation in progress, else its newest
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
    /// Approve the plan of an operation
    Approve(Approve),
    /// Reject the plan of an operation
    Reject(Reject),
    /// Cancel an operation
    Cancel {
        /// Operation ID, or a stack with exactly one operation in progress or queued
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
}

#[derive(Debug, Args)]
pub struct OperationList {
    /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
    pub stack: Option<StackRef>,
    /// Only those that wait for an approval
    #[arg(long, conflicts_with_all = ["stack", "status"])]
    pub waiting: bool,
    /// Only those of this status, ended or not: `failed`, `running`, …
    #[arg(long, value_parser = operation_status)]
    pub status: Option<OperationStatus>,
    /// Only those requested within this time, ended or not: `30m`, `24h`, `7d`
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub since: Option<SignedDuration>,
    /// Only your own
    #[arg(long)]
    pub mine: bool,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// Operation ID, or a stack: its operation in progress, else its newest
    #[arg(value_name = TARGET)]
    pub operation: OperationRef,
    /// Follow the log: until the operation ends, or until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Print what this service of the stack prints
    #[arg(long, value_name = "NAME")]
    pub service: Option<Name>,
    /// With `--service`, how far back to read: `30m`, `24h`, `7d` [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = span, requires = "service")]
    pub since: Option<SignedDuration>,
}

#[derive(Debug, Args)]
pub struct Open {
    /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
    pub stack: StackRef,
    /// Name of the endpoint [default: the only one, or `web`]
    pub name: Option<String>,
    /// Print the address only
    #[arg(long)]
    pub no_browser: bool,
}
