//! The ledger: one SQLite file in which the local services keep what they must not forget.
//!
//! Two shapes are offered, which is all that the services need:
//!
//! * a **record**: one JSON value per `(kind, id)`, replaced as a whole;
//! * **entries**: a list per `(kind, id)` that only grows, numbered from 1.
//!
//! A write that has returned survives `kill -9` of the process (write-ahead log). It may not survive a power cut:
//! `synchronous = NORMAL` saves the 4 ms that a flush to the disk costs, and the data are those of one machine.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::Error;

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
    connection: Mutex<Connection>,
    /// One counter per kind, bumped after every commit that touched the kind.
    changes: Mutex<HashMap<String, watch::Sender<u64>>>,
}

impl Ledger {
    /// Opens the file, which is made when it does not exist.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::OpenLedger {
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
            return Err(Error::LedgerTooNew {
                path: path.to_owned(),
                found,
                known: LAYOUT,
            });
        }
        connection.execute_batch(TABLES).map_err(failed)?;
        connection.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
        Ok(Self {
            shared: Arc::new(Shared {
                connection: Mutex::new(connection),
                changes: Mutex::default(),
            }),
        })
    }

    /// Writes a record, whether or not there is one already.
    pub fn put<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<(), Error> {
        self.transaction(|transaction| transaction.put(kind, id, value))
    }

    /// The record, if there is one.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, Error> {
        get(&self.connection(), kind, id)
    }

    /// All records of a kind with their ids, ordered by id.
    pub fn list<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>, Error> {
        list(&self.connection(), kind, "")
    }

    /// The records of a kind whose ids begin with `prefix`, ordered by id. The cost depends on their number alone.
    pub fn list_under<T: DeserializeOwned>(&self, kind: &str, prefix: &str) -> Result<Vec<(String, T)>, Error> {
        list(&self.connection(), kind, prefix)
    }

    /// Removes a record and the entries under the same name. Says whether there was a record.
    pub fn delete(&self, kind: &str, id: &str) -> Result<bool, Error> {
        self.transaction(|transaction| transaction.delete(kind, id))
    }

    /// Adds an entry and returns its number. The first is 1, and there are no gaps.
    pub fn append<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<u64, Error> {
        self.transaction(|transaction| transaction.append(kind, id, value))
    }

    /// The entries numbered `from` and above, with their numbers.
    pub fn entries<T: DeserializeOwned>(&self, kind: &str, id: &str, from: u64) -> Result<Vec<(u64, T)>, Error> {
        entries(&self.connection(), kind, id, from, usize::MAX)
    }

    /// At most `limit` entries numbered `from` and above. The cost depends on `limit` alone.
    pub fn page<T: DeserializeOwned>(
        &self,
        kind: &str,
        id: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, T)>, Error> {
        entries(&self.connection(), kind, id, from, limit)
    }

    /// The number of the newest entry; 0 when there is none.
    pub fn last(&self, kind: &str, id: &str) -> Result<u64, Error> {
        last(&self.connection(), kind, id)
    }

    /// Several reads and writes of which all happen or none: an error from `work` takes everything back.
    ///
    /// No other write happens meanwhile, so what `work` reads is still true when its writes are kept. It must not
    /// use the ledger itself, only the transaction that it is given.
    pub fn transaction<R, E: From<Error>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<R, E>) -> Result<R, E> {
        let failed = |source| Error::WriteLedger {
            what: "a transaction".to_owned(),
            source,
        };
        let (result, touched) = {
            let mut connection = self.connection();
            let inner = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(failed)?;
            let transaction = Transaction {
                inner,
                touched: RefCell::default(),
            };
            let result = work(&transaction)?;
            let Transaction { inner, touched } = transaction;
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

/// The reads and writes of one transaction.
pub struct Transaction<'a> {
    inner: rusqlite::Transaction<'a>,
    touched: RefCell<BTreeSet<String>>,
}

impl Transaction<'_> {
    /// See [`Ledger::put`].
    pub fn put<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<(), Error> {
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
    pub fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, Error> {
        get(&self.inner, kind, id)
    }

    /// See [`Ledger::list_under`].
    pub fn list_under<T: DeserializeOwned>(&self, kind: &str, prefix: &str) -> Result<Vec<(String, T)>, Error> {
        list(&self.inner, kind, prefix)
    }

    /// See [`Ledger::delete`].
    pub fn delete(&self, kind: &str, id: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM entries WHERE kind = ?1 AND id = ?2";
        self.write(kind, id, sql, params![kind, id])?;
        let sql = "DELETE FROM records WHERE kind = ?1 AND id = ?2";
        Ok(self.write(kind, id, sql, params![kind, id])? > 0)
    }

    /// See [`Ledger::append`].
    pub fn append<T: Serialize + ?Sized>(&self, kind: &str, id: &str, value: &T) -> Result<u64, Error> {
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

    /// See [`Ledger::entries`].
    pub fn entries<T: DeserializeOwned>(&self, kind: &str, id: &str, from: u64) -> Result<Vec<(u64, T)>, Error> {
        entries(&self.inner, kind, id, from, usize::MAX)
    }

    fn write(&self, kind: &str, id: &str, sql: &str, values: impl rusqlite::Params) -> Result<usize, Error> {
        self.touched.borrow_mut().insert(kind.to_owned());
        self.inner
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(values))
            .map_err(|source| Error::WriteLedger {
                what: name(kind, id),
                source,
            })
    }
}

fn get<T: DeserializeOwned>(connection: &Connection, kind: &str, id: &str) -> Result<Option<T>, Error> {
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM records WHERE kind = ?1 AND id = ?2")
        .and_then(|mut statement| statement.query_row(params![kind, id], |row| row.get(0)).optional())
        .map_err(|source| read_failed(kind, id, source))?;
    body.map(|body| decode(kind, id, &body)).transpose()
}

fn list<T: DeserializeOwned>(connection: &Connection, kind: &str, prefix: &str) -> Result<Vec<(String, T)>, Error> {
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
    bodies
        .into_iter()
        .map(|(id, body)| decode(kind, &id, &body).map(|value| (id, value)))
        .collect()
}

fn entries<T: DeserializeOwned>(
    connection: &Connection,
    kind: &str,
    id: &str,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, T)>, Error> {
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

fn last(connection: &Connection, kind: &str, id: &str) -> Result<u64, Error> {
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

fn encode<T: Serialize + ?Sized>(kind: &str, id: &str, value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::EncodeRecord {
        what: name(kind, id),
        source,
    })
}

fn decode<T: DeserializeOwned>(kind: &str, id: &str, body: &str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|source| Error::DecodeRecord {
        what: name(kind, id),
        source,
    })
}

fn read_failed(kind: &str, id: &str, source: rusqlite::Error) -> Error {
    Error::ReadLedger {
        what: name(kind, id),
        source,
    }
}

fn name(kind: &str, id: &str) -> String {
    format!("{kind} {id:?}")
}

/// A panic while the lock was held cannot have left half a change: SQLite takes an open transaction back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        (folder, ledger)
    }

    #[test]
    fn records_and_entries_are_there_after_the_file_is_opened_again() {
        let (folder, ledger) = ledger();
        ledger.put("build", "b:1", &vec!["one"]).expect("put");
        assert_eq!(ledger.append("history", "e:1", "first").expect("append"), 1);
        assert_eq!(ledger.append("history", "e:1", "second").expect("append"), 2);
        drop(ledger);

        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens again");
        assert_eq!(
            ledger.get::<Vec<String>>("build", "b:1").expect("get"),
            Some(vec!["one".to_owned()])
        );
        assert_eq!(
            ledger.entries::<String>("history", "e:1", 2).expect("entries"),
            [(2, "second".to_owned())]
        );
        assert!(ledger.delete("history", "e:1").is_ok_and(|there_was| !there_was));
        assert_eq!(ledger.entries::<String>("history", "e:1", 0).expect("entries"), []);
        assert!(ledger.delete("build", "b:1").expect("delete"));
        assert_eq!(ledger.get::<Value>("build", "b:1").expect("get"), None);
    }

    #[test]
    fn a_listing_by_prefix_has_no_neighbours_in_it() {
        let (_folder, ledger) = ledger();
        for id in ["a", "a/1", "a/2", "a0", "b/1", "a/\u{10fffd}"] {
            ledger.put("task", id, id).expect("put");
        }
        ledger.put("other", "a/3", "a/3").expect("put");
        let ids = |prefix: &str| -> Vec<String> {
            let listed = ledger.list_under::<String>("task", prefix).expect("list");
            listed.into_iter().map(|(id, _)| id).collect()
        };
        assert_eq!(ids("a/"), ["a/1", "a/2", "a/\u{10fffd}"]);
        assert_eq!(ids("c"), [""; 0]);
        assert_eq!(ledger.list::<String>("task").expect("list").len(), 6);
    }

    #[test]
    fn a_failed_transaction_leaves_nothing_and_tells_nobody() {
        let (_folder, ledger) = ledger();
        let changes = ledger.changes("task");
        let outcome = ledger.transaction(|transaction| {
            transaction.put("task", "1", "one")?;
            transaction.append("log", "1", "line")?;
            assert_eq!(transaction.get::<String>("task", "1")?, Some("one".to_owned()));
            transaction.get::<u32>("task", "1").map(drop)
        });
        assert!(matches!(outcome, Err(Error::DecodeRecord { .. })));
        assert_eq!(ledger.get::<String>("task", "1").expect("get"), None);
        assert_eq!(ledger.entries::<String>("log", "1", 0).expect("entries"), []);
        assert!(!changes.has_changed().expect("the ledger is alive"));
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_a_write_to_its_kind_only() {
        let (_folder, ledger) = ledger();
        let mut tasks = ledger.changes("task");
        let builds = ledger.changes("build");
        let writer = ledger.clone();
        std::thread::spawn(move || writer.put("task", "1", "one").expect("put"));
        tasks.changed().await.expect("the ledger is alive");
        assert_eq!(ledger.get::<String>("task", "1").expect("get"), Some("one".to_owned()));
        assert!(!builds.has_changed().expect("the ledger is alive"));
    }

    #[test]
    fn concurrent_transactions_do_not_lose_counts() {
        let (_folder, ledger) = ledger();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        ledger
                            .transaction(|transaction| {
                                let count: u32 = transaction.get("counter", "c")?.unwrap_or(0);
                                transaction.put("counter", "c", &(count + 1))
                            })
                            .expect("counts");
                    }
                });
            }
        });
        assert_eq!(ledger.get::<u32>("counter", "c").expect("get"), Some(400));
    }

    #[test]
    fn a_ledger_of_a_later_version_is_refused() {
        let (folder, ledger) = ledger();
        ledger
            .connection()
            .pragma_update(None, "user_version", LAYOUT + 1)
            .expect("sets the version");
        drop(ledger);
        assert!(matches!(
            Ledger::open(&folder.path().join("ledger.db")),
            Err(Error::LedgerTooNew { .. })
        ));
    }
}
