//! The files below a folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// What becomes of links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// They are refused: what one leads to is not the folder's own.
    Refused,
    /// They are passed over.
    PassedOver,
}

/// The text of a file; `None` if there is none.
pub fn read_if_any(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(Error::file("read", path)),
    }
}

/// Every file below a folder, by its path from there, sorted. What `passes_over` by its name is left out, folders too.
pub fn below(folder: &Path, links: Links, passes_over: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(current) = pending.pop() {
        let unreadable = Error::file("read", &current);
        for entry in fs::read_dir(&current).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            if passes_over(&entry.file_name().to_string_lossy()) {
                continue;
            }
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_symlink() && links == Links::PassedOver {
                continue;
            }
            if kind.is_symlink() {
                let what = format!("{} is a link: put the file itself there", path.display());
                return Err(Error::Usage(what));
            }
            if kind.is_dir() {
                pending.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap_or(&path).to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
