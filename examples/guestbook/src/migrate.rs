//! Brings the database to the schema of the release.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::release::Release;
use crate::{database, say};

/// Runs the migrations of the release that the database has not seen, each in a transaction: one that fails leaves
/// nothing of itself, and the ones before it stay.
pub fn run(release: &Release, folder: &Path, database: &Path) -> Result<(), String> {
    let mut connection = database::open(database).map_err(|error| format!("cannot open the database: {error}"))?;
    let seen = seen(&connection).map_err(|error| format!("cannot read which migrations have run: {error}"))?;
    for file in files(&folder.join("migrations"))? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if seen.contains(&name) {
            continue;
        }
        let sql = std::fs::read_to_string(&file).map_err(|error| format!("cannot read {name}: {error}"))?;
        apply(&mut connection, &name, &sql).map_err(|error| format!("migration {name} failed: {error}"))?;
        say(&format!("migration {name} is done"));
    }
    say(&format!("the database has the schema of release {}", release.number));
    Ok(())
}

fn seen(connection: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)", [])?;
    let mut statement = connection.prepare("SELECT name FROM migrations")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// The SQL files of a folder in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    Ok(files)
}

fn apply(connection: &mut Connection, name: &str, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(sql)?;
    transaction.execute("INSERT INTO migrations (name) VALUES (?1)", [name])?;
    transaction.commit()
}
