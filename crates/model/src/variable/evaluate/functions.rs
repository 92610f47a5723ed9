//! The functions that are known, and those of any value.

use super::value::Evaluated;
use super::{Stop, Value, arithmetic, collections, network, texts};

/// Calls a function. One that is not known, or not with so many arguments, is left to Terraform.
pub(super) fn call(name: &str, arguments: &[Value]) -> Evaluated {
    match (name, arguments) {
        ("sensitive" | "nonsensitive", [value]) => Ok(value.clone()),
        ("tobool", [value]) => to_bool(value),
        ("tostring", [Value::Null]) => Ok(Value::Null),
        ("tostring", [value]) => match value {
            // There is no text for these.
            Value::List(_) | Value::Set(_) | Value::Map(_) => Err(Stop::Error),
            value => Ok(Value::Text(value.as_text()?)),
        },
        ("coalesce", [_, ..]) => coalesce(arguments),
        ("jsondecode", [value]) => match serde_json::from_str(&value.as_text()?) {
            Ok(json) => Value::untyped(&json),
            Err(_) => Err(Stop::Error),
        },
        _ => {
            let known = arithmetic::call(name, arguments)
                .or_else(|| texts::call(name, arguments))
                .or_else(|| collections::call(name, arguments))
                .or_else(|| network::call(name, arguments));
            known.unwrap_or(Err(Stop::Unknown))
        }
    }
}

fn to_bool(value: &Value) -> Evaluated {
    match value {
        Value::Null | Value::Bool(_) => Ok(value.clone()),
        Value::Text(text) => match text.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            // `1` and `TRUE` have been taken for one, or not, by turns.
            _ => Err(Stop::Unknown),
        },
        _ => Err(Stop::Unknown),
    }
}

/// The first that is neither null nor an empty text. All have to be of one type.
fn coalesce(arguments: &[Value]) -> Evaluated {
    let mut given = arguments.iter().filter(|argument| **argument != Value::Null);
    let Some(first) = given.next() else {
        return Err(Stop::Error);
    };
    let kind = std::mem::discriminant(first);
    if given.any(|argument| std::mem::discriminant(argument) != kind) {
        return Err(Stop::Unknown);
    }
    let is_given = |argument: &&Value| **argument != Value::Null && **argument != Value::Text(String::new());
    arguments.iter().find(is_given).cloned().ok_or(Stop::Error)
}
