//! Stacks.

use slipway_model::id::{OperationId, StackId};
use slipway_model::stack::Stack;

use crate::{Error, Store};

impl Store {
    /// The stack, also a destroyed one, or [`Error::NotFound`].
    pub async fn stack(&self, id: &StackId) -> Result<Stack, Error> {
        Err(Error::NotFound { what: id.to_string() })
    }

    /// The operations that wait for the stack's slot, the next one first.
    pub async fn queue(&self, stack: &StackId) -> Result<Vec<OperationId>, Error> {
        let _ = stack;
        Ok(Vec::new())
    }

    /// The place of an operation in its stack's queue, 1 for the next; `None` when it does not wait.
    pub async fn position(&self, stack: &StackId, operation: &OperationId) -> Result<Option<usize>, Error> {
        let _ = (stack, operation);
        Ok(None)
    }
}
