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
                r#"{"module": {"m": [{"source": "../c"}]}}"#.to_owned(),
            ),
            ("m/c/main.tf", String::new()),
            (
                "m/b/other.tf",
                "module \"m\" { source = \"example/network/aws\" }".to_owned(),
            ),
        ];
        let mut source = Source {
            root: "b/web".to_owned(),
            files: files.map(|(path, text)| (path.to_owned(), text)).into(),
            ..Source::default()
        };
        assert_eq!(problems(&source), []);
        source.files.insert("m/b/more.tf".to_owned(), call("../../../d"));
        source.files.insert("m/a/more.tf".to_owned(), call("../empty"));
        let mut fields: Vec<String> = problems(&source).into_iter().map(|problem| problem.field).collect();
        fields.sort();
        assert_eq!(fields, ["files.m/a/more.tf", "files.m/b/more.tf"]);
    }

    #[test]
    fn module_that_calls_itself_is_rejected_at_the_call() {
        let files = [
            (
                "main.tf",
                "module \"a\" { source = \"./a\" }\nmodule \"b\" { source = \"./b\" }",
            ),
            ("a/main.tf", "\nmodule \"b\" {\n  source = \"../b\"\n}"),
            ("b/main.tf.json", r#"{"module": {"a": {"source": "../a"}}}"#),
            ("c/main.tf", "module \"c\" { source = \"../c\" }"),
        ];
        let mut source = Source {
            files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
            ..Source::default()
        };
        let found = problems(&source);
        assert_eq!(
            (found.len(), found[0].field.as_str()),
            (1, "files.b/main.tf.json"),
            "{found:?}"
        );
        source.root = "c".to_owned();
        let found = problems(&source);
        assert!(
            found[0].detail.contains("cannot call themselves") && found[0].place.is_some_and(|place| place.line == 1),
            "{found:?}"
        );
    }

    #[test]
    fn redirected_call_has_another_source_and_no_version() {
        let text = "\u{feff}# why\nmodule \"vpc\" {\n  source  = \"example/vpc/aws\" # registry\n  version = \"~> 5.0\"\n  name = \"é\"\n}\nmodule \"own\" {\n  source = \"./own\"\n}\n";
        let sources = BTreeMap::from([("vpc".to_owned(), "./vendored/vpc".to_owned())]);
        let expected = text
            .replace("\"example/vpc/aws\"", "\"./vendored/vpc\"")
            .replace("version = \"~> 5.0\"", "");
        assert_eq!(redirect(text, &sources).as_deref(), Some(expected.as_str()));
        assert_eq!(redirect("module {", &sources), None);
    }

    #[test]
    fn remote_modules_are_found_in_every_module_that_is_called() {
        let files = [
            (
                "main.tf",
                "module \"a\" { source = \"./a\" }\nmodule \"x\" { source = \"/etc\" }",
            ),
            ("a/main.tf", "module \"vpc\" { source = \"example/vpc/aws\" }"),
            ("b/main.tf", "module \"unused\" { source = \"example/vpc/aws\" }"),
        ];
        let source = Source {
            files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
            ..Source::default()
        };
        let found = remote_problems(&source);
        assert_eq!(
            (found.len(), found[0].field.as_str()),
            (1, "files.a/main.tf"),
            "{found:?}"
        );
        assert!(found[0].remedy.contains("slipway publish"), "{found:?}");
    }

    #[test]
    fn module_without_terraform_files_is_there() {
        let list = r#"[{"variable": {}}, {"module": {"m": {"source": "./m"}}}]"#;
        let mut source = Source::default();
        source.files.insert("main.tf.json".to_owned(), list.to_owned());
        assert_eq!(problems(&source).len(), 1, "no file is below m");
        source.binaries.insert("m/deep/lambda.zip".to_owned(), String::new());
        assert_eq!(problems(&source), []);
    }

    #[test]
    fn a_module_on_the_machine_is_rejected() {
        for wrong in [
            "/etc",
            "file:///etc",
            "file::/etc",
            "git::file:///srv/m.git",
            "git::/srv/m.git",
            "~/m",
            "C:\\\\m",
            "FILE:///x",
            "s3::file:///x",
        ] {
            let text = format!("module \"m\" {{ source = \"{wrong}\" }}");
            let mut source = Source::default();
            source.files.insert("main.tf".to_owned(), text);
            let problems = problems(&source);
            assert!(
                problems.len() == 1 && problems[0].detail.contains("machine"),
                "{wrong}: {problems:?}"
            );
        }
        for right in [
            "terraform-aws-modules/vpc/aws",
            "git::https://example.com/vpc.git//m?ref=v1",
            "git@github.com:a/b.git",
            "git::ssh://git@example.com/a.git",
            "github.com/a/b",
            "s3::https://s3.amazonaws.com/b/vpc.zip",
            "app.terraform.io/a/b/c",
        ] {
            let mut source = Source::default();
            source
                .files
                .insert("main.tf".to_owned(), format!("module \"m\" {{ source = \"{right}\" }}"));
            assert_eq!(problems(&source), [], "{right}");
        }
    }

    #[test]
    fn a_source_that_is_not_known_is_named() {
        for (file, text) in [
            ("main.tf", "module \"m\" { source = \"./m/${var.x}\" }"),
            ("main.tf", "module \"m\" { source = var.x }"),
            ("main.tf.json", r#"{"module": {"m": {"source": "./m/${var.x}"}}}"#),
        ] {
            let problems = module_calls([(file, text)].into_iter()).expect_err(text);
            assert!(problems[0].detail.contains("source of the module `m`"), "{problems:?}");
        }
        let constant = "module \"m\" { source = \"./${\"m\"}\" }";
        let calls = module_calls([("main.tf", constant)].into_iter()).expect("a call");
        assert_eq!(calls[0].source, "./m");
    }

    #[test]
    fn an_override_file_changes_the_source_of_a_call() {
        let mut source = Source::default();
        source.files.insert(
            "main.tf".to_owned(),
            "module \"m\" { source = \"../elsewhere\" }".to_owned(),
        );
        source
            .files
            .insert("override.tf".to_owned(), "module \"m\" { source = \"./m\" }".to_owned());
        source.files.insert("m/main.tf".to_owned(), String::new());
        source.files.insert(
            "._main.tf".to_owned(),
            "module \"x\" { source = \"./none\" }".to_owned(),
        );
        assert_eq!(problems(&source), []);
    }
}
