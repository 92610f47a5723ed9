//! The SQL of a blueprint's migrations: its dangerous statements.

use std::path::Path;

use serde_json::Value;
use slipway_migrations::{Settings, is_way_back, lint};
use slipway_model::blueprint::Source;
use slipway_model::contract::migration::NamedSql;
use slipway_model::problem::Place;

use super::files::Files;
use super::finding::{Finding, Rule, Severity};
use crate::args::Format;
use crate::output::Output;

/// The dangerous statements, each at its place. They are warnings: a migration may have to lose data.
pub fn findings(source: &Source, files: &Files<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for named in source.migrations() {
        let NamedSql { migration, sql, .. } = &named;
        let settings = Settings {
            postgres: sql.postgres,
            in_transaction: sql.in_transaction,
            has_lock_timeout: named.has_lock_timeout,
        };
        for (path, text) in sql.files.iter().flat_map(|path| source.sql_at(path)) {
            if is_way_back(path) {
                continue;
            }
            for dangerous in lint(text, settings) {
                found.push(Finding {
                    file: files.shown(path),
                    place: Place {
                        line: dangerous.line,
                        column: dangerous.column,
                    },
                    severity: Severity::Warning,
                    rule: Rule::Migration,
                    code: Some(dangerous.rule),
                    message: format!("migration `{migration}`: {}", dangerous.message),
                    remedy: Some(dangerous.remedy),
                });
            }
        }
    }
    found.dedup();
    found
}

/// What a publish says of the migrations: for people before anything is uploaded, for programs as JSON.
pub fn warn(folder: &Path, source: &Source, output: Output) -> Vec<Value> {
    let found = findings(source, &Files::new(folder, source));
    if output.format() == Format::Table {
        for finding in &found {
            output.lines(&finding.lines());
        }
    }
    found.iter().map(Finding::to_json).collect()
}
