//! The files of a blueprint as they are published: the root module's folder, and the local modules that it calls.
//!
//! A blueprint that calls `../../modules/network` is published with that folder, at the same place from it, so that its files
//! mean in a build what they mean here. How far up such a path may lead says the person who publishes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::Deserialize;
use slipway_model::blueprint::{Source, folder_of, local_modules};
use slipway_model::name::Name;

use crate::error::Error;
use crate::files;

/// The file of a blueprint's folder that says as what it is published. It is not part of what is published.
pub const ABOUT: &str = "blueprint.json";

/// What `blueprint.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The blueprint's name; that of its folder if it is left out.
    pub name: Option<Name>,
    /// Its version.
    pub version: Version,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
}

/// What a blueprint's folder says about it; `None` where it says nothing.
pub fn about(folder: &Path) -> Result<Option<About>, Error> {
    let path = folder.join(ABOUT);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|source| Error::File {
            action: "read",
            path: path.clone(),
            source,
        })?,
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Error::Usage(format!(
            "{}: {error}; write {{\"version\": \"1.0.0\", \"description\": \"…\"}}, and \"name\" where it is not the folder's",
            path.display()
        ))
    })
}

/// What is not published: what Terraform puts there, what only tests and people read, what systems leave in folders.
fn is_passed_over(name: &str) -> bool {
    [".terraform", ".git", ".DS_Store", "tests", ABOUT, "README.md"].contains(&name)
        || name.contains(".tfstate")
        || name.ends_with(".tftest.hcl")
        || name.ends_with(".tftest.json")
}

/// Reads the blueprint in `folder`. Its local modules may be anywhere below `top`, which is above the folder or the folder itself.
pub fn read(folder: &Path, top: &Path) -> Result<Source, Error> {
    let canonical = |path: &Path| {
        path.canonicalize().map_err(|source| Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        })
    };
    let (whole, top) = (canonical(folder)?, canonical(top)?);
    let root = whole
        .strip_prefix(&top)
        .map_err(|_| Error::Usage(format!("{} is not below {}", folder.display(), top.display())))?;
    let mut reader = Reader {
        root: text(root)?,
        top,
        folders: Vec::new(),
        files: BTreeMap::new(),
    };
    let mut modules = vec![reader.root.clone()];
    reader.take(&reader.root.clone())?;
    let mut next = 0;
    while let Some(module) = modules.get(next).cloned() {
        next += 1;
        for called in reader.called_by(&module)? {
            reader.take(&called)?;
            if !modules.contains(&called) {
                modules.push(called);
            }
        }
    }
    Ok(reader.source())
}

struct Reader {
    top: PathBuf,
    /// The root module's folder, from the top.
    root: String,
    /// The folders that were taken, from the top.
    folders: Vec<String>,
    /// Their files, from the top.
    files: BTreeMap<String, String>,
}

impl Reader {
    /// Takes a folder with all that is below it.
    fn take(&mut self, folder: &str) -> Result<(), Error> {
        if self.folders.iter().any(|taken| is_in(folder, taken)) {
            return Ok(());
        }
        let whole = self.top.join(folder);
        for file in files::below(&whole, is_passed_over)? {
            let path = whole.join(&file);
            let content = fs::read_to_string(&path).map_err(|source| Error::File {
                action: "read as text",
                path: path.clone(),
                source,
            })?;
            self.files.insert(join(folder, &text(&file)?), content);
        }
        self.folders.push(folder.to_owned());
        Ok(())
    }

    /// The folders of the local modules that a module calls.
    fn called_by(&self, module: &str) -> Result<Vec<String>, Error> {
        let files = self.files.iter().filter_map(|(path, text)| {
            let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
            (folder == module).then_some((file, text.as_str()))
        });
        let calls = local_modules(files).into_iter().map(|call| {
            let what = |problem: &str| {
                let file = self.top.join(module).join(&call.file);
                Error::Usage(format!("{}: the module `{}` is {}, {problem}", file.display(), call.name, call.path))
            };
            let out = format!(
                "which leads out of {}: publish from a folder that holds the blueprint and its modules (`slipway publish TOP`, \
                 `slipway blueprint publish FOLDER --within TOP`)",
                self.top.display()
            );
            let folder = folder_of(module, &call.path).ok_or_else(|| what(&out))?;
            let whole = self.top.join(&folder);
            match whole.canonicalize() {
                Ok(real) if real == whole && real.is_dir() => Ok(folder),
                Ok(real) if real.is_dir() => Err(what("which is behind a link: put the folder itself there")),
                _ => Err(what("where there is no folder")),
            }
        });
        calls.collect()
    }

    /// The files, from the deepest folder that holds them all.
    fn source(self) -> Source {
        let common = self
            .folders
            .iter()
            .fold(self.root.clone(), |common, folder| common_folder(&common, folder));
        let below = |path: &str| {
            path.strip_prefix(&common)
                .unwrap_or(path)
                .trim_start_matches('/')
                .to_owned()
        };
        Source {
            root: below(&self.root),
            files: self
                .files
                .iter()
                .map(|(path, text)| (below(path), text.clone()))
                .collect(),
        }
    }
}

/// Whether a folder is another one or below it.
fn is_in(folder: &str, other: &str) -> bool {
    other.is_empty() || folder == other || folder.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}

fn common_folder(one: &str, other: &str) -> String {
    let (one, other) = (one.split('/'), other.split('/'));
    let same = one.zip(other).take_while(|(one, other)| one == other);
    same.map(|(part, _)| part).collect::<Vec<&str>>().join("/")
}

fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    }
}

fn text(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::Usage(format!("the path {} is not text", path.display())))
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
