//! What the errors of all services have in common. Each service has an error of its own.

use std::error::Error as StdError;
use std::path::PathBuf;

/// There is no space left; nothing of the write was kept.
#[derive(Debug, thiserror::Error)]
#[error("the disk under the data folder {} is full: free some space, and try again", folder.display())]
pub struct DiskFull {
    /// The data folder.
    pub folder: PathBuf,
}

/// The text of an error and of each of its sources, with colons between.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}

/// Whether an operation failed because the disk is full, by the errors below it.
pub(crate) fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(current) = error {
        let io = current.downcast_ref::<std::io::Error>();
        let sqlite = current.downcast_ref::<rusqlite::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::StorageFull)
            || sqlite.and_then(rusqlite::Error::sqlite_error_code) == Some(rusqlite::ErrorCode::DiskFull)
            // DynamoDB's emulator keeps SQLite's words alone.
            || current.to_string().contains("database or disk is full")
        {
            return true;
        }
        error = current.source();
    }
    false
}
