//! What can go wrong in what the services share, one variant per operation that failed.

use std::error::Error as StdError;
use std::path::PathBuf;

/// An operation that failed.
///
/// `Display` says what was tried; `source` says why it failed. Print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ledger's file could not be opened or its tables not be made.
    #[error(
        "cannot open the ledger {}: if the file is damaged, restore the whole data folder from a backup, or use another one",
        path.display()
    )]
    OpenLedger {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The ledger was written by a later version.
    #[error(
        "the ledger {} has layout {found}, and this program knows layouts up to {known}: start the version that \
         wrote it, or use another data folder",
        path.display()
    )]
    LedgerTooNew {
        /// The file.
        path: PathBuf,
        /// The layout in the file.
        found: i64,
        /// The newest layout this program knows.
        known: i64,
    },
    /// A read of the ledger failed.
    #[error("cannot read {what} from the ledger")]
    ReadLedger {
        /// The kind, and the id where there is one.
        what: String,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A write to the ledger failed; nothing of its transaction was kept.
    #[error("cannot write {what} to the ledger")]
    WriteLedger {
        /// The kind, and the id where there is one.
        what: String,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// There is no space left for what was to be written; nothing of it was kept.
    #[error("the disk under the data folder {} is full: free some space, and try again", folder.display())]
    DiskFull {
        /// The folder.
        folder: PathBuf,
    },
    /// A value is not expressible as JSON.
    #[error("cannot encode {what} for the ledger")]
    EncodeRecord {
        /// The kind and the id.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A record does not have the shape that its reader expects.
    #[error("cannot decode {what} of the ledger")]
    DecodeRecord {
        /// The kind and the id.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}", path.display())]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder of the objects could not be opened.
    #[error("cannot open the folder of the objects {}", path.display())]
    OpenObjects {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An operation on an object from inside this process failed.
    #[error("cannot {action} `{name}`")]
    UseObject {
        /// What was tried.
        action: &'static str,
        /// The bucket, and the key or prefix.
        name: String,
        /// Why.
        #[source]
        source: s3s::S3Error,
    },
    /// The file of the tables could not be opened.
    #[error(
        "cannot open the tables {}: if the file is damaged, restore the whole data folder from a backup, or use another one",
        path.display()
    )]
    OpenTables {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dynoxide::DynoxideError>,
    },
    /// A table could not be made.
    #[error("cannot make the table `{name}`")]
    MakeTable {
        /// The table.
        name: String,
        /// Why.
        #[source]
        source: Box<crate::wire::AwsError>,
    },
    /// A table of the template exists with other keys or indexes.
    #[error(
        "the table `{name}` has keys or indexes that this version does not use: start the version that \
         made it, or use another data folder"
    )]
    TableDiffers {
        /// The table.
        name: String,
    },
    /// Expired items could not be deleted.
    #[error("cannot delete the expired items of the tables")]
    SweepTables {
        /// Why.
        #[source]
        source: Box<dynoxide::DynoxideError>,
    },
    /// A server ended without a request to stop.
    #[error("the server of {what} ended")]
    Serve {
        /// Which one.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
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
