//! Writes and deletes of versions, inside one transaction.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use s3s::{S3Error, S3Result};

use super::rows::{bucket, find};
use super::{Attributes, Bucket, Condition, NULL_VERSION, NewVersion, failed};

/// What a write or a delete has done.
#[derive(Default)]
pub(in crate::s3) struct Outcome {
    /// The id that the answer names: `None` in a bucket that was never versioned.
    pub(in crate::s3) version: Option<String>,
    pub(in crate::s3) delete_marker: bool,
    /// Bodies that nothing names any more.
    pub(in crate::s3) freed: Vec<String>,
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    bucket_name: &str,
    key: &str,
    new: &NewVersion<'_>,
    condition: &Condition,
) -> S3Result<Outcome> {
    let bucket = bucket(transaction, bucket_name)?;
    condition.check(find(transaction, bucket_name, key, None)?.as_ref())?;
    insert(transaction, &bucket, key, Some(new))
}

/// Puts a version (or a delete marker) on top.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    bucket: &Bucket,
    key: &str,
    new: Option<&NewVersion<'_>>,
) -> S3Result<Outcome> {
    let mut outcome = Outcome::default();
    let id = if bucket.versioning.as_deref() == Some("Enabled") {
        hex::encode(rand::random::<u128>().to_be_bytes())
    } else {
        let replaced = remove_version(transaction, &bucket.name, key, NULL_VERSION)?;
        outcome.freed.extend(replaced.body());
        NULL_VERSION.to_owned()
    };
    let attributes = new.map_or_else(Attributes::default, |new| new.attributes.clone());
    let attributes = serde_json::to_string(&attributes).map_err(S3Error::internal_error)?;
    transaction
        .execute(
            "UPDATE versions SET latest = 0 WHERE bucket = ?1 AND key = ?2 AND latest = 1",
            params![bucket.name, key],
        )
        .and_then(|_| {
            transaction.execute(
                "INSERT INTO versions (bucket, key, version, latest, body, size, etag, modified, attributes)
                 VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8)",
                params![
                    bucket.name,
                    key,
                    id,
                    new.map(|new| new.body),
                    new.map_or(0, |new| new.size.cast_signed()),
                    new.map_or("", |new| new.etag),
                    Timestamp::now().as_millisecond(),
                    attributes,
                ],
            )
        })
        .map_err(failed)?;
    outcome.version = bucket.is_versioned().then_some(id);
    Ok(outcome)
}

pub(super) fn delete_version(
    transaction: &Transaction<'_>,
    bucket: &str,
    key: &str,
    version: &str,
) -> S3Result<Outcome> {
    let removed = remove_version(transaction, bucket, key, version)?;
    transaction
        .execute(
            "UPDATE versions SET latest = 1 WHERE number =
                 (SELECT max(number) FROM versions WHERE bucket = ?1 AND key = ?2)",
            params![bucket, key],
        )
        .map_err(failed)?;
    Ok(Outcome {
        version: Some(version.to_owned()),
        delete_marker: matches!(removed, Removed::DeleteMarker),
        freed: removed.body().into_iter().collect(),
    })
}

/// What was there before it was taken out.
pub(super) enum Removed {
    Nothing,
    DeleteMarker,
    Object { body: String },
}

impl Removed {
    pub(super) fn body(self) -> Option<String> {
        match self {
            Self::Object { body } => Some(body),
            Self::Nothing | Self::DeleteMarker => None,
        }
    }
}

pub(super) fn remove_version(
    transaction: &Transaction<'_>,
    bucket: &str,
    key: &str,
    version: &str,
) -> S3Result<Removed> {
    let removed = transaction
        .prepare_cached("DELETE FROM versions WHERE bucket = ?1 AND key = ?2 AND version = ?3 RETURNING body")
        .and_then(|mut statement| {
            let as_removed = |row: &Row<'_>| {
                let body: Option<String> = row.get(0)?;
                Ok(body.map_or(Removed::DeleteMarker, |body| Removed::Object { body }))
            };
            statement
                .query_row(params![bucket, key, version], as_removed)
                .optional()
        })
        .map_err(failed)?;
    Ok(removed.unwrap_or(Removed::Nothing))
}
