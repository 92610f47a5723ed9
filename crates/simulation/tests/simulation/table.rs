//! DynamoDB: an embedded one, in the same process.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub const NAME: &str = "slipway";

/// The table, and its keys by which a record is read beside the wire.
pub struct Table(Database);

/// A key of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Table {
    pub fn new() -> Self {
        let table = Self(Database::memory().expect("a database"));
        let mut definition = slipway_store::table::definition();
        let fields = definition.as_object_mut().expect("an object");
        fields.insert("TableName".to_owned(), NAME.into());
        fields.remove("TimeToLiveSpecification");
        let definition = serde_json::from_value(definition).expect("a definition");
        table.0.create_table(definition).expect("a table");
        table
    }

    /// Answers a call.
    pub fn answer(&self, action: &str, body: &[u8]) -> (u16, String) {
        let database = &self.0;
        match action {
            "GetItem" => run(body, |request| database.get_item(request)),
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
        let answer = serde_json::to_value(self.0.get_item(request).expect("an answer")).expect("JSON");
        answer.get("Item").filter(|item| item.is_object()).map(plain_fields)
    }
}

/// The keys that a call writes.
pub fn written(action: &str, body: &[u8]) -> Vec<Key> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let one = |write: &Value| {
        let item = write.get("Item").or_else(|| write.get("Key"))?;
        let text = |name: &str| Some(item.get(name)?.get("S")?.as_str()?.to_owned());
        Some(Key {
            pk: text("pk")?,
            sk: text("sk")?,
        })
    };
    match action {
        "PutItem" | "UpdateItem" | "DeleteItem" => one(&body).into_iter().collect(),
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let writes = items.filter_map(Value::as_object).flat_map(Map::values);
            writes.filter_map(one).collect()
        }
        _ => Vec::new(),
    }
}

fn run<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    call: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> (u16, String) {
    let request = serde_json::from_slice(body).expect("a request that the database knows");
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
