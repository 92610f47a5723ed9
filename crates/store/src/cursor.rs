//! Where a list goes on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::InvalidCursor;
use crate::item::Item;
use crate::query::Query;
use crate::table::{Index, LISTED, PK, SK};

/// The longest text that is parsed: a key has at most 3 KB, a list's name repeats some of it, and Base64 adds a third.
const LENGTH: usize = 16 * 1024;

/// Where a list continues: opaque outside the store.
///
/// As text it is the Base64 of the list's name and of the key that its last page ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Position);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    list: String,
    after: BTreeMap<String, String>,
}

impl Cursor {
    /// The list goes on after this key.
    pub(crate) fn new(query: &Query, key: &Item) -> Self {
        let text = |(name, value): (&String, &AttributeValue)| Some((name.clone(), value.as_s().ok()?.clone()));
        Self(Position {
            list: query.name(),
            after: key.iter().filter_map(text).collect(),
        })
    }

    /// The list goes on after this item of it.
    pub(crate) fn after(query: &Query, item: &Item) -> Self {
        let names = names_of_keys(query);
        let key = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())));
        Self::new(query, &key.collect())
    }

    /// The key after which the list goes on, if this is a cursor of that list: DynamoDB refuses a key from anywhere else.
    pub(crate) fn key_in(&self, query: &Query) -> Result<Item, InvalidCursor> {
        let Position { list, after } = &self.0;
        let partition = query.index.map_or(PK, Index::partition);
        let names = names_of_keys(query);
        let fits = *list == query.name()
            && after.len() == names.len()
            && names
                .iter()
                .all(|name| after.get(*name).is_some_and(|value| (1..=2048).contains(&value.len())))
            && after.get(partition) == Some(&query.partition)
            && query
                .prefix
                .is_none_or(|prefix| after.get(SK).is_some_and(|sort| sort.starts_with(prefix)));
        if !fits {
            return Err(InvalidCursor);
        }
        let attribute = |(name, value): (&String, &String)| (name.clone(), AttributeValue::S(value.clone()));
        Ok(after.iter().map(attribute).collect())
    }
}

/// The attributes of a key in a list: those of the table, and those of the index.
fn names_of_keys(query: &Query) -> Vec<&'static str> {
    let mut names = vec![PK, SK];
    names.extend(query.index.iter().flat_map(|index| [LISTED, index.partition()]));
    names
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = serde_json::to_string(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(position))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > LENGTH {
            return Err(InvalidCursor);
        }
        let position = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        serde_json::from_slice(&position).map(Self).map_err(|_| InvalidCursor)
    }
}
