//! The options of `slipway events`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use slipway_model::name::Name;
use slipway_model::notification::Kind;

use super::StackRef;
use super::values::moment;

#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Follow changes, waiting approvals, failures and drift
    Tail(Tail),
}

/// Which notifications to follow.
#[derive(Debug, Args)]
pub struct Tail {
    /// Only those of this stack: its ID or name
    #[arg(long)]
    pub stack: Option<StackRef>,
    /// Only those of stacks in this environment
    #[arg(long, short)]
    pub environment: Option<Name>,
    /// Only those of this kind, such as `operation.failed`
    #[arg(long)]
    pub kind: Option<Kind>,
    /// Begin with those after this time, or within the last `30m`, `24h`, `7d` [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// With `--since`: end once those until now are shown
    #[arg(long, requires = "since")]
    pub no_follow: bool,
}
