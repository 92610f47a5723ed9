//! Which build holds a stack's Terraform state lock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::id::{OperationId, StackId};

use crate::item::encode;
use crate::table::Key;
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

/// Who locked a stack's state last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        let holder = LockHolder {
            operation: operation.clone(),
            build: build.to_owned(),
            at: Timestamp::now(),
        };
        let item = encode(&Key::lock(stack), Vec::new(), &holder)?;
        let writes = vec![Write::Put(item, Condition::Always)];
        match self.write("record who locks a state", writes).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(Error::Conflict {
                what: format!("the lock of the stack {stack}"),
            }),
        }
    }

    /// Who locked the state of a stack last.
    pub async fn lock_holder(&self, stack: &StackId) -> Result<Option<LockHolder>, Error> {
        self.get(&Key::lock(stack)).await
    }
}
