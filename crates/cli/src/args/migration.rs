//! The words of `slipway migration`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub enum MigrationCommand {
    /// Find dangerous statements in SQL migrations, with file and line
    Check(Migrations),
}

/// The SQL of an application, and how its migration tool runs it.
#[derive(Debug, Args)]
pub struct Migrations {
    /// SQL files, and folders whose `.sql` files count
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Major version of PostgreSQL
    #[arg(long, value_name = "VERSION", default_value_t = 15, value_parser = clap::value_parser!(u32).range(i64::from(slipway_migrations::OLDEST)..=i64::from(slipway_migrations::NEWEST)))]
    pub postgres: u32,
    /// Each file does not run in a transaction
    #[arg(long)]
    pub no_transaction: bool,
    /// The blueprint or the tool sets a `lock_timeout`
    #[arg(long)]
    pub lock_timeout: bool,
}
