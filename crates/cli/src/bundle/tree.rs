//! The files below a folder that are published, or might be.

use std::fs;
use std::path::{Path, PathBuf};

use super::ignore::{IGNORE, Rules};
use super::{ABOUT, README, join, text};
use crate::error::Error;
use crate::files;

/// A file.
#[derive(Debug)]
pub struct Found {
    /// Its path from the top.
    pub path: String,
    /// Where its content is, behind whatever link.
    pub real: PathBuf,
    /// For a file that is usually for people alone: what a Terraform file of this folder has to name for it to be published.
    pub needs: Option<Need>,
}

/// What a Terraform file has to name.
#[derive(Debug, Clone)]
pub struct Need {
    /// The folder of the Terraform file.
    pub folder: String,
    /// The name of a file, or of a folder with `/` at its end.
    name: String,
}

impl Need {
    /// Whether the text of a Terraform file names it: `"${path.module}/tests/data.json"` and `"tests"` name the folder `tests`,
    /// `latest/` does not.
    pub fn is_named_in(&self, text: &str) -> bool {
        let is_of_name = |letter: char| letter.is_alphanumeric() || "_-.".contains(letter);
        let bare = self.name.trim_end_matches('/');
        let is_folder = bare.len() < self.name.len();
        text.match_indices(bare).any(|(at, _)| {
            let ends = !is_folder || text[at + bare.len()..].starts_with(['/', '"']);
            ends && !text[..at].ends_with(is_of_name)
        })
    }
}

/// Whether a file is never published: what Terraform and systems leave in folders, and what says how to publish.
fn is_never_published(name: &str) -> bool {
    [".terraform", ".git", ".DS_Store", ABOUT, IGNORE].contains(&name)
        || name.contains(".tfstate")
        || name.ends_with(".tftest.hcl")
        || name.ends_with(".tftest.json")
}

/// What usually only people and tests read, as a Terraform file that reads it too names it. Beside Terraform files, examples and hidden
/// folders are people's; elsewhere, they may be part of what a module packs.
fn for_people(name: &str, is_folder: bool, is_in_module: bool) -> Option<String> {
    if !is_folder {
        return (name == README).then(|| README.to_owned());
    }
    let is_beside = is_in_module && (name == "examples" || name == "test" || name.starts_with('.'));
    (name == "tests" || is_beside).then(|| format!("{name}/"))
}

/// Whether a file is one that Terraform reads by its name.
pub fn is_terraform(name: &str) -> bool {
    name.ends_with(".tf") || name.ends_with(".tf.json")
}

struct Walk<'a> {
    top: &'a Path,
    found: Vec<Found>,
}

/// Every file below `folder`, a path from `top`, sorted. A link inside of `top` stands for what it leads to.
pub fn below(top: &Path, folder: &str) -> Result<Vec<Found>, Error> {
    let mut walk = Walk { top, found: Vec::new() };
    let mut rules = Rules::default();
    // The folders above have their say too.
    let mut above = String::new();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        add_rules(&mut rules, top, &above)?;
        above = join(&above, part);
    }
    walk.folder(folder, &top.join(folder), &rules, None, &mut Vec::new())?;
    walk.found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(walk.found)
}

fn add_rules(rules: &mut Rules, top: &Path, folder: &str) -> Result<(), Error> {
    let path = top.join(folder).join(IGNORE);
    if let Some(text) = files::read_if_any(&path)? {
        rules.add(folder, &text);
    }
    Ok(())
}

impl Walk<'_> {
    /// `around` are the folders that are being walked, so that a link does not lead into one of them again.
    fn folder(
        &mut self,
        folder: &str,
        path: &Path,
        rules: &Rules,
        needs: Option<&Need>,
        around: &mut Vec<PathBuf>,
    ) -> Result<(), Error> {
        let mut rules = rules.clone();
        add_rules(&mut rules, self.top, folder)?;
        around.push(path.canonicalize().map_err(Error::file("read", path))?);
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
            let entry = entry.map_err(Error::file("read", path))?;
            entries.push((text(Path::new(&entry.file_name()))?, entry));
        }
        let is_in_module = entries.iter().any(|(name, _)| is_terraform(name));
        for (name, entry) in entries {
            let here = join(folder, &name);
            let Some(real) = self.target(&here, &entry)? else {
                continue;
            };
            let is_folder = real.is_dir();
            // A socket or a pipe has no content to publish, and a pipe would be waited for.
            if !is_folder && !real.is_file() {
                continue;
            }
            let said = rules.leaves_out(&here, is_folder);
            if is_never_published(&name) || said == Some(true) {
                continue;
            }
            if !real.starts_with(self.top) {
                return Err(refused(
                    &self.top.join(&here),
                    &format!("leads out of {}", self.top.display()),
                ));
            }
            let own = for_people(&name, is_folder, is_in_module).filter(|_| said.is_none());
            let folder = folder.to_owned();
            let needs = own.map(|name| Need { folder, name }).or(needs.cloned());
            if is_folder {
                if around.contains(&real) {
                    return Err(refused(&self.top.join(&here), "leads back to a folder above it"));
                }
                self.folder(&here, &self.top.join(&here), &rules, needs.as_ref(), around)?;
            } else {
                self.found.push(Found {
                    path: here,
                    real,
                    needs,
                });
            }
        }
        around.pop();
        Ok(())
    }

    /// The target of an entry; `None` for a dangling link.
    fn target(&self, here: &str, entry: &fs::DirEntry) -> Result<Option<PathBuf>, Error> {
        let path = self.top.join(here);
        if !entry.file_type().map_err(Error::file("read", &path))?.is_symlink() {
            return Ok(Some(path));
        }
        match path.canonicalize() {
            Ok(real) => Ok(Some(real)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }
}

fn refused(path: &Path, what: &str) -> Error {
    Error::Link {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}
