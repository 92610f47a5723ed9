//! The files of a blueprint as they are published: the root module's folder, and the local modules that it calls.
//!
//! A blueprint that calls `../../modules/network` is published with that folder, at the same place from it, so that its files
//! mean in a build what they mean here. How far up such a path may lead says the person who publishes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use slipway_model::blueprint::{ModuleCall, Source, folder_of, module_calls};
use slipway_model::json::Fault;
use slipway_model::name::Name;

use crate::error::Error;
use crate::files;

mod ignore;
mod reads;
mod tree;

pub use ignore::IGNORE;
use reads::Reads;
pub use reads::leads_up;
use tree::Found;
pub use tree::is_terraform;

/// The file of a blueprint's folder that says as what it is published. It is not part of what is published, unless a module reads it.
pub const ABOUT: &str = "blueprint.json";

/// The file for people.
pub const README: &str = "README.md";

/// What `blueprint.json` says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The schema of the file, for editors.
    #[serde(rename = "$schema", default)]
    _schema: IgnoredAny,
    /// The blueprint's name; that of its folder if it is left out.
    pub name: Option<Name>,
    /// Its version.
    #[serde(deserialize_with = "version")]
    pub version: Version,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
}

/// The error of the parser says what it misses, and not in which field or what to write.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Version>().map_err(|_| {
        D::Error::custom(format!(
            "version: `{text}` is not a version: write three numbers, such as `0.1.0`"
        ))
    })
}

/// What a blueprint's folder says about it; `None` where it says nothing.
pub fn about(folder: &Path) -> Result<Option<About>, Error> {
    let path = folder.join(ABOUT);
    let Some(text) = files::read_if_any(&path)? else {
        return Ok(None);
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str(text).map(Some).map_err(|error| {
        Error::Usage(format!(
            "failed to read {}: {}; write {{\"version\": \"1.0.0\", \"description\": \"…\"}}, and \"name\" where it is not the folder's",
            path.display(),
            Fault::from(error)
        ))
    })
}

/// The README of the blueprint in `folder`, whose files may be anywhere below `top`: for people, whether the build gets it or not.
pub fn readme(folder: &Path, top: &Path) -> Result<Option<String>, Error> {
    let (top, root) = places(folder, top)?;
    let wanted = join(&root, README);
    let mut files = tree::below(&top, &root, &root)?.into_iter();
    let Some(found) = files.find(|found| found.path == wanted) else {
        return Ok(None);
    };
    let real = found.real?;
    let bytes = fs::read(&real).map_err(Error::file("read", &real))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The folder above all files, and the folder of the root module from there.
fn places(folder: &Path, top: &Path) -> Result<(PathBuf, String), Error> {
    let canonical = |path: &Path| path.canonicalize().map_err(Error::file("read", path));
    let (whole, top) = (canonical(folder)?, canonical(top)?);
    let root = whole
        .strip_prefix(&top)
        .map_err(|_| Error::Usage(format!("{} is not below {}", folder.display(), top.display())))?;
    let root = text(root)?;
    Ok((top, root))
}

/// Reads the blueprint in `folder`, as it is: [`Source::check`] says what is wrong with it. Its local modules may be anywhere below `top`, which is above the folder or the folder itself.
pub fn read(folder: &Path, top: &Path) -> Result<Source, Error> {
    let (top, root) = places(folder, top)?;
    let mut reader = Reader {
        highest: root.clone(),
        root,
        top,
        folders: Vec::new(),
        source: Source::default(),
        for_people: Vec::new(),
        pictures: Vec::new(),
    };
    let mut modules = vec![reader.root.clone()];
    reader.take(&reader.root.clone())?;
    let mut next = 0;
    while let Some(module) = modules.get(next).cloned() {
        next += 1;
        for called in reader.called_by(&module) {
            reader.take(&called)?;
            if !modules.contains(&called) {
                modules.push(called);
            }
        }
    }
    let reads = reader.reads();
    reader.take_read(&reads)?;
    reader.take_pictures(&reads);
    reader.leave_out_tofu(&modules);
    Ok(reader.relative_to_common_folder())
}

struct Reader {
    top: PathBuf,
    /// The root module's folder, from the top.
    root: String,
    /// The folders that were taken, from the top.
    folders: Vec<String>,
    /// The highest folder through which a call leads, from the top.
    highest: String,
    /// Their files, from the top.
    source: Source,
    /// What is for people alone unless a module reads it, which only all modules together say.
    for_people: Vec<Found>,
    /// Pictures and documents, with their content and whether they may be executed.
    pictures: Vec<(String, Vec<u8>, bool)>,
}

/// The endings of names of binary files that are for people: published only where a Terraform file names such an ending, or may read the
/// file with its folder.
const PICTURES: [&str; 12] = [
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".pdf", ".vsdx", ".pptx", ".docx", ".mp4", ".drawio",
];

impl Reader {
    /// Takes a folder with all that is below it. A module among files that are left out otherwise, like those of `tests`, is taken too.
    fn take(&mut self, folder: &str) -> Result<(), Error> {
        let is_taken = self.folders.iter().any(|taken| is_in(folder, taken));
        if is_taken && self.source.files_of(folder).next().is_some() {
            return Ok(());
        }
        for found in tree::below(&self.top, folder, &self.root)? {
            if found.needs.is_empty() {
                self.take_file(found)?;
            } else {
                self.for_people.push(found);
            }
        }
        self.folders.push(folder.to_owned());
        Ok(())
    }

    fn take_read(&mut self, reads: &Reads) -> Result<(), Error> {
        for found in std::mem::take(&mut self.for_people) {
            if found.is_read(reads) {
                self.take_file(found)?;
            }
        }
        Ok(())
    }

    fn take_file(&mut self, found: Found) -> Result<(), Error> {
        let real = found.real?;
        let unreadable = |source| Error::File {
            action: "read",
            path: self.top.join(&found.path),
            source,
        };
        let content = fs::read(&real).map_err(unreadable)?;
        let mode = fs::metadata(&real).map_err(unreadable)?.permissions().mode();
        let may_run = mode & 0o111 != 0;
        let is_picture = PICTURES
            .iter()
            .any(|end| found.path.to_ascii_lowercase().ends_with(end));
        match String::from_utf8(content) {
            Err(binary) if is_picture => self.pictures.push((found.path, binary.into_bytes(), may_run)),
            Ok(text) => self.source.insert(found.path, text.into_bytes(), may_run),
            Err(binary) => self.source.insert(found.path, binary.into_bytes(), may_run),
        }
        Ok(())
    }

    /// The folder, the name and the text of each Terraform file.
    fn terraform_files(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.source.files.iter().filter_map(|(path, text)| {
            let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
            is_terraform(file).then_some((folder, file, text.as_str()))
        })
    }

    fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        for (folder, file, text) in self.terraform_files() {
            reads.add(folder, file, text, &self.root);
        }
        reads
    }

    fn take_pictures(&mut self, reads: &Reads) {
        for (path, content, may_run) in std::mem::take(&mut self.pictures) {
            let end = path.rfind('.').map_or("", |dot| &path[dot..]);
            if reads.has(&path) || self.terraform_files().any(|(_, _, text)| text.contains(end)) {
                self.source.insert(path, content, may_run);
            }
        }
    }

    /// Leaves out files that only OpenTofu reads, where it then reads what Terraform reads: those of no module, and those in whose place
    /// it reads the Terraform file of the same name. The check of the files rejects others.
    fn leave_out_tofu(&mut self, modules: &[String]) {
        let files = &self.source.files;
        let paths = files.keys().chain(self.source.binaries.keys());
        let is_left_out = |path: &&String| {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            twin(path).is_some_and(|twin| files.contains_key(&twin) || modules.iter().all(|module| module != folder))
        };
        let left_out: Vec<String> = paths.filter(is_left_out).cloned().collect();
        for path in left_out {
            self.source.files.remove(&path);
            self.source.binaries.remove(&path);
            self.source.executables.remove(&path);
        }
    }

    /// The folders of the local modules that a module calls. What leads nowhere, or out of the top, is not taken along: the check of
    /// the files names it, with its place.
    fn called_by(&mut self, module: &str) -> Vec<String> {
        let calls = module_calls(self.source.files_of(module)).unwrap_or_default();
        let mut folders = Vec::new();
        for call in calls.into_iter().filter(ModuleCall::is_local) {
            let Some(folder) = folder_of(module, &call.source) else {
                continue;
            };
            let real = self.top.join(&folder).canonicalize();
            if real.is_ok_and(|real| real.starts_with(&self.top) && real.is_dir()) {
                self.highest = common_folder(&self.highest, &highest(module, &call.source));
                folders.push(folder);
            }
        }
        folders
    }

    /// The files, from the deepest folder that holds them all, and through which every path between them leads.
    fn relative_to_common_folder(self) -> Source {
        let common = self
            .folders
            .iter()
            .fold(self.highest, |common, folder| common_folder(&common, folder));
        let below = |path: String| {
            let below = path
                .strip_prefix(&common)
                .map(|below| below.trim_start_matches('/').to_owned());
            below.unwrap_or(path)
        };
        let all_below =
            |files: BTreeMap<String, String>| files.into_iter().map(|(path, text)| (below(path), text)).collect();
        Source {
            root: below(self.root),
            files: all_below(self.source.files),
            binaries: all_below(self.source.binaries),
            executables: self.source.executables.into_iter().map(below).collect(),
        }
    }
}

/// The Terraform file that OpenTofu reads if this file of its own is not there.
fn twin(path: &str) -> Option<String> {
    let json = path.strip_suffix(".tofu.json").map(|stem| format!("{stem}.tf.json"));
    json.or_else(|| path.strip_suffix(".tofu").map(|stem| format!("{stem}.tf")))
}

/// Whether a folder is another one or below it.
fn is_in(folder: &str, other: &str) -> bool {
    other.is_empty() || folder == other || folder.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}

/// The highest folder through which a path leads from another: `../../modules/a` may lead from `modules/b` out of `modules`, and back.
fn highest(from: &str, path: &str) -> String {
    let passed = path
        .match_indices('/')
        .filter_map(|(end, _)| folder_of(from, &path[..end]));
    passed.fold(from.to_owned(), |highest, folder| common_folder(&highest, &folder))
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
    let unreadable = || format!("the name of {} is not UTF-8: rename the file", path.display());
    text.ok_or_else(|| Error::Usage(unreadable()))
}

/// The name of a blueprint that is called as its folder.
pub fn name_of(folder: &Path) -> Result<Name, Error> {
    let whole = folder.canonicalize().map_err(Error::file("read", folder))?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.parse().map_err(|error| {
        let folder = folder.display();
        Error::Usage(format!(
            "{folder}: a blueprint cannot be called {name:?}: {error}; give it a `name` in {ABOUT}"
        ))
    })
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
