//! Snapshots of databases.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::contract::Database;
use crate::id::{OperationId, StackId};

/// A snapshot of a stack's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its identifier in RDS.
    pub id: String,
    /// What it is taken of.
    pub database: Database,
    /// The account of the snapshot; none means Slipway's own. Only events of this account report its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// When it was there; none while it is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// The step that comes after it, where that is a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The Step Functions task token of the step that waits for it. Never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Snapshot {
    /// The snapshot of an operation. Idempotent: an operation has one snapshot.
    pub fn new(stack: &StackId, operation: &OperationId, database: Database) -> Self {
        Self {
            id: format!("{stack}-{operation}"),
            database,
            account: None,
            taken_at: None,
            next: None,
            token: None,
        }
    }

    /// The operation that takes the snapshot of this identifier; none where the name is not one of ours.
    pub fn operation(id: &str) -> Option<OperationId> {
        let (stack, operation) = id.split_once("-op-")?;
        stack.parse::<StackId>().ok()?;
        format!("op-{operation}").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_names_its_operation() {
        let database = Database {
            kind: crate::contract::DatabaseKind::RdsInstance,
            id: "main".to_owned(),
        };
        let operation = OperationId::generate();
        let snapshot = Snapshot::new(&StackId::from_bits(7), &operation, database);
        assert_eq!(Snapshot::operation(&snapshot.id), Some(operation));
        for other in [
            "main-final",
            "rds:main-2026-11-21",
            "lusab-babad-op-1",
            &format!("x-op-{}", "0".repeat(26)),
        ] {
            assert_eq!(Snapshot::operation(other), None, "{other}");
        }
    }
}
