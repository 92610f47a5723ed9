//! Type constraints.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey};

use super::constant::{self, Constant};
use super::{Attribute, Kind, convert};

/// What is wrong with an expression, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) byte: usize,
    pub(super) what: String,
}

impl Wrong {
    pub(super) fn at(part: &impl Span, what: impl Into<String>) -> Self {
        Self {
            byte: part.span().map_or(0, |span| span.start),
            what: what.into(),
        }
    }
}

/// The type that a type constraint means, or what is wrong with it.
pub(super) fn kind(expression: &Expression) -> Result<Kind, Wrong> {
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

fn inner(expression: &Expression) -> Result<Kind, Wrong> {
    match expression {
        Expression::Variable(name) => named(name.as_str()).map_err(|what| Wrong::at(expression, what)),
        Expression::String(name) if named(name.as_str()).is_ok() => Err(Wrong::at(
            expression,
            format!(
                "the type `{}` is in quotes, which Terraform rejects since 0.15",
                name.as_str()
            ),
        )),
        Expression::FuncCall(call) => constructed(call, expression),
        other => Err(Wrong::at(other, format!("`{}` is not a type", text_of(other)))),
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

fn constructed(call: &FuncCall, whole: &Expression) -> Result<Kind, Wrong> {
    let name = call.name.name.as_str();
    let arguments: Vec<&Expression> = call.args.iter().collect();
    let wrong = |what: &str| Err(Wrong::at(whole, what));
    match (name, arguments.as_slice()) {
        ("list", [element]) => Ok(Kind::List(Box::new(inner(element)?))),
        ("set", [element]) => Ok(Kind::Set(Box::new(inner(element)?))),
        ("map", [element]) => Ok(Kind::Map(Box::new(inner(element)?))),
        ("list" | "set" | "map", _) => wrong(&format!("`{name}(…)` takes one element type")),
        ("tuple", [Expression::Array(elements)]) => {
            Ok(Kind::Tuple(elements.iter().map(inner).collect::<Result<_, _>>()?))
        }
        ("object", [Expression::Object(attributes)]) => {
            let mut kinds = BTreeMap::new();
            for (key, value) in attributes {
                let Some(key) = attribute_name(key) else {
                    let what = "an attribute of an `object(…)` has no plain name";
                    return Err(Wrong::at(value.expr(), what));
                };
                kinds.insert(key, attribute(value.expr())?);
            }
            Ok(Kind::Object(kinds))
        }
        ("tuple", _) => wrong("`tuple([…])` takes a list of types"),
        ("object", _) => wrong("`object({…})` takes the types of its attributes by name"),
        ("optional", _) => wrong("`optional(…)` stands in an `object({…})` only"),
        _ => wrong(&format!("`{name}(…)` is not a type")),
    }
}

fn attribute(expression: &Expression) -> Result<Attribute, Wrong> {
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
        _ => return Err(Wrong::at(expression, "`optional(…)` takes a type and a default")),
    };
    let kind = inner(element)?;
    let value = default.as_ref().and_then(Constant::value).cloned();
    if let Some(problem) = value.as_ref().and_then(|value| convert::problem(&kind, value)) {
        return Err(Wrong::at(
            expression,
            format!("the default of an optional attribute does not fit its type: {problem}"),
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
