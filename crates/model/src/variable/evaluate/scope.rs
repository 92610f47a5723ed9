//! What names mean, and what an expression comes to.

use std::collections::BTreeMap;

use hcl_edit::Decorated;
use hcl_edit::expr::{BinaryOp, BinaryOperator, UnaryOperator};
use hcl_edit::expr::{Conditional, Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator, UnaryOp};
use hcl_edit::template::{Element, Strip};

use super::value::Evaluated;
use super::{Value, arithmetic, functions};
use crate::variable::constant::heredoc_text;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Only Terraform knows.
    Unknown,
    /// Terraform would say that this cannot be evaluated.
    Error,
}

/// The most parts of expressions that are evaluated for one condition, those in loops each time.
const PARTS: u32 = 200_000;

/// The values that names stand for.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// The variables of the module, where their values are known.
    variables: &'a BTreeMap<String, Value>,
    /// The names of the loops around, the innermost last.
    names: Vec<(String, Value)>,
    /// How many calls there are around that catch errors.
    catching: u32,
    left: u32,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(variables: &'a BTreeMap<String, Value>) -> Self {
        Self {
            variables,
            names: Vec::new(),
            catching: 0,
            left: PARTS,
        }
    }

    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Evaluated {
        self.left = self.left.checked_sub(1).ok_or(Stop::Unknown)?;
        match expression {
            Expression::Null(_) => Ok(Value::Null),
            Expression::Bool(flag) => Ok(Value::Bool(*flag.value())),
            Expression::Number(number) => Value::number(number.value().as_f64().ok_or(Stop::Unknown)?),
            Expression::String(text) => Ok(Value::text(text.value().clone())),
            Expression::Array(values) => {
                let values: Result<_, _> = values.iter().map(|value| self.evaluate(value)).collect();
                Ok(Value::List(values?))
            }
            Expression::Object(values) => {
                let mut object = BTreeMap::new();
                for (key, value) in values {
                    let key = self.key(key)?;
                    object.insert(key, self.evaluate(value.expr())?);
                }
                Ok(Value::Map(object))
            }
            Expression::StringTemplate(template) => match template.iter().collect::<Vec<_>>().as_slice() {
                // A template that is one value and nothing else is that value, and no text.
                [Element::Interpolation(inner)] => self.evaluate(&inner.expr),
                _ => self.template(template.iter()),
            },
            Expression::HeredocTemplate(heredoc) => {
                // Around templates, the parser removes another indentation of a `<<-` than Terraform.
                if heredoc.indent().is_some() {
                    return heredoc_text(heredoc).map(Value::text).ok_or(Stop::Unknown);
                }
                self.template(heredoc.template.iter())
            }
            Expression::Parenthesis(inner) => self.evaluate(inner.inner()),
            Expression::Variable(name) => self.name(name.as_str()).cloned().ok_or(Stop::Unknown),
            Expression::Conditional(conditional) => self.conditional(conditional),
            Expression::FuncCall(call) => self.call(call),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::UnaryOp(operation) => self.unary(operation),
            Expression::BinaryOp(operation) => self.binary(operation),
            Expression::ForExpr(expression) => self.for_each(expression),
        }
    }

    fn name(&self, name: &str) -> Option<&Value> {
        let mut names = self.names.iter().rev();
        names.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn key(&mut self, key: &ObjectKey) -> Result<String, Stop> {
        match key {
            ObjectKey::Ident(name) => Ok(name.as_str().to_owned()),
            ObjectKey::Expression(Expression::Variable(name)) => Ok(name.as_str().to_owned()),
            ObjectKey::Expression(expression) => self.evaluate(expression)?.as_text(),
        }
    }

    fn template<'e>(&mut self, elements: impl Iterator<Item = &'e Element>) -> Evaluated {
        let mut text = String::new();
        for element in elements {
            match element {
                Element::Literal(literal) => text.push_str(literal.value()),
                Element::Interpolation(inner) if inner.strip == Strip::None => {
                    text.push_str(&self.evaluate(&inner.expr)?.as_text()?);
                }
                // `${~ … ~}` removes space of the text around it.
                Element::Interpolation(_) | Element::Directive(_) => return Err(Stop::Unknown),
            }
        }
        Ok(Value::text(text))
    }

    /// One side is chosen, and is converted to a type that both have: where the other has another one, only Terraform knows.
    fn conditional(&mut self, conditional: &Conditional) -> Evaluated {
        let chosen_is_true = self.evaluate(&conditional.cond_expr)?.as_bool()?;
        let (chosen, other) = if chosen_is_true {
            (&conditional.true_expr, &conditional.false_expr)
        } else {
            (&conditional.false_expr, &conditional.true_expr)
        };
        let chosen = self.evaluate(chosen)?;
        match (&chosen, self.evaluate(other)) {
            (Value::Text(_), Ok(Value::Bool(_) | Value::Number(_)))
            | (Value::Bool(_) | Value::Number(_), Ok(Value::Text(_)))
            | (Value::Bool(_), Ok(Value::Number(_)))
            | (Value::Number(_), Ok(Value::Bool(_)))
            | (Value::Set(_), Ok(Value::List(_)))
            | (Value::List(_), Ok(Value::Set(_))) => Err(Stop::Unknown),
            _ => Ok(chosen),
        }
    }

    fn call(&mut self, call: &FuncCall) -> Evaluated {
        let name = call.name.name.as_str();
        if call.name.is_namespaced() && call.name.namespace.iter().any(|part| part.as_str() != "core") {
            return Err(Stop::Unknown);
        }
        let catches = matches!(name, "can" | "try");
        if catches && !call.args.expand_final() {
            return self.catch(name, call);
        }
        let mut arguments = Vec::new();
        for argument in &call.args {
            arguments.push(self.evaluate(argument)?);
        }
        if call.args.expand_final() {
            let last = arguments.pop().ok_or(Stop::Error)?;
            arguments.extend_from_slice(last.as_elements()?);
        }
        functions::call(name, &arguments)
    }

    /// `can(…)` and `try(…)`.
    fn catch(&mut self, name: &str, call: &FuncCall) -> Evaluated {
        self.catching += 1;
        let mut tried = Err(Stop::Error);
        for argument in &call.args {
            tried = self.evaluate(argument);
            if tried != Err(Stop::Error) {
                break;
            }
        }
        self.catching -= 1;
        match (name, tried) {
            (_, Err(Stop::Unknown)) => Err(Stop::Unknown),
            ("can", tried) => Ok(Value::Bool(tried.is_ok())),
            (_, tried) => tried,
        }
    }

    fn traversal(&mut self, traversal: &Traversal) -> Evaluated {
        let operators: Vec<&TraversalOperator> = traversal.operators.iter().map(Decorated::value).collect();
        let (value, rest) = match (&traversal.expr, operators.as_slice()) {
            (Expression::Variable(root), rest) if self.name(root.as_str()).is_some() => {
                (self.name(root.as_str()).cloned().ok_or(Stop::Unknown)?, rest)
            }
            (Expression::Variable(root), [TraversalOperator::GetAttr(name), rest @ ..]) if root.as_str() == "var" => {
                let value = self.variables.get(name.as_str()).cloned();
                (value.ok_or(Stop::Unknown)?, rest)
            }
            (Expression::Variable(_), _) => return Err(Stop::Unknown),
            (expression, rest) => (self.evaluate(expression)?, rest),
        };
        self.follow(value, rest)
    }

    fn follow(&mut self, value: Value, operators: &[&TraversalOperator]) -> Evaluated {
        let Some((first, rest)) = operators.split_first() else {
            return Ok(value);
        };
        let next = match first {
            TraversalOperator::GetAttr(name) => attribute(&value, name.as_str())?,
            TraversalOperator::Index(index) => {
                let index = self.evaluate(index)?;
                element(&value, &index)?
            }
            TraversalOperator::LegacyIndex(index) => {
                let index = u32::try_from(*index.value()).map_err(|_| Stop::Unknown)?;
                element(&value, &Value::Number(f64::from(index)))?
            }
            TraversalOperator::FullSplat(_) => return self.splat(value, rest),
            TraversalOperator::AttrSplat(_) => {
                // An index after it is one of the list that comes of it.
                let plain = rest
                    .iter()
                    .all(|operator| matches!(operator, TraversalOperator::GetAttr(_)));
                return if plain {
                    self.splat(value, rest)
                } else {
                    Err(Stop::Unknown)
                };
            }
        };
        self.follow(next, rest)
    }

    /// The same for each element; a value that is no list is one of one element, and null of none.
    fn splat(&mut self, value: Value, rest: &[&TraversalOperator]) -> Evaluated {
        let elements = match value {
            Value::Null => Vec::new(),
            Value::List(values) | Value::Set(values) => values,
            single => vec![single],
        };
        let followed: Result<_, _> = elements.into_iter().map(|element| self.follow(element, rest)).collect();
        Ok(Value::List(followed?))
    }

    fn unary(&mut self, operation: &UnaryOp) -> Evaluated {
        let operand = self.evaluate(&operation.expr)?;
        match operation.operator.value() {
            UnaryOperator::Neg => Value::number(-operand.as_number()?),
            UnaryOperator::Not => Ok(Value::Bool(!operand.as_bool()?)),
        }
    }

    fn binary(&mut self, operation: &BinaryOp) -> Evaluated {
        let operator = *operation.operator.value();
        let decided_by = match operator {
            BinaryOperator::And => false,
            BinaryOperator::Or => true,
            _ => {
                let left = self.evaluate(&operation.lhs_expr)?;
                let right = self.evaluate(&operation.rhs_expr)?;
                return arithmetic::binary(operator, &left, &right);
            }
        };
        let left = self.evaluate(&operation.lhs_expr)?.as_bool()?;
        if left != decided_by {
            return Ok(Value::Bool(self.evaluate(&operation.rhs_expr)?.as_bool()?));
        }
        // Terraform 1.12 short-circuits here. Earlier versions evaluate both sides, and fail if the other side fails. The plan ends the
        // same way, unless the failure is caught by `can` or `try`.
        if self.catching > 0 {
            self.evaluate(&operation.rhs_expr)?
                .as_bool()
                .map_err(|_| Stop::Unknown)?;
        }
        Ok(Value::Bool(left))
    }

    fn for_each(&mut self, expression: &ForExpr) -> Evaluated {
        let pairs: Vec<(Value, Value)> = match self.evaluate(&expression.intro.collection_expr)? {
            Value::List(values) => {
                let pairs = values.into_iter().enumerate();
                let pairs: Result<_, Stop> = pairs.map(|(index, value)| Ok((Value::count(index)?, value))).collect();
                pairs?
            }
            Value::Set(values) => values.into_iter().map(|value| (value.clone(), value)).collect(),
            Value::Map(values) => values
                .into_iter()
                .map(|(key, value)| (Value::Text(key), value))
                .collect(),
            Value::Null => return Err(Stop::Error),
            _ => return Err(Stop::Unknown),
        };
        let around = self.names.len();
        let mut made = Made::default();
        for (key, value) in pairs {
            if let Some(name) = &expression.intro.key_var {
                self.names.push((name.as_str().to_owned(), key));
            }
            self.names.push((expression.intro.value_var.as_str().to_owned(), value));
            let taken = self.turn(expression, &mut made);
            self.names.truncate(around);
            taken?;
        }
        Ok(match expression.key_expr {
            Some(_) => Value::Map(made.map),
            None => Value::List(made.list),
        })
    }

    /// One turn of a loop.
    fn turn(&mut self, expression: &ForExpr, made: &mut Made) -> Result<(), Stop> {
        if let Some(condition) = &expression.cond
            && !self.evaluate(&condition.expr)?.as_bool()?
        {
            return Ok(());
        }
        let Some(key) = &expression.key_expr else {
            made.list.push(self.evaluate(&expression.value_expr)?);
            return Ok(());
        };
        let key = self.evaluate(key)?.as_text()?;
        let value = self.evaluate(&expression.value_expr)?;
        if expression.grouping {
            match made.map.entry(key).or_insert_with(|| Value::List(Vec::new())) {
                Value::List(group) => group.push(value),
                _ => return Err(Stop::Unknown),
            }
            return Ok(());
        }
        match made.map.insert(key, value) {
            None => Ok(()),
            // Two values of one name.
            Some(_) => Err(Stop::Error),
        }
    }
}

/// What a loop has made so far.
#[derive(Default)]
struct Made {
    list: Vec<Value>,
    map: BTreeMap<String, Value>,
}

fn attribute(value: &Value, name: &str) -> Evaluated {
    match value {
        Value::Map(values) => values.get(name).cloned().ok_or(Stop::Error),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => Err(Stop::Error),
        Value::List(_) | Value::Set(_) => Err(Stop::Unknown),
    }
}

fn element(value: &Value, index: &Value) -> Evaluated {
    match (value, index) {
        (Value::List(values), Value::Number(_)) => {
            let index = usize::try_from(index.as_whole()?).map_err(|_| Stop::Error)?;
            values.get(index).cloned().ok_or(Stop::Error)
        }
        (Value::Map(_), Value::Text(name)) => attribute(value, name),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Set(_), _) => Err(Stop::Error),
        _ => Err(Stop::Unknown),
    }
}
