//! What policies permit and forbid.

use slipway_model::named;
use slipway_model::operation::OperationKind;

/// An action of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// See that something exists, and how it is.
    List,
    /// See all of it.
    Read,
    /// Read what the services of a stack print.
    ReadLogs,
    /// Create a stack.
    RequestCreate,
    /// Update a stack.
    RequestUpdate,
    /// Show what an update would change.
    RequestPreview,
    /// Release images, or roll back.
    RequestRelease,
    /// Destroy a stack.
    RequestDestroy,
    /// Run a task of a stack.
    RequestTask,
    /// Approve a plan.
    Approve,
    /// Reject a plan.
    Reject,
    /// Cancel an operation, decide at a pause of its release, check for drift, transfer a stack.
    Operate,
    /// Publish versions of blueprints.
    Publish,
    /// Change environments, source accounts and policies.
    Configure,
    /// Read the audit log.
    Audit,
    /// Apply a plan.
    Apply,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 16] = [
        Self::List,
        Self::Read,
        Self::ReadLogs,
        Self::RequestCreate,
        Self::RequestUpdate,
        Self::RequestPreview,
        Self::RequestRelease,
        Self::RequestDestroy,
        Self::RequestTask,
        Self::Approve,
        Self::Reject,
        Self::Operate,
        Self::Publish,
        Self::Configure,
        Self::Audit,
        Self::Apply,
    ];

    /// Its name in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::ReadLogs => "read-logs",
            Self::RequestCreate => "request-create",
            Self::RequestUpdate => "request-update",
            Self::RequestPreview => "request-preview",
            Self::RequestRelease => "request-release",
            Self::RequestDestroy => "request-destroy",
            Self::RequestTask => "request-task",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Operate => "operate",
            Self::Publish => "publish",
            Self::Configure => "configure",
            Self::Audit => "audit",
            Self::Apply => "apply",
        }
    }

    /// What the requester of an operation must be permitted to do.
    pub fn to_request(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Provision => Self::RequestCreate,
            OperationKind::Update => Self::RequestUpdate,
            OperationKind::Preview => Self::RequestPreview,
            OperationKind::Release | OperationKind::Rollback => Self::RequestRelease,
            OperationKind::Destroy => Self::RequestDestroy,
            OperationKind::Task => Self::RequestTask,
            OperationKind::Drift => Self::Operate,
        }
    }

    /// Whether it is a request about a stack, which has the facts of the request.
    pub fn is_request(self) -> bool {
        matches!(
            self,
            Self::RequestCreate
                | Self::RequestUpdate
                | Self::RequestPreview
                | Self::RequestRelease
                | Self::RequestDestroy
                | Self::RequestTask
        )
    }
}

/// A text that names no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no action of policies")]
pub struct InvalidAction;

named!(InvalidAction: Action);
