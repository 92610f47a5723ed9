//! A record of the audit log that a transaction appends, and an item that is in its way.

use slipway_model::audit::Head;

use super::{Condition, Write};
use crate::item::key_of;
use crate::table::{AUDIT_RECORD, Key};
use crate::{Error, Store};

/// What the partitions of chains start with.
const CHAIN: &str = "audit#";

/// The place of a record that a transaction appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Appended {
    chain: u8,
    sequence: u64,
}

impl Appended {
    /// The record that a write appends, if it appends one.
    pub(super) fn by(write: &Write) -> Option<Self> {
        let Write::Put(item, Condition::New) = write else {
            return None;
        };
        let key = key_of(item);
        Some(Self {
            chain: key.pk.strip_prefix(CHAIN)?.parse().ok()?,
            sequence: key.sk.strip_prefix(AUDIT_RECORD)?.parse().ok()?,
        })
    }
}

impl Store {
    /// Fails if there is an item at the key of a record that the head of its chain does not have yet. Slipway writes a record with its
    /// head, so another program wrote the item. While it is there, nothing can be appended to the chain.
    pub(super) async fn require_appendable(&self, at: &Appended) -> Result<(), Error> {
        let &Appended { chain, sequence } = at;
        // Before the head: a record that is appended meanwhile moves the head.
        if self.get_item(&Key::audit_record(chain, sequence)).await?.is_none() {
            return Ok(());
        }
        let head: Option<Head> = self.get(&Key::audit_head(chain)).await?;
        if head.is_some_and(|head| head.sequence >= sequence) {
            return Ok(());
        }
        Err(Error::ChainBlocked { chain, sequence })
    }
}
