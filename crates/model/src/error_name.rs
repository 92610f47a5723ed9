//! The names of the errors of operations: `docs/errors.md` lists them; the workflow and its callers match them.
//!
//! Other errors of AWS keep their own name.

use std::fmt;

/// The name of an error of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorName {
    /// Terraform could not plan.
    PlanFailed,
    /// The rules of the environment forbid the plan.
    PlanRefused,
    /// The plan would lose a resource of a protected type.
    ResourceProtected,
    /// The request does not fit the stack any more.
    RequestInvalid,
    /// The policies do not permit the request any more.
    RequestDenied,
    /// The approver rejected the plan.
    ApprovalRejected,
    /// The plan was not approved in time.
    ApprovalTimedOut,
    /// Terraform could not apply the plan.
    ApplyFailed,
    /// Terraform did not end within the time of a build.
    BuildTimedOut,
    /// The blueprint's output `slipway` is not what it should be.
    ContractInvalid,
    /// Tasks that have to stop before migrations still ran.
    NotQuiesced,
    /// A migration did not end with exit code 0.
    MigrationFailed,
    /// The snapshot of the database did not come to be.
    SnapshotFailed,
    /// A backup did not end with exit code 0.
    BackupFailed,
    /// A task did not end with exit code 0.
    TaskFailed,
    /// A service did not become stable.
    RolloutFailed,
    /// The health address does not answer as it should.
    Unhealthy,
    /// The release role of the environment could not be assumed.
    RoleRefused,
    /// AWS denied a permission.
    AccessDenied,
    /// The operation was cancelled.
    Cancelled,
    /// ECS has no room for a task, or RDS is busy with the database: the workflow asks again for a while.
    Busy,
    /// An AWS service could not be reached, or throttles.
    Transient,
    /// Something that should not be.
    Internal,
}

impl ErrorName {
    /// Whether an operation that ends with it is discarded: its change was not wanted, and nothing failed.
    pub fn discards(name: &str) -> bool {
        [
            Self::PlanRefused,
            Self::ResourceProtected,
            Self::RequestInvalid,
            Self::RequestDenied,
            Self::ApprovalRejected,
            Self::ApprovalTimedOut,
        ]
        .iter()
        .any(|discarding| discarding.as_str() == name)
    }

    /// Every name.
    pub const ALL: [Self; 23] = [
        Self::PlanFailed,
        Self::PlanRefused,
        Self::ResourceProtected,
        Self::RequestInvalid,
        Self::RequestDenied,
        Self::ApprovalRejected,
        Self::ApprovalTimedOut,
        Self::ApplyFailed,
        Self::BuildTimedOut,
        Self::ContractInvalid,
        Self::NotQuiesced,
        Self::MigrationFailed,
        Self::SnapshotFailed,
        Self::BackupFailed,
        Self::TaskFailed,
        Self::RolloutFailed,
        Self::Unhealthy,
        Self::RoleRefused,
        Self::AccessDenied,
        Self::Cancelled,
        Self::Busy,
        Self::Transient,
        Self::Internal,
    ];

    /// The name as it stands in an operation, and as the `Error` of its execution.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlanFailed => "Slipway.PlanFailed",
            Self::PlanRefused => "Slipway.PlanRefused",
            Self::ResourceProtected => "Slipway.ResourceProtected",
            Self::RequestInvalid => "Slipway.RequestInvalid",
            Self::RequestDenied => "Slipway.RequestDenied",
            Self::ApprovalRejected => "Slipway.ApprovalRejected",
            Self::ApprovalTimedOut => "Slipway.ApprovalTimedOut",
            Self::ApplyFailed => "Slipway.ApplyFailed",
            Self::BuildTimedOut => "Slipway.BuildTimedOut",
            Self::ContractInvalid => "Slipway.ContractInvalid",
            Self::NotQuiesced => "Slipway.NotQuiesced",
            Self::MigrationFailed => "Slipway.MigrationFailed",
            Self::SnapshotFailed => "Slipway.SnapshotFailed",
            Self::BackupFailed => "Slipway.BackupFailed",
            Self::TaskFailed => "Slipway.TaskFailed",
            Self::RolloutFailed => "Slipway.RolloutFailed",
            Self::Unhealthy => "Slipway.Unhealthy",
            Self::RoleRefused => "Slipway.RoleRefused",
            Self::AccessDenied => "Slipway.AccessDenied",
            Self::Cancelled => "Slipway.Cancelled",
            Self::Busy => "Slipway.Busy",
            Self::Transient => "Slipway.Transient",
            Self::Internal => "Slipway.Internal",
        }
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MACHINE: &str = include_str!("../../../statemachine/operation.asl.json");
    const ERRORS: &str = include_str!("../../../docs/errors.md");
    const WORKFLOW: &str = include_str!("../../../docs/workflow.md");

    /// The last parts of the names in a text.
    fn names_in(text: &str) -> BTreeSet<&str> {
        let parts = text.split("Slipway.").skip(1);
        parts
            .map(|part| {
                part.split(|c: char| !c.is_ascii_alphanumeric())
                    .next()
                    .unwrap_or_default()
            })
            .filter(|name| !name.is_empty())
            .collect()
    }

    #[test]
    fn error_names_match_the_documents_and_the_workflow() {
        let all = ErrorName::ALL.map(|name| name.as_str().trim_start_matches("Slipway."));
        assert_eq!(names_in(ERRORS), BTreeSet::from(all));
        // It wakes a state that waits for a rollout, and ends no operation: `slipway-control` sends it.
        let wakes = "CheckAgain";
        assert_eq!(names_in(WORKFLOW), all.into_iter().chain([wakes]).collect());
        assert_eq!(
            names_in(MACHINE),
            BTreeSet::from(["Busy", wakes, "NotQuiesced", "Transient", "Unhealthy"])
        );
    }
}
