//! Work folders of runners that were killed: nothing else removes them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use slipway_model::id::{OperationId, StackId};
use slipway_store::Store;

/// What Terraform leaves when it could not save its state: a person may need it.
const STATE: &str = "errored.tfstate";

/// Removes the work folders below `temporary` of this server's operations that have ended. One that a process still has
/// stays, and so does one of another server.
pub(super) async fn remove(temporary: &Path, store: &Store) {
    for folder in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let path = folder.path();
        let Some(operation) = operation_of(&folder.file_name().to_string_lossy(), &path) else {
            continue;
        };
        let has_ended = match store.operation(&operation).await {
            Ok(operation) => operation.status.has_ended(),
            // It is another server's, or will be asked for again at the next start.
            Err(_) => false,
        };
        if !has_ended || has_state(&path.join("blueprint")) {
            continue;
        }
        match remove_unused(&path) {
            Ok(true) => tracing::info!(folder = %path.display(), "what a killed runner left is removed"),
            Ok(false) => {}
            Err(error) => tracing::warn!(folder = %path.display(), %error, "what a killed runner left stays"),
        }
    }
}

/// The operation that had a work folder. Those of earlier versions are called after it; those of this one after the stack, and the
/// operation is in a file.
fn operation_of(name: &str, path: &Path) -> Option<OperationId> {
    let name = name.strip_prefix("slipway-")?;
    if let Ok(operation) = name.parse() {
        return Some(operation);
    }
    name.parse::<StackId>().ok()?;
    fs::read_to_string(path.join("operation")).ok()?.parse().ok()
}

/// Removes a folder unless a process has its lock.
fn remove_unused(path: &Path) -> io::Result<bool> {
    let lock = open(path)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    fs::remove_dir_all(path).map(|()| true)
}

/// Opens the folder itself, and no other that a link leads to.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::DIRECTORY | OFlags::NOFOLLOW).bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn has_state(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entry.file_name() == STATE || (is_folder && has_state(&entry.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_of_a_folder_is_in_its_name_or_in_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let operation = OperationId::generate();
        fs::write(folder.path().join("operation"), operation.to_string()).expect("writes");
        let of = |name: &str| operation_of(name, folder.path());
        assert_eq!(of("slipway-lusab-babad"), Some(operation.clone()));
        assert_eq!(of(&format!("slipway-{operation}")), Some(operation.clone()));
        assert_eq!(of(&format!("slipway-{operation}-kept-1")), None);
        assert_eq!(of("other"), None);
    }

    #[test]
    fn a_folder_that_is_locked_stays_and_so_does_a_state_that_could_not_be_saved() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let work = folder.path().join("work");
        fs::create_dir_all(work.join("blueprint/module")).expect("makes folders");
        assert!(!has_state(&work.join("blueprint")));
        fs::write(work.join("blueprint/module").join(STATE), "{}").expect("writes");
        assert!(has_state(&work.join("blueprint")));

        let lock = open(&work).expect("opens");
        flock(&lock, FlockOperation::LockExclusive).expect("locks");
        assert!(!remove_unused(&work).expect("looks"));
        drop(lock);
        assert!(remove_unused(&work).expect("removes"));
        assert!(!work.exists());
    }
}
