//! Dangerous statements of PostgreSQL are found, and harmless ones are not.

use slipway_migrations::{Finding, Settings, lint};

const SETTINGS: Settings = Settings {
    postgres: 17,
    in_transaction: true,
    has_lock_timeout: true,
};

/// The migrations of a file: each begins with `-- # NAME`, and may say `-- expect RULE`.
fn migrations(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("-- # ").skip(1);
    parts
        .map(|part| part.split_once('\n').expect("a name and a migration"))
        .collect()
}

fn rules(sql: &str, settings: Settings) -> Vec<String> {
    lint(sql, settings).into_iter().map(|found| found.rule).collect()
}

/// What is found in a migration of the lists. Concurrent indexes are for files outside transactions: the name says so.
fn linted(name: &str, sql: &str) -> Vec<Finding> {
    let in_transaction = !name.ends_with("(no transaction)");
    let settings = Settings {
        in_transaction,
        ..SETTINGS
    };
    lint(sql, settings)
}

#[test]
fn every_dangerous_migration_is_reported() {
    let all = migrations(include_str!("dangerous.sql"));
    assert!(all.len() >= 60, "{}", all.len());
    let mut missed = Vec::new();
    for (name, sql) in all {
        let (expected, sql) = sql.split_once('\n').expect("an expectation");
        let rule = expected.strip_prefix("-- expect ").expect("an expectation");
        let found = linted(name, sql);
        if !found.iter().any(|found| found.rule == rule) {
            let rules: Vec<String> = found.into_iter().map(|found| found.rule).collect();
            missed.push(format!("{name}: {rule} not in {rules:?}"));
        } else if let Some(Finding { rule, .. }) = found.iter().find(|found| found.remedy.is_empty()) {
            missed.push(format!("{name}: {rule} has no remedy"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn no_harmless_migration_is_reported() {
    let all = migrations(include_str!("harmless.sql"));
    assert!(all.len() >= 60, "{}", all.len());
    let mut reported = Vec::new();
    for (name, sql) in all {
        let found = linted(name, sql);
        reported.extend(found.into_iter().map(|found| format!("{name}: {found:?}")));
    }
    assert!(reported.is_empty(), "{reported:#?}");
}

#[test]
fn finding_names_line_column_and_remedy() {
    let found = lint("SELECT 1;\n\n  -- why\n  TRUNCATE orders;\n", SETTINGS);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].line, found[0].column, found[0].rule.as_str()),
        (4, 3, "slipway-truncate")
    );
    assert!(found[0].remedy.contains("snapshot"), "{found:?}");
}

#[test]
fn comment_accepts_rules_of_slipway_and_of_squawk() {
    for accepted in [
        "-- squawk-ignore slipway-truncate\nTRUNCATE orders;",
        "-- squawk-ignore slipway-truncate -- the table is a cache\nTRUNCATE orders;",
        "-- squawk-ignore slipway-truncate\n-- The table is a cache.\nTRUNCATE orders;",
        "TRUNCATE orders; -- squawk-ignore slipway-truncate",
        "/* squawk-ignore slipway-truncate */ TRUNCATE orders;",
        "-- squawk-ignore slipway-truncate, ban-truncate-cascade\nTRUNCATE orders CASCADE;",
        "-- squawk-ignore-file slipway-truncate\nSELECT 1;\nTRUNCATE orders;",
        "-- squawk-ignore ban-drop-table\nDROP TABLE orders;",
        "SELECT 1;\n-- squawk-ignore slipway-delete-without-where\nDELETE FROM orders;",
        "-- squawk-ignore slipway-unreadable\n\\connect shop\n",
    ] {
        assert_eq!(rules(accepted, SETTINGS), [""; 0], "{accepted}");
    }
    for (other, rule) in [
        ("-- squawk-ignore ban-drop-table\nTRUNCATE orders;", "slipway-truncate"),
        (
            "-- squawk-ignore slipway-truncate\n\nSELECT 1;\nTRUNCATE orders;",
            "slipway-truncate",
        ),
        (
            "-- squawk-ignore slipway-truncate\nDROP TABLE orders;",
            "ban-drop-table",
        ),
    ] {
        assert_eq!(rules(other, SETTINGS), [rule], "{other}");
    }
}

#[test]
fn missing_lock_timeout_is_reported_once_a_file() {
    let sql = "ALTER TABLE orders ADD COLUMN note text;\nALTER TABLE items ADD COLUMN note text;";
    let without = Settings {
        has_lock_timeout: false,
        ..SETTINGS
    };
    assert_eq!(rules(sql, without), ["require-lock-timeout"]);
    assert!(lint(sql, without)[0].remedy.contains("output `slipway`"));
    assert_eq!(rules(&format!("SET lock_timeout = '1s';\n{sql}"), without), [""; 0]);
    assert_eq!(rules(sql, SETTINGS), [""; 0]);
}

#[test]
fn unreadable_statement_does_not_hide_the_others() {
    let found = rules("SELECT FROM FROM;\nTRUNCATE orders;\n", SETTINGS);
    assert!(
        found.contains(&"slipway-unreadable".to_owned()) && found.contains(&"slipway-truncate".to_owned()),
        "{found:?}"
    );
}

#[test]
fn version_and_transaction_decide() {
    let sql = "ALTER TABLE orders ADD COLUMN note text DEFAULT 'none';";
    assert_eq!(rules(sql, SETTINGS), [""; 0]);
    let old = Settings {
        postgres: 10,
        ..SETTINGS
    };
    assert_eq!(rules(sql, old), ["adding-field-with-default"]);
    let index = "SELECT 1;\nCREATE INDEX CONCURRENTLY orders_note ON orders (note);";
    assert_eq!(rules(index, SETTINGS), ["ban-concurrent-index-creation-in-transaction"]);
    assert_eq!(
        rules(
            index,
            Settings {
                in_transaction: false,
                ..SETTINGS
            }
        ),
        [""; 0]
    );
}
