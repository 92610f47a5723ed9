//! What people give, as fields of a record: configurations, and what a request changes of them.
//!
//! DynamoDB documents have at most 32 levels and numbers of another range than JSON. So what people give is kept as JSON text.
//! [`NESTED`] fields are an exception: steps of earlier versions read them as documents, and layouts only gain attributes. They are
//! texts only where a document cannot hold them, or the item has no room for it: no earlier version could store those.

use serde_json::{Map, Number, Value};

/// The fields of a record.
pub(crate) type Fields = Map<String, Value>;

/// The fields that are always kept as JSON text.
const TEXTS: [&str; 3] = ["configuration", "contract", "variables"];

/// The fields that are kept as JSON text where it takes that: what a stack was made from before a failed apply, and what an operation
/// changes.
const NESTED: [&str; 2] = ["applied", "patch"];

/// The names of the variables whose values a [`NESTED`] field shares with the configuration of its record.
const AS_CONFIGURED: &str = "as_configured";

/// The most levels of a document that is kept as one: fewer than DynamoDB takes, which counts those around it.
const LEVELS: usize = 24;

/// The numbers that are kept in a document, by their magnitude. DynamoDB takes 1e-130 to 9.9e125.
const MAGNITUDES: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

/// Makes texts of the fields that are kept so.
pub(crate) fn to_texts(fields: &mut Fields) {
    make_texts(fields, |nested| !is_document(nested, LEVELS));
}

/// Likewise, in as few bytes as possible: a value that a [`NESTED`] field shares with the configuration is kept once.
pub(crate) fn to_few_bytes(fields: &mut Fields) {
    let configured = configured(fields).cloned().unwrap_or_default();
    for name in NESTED {
        share(fields, name, &configured);
    }
    make_texts(fields, |_| true);
}

fn make_texts(fields: &mut Fields, is_due: impl Fn(&Value) -> bool) {
    for (name, value) in fields.iter_mut() {
        let name = name.as_str();
        if TEXTS.contains(&name) || (NESTED.contains(&name) && is_due(value)) {
            *value = Value::String(value.to_string());
        }
    }
}

/// The fields as they were; otherwise what is wrong with them.
pub(crate) fn from_texts(fields: &mut Fields) -> Result<(), String> {
    for name in TEXTS.into_iter().chain(NESTED) {
        let Some(value) = fields.get_mut(name) else { continue };
        match value {
            Value::String(text) => {
                *value = serde_json::from_str(text).map_err(|error| format!("`{name}` is not JSON: {error}"))?;
            }
            _ if TEXTS.contains(&name) => return Err(format!("`{name}` is not text")),
            _ => {}
        }
    }
    for name in NESTED {
        unshare(fields, name)?;
    }
    Ok(())
}

/// Whether a document of DynamoDB with so many levels holds the value as it is.
fn is_document(value: &Value, levels: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => is_kept(number),
        Value::Array(elements) => levels > 0 && elements.iter().all(|element| is_document(element, levels - 1)),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| !name.is_empty() && is_document(value, levels - 1);
            levels > 0 && fields.iter().all(field)
        }
    }
}

fn is_kept(number: &Number) -> bool {
    let fraction = number.as_f64().filter(|_| number.is_f64());
    fraction.is_none_or(|number| number == 0.0 || MAGNITUDES.contains(&number.abs()))
}

/// The values of the configuration of a record.
fn configured(fields: &Fields) -> Option<&Fields> {
    fields.get("configuration")?.get("variables")?.as_object()
}

/// Leaves out of a field the values that the configuration has, too, and names them in their place.
fn share(fields: &mut Fields, name: &str, configured: &Fields) {
    let Some(field) = fields.get_mut(name).and_then(Value::as_object_mut) else {
        return;
    };
    let Some(values) = field.get_mut("variables").and_then(Value::as_object_mut) else {
        return;
    };
    let (same, other): (Fields, Fields) = std::mem::take(values)
        .into_iter()
        .partition(|(name, value)| configured.get(name) == Some(value));
    *values = other;
    let names: Vec<String> = same.into_iter().map(|(name, _)| name).collect();
    field.insert(AS_CONFIGURED.to_owned(), names.into());
}

/// Undoes [`share`].
fn unshare(fields: &mut Fields, name: &str) -> Result<(), String> {
    let field = fields.get_mut(name).and_then(Value::as_object_mut);
    let Some(Value::Array(names)) = field.and_then(|field| field.remove(AS_CONFIGURED)) else {
        return Ok(());
    };
    let configured = configured(fields);
    let value = |shared: &Value| {
        let shared = shared.as_str()?;
        Some((shared.to_owned(), configured?.get(shared)?.clone()))
    };
    let values = names.iter().map(value).collect::<Option<Vec<_>>>();
    let values = values.ok_or_else(|| format!("`{name}` shares a value that the configuration does not have"))?;
    if let Some(kept) = fields
        .get_mut(name)
        .and_then(|field| field.get_mut("variables"))
        .and_then(Value::as_object_mut)
    {
        kept.extend(values);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(patch: &Value) -> Fields {
        let record = json!({"configuration": {"variables": {"blob": "x", "size": 2}}, "patch": {"variables": patch}});
        record.as_object().cloned().expect("an object")
    }

    fn deep(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn what_a_document_cannot_hold_is_text() {
        for (value, is_text) in [
            (json!(0.5), false),
            (json!([1, "", null, true, -3]), false),
            (deep(10), false),
            (deep(28), true),
            (json!(1e-200), true),
            (json!(1e200), true),
            (json!({"": 1}), true),
        ] {
            let before = record(&json!({"value": value}));
            let mut fields = before.clone();
            to_texts(&mut fields);
            assert_eq!(fields["patch"].is_string(), is_text, "{value}");
            assert!(fields["configuration"].is_string());
            from_texts(&mut fields).expect("fields");
            assert_eq!(fields, before, "{value}");
        }
    }

    #[test]
    fn values_of_the_configuration_are_kept_once() {
        for patch in [
            json!({"blob": "x", "size": 3, "old": null}),
            json!({"blob": "x", "size": 2}),
        ] {
            let before = record(&patch);
            let mut fields = before.clone();
            to_few_bytes(&mut fields);
            let text = fields["patch"].as_str().expect("a text");
            assert!(!text.contains("\"x\""), "{text}");
            from_texts(&mut fields).expect("fields");
            assert_eq!(fields, before);
        }
        let mut odd = record(&json!({}));
        odd["patch"][AS_CONFIGURED] = json!(["missing"]);
        assert!(from_texts(&mut odd).is_err());
    }
}
