//! Which modules a module calls that are files beside it.

use super::Source;
use crate::problem::{FieldProblem, Place};
use crate::terraform_file;
use crate::terraform_json::{self, Node, Step};
use crate::variable::{SYNTAX_REMEDY, Syntax, is_override, syntax_of, text_of};

/// A call of a module by a path: `source = "../../modules/network"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModule {
    /// The file with the call.
    pub file: String,
    /// The name of the call.
    pub name: String,
    /// The path, as it is written.
    pub path: String,
    /// Where the path stands in the file.
    pub at: Place,
}

/// A call as a file has it: its name, its source, and where that stands.
type Call = (String, String, Place);

/// Why a file does not say which modules it calls, and where.
type Unread = (Place, String, &'static str);

/// The modules that the files of one folder call by a local path. An unreadable file is a problem in the field
/// `files.<file name>`, because its calls are unknown.
pub fn local_modules<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<LocalModule>, Vec<FieldProblem>> {
    let (found, problems) = calls(files);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(found.into_iter().filter(LocalModule::is_local).collect())
}

impl LocalModule {
    /// Whether it is a local path: Terraform requires these beginnings.
    fn is_local(&self) -> bool {
        self.path.starts_with("./") || self.path.starts_with("../")
    }
}

/// Every call, and the files that cannot be read or have a call whose source is not known.
fn calls<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> (Vec<LocalModule>, Vec<FieldProblem>) {
    let (mut found, mut problems): (Vec<LocalModule>, _) = (Vec::new(), Vec::new());
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
                for (name, path, at) in calls {
                    // An override file changes the source of a call that there is.
                    if is_override(file) {
                        found.retain(|call| call.name != name);
                    }
                    let file = file.to_owned();
                    found.push(LocalModule { file, name, path, at });
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
    let file = Node::parse(text).map_err(|error| {
        let (at, what) = terraform_json::fault(&error);
        (at, what, SYNTAX_REMEDY)
    })?;
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

/// Whether a module comes from elsewhere.
pub(super) fn any_remote(source: &Source) -> bool {
    let folders = folders(source).into_iter();
    folders
        .flat_map(|folder| calls(source.files_of(&folder)).0)
        .any(|call| !call.is_local())
}

/// The folders of the root module and of the local modules that it calls.
pub(super) fn folders(source: &Source) -> Vec<String> {
    let mut folders = vec![source.root.clone()];
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        let (calls, _) = calls(source.files_of(&folder));
        for call in calls.iter().filter(|call| call.is_local()) {
            let called = folder_of(&folder, &call.path);
            folders.extend(called.filter(|called| !folders.contains(called)));
        }
    }
    folders
}

/// The calls that lead to no module among the files, or out of them, from the root module on; and the files of these modules
/// that cannot be read.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut seen = vec![source.root.clone()];
    let mut next = 0;
    while let Some(folder) = seen.get(next).cloned() {
        next += 1;
        let field = |file: &str| match folder.as_str() {
            "" => format!("files.{file}"),
            folder => format!("files.{folder}/{file}"),
        };
        let (calls, unreadable) = calls(source.files_of(&folder));
        problems.extend(unreadable.into_iter().map(|problem| FieldProblem {
            field: field(problem.field.trim_start_matches("files.")),
            ..problem
        }));
        for call in calls {
            if is_on_the_machine(&call.path) {
                problems.push(
                    FieldProblem::new(
                        field(&call.file),
                        format!(
                            "the module `{}` is {}, a place on the machine that runs Terraform",
                            call.name, call.path
                        ),
                        "publish the module with the blueprint, and call it by a path like ./modules/network",
                    )
                    .at(call.at),
                );
            }
            if !call.is_local() {
                continue;
            }
            let called = folder_of(&folder, &call.path);
            match called.filter(|called| source.has_folder(called)) {
                Some(called) if seen.contains(&called) => {}
                Some(called) => seen.push(called),
                None => problems.push(FieldProblem::new(
                    field(&call.file),
                    format!("the module `{}` is {}, which is not among the files", call.name, call.path),
                    "publish it too: `slipway blueprint publish FOLDER --within TOP` takes what is called along, as far as it is \
                     below TOP",
                ).at(call.at)),
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
            ..Source::default()
        };
        assert_eq!(problems(&source), []);
        source.files.insert("m/b/more.tf".to_owned(), call("../../../c"));
        source.files.insert("m/a/more.tf".to_owned(), call("../empty"));
        let fields: Vec<String> = problems(&source).into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["files.m/a/more.tf", "files.m/b/more.tf"]);
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
            let problems = local_modules([(file, text)].into_iter()).expect_err(text);
            assert!(problems[0].detail.contains("source of the module `m`"), "{problems:?}");
        }
        let constant = "module \"m\" { source = \"./${\"m\"}\" }";
        let calls = local_modules([("main.tf", constant)].into_iter()).expect("a call");
        assert_eq!(calls[0].path, "./m");
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
