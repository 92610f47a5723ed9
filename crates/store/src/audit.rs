//! The audit log ([`slipway_model::audit`]): records are appended in the transaction of what they record.
//!
//! A writer reads the head of the chain, and writes the record under the next number if there is none, with the head if it is
//! still the one that was read. If another record came between, nothing is written, neither record nor change, and the caller
//! tries again, as with every conflict.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use slipway_model::audit::{self, Action, CHAINS, Entry, Head, Record, Sealed, Stored};
use slipway_model::id::StackId;
use slipway_model::name::{Digest, InvalidName};

use crate::idempotency::expiry;
use crate::item::{Item, check_size, decode, encode, key_attributes, text};
use crate::query::Query;
use crate::table::{AUDIT_RECORD, EXPIRES_AT, Index, Key, LISTED, PK, Places, SK};
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Cursor, Error, Page, Store};

mod listed;

pub use listed::{AuditPage, Forged};

/// For how long it is remembered that a reader was recorded: longer than the hour for which one record counts.
const READER_REMEMBERED: SignedDuration = SignedDuration::from_hours(2);

/// How many stacks are remembered of a list and a reader, at most, so that their item stays small. Beyond it, a stack may be recorded
/// twice in an hour.
const STACKS_REMEMBERED: usize = 2_000;

/// The attribute with the text of a record.
const BODY: &str = "body";
/// The attribute with its hash.
const HASH: &str = "hash";
/// The attribute of a head that a write is conditional on.
const SEQUENCE: &str = "sequence";

/// A text that is no number of days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SLIPWAY_AUDIT_DAYS is `{0}`, and not a whole number of days from 0 to 65535")]
pub struct InvalidRetention(String);

/// For how long records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retention {
    /// For ever.
    #[default]
    Forever,
    /// For this many days. DynamoDB deletes them within days afterwards.
    Days(u16),
}

impl Retention {
    /// The retention of a number of days, of which 0 is for ever.
    pub fn of_days(days: u16) -> Self {
        match days {
            0 => Self::Forever,
            days => Self::Days(days),
        }
    }

    /// The retention that the environment of a function gives in `SLIPWAY_AUDIT_DAYS`; for ever without it.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, InvalidRetention> {
        match vars.get("SLIPWAY_AUDIT_DAYS").filter(|days| !days.is_empty()) {
            None => Ok(Self::Forever),
            Some(days) => days
                .parse()
                .map(Self::of_days)
                .map_err(|_| InvalidRetention(days.clone())),
        }
    }

    fn until(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Forever => None,
            Self::Days(days) => Some(
                now.saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
                    .unwrap_or(now),
            ),
        }
    }
}

/// Which records to list: those that satisfy every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it.
    pub actor: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// What was done.
    pub action: Option<Action>,
}

impl AuditFilter {
    /// The partitions that hold the records which satisfy each part, the most selective first.
    fn partitions(&self) -> Vec<(Index, String)> {
        let subject = self
            .subject
            .as_deref()
            .map(|subject| (Index::Blueprint, of_audit(subject)));
        let actor = self.actor.as_deref().map(|actor| (Index::Owner, of_audit(actor)));
        let action = self.action.map(|action| (Index::Status, of_audit(action.as_str())));
        let mut parts: Vec<_> = subject.into_iter().chain(actor).chain(action).collect();
        if parts.is_empty() {
            parts.push((Index::Collection, ALL.to_owned()));
        }
        parts
    }
}

/// The partition of all records in the index of collections.
const ALL: &str = "audit";

fn of_audit(value: &str) -> String {
    format!("{ALL}#{value}")
}

/// The stacks of other owners that a list showed to a reader in an hour.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Listed {
    stacks: BTreeSet<StackId>,
    revision: u64,
}

impl Store {
    /// The writes that append a record, for the transaction of what it records.
    pub(crate) async fn audit_writes(&self, entry: Entry, now: Timestamp) -> Result<[Write; 2], Error> {
        let key = Key::audit_head(entry.chain());
        let head: Option<Head> = self.get(&key).await?;
        let (record, sealed, next) = audit::append(head.as_ref(), entry, now, self.audit_retention.until(now));
        let condition = head.map_or(Condition::New, |head| Condition::Number(SEQUENCE, head.sequence));
        let item = encode(&key, Vec::new(), &next)?;
        Ok([record_write(&record, &sealed)?, Write::Put(item, condition)])
    }

    /// Records what changes nothing: a denial.
    pub async fn record_audit(&self, entry: &Entry) -> Result<(), Error> {
        for attempt in 0..ATTEMPTS {
            let writes = self.audit_writes(entry.clone(), Timestamp::now()).await?;
            if self.write("record in the audit log", writes.into()).await? == Written::Yes {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("chain {} of the audit log", entry.chain()),
        })
    }

    /// Records a read of a stack of another owner: once an hour for each reader and subject.
    pub async fn record_read(&self, reader: &str, subject: &str) -> Result<(), Error> {
        for attempt in 0..ATTEMPTS {
            let now = Timestamp::now();
            let key = Key::audit_reader(reader, subject, now.as_second() / 3_600);
            if self.get_item(&key).await?.is_some() {
                return Ok(());
            }
            let mut item = key_attributes(&key);
            item.insert(EXPIRES_AT.to_owned(), expiry(now, READER_REMEMBERED));
            let entry = Entry::new(reader, Action::Read, subject);
            let mut writes = vec![Write::Put(item, Condition::New)];
            writes.extend(self.audit_writes(entry, now).await?);
            if self.write("record a read in the audit log", writes).await? == Written::Yes {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("the readers of {subject}"),
        })
    }

    /// Records that a list shows these stacks of other owners: all of them in one record, each once an hour for each reader and list.
    pub async fn record_list(&self, reader: &str, list: &str, stacks: &BTreeSet<StackId>) -> Result<(), Error> {
        if stacks.is_empty() {
            return Ok(());
        }
        for attempt in 0..ATTEMPTS {
            let now = Timestamp::now();
            let key = Key::audit_reader(reader, list, now.as_second() / 3_600);
            let read: Option<Listed> = self.get(&key).await?;
            let condition = read
                .as_ref()
                .map_or(Condition::New, |read| Condition::Revision(read.revision));
            let mut listed = read.unwrap_or_default();
            let new: Vec<&StackId> = stacks.difference(&listed.stacks).collect();
            if new.is_empty() {
                return Ok(());
            }
            let entry = Entry::new(reader, Action::Read, list);
            let entry = entry.with_change(None, Some(json!({ "stacks": new })), |_| false);
            if listed.stacks.len() + new.len() > STACKS_REMEMBERED {
                listed.stacks.clear();
            }
            listed.stacks.extend(stacks.iter().cloned());
            listed.revision += 1;
            let mut item = encode(&key, Vec::new(), &listed)?;
            item.insert(EXPIRES_AT.to_owned(), expiry(now, READER_REMEMBERED));
            let mut writes = vec![Write::Put(item, condition)];
            writes.extend(self.audit_writes(entry, now).await?);
            if self.write("record a list in the audit log", writes).await? == Written::Yes {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("the readers of {list}"),
        })
    }

    /// The records of a chain as they are stored, in their order. One that cannot be read has no text.
    pub async fn audit_chain(&self, chain: u8, limit: u16, cursor: Option<&Cursor>) -> Result<Page<Stored>, Error> {
        let partition = Key::audit_chain(chain);
        let query = Query::of_items(&partition, AUDIT_RECORD);
        self.page(&query, limit, cursor, |key, item| {
            let number = key.sk.strip_prefix(AUDIT_RECORD).and_then(|digits| digits.parse().ok());
            Ok(Stored {
                sequence: number.unwrap_or_default(),
                sealed: sealed(key, &item).unwrap_or_else(|_| unreadable()),
                index: index_in(&item),
            })
        })
        .await
    }

    /// The heads of the chains that have records. An item that is no head of its chain is none.
    pub async fn audit_heads(&self) -> Result<Vec<Head>, Error> {
        let keys: Vec<Key> = (0..CHAINS).map(Key::audit_head).collect();
        let found = self.get_some(&keys).await?;
        let heads = found.in_order(&keys).filter_map(|(key, item)| {
            let head: Head = decode(key, item).ok()?;
            (Key::audit_head(head.chain) == *key).then_some(head)
        });
        Ok(heads.collect())
    }
}

/// In place of a record that cannot be read: a text that does not have its hash.
fn unreadable() -> Sealed {
    Sealed {
        body: String::new(),
        hash: Digest::of(b"unreadable"),
    }
}

fn record_write(record: &Record, sealed: &Sealed) -> Result<Write, Error> {
    let key = Key::audit_record(record.chain, record.sequence);
    let mut item = key_attributes(&key);
    item.insert(BODY.to_owned(), AttributeValue::S(sealed.body.clone()));
    item.insert(HASH.to_owned(), AttributeValue::S(sealed.hash.as_str().to_owned()));
    for (attribute, value) in index_of(record) {
        let value = match attribute.as_str() {
            EXPIRES_AT => AttributeValue::N(value),
            _ => AttributeValue::S(value),
        };
        item.insert(attribute, value);
    }
    check_size(&key, &item)?;
    Ok(Write::Put(item, Condition::New))
}

/// What is beside the text of a record: the places in which queries find it, and when it expires.
pub fn index_of(record: &Record) -> audit::Index {
    let places = places(record).into_iter();
    let places = places.map(|(attribute, place)| (attribute.to_owned(), place));
    let expires = record.kept_until.map(|until| until.as_second().to_string());
    places
        .chain(expires.map(|expires| (EXPIRES_AT.to_owned(), expires)))
        .collect()
}

/// What is beside the text of a record: every attribute, so that one in an index of other records is seen, too.
fn index_in(item: &Item) -> audit::Index {
    let beside = item
        .iter()
        .filter(|(name, _)| ![PK, SK, BODY, HASH].contains(&name.as_str()));
    let shown = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        other => format!("{other:?}"),
    };
    beside.map(|(name, value)| (name.clone(), shown(value))).collect()
}

fn places(record: &Record) -> Places {
    let Entry {
        actor, action, subject, ..
    } = &record.entry;
    let micros = record.time.as_microsecond().max(0);
    vec![
        (
            LISTED,
            format!("{micros:020}#{:02}#{:020}", record.chain, record.sequence),
        ),
        (Index::Collection.partition(), ALL.to_owned()),
        (Index::Blueprint.partition(), of_audit(subject)),
        (Index::Owner.partition(), of_audit(actor)),
        (Index::Status.partition(), of_audit(action.as_str())),
    ]
}

fn sealed(key: &Key, item: &Item) -> Result<Sealed, Error> {
    let hash = text(key, item, HASH)?;
    Ok(Sealed {
        body: text(key, item, BODY)?,
        hash: hash.parse().map_err(|source: InvalidName| Error::Decode {
            what: key.to_string(),
            source: source.into(),
        })?,
    })
}
