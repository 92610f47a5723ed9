//! HCL expressions as types and as JSON values.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, FuncCall, ObjectKey, UnaryOperator};
use hcl_edit::template::Element;
use serde_json::{Map, Number, Value};

use super::{Attribute, Kind};

/// The type that a type constraint means, or what is wrong with it.
pub(super) fn kind(expression: &Expression) -> Result<Kind, String> {
    match expression {
        Expression::Variable(name) => named(name.as_str()),
        // Terraform 0.11's way, which every Terraform since still takes.
        Expression::String(name) => named(name.as_str()),
        Expression::FuncCall(call) => constructed(call),
        Expression::Parenthesis(inner) => kind(inner.inner()),
        other => Err(format!("`{}` is not a type", text_of(other))),
    }
}

fn named(name: &str) -> Result<Kind, String> {
    match name {
        "any" => Ok(Kind::Any),
        "string" => Ok(Kind::String),
        "number" => Ok(Kind::Number),
        "bool" => Ok(Kind::Bool),
        "list" => Ok(Kind::List(Box::new(Kind::Any))),
        "set" => Ok(Kind::Set(Box::new(Kind::Any))),
        "map" => Ok(Kind::Map(Box::new(Kind::Any))),
        _ => Err(format!("`{name}` is not a type")),
    }
}

fn constructed(call: &FuncCall) -> Result<Kind, String> {
    let name = call.name.name.as_str();
    let arguments: Vec<&Expression> = call.args.iter().collect();
    match (name, arguments.as_slice()) {
        ("list", [element]) => Ok(Kind::List(Box::new(kind(element)?))),
        ("set", [element]) => Ok(Kind::Set(Box::new(kind(element)?))),
        ("map", [element]) => Ok(Kind::Map(Box::new(kind(element)?))),
        ("list" | "set" | "map", _) => Err(format!("`{name}(…)` takes one element type")),
        ("tuple", [Expression::Array(elements)]) => {
            Ok(Kind::Tuple(elements.iter().map(kind).collect::<Result<_, _>>()?))
        }
        ("object", [Expression::Object(attributes)]) => {
            let mut kinds = BTreeMap::new();
            for (key, value) in attributes {
                let key = object_key(key).ok_or("an attribute of an `object(…)` has no plain name")?;
                kinds.insert(key, attribute(value.expr())?);
            }
            Ok(Kind::Object(kinds))
        }
        ("tuple", _) => Err("`tuple([…])` takes a list of types".to_owned()),
        ("object", _) => Err("`object({…})` takes the types of its attributes by name".to_owned()),
        ("optional", _) => Err("`optional(…)` stands in an `object({…})` only".to_owned()),
        _ => Err(format!("`{name}(…)` is not a type")),
    }
}

fn attribute(expression: &Expression) -> Result<Attribute, String> {
    let optional = match expression {
        Expression::FuncCall(call) if call.name.name.as_str() == "optional" => call,
        required => {
            return Ok(Attribute {
                kind: kind(required)?,
                optional: false,
                default: None,
            });
        }
    };
    let arguments: Vec<&Expression> = optional.args.iter().collect();
    let (element, default) = match arguments.as_slice() {
        [element] => (*element, None),
        [element, default] => {
            let value =
                literal(default).ok_or_else(|| format!("the default `{}` is not a literal value", text_of(default)))?;
            (*element, Some(value))
        }
        _ => return Err("`optional(…)` takes a type and a default".to_owned()),
    };
    Ok(Attribute {
        kind: kind(element)?,
        optional: true,
        default,
    })
}

/// The value of an expression that has no reference, no function call and no template in it.
pub(super) fn literal(expression: &Expression) -> Option<Value> {
    match expression {
        Expression::Null(_) => Some(Value::Null),
        Expression::Bool(value) => Some(Value::Bool(*value.value())),
        Expression::Number(number) => json_number(number.value()).map(Value::Number),
        Expression::String(text) => Some(Value::String(text.value().clone())),
        Expression::HeredocTemplate(heredoc) => {
            let mut dedented = heredoc.as_ref().clone();
            dedented.dedent();
            let parts = dedented.template.iter().map(|element| match element {
                Element::Literal(text) => Some(text.value().as_str()),
                _ => None,
            });
            parts.collect::<Option<String>>().map(Value::String)
        }
        Expression::Array(values) => values.iter().map(literal).collect::<Option<_>>().map(Value::Array),
        Expression::Object(values) => {
            let entries = values
                .iter()
                .map(|(key, value)| Some((object_key(key)?, literal(value.expr())?)));
            entries.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Expression::Parenthesis(inner) => literal(inner.inner()),
        Expression::UnaryOp(operation) if *operation.operator.value() == UnaryOperator::Neg => {
            let number = -*operation.expr.as_number()?;
            json_number(&number).map(Value::Number)
        }
        _ => None,
    }
}

/// A whole number stays one: Terraform's `1` is JSON's `1`, not `1.0`.
fn json_number(number: &hcl_edit::Number) -> Option<Number> {
    if let Some(whole) = number.as_i64() {
        return Some(whole.into());
    }
    if let Some(whole) = number.as_u64() {
        return Some(whole.into());
    }
    number.as_f64().and_then(Number::from_f64)
}

fn object_key(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(Expression::Variable(name)) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(expression) => match literal(expression)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        },
    }
}

/// An expression as it is written, without the space around it.
pub(super) fn text_of(expression: &Expression) -> String {
    expression.to_string().trim().to_owned()
}
