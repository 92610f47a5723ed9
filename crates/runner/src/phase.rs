//! The two halves of an operation.

use slipway_model::error_name::ErrorName;
use slipway_model::operation::build;

/// Which half of an operation this build does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Plan the changes, and keep the plan.
    Plan,
    /// Apply the plan that was kept.
    Apply,
}

impl Phase {
    /// The name of the workflow's state in which it runs.
    pub fn step(self) -> &'static str {
        match self {
            Self::Plan => build::PLAN,
            Self::Apply => build::APPLY,
        }
    }

    /// The name of the error with which it fails. The workflow matches these names.
    pub fn error_name(self) -> ErrorName {
        match self {
            Self::Plan => ErrorName::PlanFailed,
            Self::Apply => ErrorName::ApplyFailed,
        }
    }
}
