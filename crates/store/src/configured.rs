//! What administrators configure: environments and source accounts.
//!
//! Such a record has a revision, the time of its last write in microseconds, so that no one overwrites a concurrent change. It is
//! a time rather than a count, so that a record that is deleted and created again never repeats a revision.
//!
//! A record may be unreadable: written by hand, or by another version. It is reported, and can be replaced or deleted. The other
//! records are still listed.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use slipway_model::audit::Entry;

use crate::item::{Item, decode, encode};
use crate::query::Query;
use crate::table::Key;
use crate::write::{Condition, Write, Written};
use crate::{Cursor, Error, Page, Store};

/// The attribute that is written beside the record.
const REVISION: &str = "revision";

/// A record that administrators have configured.
#[derive(Debug)]
pub struct Configured<T> {
    /// What it is called: the name of an environment, the id of an account.
    pub name: String,
    /// What it says, where it can be read.
    pub record: Result<T, Error>,
    /// The microsecond of its last write; 0 where it has none.
    pub revision: u64,
}

impl<T> Configured<T> {
    /// What a change of it expects to be there, and what that says, as far as it can be read.
    pub fn before(found: Option<Self>) -> (Expected, Option<T>) {
        match found {
            Some(found) => (Expected::Revision(found.revision), found.record.ok()),
            None => (Expected::Nothing, None),
        }
    }

    /// The record that was looked for, if there is one.
    pub fn if_any(found: Result<Self, Error>) -> Result<Option<Self>, Error> {
        match found {
            Err(Error::NotFound { .. }) => Ok(None),
            found => found.map(Some),
        }
    }
}

/// What is expected to be there when a record is put or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is.
    Anything,
    /// No record.
    Nothing,
    /// The record of this revision.
    Revision(u64),
}

impl From<Expected> for Condition {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Anything => Self::Always,
            Expected::Nothing => Self::New,
            Expected::Revision(0) => Self::Without(REVISION),
            Expected::Revision(revision) => Self::Revision(revision),
        }
    }
}

impl Store {
    /// The record at a key; where there is none, the error says that there is no `what`.
    pub(crate) async fn configured<T: DeserializeOwned>(
        &self,
        key: &Key,
        what: impl FnOnce() -> String,
    ) -> Result<Configured<T>, Error> {
        let item = self.get_item(key).await?;
        item.map(|item| read(key, item))
            .ok_or_else(|| Error::NotFound { what: what() })
    }

    /// Writes a record; its new revision, or `None` where there is something else than was expected.
    pub(crate) async fn put_configured<T: Serialize>(
        &self,
        action: &'static str,
        key: &Key,
        record: &T,
        expected: Expected,
        entry: Option<Entry>,
    ) -> Result<Option<u64>, Error> {
        let now = Timestamp::now();
        let revision = u64::try_from(now.as_microsecond()).unwrap_or(1);
        let mut item = encode(key, Vec::new(), record)?;
        item.insert(REVISION.to_owned(), AttributeValue::N(revision.to_string()));
        let mut writes = vec![Write::Put(item, expected.into())];
        if let Some(entry) = entry {
            writes.extend(self.audit_writes(entry, now).await?);
        }
        let written = self.write(action, writes).await?;
        Ok((written == Written::Yes).then_some(revision))
    }

    /// Deletes a record; whether it was there as expected.
    pub(crate) async fn delete_configured(
        &self,
        action: &'static str,
        key: Key,
        expected: Expected,
        entry: Entry,
    ) -> Result<bool, Error> {
        let condition = match expected {
            Expected::Anything => Condition::Exists,
            expected => expected.into(),
        };
        let mut writes = vec![Write::Delete(key, condition)];
        writes.extend(self.audit_writes(entry, Timestamp::now()).await?);
        let written = self.write(action, writes).await?;
        Ok(written == Written::Yes)
    }

    /// A page of the records of a partition, by name.
    pub(crate) async fn configured_page<T: DeserializeOwned>(
        &self,
        partition: &str,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Configured<T>>, Error> {
        let query = Query::of_items(partition, "");
        self.page(&query, limit, cursor, |key, item| Ok(read(key, item))).await
    }
}

fn read<T: DeserializeOwned>(key: &Key, mut item: Item) -> Configured<T> {
    let revision = item.remove(REVISION).and_then(|value| value.as_n().ok()?.parse().ok());
    Configured {
        name: key.sk.clone(),
        record: decode(key, item),
        revision: revision.unwrap_or_default(),
    }
}
