//! The options of `slipway event`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub struct Event {
    /// Name of Slipway's CloudFormation stack
    #[arg(long, env = "SLIPWAY_DEPLOYMENT", value_name = "NAME", default_value = "slipway")]
    pub deployment: String,
    #[command(subcommand)]
    pub command: EventCommand,
}

#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// List dead-lettered events and their reasons
    List,
    /// Show an event and its reason
    Show {
        /// ID from the list
        id: String,
    },
    /// Redrive events after their cause is fixed
    // `replay` is the deprecated name.
    #[command(alias = "replay")]
    Redrive(Chosen),
    /// Delete events from the list
    Discard(Chosen),
}

impl EventCommand {
    /// The IDs that it names; none if it is about all events.
    pub fn ids(&self) -> &[String] {
        match self {
            Self::List => &[],
            Self::Show { id } => std::slice::from_ref(id),
            Self::Redrive(chosen) | Self::Discard(chosen) => &chosen.ids,
        }
    }
}

/// Events of the list.
#[derive(Debug, Args)]
pub struct Chosen {
    /// IDs from the list
    #[arg(required_unless_present = "all")]
    pub ids: Vec<String>,
    /// All events of the list
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
}
