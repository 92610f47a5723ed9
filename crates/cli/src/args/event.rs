//! `slipway event`, in the words of the command line.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct Event {
    /// What the stack of CloudFormation is called that Slipway was deployed as
    #[arg(long, env = "SLIPWAY_DEPLOYMENT", value_name = "NAME", default_value = "slipway")]
    pub deployment: String,
    #[command(subcommand)]
    pub command: EventCommand,
}

#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// List the events that were not handled or not delivered, with the reasons
    List,
    /// Show an event and its reason
    Show {
        /// The event's id in the list
        id: String,
    },
    /// Redrive events after their cause is fixed; rejected ones return to the list
    Replay(Chosen),
    /// Delete events from the list
    Discard(Chosen),
}

/// Events of the list.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Their ids in the list
    #[arg(required_unless_present = "all")]
    pub ids: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
}
