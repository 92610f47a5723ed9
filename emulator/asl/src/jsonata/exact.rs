//! Whole numbers beyond what a double holds.
//!
//! AWS keeps a whole number of its data exactly as long as it fits 64 bits; the evaluator used here has only doubles. An
//! expression that does no more than name a value is therefore answered from the data itself.

use jsonata_core::ast::AstNode;
use serde_json::{Map, Value};

use super::session::to_number;

/// The values of a scope by the names of their variables, if doubles cannot hold them all.
pub(super) struct Exact(Map<String, Value>);

impl Exact {
    /// Of every variable, those that hold such a number.
    pub fn of<'v>(variables: impl IntoIterator<Item = (&'v str, &'v Value)>) -> Self {
        let exact = variables.into_iter().filter(|(_, value)| needs_exactness(value));
        Self(exact.map(|(name, value)| (name.to_owned(), value.clone())).collect())
    }

    /// The value that an expression names, if it does nothing else and comes through no array on its way.
    pub fn named(&self, ast: &AstNode) -> Option<Value> {
        let (variable, fields) = match ast {
            AstNode::Variable(name) => (name, &[][..]),
            AstNode::Path { steps } => {
                let (first, fields) = steps.split_first()?;
                match &first.node {
                    AstNode::Variable(name) if first.stages.is_empty() => (name, fields),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let mut value = self.0.get(variable)?;
        for step in fields {
            let plain = step.stages.is_empty() && step.focus.is_none() && step.index_var.is_none();
            match &step.node {
                AstNode::Name(name) if plain => value = value.as_object()?.get(name)?,
                _ => return None,
            }
        }
        needs_exactness(value).then(|| normal(value))
    }
}

/// Whether a whole number in the value is not what its double is.
fn needs_exactness(value: &Value) -> bool {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) => number.as_i64().is_some_and(|number| number.unsigned_abs() > EXACT),
        Value::Array(items) => items.iter().any(needs_exactness),
        Value::Object(members) => members.values().any(needs_exactness),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Numbers as they look after an evaluation: `1.0` is `1`.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_some() => value.clone(),
        Value::Number(number) => number
            .as_f64()
            .map_or(Value::Null, |number| Value::Number(to_number(number))),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| (name.clone(), normal(member)));
            Value::Object(members.collect())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}
