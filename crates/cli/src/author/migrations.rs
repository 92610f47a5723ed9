//! The SQL of a blueprint's migrations: its dangerous statements.

use std::path::Path;

use serde_json::Value;
use slipway_migrations::Dangerous;
use slipway_model::blueprint::Source;
use slipway_model::problem::Place;

use super::files::Files;
use super::finding::{Finding, Rule, Severity};
use crate::output::{Format, Output};

/// The dangerous statements, each at its place. They are warnings: a migration may have to lose data.
pub fn findings(source: &Source, files: &Files<'_>) -> Vec<Finding> {
    let dangerous = slipway_migrations::dangerous(source, &source.migrations(), |_, _| true).into_iter();
    let mut found: Vec<Finding> = dangerous
        .map(
            |Dangerous {
                 migration,
                 file,
                 finding,
             }| Finding {
                file: files.shown(&file),
                place: Place {
                    line: finding.line,
                    column: finding.column,
                },
                severity: Severity::Warning,
                rule: Rule::Migration,
                code: Some(finding.rule),
                message: format!("migration `{migration}`: {}", finding.message),
                remedy: Some(finding.remedy),
            },
        )
        .collect();
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
