//! The SQL of the migrations of a blueprint.

use slipway_model::blueprint::Source;
use slipway_model::contract::migration::NamedSql;

use crate::{Finding, Settings, is_way_back, lint};

/// A dangerous statement of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangerous {
    /// The name of the migration.
    pub migration: String,
    /// The path of the file.
    pub file: String,
    /// The statement.
    pub finding: Finding,
}

/// The dangerous statements of migrations, in the files with a path and a text that `is_wanted`. Files that undo a migration are left
/// out.
pub fn dangerous(source: &Source, migrations: &[NamedSql], is_wanted: impl Fn(&str, &str) -> bool) -> Vec<Dangerous> {
    let mut found = Vec::new();
    for named in migrations {
        let settings = Settings {
            postgres: named.sql.postgres,
            in_transaction: named.sql.in_transaction,
            has_lock_timeout: named.has_lock_timeout,
        };
        let files = named.sql.files.iter().flat_map(|path| source.sql_at(path));
        for (path, text) in files.filter(|(path, text)| !is_way_back(path) && is_wanted(path, text)) {
            found.extend(lint(text, settings).into_iter().map(|finding| Dangerous {
                migration: named.migration.clone(),
                file: path.to_owned(),
                finding,
            }));
        }
    }
    found
}
