//! Work folders of runners that were killed: nothing else removes them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use slipway_model::artifact::APPLY_STREAM;
use slipway_model::id::{OperationId, StackId};
use slipway_model::stack::StackStatus;
use slipway_store::Store;

/// What Terraform leaves when it could not save its state: a person may need it.
const STATE: &str = "errored.tfstate";

/// The file that names the operation of a folder.
const OPERATION: &str = "operation";

/// Removes the work folders below `temporary` of this server's operations that have ended. One that a process still has
/// stays, and so does one of another server. Of an apply, the stream stays until the stack's next build has recorded what it says, or
/// the stack is destroyed: nothing else has the IDs of what Terraform created last.
pub(super) async fn remove(temporary: &Path, store: &Store) {
    for folder in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let path = folder.path();
        let name = folder.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix("slipway-")) else {
            continue;
        };
        // Of another server, or if the store does not answer, nothing is known: it is asked for again at the next start.
        let stack = match name.parse::<StackId>() {
            Ok(stack) => store.stack(&stack).await.ok(),
            Err(_) => None,
        };
        let is_destroyed = stack
            .as_ref()
            .is_some_and(|stack| stack.status == StackStatus::Destroyed);
        let has_ended = match operation_of(name, &path) {
            Some(operation) => {
                let operation = store.operation(&operation).await;
                operation.is_ok_and(|operation| operation.status.has_ended())
            }
            None => is_destroyed,
        };
        if !has_ended || has_state(&path.join("blueprint")) {
            continue;
        }
        let keeps_streams = stack.is_some() && !is_destroyed;
        match remove_unused(&path, keeps_streams) {
            Ok(true) => tracing::info!(folder = %path.display(), "what a killed runner left is removed"),
            Ok(false) => {}
            Err(error) => tracing::warn!(folder = %path.display(), %error, "what a killed runner left stays"),
        }
    }
}

/// The operation that had a work folder. Those of earlier versions are called after it; those of this one after the stack, and the
/// operation is in a file.
fn operation_of(name: &str, path: &Path) -> Option<OperationId> {
    if let Ok(operation) = name.parse() {
        return Some(operation);
    }
    name.parse::<StackId>().ok()?;
    fs::read_to_string(path.join(OPERATION)).ok()?.parse().ok()
}

/// Removes a folder unless a process has its lock. Whether something was removed.
fn remove_unused(path: &Path, keeps_streams: bool) -> io::Result<bool> {
    let lock = open(path)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    let (mut streams, mut others) = (false, Vec::new());
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_stream = name.to_string_lossy().ends_with(APPLY_STREAM);
        streams |= is_stream;
        if !is_stream && name != OPERATION {
            others.push(entry);
        }
    }
    if !(streams && keeps_streams) {
        return fs::remove_dir_all(path).map(|()| true);
    }
    for entry in &others {
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(!others.is_empty())
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
        assert_eq!(of("lusab-babad"), Some(operation.clone()));
        assert_eq!(of(operation.as_str()), Some(operation.clone()));
        assert_eq!(of(&format!("{operation}-kept-1")), None);
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
        assert!(!remove_unused(&work, false).expect("looks"));
        drop(lock);
        assert!(remove_unused(&work, false).expect("removes"));
        assert!(!work.exists());
    }

    #[test]
    fn the_stream_of_an_apply_stays_and_the_plan_does_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let work = folder.path().join("work");
        let names = || {
            let entries = fs::read_dir(&work).expect("a folder").flatten();
            let mut names: Vec<String> = entries
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        fs::create_dir_all(work.join("terraform")).expect("makes folders");
        let earlier = format!("{}.{APPLY_STREAM}", OperationId::generate());
        for name in [OPERATION, APPLY_STREAM, &earlier, "plan.jsonl", "terraform/plan.tfplan"] {
            fs::write(work.join(name), "").expect("writes");
        }
        assert!(remove_unused(&work, true).expect("removes"));
        assert_eq!(names(), [APPLY_STREAM, earlier.as_str(), OPERATION]);
        assert!(!remove_unused(&work, true).expect("has nothing to remove"));
        assert!(remove_unused(&work, false).expect("removes"));
        assert!(!work.exists());
    }
}
