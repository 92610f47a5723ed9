//! Several reads and writes of which all happen or none.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::params;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LedgerError;
use super::reads::{entries, get, ids, last, list, name, readable};
use crate::error::{DiskFull, is_disk_full};

/// The reads and writes of one transaction.
pub struct Transaction<'a> {
    pub(super) inner: rusqlite::Transaction<'a>,
    /// The folder of the ledger.
    pub(super) folder: &'a Path,
    pub(super) touched: RefCell<BTreeSet<String>>,
}

impl Transaction<'_> {
    /// See [`Ledger::put`].
    pub fn put<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<(), LedgerError> {
        let body = encode(kind, id, value)?;
        self.write(
            kind,
            id,
            "INSERT OR REPLACE INTO records (kind, id, body) VALUES (?1, ?2, ?3)",
            params![kind, id, body],
        )?;
        Ok(())
    }

    /// See [`Ledger::get`].
    pub fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, LedgerError> {
        get(&self.inner, kind, id)
    }

    /// See [`Ledger::readable`].
    pub fn readable<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, LedgerError> {
        readable(&self.inner, kind, id)
    }

    /// See [`Ledger::list_under`].
    pub fn list_under<T: DeserializeOwned>(&self, kind: &str, prefix: &str) -> Result<Vec<(String, T)>, LedgerError> {
        list(&self.inner, kind, prefix)
    }

    /// See [`Ledger::delete`].
    pub fn delete(&self, kind: &str, id: &str) -> Result<bool, LedgerError> {
        let sql = "DELETE FROM entries WHERE kind = ?1 AND id = ?2";
        self.write(kind, id, sql, params![kind, id])?;
        let sql = "DELETE FROM records WHERE kind = ?1 AND id = ?2";
        Ok(self.write(kind, id, sql, params![kind, id])? > 0)
    }

    /// See [`Ledger::append`].
    pub fn append<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<u64, LedgerError> {
        let body = encode(kind, id, value)?;
        let number = last(&self.inner, kind, id)? + 1;
        self.write(
            kind,
            id,
            "INSERT INTO entries (kind, id, number, body) VALUES (?1, ?2, ?3, ?4)",
            params![kind, id, number.cast_signed(), body],
        )?;
        Ok(number)
    }

    /// See [`Ledger::ids`].
    pub fn ids(&self, kind: &str) -> Result<Vec<String>, LedgerError> {
        ids(&self.inner, kind)
    }

    /// See [`Ledger::last`].
    pub fn last(&self, kind: &str, id: &str) -> Result<u64, LedgerError> {
        last(&self.inner, kind, id)
    }

    /// See [`Ledger::entries`].
    pub fn entries<T: DeserializeOwned>(&self, kind: &str, id: &str, from: u64) -> Result<Vec<(u64, T)>, LedgerError> {
        entries(&self.inner, kind, id, from, usize::MAX)
    }

    fn write(&self, kind: &str, id: &str, sql: &str, values: impl rusqlite::Params) -> Result<usize, LedgerError> {
        self.touched.borrow_mut().insert(kind.to_owned());
        self.inner
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values))
            .map_err(|source| write_failed(self.folder, || name(kind, id), source))
    }
}

fn encode<T: Serialize + ?Sized>(kind: &str, id: &str, value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|source| LedgerError::Encode {
        what: name(kind, id),
        source,
    })
}

pub(super) fn write_failed(folder: &Path, what: impl FnOnce() -> String, source: rusqlite::Error) -> LedgerError {
    if is_disk_full(&source) {
        let folder = folder.to_owned();
        return DiskFull { folder }.into();
    }
    LedgerError::Write { what: what(), source }
}
