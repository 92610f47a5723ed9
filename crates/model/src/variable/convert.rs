//! What Terraform converts to what, where a blueprint gives a value itself: defaults and `.tfvars` files.
//!
//! The rules are those of `github.com/zclconf/go-cty/cty/convert`. A request's values have to be of the type as they are.

use serde_json::Value;

use super::{Attribute, Kind};

/// Why Terraform cannot convert a value to a type, in its words; `None` where it can, or where only it knows.
pub(super) fn problem(kind: &Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (_, Value::Null) | (Kind::Any, _) | (Kind::Bool, Value::Bool(_)) | (Kind::Number, Value::Number(_)) => None,
        (Kind::String, Value::String(_) | Value::Number(_) | Value::Bool(_)) => None,
        (Kind::Bool, Value::String(text)) => {
            let is_bool = ["true", "false", "1", "0"].contains(&text.as_str());
            (!is_bool).then(|| "a bool is required".to_owned())
        }
        (Kind::Number, Value::String(text)) => (!is_number(text)).then(|| "a number is required".to_owned()),
        (Kind::List(element) | Kind::Set(element), Value::Array(values)) => {
            let each = || values.iter().find_map(|value| problem(element, value));
            let of_one_type = || one_type(element, values.iter(), "list");
            each().or_else(of_one_type)
        }
        (Kind::Map(element), Value::Object(values)) => {
            let each = || values.values().find_map(|value| problem(element, value));
            let of_one_type = || one_type(element, values.values(), "map");
            each().or_else(of_one_type)
        }
        (Kind::Tuple(kinds), Value::Array(values)) if kinds.len() == values.len() => {
            kinds.iter().zip(values).find_map(|(kind, value)| problem(kind, value))
        }
        (Kind::Object(attributes), Value::Object(values)) => {
            let of = |(name, attribute): (&String, &Attribute)| match values.get(name) {
                Some(value) => problem(&attribute.kind, value).map(|what| format!("attribute `{name}`: {what}")),
                None => (!attribute.optional).then(|| format!("attribute `{name}` is required")),
            };
            attributes.iter().find_map(of)
        }
        (kind, _) => Some(format!("{} required", name(kind))),
    }
}

/// What elements have in common, as far as it says whether they can have one type.
#[derive(PartialEq)]
enum Shape {
    Text,
    Number,
    Bool,
    List,
    Object,
}

/// Why values cannot be the elements of one collection whose element type is left open.
pub(super) fn one_type<'v>(
    element: &Kind,
    values: impl Iterator<Item = &'v Value>,
    collection: &str,
) -> Option<String> {
    if *element != Kind::Any {
        return None;
    }
    let mut shapes: Vec<Shape> = Vec::new();
    for value in values {
        let shape = match value {
            Value::Null => continue,
            Value::String(_) => Shape::Text,
            Value::Number(_) => Shape::Number,
            Value::Bool(_) => Shape::Bool,
            Value::Array(_) => Shape::List,
            Value::Object(_) => Shape::Object,
        };
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    let simple = shapes
        .iter()
        .filter(|shape| matches!(shape, Shape::Text | Shape::Number | Shape::Bool))
        .count();
    // A number and a true or false become texts, if there is a text.
    let converts = simple == shapes.len() && shapes.contains(&Shape::Text);
    (shapes.len() > 1 && !converts).then(|| format!("all {collection} elements must have the same type"))
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') && unsigned.parse::<f64>().is_ok()
}

fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Any => "a value",
        Kind::String => "string",
        Kind::Number => "number",
        Kind::Bool => "bool",
        Kind::List(_) => "list",
        Kind::Set(_) => "set",
        Kind::Map(_) => "map",
        Kind::Tuple(_) => "tuple",
        Kind::Object(_) => "object",
    }
}
