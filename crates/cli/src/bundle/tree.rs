//! The files below a folder that are published, or might be.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use slipway_model::blueprint::VENDORED;

use super::ignore::{IGNORE, Rules};
use super::reads::Reads;
use super::{ABOUT, README, join, text};
use crate::error::Error;
use crate::files;

/// A file.
#[derive(Debug)]
pub struct Found {
    /// Its path from the top.
    pub path: String,
    /// Where its content is, behind whatever link; or why a link stands for nothing that can be published.
    pub real: Result<PathBuf, Error>,
    /// For a file that is usually for people alone: what Terraform has to read for it to be published, any of these. Empty for others.
    pub needs: Vec<Need>,
}

impl Found {
    /// Whether Terraform may read it, though it is usually for people alone.
    pub fn is_read(&self, reads: &Reads) -> bool {
        reads.has(&self.path) || self.needs.iter().any(|need| need.is_met(reads))
    }
}

/// What Terraform has to read: a file of a folder, or a folder in it.
#[derive(Debug, Clone)]
pub struct Need {
    folder: String,
    name: String,
    is_folder: bool,
}

impl Need {
    fn is_met(&self, reads: &Reads) -> bool {
        reads.has_below(&join(&self.folder, &self.name))
            || reads.expressions_in(&self.folder).any(|text| self.is_named_in(text))
    }

    /// Whether an expression names it behind something unknown: `"${var.here}/tests/data.json"` and `"tests"` name the folder
    /// `tests`, `latest/` does not.
    fn is_named_in(&self, text: &str) -> bool {
        let is_of_name = |letter: char| letter.is_alphanumeric() || "_-.".contains(letter);
        text.match_indices(&self.name).any(|(at, _)| {
            let ends = !self.is_folder || text[at + self.name.len()..].starts_with(['/', '"']);
            ends && !text[..at].ends_with(is_of_name)
        })
    }
}

/// Whether a file is never published: what Terraform and systems leave in folders, and what says what to publish.
fn is_never_published(name: &str) -> bool {
    [".terraform", ".git", ".DS_Store", IGNORE].contains(&name)
        || name.contains(".tfstate")
        || name.ends_with(".tftest.hcl")
        || name.ends_with(".tftest.json")
}

/// What usually only people, tests and Slipway read, where it is in a module. Elsewhere, it may be part of what a module packs.
fn is_for_people(name: &str, is_folder: bool, is_vendored: bool) -> bool {
    if !is_folder {
        return name == README || name == ABOUT;
    }
    ["examples", "test", "tests"].contains(&name) || name.starts_with('.') || (is_vendored && name == "docs")
}

/// Whether a file is one that Terraform reads by its name.
pub fn is_terraform(name: &str) -> bool {
    name.ends_with(".tf") || name.ends_with(".tf.json")
}

struct Walk<'a> {
    top: &'a Path,
    /// The root module's folder, and that of its remote modules, from the top.
    root: &'a str,
    vendored: String,
    found: Vec<Found>,
}

/// Every file below `folder`, sorted. Both it and `root`, the root module's folder, are paths from `top`. A link inside of `top` stands
/// for what it leads to.
pub fn below(top: &Path, folder: &str, root: &str) -> Result<Vec<Found>, Error> {
    let mut walk = Walk {
        top,
        root,
        vendored: join(root, VENDORED),
        found: Vec::new(),
    };
    let mut rules = Rules::default();
    // The folders above have their say too.
    let mut above = String::new();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        add_rules(&mut rules, top, &above)?;
        above = join(&above, part);
    }
    walk.folder(folder, &top.join(folder), &rules, &[], &mut Vec::new())?;
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
        needs: &[Need],
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
        let is_module = self.is_module(folder) || entries.iter().any(|(name, _)| is_terraform(name));
        for (name, entry) in entries {
            let (here, path) = (join(folder, &name), path.join(&name));
            let is_folder = path.is_dir();
            let said = rules.leaves_out(&here, is_folder);
            // Before a link is followed: who cannot mend one can leave it out.
            if is_never_published(&name) || said == Some(true) {
                continue;
            }
            let mut needs = needs.to_vec();
            let is_vendored = super::is_in(folder, &self.vendored);
            if is_module && said.is_none() && is_for_people(&name, is_folder, is_vendored) {
                let folder = folder.to_owned();
                needs.push(Need {
                    folder,
                    name,
                    is_folder,
                });
            }
            let real = match self.target(&path, &entry, around) {
                Ok(None) => continue,
                Ok(Some(_)) if is_folder => {
                    self.folder(&here, &path, &rules, &needs, around)?;
                    continue;
                }
                // A socket or a pipe has no content to publish, and a pipe would be waited for.
                Ok(Some(real)) if !real.is_file() => continue,
                Ok(Some(real)) => Ok(real),
                // What is not published may lead anywhere, as examples lead to the module above them.
                Err(error) => Err(error),
            };
            self.found.push(Found {
                path: here,
                real,
                needs,
            });
        }
        around.pop();
        Ok(())
    }

    /// Whether a folder is a module whatever is in it: the root module, or the package of a remote module.
    fn is_module(&self, folder: &str) -> bool {
        let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
        folder == self.root || above == self.vendored
    }

    /// Where the content of an entry is; `None` for a link that leads nowhere.
    fn target(&self, path: &Path, entry: &fs::DirEntry, around: &[PathBuf]) -> Result<Option<PathBuf>, Error> {
        if !entry.file_type().map_err(Error::file("read", path))?.is_symlink() {
            return Ok(Some(path.to_owned()));
        }
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) if leads_nowhere(&error) => return Ok(None),
            Err(error) => return Err(Error::file("read", path)(error)),
        };
        let refused = |what: String| Error::Link {
            path: path.to_owned(),
            what,
        };
        if !real.starts_with(self.top) {
            return Err(refused(format!("leads out of {}", self.top.display())));
        }
        if around.contains(&real) {
            return Err(refused("leads back to a folder above it".to_owned()));
        }
        Ok(Some(real))
    }
}

/// Whether a link leads to nothing: not even to a file that cannot be read.
fn leads_nowhere(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || Errno::from_io_error(error) == Some(Errno::LOOP)
}
