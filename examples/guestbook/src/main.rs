//! A guestbook: a small web application with a database and migrations, for Slipway to release.
//!
//! One program is in all four releases; what differs is the folder `release` beside it in the image, as it is with an
//! application in a scripting language. `guestbook migrate` brings the database to the schema of the release, `guestbook
//! serve` serves it, and `guestbook healthy` asks the one that runs beside it whether it is ready.

mod database;
mod healthy;
mod migrate;
mod release;
mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use release::Release;

/// What a migration that failed exits with: not 1, so that it can be told from a program that could not start.
const MIGRATION_FAILED: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let database = std::env::var_os("DATABASE_PATH").map_or_else(|| PathBuf::from("data/guestbook.db"), PathBuf::from);
    let folder = Path::new("release");
    let result = match (Release::read(folder), command.as_str()) {
        (Err(error), _) => Err((1, error)),
        (Ok(release), "serve") => serve::run(release, &database).await.map_err(|error| (1, error)),
        (Ok(release), "migrate") => {
            migrate::run(&release, folder, &database).map_err(|error| (MIGRATION_FAILED, error))
        }
        (Ok(_), "healthy") => healthy::ask().map_err(|error| (1, error)),
        (Ok(_), other) => Err((2, format!("no command {other:?}: use `serve`, `migrate` or `healthy`"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            say(&error);
            ExitCode::from(code)
        }
    }
}

/// Prints a line to the log of the task.
#[expect(clippy::print_stdout, reason = "a container's log is what it prints")]
fn say(line: &str) {
    println!("{line}");
}
