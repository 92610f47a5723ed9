//! What a root module must have and must not have, so that the runner and the workflow can work with it: what they would
//! refuse when a stack is made is refused when the version is published.

use super::output::{self, Content, Written};
use super::{OVERRIDES, Source, VARIABLES};
use crate::contract::Contract;
use crate::problem::{FieldProblem, Place};
use crate::terraform::OUTPUT;
use crate::terraform_file::{self, Body};
use crate::terraform_json::{self, Node, Step};
use crate::variable::{Syntax, is_override as is_override_file, syntax_of};

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
            let problem = FieldProblem::new(source.root_field(file), refusal(file)?, "rename it, or leave it out");
            Some(problem.at(Place::START))
        })
        .collect();
    for (file, text) in source.root_files() {
        let cloud = match syntax_of(file) {
            Some(Syntax::Hcl) => terraform_file::parse(text).ok().and_then(|body| cloud_of(&body)),
            Some(Syntax::Json) => Node::parse(text).ok().and_then(|node| cloud_in(text, &node)),
            None => None,
        };
        if let Some(at) = cloud {
            let remedy = "leave it out: the states of stacks are in Slipway's own bucket";
            let problem = FieldProblem::new(source.root_field(file), "it has a `cloud` block", remedy);
            problems.push(problem.at(at));
        }
    }
    problems.extend(output_problems(source));
    problems
}

impl Source {
    /// What is wrong with the contract, as far as the files have it written out. A version that an earlier Slipway published was checked
    /// by the rules of then.
    pub fn problems_of_written_contract(&self) -> Vec<FieldProblem> {
        let (outputs, _) = output::find(self);
        let content = output::last(&outputs);
        content.map_or_else(Vec::new, |content| Contract::problems(&content.partial))
    }

    /// The files whose `removed` blocks run provisioners before the removed resources are destroyed. No plan shows these. A file that
    /// cannot be read may have such blocks.
    pub fn removals_with_provisioners(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().filter(|(path, text)| may_provision(path, text));
        files.map(|(path, _)| path.as_str())
    }
}

fn may_provision(path: &str, text: &str) -> bool {
    if path.ends_with(".tf.json") || path.ends_with(".tofu.json") {
        let Ok(file) = Node::parse(text) else { return true };
        let mut removed = file.blocks("removed").into_iter();
        removed.any(|block| block.get("provisioner").is_some())
    } else if path.ends_with(".tf") || path.ends_with(".tofu") {
        if !text.contains("removed") || !text.contains("provisioner") {
            return false;
        }
        let Ok(file) = terraform_file::parse(text) else {
            return true;
        };
        let mut removed = file.blocks_of("removed");
        removed.any(|block| block.body.blocks_of("provisioner").next().is_some())
    } else {
        false
    }
}

/// What is wrong with the output `slipway`, as far as it can be seen without Terraform.
fn output_problems(source: &Source) -> Vec<FieldProblem> {
    let (outputs, all_read) = output::find(source);
    let mut problems = Vec::new();
    let mut declared: Option<&Written> = None;
    for written in &outputs {
        let problem = |at, detail: String, remedy: &str| {
            FieldProblem::new(source.root_field(&written.file), detail, remedy).at(at)
        };
        match declared.filter(|_| !is_override_file(&written.file)) {
            Some(first) => {
                let detail = format!(
                    "the output `{OUTPUT}` is declared twice, first at {}:{}",
                    first.file, first.at.line
                );
                problems.push(problem(written.at, detail, "declare it once"));
            }
            None => declared = Some(written),
        }
        let Some(value) = &written.value else {
            let detail = format!("the value of the output `{OUTPUT}` is missing");
            problems.push(problem(
                written.at,
                detail,
                "give an object, of the attributes of the contract",
            ));
            continue;
        };
        if let Some(at) = written.sensitive {
            let detail = format!("the output `{OUTPUT}` is sensitive, so only Terraform can read it");
            let remedy = "leave `sensitive` out, and secrets too: they are references";
            problems.push(problem(at, detail, remedy));
        }
        problems.extend(at_places(source, value, Contract::problems(&value.partial)));
    }
    if outputs.is_empty() && all_read && source.root_files().any(|(file, _)| syntax_of(file).is_some()) {
        let detail = format!("the root module has no output `{OUTPUT}`");
        let remedy = format!(
            "add `output \"{OUTPUT}\"`, with the services, migrations and endpoints of the stack; `value = {{}}` where it has none"
        );
        // Where people would write it.
        let file = ["outputs.tf", "main.tf"]
            .into_iter()
            .find(|file| source.root_files().any(|(name, _)| name == *file));
        let first = || {
            source
                .root_files()
                .map(|(name, _)| name)
                .find(|name| syntax_of(name).is_some())
        };
        let field = file
            .or_else(first)
            .map_or_else(|| "files".to_owned(), |file| source.root_field(file));
        problems.push(FieldProblem::new(field, detail, remedy).at(Place::START));
    }
    problems
}

/// Problems of the contract at the places of the output in the files.
pub(super) fn placed(source: &Source, problems: Vec<FieldProblem>) -> Vec<FieldProblem> {
    let (outputs, _) = output::find(source);
    match output::last(&outputs) {
        Some(content) => at_places(source, content, problems).collect(),
        None => problems,
    }
}

pub(super) fn at_places(
    source: &Source,
    content: &Content,
    problems: Vec<FieldProblem>,
) -> impl Iterator<Item = FieldProblem> {
    problems.into_iter().map(|problem| {
        let (file, at) = content.place(&problem.field);
        let detail = format!("{}: {}", problem.field, problem.detail);
        FieldProblem::new(source.root_field(file), detail, problem.remedy).at(at)
    })
}

fn cloud_of(body: &Body<'_>) -> Option<Place> {
    let mut blocks = body.blocks_of("terraform");
    blocks.find_map(|block| block.body.blocks_of("cloud").next().map(|cloud| cloud.at))
}

fn cloud_in(text: &str, file: &Node) -> Option<Place> {
    let blocks = file.blocks("terraform");
    let has = blocks.iter().any(|terraform| terraform.get("cloud").is_some());
    has.then(|| terraform_json::place(text, &[Step::Member("terraform"), Step::Member("cloud")]))
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
    fn removed_blocks_with_provisioners_are_found() {
        let removed = "removed {\n  from = terraform_data.a\n  lifecycle { destroy = true }\n";
        let provisioner = "  provisioner \"local-exec\" {\n    when    = destroy\n    command = \"x\"\n  }\n";
        let (with, without) = (format!("{removed}{provisioner}}}\n"), format!("{removed}}}\n"));
        let resource = format!("resource \"terraform_data\" \"removed\" {{\n{provisioner}}}\n");
        let json =
            r#"{"removed": [{"from": "a.b"}, {"from": "a.c", "provisioner": {"local-exec": {"command": "x"}}}]}"#;
        let source = source(&[
            ("a.tf", with.as_str()),
            ("b.tf", without.as_str()),
            ("c.tf", resource.as_str()),
            ("m/d.tf.json", json),
            ("e.tf.json", r#"{"removed": {"from": "a.b"}}"#),
            ("f.tf", "removed { provisioner"),
            ("README.md", with.as_str()),
        ]);
        let found: Vec<&str> = source.removals_with_provisioners().collect();
        assert_eq!(found, ["a.tf", "f.tf", "m/d.tf.json"]);
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
            ("main.tf", "output \"slipway\" { value = [] }", "is not an object"),
            (
                "main.tf",
                "output \"slipway\" { value = \"x${var.a}\" }",
                "is not an object",
            ),
            ("main.tf", "output \"slipway\" {}", "is missing"),
            (
                "main.tf",
                "output \"slipway\" { value = { service = {} } }",
                "slipway.service:",
            ),
            (
                "main.tf",
                "output \"slipway\" { value = { \"urls\" = {} } }",
                "slipway.urls:",
            ),
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
                "slipway.urls:",
            ),
            (
                "main.tf",
                "locals {\n  endpoints = { db = \"postgres://${local.host}\" }\n}\noutput \"slipway\" { value = { endpoints = local.endpoints } }",
                "has the scheme `postgres`",
            ),
            (
                "main.tf.json",
                r#"{"output": {"slipway": {"value": {"endpoints": {"db": "redis://${local.host}"}}}}}"#,
                "has the scheme `redis`",
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
            "output \"slipway\" { value = \"${var.a}\" }",
            "output \"slipway\" { value = merge({}, local.more) }",
            "output \"slipway\" { value = { endpoints = { web = \"${var.scheme}://${var.host}\", app = \"https://${var.host}\" } } }",
        ] {
            assert_eq!(problems(&source(&[("outputs.tf", right)])), [], "{right}");
        }
    }
}
