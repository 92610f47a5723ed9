//! The kinds of operations.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Creates the stack's infrastructure, and rolls out its first release if images were given.
    Provision,
    /// Changes its variables or its blueprint version. If the shape of its services changes, the current release is rolled out again.
    Update,
    /// Rolls out a new set of images.
    Release,
    /// Destroys what Terraform made.
    Destroy,
    /// Shows what an update would change, and changes nothing.
    Preview,
    /// Checks for drift, and changes nothing.
    Drift,
    /// Rolls out the images of an earlier release again, without migrations.
    Rollback,
    /// Runs a command of the stack's with its current images.
    Task,
}

impl OperationKind {
    /// Whether Terraform only looks in it: its plan is shown and never applied.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Preview | Self::Drift)
    }

    /// Whether it may run beside an update whose plan waits for its approval: it leaves the infrastructure and the Terraform state as
    /// they are.
    pub fn runs_beside(self) -> bool {
        matches!(
            self,
            Self::Release | Self::Rollback | Self::Task | Self::Preview | Self::Drift
        )
    }

    /// Whether operations that run beside a plan pass it in the queue.
    pub fn is_passed(self) -> bool {
        self == Self::Update
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provision => "provision",
            Self::Update => "update",
            Self::Release => "release",
            Self::Destroy => "destroy",
            Self::Preview => "preview",
            Self::Drift => "drift",
            Self::Rollback => "rollback",
            Self::Task => "task",
        })
    }
}
