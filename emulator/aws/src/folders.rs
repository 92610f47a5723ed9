//! The folders of services: made, removed, and copied while programs write in them.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::wire::AwsError;

/// What a file that SQLite writes begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// How long a writer of a database may keep others out before the copy fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that could not be made, written or removed.
#[derive(Debug, thiserror::Error)]
#[error("failed to use the folder {}", path.display())]
pub struct FolderError {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

impl From<FolderError> for AwsError {
    fn from(error: FolderError) -> Self {
        Self::internal(&error)
    }
}

/// Makes a folder unless it exists, and returns its absolute path.
pub(crate) fn make(path: &Path) -> Result<PathBuf, FolderError> {
    let made = fs::create_dir_all(path).and_then(|()| std::path::absolute(path));
    made.map_err(|source| FolderError {
        path: path.to_owned(),
        source,
    })
}

/// Removes a folder if it exists.
pub(crate) fn remove(path: &Path) -> Result<(), FolderError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FolderError {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Why a folder could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The remains of an earlier copy could not be removed.
    #[error(transparent)]
    Remove(#[from] FolderError),
    /// A file or folder could not be read or written.
    #[error("cannot copy {path}")]
    Files {
        /// Which.
        path: String,
        #[source]
        source: io::Error,
    },
    /// A database could not be read as a whole.
    #[error("cannot copy the database {path}")]
    Database {
        /// Which.
        path: String,
        #[source]
        source: rusqlite::Error,
    },
}

/// Copies a folder to a place where nothing is, or only what an earlier try left. It is there as a whole or not at all.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), CopyError> {
    let draft = to.with_extension("partial");
    let files = |source| failed(to, source);
    for old in [draft.as_path(), to] {
        remove(old)?;
    }
    copy_folder(from, &draft)?;
    fs::rename(&draft, to).map_err(files)
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), CopyError> {
    fs::create_dir_all(to).map_err(|source| failed(to, source))?;
    for entry in fs::read_dir(from).map_err(|source| failed(from, source))? {
        let entry = entry.map_err(|source| failed(from, source))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|source| failed(&path, source))?;
        if kind.is_dir() {
            copy_folder(&path, &target)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(&path).and_then(|link| symlink(link, &target));
            link.map_err(|source| failed(&path, source))?;
        } else if kind.is_file() && !belongs_to_database(&path) {
            copy_file(&path, &target)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), CopyError> {
    match is_database(from) {
        Ok(true) => copy_database(from, to).map_err(|source| CopyError::Database {
            path: from.display().to_string(),
            source,
        }),
        Ok(false) => fs::copy(from, to).map(drop).map_err(|source| failed(from, source)),
        // A program deleted it a moment ago.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(from, error)),
    }
}

/// The database as one moment has it: committed transactions only.
fn copy_database(from: &Path, to: &Path) -> Result<(), rusqlite::Error> {
    // To read the log of a database that others have open, SQLite must be allowed to write beside it.
    let connection = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    let to = to.to_str().ok_or(rusqlite::Error::InvalidPath(to.to_owned()))?;
    connection.execute("VACUUM INTO ?1", [to]).map(drop)
}

fn is_database(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    fs::File::open(path)?
        .take(SQLITE.len() as u64)
        .read_to_end(&mut start)?;
    Ok(start == SQLITE)
}

/// The log of a database is part of what its copy is made of.
fn belongs_to_database(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let database = ["-wal", "-shm", "-journal"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    database.is_some_and(|database| is_database(Path::new(database)).unwrap_or(false))
}

fn failed(path: &Path, source: io::Error) -> CopyError {
    CopyError::Files {
        path: path.display().to_string(),
        source,
    }
}
