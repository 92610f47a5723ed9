//! Records as DynamoDB items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;
use crate::table::{EXPIRES_AT, ITEM_BYTES, Index, Key, LISTED, PK, Places, SK};
use crate::values::{Fields, from_texts, to_few_bytes, to_texts};

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The item of a record.
pub(crate) fn encode<T: Serialize>(key: &Key, places: Places, record: &T) -> Result<Item, Error> {
    let item = encode_within(ITEM_BYTES, key, places, record)?;
    check_size(key, &item)?;
    Ok(item)
}

/// The item of a record, also of one that DynamoDB would refuse for its size. If it has more bytes than `room`, it is the one with the
/// fewest.
pub(crate) fn encode_within<T: Serialize>(room: usize, key: &Key, places: Places, record: &T) -> Result<Item, Error> {
    let mut fields = fields_of(key, record)?;
    to_texts(&mut fields);
    let mut item = attributes(key, fields)?;
    if bytes(&item) + placed(key, &places) > room {
        let mut fields = fields_of(key, record)?;
        to_few_bytes(&mut fields);
        item = attributes(key, fields)?;
    }
    item.insert(PK.to_owned(), AttributeValue::S(key.pk.clone()));
    item.insert(SK.to_owned(), AttributeValue::S(key.sk.clone()));
    for (attribute, value) in places {
        item.insert(attribute.to_owned(), AttributeValue::S(value));
    }
    Ok(item)
}

/// How many bytes a key and places add to the fields of a record.
fn placed(key: &Key, places: &[(&str, String)]) -> usize {
    let places: usize = places
        .iter()
        .map(|(attribute, value)| attribute.len() + value.len())
        .sum();
    PK.len() + key.pk.len() + SK.len() + key.sk.len() + places
}

fn fields_of<T: Serialize>(key: &Key, record: &T) -> Result<Fields, Error> {
    match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(unencoded(key, "it is not an object")),
        Err(source) => Err(unencoded(key, source)),
    }
}

fn attributes(key: &Key, fields: Fields) -> Result<Item, Error> {
    serde_dynamo::to_item(fields).map_err(|source| unencoded(key, source))
}

fn unencoded(key: &Key, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Encode {
        what: key.to_string(),
        source: source.into(),
    }
}

/// The record of an item.
pub(crate) fn decode<T: DeserializeOwned>(key: &Key, mut item: Item) -> Result<T, Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Decode {
        what: key.to_string(),
        source,
    };
    for attribute in [PK, SK, LISTED, EXPIRES_AT]
        .into_iter()
        .chain(Index::ALL.map(Index::partition))
    {
        item.remove(attribute);
    }
    let mut fields: Fields = serde_dynamo::from_item(item).map_err(|source| failed(source.into()))?;
    from_texts(&mut fields).map_err(|why| failed(why.into()))?;
    serde_json::from_value(Value::Object(fields)).map_err(|source| failed(source.into()))
}

/// Refuses an item that DynamoDB would refuse for its size, in words that name it.
pub(crate) fn check_size(key: &Key, item: &Item) -> Result<(), Error> {
    let bytes = bytes(item);
    if bytes > ITEM_BYTES {
        return Err(Error::TooLarge {
            what: key.to_string(),
            bytes,
        });
    }
    Ok(())
}

/// How many bytes an item counts for.
pub(crate) fn bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

/// How many bytes a value counts for ("DynamoDB item sizes and formats" in the developer guide).
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        AttributeValue::M(map) => {
            3 + map
                .iter()
                .map(|(name, value)| 1 + name.len() + size(value))
                .sum::<usize>()
        }
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// A key as the attributes that a request names it by.
pub(crate) fn key_attributes(key: &Key) -> Item {
    Item::from([
        (PK.to_owned(), AttributeValue::S(key.pk.clone())),
        (SK.to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

/// The key of an item.
pub(crate) fn key_of(item: &Item) -> Key {
    let attribute = |name| {
        item.get(name)
            .and_then(|value| value.as_s().ok())
            .cloned()
            .unwrap_or_default()
    };
    Key {
        pk: attribute(PK),
        sk: attribute(SK),
    }
}

/// The text attribute of this name, in an item that has no record.
pub(crate) fn text(key: &Key, item: &Item, attribute: &str) -> Result<String, Error> {
    match item.get(attribute) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        _ => Err(Error::Decode {
            what: key.to_string(),
            source: format!("`{attribute}` is not text").into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_give_comes_back_as_it_was() {
        let mut deep = Value::from(1);
        for _ in 0..60 {
            deep = serde_json::json!([deep, {"": null}]);
        }
        let record = serde_json::json!({
            "variables": {"deep": deep, "large": 1e300, "exact": 1.0, "text": "", "many": u64::MAX},
            "revision": 7,
            "none": null,
        });
        let key = Key {
            pk: "a".to_owned(),
            sk: "b".to_owned(),
        };
        let item = encode(&key, vec![(LISTED, "x".to_owned())], &record).expect("an item");
        assert_eq!(decode::<Value>(&key, item).expect("a record"), record);
    }

    #[test]
    fn an_item_that_is_too_large_is_refused_by_name() {
        let key = Key {
            pk: "stack#x".to_owned(),
            sk: "stack".to_owned(),
        };
        let record = serde_json::json!({"variables": "x".repeat(ITEM_BYTES)});
        let error = encode(&key, Vec::new(), &record).expect_err("too large");
        assert!(
            matches!(&error, Error::TooLarge { what, .. } if what.contains("stack#x")),
            "{error}"
        );
    }
}
