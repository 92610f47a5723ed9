//! Expressions that are the same whatever a stack is given: defaults, and the values of `.tfvars` files.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ObjectKey, UnaryOperator};
use hcl_edit::template::{Element, HeredocTemplate};
use serde_json::{Map, Number, Value};

use super::evaluate::Scope;
use super::types::Wrong;
use crate::json::inexact_number;
use crate::problem::Place;
use crate::terraform_file::Argument;
use crate::terraform_file::references::{self, Name, Reference};

/// What a constant expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    /// This value.
    Value(Value),
    /// What only Terraform evaluates, or JSON numbers cannot hold: the expression, as it is written.
    Written(String),
}

impl Constant {
    /// The value, where it is known here.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Written(_) => None,
        }
    }

    /// The text of the expression, where the value is not known here.
    pub(super) fn written(&self) -> Option<&str> {
        match self {
            Self::Value(_) => None,
            Self::Written(text) => Some(text),
        }
    }
}

/// Evaluates an argument that Terraform evaluates without names and functions; `Err` says why it rejects it, and where.
pub(super) fn constant(argument: &Argument<'_>) -> Result<Constant, (Place, String)> {
    let expression = match argument.expression() {
        Ok(expression) => expression,
        // The parser takes no number that is larger than its own, and Terraform does.
        Err(_) if is_number(argument.text) => return Ok(Constant::Written(argument.text.to_owned())),
        Err(error) => return Err((error.place, error.message)),
    };
    evaluate(&expression, argument.text).map_err(|wrong| (argument.place_at(wrong.byte), wrong.what))
}

/// Whether a text is one number that JSON here does not hold.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches('-');
    let is_part = |each: char| each.is_ascii_digit() || ".eE+-".contains(each);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.chars().all(is_part)
        && inexact_number(digits).is_some()
}

/// The value of an expression that is the same whatever a stack is given; `None` where only Terraform knows it.
pub(crate) fn constant_of(expression: &Expression) -> Option<Value> {
    if named_in(expression).is_some() {
        return None;
    }
    literal(expression).or_else(|| {
        let evaluated = Scope::new(&BTreeMap::new()).evaluate(expression);
        evaluated.ok()?.to_json()
    })
}

/// The same for an expression and its text.
pub(super) fn evaluate(expression: &Expression, text: &str) -> Result<Constant, Wrong> {
    if let Some((byte, name)) = named_in(expression) {
        let what = format!("`{name}` is not a constant: Terraform accepts neither functions nor references here");
        return Err(Wrong { byte, what });
    }
    Ok(match constant_of(expression) {
        Some(value) if value.is_string() || inexact_number(text).is_none() => Constant::Value(value),
        _ => Constant::Written(text.to_owned()),
    })
}

/// A value in JSON, and its text.
pub(super) fn in_json(value: Value, written: Option<&str>) -> Constant {
    match written.filter(|text| inexact_number(text).is_some()) {
        Some(text) => Constant::Written(text.to_owned()),
        None => Constant::Value(value),
    }
}

/// The value of an expression with no operator, no function call and no template in it.
pub(super) fn literal(expression: &Expression) -> Option<Value> {
    match expression {
        Expression::Null(_) => Some(Value::Null),
        Expression::Bool(value) => Some(Value::Bool(*value.value())),
        Expression::Number(number) => json_number(number.value()).map(Value::Number),
        Expression::String(text) => Some(Value::String(text.value().clone())),
        Expression::HeredocTemplate(heredoc) => heredoc_text(heredoc).map(Value::String),
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

/// The text of a heredoc without templates.
pub(super) fn heredoc_text(heredoc: &HeredocTemplate) -> Option<String> {
    let parts = heredoc.template.iter().map(|element| match element {
        Element::Literal(text) => Some(text.value().as_str()),
        _ => None,
    });
    parts.collect()
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

/// A key of an object that is no template. A bare word is a text, whatever it means elsewhere.
pub(super) fn object_key(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(Expression::Variable(name)) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(expression) => match literal(expression)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null => Some("null".to_owned()),
            _ => None,
        },
    }
}

/// The first function or name that an expression uses, and that is none of its own loops'; with its byte.
fn named_in(expression: &Expression) -> Option<(usize, String)> {
    match references::names(expression).into_iter().next()? {
        Name::Reference(Reference { root, byte, .. }) => Some((byte, root)),
        Name::Function { name, byte } => Some((byte, format!("{name}(…)"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::terraform_file;

    fn of(text: &str) -> Result<Constant, (Place, String)> {
        let body = format!("a = {text}\n");
        let body = terraform_file::parse(&body).expect(text);
        constant(&body.arguments[0])
    }

    #[test]
    fn number_that_json_does_not_hold_is_kept_as_written() {
        for text in ["1e400", "-1e400", "1.5E+999"] {
            assert_eq!(of(text), Ok(Constant::Written(text.to_owned())));
        }
        for text in ["1e400 +", "1e4x", "1e"] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_constant_is_what_terraform_evaluates_it_to() {
        for (text, value) in [
            ("7 * 24 * 60 * 60", json!(604_800)),
            ("-(5)", json!(-5)),
            ("!false", json!(true)),
            ("true ? \"a\" : \"b\"", json!("a")),
            ("\"a${\"b\"}c\"", json!("abc")),
            ("\"${true}\"", json!(true)),
            ("[for s in [\"a\"] : \"${s}!\"]", json!(["a!"])),
            ("{ for k, v in { a = 1 } : k => v + 1 }", json!({"a": 2})),
            ("[\"a\", \"b\"][1]", json!("b")),
            ("{ a = { b = 1 } }.a.b", json!(1)),
            ("{ true = 1, null = 2, 3 = 4 }", json!({"true": 1, "null": 2, "3": 4})),
            ("{ a = 1, a = 2 }", json!({"a": 2})),
            ("18446744073709551615", json!(u64::MAX)),
            ("1e30", json!(1e30)),
            ("<<-E\n  a\n    b\n  E", json!("a\n  b\n")),
            ("<<E\n  a\n    b\n  E \t", json!("  a\n    b\n")),
            ("<<-E\r\n  a\r\n\r\n    b\r\n  E", json!("a\r\n\r\n  b\r\n")),
            ("<<E\r\n  a\r\n  E", json!("  a\r\n")),
            ("<<-E\n    a\n  \n    b\n    E", json!("a\n  \nb\n")),
            ("<<-E\n        \n    a\n    E", json!("        \na\n")),
            ("<<-E\n  \n      \n    E", json!("  \n      \n")),
            ("<<-E\n      $${x}\n    b\n    E", json!("  ${x}\nb\n")),
            ("<<-E\n\u{a0}\u{a0}a\n  b\n  E", json!("a\nb\n")),
            ("[<<-E\r\n  a\r\n  E\r\n]", json!(["a\r\n"])),
            ("<<E\n  a ${\"b\"}\n    c\nE", json!("  a b\n    c\n")),
            ("1 /* why\n */", json!(1)),
            ("1 /* why */ + /* so */ 2 // sum", json!(3)),
        ] {
            assert_eq!(of(text), Ok(Constant::Value(value)), "{text}");
        }
        // JSON's numbers, or this evaluator, cannot hold these; Terraform does.
        for text in [
            "0.12345678901234567890123",
            "18446744073709551616",
            "1 / 3",
            "<<-E\n    ${\"a\"} b\n      c\n    E",
            "<<-E\na ${\"b\"}\n  c\nE",
            "\"a ${~ \"b\" ~} c\"",
            "\"%{ for x in [\"a\"] }${x}%{ endfor }\"",
        ] {
            assert_eq!(of(text), Ok(Constant::Written(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_has_names_or_functions_is_no_constant() {
        for (text, name) in [
            ("file(\"x\")", "`file(…)`"),
            ("var.x", "`var`"),
            ("[for s in [\"a\"] : t]", "`t`"),
            ("{ (a) = 1 }", "`a`"),
            ("\"${local.x}\"", "`local`"),
            ("true ? 1 : x", "`x`"),
        ] {
            let (_, error) = of(text).expect_err(text);
            assert!(error.contains(name), "{text}: {error}");
        }
    }
}
