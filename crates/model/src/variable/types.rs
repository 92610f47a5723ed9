//! Type constraints.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, FuncCall, ObjectKey};

use super::constant::{self, Constant};
use super::{Attribute, Kind, convert};

/// The type that a type constraint means, or what is wrong with it.
pub(super) fn kind(expression: &Expression) -> Result<Kind, String> {
    // A short form that stands alone only.
    if let Expression::Variable(name) = expression {
        match name.as_str() {
            "list" => return Ok(Kind::List(Box::new(Kind::Any))),
            "map" => return Ok(Kind::Map(Box::new(Kind::Any))),
            _ => {}
        }
    }
    inner(expression)
}

fn inner(expression: &Expression) -> Result<Kind, String> {
    match expression {
        Expression::Variable(name) => named(name.as_str()),
        Expression::String(name) if named(name.as_str()).is_ok() => Err(format!(
            "the type `{}` is in quotes, which Terraform rejects since 0.15",
            name.as_str()
        )),
        Expression::FuncCall(call) => constructed(call),
        other => Err(format!("`{}` is not a type", text_of(other))),
    }
}

fn named(name: &str) -> Result<Kind, String> {
    match name {
        "any" => Ok(Kind::Any),
        "string" => Ok(Kind::String),
        "number" => Ok(Kind::Number),
        "bool" => Ok(Kind::Bool),
        "list" | "set" | "map" => Err(format!("`{name}(…)` takes one element type")),
        _ => Err(format!("`{name}` is not a type")),
    }
}

fn constructed(call: &FuncCall) -> Result<Kind, String> {
    let name = call.name.name.as_str();
    let arguments: Vec<&Expression> = call.args.iter().collect();
    match (name, arguments.as_slice()) {
        ("list", [element]) => Ok(Kind::List(Box::new(inner(element)?))),
        ("set", [element]) => Ok(Kind::Set(Box::new(inner(element)?))),
        ("map", [element]) => Ok(Kind::Map(Box::new(inner(element)?))),
        ("list" | "set" | "map", _) => Err(format!("`{name}(…)` takes one element type")),
        ("tuple", [Expression::Array(elements)]) => {
            Ok(Kind::Tuple(elements.iter().map(inner).collect::<Result<_, _>>()?))
        }
        ("object", [Expression::Object(attributes)]) => {
            let mut kinds = BTreeMap::new();
            for (key, value) in attributes {
                let key = attribute_name(key).ok_or("an attribute of an `object(…)` has no plain name")?;
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
                kind: inner(required)?,
                optional: false,
                default: None,
                default_expression: None,
            });
        }
    };
    let arguments: Vec<&Expression> = optional.args.iter().collect();
    let (element, default) = match arguments.as_slice() {
        [element] => (*element, None),
        [element, default] => (*element, Some(constant::evaluate(default, &text_of(default))?)),
        _ => return Err("`optional(…)` takes a type and a default".to_owned()),
    };
    let kind = inner(element)?;
    let value = default.as_ref().and_then(Constant::value).cloned();
    if let Some(problem) = value.as_ref().and_then(|value| convert::problem(&kind, value)) {
        return Err(format!(
            "the default of an optional attribute does not fit its type: {problem}"
        ));
    }
    Ok(Attribute {
        kind,
        optional: true,
        default: value,
        default_expression: default.as_ref().and_then(Constant::written).map(str::to_owned),
    })
}

/// The name of an attribute in a type: a bare word.
fn attribute_name(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(Expression::Variable(name)) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(_) => None,
    }
}

/// An expression as it is written, without the space around it.
pub(super) fn text_of(expression: &Expression) -> String {
    expression.to_string().trim().to_owned()
}
