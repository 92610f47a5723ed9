//! Recomputing a chain.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{Head, Index, Record, Sealed, Stored};
use crate::name::Digest;

/// What a whole chain holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The number of its first record that is left: the anchor. None if none is left.
    pub first: Option<u64>,
    /// The number of its last record; 0 for a chain without records.
    pub last: u64,
    /// How many records were recomputed.
    pub records: u64,
}

/// The first record of a chain that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence} of chain {chain} {why}")]
pub struct Broken {
    /// The chain.
    pub chain: u8,
    /// The number of the record.
    pub sequence: u64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Its text does not have its hash, or cannot be read.
    Altered,
    /// It is missing, and its time is not over.
    Missing,
    /// It does not follow the record before: one of the two was replaced, or they are in another order.
    Unlinked,
    /// The text is that of another record.
    Moved,
    /// The head of the chain is missing, or is that of an earlier record.
    NotTheHead,
    /// It is beyond the head of its chain: Slipway writes no record without the head.
    Beyond,
    /// It is not the record that an earlier check has seen.
    Replaced,
    /// This attribute beside it is not the one of its text.
    Misplaced(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::Misplaced(attribute) => {
                return write!(
                    f,
                    "was moved in the lists: its attribute `{attribute}` is not the one of its text, so queries may miss it"
                );
            }
            Self::Altered => "was altered: its text does not have its hash",
            Self::Missing => "is missing, and its retention is not over",
            Self::Unlinked => "does not follow the record before it: one of them was replaced",
            Self::Moved => "is not in its place: the text is that of another record",
            Self::NotTheHead => {
                "is not the one that the head of the chain names: later records, or the head, were removed"
            }
            Self::Beyond => {
                "is beyond the head of its chain: it was not written by Slipway, which cannot append to the chain until it is removed"
            }
            Self::Replaced => "is not the one that the earlier check has seen",
        };
        f.write_str(why)
    }
}

/// The record of a text, if the text has its hash and is where it says (`is_here`), with the attributes beside it that it says
/// (`index_of`).
pub fn whole(
    sealed: &Sealed,
    index: &Index,
    is_here: impl FnOnce(&Record) -> bool,
    index_of: impl FnOnce(&Record) -> Index,
) -> Result<Record, Why> {
    if Digest::of(sealed.body.as_bytes()) != sealed.hash {
        return Err(Why::Altered);
    }
    let record: Record = serde_json::from_str(&sealed.body).map_err(|_| Why::Altered)?;
    // Its subject decides the chain of a record.
    if !is_here(&record) || record.entry.chain() != record.chain {
        return Err(Why::Moved);
    }
    match difference(index, &index_of(&record)) {
        Some(attribute) => Err(Why::Misplaced(attribute)),
        None => Ok(record),
    }
}

/// Recomputes a chain from its records, in their order by key. `expected` is a head that an earlier check has seen, and `index_of`
/// what should be beside a record.
pub fn verify<'a>(
    chain: u8,
    head: Option<&Head>,
    records: impl IntoIterator<Item = &'a Stored>,
    expected: Option<&Head>,
    now: Timestamp,
    index_of: impl Fn(&Record) -> Index,
) -> Result<Checked, Broken> {
    let broken = |sequence, why| Broken { chain, sequence, why };
    let mut checked = Checked {
        first: None,
        last: 0,
        records: 0,
    };
    let mut previous: Option<&Digest> = None;
    for Stored {
        sequence,
        sealed,
        index,
    } in records
    {
        let key = *sequence;
        let next = checked.last + 1;
        let is_here = |record: &Record| (record.chain, record.sequence) == (chain, key) && key >= next;
        let record = whole(sealed, index, is_here, &index_of).map_err(|why| broken(key, why))?;
        if key > next {
            // DynamoDB deletes what has expired within days, and not in order.
            let is_over = record.earlier_kept_until.is_some_and(|until| until < now);
            if !is_over {
                return Err(broken(next, Why::Missing));
            }
        } else if record.previous.as_ref() != previous {
            return Err(broken(key, Why::Unlinked));
        }
        if expected.is_some_and(|expected| expected.sequence == key && expected.hash != sealed.hash) {
            return Err(broken(key, Why::Replaced));
        }
        checked.first.get_or_insert(key);
        (checked.last, checked.records, previous) = (key, checked.records + 1, Some(&sealed.hash));
    }
    let Some(head) = head else {
        return match (checked.last, expected) {
            (0, None) => Ok(checked),
            (0, Some(expected)) => Err(broken(expected.sequence, Why::Missing)),
            (last, _) => Err(broken(last, Why::NotTheHead)),
        };
    };
    if expected.is_some_and(|expected| expected.sequence > head.sequence) {
        return Err(broken(head.sequence + 1, Why::Missing));
    }
    if head.sequence > checked.last {
        let is_over = head.kept_until.is_some_and(|until| until < now);
        if !is_over {
            return Err(broken(checked.last + 1, Why::Missing));
        }
        checked.last = head.sequence;
    } else if head.sequence < checked.last || previous != Some(&head.hash) {
        return Err(broken(checked.last, Why::NotTheHead));
    }
    Ok(checked)
}

/// The first attribute that one of the two has, and the other has not or with another value.
fn difference(one: &Index, other: &Index) -> Option<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .find(|name| one.get(*name) != other.get(*name))
        .cloned()
}
