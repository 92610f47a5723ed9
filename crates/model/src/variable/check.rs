//! The check of a request's values against a schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Kind, Variable, convert, validation};
use crate::count::counted;
use crate::fields::described;
use crate::problem::FieldProblem;

/// From here on, 2^53, not every whole number has a floating-point number of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// See [`super::check`].
pub(super) fn request(
    schema: &[Variable],
    fixed: &Map<String, Value>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut wrong = BTreeSet::new();
    for name in given.keys() {
        if !schema.iter().any(|variable| variable.name == *name) {
            problems.push(unknown(name, schema, fixed));
        } else if fixed.contains_key(name) {
            problems.push(FieldProblem::new(
                format!("variables.{name}"),
                "the environment gives this value",
                "leave it out of the request",
            ));
        }
    }
    for variable in schema.iter().filter(|variable| !fixed.contains_key(&variable.name)) {
        let field = format!("variables.{}", variable.name);
        let before = problems.len();
        match given.get(&variable.name) {
            None | Some(Value::Null) if variable.required => problems.push(missing(field, variable)),
            None | Some(Value::Null) => {}
            Some(value) => check_value(&variable.kind, value, &field, &mut problems),
        }
        if problems.len() > before {
            wrong.insert(variable.name.as_str());
        }
    }
    problems.extend(validation::problems(schema, fixed, given, &wrong));
    if !problems.is_empty() {
        return Err(problems);
    }
    let values = given.iter().filter(|(_, value)| !value.is_null());
    Ok(values.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The remedy leaves out what the environment gives: a request may not set it.
fn unknown(name: &str, schema: &[Variable], fixed: &Map<String, Value>) -> FieldProblem {
    let names = schema.iter().map(|variable| variable.name.as_str());
    let names: Vec<&str> = names.filter(|name| !fixed.contains_key(*name)).collect();
    let remedy = if names.is_empty() {
        "leave it out: this blueprint version has no variables that a request may set".to_owned()
    } else {
        format!("use one of: {}", names.join(", "))
    };
    FieldProblem::new(
        format!("variables.{}", name.escape_default()),
        "this blueprint version has no such variable",
        remedy,
    )
}

fn missing(field: String, variable: &Variable) -> FieldProblem {
    let what = if variable.description.is_empty() {
        String::new()
    } else {
        format!(": {}", variable.description)
    };
    FieldProblem::new(
        field,
        "is missing",
        format!("give a value of type {}{what}", variable.type_text),
    )
}

/// Checks one value, and what is in it, against the type that it must have.
fn check_value(kind: &Kind, value: &Value, field: &str, problems: &mut Vec<FieldProblem>) {
    match (kind, value) {
        // Null is a value of every type; only a variable itself may forbid it.
        (_, Value::Null) => {}
        (_, Value::String(text)) if text.contains('\0') => problems.push(FieldProblem::new(
            field,
            "the text has a NUL character",
            "remove it: Terraform cannot carry it",
        )),
        (_, Value::Number(number))
            if number.is_f64() && number.as_f64().is_some_and(|number| number.abs() >= EXACT) =>
        {
            problems.push(FieldProblem::new(
                field,
                "is a number that would not be kept exactly",
                "give a number below 2^53, or use a variable that takes a text",
            ));
        }
        // Terraform writes it as `-0` in a text, and a comparison does not distinguish it from 0.
        (_, Value::Number(number)) if number.as_f64().is_some_and(is_negative_zero) => {
            problems.push(FieldProblem::new(field, "is a negative zero", "give 0"));
        }
        (Kind::Any, Value::Array(_) | Value::Object(_)) => check_within(value, field, problems),
        (Kind::Any, _)
        | (Kind::String, Value::String(_))
        | (Kind::Number, Value::Number(_))
        | (Kind::Bool, Value::Bool(_)) => {}
        (Kind::List(element) | Kind::Set(element), Value::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                check_value(element, value, &format!("{field}[{index}]"), problems);
            }
            of_one_type(element, values.iter(), field, problems);
            if matches!(kind, Kind::Set(_)) {
                let repeated = (1..values.len()).find(|&index| values[..index].contains(&values[index]));
                if let Some(index) = repeated {
                    let field = format!("{field}[{index}]");
                    problems.push(FieldProblem::new(
                        field,
                        "stands in the set twice",
                        "give each value once",
                    ));
                }
            }
        }
        (Kind::Map(element), Value::Object(values)) => {
            of_one_type(element, values.values(), field, problems);
            for (name, value) in values {
                check_value(element, value, &format!("{field}.{}", name.escape_default()), problems);
            }
        }
        (Kind::Tuple(kinds), Value::Array(values)) => {
            if kinds.len() != values.len() {
                let detail = format!("has {}", counted(values.len(), "value"));
                problems.push(FieldProblem::new(
                    field,
                    detail,
                    format!("give {}", counted(kinds.len(), "value")),
                ));
            }
            for (index, (kind, value)) in kinds.iter().zip(values).enumerate() {
                check_value(kind, value, &format!("{field}[{index}]"), problems);
            }
        }
        (Kind::Object(attributes), Value::Object(values)) => {
            for (name, attribute) in attributes {
                let field = format!("{field}.{name}");
                match values.get(name) {
                    None | Some(Value::Null) if attribute.optional => {}
                    None => problems.push(FieldProblem::new(
                        field,
                        "is missing",
                        format!("give {}", article(&attribute.kind)),
                    )),
                    Some(value) => check_value(&attribute.kind, value, &field, problems),
                }
            }
            // Terraform silently drops attributes that an object type does not declare; a misspelt optional attribute would be lost.
            for name in values.keys().filter(|name| !attributes.contains_key(*name)) {
                let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
                problems.push(FieldProblem::new(
                    format!("{field}.{}", name.escape_default()),
                    "the object has no such attribute",
                    format!("use one of: {}", names.join(", ")),
                ));
            }
        }
        (kind, value) => problems.push(FieldProblem::new(
            field,
            format!("is {}, not {}", described(value), article(kind)),
            format!("give {}", article(kind)),
        )),
    }
}

/// Checks what is in a value of no declared type.
fn check_within(value: &Value, field: &str, problems: &mut Vec<FieldProblem>) {
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        check_value(&Kind::Any, value, &format!("{field}[{index}]"), problems);
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        check_value(
            &Kind::Any,
            value,
            &format!("{field}.{}", name.escape_default()),
            problems,
        );
    }
}

/// Whether a number is the zero that Terraform writes as `-0`.
pub(super) fn is_negative_zero(number: f64) -> bool {
    number.to_bits() == (-0.0_f64).to_bits()
}

/// The elements of a collection whose element type is left open must still have one in common.
fn of_one_type<'v>(
    element: &Kind,
    values: impl Iterator<Item = &'v Value>,
    field: &str,
    problems: &mut Vec<FieldProblem>,
) {
    if let Some(what) = convert::one_type(element, values, "of its") {
        problems.push(FieldProblem::new(field, what, "give values of one type"));
    }
}

fn article(kind: &Kind) -> &'static str {
    match kind {
        Kind::Any => "a value",
        Kind::String => "a text",
        Kind::Number => "a number",
        Kind::Bool => "true or false",
        Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => "a list",
        Kind::Map(_) | Kind::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_schema;
    use super::*;
    use serde_json::json;

    const SCHEMA: &str = r#"
        variable "name"  { type = string }
        variable "count_of" {
          type    = number
          default = 1
        }
        variable "disks" {
          type    = map(object({ gib = number, kind = optional(string, "gp3") }))
          default = {}
        }
        variable "zones" {
          type    = set(string)
          default = []
        }
        variable "pair" {
          type    = tuple([string, bool])
          default = null
        }
        variable "vpc" { type = string }
        variable "open" {
          type    = list(any)
          default = []
        }
    "#;

    fn fields(given: &Value) -> Vec<String> {
        let schema = read_schema([("variables.tf", SCHEMA)].into_iter()).expect("a schema");
        let fixed = Map::from_iter([("vpc".to_owned(), json!("vpc-1"))]);
        match request(&schema, &fixed, given.as_object().expect("an object")) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().map(|problem| problem.field).collect(),
        }
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let given = json!({
            "count_of": "3", "disks": {"a": {"gib": true, "knd": "x"}, "b": {}}, "zones": ["a", "a"],
            "pair": ["x"], "vpc": "vpc-2", "${file(\"/etc/passwd\")}": 1,
        });
        let mut named = fields(&given);
        named.sort();
        assert_eq!(
            named,
            [
                "variables.${file(\\\"/etc/passwd\\\")}",
                "variables.count_of",
                "variables.disks.a.gib",
                "variables.disks.a.knd",
                "variables.disks.b.gib",
                "variables.name",
                "variables.pair",
                "variables.vpc",
                "variables.zones[1]",
            ]
        );
    }

    #[test]
    fn unknown_variable_names_those_that_a_request_may_set() {
        let schema = read_schema([("variables.tf", SCHEMA)].into_iter()).expect("a schema");
        let all = schema.iter().map(|variable| (variable.name.clone(), Value::Null));
        let all: Map<String, Value> = all.collect();
        let vpc = Map::from_iter([("vpc".to_owned(), json!("vpc-1"))]);
        let remedy = |fixed: &Map<String, Value>| unknown("vcp", &schema, fixed).remedy;
        let named = remedy(&vpc);
        assert!(named.starts_with("use one of: ") && named.contains("zones"), "{named}");
        assert!(!named.contains("vpc"), "{named}");
        assert_eq!(
            remedy(&all),
            "leave it out: this blueprint version has no variables that a request may set"
        );
    }

    #[test]
    fn negative_zero_is_rejected_wherever_it_stands() {
        let value: Value =
            serde_json::from_str(r#"{"a": [0, -0.0], "b": {"c": -0}, "d": 0.0, "e": -0.5}"#).expect("JSON");
        let mut problems = Vec::new();
        check_value(&Kind::Any, &value["a"][1], "any", &mut problems);
        check_value(&Kind::Number, &value["b"]["c"], "number", &mut problems);
        check_value(&Kind::List(Box::new(Kind::Number)), &value["a"], "list", &mut problems);
        check_value(&Kind::Any, &value, "whole", &mut problems);
        for right in [&value["d"], &value["e"], &value["a"][0]] {
            check_value(&Kind::Any, right, "right", &mut problems);
        }
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["any", "number", "list[1]", "whole.a[1]", "whole.b.c"]);
    }

    #[test]
    fn right_values_pass_as_they_are_whatever_they_look_like() {
        for text in ["${file(\"/etc/passwd\")}", "$(id)", "../../x", "-rf", "%{ if true }"] {
            assert_eq!(fields(&json!({ "name": text })), [""; 0], "{text}");
        }
        assert_eq!(fields(&json!({ "name": "a\u{0}b" })), ["variables.name"]);
        assert_eq!(
            fields(&json!({ "name": "a", "pair": ["x", true], "disks": {"a": {"gib": 1}}, "count_of": null })),
            [""; 0]
        );
        assert_eq!(fields(&json!({ "name": null })), ["variables.name"]);
        // Null stands for no value inside of every type, as in Terraform.
        assert_eq!(
            fields(
                &json!({ "name": "a", "pair": [null, true], "disks": {"a": {"gib": null}, "b": null}, "zones": [null, "a"] })
            ),
            [""; 0]
        );
        assert_eq!(fields(&json!({ "name": "a", "open": [1, null, "a"] })), [""; 0]);
        assert_eq!(fields(&json!({ "name": "a", "open": [1, []] })), ["variables.open"]);
        assert_eq!(
            fields(&json!({ "name": "a", "count_of": 1.5e22 })),
            ["variables.count_of"]
        );
    }
}
