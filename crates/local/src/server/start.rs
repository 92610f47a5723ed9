//! Whether the files of the data folder belong together.
//!
//! Each start is counted twice: in the ledger, and in the file of the tables. Where a file was lost, emptied or restored
//! from an earlier time, the counts differ: executions and builds would not be those of the operations, and states would have no
//! stacks.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::folder::DataFolder;
use crate::Error;
use aws_emulator::ledger::Ledger;

/// The kind of the ledger's record.
const START: &str = "start";

/// What the ledger says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Starts {
    /// How often a server was about to start.
    intended: u64,
    /// How often one did, with both counts written.
    counted: u64,
}

/// Compares the counts, and counts this start. `accepts_loss`: what is left is used.
///
/// The tables are open already, so that their file has the layout that it is to have.
pub(super) fn check(folder: &DataFolder, ledger: &Ledger, accepts_loss: bool) -> Result<(), Error> {
    let tables = Tables::open(folder.join(super::TABLES))?;
    let of_ledger: Starts = ledger.readable(START, START)?.unwrap_or_default();
    let of_tables = tables.starts()?;
    let lost = if of_tables < of_ledger.counted {
        Some("dynamodb.db")
    } else if of_tables > of_ledger.intended {
        Some("ledger.db")
    } else if of_tables > 0 && !folder.join("s3").is_dir() {
        Some("s3")
    } else {
        None
    };
    if let Some(file) = lost.filter(|_| !accepts_loss) {
        return Err(Error::DataLost {
            path: folder.join(file),
            folder: folder.path().to_owned(),
        });
    }
    let number = of_tables.max(of_ledger.intended) + 1;
    // In this order: a server that dies in between leaves counts that are not taken for a loss.
    let intended = Starts {
        intended: number,
        ..of_ledger
    };
    ledger.put(START, START, &intended)?;
    tables.count(number)?;
    let counted = Starts {
        intended: number,
        counted: number,
    };
    Ok(ledger.put(START, START, &counted)?)
}

/// The other count: in a table of the tables' own file, beside those of the emulator, which does not know it.
struct Tables {
    path: PathBuf,
    connection: Connection,
}

impl Tables {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let failed = failed(&path);
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.execute_batch("CREATE TABLE IF NOT EXISTS slipway_starts (number INTEGER NOT NULL)")?;
            Ok(connection)
        };
        let connection = open().map_err(failed)?;
        Ok(Self { path, connection })
    }

    /// How often a server started on these tables.
    fn starts(&self) -> Result<u64, Error> {
        let query = "SELECT coalesce(max(number), 0) FROM slipway_starts";
        let number: i64 = self
            .connection
            .query_row(query, [], |row| row.get(0))
            .map_err(failed(&self.path))?;
        Ok(number.unsigned_abs())
    }

    fn count(&self, number: u64) -> Result<(), Error> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let write = "INSERT INTO slipway_starts VALUES (?1)";
        self.connection.execute(write, [number]).map_err(failed(&self.path))?;
        let forget = "DELETE FROM slipway_starts WHERE number < ?1";
        self.connection.execute(forget, [number]).map_err(failed(&self.path))?;
        Ok(())
    }
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::CountStart {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use aws_emulator::dynamodb::DynamoDb;

    fn start(data: &Path, accepts_loss: bool) -> Result<(), String> {
        let folder = DataFolder::open(data).expect("the folder");
        let ledger = Ledger::open(&data.join("ledger.db")).expect("the ledger");
        let tables = DynamoDb::open(&data.join("dynamodb.db")).expect("the tables");
        let checked = check(&folder, &ledger, accepts_loss);
        drop(tables);
        fs::create_dir_all(data.join("s3")).expect("the objects");
        checked.map_err(|error| error.to_string())
    }

    /// Removes a database with its log.
    fn lose(data: &Path, name: &str) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(data.join(format!("{name}{end}")));
        }
    }

    #[test]
    fn a_lost_file_is_named_and_what_is_left_is_used_where_that_is_wanted() {
        for name in ["dynamodb.db", "ledger.db", "s3"] {
            let data = tempfile::tempdir().expect("a folder");
            let data = data.path();
            start(data, false).expect("the first start");
            start(data, false).expect("the second start");
            if name == "s3" {
                fs::remove_dir(data.join(name)).expect("removes");
            } else {
                lose(data, name);
            }
            let error = start(data, false).expect_err(name);
            assert!(error.contains(name) && error.contains("--accept-lost-data"), "{error}");
            start(data, true).expect("a start with what is left");
            start(data, false).expect("the next start");
        }
    }

    #[test]
    fn an_earlier_copy_of_one_file_is_a_loss() {
        let data = tempfile::tempdir().expect("a folder");
        let data = data.path();
        start(data, false).expect("the first start");
        let copy = fs::read(data.join("dynamodb.db")).expect("a copy");
        start(data, false).expect("the second start");
        lose(data, "dynamodb.db");
        fs::write(data.join("dynamodb.db"), copy).expect("the copy");
        let error = start(data, false).expect_err("an earlier copy");
        assert!(error.contains("dynamodb.db"), "{error}");
    }

    /// A copy of the files that a server has open: what it leaves if it is killed.
    fn left_by_a_killed_server(data: &Path) -> tempfile::TempDir {
        let folder = DataFolder::open(data).expect("the folder");
        let ledger = Ledger::open(&data.join("ledger.db")).expect("the ledger");
        let tables = DynamoDb::open(&data.join("dynamodb.db")).expect("the tables");
        check(&folder, &ledger, false).expect("a start");
        let left = tempfile::tempdir().expect("a folder");
        for entry in fs::read_dir(data).expect("the folder") {
            let entry = entry.expect("an entry");
            if entry.path().is_file() {
                fs::copy(entry.path(), left.path().join(entry.file_name())).expect("a copy");
            }
        }
        fs::create_dir(left.path().join("s3")).expect("the objects");
        drop((tables, ledger));
        left
    }

    /// `SQLite` reads a log up to the first part that is not as it was written, and says nothing of the rest.
    #[test]
    fn a_lost_or_damaged_log_of_the_tables_is_named() {
        let data = tempfile::tempdir().expect("a folder");
        start(data.path(), false).expect("the first start");
        let header = 32;
        for kept in [None, Some(0), Some(header)] {
            let left = left_by_a_killed_server(data.path());
            let log = left.path().join("dynamodb.db-wal");
            let mut bytes = fs::read(&log).expect("a log");
            match kept {
                None => fs::remove_file(&log).expect("removes"),
                Some(kept) => {
                    bytes[kept..].fill(0xa5);
                    fs::write(&log, bytes).expect("writes");
                }
            }
            let error = start(left.path(), false).expect_err("a loss");
            assert!(
                error.contains("dynamodb.db") && error.contains("--accept-lost-data"),
                "{kept:?}: {error}"
            );
            start(left.path(), true).expect("a start with what is left");
        }
    }

    #[test]
    fn a_server_that_dies_while_it_counts_has_lost_nothing() {
        let data = tempfile::tempdir().expect("a folder");
        let data = data.path();
        start(data, false).expect("the first start");
        for (intended, of_tables) in [(2, 1), (3, 3)] {
            let ledger = Ledger::open(&data.join("ledger.db")).expect("the ledger");
            let tables = Tables::open(data.join("dynamodb.db")).expect("the tables");
            let counted = Starts { intended, counted: 1 };
            ledger.put(START, START, &counted).expect("a record");
            tables.count(of_tables).expect("a count");
            drop((ledger, tables));
            start(data, false).expect("nothing is lost");
        }
    }
}
