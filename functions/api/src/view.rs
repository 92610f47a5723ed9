//! The answers as JSON, and their schemas. Nothing here shows a sensitive value or a task token.

use serde::Serialize;
use slipway_store::configured::Configured;
use slipway_store::{Cursor, Page};
use utoipa::ToSchema;

use crate::error::Error;

mod audit;
mod blueprint;
mod environment;
mod notification;
mod operation;
mod plan;
mod policy;
mod release;
mod rollout;
mod source_account;
mod stack;
mod webhook;

pub use audit::{AuditChain, AuditHead, AuditRecord};
pub use blueprint::{BlueprintPage, BlueprintSummary, BlueprintVersion, Variable};
pub use environment::Environment;
pub use notification::NotificationPage;
pub use operation::{LogLine, LogLines, Operation, ServiceLine, ServiceLog};
pub use plan::{PlanItem, PlanItems, SheetDocument, sheet};
pub use policy::{Decision, Permissions, Policies, Policy, PolicyTest, PolicyTests};
pub use release::Release;
pub use source_account::SourceAccount;
pub use stack::{Stack, Subscription};
pub use webhook::{Attempt, Delivery, Webhook};

/// A version of a blueprint, by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlueprintReference {
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// Its version.
    #[schema(example = "1.0.0")]
    pub version: String,
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Items<T> {
    /// The items. There may be fewer than `limit` although `next` is not null.
    pub items: Vec<T>,
    /// Send this as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> Items<T> {
    /// A page of the store as the API shows it.
    pub fn of<R>(page: Page<R>, show: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(show).collect(),
            next: page.next.as_ref().map(Cursor::to_string),
        }
    }
}

/// A page of a list of configured records.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfiguredItems<T> {
    /// The readable records.
    pub items: Vec<T>,
    /// The names of unreadable records. Put them again, or delete them.
    pub unreadable: Vec<String>,
    /// Send this as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> ConfiguredItems<T> {
    /// A page of the store as the API shows it. The reasons for unreadable records go to the log.
    pub fn of<R>(page: Page<Configured<R>>, mut show: impl FnMut(R, u64) -> T) -> Self {
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for configured in page.items {
            match configured.record {
                Ok(record) => items.push(show(record, configured.revision)),
                Err(error) => {
                    let error = slipway_model::error_chain::chain(&Error::from(error));
                    tracing::error!(name = configured.name, error, "a record cannot be read");
                    unreadable.push(configured.name);
                }
            }
        }
        Self {
            items,
            unreadable,
            next: page.next.as_ref().map(Cursor::to_string),
        }
    }
}
