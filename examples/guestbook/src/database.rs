//! The guestbook's database: one SQLite file, which all tasks of the stack share.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// How long a statement waits for another task's write to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// One line in the guestbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who wrote it.
    pub author: String,
    /// What they wrote.
    pub text: String,
    /// How they felt; from release 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mood: Option<String>,
}

/// Opens the database, and makes the file if it is not there.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

/// Writes an entry. A release without moods names only the columns that it knows, so it goes on working when the next
/// release has added one.
pub fn add(connection: &Connection, entry: &Entry, moods: bool) -> rusqlite::Result<()> {
    if moods {
        let row = (&entry.author, &entry.text, &entry.mood);
        connection.execute("INSERT INTO entries (author, text, mood) VALUES (?1, ?2, ?3)", row)?;
    } else {
        connection.execute(
            "INSERT INTO entries (author, text) VALUES (?1, ?2)",
            (&entry.author, &entry.text),
        )?;
    }
    Ok(())
}

/// The newest entries, the newest first.
pub fn newest(connection: &Connection, moods: bool) -> rusqlite::Result<Vec<Entry>> {
    let columns = if moods {
        "author, text, mood"
    } else {
        "author, text, NULL"
    };
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM entries ORDER BY id DESC LIMIT 50"))?;
    let rows = statement.query_map([], |row| {
        Ok(Entry {
            author: row.get(0)?,
            text: row.get(1)?,
            mood: row.get(2)?,
        })
    })?;
    rows.collect()
}
