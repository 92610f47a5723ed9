//! What can go wrong with the ledger.

use std::path::PathBuf;

use crate::error::DiskFull;
use crate::wire::AwsError;

/// An operation on the ledger that failed. `Display` says what was tried; `source` says why it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file could not be opened, or its tables could not be created.
    #[error(
        "failed to open the ledger {}: if the file is damaged, restore the whole data folder from a backup, or use another one",
        path.display()
    )]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    /// The file was written by a later version.
    #[error(
        "the ledger {} has layout {found}, and this program knows layouts up to {known}: start the version that wrote it, \
         or use another data folder",
        path.display()
    )]
    TooNew { path: PathBuf, found: i64, known: i64 },
    #[error("failed to read {what} from the ledger")]
    Read {
        /// The kind, and the ID where there is one.
        what: String,
        #[source]
        source: rusqlite::Error,
    },
    /// Nothing of the transaction was kept.
    #[error("failed to write {what} to the ledger")]
    Write {
        /// The kind, and the ID where there is one.
        what: String,
        #[source]
        source: rusqlite::Error,
    },
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    #[error("failed to encode {what} for the ledger")]
    Encode {
        what: String,
        #[source]
        source: serde_json::Error,
    },
    /// A record does not have the shape that its reader expects.
    #[error("failed to decode {what} of the ledger")]
    Decode {
        what: String,
        #[source]
        source: serde_json::Error,
    },
}

impl From<LedgerError> for AwsError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::DiskFull(full) => full.into(),
            other => Self::internal(&other),
        }
    }
}
