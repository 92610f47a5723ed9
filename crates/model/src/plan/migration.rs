//! Dangerous statements in the SQL of migrations.

use serde::{Deserialize, Serialize};

/// How many dangerous statements a plan names.
pub const STATEMENTS_NAMED: usize = 50;

/// A statement that loses data, blocks a running application, or breaks its previous release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DangerousStatement {
    /// The migration.
    pub migration: String,
    /// The file among those of the blueprint.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The rule that it breaks, as `-- squawk-ignore` takes it.
    pub rule: String,
    /// Why it is dangerous.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}
