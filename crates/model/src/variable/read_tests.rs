//! What is read of the variables of a root module, in both syntaxes.

use super::*;
use crate::variable::Attribute;
use serde_json::json;
use std::collections::BTreeMap;

fn schema(file: &str, text: &str) -> Vec<Variable> {
    read_schema([(file, text)].into_iter()).expect("a schema")
}

fn problems(file: &str, text: &str) -> Vec<FieldProblem> {
    read_schema([(file, text)].into_iter()).expect_err("problems")
}

#[test]
fn a_block_is_read_with_all_it_says() {
    let variables = schema(
        "variables.tf",
        r#"
        variable "size" {
          description = "GiB of disk"
          type        = number
          default     = -1.5
          nullable    = false
          validation {
            condition     = var.size > -2
            error_message = "A disk has a size."
          }
        }
        variable "password" {
          type      = string
          default   = "hunter2"
          sensitive = true
        }
        "#,
    );
    let [password, size] = variables.as_slice() else {
        panic!("{variables:?}")
    };
    assert!(
        password.sensitive && !password.required && password.default.is_none(),
        "a secret default is not shown"
    );
    assert_eq!(
        (size.default.clone(), size.nullable, size.required),
        (Some(json!(-1.5)), false, false)
    );
    assert_eq!((size.kind.clone(), size.type_text.as_str()), (Kind::Number, "number"));
    assert_eq!(size.validations[0].condition, "var.size > -2");
    assert_eq!(size.validations[0].error_message, "A disk has a size.");
}

#[test]
fn a_description_may_have_several_lines() {
    let text = "variable \"size\" {\n  type = number\n  description = <<-EOT\n    GiB of disk:\n\n    - at least 8\n  EOT\n}\n";
    assert_eq!(
        schema("variables.tf", text)[0].description,
        "GiB of disk:\n\n- at least 8"
    );
}

#[test]
fn both_syntaxes_say_the_same() {
    let kind = "map(object({ size = number, tags = optional(list(string), [\"a\"]) }))";
    let hcl = schema(
        "a.tf",
        &format!("variable \"disks\" {{\n type = {kind}\n default = {{ a = {{ size = 1 }} }}\n}}"),
    );
    let written = json!({"variable": {"disks": {"type": kind, "default": {"a": {"size": 1}}}}});
    assert_eq!(hcl, schema("a.tf.json", &written.to_string()));
    let attributes = BTreeMap::from([
        (
            "size".to_owned(),
            Attribute {
                kind: Kind::Number,
                optional: false,
                default: None,
                default_expression: None,
            },
        ),
        (
            "tags".to_owned(),
            Attribute {
                kind: Kind::List(Box::new(Kind::String)),
                optional: true,
                default: Some(json!(["a"])),
                default_expression: None,
            },
        ),
    ]);
    assert_eq!(hcl[0].kind, Kind::Map(Box::new(Kind::Object(attributes))));
}

#[test]
fn default_of_an_optional_attribute_may_be_an_expression() {
    for (written, value, expression) in [
        ("number, 60 * 5", Some(json!(300)), None),
        ("string, \"${\"a\"}-b\"", Some(json!("a-b")), None),
        ("number, 1 / 3", None, Some("1 / 3")),
    ] {
        let kind = format!("object({{ a = optional({written}) }})");
        let hcl = schema("a.tf", &format!("variable \"v\" {{\n type = {kind}\n}}\n"));
        let json = json!({"variable": {"v": {"type": kind}}}).to_string();
        assert_eq!(hcl, schema("a.tf.json", &json), "{written}");
        let Kind::Object(attributes) = &hcl[0].kind else {
            panic!("{hcl:?}")
        };
        let attribute = &attributes["a"];
        assert!(attribute.optional, "{written}");
        assert_eq!(
            (attribute.default.as_ref(), attribute.default_expression.as_deref()),
            (value.as_ref(), expression),
            "{written}"
        );
    }
}

#[test]
fn a_broken_file_is_named_with_the_place() {
    let named = problems("main.tf", "variable \"a\" {\n  type = \n}");
    assert_eq!(named[0].field, "files.main.tf");
    assert_eq!(named[0].place.map(|place| place.line), Some(2), "{named:?}");
    assert_eq!(problems("main.tf.json", "{")[0].field, "files.main.tf.json");
}

/// What `terraform validate` (1.11) accepts, and what it rejects with which words of ours.
#[test]
fn a_variable_that_terraform_rejects_is_rejected() {
    for (block, words) in [
        ("type = text", "`text` is not a type"),
        ("type = \"string\"", "in quotes"),
        ("type = (list(string))", "is not a type"),
        ("type = set", "one element type"),
        ("type = list(string, number)", "one element type"),
        ("type = object({ a = list })", "one element type"),
        ("type = object({ \"a\" = string })", "no plain name"),
        ("type = any()", "is not a type"),
        ("type = optional(string)", "`object({…})` only"),
        ("type = object({ a = optional(number, \"x\") })", "a number is required"),
        ("type = string\ntype = string", "given twice"),
        ("default = file(\"x\")", "`file(…)` is not a constant"),
        ("default = null\nnullable = false", "null"),
        ("default = null\nnullable = \"false\"", "null"),
        ("sensitive = 1", "neither true nor false"),
        ("sensitive = null", "neither true nor false"),
        ("sensitive = \"yes\"", "neither true nor false"),
        ("sensitive = var.x", "not a constant"),
        ("frobnicate = 1", "`frobnicate` is not known"),
        ("foo {}", "`foo` is not known"),
        ("description = null", "not a text"),
        ("type = bool\ndefault = 1", "bool required"),
        ("type = bool\ndefault = \"True\"", "bool is required"),
        ("type = number\ndefault = true", "number required"),
        ("type = number\ndefault = \"0x10\"", "number is required"),
        ("type = number\ndefault = \" 1\"", "number is required"),
        ("type = list(any)\ndefault = [1, true]", "same type"),
        ("type = list(any)\ndefault = [1, []]", "same type"),
        ("type = tuple([string])\ndefault = []", "tuple required"),
        ("type = object({ a = string })\ndefault = {}", "`a` is required"),
        ("type = map(string)\ndefault = []", "map required"),
        ("type = list(string)\ndefault = {}", "list required"),
        ("type = string\ndefault = []", "string required"),
        ("validation {\n condition = var.v > 1\n}", "no `error_message`"),
        ("validation {\n error_message = \"x\"\n}", "no `condition`"),
        (
            "validation {\n condition = var.v > 1\n error_message = \"x\"\n foo = 1\n}",
            "`foo` is not known",
        ),
    ] {
        let named = problems("a.tf", &format!("variable \"v\" {{\n{block}\n}}\n"));
        assert!(named[0].detail.contains(words), "{block}: {named:?}");
    }
    for block in [
        "type = list",
        "sensitive = \"1\"",
        "description = 1",
        "type = bool\ndefault = \"1\"",
        "type = number\ndefault = \"1e3\"",
        "type = list(any)\ndefault = [1, \"a\"]",
        "type = map(any)\ndefault = { a = { x = 1 }, b = { y = 2 } }",
        "type = map(any)\ndefault = { a = [1], b = [\"x\"] }",
        "type = map(any)\ndefault = { a = 1, b = null }",
        "type = set(string)\ndefault = [\"a\", \"a\", null]",
        "type = object({ a = optional(number, \"1\") })\ndefault = {}",
        "type = object({ a = string })\ndefault = { a = 1, b = 2 }",
        "type = list(string)\ndefault = true ? [] : [\"a\"]",
        "default = 1 / 3",
    ] {
        schema("a.tf", &format!("variable \"v\" {{\n{block}\n}}\n"));
    }
}

#[test]
fn a_name_that_terraform_rejects_is_rejected() {
    for name in ["version", "count", "_", "1x", "-x", "a b", "a.b", "provider"] {
        let named = problems("a.tf", &format!("variable \"{name}\" {{}}\n"));
        assert_eq!(named.len(), 1, "{name}: {named:?}");
    }
    for name in ["connection", "x-y", "_x", "Zürich", "Zu\u{308}rich"] {
        assert_eq!(schema("a.tf", &format!("variable {name} {{}}\n"))[0].name, name);
    }
    assert!(
        problems("a.tf", "variable \"a\" {}\nvariable \"a\" {}")[0]
            .detail
            .contains("twice")
    );
}

#[test]
fn sensitive_is_evaluated_as_terraform_does() {
    for written in [
        "\"true\"",
        "\"${true}\"",
        "(true)",
        "!false",
        "true ? true : false",
        "\"1\"",
        "1 / 3 > 0",
    ] {
        for flag in ["sensitive", "ephemeral"] {
            let text = format!("variable \"v\" {{\n default = \"secret\"\n {flag} = {written}\n}}\n");
            let variable = schema("a.tf", &text).remove(0);
            assert!(variable.sensitive && variable.default.is_none(), "{text}: {variable:?}");
        }
    }
    let text = r#"{"variable": {"v": {"default": "secret", "sensitive": "true"}}}"#;
    assert!(schema("a.tf.json", text)[0].sensitive);
    assert!(!schema("a.tf", "variable \"v\" {\n sensitive = \"false\"\n}\n")[0].sensitive);
    assert!(!schema("a.tf", "variable \"v\" {\n nullable = \"false\"\n}\n")[0].nullable);
    problems("a.tf.json", r#"{"variable": {"v": {"sensitive": "${true}"}}}"#);
}

#[test]
fn files_of_values_give_what_a_request_leaves_out() {
    let files = [
        (
            "main.tf",
            "variable \"a\" {}\nvariable \"b\" {\n type = number\n default = 0\n}\nvariable \"c\" {\n default = 1\n nullable = false\n}",
        ),
        ("b.auto.tfvars", "b = 2 * 3\nother = 1\nc = null\n"),
        ("a.auto.tfvars.json", r#"{"a": "${x}", "b": 5}"#),
        ("terraform.tfvars", "b = 4\na = \"first\""),
        ("ignored.tfvars", "a = ="),
    ];
    let variables = read_schema(files.into_iter()).expect("a schema");
    let defaults: Vec<_> = variables.iter().map(|variable| variable.default.clone()).collect();
    assert_eq!(defaults, [Some(json!("${x}")), Some(json!(6)), Some(json!(1))]);
    assert!(variables.iter().all(|variable| !variable.required));
    for (text, words) in [
        ("b = \"x\"", "number is required"),
        ("b = var.a", "not a constant"),
        ("b {}", "block"),
        ("b =", "expected an expression"),
    ] {
        let named = read_schema([files[0], ("x.auto.tfvars", text)].into_iter()).expect_err(text);
        assert!(
            named[0].detail.contains(words) && named[0].field == "files.x.auto.tfvars",
            "{named:?}"
        );
    }
}

#[test]
fn an_override_file_changes_what_is_declared() {
    let base = (
        "main.tf",
        "variable \"a\" {\n type = number\n default = 1\n description = \"A size\"\n}",
    );
    let change = ("a_override.tf", "variable \"a\" {\n default = 2\n sensitive = true\n}");
    let variables = read_schema([change, base].into_iter()).expect("a schema");
    assert_eq!(
        (
            variables[0].description.as_str(),
            variables[0].sensitive,
            variables[0].required
        ),
        ("A size", true, false)
    );
    for (text, words) in [
        ("variable \"b\" {}", "override file only"),
        ("variable \"a\" {\n default = \"x\"\n}", "number is required"),
        (
            "variable \"a\" {\n validation {\n condition = var.a > 1\n error_message = \"x\"\n }\n}",
            "validations",
        ),
    ] {
        let named = read_schema([("override.tf", text), base].into_iter()).expect_err(text);
        assert!(named[0].detail.contains(words), "{named:?}");
    }
}

#[test]
fn json_that_names_a_block_twice_declares_both() {
    let text = r#"{"variable": {"x": {"default": 1}}, "variable": [{"y": {"//": "why"}}]}"#;
    let names: Vec<String> = schema("a.tf.json", text)
        .into_iter()
        .map(|variable| variable.name)
        .collect();
    assert_eq!(names, ["x", "y"]);
    let text = r#"[{"variable": {"x": {"//": 1, "//": 2, "type": " string "}}}, {"variable": {"y": {}}}]"#;
    assert_eq!(schema("a.tf.json", text).len(), 2);
    for text in [
        r#"{"variable": {"x": {"default": {"a": 1, "a": 2}}}}"#,
        r#"{"variable": {"x": {"default": 1, "default": 2}}}"#,
    ] {
        assert!(problems("a.tf.json", text)[0].detail.contains("twice"), "{text}");
    }
}

#[test]
fn number_that_json_would_round_stays_as_written() {
    let text = r#"{"variable": {"x": {"default": [0.12345678901234567890123]}, "y": {"default": 1.5}}}"#;
    let variables = schema("a.tf.json", text);
    assert_eq!(
        (variables[0].default.clone(), variables[0].default_expression.as_deref()),
        (None, Some("[0.12345678901234567890123]"))
    );
    assert_eq!(variables[1].default, Some(json!(1.5)));
    let files = [
        ("main.tf", "variable \"x\" {}"),
        ("terraform.tfvars.json", r#"{"x": 123456789012345678901234567890}"#),
    ];
    let variables = read_schema(files.into_iter()).expect("a schema");
    assert_eq!(
        variables[0].default_expression.as_deref(),
        Some("123456789012345678901234567890")
    );
}

#[test]
fn files_that_terraform_ignores_declare_nothing() {
    let files = [
        ("main.tf", "variable \"a\" {}"),
        ("._main.tf", "\u{0}"),
        ("#main.tf#", "variable \"a\" {}"),
        (".x.tf", "}"),
    ];
    assert_eq!(read_schema(files.into_iter()).expect("a schema").len(), 1);
}

#[test]
fn unknown_argument_of_a_validation_is_named_in_json() {
    let text = r#"{"variable": {"v": {"validation": {"//": "why", "condition": "${var.v > 1}", "error_message": "No.", "eror": "x"}}}}"#;
    let found = problems("a.tf.json", text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].detail.contains("`eror` is not known"), "{found:?}");
}
