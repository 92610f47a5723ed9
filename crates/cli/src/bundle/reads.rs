//! Which files Terraform may read, as the expressions of its files say.
//!
//! Where a path is not known to its end, all below its known part counts as read: a file too many costs some bytes, and without one that
//! is read, a plan fails or an archive differs.

use std::collections::BTreeSet;

use slipway_model::blueprint::folder_of;
use slipway_model::terraform_file::{self, Body};
use slipway_model::terraform_json::Node;

/// What the Terraform files of a blueprint may read.
#[derive(Debug, Default)]
pub struct Reads {
    /// Files, and folders with all below them, from the top.
    paths: BTreeSet<String>,
    /// The expressions, each with the folder of its file.
    expressions: Vec<(String, String)>,
}

impl Reads {
    /// Adds a Terraform file in `folder`. Paths that begin nowhere are from `root`, in which Terraform runs.
    pub fn add(&mut self, folder: &str, file: &str, text: &str, root: &str) {
        for expression in expressions(file, text) {
            self.paths.extend(paths(&expression, folder, root));
            self.expressions.push((folder.to_owned(), expression));
        }
    }

    /// Whether a file may be read, by its own path or with a folder above it.
    pub fn has(&self, file: &str) -> bool {
        self.paths.iter().any(|read| super::is_in(file, read))
    }

    /// Whether anything in a folder may be read; of a file, whether it is named.
    pub fn has_below(&self, folder: &str) -> bool {
        self.paths.iter().any(|read| super::is_in(read, folder))
    }

    /// The expressions in the Terraform files of a folder.
    pub fn expressions_in(&self, folder: &str) -> impl Iterator<Item = &str> {
        let inside = self.expressions.iter().filter(move |(known, _)| known == folder);
        inside.map(|(_, expression)| expression.as_str())
    }
}

/// Whether a Terraform file may read files beside its folder, as in `"${path.module}/../files"`.
pub fn leads_up(file: &str, text: &str) -> bool {
    expressions(file, text).iter().any(|expression| is_upward(expression))
}

fn is_upward(expression: &str) -> bool {
    expression.contains("dirname(") || expression.replace("...", "").contains("..")
}

/// The expressions of a file, without the sources of modules: these calls are followed. Of an unreadable file, the whole text is one.
fn expressions(file: &str, text: &str) -> Vec<String> {
    let found = if file.ends_with(".json") {
        Node::parse(text).ok().map(|node| of_json(&node))
    } else {
        terraform_file::parse(text).ok().map(|body| of_native(&body))
    };
    found.unwrap_or_else(|| vec![text.to_owned()])
}

fn of_native(body: &Body<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for block in &body.blocks {
        add_arguments(&block.body, block.kind == "module", &mut found);
    }
    found
}

fn add_arguments(body: &Body<'_>, is_call: bool, found: &mut Vec<String>) {
    let arguments = body.arguments.iter();
    let others = arguments.filter(|argument| !is_call || argument.name != "source");
    found.extend(others.map(|argument| argument.text.to_owned()));
    for block in &body.blocks {
        add_arguments(&block.body, false, found);
    }
}

/// The texts of JSON, in the quotes that they have in the native syntax.
fn of_json(node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    add_texts(node, &mut found);
    for (_, call) in node.labelled("module") {
        let source = call.get("source").and_then(Node::as_text).map(quoted);
        let place = found.iter().position(|text| Some(text) == source.as_ref());
        if let Some(place) = place {
            found.swap_remove(place);
        }
    }
    found
}

fn add_texts(node: &Node, found: &mut Vec<String>) {
    match node {
        Node::Text(text) => found.push(quoted(text)),
        Node::List(items) => {
            for item in items {
                add_texts(item, found);
            }
        }
        _ => {
            for (name, value) in node.members() {
                found.push(quoted(name));
                add_texts(value, found);
            }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// The paths that an expression in a file of `folder` may read.
fn paths(expression: &str, folder: &str, root: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_upward = is_upward(expression);
    let mut add = |from: &str, (known, is_whole): (&str, bool)| {
        let path = folder_of(from, known).filter(|_| is_whole || !is_upward);
        // What leads up to an unknown folder may read any.
        found.push(path.unwrap_or_default());
    };
    for (name, from) in [("path.module", folder), ("path.root", root), ("path.cwd", root)] {
        for (at, _) in expression.match_indices(name) {
            let rest = expression[at + name.len()..].trim_start();
            let below = rest.strip_prefix('}').and_then(|rest| rest.strip_prefix('/'));
            add(from, below.map_or(("", false), literal));
        }
    }
    for piece in expression.split('"') {
        let (known, is_whole) = literal(piece);
        // `"."` and `""` are more often separators and defaults than folders.
        if !is_dots(known) {
            add(root, (known, is_whole));
        }
    }
    let of_call = |(at, call): (usize, &str)| {
        let argument = expression[at + call.len()..].trim_start().strip_prefix('"')?;
        argument.split_once('"').map(|(text, _)| text)
    };
    let listed = expression.match_indices("fileset(").filter_map(of_call);
    let whole = expression.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    for text in listed.chain(whole.filter(|text| !text.is_empty())) {
        if is_dots(text) {
            add(root, (text, true));
        }
    }
    found
}

fn is_dots(path: &str) -> bool {
    path.chars().all(|letter| letter == '.' || letter == '/')
}

/// The beginning of a path that is written out, up to the last folder that is known to its end, and whether that is all of the path.
fn literal(text: &str) -> (&str, bool) {
    let is_other = |letter: char| !(letter.is_alphanumeric() || "/_-.+@".contains(letter));
    let end = text.find(is_other).unwrap_or(text.len());
    let (known, rest) = text.split_at(end);
    if rest.is_empty() || rest.starts_with(['"', '\r', '\n']) {
        return (known, true);
    }
    (known.rfind('/').map_or("", |slash| &known[..slash]), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_far_as_they_are_known() {
        for (expression, read) in [
            ("file(\"${path.module}/docs/a.md\")", vec!["m/docs/a.md"]),
            ("\"${path.module}/docs/${each.key}.md\"", vec!["m/docs"]),
            ("\"${path.module}/doc${each.key}\"", vec!["m"]),
            ("fileset(path.module, \"docs/*.json\")", vec!["m", "r/docs"]),
            ("\"${path.module}\"", vec!["m"]),
            ("\"${path.module}/../a.md\"", vec!["a.md"]),
            ("\"${path.module}/../${var.a}\"", vec![""]),
            ("join(\"/\", [path.module, \"..\", \"docs\"])", vec!["", "r/docs"]),
            ("\"${dirname(path.module)}/a\"", vec![""]),
            ("file(\"tests/a.json\")", vec!["r/tests/a.json"]),
            ("fileset(\"\", \"*.png\")", vec!["r"]),
            ("\".\"", vec!["r"]),
            ("join(\".\", [var.a, \"\"])", vec![]),
            ("\"bash ${path.root}/tests/run.sh now\"", vec!["r/tests"]),
        ] {
            let found: BTreeSet<String> = paths(expression, "m", "r").into_iter().collect();
            assert_eq!(found.into_iter().collect::<Vec<String>>(), read, "{expression}");
        }
    }

    #[test]
    fn path_that_leads_out_of_a_folder_is_found() {
        let within = |argument: &str| format!("data \"archive_file\" \"a\" {{\n  {argument}\n}}\n");
        for (file, text, leads) in [
            ("a.tf", call("source = \"../network\""), false),
            (
                "a.tf.json",
                "{\"module\": {\"a\": {\"source\": \"../network\"}}}".to_owned(),
                false,
            ),
            ("a.tf.json", "{\"locals\": {\"a\": \"../network\"}}".to_owned(), true),
            ("a.tf", "locals {\n  all = merge(var.maps...)\n}".to_owned(), false),
            ("a.tf", within("source = \"${path.module}/../files/a\""), true),
            ("a.tf", within("source = \"../files/a\""), true),
            (
                "a.tf",
                within("source_file = join(\"/\", [path.module, \"..\", \"files\"])"),
                true,
            ),
            (
                "a.tf",
                within("source_dir = format(\"%s/../lambda\", path.module)"),
                true,
            ),
            ("a.tf", within("source_dir = \"${dirname(path.module)}/lambda\""), true),
            ("a.tf", call("source = \"./a\"\n  files = \"../files\""), true),
            ("a.tf", "module \"a\" {\n  source = \"../a\"".to_owned(), true),
        ] {
            assert_eq!(leads_up(file, &text), leads, "{text}");
        }
    }

    fn call(arguments: &str) -> String {
        format!("module \"a\" {{\n  {arguments}\n}}\n")
    }
}
