//! What can go wrong in local mode, one variant per operation that failed.

use std::path::PathBuf;

/// An operation of local mode that failed.
///
/// `Display` says what was tried; `source` says why it failed. Print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ledger's file could not be opened or its tables not be made.
    #[error("cannot open the ledger {}", path.display())]
    OpenLedger {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The ledger was written by a later version of Slipway.
    #[error(
        "the ledger {} has layout {found}, and this program knows layouts up to {known}: start the version of \
         Slipway that wrote it, or use another data folder",
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
    #[error("cannot open the tables {}", path.display())]
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
        source: crate::wire::AwsError,
    },
    /// A table of the template exists with other keys or indexes.
    #[error(
        "the table `{name}` has keys or indexes that this version of Slipway does not use: start the version that \
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
}

/// The whole chain of an error in one line, outermost first.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
