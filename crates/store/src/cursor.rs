//! Where a list goes on.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::error::InvalidCursor;
use crate::item::Item;
use crate::query::Query;
use crate::table::{Index, LISTED, PK, SK};

/// Where a list continues: opaque outside the store.
///
/// It has the list's name and the key that the last page ended with, so only [`Store::seal`](crate::Store::seal) makes a text of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
