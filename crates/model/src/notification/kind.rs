//! What a notification reports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::operation::OperationStatus;
use crate::stack::StackStatus;
use crate::textual::as_text;

/// What a notification reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Kind {
    /// An operation has this status. `operation.waiting_for_approval` is a plan that waits, `operation.failed` a failure.
    Operation(OperationStatus),
    /// A plan still waits for its approval.
    ApprovalReminder,
    /// A stack has this status.
    Stack(StackStatus),
    /// A drift check found drift.
    Drifted,
}

/// A text that names no [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no kind of notification; the kinds are {}", all_kinds())]
pub struct InvalidKind;

fn all_kinds() -> String {
    Kind::ALL.map(|kind| kind.to_string()).join(", ")
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::Operation(OperationStatus::Queued),
        Self::Operation(OperationStatus::Starting),
        Self::Operation(OperationStatus::Running),
        Self::Operation(OperationStatus::WaitingForApproval),
        Self::ApprovalReminder,
        Self::Operation(OperationStatus::Succeeded),
        Self::Operation(OperationStatus::Failed),
        Self::Operation(OperationStatus::NeedsAttention),
        Self::Operation(OperationStatus::Cancelled),
        Self::Operation(OperationStatus::Discarded),
        Self::Stack(StackStatus::Provisioning),
        Self::Stack(StackStatus::Ready),
        Self::Stack(StackStatus::Updating),
        Self::Stack(StackStatus::Releasing),
        Self::Stack(StackStatus::Destroying),
        Self::Stack(StackStatus::Failed),
        Self::Stack(StackStatus::Destroyed),
        Self::Drifted,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(status) => write!(f, "operation.{status}"),
            Self::ApprovalReminder => f.write_str("operation.approval_reminder"),
            Self::Stack(status) => write!(f, "stack.{status}"),
            Self::Drifted => f.write_str("stack.drifted"),
        }
    }
}

impl FromStr for Kind {
    type Err = InvalidKind;

    fn from_str(text: &str) -> Result<Self, InvalidKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.to_string() == text)
            .ok_or(InvalidKind)
    }
}

as_text!(InvalidKind: Kind);

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_string().cmp(&other.to_string())
    }
}
