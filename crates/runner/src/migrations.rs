//! The dangerous statements in the SQL of migrations, for the approval sheet.

use std::collections::BTreeMap;

use slipway_migrations::Dangerous;
use slipway_model::blueprint::Source;
use slipway_model::operation::Operation;
use slipway_model::plan::contract::PlannedContract;
use slipway_model::plan::migration::{DangerousStatement, STATEMENTS_NAMED};
use slipway_model::stack::Stack;

use crate::blueprint;
use crate::console::say;
use crate::error::Error;
use crate::objects::Bucket;

/// The files of a blueprint version, and what the stack was made from last.
pub(crate) struct Files<'a> {
    pub(crate) source: &'a Source,
    pub(crate) operation: &'a Operation,
    pub(crate) stack: &'a Stack,
}

impl Files<'_> {
    /// Notes the dangerous statements of the planned migrations. Those in files that the stack was made from already are noted apart: a
    /// migration tool does not run them again, unless a release fails while the plan waits.
    pub(crate) async fn lint(&self, artifacts: &Bucket, contract: &mut PlannedContract) -> Result<(), Error> {
        if contract.sql.is_empty() {
            return Ok(());
        }
        let applied = self.applied(artifacts).await?;
        let known = applied.as_ref().map(|source| &source.files);
        let [new, known] = new_and_known(self.source, known, contract);
        (contract.dangerous, contract.dangerous_count) = first(new);
        (contract.dangerous_known, contract.dangerous_known_count) = first(known);
        if contract.dangerous_count > 0 {
            say(format_args!(
                "Dangerous statements in migrations: {}.",
                contract.dangerous_count
            ));
        }
        for statement in &contract.dangerous {
            let DangerousStatement {
                file,
                line,
                message,
                remedy,
                ..
            } = statement;
            say(format_args!("{file}:{line}: {message} Remedy: {remedy}."));
        }
        Ok(())
    }

    /// The files that the stack was made from, if its last apply and release came to their end.
    async fn applied(&self, artifacts: &Bucket) -> Result<Option<Source>, Error> {
        let settled = self.stack.unsettled.is_none() && !self.operation.work.mends();
        let applied = self
            .stack
            .applied()
            .filter(|_| settled && self.stack.current_release.is_some());
        match applied {
            Some(applied) => blueprint::fetch(artifacts, &applied.digest).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The statements that a plan names, and how many there are.
fn first(mut found: Vec<DangerousStatement>) -> (Vec<DangerousStatement>, u64) {
    let count = found.len() as u64;
    found.truncate(STATEMENTS_NAMED);
    (found, count)
}

/// The dangerous statements in new and changed files, and those in known ones.
fn new_and_known(
    source: &Source,
    known: Option<&BTreeMap<String, String>>,
    contract: &PlannedContract,
) -> [Vec<DangerousStatement>; 2] {
    let is_known = |path: &str, text: &str| {
        let before = known.and_then(|known| known.get(path));
        before.is_some_and(|before| before == text)
    };
    let new = dangerous(source, contract, |path, text| !is_known(path, text));
    [new, dangerous(source, contract, is_known)]
}

fn dangerous(
    source: &Source,
    contract: &PlannedContract,
    is_wanted: impl Fn(&str, &str) -> bool,
) -> Vec<DangerousStatement> {
    let found = slipway_migrations::dangerous(source, &contract.sql, is_wanted).into_iter();
    found
        .map(
            |Dangerous {
                 migration,
                 file,
                 finding,
             }| DangerousStatement {
                migration,
                file,
                line: finding.line,
                column: finding.column,
                rule: finding.rule,
                message: finding.message,
                remedy: finding.remedy,
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipway_model::contract::Sql;
    use slipway_model::contract::migration::NamedSql;

    #[test]
    fn new_and_changed_files_are_named_apart() {
        let mut source = Source::default();
        for (path, text) in [
            ("m/001.sql", "TRUNCATE a;"),
            ("m/002.sql", "SELECT 1;\nDROP TABLE b;"),
            ("m/002.down.sql", "DROP TABLE c;"),
            ("other.sql", "DROP TABLE d;"),
        ] {
            source.files.insert(path.to_owned(), text.to_owned());
        }
        let contract = PlannedContract {
            sql: vec![NamedSql {
                migration: "schema".to_owned(),
                sql: Sql {
                    files: vec!["m".to_owned()],
                    postgres: 17,
                    in_transaction: true,
                },
                has_lock_timeout: false,
            }],
            ..PlannedContract::default()
        };
        let places = |known| {
            new_and_known(&source, known, &contract).map(|found| {
                let place = |found: DangerousStatement| (found.file, found.line, found.rule);
                found.into_iter().map(place).collect::<Vec<_>>()
            })
        };
        let second = ("m/002.sql".to_owned(), 2, "ban-drop-table".to_owned());
        let first = ("m/001.sql".to_owned(), 1, "slipway-truncate".to_owned());
        let timeout = |file: &str, line| (file.to_owned(), line, "require-lock-timeout".to_owned());
        let [all, none] = places(None);
        assert_eq!(none, []);
        assert!(all.contains(&first) && all.contains(&second), "{all:?}");
        let known = BTreeMap::from([("m/001.sql".to_owned(), "TRUNCATE a;".to_owned())]);
        let [new, known] = places(Some(&known));
        assert!(new.iter().all(|(file, ..)| file == "m/002.sql"), "{new:?}");
        assert!(known.contains(&first) && known.iter().all(|(file, ..)| file == "m/001.sql"));
        assert_eq!(places(Some(&source.files)), [Vec::new(), all.clone()]);
        assert!(all.contains(&timeout("m/001.sql", 1)), "{all:?}");
    }
}
