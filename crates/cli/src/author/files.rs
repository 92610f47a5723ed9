//! The files of a blueprint, as the caller names them.

use std::path::{Component, Path, PathBuf};

use slipway_model::blueprint::{Source, below, folder_of};
use slipway_model::problem::Place;
use slipway_model::terraform_file::{self, Body};

/// The files that would be published, and the folder that they were read from.
pub struct Files<'a> {
    folder: &'a Path,
    source: &'a Source,
}

impl<'a> Files<'a> {
    pub fn new(folder: &'a Path, source: &'a Source) -> Self {
        Self { folder, source }
    }

    /// The folder of the root module.
    pub fn folder(&self) -> &Path {
        self.folder
    }

    /// The path by which the caller opens a file of the blueprint.
    pub fn shown(&self, path: &str) -> PathBuf {
        let root = self.source.root.as_str();
        let below = path.strip_prefix(root).map(|rest| rest.trim_start_matches('/'));
        if let Some(below) = below.filter(|_| root.is_empty() || path[root.len()..].starts_with('/')) {
            return self.folder.join(below);
        }
        // From the root module's folder up to the folder of all files.
        let up: PathBuf = root.split('/').map(|_| Component::ParentDir).collect();
        plain(&self.folder.join(up).join(path))
    }

    /// The path of what a field of a request is about: a file, or else the folder.
    pub fn of_field(&self, field: &str) -> PathBuf {
        let path = field.strip_prefix("files.").or_else(|| field.strip_prefix("binaries."));
        path.map_or_else(|| self.folder.to_owned(), |path| self.shown(path))
    }

    /// The text of the file that is shown so, if it is in Terraform's native syntax.
    pub fn named(&self, shown: &Path) -> Option<&str> {
        let native = self.source.files.iter().filter(|(path, _)| path.ends_with(".tf"));
        let mut named = native.filter(|(path, _)| self.shown(path) == shown);
        named.next().map(|(_, text)| text.as_str())
    }

    /// The place for what Terraform says of the whole root module: at the first of its blocks that the message names, or else at
    /// the beginning of `main.tf`, or of the first file.
    pub fn place_in_root_module(&self, message: &str) -> (PathBuf, Place) {
        let words: Vec<&str> = message.split([' ', ',', ':']).collect();
        let files = || self.source.root_files().filter(|(file, _)| file.ends_with(".tf"));
        let shown = |file: &str| self.shown(&below(&self.source.root, file));
        let mut named = Vec::new();
        for (file, text) in files() {
            let Ok(body) = terraform_file::parse(text) else {
                continue;
            };
            named.extend(addresses(&body).into_iter().filter_map(|(address, place)| {
                let is_of = |word: &&str| {
                    let rest = word.strip_prefix(address.as_str());
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                };
                let nth = words.iter().position(is_of)?;
                Some((nth, shown(file), place))
            }));
        }
        if let Some((_, file, place)) = named.into_iter().min() {
            return (file, place);
        }
        let file = files().find(|(file, _)| *file == "main.tf").or_else(|| files().next());
        let path = file.map_or_else(|| self.folder.to_owned(), |(file, _)| shown(file));
        (path, Place::START)
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.source.files.get(path).map(String::as_str)
    }

    /// The path among the files that a path from the root module's folder leads to.
    pub fn path_of(&self, path: &str) -> Option<String> {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = folder_of(&self.source.root, folder)?;
        Some(if folder.is_empty() {
            file.to_owned()
        } else {
            format!("{folder}/{file}")
        })
    }
}

/// What Terraform's messages call the parts of a file, each with its place.
fn addresses(body: &Body<'_>) -> Vec<(String, Place)> {
    let mut addresses = Vec::new();
    for block in &body.blocks {
        match block.kind {
            "resource" => addresses.push((block.labels.join("."), block.at)),
            "data" | "module" | "output" => {
                addresses.push((format!("{}.{}", block.kind, block.labels.join(".")), block.at));
            }
            "locals" => {
                let arguments = block.body.arguments.iter();
                addresses.extend(arguments.map(|argument| (format!("local.{}", argument.name), argument.named_at)));
            }
            _ => {}
        }
    }
    addresses
}

/// The path without a folder that is left again: `a/b/../c` is `a/c`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let leaves =
            part == Component::ParentDir && matches!(plain.components().next_back(), Some(Component::Normal(_)));
        if leaves {
            plain.pop();
        } else if part != Component::CurDir {
            plain.push(part);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_about_a_module_is_placed_at_the_first_block_it_names() {
        let source = Source {
            files: [
                ("a.tf", "locals {\n  one = local.two\n  two = local.one\n}\n"),
                (
                    "main.tf",
                    "\nresource \"terraform_data\" \"web\" {}\nmodule \"names\" {}\n",
                ),
            ]
            .map(|(file, text)| (file.to_owned(), text.to_owned()))
            .into(),
            ..Source::default()
        };
        let files = Files::new(Path::new("web"), &source);
        for (message, file, line) in [
            ("Cycle: local.two (expand), local.one (expand)", "web/a.tf", 3),
            ("Cycle: terraform_data.web2, terraform_data.web[0]", "web/main.tf", 2),
            ("Cycle: module.names.var.a (expand), local.one", "web/main.tf", 3),
            ("Something of no block", "web/main.tf", 1),
        ] {
            let (shown, place) = files.place_in_root_module(message);
            assert_eq!((shown.as_path(), place.line), (Path::new(file), line), "{message}");
        }
    }

    #[test]
    fn file_is_shown_by_its_path_from_here() {
        let mut source = Source::default();
        for (root, path, folder, shown) in [
            ("", "main.tf", "web", "web/main.tf"),
            (
                "blueprints/web",
                "blueprints/web/m/a.tf",
                "tf/blueprints/web",
                "tf/blueprints/web/m/a.tf",
            ),
            ("blueprints/web", "modules/a.tf", "tf/blueprints/web", "tf/modules/a.tf"),
            ("web", "webs/a.tf", "web", "webs/a.tf"),
            ("web", "m/a.tf", ".", "../m/a.tf"),
        ] {
            root.clone_into(&mut source.root);
            let files = Files::new(Path::new(folder), &source);
            assert_eq!(files.shown(path), Path::new(shown), "{root} {path}");
            assert_eq!(files.of_field(&format!("files.{path}")), Path::new(shown));
            assert_eq!(files.of_field("files"), Path::new(folder));
        }
        "blueprints/web".clone_into(&mut source.root);
        let files = Files::new(Path::new("."), &source);
        assert_eq!(files.path_of("main.tf").as_deref(), Some("blueprints/web/main.tf"));
        assert_eq!(files.path_of("../../m/a.tf").as_deref(), Some("m/a.tf"));
        assert_eq!(files.path_of("../../../a.tf"), None);
    }
}
