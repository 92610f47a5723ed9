//! DynamoDB: an embedded one, in the same process.

use std::collections::HashMap;
use std::sync::Mutex;

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::wire::Answer;
use crate::world::lock;

pub const NAME: &str = "slipway";

/// The table, whose records are also read beside the wire.
pub struct Table {
    database: Database,
    /// What reads of single items answered since the last write: builds ask for the same one every few seconds.
    read: Mutex<HashMap<u64, Answer>>,
}

/// A key of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Table {
    pub fn new() -> Self {
        let database = Database::memory().expect("a database");
        let mut definition = slipway_store::table::definition();
        let fields = definition.as_object_mut().expect("an object");
        fields.insert("TableName".to_owned(), NAME.into());
        fields.remove("TimeToLiveSpecification");
        let definition = serde_json::from_value(definition).expect("a definition");
        database.create_table(definition).expect("a table");
        Self {
            database,
            read: Mutex::default(),
        }
    }

    /// Answers a call, whose body has this digest.
    pub fn answer(&self, action: &str, body: &Value, digest: u64) -> Answer {
        let database = &self.database;
        if is_write(action) {
            lock(&self.read).clear();
        }
        match action {
            "GetItem" => {
                let mut read = lock(&self.read);
                let answer = read
                    .entry(digest)
                    .or_insert_with(|| run(body, |request| database.get_item(request)));
                answer.clone()
            }
            "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
            "Query" => run(body, |request| database.query(request)),
            "PutItem" => run(body, |request| database.put_item(request)),
            "UpdateItem" => run(body, |request| database.update_item(request)),
            "DeleteItem" => run(body, |request| database.delete_item(request)),
            "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
            other => panic!("the table has no {other}"),
        }
    }

    /// The item at a key, as plain JSON.
    pub fn read(&self, key: &Key) -> Option<Value> {
        let request =
            json!({"TableName": NAME, "Key": {"pk": {"S": key.pk}, "sk": {"S": key.sk}}, "ConsistentRead": true});
        let request = serde_json::from_value(request).expect("a request");
        let answer = serde_json::to_value(self.database.get_item(request).expect("an answer")).expect("JSON");
        answer.get("Item").filter(|item| item.is_object()).map(plain_fields)
    }
}

fn is_write(action: &str) -> bool {
    matches!(action, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems")
}

/// The keys that a call writes.
pub fn written(action: &str, body: &Value) -> Vec<Key> {
    if !is_write(action) {
        return Vec::new();
    }
    let one = |write: &Value| {
        let item = write.get("Item").or_else(|| write.get("Key"))?;
        let text = |name: &str| Some(item.get(name)?.get("S")?.as_str()?.to_owned());
        Some(Key {
            pk: text("pk")?,
            sk: text("sk")?,
        })
    };
    match action {
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let writes = items.filter_map(Value::as_object).flat_map(Map::values);
            writes.filter_map(one).collect()
        }
        _ => one(body).into_iter().collect(),
    }
}

fn run<I: DeserializeOwned, O: Serialize>(body: &Value, call: impl FnOnce(I) -> Result<O, DynoxideError>) -> Answer {
    let request = I::deserialize(body).expect("a request that the database knows");
    match call(request) {
        Ok(answer) => (200, serde_json::to_string(&answer).expect("JSON")),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

/// An item without the types of its attributes.
fn plain_fields(item: &Value) -> Value {
    let fields = item.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn plain(value: &Value) -> Value {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "M" => plain_fields(value),
        "L" => value.as_array().into_iter().flatten().map(plain).collect(),
        "N" => value.as_str().and_then(|text| text.parse().ok()).unwrap_or(Value::Null),
        "NULL" => Value::Null,
        _ => value.clone(),
    }
}
