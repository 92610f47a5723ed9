//! Migrations: commands that change the database before a release, and what keeps that from hurting the running one.

use serde::{Deserialize, Serialize};

use super::OneOff;
use super::at::{At, Problems};
use super::command::{one_off, require_list};
use super::partial::Partial;
use super::timeouts::{self, Timeouts};
use crate::name::Name;

/// The attributes of a migration.
const ATTRIBUTES: [&str; 8] = [
    "name",
    "service",
    "command",
    "timeout_seconds",
    "sql",
    "lock_timeout",
    "statement_timeout",
    "lock_retries",
];

/// The version of PostgreSQL whose rules apply if the contract names none.
pub const DEFAULT_POSTGRES: u32 = 15;

/// The most files and folders that a migration names.
const FILES: usize = 20;

/// A migration: a command that runs with the release's image before any service is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// What people call it.
    pub name: Name,
    /// What it runs.
    #[serde(flatten)]
    pub run: OneOff,
    /// The SQL that it applies, where the blueprint has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<Sql>,
    /// Its timeouts in the database.
    #[serde(flatten)]
    pub timeouts: Timeouts,
}

/// The SQL of a migration, among the files of the blueprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sql {
    /// Files and folders, by their paths from the folder of the root module.
    pub files: Vec<String>,
    /// The major version of PostgreSQL.
    #[serde(default = "default_postgres")]
    pub postgres: u32,
    /// Whether the migration tool runs each file in a transaction.
    #[serde(default = "default_in_transaction")]
    pub in_transaction: bool,
}

fn default_postgres() -> u32 {
    DEFAULT_POSTGRES
}

fn default_in_transaction() -> bool {
    true
}

/// The migrations of a contract, in their order.
pub(super) fn read(at: &At, problems: &mut Problems) -> Vec<Migration> {
    require_list(at, problems);
    at.elements().iter().filter_map(|at| migration(at, problems)).collect()
}

fn migration(at: &At, problems: &mut Problems) -> Option<Migration> {
    let at = &at.attributes(&ATTRIBUTES, problems)?;
    let name = at.require("name", problems).and_then(|at| at.name(problems));
    let sql = at.get("sql").and_then(|at| sql(&at, problems));
    let run = one_off(at, problems);
    let timeouts = timeouts::read(at, run.as_ref(), problems);
    Some(Migration {
        name: name?,
        run: run?,
        sql,
        timeouts,
    })
}

fn sql(at: &At, problems: &mut Problems) -> Option<Sql> {
    let at = &at.attributes(&["files", "postgres", "in_transaction"], problems)?;
    let files = at.require("files", problems).and_then(|at| {
        let files = at.list(problems)?;
        if files.is_empty() || files.len() > FILES {
            let detail = format!("has {} entries", files.len());
            return at.wrong(problems, &detail, &format!("name 1 to {FILES} files or folders"));
        }
        Some(files)
    });
    let postgres = match at.get("postgres") {
        None => Some(DEFAULT_POSTGRES),
        Some(at) => match at.number(problems, 99) {
            Some(0..9) => at.wrong(
                problems,
                "is no major version of PostgreSQL",
                "give a number such as 17",
            ),
            version => version,
        },
    };
    let transaction = at.get("in_transaction").is_none_or(|at| at.flag(problems));
    Some(Sql {
        files: files?,
        postgres: postgres?,
        in_transaction: transaction,
    })
}

/// The SQL of a migration, as it is known before the migration runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSql {
    /// The name of the migration.
    pub migration: String,
    /// Its SQL.
    pub sql: Sql,
    /// Whether a lock timeout is set for it.
    pub has_lock_timeout: bool,
}

/// The SQL of the migrations in a value of the output `slipway`, as far as it is known.
pub fn sql_of(contract: &Partial) -> Vec<NamedSql> {
    let root = At::root(contract);
    let migrations = root.get("migrations").map(|at| at.elements()).unwrap_or_default();
    let known = |at: &At| {
        Some(NamedSql {
            migration: at.get("name")?.value.as_text()?.to_owned(),
            // What is wrong with it is named by the check of the contract.
            sql: sql(&at.get("sql")?, &mut Vec::new())?,
            has_lock_timeout: at.get("lock_timeout").is_some(),
        })
    };
    migrations.iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;
    use serde_json::{Value, json};

    fn contract(migration: Value) -> Value {
        let mut whole = json!({"name": "schema", "service": "web", "command": ["./migrate"]});
        if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), migration) {
            whole.extend(more);
        }
        json!({
            "cluster": "main",
            "services": {"web": {"name": "web", "desired_count": 1, "task_definition": {"containerDefinitions": [{"name": "web"}]}}},
            "migrations": [whole],
        })
    }

    #[test]
    fn sql_of_a_migration_has_defaults() {
        let contract = Contract::parse(&contract(json!({"sql": {"files": ["migrations"]}}))).expect("a contract");
        let expected = Sql {
            files: vec!["migrations".to_owned()],
            postgres: DEFAULT_POSTGRES,
            in_transaction: true,
        };
        assert_eq!(contract.migrations[0].sql, Some(expected));
        let again: Contract = serde_json::from_value(json!(contract)).expect("what was written");
        assert_eq!(again, contract);
    }

    #[test]
    fn wrong_attributes_of_a_migration_are_named() {
        for (wrong, field) in [
            (json!({"sql": {}}), "slipway.migrations[0].sql.files"),
            (json!({"sql": {"files": []}}), "slipway.migrations[0].sql.files"),
            (
                json!({"sql": {"files": ["m"], "postgres": 8}}),
                "slipway.migrations[0].sql.postgres",
            ),
            (
                json!({"sql": {"files": ["m"], "more": 1}}),
                "slipway.migrations[0].sql.more",
            ),
            (json!({"lock_timeout": "soon"}), "slipway.migrations[0].lock_timeout"),
            (
                json!({"statement_timeout": 5}),
                "slipway.migrations[0].statement_timeout",
            ),
            (json!({"lock_retries": 3}), "slipway.migrations[0].lock_retries"),
            (
                json!({"lock_timeout": "1s", "lock_retries": 21}),
                "slipway.migrations[0].lock_retries",
            ),
            (
                json!({"lock_timeout": "1s", "command": ["x".repeat(7_880)]}),
                "slipway.migrations[0].command",
            ),
            (json!({"sequel": {}}), "slipway.migrations[0].sequel"),
        ] {
            let problems = Contract::parse(&contract(wrong.clone())).expect_err("a problem");
            assert_eq!(problems[0].field, field, "{wrong}");
        }
    }

    #[test]
    fn sql_is_found_in_what_is_known() {
        let value = contract(json!({"sql": {"files": ["a.sql"], "postgres": 17, "in_transaction": false}}));
        let found = sql_of(&Partial::of(&value));
        assert_eq!(
            (found.len(), &*found[0].migration, found[0].sql.postgres),
            (1, "schema", 17)
        );
        assert_eq!(sql_of(&Partial::Unknown), []);
    }
}
