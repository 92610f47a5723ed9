//! Conditions of variables as they are judged before Terraform starts, and as Terraform itself judges them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

use serde_json::{Map, Value, json};
use slipway_model::variable;

use crate::support::terraform;

/// What conditions are about: a type, values of it, conditions.
struct Subject {
    kind: &'static str,
    values: Vec<Value>,
    conditions: &'static [&'static str],
}

/// Conditions that do not hold for some value, and are left to Terraform there: what is not known, or might be known wrongly.
const LEFT: [&str; 9] = [
    // IPv6, and zeros in front.
    "try(cidrhost(var.it, 0), \"\") == split(\"/\", var.it)[0]",
    "can(cidrnetmask(var.it)) || !strcontains(var.it, \"/\")",
    // Letters beyond ASCII.
    "can(regex(\"(?i)^WEB\", var.it))",
    "can(regex(\"^\\\\p{L}+$\", var.it))",
    "upper(var.it) == var.it",
    // What is converted.
    "can(tobool(var.it)) ? var.it == \"true\" : true",
    // Numbers that are not whole, or below 0.
    "var.it % 2 == 0 || var.it < 0",
    "var.it * 0.1 == 0.3",
    // A function that is not known.
    "jsonencode(var.it) == \"[]\"",
];

fn subjects() -> Vec<Subject> {
    vec![
        Subject {
            kind: "string",
            values: [
                "",
                "a",
                "abc",
                "web-1",
                "Web",
                "ü",
                "10.0.0.0/16",
                "10.1.2.3/16",
                "10.0.0.0/33",
                "010.0.0.0/8",
                "fd00::/8",
                "1",
                "true",
                "db.t4g.micro",
                "a,b,,c",
                "two\nlines",
                "[1, 2]",
                "${x}",
                "postgres",
            ]
            .map(Value::from)
            .to_vec(),
            conditions: TEXTS,
        },
        Subject {
            kind: "number",
            values: vec![
                json!(0),
                json!(1),
                json!(3),
                json!(-7),
                json!(20),
                json!(2.5),
                json!(1024),
                json!(65536),
            ],
            conditions: NUMBERS,
        },
        Subject {
            kind: "list(string)",
            values: vec![
                json!([]),
                json!(["a"]),
                json!(["a", "b"]),
                json!(["b", "a", "a"]),
                json!(["", "10.0.0.0/8"]),
            ],
            conditions: LISTS,
        },
        Subject {
            kind: "set(string)",
            values: vec![json!([]), json!(["b", "a"]), json!(["ü", "z", "a"])],
            conditions: SETS,
        },
        Subject {
            kind: "map(object({ size = number, kind = optional(string, \"gp3\"), zones = optional(list(string)) }))",
            values: vec![
                json!({}),
                json!({"a": {"size": 1}}),
                json!({"a": {"size": 8, "kind": "io2"}, "b": {"size": 20, "zones": ["x", "y"]}}),
                json!({"B-1": {"size": 0, "zones": []}}),
            ],
            conditions: MAPS,
        },
        Subject {
            kind: "object({ on = optional(bool, true), name = optional(string), limits = optional(object({ min = number, max = number })) })",
            values: vec![
                json!({}),
                json!({"on": false, "name": "x"}),
                json!({"limits": {"min": 1, "max": 3}}),
                json!({"limits": {"min": 4, "max": 3}, "name": ""}),
            ],
            conditions: OBJECTS,
        },
    ]
}

const TEXTS: &[&str] = &[
    "var.it != \"\"",
    "length(var.it) > 0 && length(var.it) <= 4",
    "length(var.it) == 1",
    "contains([\"a\", \"abc\", \"postgres\"], var.it)",
    "!contains([\"a\", \"abc\"], lower(var.it))",
    "can(regex(\"^[a-z][a-z0-9-]{0,31}$\", var.it)) && !endswith(var.it, \"-\") && !strcontains(var.it, \"--\")",
    "can(regex(\"^db\\\\.[a-z0-9-]+\\\\.[a-z0-9]+$\", var.it))",
    "can(regex(\"^\\\\w+$\", var.it))",
    "can(regex(\"(?i)^WEB\", var.it))",
    "can(regex(\"^.$\", var.it))",
    "can(regex(\"^[^,]*$\", var.it))",
    "can(regex(\"^\\\\p{L}+$\", var.it))",
    "try(regex(\"^([a-z]+)-([0-9]+)$\", var.it)[1], \"0\") == \"0\"",
    "try(regex(\"^(?P<name>[a-z]+)-\", var.it).name, \"none\") == \"none\"",
    "length(regexall(\"[a-z]\", var.it)) < 3",
    "can(cidrhost(var.it, 0))",
    "try(cidrhost(var.it, 0), \"\") == split(\"/\", var.it)[0]",
    "can(cidrnetmask(var.it)) || !strcontains(var.it, \"/\")",
    "can(tonumber(var.it))",
    "try(tonumber(var.it), 0) < 1",
    "can(tobool(var.it)) ? var.it == \"true\" : true",
    "can(jsondecode(var.it))",
    "length(split(\",\", var.it)) == 1",
    "join(\"-\", split(\",\", var.it)) == var.it",
    "upper(var.it) == var.it",
    "trimspace(var.it) == var.it && trim(var.it, \"a\") == var.it",
    "trimprefix(var.it, \"web-\") == var.it && trimsuffix(var.it, \"16\") == var.it",
    "startswith(var.it, \"a\") || var.it == \"ü\"",
    "substr(var.it, 0, 1) != \"w\"",
    "replace(var.it, \".\", \"\") == var.it",
    "coalesce(var.it, \"-\") == \"-\"",
    "\"${var.it}!\" == \"abc!\"",
    "format(\"%s-%d\", var.it, 1) == \"a-1\"",
    "var.it == coalesce(var.other, \"abc\")",
    "var.it == (var.limit > 3 ? \"abc\" : \"a\")",
    "anytrue([for prefix in [\"a\", \"w\"] : startswith(var.it, prefix)])",
    "{ a = 1, abc = 2 }[contains([\"a\", \"abc\"], var.it) ? var.it : \"a\"] == 1",
    "lookup({ a = true }, var.it, false)",
    "element([\"a\", \"b\"], length(var.it == \"a\" ? \"\" : \"x\")) == var.it",
    "can(file(var.it)) || true",
    "var.it == null ? false : can(regex(\"a\", var.it))",
];

const NUMBERS: &[&str] = &[
    "var.it > 0",
    "var.it >= 1 && var.it <= 1024",
    "floor(var.it) == var.it",
    "ceil(var.it) != 3",
    "contains([0, 1, 20], var.it)",
    "contains(range(0, 30, 10), var.it)",
    "var.it == 20 ? true : var.it < 2",
    "var.it % 2 == 0 || var.it < 0",
    "var.it * 2 - 1 != 5 && (var.it + 1) / 1 != 2",
    "min(var.it, 3) == 3 && max(var.it, 100, 2) == 100",
    "abs(var.it) < 20 && -var.it < 7",
    "tostring(var.it) != \"20\"",
    "var.it != 2.5",
    "var.it * 0.1 == 0.3",
    "var.it >= var.limit",
    "can(1 / var.it)",
    "length(\"x${var.it}\") == 2 || var.it == 2.5",
];

const LISTS: &[&str] = &[
    "length(var.it) > 0",
    "length(distinct(var.it)) == length(var.it)",
    "alltrue([for each in var.it : length(each) == 1])",
    "anytrue([for each in var.it : can(cidrhost(each, 0))])",
    "alltrue([for index, each in var.it : index < 1 || each == \"b\"])",
    "contains(var.it, \"a\")",
    "length([for each in var.it : each if each != \"\"]) == length(var.it)",
    "join(\",\", sort(var.it)) == join(\",\", var.it)",
    "var.it[0] == \"a\"",
    "try(var.it[1], \"none\") == \"none\"",
    "length(setintersection(var.it, [\"a\"])) == 0",
    "length(setunion(var.it, [\"a\"])) == 2",
    "length(setsubtract(var.it, [\"a\", \"b\"])) == 0",
    "length(concat(var.it, [\"x\"], flatten([var.it, [[\"y\"]]]))) < 5",
    "length(compact(var.it)) == length(var.it)",
    "length(toset(var.it)) == length(var.it)",
    "length(var.it[*]) == 1",
    "var.it == null || length(var.it) < 2",
    "length({ for each in toset(var.it) : each => upper(each) }) == 1",
    "length({ for each in var.it : substr(each, 0, 1) => each... }) == 1",
    "can({ for each in var.it : each => 1 })",
    "can(one(var.it)) && length(slice(var.it, 0, min(1, length(var.it)))) == 1",
    "reverse(var.it)[0] == \"a\"",
    "jsonencode(var.it) == \"[]\"",
    "max([for each in var.it : length(each)]...) < 2",
];

const SETS: &[&str] = &[
    "length(var.it) > 0",
    "contains(var.it, \"a\")",
    "join(\"\", [for each in var.it : each]) == \"ab\"",
    "tolist(var.it)[0] == \"a\"",
    "alltrue([for key, each in var.it : key == each])",
    "length(setsubtract([\"a\", \"z\"], var.it)) == 0",
];

const MAPS: &[&str] = &[
    "length(var.it) > 0",
    "alltrue([for name, disk in var.it : disk.size >= 1])",
    "alltrue([for disk in values(var.it) : contains([\"gp3\"], disk.kind)])",
    "alltrue([for name in keys(var.it) : can(regex(\"^[a-z]+$\", name))])",
    "alltrue([for disk in var.it : disk.zones == null || length(coalesce(disk.zones, [])) > 0])",
    "alltrue([for disk in var.it : disk.zones == null ? true : length(disk.zones) > 0])",
    "try(var.it[\"a\"].size, 0) == 0",
    "can(var.it.b) || can(var.it.a)",
    "sum(concat([0], [for disk in var.it : disk.size])) < 10",
    "length(flatten([for disk in var.it : coalesce(disk.zones, [])])) == 0",
    "length(merge(var.it, { z = { size = 1, kind = \"\", zones = [] } })) == 2",
    "join(\",\", [for disk in values(var.it) : disk.kind][*]) == \"gp3\"",
    "length(values(var.it)[*].size) == 1",
    "!contains(keys(var.it), \"a\")",
];

const OBJECTS: &[&str] = &[
    "var.it.on",
    "var.it.name != null",
    "var.it.name == null || var.it.name != \"\"",
    "var.it.limits == null || try(var.it.limits.min <= var.it.limits.max, false)",
    "try(var.it.limits.max, 0) == 3",
    "var.it[\"on\"] == true",
    "!(var.it.on && var.it.name == null)",
    "length([for key, value in var.it : key if value != null]) > 1",
];

#[test]
fn what_validation_rejects_terraform_rejects() {
    let Some(program) = terraform() else { return };
    let mut text = "variable \"other\" {\n  type = string\n  default = null\n}\nvariable \"limit\" {\n  type = number\n  default = 20\n}\n".to_owned();
    let mut values = Map::new();
    let mut cases = Vec::new();
    for subject in subjects() {
        for condition in subject.conditions {
            for value in &subject.values {
                let name = format!("case{}", cases.len());
                let own = condition.replace("var.it", &format!("var.{name}"));
                writeln!(
                    text,
                    "variable \"{name}\" {{\n  type = {}\n  validation {{\n    condition = {own}\n    error_message = \"It is {name}.\"\n  }}\n}}",
                    subject.kind
                )
                .expect("a text");
                values.insert(name.clone(), value.clone());
                cases.push((name, *condition, value.clone()));
            }
        }
    }
    let terraforms = refused_by_terraform(&program, &text, &values);

    let schema = variable::read_schema([("main.tf", text.as_str())].into_iter()).expect("a schema");
    let problems = variable::check(&schema, &Map::new(), &values).expect_err("problems");
    let ours: BTreeSet<String> = problems
        .iter()
        .map(|problem| problem.field.replace("variables.", ""))
        .collect();
    assert!(
        problems.iter().all(|problem| problem.detail.starts_with("It is case")),
        "{problems:?}"
    );

    assert!(
        cases.len() > 1_000 && terraforms.len() > 300,
        "{} of {}",
        terraforms.len(),
        cases.len()
    );
    let (mut left, mut wrong) = (BTreeSet::new(), Vec::new());
    for (name, condition, value) in &cases {
        match (ours.contains(name), terraforms.contains(name)) {
            (true, false) => wrong.push(format!("{condition} with {value}")),
            (false, true) => {
                left.insert(*condition);
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(left, BTreeSet::from(LEFT));
}

/// The variables whose conditions do not hold, as `terraform plan` says.
fn refused_by_terraform(program: &std::path::Path, text: &str, values: &Map<String, Value>) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.tf"), text).expect("a file");
    let values = Value::from(values.clone()).to_string();
    std::fs::write(folder.path().join("terraform.tfvars.json"), values).expect("a file");
    let planned = Command::new(program)
        .args(["plan", "-json", "-input=false"])
        .current_dir(folder.path())
        .output()
        .expect("terraform");
    let said = String::from_utf8_lossy(&planned.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let details: Vec<String> = messages
        .filter_map(|message| Some(message["diagnostic"]["detail"].as_str()?.to_owned()))
        .collect();
    let name = |detail: &String| {
        let (_, rest) = detail.split_once("It is ")?;
        Some(rest.split_once('.')?.0.to_owned())
    };
    let refused: BTreeSet<String> = details.iter().filter_map(name).collect();
    assert!(!refused.is_empty(), "{details:#?}");
    refused
}
