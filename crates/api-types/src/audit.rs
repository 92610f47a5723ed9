//! The audit log as it is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use slipway_model::audit::{Action, Head, Record, Stored};
use slipway_model::name::Digest;
use utoipa::ToSchema;

/// A record of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// When it was written.
    pub time: Timestamp,
    /// The caller.
    #[schema(example = "email:ann@example.com")]
    pub actor: String,
    /// What the caller did.
    #[schema(value_type = String, example = "update")]
    pub action: Action,
    /// With what.
    #[schema(example = "stack/lusab-babad")]
    pub subject: String,
    /// The operation that does it, or that was decided about.
    pub operation: Option<String>,
    /// Why: the comment of an approval, the reason of a denial.
    pub reason: Option<String>,
    /// What it was before, as far as that was changed. A long value is shown by its size and digest.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What it is afterwards, likewise.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// The chain of the record.
    pub chain: u8,
    /// Its number in the chain.
    pub sequence: u64,
    /// Its hash.
    pub hash: String,
}

/// A page of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The records. There may be fewer than `limit` although `next` is not null.
    pub items: Vec<AuditRecord>,
    /// Items that another program put into the list. They are no records of the log.
    pub forged: Vec<ForgedRecord>,
    /// Send this as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

/// An item in a list of the audit log that is no record of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForgedRecord {
    /// The key of the item in the table.
    pub item: String,
    /// What is wrong with it.
    #[schema(example = "is not in its place: the text is that of another record")]
    pub why: String,
}

impl From<(Record, Digest)> for AuditRecord {
    fn from((record, hash): (Record, Digest)) -> Self {
        let entry = record.entry;
        Self {
            time: record.time,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            operation: entry.operation.map(String::from),
            reason: entry.reason,
            before: entry.before,
            after: entry.after,
            chain: record.chain,
            sequence: record.sequence,
            hash: hash.to_string(),
        }
    }
}

/// The last record of a chain.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The chain.
    pub chain: u8,
    /// The number of its last record.
    pub sequence: u64,
    /// The hash of that record.
    pub hash: String,
    /// Until when the records of the chain are kept, at the latest; null for ever.
    pub kept_until: Option<Timestamp>,
}

impl From<Head> for AuditHead {
    fn from(head: Head) -> Self {
        Self {
            chain: head.chain,
            sequence: head.sequence,
            hash: head.hash.to_string(),
            kept_until: head.kept_until,
        }
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SealedRecord {
    /// Its number.
    pub sequence: u64,
    /// The text that is hashed.
    pub body: String,
    /// The SHA-256 of that text.
    pub hash: String,
    /// The other attributes of the item: those by which queries find it, and by which it expires. The text says what they should be.
    pub index: BTreeMap<String, String>,
}

impl From<Stored> for SealedRecord {
    fn from(stored: Stored) -> Self {
        Self {
            sequence: stored.sequence,
            body: stored.sealed.body,
            hash: stored.sealed.hash.to_string(),
            index: stored.index,
        }
    }
}
