//! Reads `variable` blocks out of Terraform files.

use hcl_edit::expr::Expression;
use hcl_edit::parser;
use hcl_edit::structure::{Block, Body};
use serde_json::Value;

use super::literal::{kind, literal, text_of};
use super::{Kind, Validation, Variable};
use crate::problem::FieldProblem;

/// Reads the schema out of the files of a root module, given as `(file name, text)`. Every problem is named at once, in
/// the field `files.<file name>`. Files in which Terraform keeps no configuration are passed over.
pub fn read_schema<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Variable>, Vec<FieldProblem>> {
    let mut reader = Reader::default();
    for (file, text) in files {
        file.clone_into(&mut reader.file);
        match syntax_of(file) {
            Some(Syntax::Hcl) => reader.read_hcl(text),
            Some(Syntax::Json) => reader.read_json(text),
            None => {}
        }
    }
    reader.variables.sort_by(|a, b| a.name.cmp(&b.name));
    if reader.problems.is_empty() {
        Ok(reader.variables)
    } else {
        Err(reader.problems)
    }
}

/// Terraform's two syntaxes.
#[derive(Clone, Copy)]
pub(crate) enum Syntax {
    /// `*.tf`.
    Hcl,
    /// `*.tf.json`.
    Json,
}

/// The syntax that Terraform reads a file of this name in; `None` for one that holds no configuration.
pub(crate) fn syntax_of(file: &str) -> Option<Syntax> {
    let json = file.strip_suffix(".tf.json").map(|_| Syntax::Json);
    json.or_else(|| file.strip_suffix(".tf").map(|_| Syntax::Hcl))
}

/// What has been read, and the file that is being read.
#[derive(Default)]
struct Reader {
    file: String,
    variables: Vec<Variable>,
    problems: Vec<FieldProblem>,
}

/// A `variable` block as it was written, in either of Terraform's two syntaxes.
#[derive(Default)]
struct Declared {
    kind: Option<(Kind, String)>,
    default: Option<Value>,
    description: String,
    sensitive: bool,
    nullable: Option<bool>,
    validations: Vec<Validation>,
}

impl Reader {
    fn problem(&mut self, detail: impl Into<String>, remedy: &str) {
        self.problems
            .push(FieldProblem::new(format!("files.{}", self.file), detail, remedy));
    }

    fn read_hcl(&mut self, text: &str) {
        let body = match parser::parse_body(text) {
            Ok(body) => body,
            Err(error) => {
                let (line, column) = (error.location().line(), error.location().column());
                self.problem(
                    format!("line {line}, column {column}: {}", error.message()),
                    "correct the syntax: `terraform fmt` shows the place too",
                );
                return;
            }
        };
        for block in body.get_blocks("variable") {
            match block.labels.as_slice() {
                [name] => self.read_block(name.as_str(), block),
                _ => self.problem(
                    "a `variable` block has not one label",
                    "write `variable \"name\" { … }`",
                ),
            }
        }
    }

    fn read_block(&mut self, name: &str, block: &Block) {
        let mut declared = Declared::default();
        for attribute in block.body.attributes() {
            let (key, value) = (attribute.key.as_str(), &attribute.value);
            match key {
                "type" => match kind(value) {
                    Ok(kind) => declared.kind = Some((kind, text_of(value))),
                    Err(what) => self.problem(format!("variable `{name}`: {what}"), "use a Terraform type constraint"),
                },
                "default" => match literal(value) {
                    Some(value) => declared.default = Some(value),
                    None => self.problem(
                        format!("variable `{name}`: the default is not a literal value"),
                        "write the value out: Terraform takes no expression here",
                    ),
                },
                "description" => declared.description = plain_text(value).unwrap_or_default(),
                "sensitive" | "ephemeral" => declared.sensitive |= value.as_bool().unwrap_or_default(),
                "nullable" => declared.nullable = value.as_bool(),
                // An argument of a later Terraform, which judges it itself when it plans.
                _ => {}
            }
        }
        declared.validations = block
            .body
            .get_blocks("validation")
            .map(|block| validation(&block.body))
            .collect();
        self.declare(name, declared);
    }

    fn read_json(&mut self, text: &str) {
        let file: Value = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => return self.problem(error.to_string(), "correct the JSON"),
        };
        // Terraform's JSON syntax takes an object, or a list of objects, wherever the other syntax has blocks.
        let blocks = file.get("variable").into_iter().flat_map(each);
        for (name, block) in blocks.filter_map(Value::as_object).flatten() {
            for block in each(block) {
                self.read_json_block(name, block);
            }
        }
    }

    fn read_json_block(&mut self, name: &str, block: &Value) {
        let text = |key: &str| block.get(key).and_then(Value::as_str);
        let flag = |key: &str| block.get(key).and_then(Value::as_bool);
        let mut declared = Declared {
            default: block.get("default").cloned(),
            description: text("description").unwrap_or_default().to_owned(),
            sensitive: flag("sensitive").unwrap_or_default() || flag("ephemeral").unwrap_or_default(),
            nullable: flag("nullable"),
            ..Declared::default()
        };
        if let Some(written) = text("type") {
            let parsed = parser::parse_expr(written).map_err(|error| error.message().to_owned());
            match parsed.and_then(|expression| kind(&expression)) {
                Ok(kind) => declared.kind = Some((kind, written.to_owned())),
                Err(what) => self.problem(format!("variable `{name}`: {what}"), "use a Terraform type constraint"),
            }
        }
        let validations = block.get("validation").into_iter().flat_map(each);
        let part = |block: &Value, key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        declared.validations = validations
            .map(|block| Validation {
                condition: part(block, "condition"),
                error_message: part(block, "error_message"),
            })
            .collect();
        self.declare(name, declared);
    }

    fn declare(&mut self, name: &str, declared: Declared) {
        let base = self.file.trim_end_matches(".json").trim_end_matches(".tf");
        if base == "override" || base.ends_with("_override") {
            return self.problem(
                format!("variable `{name}` is declared in an override file"),
                "declare it in an ordinary file: what a variable is must stand in one place",
            );
        }
        if self.variables.iter().any(|variable| variable.name == name) {
            return self.problem(format!("variable `{name}` is declared twice"), "declare it once");
        }
        let (kind, type_text) = declared.kind.unwrap_or_else(|| (Kind::Any, "any".to_owned()));
        self.variables.push(Variable {
            name: name.to_owned(),
            kind,
            type_text,
            required: declared.default.is_none(),
            default: declared.default.filter(|_| !declared.sensitive),
            // Terraform's own default (`https://developer.hashicorp.com/terraform/language/values/variables`, "nullable").
            nullable: declared.nullable.unwrap_or(true),
            description: declared.description,
            sensitive: declared.sensitive,
            validations: declared.validations,
        });
    }
}

fn validation(body: &Body) -> Validation {
    let argument = |key: &str| body.get_attribute(key).map(|attribute| &attribute.value);
    let message = argument("error_message");
    Validation {
        condition: argument("condition").map(text_of).unwrap_or_default(),
        // A message may be a template; it is shown as it is written then.
        error_message: message
            .map(|message| plain_text(message).unwrap_or_else(|| text_of(message)))
            .unwrap_or_default(),
    }
}

/// The text of an expression that is nothing else, a string or a heredoc, less the line end that closes a heredoc.
fn plain_text(expression: &Expression) -> Option<String> {
    match literal(expression)? {
        Value::String(text) => Some(text.trim_end().to_owned()),
        _ => None,
    }
}

fn each(value: &Value) -> std::slice::Iter<'_, Value> {
    value
        .as_array()
        .map_or_else(|| std::slice::from_ref(value).iter(), |values| values.iter())
}

#[cfg(test)]
mod tests {
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
                condition     = var.size > 0
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
        assert_eq!(size.validations[0].condition, "var.size > 0");
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
                },
            ),
            (
                "tags".to_owned(),
                Attribute {
                    kind: Kind::List(Box::new(Kind::String)),
                    optional: true,
                    default: Some(json!(["a"])),
                },
            ),
        ]);
        assert_eq!(hcl[0].kind, Kind::Map(Box::new(Kind::Object(attributes))));
    }

    #[test]
    fn a_broken_file_is_named_with_the_place() {
        let named = problems("main.tf", "variable \"a\" {\n  type = \n}");
        assert_eq!(named[0].field, "files.main.tf");
        assert!(named[0].detail.starts_with("line 2"), "{named:?}");
        assert_eq!(problems("main.tf.json", "{")[0].field, "files.main.tf.json");
    }

    #[test]
    fn what_terraform_would_refuse_is_refused() {
        for (file, text, what) in [
            ("a.tf", "variable \"a\" { type = text }", "`text`"),
            (
                "a.tf",
                "variable \"a\" { type = list(string, number) }",
                "one element type",
            ),
            ("a.tf", "variable \"a\" { default = file(\"x\") }", "not a literal"),
            ("a.tf", "variable \"a\" {}\nvariable \"a\" {}", "twice"),
            ("x_override.tf", "variable \"a\" {}", "override"),
        ] {
            let named = problems(file, text);
            assert!(named[0].detail.contains(what), "{text}: {named:?}");
        }
    }
}
