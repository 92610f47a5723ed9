//! `module` blocks that Terraform rejects in whatever module they stand.

use std::collections::BTreeMap;

use super::{Source, below, calls};
use crate::problem::FieldProblem;
use crate::terraform_file;
use crate::variable::{Syntax, is_override, syntax_of};

/// The blocks without a source, and those that declare a call again, in the native syntax. Override files change calls that there are.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    for folder in calls::folders(source) {
        let mut declared: BTreeMap<String, String> = BTreeMap::new();
        for (file, text) in source.files_of(&folder) {
            if is_override(file) || !matches!(syntax_of(file), Some(Syntax::Hcl)) {
                continue;
            }
            // A file that cannot be read is named already.
            let Ok(body) = terraform_file::parse(text) else {
                continue;
            };
            for block in body.blocks_of("module") {
                let Some(name) = block.labels.first() else { continue };
                let field = format!("files.{}", below(&folder, file));
                if block.body.argument("source").is_none() {
                    let detail = format!("the module `{name}` has no `source`");
                    let remedy = "write where the module is: `source = \"./modules/network\"`";
                    problems.push(FieldProblem::new(field.clone(), detail, remedy).at(block.at));
                }
                let place = format!("{file}:{}", block.at.line);
                if let Some(first) = declared.get(&**name) {
                    let detail = format!("the module `{name}` is called twice, first at {first}");
                    problems.push(FieldProblem::new(field, detail, "give one of the calls another name").at(block.at));
                } else {
                    declared.insert(name.clone().into_owned(), place);
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
    fn module_block_that_terraform_rejects_is_named() {
        let files = [
            ("main.tf", "module \"m\" {\n  source = \"./m\"\n}\nmodule \"n\" {\n}\n"),
            ("more.tf", "module \"m\" {\n  source = \"./m\"\n}\n"),
            ("more_override.tf", "module \"m\" {\n  count = 0\n}\n"),
            ("m/main.tf", "module \"m\" {\n}\n"),
        ];
        let source = Source {
            files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
            ..Source::default()
        };
        let found = problems(&source).into_iter();
        let found: Vec<String> = found
            .map(|problem| format!("{} {}", problem.field, problem.detail))
            .collect();
        assert_eq!(
            found,
            [
                "files.main.tf the module `n` has no `source`",
                "files.more.tf the module `m` is called twice, first at main.tf:1",
                "files.m/main.tf the module `m` has no `source`",
            ]
        );
    }
}
