//! A published Terraform root module.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use semver::Version;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::{Digest, Name};
use crate::problem::{FieldProblem, Place};
use crate::variable::{self, Variable};

mod aws_provider;
mod call_blocks;
mod calls;
mod lock;
mod migrations;
mod module;
mod output;
mod passed;
mod providers;
mod references;

pub use aws_provider::{AwsConfiguration, AwsProvider};
pub use calls::{ModuleCall, RemoteModule, folder_of, module_calls, redirect};
pub use migrations::is_sql;
pub use module::refusal;

/// The file with the backend and the provider settings, which the runner writes into the root module.
pub const OVERRIDES: &str = "slipway_override.tf.json";

/// The file with the values of the variables, which the runner writes into the root module.
pub const VARIABLES: &str = "slipway.auto.tfvars.json";

/// The folder of the root module with its remote modules, where publishing adds them.
pub const VENDORED: &str = "vendored";

/// The file in [`VENDORED`] that says what each of its folders is: [`Modules`].
pub const MODULES: &str = "modules.json";

/// The remote modules of a version.
#[derive(Debug, Serialize, Deserialize)]
pub struct Modules<M> {
    /// The digest of the files as the author has them, without remote modules. None in versions of earlier releases of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Digest>,
    /// Its modules.
    pub modules: Vec<M>,
}

/// The longest README, in bytes: it is an item of the table, which has at most 400 KB.
pub const README_BYTES: usize = 200_000;

/// The most bytes that the files of a blueprint have together. It leaves room for the JSON around them in a request to
/// Lambda, which takes 6 MB.
pub const SOURCE_SIZE: usize = 4 * 1024 * 1024;

/// The files of a blueprint version, as they are published and as the runner gets them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The folder of the root module among the files, `""` where the files are the root module.
    #[serde(default)]
    pub root: String,
    /// The text of each file by its path, with `/` between folders.
    pub files: BTreeMap<String, String>,
    /// The files that are not text, in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub binaries: BTreeMap<String, String>,
    /// The paths of the files that may be executed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub executables: BTreeSet<String>,
}

impl Source {
    /// The digest of these files: of the JSON that [`Source`] is written as, whose maps are sorted.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().as_bytes())
    }

    /// The one JSON text for these files.
    pub fn to_json(&self) -> String {
        self.document().to_string()
    }

    /// The same as a value: the fields of a request that publishes these files.
    pub fn document(&self) -> Value {
        let mut document = serde_json::json!({ "files": self.files, "root": self.root });
        // Files without these keep the digest that they had before there were any.
        if !self.binaries.is_empty() {
            document["binaries"] = serde_json::json!(self.binaries);
        }
        if !self.executables.is_empty() {
            document["executables"] = serde_json::json!(self.executables);
        }
        document
    }

    /// Adds a file.
    pub fn insert(&mut self, path: String, content: Vec<u8>, may_run: bool) {
        if may_run {
            self.executables.insert(path.clone());
        }
        match String::from_utf8(content) {
            // A request carries no NUL.
            Ok(text) if !text.contains('\0') => {
                self.files.insert(path, text);
            }
            Ok(text) => {
                self.binaries.insert(path, STANDARD.encode(text));
            }
            Err(binary) => {
                self.binaries.insert(path, STANDARD.encode(binary.as_bytes()));
            }
        }
    }

    /// Every file's path and content, and whether it may be executed; `Err` is the path of one that is not base64.
    pub fn contents(&self) -> impl Iterator<Item = Result<(&str, Cow<'_, [u8]>, bool), &str>> {
        let texts = self
            .files
            .iter()
            .map(|(path, text)| Ok((path.as_str(), Cow::Borrowed(text.as_bytes()))));
        let binaries = self
            .binaries
            .iter()
            .map(|(path, written)| match STANDARD.decode(written) {
                Ok(bytes) => Ok((path.as_str(), Cow::Owned(bytes))),
                Err(_) => Err(path.as_str()),
            });
        texts
            .chain(binaries)
            .map(|file| file.map(|(path, bytes)| (path, bytes, self.executables.contains(path))))
    }

    /// The files of the root module itself, not of its subfolders, by file name.
    pub fn root_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files_of(&self.root)
    }

    /// The files of a folder itself, not of its subfolders, by file name.
    pub fn files_of(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(move |(path, text)| {
            let (above, file) = folder_and_file(path);
            (above == folder).then_some((file, text.as_str()))
        })
    }

    /// Whether there is a file in a folder, or below it. That is all that Terraform asks of the folder of a module.
    fn has_folder(&self, folder: &str) -> bool {
        let mut paths = self.files.keys().chain(self.binaries.keys());
        paths.any(|path| folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Checks the files as they are published, and reads the variables of the root module; every problem is named at once.
    pub fn check(&self) -> Result<Vec<Variable>, Vec<FieldProblem>> {
        self.without(calls::remote_problems(self))
    }

    /// [`Source::check`] of files as an author has them, whose remote modules are not among them yet.
    pub fn check_as_written(&self) -> Result<Vec<Variable>, Vec<FieldProblem>> {
        self.without(Vec::new())
    }

    /// The variables of the root module, if the files have neither these problems nor others.
    fn without(&self, known: Vec<FieldProblem>) -> Result<Vec<Variable>, Vec<FieldProblem>> {
        let paths = self.files.keys().map(|path| ("files", path));
        let paths = paths.chain(self.binaries.keys().map(|path| ("binaries", path)));
        let mut problems = known;
        problems.extend(paths.filter_map(|(field, path)| path_problem(field, path)));
        if !self.root.is_empty() {
            problems.extend(path_problem("root", &self.root).map(|problem| FieldProblem {
                field: "root".to_owned(),
                ..problem
            }));
        }
        problems.extend(self.nested_problems());
        problems.extend(self.binary_problems());
        problems.extend(self.size_problem());
        // One that is not UTF-8 is named as that.
        let is_of_root = |path: &&String| folder_and_file(path).0 == self.root;
        let odd = self
            .binaries
            .keys()
            .filter(is_of_root)
            .map(|path| folder_and_file(path).1);
        let mut root_files = self.root_files().map(|(file, _)| file).chain(odd);
        if !root_files.any(|file| variable::syntax_of(file).is_some()) {
            problems.push(FieldProblem::new(
                "files",
                if self.root.is_empty() {
                    "there is no Terraform file in the folder".to_owned()
                } else {
                    format!("there is no Terraform file in the folder `{}`", self.root)
                },
                "publish the folder of a root module, with files that end with `.tf`",
            ));
        }
        problems.extend(module::problems(self));
        problems.extend(migrations::problems(self));
        problems.extend(calls::problems(self));
        problems.extend(call_blocks::problems(self));
        problems.extend(self.problems_of_aws_providers(false));
        problems.extend(references::problems(self));
        problems.extend(lock::problems(self));
        let variables = variable::read_schema(self.root_files()).unwrap_or_else(|wrong| {
            problems.extend(wrong.into_iter().map(|problem| {
                let file = problem.field.trim_start_matches("files.");
                let field = self.root_field(file);
                FieldProblem { field, ..problem }
            }));
            Vec::new()
        });
        if problems.is_empty() {
            return Ok(variables);
        }
        problems.sort_by(|one, other| (&one.field, one.place).cmp(&(&other.field, other.place)));
        // A file that cannot be read is found by several.
        problems
            .dedup_by(|one, other| (&one.field, one.place, &one.detail) == (&other.field, other.place, &other.detail));
        Err(problems)
    }

    /// Problems of the contract, named by their paths from `slipway`, as problems of the file with the output, at their places.
    pub fn contract_problems(&self, problems: Vec<FieldProblem>) -> Vec<FieldProblem> {
        module::placed(self, problems)
    }

    /// The configurations of providers that the root module and its local modules use: name and alias.
    pub fn providers(&self) -> BTreeSet<providers::Configuration> {
        providers::of(self)
    }

    /// The configurations of the AWS provider that Slipway rejects: in any environment, or in one whose role it assumes.
    pub fn problems_of_aws_providers(&self, assumes_role: bool) -> Vec<FieldProblem> {
        aws_provider::problems(self, assumes_role)
    }

    /// The calls of modules that are not among the files: of a registry, a repository, an archive.
    pub fn remote_modules(&self) -> Vec<RemoteModule> {
        calls::remote(self)
    }

    /// The digest of the files as the author has them, if publishing added remote modules: those of the same files may differ from day
    /// to day.
    pub fn written(&self) -> Option<Digest> {
        let list = below(&self.root, &format!("{VENDORED}/{MODULES}"));
        let modules: Modules<IgnoredAny> = serde_json::from_str(self.files.get(&list)?).ok()?;
        modules.written
    }

    /// Whether a file is one of a remote module.
    pub fn is_vendored(&self, path: &str) -> bool {
        let folder = below(&self.root, VENDORED);
        path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The field of a file of the root module.
    fn root_field(&self, file: &str) -> String {
        format!("files.{}", below(&self.root, file))
    }
}

impl Source {
    fn size_problem(&self) -> Option<FieldProblem> {
        let size: usize = self.files.values().chain(self.binaries.values()).map(String::len).sum();
        if size <= SOURCE_SIZE {
            return None;
        }
        let mut paths = self.files.keys().chain(self.binaries.keys());
        let ignored = if paths.any(|path| self.is_vendored(path)) {
            "in the file `.slipwayignore` of the root module's folder, which counts for `vendored`, too"
        } else {
            "in a file `.slipwayignore`"
        };
        Some(FieldProblem::new(
            "files",
            format!("the files have {size} bytes together"),
            format!(
                "publish at most {SOURCE_SIZE} bytes, the root module and the modules that it calls: name what Terraform does not need \
                 {ignored}. The largest are {}",
                self.largest()
            ),
        ))
    }

    /// The paths of the largest files.
    fn largest(&self) -> String {
        let mut files: Vec<(usize, &str)> = self
            .files
            .iter()
            .chain(&self.binaries)
            .map(|(path, content)| (content.len(), path.as_str()))
            .collect();
        files.sort_unstable_by(|one, other| other.cmp(one));
        let named = files
            .iter()
            .take(3)
            .map(|(size, path)| format!("{} ({size})", path.escape_default()));
        named.collect::<Vec<_>>().join(", ")
    }

    /// The files below another file: no folder can have both `a` and `a/b`.
    fn nested_problems(&self) -> impl Iterator<Item = FieldProblem> {
        let files = self.files.keys().map(|path| ("files", path));
        let paths = files.chain(self.binaries.keys().map(|path| ("binaries", path)));
        paths.filter_map(|(field, path)| {
            let mut folders = path.match_indices('/').map(|(end, _)| &path[..end]);
            let file =
                folders.find(|folder| self.files.contains_key(*folder) || self.binaries.contains_key(*folder))?;
            Some(FieldProblem::new(
                format!("{field}.{}", path.escape_default()),
                format!("is below `{}`, which is a file", file.escape_default()),
                "rename the file or the folder",
            ))
        })
    }

    /// What is wrong with the files that are no text, and with those that may be executed.
    fn binary_problems(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        for path in self.contents().filter_map(Result::err) {
            let field = format!("binaries.{}", path.escape_default());
            problems.push(FieldProblem::new(
                field,
                "is not base64",
                "give the file in base64, with padding",
            ));
        }
        for path in self.binaries.keys() {
            let field = format!("binaries.{}", path.escape_default());
            let name = path.rsplit('/').next().unwrap_or_default();
            if self.files.contains_key(path) {
                problems.push(FieldProblem::new(field, "is among `files` too", "give each file once"));
            } else if variable::syntax_of(name).is_some() || name.contains(".tfvars") {
                problems.push(FieldProblem::new(
                    field,
                    "is a Terraform file that is not UTF-8 text",
                    "write it in UTF-8",
                ));
            }
        }
        let is_there = |path: &&String| self.files.contains_key(*path) || self.binaries.contains_key(*path);
        for path in self.executables.iter().filter(|path| !is_there(path)) {
            problems.push(FieldProblem::new(
                "executables",
                format!("{} is not among the files", path.escape_default()),
                "name files of `files` or `binaries`",
            ));
        }
        problems
    }
}

/// The path of what is below a folder, which is `""` for the folder of all files.
pub fn below(folder: &str, path: &str) -> String {
    match folder {
        "" => path.to_owned(),
        folder => format!("{folder}/{path}"),
    }
}

fn folder_and_file(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// What is wrong with the path of a file, which the runner will write below its work folder.
fn path_problem(field: &str, path: &str) -> Option<FieldProblem> {
    const NAME_IT: &str = "name files by their path from the blueprint's folder, like `modules/network/main.tf`";
    let wrong_part = |part: &str| part.is_empty() || part == "." || part == "..";
    let mut remedy = NAME_IT;
    let what = if path.len() > 512 {
        "is longer than 512 bytes"
    } else if path.starts_with('/') || path.split('/').any(wrong_part) {
        "is not a plain path below the blueprint's folder"
    } else if path.contains(['\\', ':']) || path.chars().any(char::is_control) {
        "has a character that no path here may have"
    } else if path.split('/').any(|part| part == ".terraform") {
        "is Terraform's own work folder"
    } else if path.ends_with(".tofu") || path.ends_with(".tofu.json") {
        // OpenTofu would read it, in place of the `.tf` file of that name, and Slipway would not know what is in it.
        remedy = "name it `.tf` or `.tf.json`";
        "is of a file that only OpenTofu reads"
    } else {
        return None;
    };
    Some(
        FieldProblem::new(
            format!("{field}.{}", path.escape_default()),
            format!("the path {what}"),
            remedy,
        )
        .at(Place::START),
    )
}

/// Why a version should no longer be used. Stacks may still be created from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecation {
    /// The reason, and the version to use instead.
    pub message: String,
    /// The caller who deprecated it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A version of a blueprint. What it is made of is immutable once it is published, unless it is a draft.
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
    /// The digest of the files as the author has them, if it has remote modules ([`Source::written`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Digest>,
    /// The schema of its variables.
    pub variables: Vec<Variable>,
    /// When it was published.
    pub published_at: Timestamp,
    /// Who published it. None on records of earlier versions of Slipway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_by: Option<String>,
    /// Whether it is for sandbox environments only, and can be published again with other files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// None for a version in good standing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    /// Counts the changes of this record; 0 if it is as it was published.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
}

impl Blueprint {
    /// Whether it is made of the files that another version is made of. The same files of an author may have other remote modules on
    /// another day: a version keeps those with which it was published, and a draft gets the new ones.
    pub fn is_made_of(&self, other: &Self) -> bool {
        self.digest == other.digest || (!self.draft && self.written.is_some() && self.written == other.written)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
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
            ..Source::default()
        }
    }

    const OUTPUT: &str = "output \"slipway\" { value = {} }";

    #[test]
    fn a_path_stays_below_the_folder_and_is_one_that_slipway_reads() {
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
            "modules/a/main.tofu",
            "other.tofu.json",
        ] {
            let problems = source(&[("main.tf", OUTPUT), (wrong, "")]).check().expect_err(wrong);
            assert_eq!(problems.len(), 1, "{wrong:?}: {problems:?}");
        }
    }

    #[test]
    fn no_file_is_below_another_file() {
        let mut nested = source(&[("main.tf", OUTPUT), ("a", ""), ("a/b/c.txt", ""), ("ab/c.txt", "")]);
        nested.binaries.insert("main.tf/x.bin".to_owned(), String::new());
        let problems = nested.check().expect_err("two files below files");
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["binaries.main.tf/x.bin", "files.a/b/c.txt"]);
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
    fn binaries_and_executables_are_checked() {
        let mut good = source(&[("main.tf", OUTPUT), ("run.sh", "#!/bin/sh")]);
        let plain = good.digest();
        good.executables.insert("run.sh".to_owned());
        good.binaries.insert("lambda.zip".to_owned(), "UEsDBA==".to_owned());
        good.check().expect("a blueprint");
        assert_ne!(
            good.digest(),
            plain,
            "what may be executed is part of what is published"
        );
        let read: Source = serde_json::from_str(&good.to_json()).expect("what was written");
        assert_eq!(read, good);
        let contents: Vec<_> = good.contents().map(|file| file.expect("base64")).collect();
        assert_eq!(
            contents[2],
            ("lambda.zip", Cow::Borrowed(b"PK\x03\x04".as_slice()), false)
        );
        assert!(contents[1].2 && !contents[0].2);
        for (path, content, words) in [
            ("x.zip", "not base64", "base64"),
            ("x.tf", "UEsDBA==", "UTF-8"),
            ("run.sh", "UEsDBA==", "too"),
            ("../x", "UEsDBA==", "plain path"),
        ] {
            let mut wrong = good.clone();
            wrong.binaries.insert(path.to_owned(), content.to_owned());
            let problems = wrong.check().expect_err(path);
            assert!(problems[0].detail.contains(words), "{path}: {problems:?}");
        }
        good.executables.insert("other.sh".to_owned());
        assert!(good.check().expect_err("no file")[0].detail.contains("other.sh"));
    }

    #[test]
    fn a_module_that_cannot_be_read_calls_who_knows_what() {
        let problems = source(&[
            ("main.tf", &format!("{OUTPUT}\nmodule \"m\" {{ source = \"./m\" }}\n")),
            ("m/main.tf", "module \"b\" {"),
        ]);
        let problems = problems.check().expect_err("unreadable");
        assert_eq!(
            (problems.len(), problems[0].field.as_str()),
            (1, "files.m/main.tf"),
            "{problems:?}"
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
