//! The lists of the audit log. Their index finds every item with the attributes of a record, Slipway's or not: a list shows as records
//! only those that are in their place, have their hash, and are confirmed by their chain.

use std::collections::HashMap;

use slipway_model::audit::{self, Head, Record, Why};
use slipway_model::name::Digest;

use super::{AuditFilter, index_in, index_of, sealed};
use crate::item::Item;
use crate::query::Query;
use crate::table::Key;
use crate::{Cursor, Error, Store};

/// A page of a list of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditPage {
    /// The records, each with its hash. There may be fewer than the page size, or none, although `next` is set.
    pub items: Vec<(Record, Digest)>,
    /// What is in the list, and no record of the log.
    pub forged: Vec<Forged>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<Cursor>,
}

/// An item in a list of the log that is no record of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged {
    /// The key of the item.
    pub item: String,
    /// What is wrong with it.
    pub why: Why,
}

/// The hash of the record before, by the key of a record.
type Links = HashMap<Key, Option<Digest>>;

impl Store {
    /// Records, the newest first.
    pub async fn audit_records(
        &self,
        filter: &AuditFilter,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<AuditPage, Error> {
        let query = Query::filtered(filter.partitions()).newest_first();
        let page = self
            .indexed_page_of(&query, limit, cursor, |key, item| Ok((key.clone(), whole(key, &item))))
            .await?;
        let wholes = page.items.iter().filter_map(|(_, whole)| whole.as_ref().ok());
        let following: Vec<Key> = wholes.map(|(record, _)| following(record)).collect();
        // Read after the records: a record that has just been appended is not beyond its head.
        let heads = if following.is_empty() {
            Vec::new()
        } else {
            self.audit_heads().await?
        };
        let links = self.links(&following).await?;
        let (mut items, mut forged) = (Vec::new(), Vec::new());
        for (key, whole) in page.items {
            match whole.and_then(|(record, hash)| confirmed(record, hash, &heads, &links)) {
                Ok(record) => items.push(record),
                Err(why) => forged.push(Forged {
                    item: key.to_string(),
                    why,
                }),
            }
        }
        Ok(AuditPage {
            items,
            forged,
            next: page.next,
        })
    }

    /// What the records at these keys say of the ones before them.
    async fn links(&self, keys: &[Key]) -> Result<Links, Error> {
        let found = self.get_some(keys).await?;
        let links = found.in_order(keys).filter_map(|(key, item)| {
            let (record, _) = whole(key, &item).ok()?;
            Some((key.clone(), record.previous))
        });
        Ok(links.collect())
    }
}

/// The key of the record after this one.
fn following(record: &Record) -> Key {
    Key::audit_record(record.chain, record.sequence.saturating_add(1))
}

/// The record in an item, as far as the item shows it.
fn whole(key: &Key, item: &Item) -> Result<(Record, Digest), Why> {
    let sealed = sealed(key, item).map_err(|_| Why::Altered)?;
    let is_here = |record: &Record| *key == Key::audit_record(record.chain, record.sequence);
    let record = audit::whole(&sealed, &index_in(item), is_here, index_of)?;
    Ok((record, sealed.hash))
}

/// The record, if its chain has it: its head names it, or the record after it does.
fn confirmed(record: Record, hash: Digest, heads: &[Head], links: &Links) -> Result<(Record, Digest), Why> {
    let head = heads.iter().find(|head| head.chain == record.chain);
    let Some(head) = head.filter(|head| head.sequence >= record.sequence) else {
        return Err(Why::Beyond);
    };
    if head.sequence == record.sequence {
        return if head.hash == hash {
            Ok((record, hash))
        } else {
            Err(Why::NotTheHead)
        };
    }
    match links.get(&following(&record)) {
        Some(previous) if previous.as_ref() != Some(&hash) => Err(Why::Unlinked),
        // One that has expired, or was altered itself, says nothing.
        _ => Ok((record, hash)),
    }
}
