//! The words of `slipway audit`.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};
use slipway_model::audit::Action;

use super::values::audited;

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List who changed, decided, read or was denied what, newest first
    List {
        /// Only what this caller did
        #[arg(long)]
        actor: Option<String>,
        /// Only this subject: `stack/NAME`, `environment/live`
        #[arg(long)]
        subject: Option<String>,
        /// Only this action, such as `update`, `approve` or `deny`
        #[arg(long, value_parser = audited)]
        action: Option<Action>,
        /// Number of records
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Recompute the chains of the log; name the first broken record
    Verify {
        /// Output of an earlier `slipway audit verify --json`, to compare with
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        expect: Option<PathBuf>,
    },
}
