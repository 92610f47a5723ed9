//! The index: which buckets, objects, versions and uploads there are, in SQLite.
//!
//! Every change is one transaction under one lock. That is what makes a conditional write atomic: no other request writes
//! between the comparison and the change.

mod changes;
mod condition;
mod rows;
mod uploads;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use self::changes::{delete_version, insert, put, remove_version};
use self::rows::{VERSION_COLUMNS, bucket, bucket_of, find, number_of, version_of};
use super::bodies::disk_full;
use super::checksums::Checksums;
use crate::error::is_disk_full;

pub(super) use self::changes::Outcome;
pub(super) use self::condition::{Condition, matches_etag, precondition_failed};
pub(super) use self::uploads::{Part, Settings};

/// `latest` marks the version that a read without a version id sees; it may be a delete marker (no body).
const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS buckets (
        name TEXT PRIMARY KEY, created INTEGER NOT NULL, versioning TEXT
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS versions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        bucket TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, latest INTEGER NOT NULL,
        body TEXT, size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL, attributes TEXT NOT NULL
    );
    CREATE UNIQUE INDEX IF NOT EXISTS version_ids ON versions (bucket, key, version);
    CREATE INDEX IF NOT EXISTS version_order ON versions (bucket, key, number DESC);
    CREATE UNIQUE INDEX IF NOT EXISTS latest ON versions (bucket, key) WHERE latest = 1;
    CREATE TABLE IF NOT EXISTS uploads (
        id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, started INTEGER NOT NULL, settings TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS upload_keys ON uploads (bucket, key, id);
    CREATE TABLE IF NOT EXISTS parts (
        upload TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
        modified INTEGER NOT NULL, checksums TEXT NOT NULL, PRIMARY KEY (upload, number)
    ) WITHOUT ROWID;
";

/// The version id of what was written while versioning was off.
pub(super) const NULL_VERSION: &str = "null";

/// What a client says about an object besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) expires: Option<s3s::dto::Timestamp>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) checksums: Checksums,
    pub(super) composite_checksum: bool,
}

/// One version of an object, or a delete marker, which has no body.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) latest: bool,
    pub(super) body: Option<String>,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified: Timestamp,
    pub(super) attributes: Attributes,
}

/// What `put` writes.
pub(super) struct NewVersion<'a> {
    pub(super) body: &'a str,
    pub(super) size: u64,
    pub(super) etag: &'a str,
    pub(super) attributes: &'a Attributes,
}

/// A bucket.
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) created: Timestamp,
    /// `Enabled` or `Suspended`; `None` when it never was enabled.
    pub(super) versioning: Option<String>,
}

impl Bucket {
    pub(super) fn is_versioned(&self) -> bool {
        self.versioning.is_some()
    }
}

/// The index and its file.
pub(super) struct Index {
    /// The folder of the file.
    folder: PathBuf,
    connection: Mutex<Connection>,
}

impl Index {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES)?;
        Ok(Self {
            folder: path.parent().unwrap_or(path).to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// Every body that something names.
    pub(super) fn bodies(&self) -> rusqlite::Result<HashSet<String>> {
        self.connection()
            .prepare("SELECT body FROM versions WHERE body IS NOT NULL UNION ALL SELECT body FROM parts")?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    /// Makes a bucket; says whether it is new.
    pub(super) fn create_bucket(&self, name: &str) -> S3Result<bool> {
        let sql = "INSERT OR IGNORE INTO buckets (name, created) VALUES (?1, ?2)";
        let made = self
            .connection()
            .execute(sql, params![name, Timestamp::now().as_millisecond()])
            .map_err(failed)?;
        Ok(made > 0)
    }

    pub(super) fn bucket(&self, name: &str) -> S3Result<Bucket> {
        bucket(&self.connection(), name)
    }

    pub(super) fn buckets(&self, prefix: &str) -> S3Result<Vec<Bucket>> {
        self.connection()
            .prepare_cached(
                "SELECT name, created, versioning FROM buckets WHERE name >= ?1 AND name < ?2 ORDER BY name",
            )
            .and_then(|mut statement| statement.query_map(params![prefix, past(prefix)], bucket_of)?.collect())
            .map_err(failed)
    }

    pub(super) fn delete_bucket(&self, name: &str) -> S3Result<()> {
        self.transaction(|transaction| {
            bucket(transaction, name)?;
            let used: bool = transaction
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM versions WHERE bucket = ?1)",
                    [name],
                    |row| row.get(0),
                )
                .map_err(failed)?;
            if used {
                return Err(s3_error!(
                    BucketNotEmpty,
                    "The bucket you tried to delete is not empty."
                ));
            }
            transaction
                .execute("DELETE FROM buckets WHERE name = ?1", [name])
                .map_err(failed)?;
            Ok(())
        })
    }

    pub(super) fn set_versioning(&self, name: &str, status: &str) -> S3Result<()> {
        self.transaction(|transaction| {
            bucket(transaction, name)?;
            transaction
                .execute(
                    "UPDATE buckets SET versioning = ?2 WHERE name = ?1",
                    params![name, status],
                )
                .map_err(failed)?;
            Ok(())
        })
    }

    /// Reads a version, and does something with it that must happen before anybody can delete it.
    pub(super) fn with_version<T>(
        &self,
        bucket_name: &str,
        key: &str,
        version: Option<&str>,
        work: impl FnOnce(&Bucket, Version) -> S3Result<T>,
    ) -> S3Result<T> {
        let connection = self.connection();
        let bucket = bucket(&connection, bucket_name)?;
        let found = find(&connection, bucket_name, key, version)?;
        let found = found.ok_or_else(|| match version {
            Some(_) => s3_error!(NoSuchVersion, "The specified version does not exist."),
            None => s3_error!(NoSuchKey, "The specified key does not exist."),
        })?;
        work(&bucket, found)
    }

    /// Makes `new` the current version when the condition holds.
    pub(super) fn put(
        &self,
        bucket_name: &str,
        key: &str,
        new: &NewVersion<'_>,
        condition: &Condition,
    ) -> S3Result<Outcome> {
        self.transaction(|transaction| put(transaction, bucket_name, key, new, condition))
    }

    /// Deletes the current version, or the one that is named.
    pub(super) fn delete(
        &self,
        bucket_name: &str,
        key: &str,
        version: Option<&str>,
        condition: &Condition,
    ) -> S3Result<Outcome> {
        self.transaction(|transaction| {
            let bucket = bucket(transaction, bucket_name)?;
            condition.check(find(transaction, bucket_name, key, version)?.as_ref())?;
            match (version, bucket.versioning.as_deref()) {
                (Some(version), _) => delete_version(transaction, bucket_name, key, version),
                (None, None) => {
                    let removed = remove_version(transaction, bucket_name, key, NULL_VERSION)?;
                    Ok(Outcome {
                        freed: removed.body().into_iter().collect(),
                        ..Outcome::default()
                    })
                }
                (None, Some(_)) => {
                    let mut outcome = insert(transaction, &bucket, key, None)?;
                    outcome.delete_marker = true;
                    Ok(outcome)
                }
            }
        })
    }

    /// At most `limit` rows of a listing: current objects, or all versions.
    pub(super) fn rows(&self, bucket: &str, from: &From<'_>, limit: usize) -> S3Result<Vec<Version>> {
        let connection = self.connection();
        let kind = if from.all_versions {
            "1"
        } else {
            "latest = 1 AND body IS NOT NULL"
        };
        // A key again only for the versions older than the one that the last page ended with.
        let sql = format!(
            "SELECT {VERSION_COLUMNS} FROM versions WHERE bucket = ?1 AND {kind} AND key >= ?2 AND key < ?3
             AND (key > ?4 OR (key = ?4 AND number < ?5)) ORDER BY key, number DESC LIMIT ?6"
        );
        connection
            .prepare_cached(&sql)
            .and_then(|mut statement| {
                let values = params![
                    bucket,
                    from.prefix.max(from.after_key),
                    past(from.prefix),
                    from.after_key,
                    number_of(&connection, bucket, from.after_key, from.after_version)?,
                    i64::try_from(limit).unwrap_or(i64::MAX),
                ];
                statement.query_map(values, version_of)?.collect()
            })
            .map_err(failed)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held leaves no half change: SQLite takes an open transaction back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transaction<T>(&self, work: impl FnOnce(&Transaction<'_>) -> S3Result<T>) -> S3Result<T> {
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(failed)?;
        let written = work(&transaction).and_then(|result| {
            transaction.commit().map_err(failed)?;
            Ok(result)
        });
        written.map_err(|error| {
            if is_disk_full(&error) {
                disk_full(&self.folder)
            } else {
                error
            }
        })
    }
}

/// Where a page of a listing begins. `after_key` is the empty text for the first page.
pub(super) struct From<'a> {
    pub(super) prefix: &'a str,
    pub(super) after_key: &'a str,
    /// With `all_versions`: the version of `after_key` that the last page ended with.
    pub(super) after_version: Option<&'a str>,
    pub(super) all_versions: bool,
}

/// A text that sorts after everything that begins with `prefix`.
pub(super) fn past(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

#[allow(clippy::needless_pass_by_value)] // for use in map_err
fn failed(error: rusqlite::Error) -> S3Error {
    S3Error::internal_error(error)
}
