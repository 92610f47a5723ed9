//! The SQL of a blueprint's migrations: its dangerous statements.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use slipway_migrations::{Dangerous, Settings, is_way_back, lint};
use slipway_model::blueprint::{Source, is_sql};
use slipway_model::problem::Place;

use super::files::Files;
use super::finding::{Finding, Rule, Severity};
use crate::error::Error;
use crate::files::{self, Links};
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

/// How many files of an application's SQL there are, and their dangerous statements. Files that undo a migration are left out.
pub fn of_paths(paths: &[PathBuf], settings: Settings) -> Result<(usize, Vec<Finding>), Error> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(sql_files(path)?);
    }
    if files.is_empty() {
        let what = "there are no `.sql` files: write the statements of migrations that are programs into files, as Django's `sqlmigrate` does";
        return Err(Error::Usage(what.to_owned()));
    }
    let mut found = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).map_err(Error::file("read", file))?;
        found.extend(lint(&text, settings).into_iter().map(|finding| Finding {
            file: file.clone(),
            place: Place {
                line: finding.line,
                column: finding.column,
            },
            severity: Severity::Error,
            rule: Rule::Migration,
            code: Some(finding.rule),
            message: finding.message,
            remedy: Some(finding.remedy),
        }));
    }
    Ok((files.len(), found))
}

/// The file, or the `.sql` files below the folder, that apply migrations.
fn sql_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let applies = |file: &PathBuf| {
        let name = file.to_string_lossy();
        is_sql(&name) && !is_way_back(&name)
    };
    let all = files::below(path, Links::PassedOver, |name| name.starts_with('.'))?;
    Ok(all.into_iter().filter(applies).map(|file| path.join(file)).collect())
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
