//! The data folder: one server at a time, and what it remembers of itself.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;

/// The data folder, held until this is dropped.
pub(super) struct DataFolder {
    path: PathBuf,
    /// The lock goes with the process, however it ends.
    _lock: File,
}

/// What `server.json` says: where the server of this folder listens, or last listened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFile {
    /// The process.
    pub pid: u32,
    /// The address of the API: `http://127.0.0.1:4700`.
    pub api: String,
    /// The address of the local AWS.
    pub aws: String,
    /// The port of the API, which the next start takes again when it may choose.
    pub api_port: u16,
    /// The port of the local AWS. Builds and tasks that outlive the server find the next one there.
    pub aws_port: u16,
}

impl DataFolder {
    /// Makes the folder when it does not exist, and takes it.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::DataFolder {
            path: path.to_owned(),
            source,
        };
        make_private(path).map_err(failed)?;
        let path = fs::canonicalize(path).map_err(failed)?;
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::FolderInUse {
                    pid: holder(&mut lock),
                    path,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let written = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| write!(lock, "{}", std::process::id()));
        written.map_err(failed)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What the last server wrote; nothing when there was none, or when it cannot be read.
    pub(super) fn last_server(&self) -> Option<ServerFile> {
        let text = fs::read(self.join("server.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes `server.json` as a whole, so that a reader never sees half of it.
    pub(super) fn remember(&self, server: &ServerFile) -> Result<(), Error> {
        let write = || -> io::Result<()> {
            let draft = self.join("server.json.new");
            fs::write(&draft, serde_json::to_vec_pretty(server)?)?;
            fs::rename(draft, self.join("server.json"))
        };
        write().map_err(|source| Error::DataFolder {
            path: self.path.clone(),
            source,
        })
    }
}

/// Makes the folder for its owner alone: states and values of stacks are in it. One that was made by hand, and has other things in
/// it, keeps its mode.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let is_ours = path.join("ledger.db").exists() || fs::read_dir(path)?.next().is_none();
    let metadata = fs::metadata(path)?;
    if is_ours && metadata.permissions().mode() & 0o077 != 0 && metadata.uid() == rustix::process::getuid().as_raw() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The process that holds the lock, as it wrote it down: `?` in the moment before it has.
fn holder(lock: &mut File) -> String {
    let mut pid = String::new();
    match lock.read_to_string(&mut pid) {
        Ok(_) if !pid.is_empty() => pid,
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_server_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        let first = DataFolder::open(&path).expect("opens");
        let Err(refused) = DataFolder::open(&path) else {
            panic!("two servers share a folder")
        };
        assert!(
            refused.to_string().contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        DataFolder::open(&path).expect("opens again");
    }

    #[test]
    fn a_folder_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mode = |path: &Path| fs::metadata(path).expect("a folder").permissions().mode() & 0o777;
        let open_to_all = |path: &Path| {
            fs::create_dir_all(path).expect("makes");
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
        };
        let fresh = folder.path().join("deep/fresh");
        drop(DataFolder::open(&fresh).expect("opens"));
        let earlier = folder.path().join("earlier");
        open_to_all(&earlier);
        fs::write(earlier.join("ledger.db"), "").expect("writes");
        drop(DataFolder::open(&earlier).expect("opens"));
        assert_eq!((mode(&fresh), mode(&earlier)), (0o700, 0o700));
        let shared = folder.path().join("shared");
        open_to_all(&shared);
        fs::write(shared.join("other"), "").expect("writes");
        drop(DataFolder::open(&shared).expect("opens"));
        assert_eq!(mode(&shared), 0o755);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        fs::write(&path, "a file").expect("writes");
        let Err(refused) = DataFolder::open(&path) else {
            panic!("a file is no folder")
        };
        assert!(refused.to_string().contains("data"), "{refused}");
    }
}
