//! Webhooks: addresses that administrators register, to which notifications are delivered.
//!
//! | module | content |
//! | --- | --- |
//! | [`address`] | which addresses a webhook may have, as written and as resolved |
//! | [`delivery`] | one notification on its way to one webhook |
//! | [`signature`] | secrets and signatures |
//! | [`format`] | the body: JSON, Slack, Teams |

pub mod address;
pub mod delivery;
pub mod format;
pub mod signature;
mod slack;
mod teams;
mod text;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use self::address::{Reach, WebhookUrl};
use self::format::Format;
use crate::fields::Fields;
use crate::id::StackId;
use crate::name::Name;
use crate::notification::{Kind, Notification};
use crate::problem::FieldProblem;
use crate::textual::as_text;

/// The ID of a webhook. A webhook that is added again under the same name has another one, and with it another secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookId(Ulid);

/// A text that is no ID of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the ID of a webhook")]
pub struct InvalidWebhookId;

impl WebhookId {
    /// A new ID.
    pub fn generate() -> Self {
        Self(Ulid::generate())
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wh-{}", self.0.to_string().to_ascii_lowercase())
    }
}

impl FromStr for WebhookId {
    type Err = InvalidWebhookId;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookId> {
        let ulid = text.strip_prefix("wh-").ok_or(InvalidWebhookId)?;
        let parsed = Ulid::from_string(&ulid.to_ascii_uppercase()).map_err(|_| InvalidWebhookId)?;
        let id = Self(parsed);
        // One ID has one spelling: it is a part of a key.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidWebhookId)
        }
    }
}

as_text!(InvalidWebhookId: WebhookId);

/// Which notifications a webhook gets: those that satisfy every list. An empty list admits all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// What they report.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<Kind>,
    /// The environments of their stacks.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<Name>,
    /// Their stacks.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stacks: BTreeSet<StackId>,
}

impl Filter {
    /// Whether a notification satisfies it.
    pub fn admits(&self, notification: &Notification) -> bool {
        fn admits<T: Ord>(all: &BTreeSet<T>, one: &T) -> bool {
            all.is_empty() || all.contains(one)
        }
        let stack = &notification.stack;
        admits(&self.kinds, &notification.kind)
            && admits(&self.environments, &stack.environment)
            && admits(&self.stacks, &stack.id)
    }
}

/// What administrators say of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where notifications go.
    pub url: WebhookUrl,
    /// The form of the body.
    pub format: Format,
    /// Which notifications.
    #[serde(flatten)]
    pub filter: Filter,
    /// A description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its name.
    pub name: Name,
    /// Its ID.
    pub id: WebhookId,
    /// What administrators say of it.
    #[serde(flatten)]
    pub settings: Settings,
    /// Who added it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// The most bytes of a description.
const DESCRIPTION_LENGTH: usize = 256;

/// The most entries of a list: the record is read for each notification.
const LONGEST_LIST: usize = 100;

/// What to give for an address.
const URL_REMEDY: &str =
    "give an address like `https://hooks.example.com/slipway` that everyone on the internet can reach";

impl Settings {
    /// Reads the fields of a request; otherwise everything that is wrong with them.
    pub fn read(mut fields: Fields, reach: Reach) -> Result<Self, Vec<FieldProblem>> {
        let text: Option<String> = fields.required("url", URL_REMEDY);
        let url = text.map(|text| WebhookUrl::parse(&text, reach));
        let format = fields.optional("format", "give json, slack or teams");
        let kinds = fields.optional_set("kinds", "give kinds like `operation.failed`, or leave it out for all");
        let environments = fields.optional_set("environments", "give names of environments, or leave it out for all");
        let stacks = fields.optional_set("stacks", "give IDs of stacks, or leave it out for all");
        let description: String = fields.optional("description", "give a text").unwrap_or_default();
        let mut problems = fields.problems();
        if description.len() > DESCRIPTION_LENGTH {
            let detail = format!("has more than {DESCRIPTION_LENGTH} bytes");
            problems.push(FieldProblem::new("description", detail, "give a sentence"));
        }
        let filter = Filter {
            kinds: kinds.unwrap_or_default(),
            environments: environments.unwrap_or_default(),
            stacks: stacks.unwrap_or_default(),
        };
        for (name, length) in [
            ("environments", filter.environments.len()),
            ("stacks", filter.stacks.len()),
        ] {
            if length > LONGEST_LIST {
                let detail = format!("has {length} entries");
                let remedy = format!("give at most {LONGEST_LIST}, or leave it out for all");
                problems.push(FieldProblem::new(name, detail, remedy));
            }
        }
        match url {
            Some(Ok(url)) if problems.is_empty() => Ok(Self {
                url,
                format: format.unwrap_or_default(),
                filter,
                description,
            }),
            Some(Err(error)) => {
                problems.insert(0, FieldProblem::new("url", error.to_string(), URL_REMEDY));
                Err(problems)
            }
            _ => Err(problems),
        }
    }
}

impl Webhook {
    /// The webhook as the audit log has it: the path of an address may be a secret.
    pub fn audited(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["url"] = self.settings.url.shown().into();
        value
    }
}

/// The problem of an address that resolves to one that a webhook may not have.
pub fn unreachable(forbidden: &address::Forbidden) -> FieldProblem {
    FieldProblem::new("url", forbidden.to_string(), URL_REMEDY)
}

#[cfg(test)]
#[path = "webhook/tests.rs"]
mod tests;
