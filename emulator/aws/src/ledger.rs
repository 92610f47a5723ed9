//! The ledger: one SQLite file in which the local services keep what they must not forget.
//!
//! It has two shapes:
//!
//! * a **record**: one JSON value per `(kind, id)`, replaced as a whole;
//! * **entries**: a list per `(kind, id)` that only grows, numbered from 1.
//!
//! A write that has returned survives `kill -9` of the process (write-ahead log). It may not survive a power cut:
//! `synchronous = NORMAL` saves the 4 ms that a flush to the disk costs, and the data are those of one machine.

mod error;
mod reads;
mod transaction;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

pub use self::error::LedgerError;
use self::reads::{entries, get, ids, last, list, readable};
pub use self::transaction::Transaction;
use self::transaction::write_failed;

/// The layout of the tables below. A file with a higher number is refused.
const LAYOUT: i64 = 1;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS records (
        kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS entries (
        kind TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (kind, id, number)
    ) WITHOUT ROWID;
";

/// A handle on the ledger. Clones share one connection; every call is short and may be made from async code.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

struct Shared {
    /// The folder of the file.
    folder: PathBuf,
    connection: Mutex<Connection>,
    /// One counter per kind, bumped after every commit that touched the kind.
    changes: Mutex<HashMap<String, watch::Sender<u64>>>,
}

impl Ledger {
    /// Opens the file, which is made when it does not exist.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::Open {
            path: path.to_owned(),
            source,
        };
        let connection = Connection::open(path).map_err(failed)?;
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
            .map_err(failed)?;
        let found: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed)?;
        if found > LAYOUT {
            return Err(LedgerError::TooNew {
                path: path.to_owned(),
                found,
                known: LAYOUT,
            });
        }
        connection.execute_batch(TABLES).map_err(failed)?;
        connection.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
        Ok(Self {
            shared: Arc::new(Shared {
                folder: path.parent().unwrap_or(path).to_owned(),
                connection: Mutex::new(connection),
                changes: Mutex::default(),
            }),
        })
    }

    /// Writes a record, whether or not there is one already.
    pub fn put<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<(), LedgerError> {
        self.transaction(|transaction| transaction.put(kind, id, value))
    }

    /// The record, if there is one.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, LedgerError> {
        get(&self.connection(), kind, id)
    }

    /// The record, if there is one that can be read. A damaged one is missing, with an error in the log: for an owner that makes its
    /// record again.
    pub fn readable<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, LedgerError> {
        readable(&self.connection(), kind, id)
    }

    /// The ids of all records of a kind in their order, also of those that cannot be read.
    pub fn ids(&self, kind: &str) -> Result<Vec<String>, LedgerError> {
        ids(&self.connection(), kind)
    }

    /// All records of a kind with their ids, ordered by id.
    pub fn list<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>, LedgerError> {
        list(&self.connection(), kind, "")
    }

    /// The records of a kind whose ids begin with `prefix`, ordered by id. The cost depends on their number alone.
    pub fn list_under<T: DeserializeOwned>(&self, kind: &str, prefix: &str) -> Result<Vec<(String, T)>, LedgerError> {
        list(&self.connection(), kind, prefix)
    }

    /// Removes a record and the entries under the same name. Says whether there was a record.
    pub fn delete(&self, kind: &str, id: &str) -> Result<bool, LedgerError> {
        self.transaction(|transaction| transaction.delete(kind, id))
    }

    /// Adds an entry and returns its number. The first is 1, and there are no gaps.
    pub fn append<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<u64, LedgerError> {
        self.transaction(|transaction| transaction.append(kind, id, value))
    }

    /// The entries numbered `from` and above, with their numbers.
    pub fn entries<T: DeserializeOwned>(&self, kind: &str, id: &str, from: u64) -> Result<Vec<(u64, T)>, LedgerError> {
        entries(&self.connection(), kind, id, from, usize::MAX)
    }

    /// At most `limit` entries numbered `from` and above. The cost depends on `limit` alone.
    pub fn page<T: DeserializeOwned>(
        &self,
        kind: &str,
        id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, T)>, LedgerError> {
        entries(&self.connection(), kind, id, from, limit)
    }

    /// The number of the newest entry; 0 when there is none.
    pub fn last(&self, kind: &str, id: &str) -> Result<u64, LedgerError> {
        last(&self.connection(), kind, id)
    }

    /// Several reads and writes of which all happen or none: an error from `work` takes everything back.
    ///
    /// No other write happens meanwhile, so what `work` reads is still true when its writes are kept. It must not
    /// use the ledger itself, only the transaction that it is given.
    pub fn transaction<R, E: From<LedgerError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let failed = |source| write_failed(&self.shared.folder, || "a transaction".to_owned(), source);
        let (result, touched) = {
            let mut connection = self.connection();
            let inner = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(failed)?;
            let transaction = Transaction {
                inner,
                folder: &self.shared.folder,
                touched: RefCell::default(),
            };
            let result = work(&transaction)?;
            let Transaction { inner, touched, .. } = transaction;
            inner.commit().map_err(failed)?;
            (result, touched.into_inner())
        };
        // After the lock is free, so that a woken reader does not wait for us.
        self.announce(&touched);
        Ok(result)
    }

    /// A counter that moves after every write to the kind. Subscribe first, then look, then wait for `changed()`:
    /// so no write can be missed.
    pub fn changes(&self, kind: &str) -> watch::Receiver<u64> {
        lock(&self.shared.changes)
            .entry(kind.to_owned())
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    fn announce(&self, kinds: &BTreeSet<String>) {
        let changes = lock(&self.shared.changes);
        for kind in kinds {
            if let Some(counter) = changes.get(kind) {
                counter.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.shared.connection)
    }
}

/// A panic while the lock was held cannot have left half a change: SQLite takes an open transaction back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
