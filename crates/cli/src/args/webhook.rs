//! The options of `slipway webhook`.

use clap::{Args, Subcommand};
use slipway_model::name::Name;
use slipway_model::notification::{Kind, NotificationId};
use slipway_model::webhook::format::Format;

use super::StackRef;

#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Add a webhook and print its secret, once (administrators)
    Add(NewWebhook),
    /// List the webhooks (administrators)
    List,
    /// Remove a webhook (administrators)
    Remove {
        /// Name of the webhook
        name: Name,
    },
    /// List the deliveries of a webhook and their attempts (administrators)
    Deliveries {
        /// Name of the webhook
        name: Name,
    },
    /// Deliver a notification again (administrators)
    Redeliver {
        /// Name of the webhook
        name: Name,
        /// ID of the notification, such as `op-01kaj3v9mz5x0q8r2t4w6y7z9a-4`
        notification: NotificationId,
    },
}

/// A webhook.
#[derive(Debug, Args)]
pub struct NewWebhook {
    /// Name of the webhook
    pub name: Name,
    /// Address, `https://…`; `-` reads it from standard input
    pub url: String,
    /// Format of the body: json, slack or teams
    #[arg(long, default_value_t = Format::Json)]
    pub format: Format,
    /// Kind of notifications, such as `operation.failed` (repeatable) [default: all]
    #[arg(long = "kind", value_name = "KIND")]
    pub kinds: Vec<Kind>,
    /// Environment of their stacks (repeatable) [default: all]
    #[arg(long = "environment", short, value_name = "ENVIRONMENT")]
    pub environments: Vec<Name>,
    /// Stack: its ID or name (repeatable) [default: all]
    #[arg(long = "stack", value_name = "STACK")]
    pub stacks: Vec<StackRef>,
    /// Description in a sentence
    #[arg(long)]
    pub description: Option<String>,
}
