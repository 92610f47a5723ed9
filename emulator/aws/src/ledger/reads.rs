//! Reads of the tables, inside a transaction or not.

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::LedgerError;

pub(super) fn get<T: DeserializeOwned>(
    connection: &Connection,
    kind: &str,
    id: &str,
) -> Result<Option<T>, LedgerError> {
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM records WHERE kind = ?1 AND id = ?2")
        .and_then(|mut statement| statement.query_row(params![kind, id], |row| row.get(0)).optional())
        .map_err(|source| read_failed(kind, id, source))?;
    body.map(|body| decode(kind, id, &body)).transpose()
}

pub(super) fn readable<T: DeserializeOwned>(
    connection: &Connection,
    kind: &str,
    id: &str,
) -> Result<Option<T>, LedgerError> {
    match get(connection, kind, id) {
        Err(error @ LedgerError::Decode { .. }) => {
            pass_over(&error);
            Ok(None)
        }
        read => read,
    }
}

pub(super) fn ids(connection: &Connection, kind: &str) -> Result<Vec<String>, LedgerError> {
    connection
        .prepare_cached("SELECT id FROM records WHERE kind = ?1 ORDER BY id")
        .and_then(|mut statement| statement.query_map(params![kind], |row| row.get(0))?.collect())
        .map_err(|source| read_failed(kind, "", source))
}

fn pass_over(error: &LedgerError) {
    tracing::error!(
        error = crate::error::chain(error),
        "a record of the ledger is passed over: it is damaged, or a later version wrote it"
    );
}

pub(super) fn list<T: DeserializeOwned>(
    connection: &Connection,
    kind: &str,
    prefix: &str,
) -> Result<Vec<(String, T)>, LedgerError> {
    let bodies = connection
        .prepare_cached("SELECT id, body FROM records WHERE kind = ?1 AND id >= ?2 AND id < ?3 ORDER BY id")
        .and_then(|mut statement| {
            statement
                .query_map(params![kind, prefix, past(prefix)], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<Result<Vec<(String, String)>, _>>()
        })
        .map_err(|source| read_failed(kind, prefix, source))?;
    let read = |(id, body): (String, String)| match decode(kind, &id, &body) {
        Ok(value) => Some((id, value)),
        // The others are read, and a server starts: a read of this one by its id fails.
        Err(error) => {
            pass_over(&error);
            None
        }
    };
    Ok(bodies.into_iter().filter_map(read).collect())
}

pub(super) fn entries<T: DeserializeOwned>(
    connection: &Connection,
    kind: &str,
    id: &str,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, T)>, LedgerError> {
    // SQLite's numbers are signed; none of ours comes near the difference.
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let bodies = connection
        .prepare_cached(
            "SELECT number, body FROM entries WHERE kind = ?1 AND id = ?2 AND number >= ?3 ORDER BY number LIMIT ?4",
        )
        .and_then(|mut statement| {
            statement
                .query_map(params![kind, id, from, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<Vec<(i64, String)>, _>>()
        })
        .map_err(|source| read_failed(kind, id, source))?;
    bodies
        .into_iter()
        .map(|(number, body)| decode(kind, id, &body).map(|value| (number.unsigned_abs(), value)))
        .collect()
}

pub(super) fn last(connection: &Connection, kind: &str, id: &str) -> Result<u64, LedgerError> {
    let number: i64 = connection
        .prepare_cached("SELECT coalesce(max(number), 0) FROM entries WHERE kind = ?1 AND id = ?2")
        .and_then(|mut statement| statement.query_row(params![kind, id], |row| row.get(0)))
        .map_err(|source| read_failed(kind, id, source))?;
    Ok(number.unsigned_abs())
}

/// A text that sorts after everything that begins with `prefix` and before everything else that sorts after it.
fn past(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

fn decode<T: DeserializeOwned>(kind: &str, id: &str, body: &str) -> Result<T, LedgerError> {
    serde_json::from_str(body).map_err(|source| LedgerError::Decode {
        what: name(kind, id),
        source,
    })
}

fn read_failed(kind: &str, id: &str, source: rusqlite::Error) -> LedgerError {
    LedgerError::Read {
        what: name(kind, id),
        source,
    }
}

pub(super) fn name(kind: &str, id: &str) -> String {
    format!("{kind} {id:?}")
}
