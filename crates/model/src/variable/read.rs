//! Reads the variables of a root module out of its files.

use std::collections::BTreeMap;

use super::constant::Constant;
use super::{Kind, Validation, Variable, convert, json, native, values};
use crate::problem::{FieldProblem, Place};
use crate::terraform_file;

/// The remedy of a wrong syntax.
pub(crate) const SYNTAX_REMEDY: &str = "correct the syntax";

/// Reads the schema out of the files of a root module, given as `(file name, text)`. Every problem is named at once, in
/// the field `files.<file name>`. Files in which Terraform keeps no configuration are passed over.
///
/// Override files change what others declare, and `.tfvars` files what is the case where a request says nothing: both as in
/// Terraform.
pub fn read_schema<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Variable>, Vec<FieldProblem>> {
    let files: Vec<(&str, &str)> = files.collect();
    let mut reader = Reader::default();
    let (overrides, primary): (Vec<_>, Vec<_>) = files.iter().partition(|(file, _)| is_override(file));
    for (file, text) in primary {
        reader.read(file, text, Reader::declare);
    }
    for (file, text) in overrides {
        reader.read(file, text, Reader::change);
    }
    for (file, text) in values::in_order(&files) {
        match values::read(file, text) {
            Ok(given) => given.into_iter().for_each(|given| reader.give(file, given)),
            Err((at, what)) => reader.problem(file, at, what, "give values as `name = value`"),
        }
    }
    reader.finish()
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
    if terraform_file::is_ignored(file) {
        return None;
    }
    let json = file.strip_suffix(".tf.json").map(|_| Syntax::Json);
    json.or_else(|| file.strip_suffix(".tf").map(|_| Syntax::Hcl))
}

/// Whether what is in a file of this name changes what other files say.
pub(crate) fn is_override(file: &str) -> bool {
    let base = file.strip_suffix(".tf.json").or_else(|| file.strip_suffix(".tf"));
    syntax_of(file).is_some() && base.is_some_and(|base| base == "override" || base.ends_with("_override"))
}

/// A `variable` block as it was written, in either of Terraform's two syntaxes.
#[derive(Default)]
pub(super) struct Declared {
    pub(super) kind: Option<(Kind, String)>,
    pub(super) default: Option<Given>,
    pub(super) description: Option<String>,
    pub(super) sensitive: Option<bool>,
    pub(super) ephemeral: Option<bool>,
    pub(super) nullable: Option<bool>,
    pub(super) validations: Vec<Validation>,
}

/// A default, and where it is written.
pub(super) struct Given {
    value: Constant,
    at: Place,
    /// The file, where it is not the one that declares the variable.
    file: Option<String>,
}

impl Given {
    pub(super) fn new(value: Constant, at: Place) -> Self {
        Self { value, at, file: None }
    }
}

/// A block, and what is wrong with it.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) declared: Declared,
    /// Where it begins.
    at: Place,
    problems: Vec<Wrong>,
}

struct Wrong {
    at: Place,
    detail: String,
    remedy: &'static str,
}

impl Read {
    pub(super) fn new(name: String, at: Place) -> Self {
        Self {
            name,
            declared: Declared::default(),
            at,
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, at: Place, detail: impl std::fmt::Display, remedy: &'static str) {
        self.problems.push(Wrong {
            at,
            detail: format!("variable `{}`: {detail}", self.name),
            remedy,
        });
    }
}

/// A variable as the files read so far declare it.
struct Known {
    declared: Declared,
    file: String,
    at: Place,
}

/// What has been read.
#[derive(Default)]
struct Reader {
    variables: BTreeMap<String, Known>,
    problems: Vec<FieldProblem>,
}

impl Reader {
    fn problem(&mut self, file: &str, at: Place, detail: impl Into<String>, remedy: &str) {
        self.problems
            .push(FieldProblem::new(format!("files.{file}"), detail, remedy).at(at));
    }

    fn read(&mut self, file: &str, text: &str, take: fn(&mut Self, &str, Read)) {
        let blocks = match syntax_of(file) {
            Some(Syntax::Hcl) => native::blocks(text),
            Some(Syntax::Json) => json::blocks(text),
            None => return,
        };
        match blocks {
            Ok(blocks) => {
                for mut block in blocks {
                    for Wrong { at, detail, remedy } in block.problems.drain(..) {
                        self.problem(file, at, detail, remedy);
                    }
                    take(self, file, block);
                }
            }
            Err((at, what)) => self.problem(file, at, what, SYNTAX_REMEDY),
        }
    }

    fn declare(&mut self, file: &str, block: Read) {
        let Read { name, declared, at, .. } = block;
        if let Some(known) = self.variables.get(&name) {
            let detail = format!(
                "variable `{name}` is declared twice, first at {}:{}",
                known.file, known.at.line
            );
            return self.problem(file, at, detail, "declare it once");
        }
        if let Some(what) = name_problem(&name) {
            self.problem(file, at, format!("variable `{name}`: {what}"), "choose another name");
        }
        let file = file.to_owned();
        self.variables.insert(name, Known { declared, file, at });
    }

    /// What an override file says takes the place of what the other file says.
    fn change(&mut self, file: &str, block: Read) {
        let Read {
            name, mut declared, at, ..
        } = block;
        if !declared.validations.is_empty() {
            let detail = format!("variable `{name}`: an override file cannot change validations");
            self.problem(file, at, detail, "write them where the variable is declared");
        }
        let Some(Known { declared: base, .. }) = self.variables.get_mut(&name) else {
            let detail = format!("variable `{name}` is declared in an override file only");
            return self.problem(
                file,
                at,
                detail,
                "declare it in another file too: an override file changes what there is",
            );
        };
        if let Some(default) = &mut declared.default {
            default.file = Some(file.to_owned());
        }
        *base = Declared {
            kind: declared.kind.or(base.kind.take()),
            default: declared.default.or(base.default.take()),
            description: declared.description.or(base.description.take()),
            sensitive: declared.sensitive.or(base.sensitive),
            ephemeral: declared.ephemeral.or(base.ephemeral),
            nullable: declared.nullable.or(base.nullable),
            validations: std::mem::take(&mut base.validations),
        };
    }

    /// A `.tfvars` file gives the value that counts where a request gives none. Terraform warns of a name that is not declared.
    fn give(&mut self, file: &str, given: values::Given) {
        let values::Given { name, value, at } = given;
        let Some(Known { declared, .. }) = self.variables.get_mut(&name) else {
            return;
        };
        // A null is no value for a variable that is never null.
        if value == Constant::Value(serde_json::Value::Null) && declared.nullable == Some(false) {
            return;
        }
        let kind = declared.kind.as_ref().map_or(&Kind::Any, |(kind, _)| kind);
        match value.value().and_then(|value| convert::problem(kind, value)) {
            None => {
                declared.default = Some(Given {
                    value,
                    at,
                    file: Some(file.to_owned()),
                });
            }
            Some(what) => {
                let detail = format!("the value of `{name}` does not fit its type: {what}");
                self.problem(file, at, detail, "give a value of the variable's type");
            }
        }
    }

    fn finish(mut self) -> Result<Vec<Variable>, Vec<FieldProblem>> {
        let mut variables = Vec::new();
        for (name, known) in std::mem::take(&mut self.variables) {
            let Known { declared, file, .. } = known;
            if let Some(default) = &declared.default {
                let file = default.file.clone().unwrap_or(file);
                if let Some(what) = default_problem(&declared, default) {
                    let detail = format!("variable `{name}`: {what}");
                    let remedy = "correct the default: Terraform would reject it";
                    self.problem(&file, default.at, detail, remedy);
                }
            }
            variables.push(variable(name, declared));
        }
        if self.problems.is_empty() {
            Ok(variables)
        } else {
            Err(self.problems)
        }
    }
}

/// The longest name of a variable. Terraform has no limit; a sensitive one's is a key of the table, which has 1,024 bytes.
const LONGEST_NAME: usize = 255;

/// Why a variable cannot have this name; but for its length, that is Terraform's rule (`decodeVariableBlock` in its
/// `internal/configs/named_values.go`).
fn name_problem(name: &str) -> Option<&'static str> {
    /// What means something in a `module` block.
    const RESERVED: [&str; 10] = [
        "source",
        "version",
        "count",
        "for_each",
        "depends_on",
        "providers",
        "_",
        "lifecycle",
        "locals",
        "provider",
    ];
    if !terraform_file::is_identifier(name) {
        Some("a name begins with a letter or `_`, and has letters, digits, `_` and `-`")
    } else if name.len() > LONGEST_NAME {
        Some("the name has more than 255 bytes")
    } else if RESERVED.contains(&name) {
        Some("Terraform reserves this name for its `module` blocks")
    } else {
        None
    }
}

fn default_problem(declared: &Declared, default: &Given) -> Option<String> {
    let default = default.value.value()?;
    if default.is_null() && declared.nullable == Some(false) {
        return Some("the default is null, and `nullable` is false".to_owned());
    }
    let (kind, _) = declared.kind.as_ref()?;
    let what = convert::problem(kind, default)?;
    Some(format!("the default does not fit the type: {what}"))
}

fn variable(name: String, declared: Declared) -> Variable {
    let (kind, type_text) = declared.kind.unwrap_or_else(|| (Kind::Any, "any".to_owned()));
    let sensitive = declared.sensitive.unwrap_or_default() || declared.ephemeral.unwrap_or_default();
    let default = declared.default.as_ref().map(|given| &given.value);
    let shown = default.filter(|_| !sensitive);
    let hidden = default.filter(|_| sensitive);
    Variable {
        name,
        kind,
        type_text,
        required: declared.default.is_none(),
        default: shown.and_then(Constant::value).cloned(),
        default_expression: shown.and_then(Constant::written).map(str::to_owned),
        hidden_default: hidden.and_then(Constant::value).cloned(),
        // Terraform's own default (`https://developer.hashicorp.com/terraform/language/values/variables`, "nullable").
        nullable: declared.nullable.unwrap_or(true),
        description: declared.description.unwrap_or_default(),
        sensitive,
        validations: declared.validations,
    }
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
    fn only_the_last_ending_decides_what_is_an_override_file() {
        for file in ["override.tf", "a_override.tf.json", "_override.tf"] {
            assert!(is_override(file), "{file}");
        }
        for file in ["override.tf.tf", "override.md", "overrides.tf", "a_override.tf.tf.json"] {
            assert!(!is_override(file), "{file}");
        }
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
}
