//! Waiting until an operation changes.
//!
//! A write by this process wakes those who wait in it at once: in local mode the API and the workflow's steps are one
//! process. DynamoDB has no way to tell a waiting Lambda that another one has written, or CodeBuild: the record is read again
//! at a short interval, at a hundred reads of one item for the longest wait.

use std::sync::LazyLock;
use std::time::Duration;

use slipway_model::id::OperationId;
use slipway_model::operation::Operation;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use crate::{Error, Store};

/// How soon a write by another process is seen.
const INTERVAL: Duration = Duration::from_millis(250);

/// The operations that this process has written, for those who wait in it. There is one for all stores: ids are unique, and
/// every function of a process has a store of its own.
static CHANGED: LazyLock<broadcast::Sender<OperationId>> = LazyLock::new(|| broadcast::channel(256).0);

/// Wakes those who wait for this operation.
pub(crate) fn changed(id: &OperationId) {
    // An error says that nobody waits.
    let _ = CHANGED.send(id.clone());
}

impl Store {
    /// The operation as soon as its revision is greater than `seen` or it has ended; as it is when `timeout` is over.
    pub async fn operation_changed(&self, id: &OperationId, seen: u64, timeout: Duration) -> Result<Operation, Error> {
        let deadline = Instant::now() + timeout;
        let mut changes = CHANGED.subscribe();
        loop {
            let operation = self.operation(id).await?;
            let now = Instant::now();
            if operation.revision > seen || operation.status.has_ended() || now >= deadline {
                return Ok(operation);
            }
            let wait = INTERVAL.min(deadline - now);
            // Either way the record is read again.
            let _ = tokio::time::timeout(wait, wake(&mut changes, id)).await;
        }
    }
}

/// Returns when this process has written the operation, or may have.
async fn wake(changes: &mut broadcast::Receiver<OperationId>, id: &OperationId) {
    loop {
        match changes.recv().await {
            Ok(written) if written == *id => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_) | RecvError::Closed) => return,
        }
    }
}
