//! Buckets and versions as the tables have them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use s3s::{S3Result, s3_error};

use super::{Bucket, Version, failed};

pub(super) const VERSION_COLUMNS: &str = "key, version, latest, body, size, etag, modified, attributes";

pub(super) fn bucket(connection: &Connection, name: &str) -> S3Result<Bucket> {
    connection
        .prepare_cached("SELECT name, created, versioning FROM buckets WHERE name = ?1")
        .and_then(|mut statement| statement.query_row([name], bucket_of).optional())
        .map_err(failed)?
        .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket `{name}` does not exist."))
}

pub(super) fn find(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> S3Result<Option<Version>> {
    let filter = if version.is_some() {
        "version = ?3"
    } else {
        "latest = 1 AND ?3 IS NULL"
    };
    let sql = format!("SELECT {VERSION_COLUMNS} FROM versions WHERE bucket = ?1 AND key = ?2 AND {filter}");
    connection
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            statement
                .query_row(params![bucket, key, version], version_of)
                .optional()
        })
        .map_err(failed)
}

pub(super) fn number_of(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> rusqlite::Result<i64> {
    let Some(version) = version else { return Ok(0) };
    connection
        .query_row(
            "SELECT number FROM versions WHERE bucket = ?1 AND key = ?2 AND version = ?3",
            params![bucket, key, version],
            |row| row.get(0),
        )
        .optional()
        .map(Option::unwrap_or_default)
}

pub(super) fn bucket_of(row: &Row<'_>) -> rusqlite::Result<Bucket> {
    Ok(Bucket {
        name: row.get(0)?,
        created: time_of(row, 1)?,
        versioning: row.get(2)?,
    })
}

pub(super) fn version_of(row: &Row<'_>) -> rusqlite::Result<Version> {
    let attributes: String = row.get(7)?;
    Ok(Version {
        key: row.get(0)?,
        id: row.get(1)?,
        latest: row.get(2)?,
        body: row.get(3)?,
        size: row.get::<_, i64>(4)?.cast_unsigned(),
        etag: row.get(5)?,
        modified: time_of(row, 6)?,
        attributes: json_of(7, &attributes)?,
    })
}

pub(super) fn time_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let milliseconds: i64 = row.get(column)?;
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, milliseconds))
}

pub(super) fn json_of<T: serde::de::DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
