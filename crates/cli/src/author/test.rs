//! `slipway blueprint test`: a plan with mocked providers, and what the workflow would do with it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};
use slipway_model::blueprint::Source;
use slipway_model::contract::{Contract, Partial};
use slipway_model::plan::show;
use slipway_model::terraform::OUTPUT;
use slipway_model::variable::{self, Kind, Variable};

use super::check::Checked;
use super::files::Files;
use super::finding::{Finding, Rule, Severity};
use super::outline;
use super::terraform::{Copy, Diagnostic, Providers, diagnostic};
use crate::error::Error;
use crate::output::Line;
use crate::terraform::Search;

/// The file with the test. Terraform reads tests beside the module.
const TEST: &str = "slipway_blueprint.tftest.hcl";

/// What a test came to.
pub struct Tested {
    pub findings: Vec<Finding>,
    /// The values that variables got, and which of them were made up.
    pub made_up: Vec<(String, Value)>,
    /// What the workflow would do, where there is a plan.
    pub outline: Vec<Line>,
}

/// Plans the blueprint, which has passed the check, with these values.
pub fn test(folder: &Path, checked: &Checked, given: &Map<String, Value>, search: &Search) -> Result<Tested, Error> {
    let Some(terraform) = &checked.terraform else {
        return Err(Error::Program(
            "a test needs Terraform: install Terraform 1.11 or later, or set SLIPWAY_TERRAFORM to its path".to_owned(),
        ));
    };
    let source = &checked.source;
    let schema = source.check_as_written().map_err(|errors| Error::Refused {
        title: "The blueprint is not valid".to_owned(),
        detail: "`slipway blueprint check` shows where".to_owned(),
        errors,
    })?;
    let (values, made_up) = values(&schema, given)?;
    let copy = Copy::of(source, terraform, Providers::Anywhere, &search.providers())?;
    copy.add(TEST, &test_file(source, &values))?;
    if let Some(stop) = copy.init()?.into_iter().find(Diagnostic::is_error) {
        return Err(Error::Program(format!(
            "Terraform cannot prepare a plan: {}",
            copy.plain(&stop.text())
        )));
    }
    let messages = copy.test()?;
    let files = Files::new(folder, source);
    let mut findings: Vec<Finding> = messages
        .iter()
        .filter_map(diagnostic)
        .map(|diagnostic| finding(&diagnostic, &copy, &files))
        .collect();
    let Some(plan) = messages.iter().find(|message| message["type"] == "test_plan") else {
        return Ok(Tested {
            findings,
            made_up,
            outline: Vec::new(),
        });
    };
    let change = &plan["test_plan"]["output_changes"][OUTPUT];
    let contract = Partial::planned(change.get("after"), change.get("after_unknown"));
    let problems = source.contract_problems(Contract::problems(&contract));
    findings.extend(problems.into_iter().map(|problem| Finding::of(problem, &files)));
    let shown = show::read(plan["test_plan"].to_string().as_bytes(), &|text| text.to_owned())
        .map_err(|error| Error::Program(format!("the plan of Terraform cannot be read: {error}")))?;
    let outline = outline::of(&shown.summary, &contract);
    Ok(Tested {
        findings,
        made_up,
        outline,
    })
}

fn finding(diagnostic: &Diagnostic, copy: &Copy, files: &Files<'_>) -> Finding {
    let range = diagnostic.range.as_ref().filter(|range| range.filename != TEST);
    let message = copy.plain(&diagnostic.text());
    let placed = range.and_then(|range| Some((files.shown(&files.path_of(&range.filename)?), range.start)));
    let (file, place) = placed.unwrap_or_else(|| files.place_in_root_module(&message));
    Finding {
        file,
        place,
        severity: if diagnostic.is_error() {
            Severity::Error
        } else {
            Severity::Warning
        },
        rule: Rule::Terraform,
        code: None,
        message,
        remedy: None,
    }
}

/// The values of a plan, and those among them that were made up.
type Values = (Map<String, Value>, Vec<(String, Value)>);

/// The values of the plan: the given ones, and for a variable that must have one and has none, one of its type.
fn values(schema: &[Variable], given: &Map<String, Value>) -> Result<Values, Error> {
    let mut values = given.clone();
    let mut made_up = Vec::new();
    for variable in schema.iter().filter(|variable| variable.required) {
        if !values.contains_key(&variable.name) {
            let value = sample(&variable.kind);
            made_up.push((variable.name.clone(), value.clone()));
            values.insert(variable.name.clone(), value);
        }
    }
    let checked = variable::check(schema, &Map::new(), &values).map_err(|errors| Error::Refused {
        title: "A value is not valid".to_owned(),
        detail: "correct it with `--var NAME=VALUE` or `--var-file FILE`".to_owned(),
        errors,
    })?;
    Ok((checked, made_up))
}

/// A value of a type.
fn sample(kind: &Kind) -> Value {
    match kind {
        Kind::Any | Kind::String => json!("example"),
        Kind::Number => json!(1),
        Kind::Bool => json!(false),
        Kind::List(_) | Kind::Set(_) => json!([]),
        Kind::Map(_) => json!({}),
        Kind::Tuple(kinds) => kinds.iter().map(sample).collect(),
        Kind::Object(attributes) => {
            let required = attributes.iter().filter(|(_, attribute)| !attribute.optional);
            let fields = required.map(|(name, attribute)| (name.clone(), sample(&attribute.kind)));
            Value::Object(fields.collect())
        }
    }
}

/// A test with one plan, in which every provider is a mock
/// (<https://developer.hashicorp.com/terraform/language/tests/mocking>).
fn test_file(source: &Source, values: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, alias) in source.providers() {
        let alias = alias.map_or_else(String::new, |alias| format!(" alias = {alias:?} "));
        // Writing into a text never fails.
        let _ = writeln!(text, "mock_provider {name:?} {{{alias}}}\n");
    }
    text.push_str("run \"plan\" {\n  command = plan\n  variables {\n");
    for (name, value) in values {
        let _ = writeln!(text, "    {name} = {}", expression(value));
    }
    text.push_str("  }\n}\n");
    text
}

/// A value as an expression: JSON is one, but for its texts, which are templates.
fn expression(value: &Value) -> String {
    value.to_string().replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_has_a_mock_for_each_provider_and_literal_values() {
        let mut source = Source::default();
        let main = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  alias = "dns"
}
resource "random_id" "x" {}
resource "terraform_data" "y" {}
data "aws_region" "here" {}
"#;
        source.files.insert("main.tf".to_owned(), main.to_owned());
        let values = Map::from_iter([("a".to_owned(), json!({"k": "${file(\"x\")}"}))]);
        let text = test_file(&source, &values);
        let mocks = "mock_provider \"aws\" {}\n\nmock_provider \"aws\" { alias = \"dns\" }\n\nmock_provider \"random\" {}\n\nrun";
        assert!(text.starts_with(mocks), "{text}");
        assert!(text.contains(r#"a = {"k":"$${file(\"x\")}"}"#), "{text}");
    }

    #[test]
    fn required_variable_gets_a_value_of_its_type() {
        let text = "variable \"a\" {\n  type = object({ n = number, o = optional(string) })\n}\nvariable \"b\" {\n  default = 2\n}";
        let schema = variable::read_schema([("main.tf", text)].into_iter()).expect("a schema");
        let (values, made_up) = values(&schema, &Map::new()).expect("values");
        assert_eq!(json!(values), json!({"a": {"n": 1}}));
        assert_eq!(made_up.len(), 1);
        let wrong = Map::from_iter([("c".to_owned(), json!(1))]);
        assert!(super::values(&schema, &wrong).is_err());
    }
}
