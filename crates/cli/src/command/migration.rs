//! `slipway migration`

use serde_json::json;
use slipway_migrations::Settings;

use crate::args::{MigrationCommand, Migrations};
use crate::author::finding::Finding;
use crate::author::{migrations, sarif};
use crate::error::Error;
use crate::output::{Format, Line, Output, Style};

/// Runs the command.
pub fn run(command: MigrationCommand, output: Output) -> Result<(), Error> {
    match command {
        MigrationCommand::Check(asked) => check(&asked, output),
    }
}

/// An application's own CI asks, before an image with these migrations is released: a statement that is meant has its rule in a comment.
fn check(asked: &Migrations, output: Output) -> Result<(), Error> {
    let settings = Settings {
        postgres: asked.postgres,
        in_transaction: !asked.no_transaction,
        has_lock_timeout: asked.lock_timeout,
    };
    let (files, findings) = migrations::of_paths(&asked.paths, settings)?;
    match output.format() {
        Format::Table => {
            for finding in &findings {
                output.lines(&finding.lines());
            }
            if findings.is_empty() {
                let noun = if files == 1 { "file" } else { "files" };
                let text = format!("{files} {noun}: no dangerous statements");
                output.lines(&[Line::new(Style::Green, text)]);
            }
        }
        Format::Sarif => output.data(&sarif::of(&findings)),
        Format::Json | Format::Yaml => {
            let found: Vec<_> = findings.iter().map(Finding::to_json).collect();
            output.data(&json!({ "files": files, "findings": found }));
        }
    }
    match findings.len() {
        0 => Ok(()),
        statements => Err(Error::DangerousStatements { statements }),
    }
}
