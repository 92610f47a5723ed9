//! Evaluating the expressions of one state.

use std::cell::Cell;
use std::rc::Rc;

use jiff::Timestamp;
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

use super::exact::Exact;
use super::expression::Expression;
use super::messages::{self, Culprit};
use super::{culprit, functions};
use crate::random::Random;

/// Guards against an expression that does not end.
const MAX_MILLISECONDS: u64 = 5_000;
/// How deep evaluation may nest. AWS evaluates a sum of 100 terms and a function that calls itself 31 times before it
/// adds to the result, and refuses one more of each; counted as the evaluator here counts, that is this.
const MAX_DEPTH: usize = 99;
/// The longest sequence that AWS builds before it reports its memory limit (measured: one more fails).
const MAX_SEQUENCE: usize = 873_782;

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

    /// A number that the field cannot have. AWS names the field and not the expression.
    pub fn unfit_number(message: String, location: &str) -> Self {
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
    exact: Exact,
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

        let states = Value::Object(states);
        let variables = scope.variables.iter().map(|(name, value)| (name.as_str(), value));
        let exact = Exact::of(variables.chain([("states", &states)]));

        let mut context = Context::new();
        for (name, value) in scope.variables {
            context.bind(name, JValue::from(value));
        }
        context.bind("states".to_owned(), JValue::from(states));

        let options = EvaluatorOptions {
            timeout_ms: Some(MAX_MILLISECONDS),
            cancel: None,
            max_stack_depth: Some(MAX_DEPTH),
            max_sequence_length: Some(MAX_SEQUENCE),
        };
        let random = Rc::new(Cell::new(random));
        let mut evaluator = Evaluator::with_options(context, options);
        functions::register(&mut evaluator, &random, scope.now);
        Self {
            evaluator,
            exact,
            random,
        }
    }

    /// The stream after all that was drawn from it.
    pub fn random(&self) -> Random {
        self.random.get()
    }

    /// The value of an expression. Nothing (undefined) is an error, as on AWS.
    pub fn evaluate(&mut self, expression: &Expression, location: &str) -> Result<Value, EvaluationError> {
        if let Some(value) = self.exact.named(expression.ast()) {
            return Ok(value);
        }
        let value = match self.evaluator.evaluate(expression.ast(), &JValue::Undefined) {
            Ok(value) => value,
            Err(error) => {
                let thrown = self.thrown(expression.ast(), &error);
                return Err(EvaluationError::of(expression, location, &thrown));
            }
        };
        match to_json(&value) {
            Json::Value(value) => Ok(value),
            Json::Nothing => Err(EvaluationError::of(
                expression,
                location,
                "returned nothing (undefined).",
            )),
            Json::Function => Err(EvaluationError::of(
                expression,
                location,
                "returned an unsupported result type.",
            )),
        }
    }

    /// AWS separates an error of the expression, which has a code, from a limit of its own.
    fn thrown(&mut self, ast: &AstNode, error: &EvaluatorError) -> String {
        let limit = match error.code() {
            Some("D1012") => "Expression evaluation timeout: Check for infinite loop",
            Some("D2015") => "Expression evaluation memory limit exceeded: Check for excessive memory usage",
            Some("D1011" | "U1001") => {
                "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as \
                 tail-recursive."
            }
            _ => {
                let message = error.message();
                let culprit = if messages::lacks_culprit(message) {
                    self.culprit(ast, message)
                } else {
                    Culprit::default()
                };
                let message = messages::reworded(message, &culprit);
                return format!("threw an error during evaluation. {message}");
            }
        };
        format!("threw an error during evaluation: {limit}")
    }

    fn culprit(&mut self, ast: &AstNode, message: &str) -> Culprit {
        // What is evaluated again must not draw from the stream again.
        let random = self.random.get();
        let culprit = culprit::find(ast, message, &mut |part| {
            let value = self.evaluator.evaluate(part, &JValue::Undefined);
            let value = value.map_err(|error| error.message().to_owned())?;
            Ok(match to_json(&value) {
                Json::Value(value) => value.to_string(),
                Json::Nothing | Json::Function => "undefined".to_owned(),
            })
        });
        self.random.set(random);
        culprit
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
    Function,
}

/// Undefined members vanish from objects and arrays, as in `JSONata` itself.
fn to_json(value: &JValue) -> Json {
    Json::Value(match value {
        JValue::Null => Value::Null,
        JValue::Bool(flag) => Value::Bool(*flag),
        JValue::Number(number) if !number.is_finite() => Value::String(not_finite(*number).to_owned()),
        JValue::Number(number) => Value::Number(to_number(*number)),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => {
            let mut array = Vec::with_capacity(items.len());
            for item in &**items {
                match to_json(item) {
                    Json::Value(item) => array.push(item),
                    Json::Nothing => {}
                    Json::Function => return Json::Function,
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
                    Json::Function => return Json::Function,
                }
            }
            Value::Object(object)
        }
        JValue::Undefined => return Json::Nothing,
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => return Json::Function,
    })
}

/// JSON has no word for such a number: AWS writes the text that `JavaScript` has for it.
fn not_finite(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// `JSONata` knows only doubles; a whole number leaves as an integer, so that `1` stays `1`.
#[allow(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
pub(super) fn to_number(number: f64) -> Number {
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
        let input = json!({"id": 9_223_372_036_854_775_807_i64, "in": {"ids": [-9_007_199_254_740_993_i64, 1.0]}, "a": 1, "half": 0.5, "word": "x", "list": [3, 1, 2], "one": [{"n": 5}], "z": {"y": 1, "b": 2}});
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
        let error = evaluate("[1..873783]").expect_err("too long");
        assert!(
            error.contains("during evaluation: Expression evaluation memory limit"),
            "{error}"
        );
        assert!(evaluate("1/0 + 1").expect_err("infinite").contains("D1001"));
        assert!(evaluate("function($x) { $x }").is_err());
    }

    #[test]
    fn errors_have_the_words_of_the_reference_implementation() {
        for (source, expected) in [
            (
                "$length(5)",
                "T0410: Argument 1 of function \"length\" does not match function signature",
            ),
            (
                "$sum(['a']) + $abs(1)",
                "T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"",
            ),
            (
                "$map($states.input.list, function($v) { $uppercase($v) })",
                "T0410: Argument 1 of function \"uppercase\" does not match function signature",
            ),
            (
                "$states.input.list.($string() & $length($))",
                "T0410: Argument 1 of function \"length\" does not match function signature",
            ),
            (
                "'a' ~> $abs()",
                "T0410: Argument 1 of function \"abs\" does not match function signature",
            ),
            (
                "$states.input.word < $count",
                "T2009: The values \"x\" and 41 either side of operator \"<\" must be of the same data type",
            ),
            ("-$states.input.word", "D1002: Cannot negate a non-numeric value: \"x\""),
            ("$eval('1')", "T1006: Attempted to invoke a non-function"),
        ] {
            let error = evaluate(source).expect_err(source);
            assert!(
                error.ends_with(&format!("threw an error during evaluation. {expected}")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_whole_number_of_the_data_is_kept_to_its_last_digit() {
        assert_eq!(value("$states.input.id"), "9223372036854775807");
        assert_eq!(value("$states.input.in"), r#"{"ids":[-9007199254740993,1]}"#);
        assert_eq!(value("$states.input.in.ids[1]"), "1");
    }

    #[test]
    fn a_number_that_json_does_not_have_is_a_text() {
        assert_eq!(value("1/0"), "\"Infinity\"");
        assert_eq!(value("[-1/0, 0/0]"), "[\"-Infinity\",\"NaN\"]");
    }

    #[test]
    fn evaluation_nests_as_deep_as_on_aws() {
        let sum = |terms: usize| vec!["1"; terms].join("+");
        let calls = |n: u32| format!("($f := function($x) {{ $x <= 0 ? 0 : 1 + $f($x - 1) }}; $f({n}))");
        assert_eq!(value(&sum(100)), "100");
        assert_eq!(value(&calls(31)), "31");
        for too_deep in [sum(101), calls(32)] {
            let error = evaluate(&too_deep).expect_err("too deep");
            assert!(error.contains("during evaluation: Stack overflow error"), "{error}");
        }
    }

    #[test]
    fn a_recursion_without_end_is_stopped() {
        let error = evaluate("($f := function($n) { 1 + $f($n + 1) }; $f(1))").expect_err("endless");
        assert!(
            error.contains("during evaluation: Stack overflow error: Check for"),
            "{error}"
        );
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
