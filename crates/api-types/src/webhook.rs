//! Webhooks and deliveries.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::id::StackId;
use slipway_model::name::Name;
use slipway_model::notification::Kind;
use slipway_model::webhook::format::Format;
use slipway_model::webhook::{self, delivery};
use utoipa::ToSchema;

/// A webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its name.
    #[schema(example = "chat")]
    pub name: String,
    /// The address, without what may be a secret.
    #[schema(example = "https://hooks.slack.com/…")]
    pub url: String,
    /// The form of the body: `json`, `slack` or `teams`.
    #[schema(value_type = String, example = "slack")]
    pub format: Format,
    /// The kinds of notifications; empty for all.
    #[schema(value_type = Vec<String>, example = json!(["operation.failed"]))]
    pub kinds: BTreeSet<Kind>,
    /// The environments of their stacks; empty for all.
    #[schema(value_type = Vec<String>, example = json!(["live"]))]
    pub environments: BTreeSet<Name>,
    /// The IDs of their stacks; empty for all.
    #[schema(value_type = Vec<String>, example = json!([]))]
    pub stacks: BTreeSet<StackId>,
    /// A description.
    pub description: String,
    /// Who created it.
    pub created_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The secret that signs its deliveries. Only in the response to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The revision; its ETag is this in quotes.
    pub revision: u64,
}

impl Webhook {
    /// The webhook as the API shows it.
    pub fn of(webhook: webhook::Webhook, revision: u64) -> Self {
        let settings = webhook.settings;
        Self {
            name: webhook.name.to_string(),
            url: settings.url.shown(),
            format: settings.format,
            kinds: settings.filter.kinds,
            environments: settings.filter.environments,
            stacks: settings.filter.stacks,
            description: settings.description,
            created_by: webhook.created_by,
            created_at: webhook.created_at,
            secret: None,
            revision,
        }
    }
}

/// A notification on its way to a webhook.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its ID among the deliveries of the webhook.
    #[schema(example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a-4")]
    pub id: String,
    /// The notification.
    #[schema(example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a-4")]
    pub notification: String,
    /// What it reports.
    #[schema(value_type = String, example = "operation.failed")]
    pub kind: Kind,
    /// `pending`, `delivered` or `failed`.
    #[schema(value_type = String, example = "delivered")]
    pub status: delivery::DeliveryStatus,
    /// How many attempts began.
    pub attempts: u32,
    /// When the next attempt is due; null if there is none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// The last attempts, each with the status of the response or the reason why there was none.
    pub log: Vec<Attempt>,
}

/// An attempt.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The status of the response.
    pub status: Option<u16>,
    /// Why there was no response.
    pub error: Option<String>,
}

impl Delivery {
    /// The delivery as the API shows it.
    pub fn of(delivery: delivery::Delivery) -> Self {
        let log = delivery.log.into_iter().map(|attempt| Attempt {
            at: attempt.at,
            status: attempt.status,
            error: attempt.error,
        });
        Self {
            id: delivery.id.to_string(),
            notification: delivery.id.notification.to_string(),
            kind: delivery.kind,
            status: delivery.status,
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            log: log.collect(),
        }
    }
}
