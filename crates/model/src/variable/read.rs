//! Reads the variables of a root module out of its files.

use std::collections::BTreeMap;

use super::constant::Constant;
use super::declared::{Declared, Given, Read, Wrong, default_problem, name_problem, variable};
use super::syntax::{Syntax, is_override, syntax_of};
use super::{Kind, Variable, convert, json, native, values};
use crate::problem::{FieldProblem, Place};

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

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
