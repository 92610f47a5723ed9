//! The stream of a table: a record for each written item, in the order of the writes.
//!
//! The embedded emulator writes the records in the transaction of the write and keeps all of them; to number the next one, it reads
//! them all. Here, the one reader of a stream deletes the records that it has handled. So its position survives a crash, and
//! the records stay few.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::wire::{REGION, arn};

/// A stream that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the stream of the table `{table}` in {}", path.display())]
pub struct StreamError {
    table: String,
    path: PathBuf,
    #[source]
    source: rusqlite::Error,
}

/// The stream of a table.
pub struct Stream {
    table: String,
    path: PathBuf,
    connection: Mutex<Connection>,
    written: Arc<Notify>,
}

/// A record of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its place in the stream.
    pub number: i64,
    /// The record as Lambda hands it to a function.
    pub event: Value,
}

impl Stream {
    pub(super) fn open(path: &Path, table: &str, written: Arc<Notify>) -> Result<Self, StreamError> {
        let open = || {
            let connection = Connection::open(path)?;
            connection.execute_batch("PRAGMA synchronous = NORMAL;")?;
            Ok(connection)
        };
        let connection = open().map_err(|source| StreamError {
            table: table.to_owned(),
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            table: table.to_owned(),
            path: path.to_owned(),
            connection: Mutex::new(connection),
            written,
        })
    }

    /// Ends after the next write of a table, also one between this call and the first poll.
    pub(super) fn written(&self) -> impl Future<Output = ()> + '_ {
        self.written.notified()
    }

    /// The first records that were not handled.
    pub fn next(&self, most: usize) -> Result<Vec<Record>, StreamError> {
        let read = |connection: &Connection| {
            let mut records = connection.prepare_cached(
                "SELECT id, event_name, keys_json, sequence_number, created_at, event_id FROM _stream_records
                 WHERE table_name = ?1 ORDER BY id LIMIT ?2",
            )?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let records = records.query_map((&self.table, most), |row| self.record(row))?;
            records.collect()
        };
        self.with(read)
    }

    /// Notes that the records up to this one were handled.
    pub fn handled(&self, number: i64) -> Result<(), StreamError> {
        let delete = "DELETE FROM _stream_records WHERE table_name = ?1 AND id <= ?2";
        self.with(|connection| connection.execute(delete, (&self.table, number)).map(drop))
    }

    fn record(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
        let (name, keys): (String, String) = (row.get(1)?, row.get(2)?);
        let (sequence, created): (String, i64) = (row.get(3)?, row.get(4)?);
        let event_id: Option<String> = row.get(5)?;
        let keys: Value = serde_json::from_str(&keys).unwrap_or_default();
        Ok(Record {
            number: row.get(0)?,
            event: json!({
                "eventID": event_id,
                "eventName": name,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": REGION,
                "dynamodb": {
                    "ApproximateCreationDateTime": created,
                    "Keys": keys,
                    "SequenceNumber": sequence,
                    "StreamViewType": "KEYS_ONLY",
                },
                "eventSourceARN": arn("dynamodb", &format!("table/{}/stream/1", self.table)),
            }),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StreamError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|source| StreamError {
            table: self.table.clone(),
            path: self.path.clone(),
            source,
        })
    }
}
