//! Which modules a module calls that are files beside it.

use hcl_edit::expr::Expression;
use hcl_edit::parser::parse_body;
use serde_json::Value;

use super::Source;
use crate::problem::FieldProblem;
use crate::terraform_json::each;
use crate::variable::{Syntax, syntax_of};

/// A call of a module by a path: `source = "../../modules/network"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModule {
    /// The file with the call.
    pub file: String,
    /// The name of the call.
    pub name: String,
    /// The path, as it is written.
    pub path: String,
}

/// The local modules that these files of one folder call. A file that cannot be read calls none.
pub fn local_modules<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<LocalModule> {
    let mut found = Vec::new();
    for (file, text) in files {
        let calls = match syntax_of(file) {
            Some(Syntax::Hcl) => hcl_calls(text),
            Some(Syntax::Json) => json_calls(text),
            None => continue,
        };
        // What Terraform calls a local path begins so.
        let local = calls
            .into_iter()
            .filter(|(_, path)| path.starts_with("./") || path.starts_with("../"));
        found.extend(local.map(|(name, path)| LocalModule {
            file: file.to_owned(),
            name,
            path,
        }));
    }
    found
}

fn hcl_calls(text: &str) -> Vec<(String, String)> {
    let Ok(body) = parse_body(text) else { return Vec::new() };
    let calls = body.get_blocks("module").filter_map(|block| {
        let name = block.labels.first()?.as_str().to_owned();
        let source = &block.body.get_attribute("source")?.value;
        Some((name, Expression::as_str(source)?.to_owned()))
    });
    calls.collect()
}

fn json_calls(text: &str) -> Vec<(String, String)> {
    let file: Value = serde_json::from_str(text).unwrap_or_default();
    let mut calls = Vec::new();
    for modules in each(&file["module"]) {
        for (name, blocks) in modules.as_object().into_iter().flatten() {
            let sources = each(blocks).filter_map(|block| block["source"].as_str().map(str::to_owned));
            calls.extend(sources.map(|source| (name.clone(), source)));
        }
    }
    calls
}

/// The folder to which a path leads from another, both below one top; `None` where it leads out of the top.
pub fn folder_of(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The calls that lead to no module among the files, from the root module on.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut seen = vec![source.root.clone()];
    let mut next = 0;
    while let Some(folder) = seen.get(next).cloned() {
        next += 1;
        for call in local_modules(source.files_of(&folder)) {
            let called = folder_of(&folder, &call.path);
            match called.filter(|called| source.files_of(called).any(|(file, _)| syntax_of(file).is_some())) {
                Some(called) if seen.contains(&called) => {}
                Some(called) => seen.push(called),
                None => {
                    let file = if folder.is_empty() {
                        call.file
                    } else {
                        format!("{folder}/{}", call.file)
                    };
                    problems.push(FieldProblem::new(
                        format!("files.{file}"),
                        format!("the module `{}` is {}, which is not among the files", call.name, call.path),
                        "publish it too: `slipway blueprint publish FOLDER --within TOP` takes what is called along, as far as it is \
                         below TOP",
                    ));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_from_folder_to_folder_and_not_out_of_the_top() {
        for (from, path, to) in [
            ("", "./m", Some("m")),
            ("blueprints/web", "../../modules/network", Some("modules/network")),
            ("a/b", "./../b/./c/", Some("a/b/c")),
            ("a", "..", Some("")),
            ("a", "../..", None),
            ("", "../m", None),
        ] {
            assert_eq!(folder_of(from, path).as_deref(), to, "{from} {path}");
        }
    }

    #[test]
    fn every_module_that_is_called_by_a_path_has_to_be_there() {
        let call = |path: &str| format!("module \"m\" {{ source = \"{path}\" }}");
        let files = [
            ("b/web/main.tf", call("../../m/a")),
            ("m/a/main.tf", call("../b")),
            (
                "m/b/main.tf.json",
                r#"{"module": {"m": [{"source": "../a"}]}}"#.to_owned(),
            ),
            (
                "m/b/other.tf",
                "module \"m\" { source = \"example/network/aws\" }".to_owned(),
            ),
        ];
        let mut source = Source {
            root: "b/web".to_owned(),
            files: files.map(|(path, text)| (path.to_owned(), text)).into(),
        };
        assert_eq!(problems(&source), []);
        source.files.insert("m/b/more.tf".to_owned(), call("../../../c"));
        source.files.insert("m/a/more.tf".to_owned(), call("../empty"));
        let fields: Vec<String> = problems(&source).into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["files.m/a/more.tf", "files.m/b/more.tf"]);
    }
}
