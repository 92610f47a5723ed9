//! Evaluating the expressions of one state.

use std::cell::Cell;
use std::rc::Rc;

use jiff::Timestamp;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

use super::expression::Expression;
use super::functions;
use crate::random::Random;

/// Guards against an expression that does not end. AWS does not publish its own limits for time and depth; these
/// leave room for anything that fits a state's data.
const MAX_MILLISECONDS: u64 = 5_000;
const MAX_DEPTH: usize = 5_000;
/// The longest sequence that AWS builds before it reports its memory limit (measured: one more fails).
pub(super) const MAX_SEQUENCE: usize = 360_145;

/// What the expressions of a state can read.
pub(crate) struct Scope<'a> {
    /// `$states.input`.
    pub input: &'a Value,
    /// `$states.result`.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`.
    pub error_output: Option<&'a Value>,
    /// `$states.context`.
    pub context: Value,
    /// Workflow variables, by name.
    pub variables: Map<String, Value>,
    /// `$now()` and `$millis()`.
    pub now: Timestamp,
}

/// Why an expression gave no value: `States.QueryEvaluationError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EvaluationError {
    /// AWS's sentence about the expression.
    pub message: String,
    /// The field that holds it: `Arguments/ProjectName`.
    pub location: String,
}

impl EvaluationError {
    /// A value of the wrong type, in AWS's words.
    pub fn unexpected_type(expression: &Expression, location: &str, expected: &str, value: &Value) -> Self {
        let message = format!(
            "The JSONata expression '{}' specified for the field '{location}' returned an unexpected result type. \
             Expected '{expected}', but was '{}' for value: {value}",
            expression.source(),
            type_name(value),
        );
        let location = location.to_owned();
        Self { message, location }
    }

    fn of(expression: &Expression, location: &str, what: &str) -> Self {
        let message = format!(
            "The JSONata expression '{}' specified for the field '{location}' {what}",
            expression.source()
        );
        let location = location.to_owned();
        Self { message, location }
    }
}

/// Evaluates expressions against one [`Scope`]. It lives within one call: `JSONata` values are not `Send`.
pub(crate) struct Session {
    evaluator: Evaluator,
    random: Rc<Cell<Random>>,
}

impl Session {
    /// Binds the scope. Take [`Session::random`] back when done.
    pub fn new(scope: Scope<'_>, random: Random) -> Self {
        let mut states = Map::new();
        states.insert("input".to_owned(), scope.input.clone());
        for (name, value) in [("result", scope.result), ("errorOutput", scope.error_output)] {
            if let Some(value) = value {
                states.insert(name.to_owned(), value.clone());
            }
        }
        states.insert("context".to_owned(), scope.context);

        let mut context = Context::new();
        for (name, value) in scope.variables {
            context.bind(name, JValue::from(value));
        }
        context.bind("states".to_owned(), JValue::from(Value::Object(states)));

        let options = EvaluatorOptions {
            timeout_ms: Some(MAX_MILLISECONDS),
            cancel: None,
            max_stack_depth: Some(MAX_DEPTH),
            max_sequence_length: Some(MAX_SEQUENCE),
        };
        let random = Rc::new(Cell::new(random));
        let mut evaluator = Evaluator::with_options(context, options);
        functions::register(&mut evaluator, &random, scope.now);
        Self { evaluator, random }
    }

    /// The stream after all that was drawn from it.
    pub fn random(&self) -> Random {
        self.random.get()
    }

    /// The value of an expression. Nothing (undefined) is an error, as on AWS.
    pub fn evaluate(&mut self, expression: &Expression, location: &str) -> Result<Value, EvaluationError> {
        let value = self
            .evaluator
            .evaluate(expression.ast(), &JValue::Undefined)
            .map_err(|error| EvaluationError::of(expression, location, &thrown(&error)))?;
        match to_json(&value) {
            Json::Value(value) => Ok(value),
            Json::Nothing => Err(EvaluationError::of(
                expression,
                location,
                "returned nothing (undefined).",
            )),
            Json::NotFinite => Err(EvaluationError::of(
                expression,
                location,
                "threw an error during evaluation. D1001: Number out of range",
            )),
            Json::Function => Err(EvaluationError::of(
                expression,
                location,
                "returned an unsupported result type.",
            )),
        }
    }
}

/// AWS separates an error of the expression, which has a code, from a limit of its own.
fn thrown(error: &EvaluatorError) -> String {
    let limit = match error.code() {
        Some("D1012") => "Expression evaluation timeout: Check for infinite loop",
        Some("D2015") => "Expression evaluation memory limit exceeded: Check for excessive memory usage",
        _ => return format!("threw an error during evaluation. {}", quoted(error.message())),
    };
    format!("threw an error during evaluation: {limit}")
}

/// The reference implementation of `JSONata` quotes the operator of a type error, as AWS does.
fn quoted(message: &str) -> String {
    match message.split_once(" side of the ") {
        Some((before, rest)) => match rest.split_once(" operator ") {
            Some((operator, after)) => format!("{before} side of the \"{operator}\" operator {after}"),
            None => message.to_owned(),
        },
        None => message.to_owned(),
    }
}

/// The `JSONata` name of a type.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

enum Json {
    Value(Value),
    Nothing,
    NotFinite,
    Function,
}

/// Undefined members vanish from objects and arrays, as in `JSONata` itself.
fn to_json(value: &JValue) -> Json {
    Json::Value(match value {
        JValue::Null => Value::Null,
        JValue::Bool(flag) => Value::Bool(*flag),
        JValue::Number(number) if !number.is_finite() => return Json::NotFinite,
        JValue::Number(number) => Value::Number(to_number(*number)),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => {
            let mut array = Vec::with_capacity(items.len());
            for item in &**items {
                match to_json(item) {
                    Json::Value(item) => array.push(item),
                    Json::Nothing => {}
                    other => return other,
                }
            }
            Value::Array(array)
        }
        JValue::Object(members) => {
            let mut object = Map::new();
            for (name, member) in members.iter() {
                match to_json(member) {
                    Json::Value(member) => {
                        object.insert(name.clone(), member);
                    }
                    Json::Nothing => {}
                    other => return other,
                }
            }
            Value::Object(object)
        }
        JValue::Undefined => return Json::Nothing,
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => return Json::Function,
    })
}

/// `JSONata` knows only doubles; a whole number leaves as an integer, so that `1` stays `1`.
#[allow(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
fn to_number(number: f64) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Number::from(number as i64)
    } else {
        // The caller has refused what is not finite.
        Number::from_f64(number).unwrap_or_else(|| Number::from(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::Readable;
    use super::*;

    fn evaluate(source: &str) -> Result<Value, String> {
        let input =
            json!({"a": 1, "half": 0.5, "word": "x", "list": [3, 1, 2], "one": [{"n": 5}], "z": {"y": 1, "b": 2}});
        let scope = Scope {
            input: &input,
            result: None,
            error_output: None,
            context: json!({"State": {"Name": "Here"}}),
            variables: Map::from_iter([("count".to_owned(), json!(41))]),
            now: "2026-11-21T08:00:00.250Z".parse().expect("a time"),
        };
        let text = format!("{{% {source} %}}");
        let expression = Expression::parse(&text, Readable::default()).expect(source);
        Session::new(scope, Random::new(1))
            .evaluate(&expression, "Output/v")
            .map_err(|error| error.message)
    }

    fn value(source: &str) -> String {
        evaluate(source).expect(source).to_string()
    }

    #[test]
    fn numbers_keep_their_look_and_keys_their_order() {
        assert_eq!(value("$states.input.a"), "1");
        assert_eq!(value("$count + 1"), "42");
        assert_eq!(value("$states.input.half * 2"), "1");
        assert_eq!(value("$states.input.half"), "0.5");
        assert_eq!(value("$states.input.z"), r#"{"y":1,"b":2}"#);
        assert_eq!(value("-0"), "0");
    }

    #[test]
    fn an_array_of_one_item_stays_an_array_unless_a_path_goes_through_it() {
        assert_eq!(value("$states.input.one"), r#"[{"n":5}]"#);
        assert_eq!(value("$states.input.one.n"), "5");
        assert_eq!(value("[$states.input.one.n]"), "[5]");
        assert_eq!(value("$states.input.one[n = 5]"), r#"{"n":5}"#);
    }

    #[test]
    fn nothing_is_an_error_but_vanishes_inside_a_constructor() {
        assert_eq!(
            evaluate("$states.input.missing").expect_err("nothing"),
            "The JSONata expression '$states.input.missing' specified for the field 'Output/v' returned nothing \
             (undefined)."
        );
        assert_eq!(value("{'k': $states.input.missing, 'n': null}"), r#"{"n":null}"#);
        assert_eq!(value("[1, $states.input.missing]"), "[1]");
    }

    #[test]
    fn an_error_says_its_code_and_a_limit_has_none() {
        let error = evaluate("$states.input.word + 1").expect_err("a type error");
        assert!(
            error.ends_with(r#"during evaluation. T2001: The left side of the "+" operator must evaluate to a number"#),
            "{error}"
        );
        let error = evaluate("$error('boom')").expect_err("thrown");
        assert!(
            error.ends_with("threw an error during evaluation. D3137: boom"),
            "{error}"
        );
        let error = evaluate("[1..400000]").expect_err("too long");
        assert!(
            error.contains("during evaluation: Expression evaluation memory limit"),
            "{error}"
        );
        assert!(evaluate("1/0").expect_err("infinite").contains("D1001"));
        assert!(evaluate("function($x) { $x }").is_err());
    }

    #[test]
    fn a_recursion_without_end_is_stopped() {
        let error = evaluate("($f := function($n) { 1 + $f($n + 1) }; $f(1))").expect_err("endless");
        assert!(error.contains("D1011"), "{error}");
    }

    #[test]
    fn time_is_the_time_of_the_turn() {
        assert_eq!(value("$now()"), "\"2026-11-21T08:00:00.250Z\"");
        assert_eq!(value("$millis()"), "1795248000250");
        assert_eq!(value("$now('[Y0001]')"), "\"2026\"");
    }

    proptest! {
        #[test]
        fn any_whole_number_within_53_bits_survives(number in -(1_i64 << 53)..(1_i64 << 53)) {
            #[allow(clippy::cast_precision_loss, reason = "within 53 bits")]
            let double = number as f64;
            prop_assert_eq!(json!(to_number(double)), json!(number));
        }
    }
}
