//! What was last notified of an operation.

use serde::{Deserialize, Serialize};

use super::OperationStatus;

/// What was last notified of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationNoted {
    /// The number of its last notification.
    pub sequence: u64,
    /// Its status then.
    pub status: OperationStatus,
    /// How many reminders of its approval there were then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminders: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}
