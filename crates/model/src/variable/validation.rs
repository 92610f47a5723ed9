//! The `validation` blocks of variables, evaluated before Terraform starts.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::expr::Expression;
use serde_json::{Map, Value as Json};

use super::evaluate::{Scope, Value};
use super::{Kind, Validation, Variable};
use crate::problem::FieldProblem;
use crate::terraform_file;

/// The most characters of a condition that a remedy repeats.
const SHOWN: usize = 300;

/// The variables with validations that do not hold: one problem for each, with all of its messages, as a field has one problem. A
/// validation that only Terraform can evaluate is left to it, and so is one of a variable that is `wrong` already: what it says follows
/// from that problem.
pub(super) fn problems(
    schema: &[Variable],
    fixed: &Map<String, Json>,
    given: &Map<String, Json>,
    wrong: &BTreeSet<&str>,
) -> Vec<FieldProblem> {
    if schema.iter().all(|variable| variable.validations.is_empty()) {
        return Vec::new();
    }
    let values: BTreeMap<String, Value> = schema
        .iter()
        .filter(|variable| !wrong.contains(variable.name.as_str()))
        .filter_map(|variable| Some((variable.name.clone(), value(variable, fixed, given)?)))
        .collect();
    let mut shown = values.clone();
    for variable in schema.iter().filter(|variable| variable.sensitive) {
        shown.remove(&variable.name);
    }
    let mut problems = Vec::new();
    for variable in schema {
        let validations = variable.validations.iter();
        let failed: Vec<&Validation> = validations
            .filter(|validation| holds(&validation.condition, &values) == Some(false))
            .collect();
        if !failed.is_empty() {
            problems.push(problem(variable, &failed, fixed, &shown));
        }
    }
    problems
}

/// The value that a variable is going to have, where it is known here.
fn value(variable: &Variable, fixed: &Map<String, Json>, given: &Map<String, Json>) -> Option<Value> {
    let name = &variable.name;
    if let Some(value) = fixed.get(name) {
        // It was not checked against the type, and Terraform may convert it.
        return match (&variable.kind, value) {
            (Kind::String, Json::String(_)) | (Kind::Number, Json::Number(_)) | (Kind::Bool, Json::Bool(_)) => {
                Value::untyped(value).ok()
            }
            _ => None,
        };
    }
    let given = given.get(name).filter(|value| !value.is_null());
    match given.or(variable.default.as_ref()) {
        Some(value) => Value::typed(&variable.kind, value).ok(),
        // A default that is not kept is null, unless it is a secret one.
        None if !variable.required && !variable.sensitive && variable.default_expression.is_none() => Some(Value::Null),
        None => None,
    }
}

/// Whether a condition holds; `None` where only Terraform knows.
fn holds(condition: &str, values: &BTreeMap<String, Value>) -> Option<bool> {
    let condition = expression(condition)?;
    match Scope::new(values).evaluate(&condition) {
        Ok(Value::Bool(holds)) => Some(holds),
        _ => None,
    }
}

/// An expression as a blueprint writes it. In Terraform's JSON syntax it stands in a template: `"${…}"`.
fn expression(text: &str) -> Option<Expression> {
    let inner = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    terraform_file::expression(inner.unwrap_or(text).trim()).ok()
}

/// The problem of a variable whose validations do not hold. `shown` are the values that may be.
fn problem(
    variable: &Variable,
    failed: &[&Validation],
    fixed: &Map<String, Json>,
    shown: &BTreeMap<String, Value>,
) -> FieldProblem {
    let remedy = if fixed.contains_key(&variable.name) {
        "the environment gives this value: ask an administrator to change it there".to_owned()
    } else {
        let conditions: Vec<String> = failed
            .iter()
            .map(|validation| in_short(&validation.condition))
            .collect();
        let this = if failed.len() == 1 { "this holds" } else { "these hold" };
        format!("give a value for which {this}: {}", conditions.join("; "))
    };
    let messages: Vec<String> = failed.iter().map(|validation| message(validation, shown)).collect();
    FieldProblem::new(format!("variables.{}", variable.name), messages.join("; "), remedy)
}

/// A condition on one line, and no longer than a remedy may be.
fn in_short(condition: &str) -> String {
    let condition: Vec<&str> = condition.split_whitespace().collect();
    let condition = condition.join(" ");
    let start: String = condition.chars().take(SHOWN).collect();
    let rest = if start.len() < condition.len() { "…" } else { "" };
    format!("{start}{rest}")
}

/// What Terraform would say. A message with values in it is shown with them, and as it is written where one may not be shown.
fn message(validation: &Validation, shown: &BTreeMap<String, Value>) -> String {
    let written = &validation.error_message;
    // In JSON syntax the text stands as it is: it is no expression, or none that makes a text.
    let evaluated = terraform_file::expression(written)
        .ok()
        .map(|message| Scope::new(shown).evaluate(&message));
    match evaluated {
        Some(Ok(Value::Text(text))) => text.trim_end().to_owned(),
        _ => written.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{check, read_schema};
    use super::*;

    #[test]
    fn every_validation_that_does_not_hold_is_reported_with_its_message() {
        let text = r#"
            variable "g" {
              type = number
              validation {
                condition     = var.g % 2 == 0
                error_message = format("%d is odd.", var.g)
              }
              validation {
                condition     = var.g < 100
                error_message = "${var.g} is too big."
              }
              validation {
                condition     = var.g > 0
                error_message = "It is positive."
              }
            }
        "#;
        let schema = read_schema([("main.tf", text)].into_iter()).expect("a schema");
        let given = Map::from_iter([("g".to_owned(), json!(101))]);
        let problems = check(&schema, &Map::new(), &given).expect_err("two validations fail");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].detail, "101 is odd.; 101 is too big.");
        assert_eq!(
            problems[0].remedy,
            "give a value for which these hold: var.g % 2 == 0; var.g < 100"
        );
    }

    /// As Terraform does, which judges the value that a stack has.
    #[test]
    fn a_default_that_fails_a_validation_is_a_problem_of_a_stack_without_a_value() {
        let text = r#"
            variable "team" {
              type    = string
              default = ""
              validation {
                condition     = var.team != ""
                error_message = "Name the team."
              }
            }
        "#;
        let schema = read_schema([("main.tf", text)].into_iter()).expect("a schema");
        let problems = check(&schema, &Map::new(), &Map::new()).expect_err("no value");
        assert_eq!(
            (problems[0].field.as_str(), problems[0].detail.as_str()),
            ("variables.team", "Name the team.")
        );
        let given = Map::from_iter([("team".to_owned(), json!("shop"))]);
        check(&schema, &Map::new(), &given).expect("a value");
    }

    #[test]
    fn a_problem_elsewhere_hides_no_validation() {
        let schema = read_schema([("main.tf", SCHEMA)].into_iter()).expect("a schema");
        let given = json!({ "size": 4, "most": "many", "zone": "A", "nothing": 1 });
        let problems = check(&schema, &Map::new(), given.as_object().expect("an object")).expect_err("four problems");
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "variables.nothing",
                "variables.most",
                "variables.size",
                "variables.zone"
            ]
        );
        // Not that it is more than `most`, which is no number.
        assert_eq!(problems[2].detail, "A disk has 8 GiB at least, not 4.");
    }

    const SCHEMA: &str = r#"
        variable "size" {
          type    = number
          default = 8
          validation {
            condition     = var.size >= 8
            error_message = "A disk has 8 GiB at least, not ${var.size}."
          }
          validation {
            condition     = var.size <= var.most
            error_message = "A disk has no more than the most."
          }
        }
        variable "most" {
          type    = number
          default = 100
        }
        variable "password" {
          type      = string
          sensitive = true
          default   = "not kept"
          validation {
            condition     = length(var.password) >= 8
            error_message = "A password has 8 characters."
          }
        }
        variable "zone" {
          type    = string
          default = null
          validation {
            condition     = var.zone == null ? true : can(regex("^[a-z.]+$", var.zone))
            error_message = "A zone is a domain."
          }
        }
        variable "key" {
          type    = string
          default = ""
          validation {
            condition     = can(filebase64(var.key))
            error_message = "A key is a file."
          }
        }
    "#;

    fn found(fixed: &Json, given: &Json) -> Vec<FieldProblem> {
        let schema = read_schema([("variables.tf", SCHEMA)].into_iter()).expect("a schema");
        // As it comes back from where it is kept.
        let kept = serde_json::to_value(&schema).expect("JSON");
        let schema: Vec<Variable> = serde_json::from_value(kept).expect("a schema");
        let object = |json: &Json| json.as_object().cloned().expect("an object");
        check(&schema, &object(fixed), &object(given)).err().unwrap_or_default()
    }

    #[test]
    fn a_text_is_compared_in_the_form_that_terraform_gives_it() {
        let schema = r#"variable "city" {
          type = string
          validation {
            condition     = contains(["Zürich"], var.city) && can(regex("^.{6}$", var.city))
            error_message = "No."
          }
        }"#;
        let schema = read_schema([("variables.tf", schema)].into_iter()).expect("a schema");
        let given = |city: &str| Map::from_iter([("city".to_owned(), json!(city))]);
        for city in ["Zürich", "Zu\u{308}rich"] {
            assert!(check(&schema, &Map::new(), &given(city)).is_ok(), "{city}");
        }
        assert!(check(&schema, &Map::new(), &given("Zurich")).is_err());
    }

    #[test]
    fn invalid_value_is_rejected_with_the_blueprints_message() {
        assert_eq!(found(&json!({}), &json!({})), []);
        assert_eq!(
            found(
                &json!({}),
                &json!({"size": 100, "zone": "example.com", "key": "/etc/hosts"})
            ),
            []
        );
        let problems = found(
            &json!({}),
            &json!({"size": 4, "zone": "no zone", "password": "hunter2"}),
        );
        let said: Vec<(&str, &str)> = problems
            .iter()
            .map(|problem| (problem.field.as_str(), problem.detail.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                ("variables.password", "A password has 8 characters."),
                ("variables.size", "A disk has 8 GiB at least, not 4."),
                ("variables.zone", "A zone is a domain."),
            ]
        );
        assert_eq!(problems[1].remedy, "give a value for which this holds: var.size >= 8");
        assert!(!format!("{problems:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_is_in_no_message_not_even_of_another_variable() {
        let schema = r#"
            variable "password" {
              type      = string
              sensitive = true
              validation {
                condition     = length(var.password) >= 8
                error_message = "Not ${var.password}."
              }
            }
            variable "user" {
              type = string
              validation {
                condition     = var.user != var.password
                error_message = "The password of ${var.user} is ${var.password}."
              }
            }
        "#;
        let schema = read_schema([("variables.tf", schema)].into_iter()).expect("a schema");
        let given = json!({"user": "hunter2", "password": "hunter2"});
        let problems = check(&schema, &Map::new(), given.as_object().expect("an object")).expect_err("wrong");
        assert_eq!(problems.len(), 2);
        assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    }

    #[test]
    fn condition_may_refer_to_other_and_environment_variables() {
        assert_eq!(
            found(&json!({}), &json!({"size": 101}))[0].detail,
            "A disk has no more than the most."
        );
        assert_eq!(found(&json!({}), &json!({"size": 101, "most": 200})), []);
        assert_eq!(found(&json!({"most": 50}), &json!({"size": 51})).len(), 1);
        let fixed = found(&json!({"size": 1}), &json!({}));
        assert!(fixed[0].remedy.contains("an administrator"), "{fixed:?}");
    }
}
