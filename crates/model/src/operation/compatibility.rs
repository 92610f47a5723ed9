//! Releases whose migrations the previous release does not work with.
//!
//! A release declares it (`compatible_with_previous`), and for an update its blueprint does. Once a migration of such a release has
//! succeeded, services that go back would run old code on a new schema. So nothing goes back by itself, and a person decides.

use serde::{Deserialize, Serialize};

use super::task_run::RUN_MIGRATION;
use super::{Operation, OperationStatus, StepStatus};

/// A way on from an operation that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Which one.
    pub way: WayKind,
    /// What it does.
    pub description: String,
    /// The command that goes it.
    pub command: String,
    /// The request that goes it: its method and path.
    pub request: String,
}

/// The ways on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// A corrected release.
    ReleaseForward,
    /// The previous release, on the database as it is.
    RollBack,
}

impl Operation {
    /// Whether its services may go back to the previous release by themselves.
    pub fn may_roll_back(&self) -> bool {
        let mut migrations = self.items_of(RUN_MIGRATION);
        self.work.compatible_with_previous() || !migrations.any(|(_, status)| status == StepStatus::Succeeded)
    }

    /// The ways on, if it needs attention.
    pub fn ways(&self) -> Vec<Way> {
        if self.status != OperationStatus::NeedsAttention {
            return Vec::new();
        }
        let stack = format!("{}/{}", self.environment, self.stack_name);
        let path = format!("/v1/stacks/{}", self.stack);
        vec![
            Way {
                way: WayKind::ReleaseForward,
                description: "Release images that work with the migrated database.".to_owned(),
                command: format!("slipway release create {stack} --image SERVICE=IMAGE"),
                request: format!("POST {path}/releases"),
            },
            Way {
                way: WayKind::RollBack,
                description: "Run the previous release again, after you have made sure that it works with the migrated database, or \
                              restored the database."
                    .to_owned(),
                command: format!("slipway release rollback {stack}"),
                request: format!("POST {path}/rollback"),
            },
        ]
    }
}
