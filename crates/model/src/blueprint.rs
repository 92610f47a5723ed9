//! A published Terraform root module.

use std::collections::BTreeMap;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::name::{Digest, Name};
use crate::problem::FieldProblem;
use crate::variable::{self, Variable};

mod calls;
mod module;

pub use calls::{LocalModule, folder_of, local_modules};
pub use module::refusal;

/// The file with the backend and the provider settings, which the runner writes into the root module.
pub const OVERRIDES: &str = "slipway_override.tf.json";

/// The file with the values of the variables, which the runner writes into the root module.
pub const VARIABLES: &str = "slipway.auto.tfvars.json";

/// The most bytes that the files of a blueprint have together. It leaves room for the JSON around them in a request to
/// Lambda, which takes 6 MB.
pub const SOURCE_SIZE: usize = 4 * 1024 * 1024;

/// The files of a blueprint version, as they are published and as the runner gets them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The folder of the root module among the files, `""` where the files are the root module.
    #[serde(default)]
    pub root: String,
    /// The text of each file by its path, with `/` between folders.
    pub files: BTreeMap<String, String>,
}

impl Source {
    /// The digest of these files: of the JSON that [`Source`] is written as, whose maps are sorted.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().as_bytes())
    }

    /// The one JSON text for these files.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "files": self.files, "root": self.root }).to_string()
    }

    /// The files of the root module itself, not of its subfolders, by file name.
    pub fn root_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files_of(&self.root)
    }

    /// The files of a folder itself, not of its subfolders, by file name.
    pub fn files_of(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(move |(path, text)| {
            let (above, file) = path.rsplit_once('/').unwrap_or(("", path));
            (above == folder).then_some((file, text.as_str()))
        })
    }

    /// Checks the files and reads the variables of the root module; every problem is named at once.
    pub fn check(&self) -> Result<Vec<Variable>, Vec<FieldProblem>> {
        let mut problems: Vec<FieldProblem> = self.files.keys().filter_map(|path| path_problem(path)).collect();
        if !self.root.is_empty() {
            problems.extend(path_problem(&self.root).map(|problem| FieldProblem {
                field: "root".to_owned(),
                ..problem
            }));
        }
        let size: usize = self.files.values().map(String::len).sum();
        if size > SOURCE_SIZE {
            problems.push(FieldProblem::new(
                "files",
                format!("the files have {size} bytes together"),
                format!("publish at most {SOURCE_SIZE} bytes: the root module and the local modules that it calls"),
            ));
        }
        if !self.root_files().any(|(file, _)| variable::syntax_of(file).is_some()) {
            problems.push(FieldProblem::new(
                "files",
                format!("there is no Terraform file in the folder {:?}", self.root),
                "publish a root module: files that end with `.tf` in the folder that `root` names",
            ));
        }
        problems.extend(module::problems(self));
        problems.extend(calls::problems(self));
        let variables = match variable::read_schema(self.root_files()) {
            Ok(variables) => variables,
            Err(unreadable) => {
                problems.extend(unreadable);
                Vec::new()
            }
        };
        if problems.is_empty() {
            Ok(variables)
        } else {
            Err(problems)
        }
    }
}

/// What is wrong with the path of a file, which the runner will write below its work folder.
fn path_problem(path: &str) -> Option<FieldProblem> {
    let wrong_part = |part: &str| part.is_empty() || part == "." || part == "..";
    let what = if path.len() > 512 {
        "is longer than 512 bytes"
    } else if path.starts_with('/') || path.split('/').any(wrong_part) {
        "is not a plain path below the blueprint's folder"
    } else if path.contains(['\\', ':']) || path.chars().any(char::is_control) {
        "has a character that no path here may have"
    } else if path.split('/').any(|part| part == ".terraform") {
        "is Terraform's own work folder"
    } else {
        return None;
    };
    Some(FieldProblem::new(
        format!("files.{}", path.escape_default()),
        format!("the path {what}"),
        "name files by their path from the blueprint's folder, like `modules/network/main.tf`",
    ))
}

/// A version of a blueprint: immutable once it is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blueprint {
    /// The blueprint's name.
    pub name: Name,
    /// Which version of it this is.
    pub version: Version,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The digest of its files.
    pub digest: Digest,
    /// The schema of its variables.
    pub variables: Vec<Variable>,
    /// When it was published.
    pub published_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(files: &[(&str, &str)]) -> Source {
        Source {
            root: String::new(),
            files: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    const OUTPUT: &str = "output \"slipway\" { value = {} }";

    #[test]
    fn a_path_stays_below_the_folder() {
        for wrong in [
            "../x.tf",
            "/etc/x.tf",
            "a//b.tf",
            "a/./b.tf",
            "",
            "a\\b.tf",
            "C:x.tf",
            "a\0.tf",
            ".terraform/x",
        ] {
            let problems = source(&[("main.tf", OUTPUT), (wrong, "")]).check().expect_err(wrong);
            assert_eq!(problems.len(), 1, "{wrong:?}: {problems:?}");
        }
    }

    #[test]
    fn only_the_root_modules_own_variables_are_its_schema() {
        let mut source = source(&[
            ("blueprints/web/main.tf", "variable \"size\" { type = number }"),
            ("blueprints/web/outputs.tf", OUTPUT),
            ("modules/network/main.tf", "variable \"cidr\" {}"),
        ]);
        source.root = "blueprints/web".to_owned();
        let variables = source.check().expect("a blueprint");
        assert_eq!(variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["size"]);
        source.root = "elsewhere".to_owned();
        assert!(
            source.check().expect_err("no module")[0]
                .detail
                .contains("no Terraform file")
        );
    }

    #[test]
    fn the_digest_is_of_the_content_alone() {
        let (one, other) = (
            source(&[("a.tf", "1"), ("b.tf", "2")]),
            source(&[("b.tf", "2"), ("a.tf", "1")]),
        );
        assert_eq!(one.digest(), other.digest());
        assert_ne!(one.digest(), source(&[("a.tf", "1"), ("b.tf", "3")]).digest());
    }
}
