//! Operators and functions of numbers.

use hcl_edit::expr::BinaryOperator;

use super::value::Evaluated;
use super::{Stop, Value};

/// Every operator but `&&` and `||`.
pub(super) fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Evaluated {
    match operator {
        BinaryOperator::Eq => return Ok(Value::Bool(left.equals(right)?)),
        BinaryOperator::NotEq => return Ok(Value::Bool(!left.equals(right)?)),
        _ => {}
    }
    let (one, other) = (left.as_number()?, right.as_number()?);
    match operator {
        BinaryOperator::Less => Ok(Value::Bool(one < other)),
        BinaryOperator::LessEq => Ok(Value::Bool(one <= other)),
        BinaryOperator::Greater => Ok(Value::Bool(one > other)),
        BinaryOperator::GreaterEq => Ok(Value::Bool(one >= other)),
        _ => {
            let (one, other) = (left.as_whole()?, right.as_whole()?);
            let result = match operator {
                BinaryOperator::Plus => one.checked_add(other),
                BinaryOperator::Minus => one.checked_sub(other),
                BinaryOperator::Mul => one.checked_mul(other),
                // Infinite, for Terraform.
                BinaryOperator::Div | BinaryOperator::Mod if other == 0 => None,
                // Terraform's fractions have more digits than ours.
                BinaryOperator::Div if one % other == 0 => one.checked_div(other),
                BinaryOperator::Mod if one >= 0 && other > 0 => one.checked_rem(other),
                _ => None,
            };
            whole(result.ok_or(Stop::Unknown)?)
        }
    }
}

/// Functions of numbers; `None` for others.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("min" | "max", [_, ..]) => extreme(name == "min", arguments),
        ("floor", [number]) => number.as_number().and_then(|number| Value::number(number.floor())),
        ("ceil", [number]) => number.as_number().and_then(|number| Value::number(number.ceil())),
        ("abs", [number]) => number.as_number().and_then(|number| Value::number(number.abs())),
        ("sum", [list]) => sum(list),
        ("tonumber", [value]) => to_number(value),
        _ => return None,
    })
}

pub(super) fn whole(number: i64) -> Evaluated {
    // Beyond 2^53 it is turned away by its size, which no rounding hides.
    #[expect(clippy::cast_precision_loss, reason = "what is not exact is refused")]
    Value::number(number as f64)
}

fn extreme(least: bool, numbers: &[Value]) -> Evaluated {
    let mut found = numbers.first().ok_or(Stop::Error)?.as_number()?;
    for number in numbers {
        let number = number.as_number()?;
        found = if least { found.min(number) } else { found.max(number) };
    }
    Value::number(found)
}

fn sum(list: &Value) -> Evaluated {
    let numbers = list.as_elements()?;
    if numbers.is_empty() {
        return Err(Stop::Error);
    }
    let mut sum = 0_i64;
    for number in numbers {
        sum = sum.checked_add(number.as_whole()?).ok_or(Stop::Unknown)?;
    }
    whole(sum)
}

fn to_number(value: &Value) -> Evaluated {
    let text = match value {
        Value::Null | Value::Number(_) => return Ok(value.clone()),
        Value::Text(text) => text,
        Value::Bool(_) => return Err(Stop::Error),
        _ => return Err(Stop::Unknown),
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let parts: Vec<&str> = unsigned.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.len() <= 2 && parts.iter().all(digits) {
        return Value::number(text.parse().map_err(|_| Stop::Unknown)?);
    }
    // Exponents and the like are Terraform's to judge; a text with anything else in it is no number.
    let may_be_one = |byte: u8| byte.is_ascii_digit() || b".eEpP+-_".contains(&byte);
    if unsigned.bytes().any(|byte| byte.is_ascii_digit()) && unsigned.bytes().all(may_be_one) {
        return Err(Stop::Unknown);
    }
    match unsigned.trim_start_matches('+').to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Err(Stop::Unknown),
        _ => Err(Stop::Error),
    }
}
