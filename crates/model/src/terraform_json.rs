//! Terraform's JSON syntax (`.tf.json`).

use serde_json::Value;

/// The blocks of a kind: one is an object, several are a list of them.
pub fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let (one, many) = match value {
        Value::Array(many) => (None, many.as_slice()),
        Value::Null => (None, [].as_slice()),
        one => (Some(one), [].as_slice()),
    };
    one.into_iter().chain(many)
}
