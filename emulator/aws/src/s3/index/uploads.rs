//! Multipart uploads that have not been completed.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::changes::put;
use super::rows::{bucket, json_of, time_of};
use super::{Attributes, Condition, Index, NewVersion, Outcome, failed, past};
use crate::s3::checksums::{Algorithm, Checksums};

/// What was said when the upload was started.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::s3) struct Settings {
    pub(in crate::s3) attributes: Attributes,
    pub(in crate::s3) algorithm: Option<Algorithm>,
    pub(in crate::s3) composite: bool,
}

/// An upload that was started.
pub(in crate::s3) struct Upload {
    pub(in crate::s3) id: String,
    pub(in crate::s3) key: String,
    pub(in crate::s3) started: Timestamp,
    pub(in crate::s3) settings: Settings,
}

/// A part that was uploaded.
pub(in crate::s3) struct Part {
    pub(in crate::s3) number: i32,
    pub(in crate::s3) body: String,
    pub(in crate::s3) size: u64,
    pub(in crate::s3) etag: String,
    pub(in crate::s3) modified: Timestamp,
    pub(in crate::s3) checksums: Checksums,
}

impl Index {
    pub(in crate::s3) fn create_upload(&self, bucket_name: &str, key: &str, settings: &Settings) -> S3Result<String> {
        let id = hex::encode(rand::random::<u128>().to_be_bytes());
        let settings = serde_json::to_string(settings).map_err(S3Error::internal_error)?;
        self.transaction(|transaction| {
            bucket(transaction, bucket_name)?;
            transaction
                .execute(
                    "INSERT INTO uploads (id, bucket, key, started, settings) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![id, bucket_name, key, Timestamp::now().as_millisecond(), settings],
                )
                .map_err(failed)?;
            Ok(())
        })?;
        Ok(id)
    }

    pub(in crate::s3) fn upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
        self.transaction(|transaction| upload(transaction, bucket, key, id))
    }

    pub(in crate::s3) fn uploads(&self, bucket_name: &str, prefix: &str) -> S3Result<Vec<Upload>> {
        self.transaction(|transaction| {
            bucket(transaction, bucket_name)?;
            transaction
                .prepare_cached(
                    "SELECT id, key, started, settings FROM uploads
                     WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key, id",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(params![bucket_name, prefix, past(prefix)], upload_of)?
                        .collect()
                })
                .map_err(failed)
        })
    }

    /// Writes a part and returns the body that it replaces.
    pub(in crate::s3) fn put_part(&self, bucket: &str, key: &str, id: &str, part: &Part) -> S3Result<Option<String>> {
        let checksums = serde_json::to_string(&part.checksums).map_err(S3Error::internal_error)?;
        self.transaction(|transaction| {
            upload(transaction, bucket, key, id)?;
            let replaced = transaction
                .query_row(
                    "SELECT body FROM parts WHERE upload = ?1 AND number = ?2",
                    params![id, part.number],
                    |row| row.get(0),
                )
                .optional()
                .map_err(failed)?;
            transaction
                .execute(
                    "INSERT OR REPLACE INTO parts (upload, number, body, size, etag, modified, checksums)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        id,
                        part.number,
                        part.body,
                        part.size.cast_signed(),
                        part.etag,
                        part.modified.as_millisecond(),
                        checksums
                    ],
                )
                .map_err(failed)?;
            Ok(replaced)
        })
    }

    pub(in crate::s3) fn parts(&self, bucket: &str, key: &str, id: &str) -> S3Result<Vec<Part>> {
        self.transaction(|transaction| {
            upload(transaction, bucket, key, id)?;
            transaction
                .prepare_cached(
                    "SELECT number, body, size, etag, modified, checksums FROM parts WHERE upload = ?1 ORDER BY number",
                )
                .and_then(|mut statement| statement.query_map([id], part_of)?.collect())
                .map_err(failed)
        })
    }

    /// Makes the object and ends the upload, or neither. The bodies of the parts are among those freed.
    pub(in crate::s3) fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        new: &NewVersion<'_>,
        condition: &Condition,
    ) -> S3Result<Outcome> {
        self.transaction(|transaction| {
            upload(transaction, bucket, key, id)?;
            let mut outcome = put(transaction, bucket, key, new, condition)?;
            outcome.freed.extend(end_upload(transaction, id)?);
            Ok(outcome)
        })
    }

    /// Ends an upload and returns the bodies of its parts.
    pub(in crate::s3) fn abort_upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Vec<String>> {
        self.transaction(|transaction| {
            upload(transaction, bucket, key, id)?;
            end_upload(transaction, id)
        })
    }
}

fn upload(transaction: &Transaction<'_>, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
    transaction
        .prepare_cached("SELECT id, key, started, settings FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3")
        .and_then(|mut statement| statement.query_row(params![id, bucket, key], upload_of).optional())
        .map_err(failed)?
        .ok_or_else(|| {
            s3_error!(
                NoSuchUpload,
                "The specified multipart upload does not exist. It may have been aborted or completed."
            )
        })
}

fn end_upload(transaction: &Transaction<'_>, id: &str) -> S3Result<Vec<String>> {
    let mut delete = transaction
        .prepare_cached("DELETE FROM parts WHERE upload = ?1 RETURNING body")
        .map_err(failed)?;
    let bodies = delete
        .query_map([id], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(failed)?;
    transaction
        .execute("DELETE FROM uploads WHERE id = ?1", [id])
        .map_err(failed)?;
    Ok(bodies)
}

fn upload_of(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let settings: String = row.get(3)?;
    Ok(Upload {
        id: row.get(0)?,
        key: row.get(1)?,
        started: time_of(row, 2)?,
        settings: json_of(3, &settings)?,
    })
}

fn part_of(row: &Row<'_>) -> rusqlite::Result<Part> {
    let checksums: String = row.get(5)?;
    Ok(Part {
        number: row.get(0)?,
        body: row.get(1)?,
        size: row.get::<_, i64>(2)?.cast_unsigned(),
        etag: row.get(3)?,
        modified: time_of(row, 4)?,
        checksums: json_of(5, &checksums)?,
    })
}
