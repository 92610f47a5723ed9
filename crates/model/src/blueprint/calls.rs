//! Which modules a module calls that are files beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;
use crate::json::Fault;
use crate::problem::{FieldProblem, Place};
use crate::terraform_file;
use crate::terraform_json::{self, Node, Step};
use crate::variable::{SYNTAX_REMEDY, Syntax, is_override, syntax_of, text_of};

/// A call of a module: `source = "../../modules/network"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleCall {
    /// The file with the call.
    pub file: String,
    /// The name of the call.
    pub name: String,
    /// The source, as it is written.
    pub source: String,
    /// Where the source stands in the file.
    pub at: Place,
}

/// A call as a file has it: its name, its source, and where that stands.
type Call = (String, String, Place);

/// Why a file does not say which modules it calls, and where.
type Unread = (Place, String, &'static str);

/// The modules that the files of one folder call. An unreadable file is a problem in the field `files.<file name>`, because its
/// calls are unknown.
pub fn module_calls<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<ModuleCall>, Vec<FieldProblem>> {
    let (found, problems) = calls(files);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(found)
}

impl ModuleCall {
    /// Whether it is a local path: Terraform requires these beginnings.
    pub fn is_local(&self) -> bool {
        self.source.starts_with("./") || self.source.starts_with("../")
    }
}

/// Every call, and the files that cannot be read or have a call whose source is not known.
fn calls<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> (Vec<ModuleCall>, Vec<FieldProblem>) {
    let (mut found, mut problems): (Vec<ModuleCall>, _) = (Vec::new(), Vec::new());
    let mut files: Vec<_> = files.collect();
    files.sort_by_key(|(file, _)| (is_override(file), *file));
    for (file, text) in files {
        let calls = match syntax_of(file) {
            Some(Syntax::Hcl) => native_calls(text),
            Some(Syntax::Json) => json_calls(text),
            None => continue,
        };
        match calls {
            Ok(calls) => {
                for (name, source, at) in calls {
                    // An override file changes the source of a call that there is.
                    if is_override(file) {
                        found.retain(|call| call.name != name);
                    }
                    let file = file.to_owned();
                    found.push(ModuleCall { file, name, source, at });
                }
            }
            Err((at, what, remedy)) => {
                problems.push(FieldProblem::new(format!("files.{file}"), what, remedy).at(at));
            }
        }
    }
    (found, problems)
}

const SOURCE_REMEDY: &str = "write the source of a module as a text";

fn not_plain(name: &str, at: Place) -> Unread {
    let what =
        format!("the source of the module `{name}` is not a literal string, so its files are unknown at publish");
    (at, what, SOURCE_REMEDY)
}

fn native_calls(text: &str) -> Result<Vec<Call>, Unread> {
    let body = terraform_file::parse(text).map_err(|error| (error.place, error.message, SYNTAX_REMEDY))?;
    let mut calls = Vec::new();
    for block in body.blocks_of("module") {
        let name = block
            .labels
            .first()
            .map_or_else(String::new, |label| label.clone().into_owned());
        // Without one, in an override file, the call is that of another file.
        let Some(source) = block.body.argument("source") else {
            continue;
        };
        let path = text_of(source).ok_or_else(|| not_plain(&name, source.at))?;
        calls.push((name, path, source.at));
    }
    Ok(calls)
}

fn json_calls(text: &str) -> Result<Vec<Call>, Unread> {
    let file = Node::parse(text).map_err(|Fault { place, what }| (place, what, SYNTAX_REMEDY))?;
    let calls = file.labelled("module").into_iter().filter_map(|(name, block)| {
        let source = block.get("source").and_then(Node::as_text)?;
        Some((name.to_owned(), source.to_owned()))
    });
    calls
        .map(|(name, source)| {
            let path = [Step::Member("module"), Step::Member(&name), Step::Member("source")];
            let at = terraform_json::place(text, &path);
            if source.contains("${") {
                Err(not_plain(&name, at))
            } else {
                Ok((name, source, at))
            }
        })
        .collect()
}

/// Whether a source is on the machine that runs Terraform: an absolute path, possibly after a getter's prefix
/// (`https://developer.hashicorp.com/terraform/language/modules/sources`). Its content in a build is unknown, and may differ
/// between plan and apply.
fn is_on_the_machine(source: &str) -> bool {
    let place = source.rsplit_once("::").map_or(source, |(_, place)| place);
    let is_drive =
        place.as_bytes().get(1) == Some(&b':') && place.starts_with(|first: char| first.is_ascii_alphabetic());
    place.starts_with(['/', '\\', '~'])
        || is_drive
        || place
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
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

/// A call of a module that is not among the files: of a registry, a repository, an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteModule {
    /// The folder of the module with the call.
    pub folder: String,
    /// The call.
    pub call: ModuleCall,
}

/// The calls of remote modules, in the root module and in the local modules that it calls.
pub(super) fn remote(source: &Source) -> Vec<RemoteModule> {
    let mut remote = Vec::new();
    for folder in folders(source) {
        let (calls, _) = calls(source.files_of(&folder));
        let away = calls
            .into_iter()
            .filter(|call| !call.is_local() && !is_on_the_machine(&call.source));
        remote.extend(away.map(|call| RemoteModule {
            folder: folder.clone(),
            call,
        }));
    }
    remote
}

/// Remote modules, as problems: what Terraform downloads may be something else tomorrow, and a version does not change.
pub(super) fn remote_problems(source: &Source) -> Vec<FieldProblem> {
    let problem = |RemoteModule { folder, call }| {
        let what = format!(
            "the module `{}` is {}, which is not among the files, so the version could change",
            call.name, call.source
        );
        let remedy = "publish with `slipway publish` or `slipway blueprint publish`, which puts remote modules into the version; or \
                      copy the module beside the blueprint, and call it by a path like ./modules/network";
        FieldProblem::new(field(&folder, &call.file), what, remedy).at(call.at)
    };
    remote(source).into_iter().map(problem).collect()
}

/// A native file in which calls of modules, by their names, have other sources. A path takes no version, so the calls lose theirs.
/// None if the file cannot be read.
pub fn redirect(text: &str, sources: &BTreeMap<String, String>) -> Option<String> {
    let body = terraform_file::parse(text).ok()?;
    let place = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    let mut changes = Vec::new();
    for block in body.blocks_of("module") {
        let Some(path) = block.labels.first().and_then(|name| sources.get(&**name)) else {
            continue;
        };
        if let Some(source) = block.body.argument("source") {
            let begin = place(source.text);
            changes.push((begin..begin + source.text.len(), format!("\"{path}\"")));
        }
        if let Some(version) = block.body.argument("version") {
            let end = place(version.text) + version.text.len();
            changes.push((place(version.name)..end, String::new()));
        }
    }
    changes.sort_by_key(|(range, _)| range.start);
    let mut redirected = text.to_owned();
    for (range, with) in changes.into_iter().rev() {
        redirected.replace_range(range, &with);
    }
    Some(redirected)
}

/// The folders of the root module and of the local modules that it calls.
pub(super) fn folders(source: &Source) -> Vec<String> {
    let mut folders = vec![source.root.clone()];
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        let (calls, _) = calls(source.files_of(&folder));
        for call in calls.iter().filter(|call| call.is_local()) {
            let called = folder_of(&folder, &call.source);
            folders.extend(called.filter(|called| !folders.contains(called)));
        }
    }
    folders
}

/// The field of a file in a folder.
fn field(folder: &str, file: &str) -> String {
    match folder {
        "" => format!("files.{file}"),
        folder => format!("files.{folder}/{file}"),
    }
}

/// A module whose calls are being followed.
struct Open {
    folder: String,
    calls: std::vec::IntoIter<ModuleCall>,
}

impl Open {
    fn new(source: &Source, folder: String, problems: &mut Vec<FieldProblem>) -> Self {
        let (calls, unreadable) = calls(source.files_of(&folder));
        problems.extend(unreadable.into_iter().map(|problem| FieldProblem {
            field: field(&folder, problem.field.trim_start_matches("files.")),
            ..problem
        }));
        Self {
            folder,
            calls: calls.into_iter(),
        }
    }
}

/// The calls that lead to no module among the files, out of them, or back to the module that calls, from the root module on; and
/// the files of these modules that cannot be read.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::from([source.root.clone()]);
    // Not by recursion: the files say how deep it goes.
    let mut open = vec![Open::new(source, source.root.clone(), &mut problems)];
    while let Some(module) = open.last_mut() {
        let Some(call) = module.calls.next() else {
            open.pop();
            continue;
        };
        let field = field(&module.folder, &call.file);
        let wrong = |what: String, remedy: &'static str| FieldProblem::new(field, what, remedy).at(call.at);
        if is_on_the_machine(&call.source) {
            let what = format!(
                "the module `{}` is {}, a place on the machine that runs Terraform",
                call.name, call.source
            );
            let remedy = "publish the module with the blueprint, and call it by a path like ./modules/network";
            problems.push(wrong(what, remedy));
            continue;
        }
        if !call.is_local() {
            continue;
        }
        let called = folder_of(&module.folder, &call.source).filter(|called| source.has_folder(called));
        let Some(called) = called else {
            let what = format!(
                "the module `{}` is {}, which is not among the files",
                call.name, call.source
            );
            let remedy = "publish its files with the blueprint: name a folder above both with `--within FOLDER`";
            problems.push(wrong(what, remedy));
            continue;
        };
        if open.iter().any(|module| module.folder == called) {
            let what = format!(
                "the module `{}` is {}, a folder whose module leads to this call: modules cannot call themselves",
                call.name, call.source
            );
            problems.push(wrong(what, "break the cycle: Terraform would follow it without end"));
        } else if seen.insert(called.clone()) {
            open.push(Open::new(source, called, &mut problems));
        }
    }
    problems
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
