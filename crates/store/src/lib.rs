//! The DynamoDB table: the only code that knows its layout ([`table`]).
//!
//! Every write is conditional on what was read. Where another writer came between, the store reads again and applies the
//! same change to what is there now, a bounded number of times; then it gives up with [`Error::Conflict`], which a caller
//! may retry. Lists are queries on a key or an index, paged by a [`Cursor`]; nothing scans.
//!
//! | module | holds |
//! | --- | --- |
//! | [`create`] | creating an operation: one transaction with the stack's slot and the idempotency record |
//! | [`finish`] | ending an operation: one transaction that gives the slot to the next in the queue |
//! | [`beside`] | the place beside a plan that waits, for operations in the queue |
//! | [`operation`] | every write between the two |
//! | [`webhook`] | webhooks, and the deliveries of notifications to them |
//! | [`watch`], [`waiting`] | waiting until an operation changes; how many requests do at once |
//! | [`stack`], [`release`], [`blueprint`], [`environment`] | reading, publishing and recording those |
//! | [`source_account`], [`configured`] | what administrators configure, with revisions |
//! | [`notification`] | the events that report what changed, in the transaction of the change |
//! | [`transfer`] | a stack and its operation in progress go to another owner |
//! | [`list`] | stacks and operations, a page at a time |
//! | [`idempotency`] | responses that are repeated byte for byte |
//! | [`subscription`] | which stacks get the images of a repository |
//! | [`audit`] | the records of who did what, in the transaction of what they record |
//! | [`approval`] | the decision about a plan |
//! | [`judged`] | the operation that a caller decides about |
//! | [`rollout`] | task tokens that wait for an ECS deployment |
//! | [`prepared`] | the digest of a prepared folder in the artifacts bucket |
//! | [`lock`] | which build holds a stack's Terraform state lock |

mod cursor;
mod error;
mod fit;
mod item;
mod page;
mod query;
mod read;
mod sealed;
mod values;
mod write;

pub mod approval;
pub mod audit;
pub mod beside;
pub mod blueprint;
pub mod cancel;
pub mod configured;
pub mod create;
pub mod environment;
pub mod finish;
pub mod idempotency;
pub mod judged;
pub mod list;
pub mod lock;
pub mod notification;
pub mod operation;
pub mod pause;
pub mod policy;
pub mod prepared;
pub mod readme;
pub mod release;
pub mod rollout;
mod secrets;
pub mod source_account;
pub mod stack;
pub mod subscription;
pub mod table;
mod together;
pub mod transfer;
pub mod waiting;
pub mod watch;
pub mod webhook;

use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use slipway_aws::Lazy;

pub use cursor::Cursor;
pub use error::{Error, IllegalTransition, InvalidCursor};
pub use page::{PAGE, Page};
pub use write::{ATTEMPTS, pause};

/// The table. Clones share one client, and what was read of the key of cursors.
#[derive(Debug, Clone)]
pub struct Store {
    client: Lazy<Client>,
    table: String,
    audit_retention: audit::Retention,
    sealing_key: Arc<OnceLock<sealed::SealingKey>>,
}

impl Store {
    /// The table of this name.
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self {
            client: slipway_aws::lazy(config, Client::new),
            table: table.into(),
            audit_retention: audit::Retention::default(),
            sealing_key: Arc::default(),
        }
    }

    /// Keeps the records of the audit log for this long.
    #[must_use]
    pub fn keeping_audit(mut self, retention: audit::Retention) -> Self {
        self.audit_retention = retention;
        self
    }
}
