//! What a root module must have and must not have, so that the runner and the workflow can work with it: what they would
//! refuse when a stack is made is refused when the version is published.

use hcl_edit::expr::Expression;

use super::{OVERRIDES, Source, VARIABLES};
use crate::contract;
use crate::problem::FieldProblem;
use crate::terraform::OUTPUT;
use crate::terraform_file::{self, Body};
use crate::terraform_json::Node;
use crate::variable::{self, Syntax, syntax_of};

/// Why a file of this name cannot be in a root module: it would take the place of one of the runner's own, or come after it and
/// win.
pub fn refusal(name: &str) -> Option<&'static str> {
    if name.starts_with("slipway_override.") || name.starts_with("slipway.auto.tfvars") {
        Some("the runner writes a file of this name")
    } else if is_override(name) && name > OVERRIDES {
        Some(
            "it would override the backend and the provider settings that the runner writes: name it so that it sorts before \
             `slipway_override.tf.json`",
        )
    } else if is_variables(name) && name > VARIABLES {
        Some("its values would win over the request's: use defaults of variables instead")
    } else if name.starts_with("terraform.tfstate") || name == "errored.tfstate" {
        Some("a state belongs in the state bucket alone")
    } else {
        None
    }
}

fn is_override(name: &str) -> bool {
    let stem = [".tf", ".tf.json", ".tofu", ".tofu.json"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    stem.is_some_and(|stem| stem == "override" || stem.ends_with("_override"))
}

fn is_variables(name: &str) -> bool {
    name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json")
}

/// Everything that is wrong with the root module.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let mut problems: Vec<FieldProblem> = source
        .root_files()
        .filter_map(|(file, _)| {
            Some(FieldProblem::new(
                field(file),
                refusal(file)?,
                "rename it, or leave it out",
            ))
        })
        .collect();
    let (mut outputs, mut unreadable) = (0, false);
    for (file, text) in source.root_files() {
        let said = match syntax_of(file) {
            // A file that cannot be read is named with its variables.
            Some(Syntax::Hcl) => terraform_file::parse(text).ok().map(|body| read_hcl(&body)),
            Some(Syntax::Json) => Node::parse(text).ok().map(|file| read_json(&file)),
            None => continue,
        };
        let Some(said) = said else {
            unreadable = true;
            continue;
        };
        if said.cloud {
            let remedy = "leave it out: the states of stacks are in Slipway's own bucket";
            problems.push(FieldProblem::new(field(file), "it has a `cloud` block", remedy));
        }
        outputs += said.outputs.len();
        problems.extend(said.outputs.into_iter().filter_map(|output| output.problem(file)));
    }
    if outputs == 0 && !unreadable && source.root_files().any(|(file, _)| syntax_of(file).is_some()) {
        problems.push(FieldProblem::new(
            "files",
            format!("the root module has no output `{OUTPUT}`"),
            format!(
                "add `output \"{OUTPUT}\"`, with the services, migrations and endpoints of the stack; `value = {{}}` where it has \
                 none"
            ),
        ));
    }
    problems
}

fn field(file: &str) -> String {
    format!("files.{file}")
}

/// What a file says that matters here.
#[derive(Default)]
struct Said {
    cloud: bool,
    outputs: Vec<Output>,
}

/// The output `slipway`, as far as it can be seen without Terraform.
struct Output {
    /// The names of the attributes of its value, where that is written out; `Err` says what it is instead of an object.
    attributes: Result<Vec<String>, &'static str>,
    sensitive: bool,
}

impl Output {
    fn problem(self, file: &str) -> Option<FieldProblem> {
        let known = contract::ATTRIBUTES.join(", ");
        let (detail, remedy) = match self.attributes {
            Err(what) => (
                format!("the value of the output `{OUTPUT}` is {what}"),
                format!("give an object, of {known}"),
            ),
            Ok(names) => match names
                .into_iter()
                .find(|name| !contract::ATTRIBUTES.contains(&name.as_str()))
            {
                Some(name) => (
                    format!("the output `{OUTPUT}` has an attribute `{name}`, which Slipway does not know"),
                    format!("leave it out: it may have {known}"),
                ),
                None if self.sensitive => (
                    format!("the output `{OUTPUT}` is sensitive, so only Terraform can read it"),
                    "leave `sensitive` out, and secrets too: they are references".to_owned(),
                ),
                None => return None,
            },
        };
        Some(FieldProblem::new(field(file), detail, remedy))
    }
}

fn read_hcl(body: &Body<'_>) -> Said {
    let clouds = body
        .blocks_of("terraform")
        .map(|block| block.body.blocks_of("cloud").count());
    let outputs = body
        .blocks_of("output")
        .filter(|block| matches!(block.labels.as_slice(), [label] if label == OUTPUT));
    Said {
        cloud: clouds.sum::<usize>() > 0,
        outputs: outputs.map(|block| output_of(&block.body)).collect(),
    }
}

fn output_of(body: &Body<'_>) -> Output {
    let value = body.argument("value").map(terraform_file::Argument::expression);
    let attributes = match value {
        None => Err("missing"),
        Some(Ok(Expression::Object(object))) => Ok(object
            .iter()
            .filter_map(|(key, _)| {
                let quoted = || key.as_expr().and_then(Expression::as_str);
                key.as_ident()
                    .map(hcl_edit::Ident::as_str)
                    .or_else(quoted)
                    .map(str::to_owned)
            })
            .collect()),
        Some(Ok(Expression::Array(_))) => Err("a list"),
        Some(Ok(Expression::String(_) | Expression::StringTemplate(_) | Expression::HeredocTemplate(_))) => {
            Err("a text")
        }
        Some(Ok(Expression::Number(_))) => Err("a number"),
        Some(Ok(Expression::Bool(_))) => Err("true or false"),
        Some(Ok(Expression::Null(_))) => Err("null"),
        // What it comes to, Terraform knows.
        Some(_) => Ok(Vec::new()),
    };
    Output {
        attributes,
        sensitive: body.argument("sensitive").is_some_and(variable::is_on),
    }
}

fn read_json(file: &Node) -> Said {
    let cloud = file
        .blocks("terraform")
        .iter()
        .any(|terraform| terraform.get("cloud").is_some());
    let blocks = file.labelled("output").into_iter().filter(|(name, _)| *name == OUTPUT);
    let outputs = blocks.map(|(_, block)| Output {
        attributes: match block.get("value") {
            Some(Node::Object(members)) => Ok(members.iter().map(|(name, _)| name.clone()).collect()),
            // An expression, as Terraform's JSON syntax writes one.
            Some(Node::Text(text)) if text.starts_with("${") => Ok(Vec::new()),
            Some(Node::Text(_)) => Err("a text"),
            Some(Node::List(_)) => Err("a list"),
            Some(Node::Number(_)) => Err("a number"),
            Some(Node::Bool(_)) => Err("true or false"),
            Some(Node::Null) | None => Err("missing"),
        },
        sensitive: matches!(block.get("sensitive"), Some(Node::Bool(true)))
            || block.get("sensitive").and_then(Node::as_text) == Some("true"),
    });
    Said {
        cloud,
        outputs: outputs.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(files: &[(&str, &str)]) -> Source {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Source {
            root: String::new(),
            files: files.collect(),
            ..Source::default()
        }
    }

    #[test]
    fn a_file_that_would_win_over_the_runners_own_is_refused() {
        let output = ("main.tf", "output \"slipway\" { value = {} }");
        for wrong in [
            "slipway_override.tf.json",
            "slipway_override.tofu",
            "slipway.auto.tfvars",
            "zz_override.tf",
            "zz.auto.tfvars",
            "terraform.tfstate",
        ] {
            let problems = problems(&source(&[output, (wrong, "")]));
            assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
            assert_eq!(problems[0].field, format!("files.{wrong}"));
        }
        for right in ["a_override.tf", "override.tf", "terraform.tfvars", "m/zz_override.tf"] {
            assert_eq!(problems(&source(&[output, (right, "")])), [], "{right}");
        }
    }

    #[test]
    fn a_cloud_block_and_an_output_that_is_no_contract_are_refused() {
        for (file, text, words) in [
            ("main.tf", "", "no output `slipway`"),
            ("main.tf", "output \"other\" { value = {} }", "no output `slipway`"),
            ("main.tf", "output \"slipway\" { value = [] }", "is a list"),
            ("main.tf", "output \"slipway\" { value = \"${var.a}\" }", "is a text"),
            ("main.tf", "output \"slipway\" {}", "is missing"),
            (
                "main.tf",
                "output \"slipway\" { value = { service = {} } }",
                "`service`",
            ),
            ("main.tf", "output \"slipway\" { value = { \"urls\" = {} } }", "`urls`"),
            (
                "main.tf",
                "output \"slipway\" {\n  value = {}\n  sensitive = true\n}",
                "sensitive",
            ),
            (
                "main.tf",
                "terraform {\n  cloud {}\n}\noutput \"slipway\" { value = {} }",
                "cloud",
            ),
            (
                "main.tf.json",
                r#"{"output": {"slipway": {"value": {"urls": {}}}}}"#,
                "`urls`",
            ),
            (
                "main.tf.json",
                r#"{"terraform": [{"cloud": {}}], "output": [{"slipway": {"value": "${local.contract}"}}]}"#,
                "cloud",
            ),
        ] {
            let problems = problems(&source(&[(file, text)]));
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[0].detail.contains(words), "{text}: {problems:?}");
        }
        for right in [
            "output \"slipway\" { value = { endpoints = {}, \"services\" = {} } }",
            "output \"slipway\" { value = local.contract }",
            "output \"slipway\" { value = merge({}, local.more) }",
        ] {
            assert_eq!(problems(&source(&[("outputs.tf", right)])), [], "{right}");
        }
    }
}
