//! Values of a definition that may hold expressions.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::expression::Expression;
use super::session::{EvaluationError, Session};
use crate::values::{self, Read};

/// JSON of which any string may be an expression: `Arguments`, `Output`, `Assign`, `Items`, `ItemSelector`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Template {
    /// A value without any expression in it.
    Literal(Value),
    /// `"{% ... %}"`.
    Expression(Expression),
    /// An array, of which some item is not a literal.
    Array(Vec<Template>),
    /// An object, of which some member is not a literal. The order of members is kept.
    Object(Vec<(String, Template)>),
}

impl Template {
    /// The value. `location` is the field that holds the template, and leads to the expression that failed.
    pub fn evaluate(&self, session: &mut Session, location: &str) -> Result<Value, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => session.evaluate(expression, location),
            Self::Array(items) => {
                let items = items.iter().enumerate();
                let values = items.map(|(at, item)| item.evaluate(session, &format!("{location}[{at}]")));
                values.collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    let value = member.evaluate(session, &format!("{location}/{name}"))?;
                    object.insert(name.clone(), value);
                }
                Ok(Value::Object(object))
            }
        }
    }
}

/// A field that holds one thing of a known type, written out or as an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field<T> {
    /// Written out and checked.
    Literal(T),
    /// Checked once it is evaluated.
    Expression(Expression),
}

impl<T: Clone> Field<T> {
    /// The value. A value of another type than `read` expects is an error.
    pub fn evaluate(
        &self,
        session: &mut Session,
        location: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Result<T, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => {
                let value = session.evaluate(expression, location)?;
                read(&value)
                    .map_err(|expected| EvaluationError::unexpected_type(expression, location, expected, &value))
            }
        }
    }
}

impl Field<u64> {
    /// The whole number, which has to be within bounds.
    pub fn evaluate_whole(
        &self,
        session: &mut Session,
        location: &str,
        bounds: &RangeInclusive<u64>,
    ) -> Result<u64, EvaluationError> {
        let expression = match self {
            Self::Literal(number) => return Ok(*number),
            Self::Expression(expression) => expression,
        };
        let value = session.evaluate(expression, location)?;
        let number = value
            .as_f64()
            .ok_or_else(|| EvaluationError::unexpected_type(expression, location, "number", &value))?;
        if number.fract() != 0.0 {
            let message = format!("The {location} field cannot be parsed as an integer: {value}");
            return Err(EvaluationError::unfit_number(message, location));
        }
        let whole = values::whole(&value).ok().filter(|whole| bounds.contains(whole));
        whole.ok_or_else(|| {
            let message = format!(
                "{location} must be between {} and {} but was: {value}",
                bounds.start(),
                bounds.end()
            );
            EvaluationError::unfit_number(message, location)
        })
    }
}
