//! Waiting until an operation changes.
//!
//! A write by this process wakes its waiting requests at once: in local mode the API and the workflow's steps share a process.
//! DynamoDB cannot notify a waiting Lambda of writes by others, so the revision is polled at a short interval: about a hundred reads
//! of one item in the longest wait. The whole record is read once it has changed.

use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use slipway_model::id::OperationId;
use slipway_model::operation::{Operation, OperationStatus};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;

use crate::item::{decode, key_attributes};
use crate::table::Key;
use crate::write::aws;
use crate::{Error, Store};

/// How soon a write by another process is seen.
const INTERVAL: Duration = Duration::from_millis(250);

/// The operations that this process has written, for those who wait in it. There is one for all stores: ids are unique, and
/// every function of a process has a store of its own.
static CHANGED: LazyLock<broadcast::Sender<OperationId>> = LazyLock::new(|| broadcast::channel(256).0);

/// Wakes those who wait for this operation.
pub(crate) fn changed(id: &OperationId) {
    // An error means that nothing waits.
    let _ = CHANGED.send(id.clone());
}

impl Store {
    /// The operation as soon as its revision is greater than `seen` or it has ended; as it is when `timeout` is over.
    pub async fn operation_changed(&self, id: &OperationId, seen: u64, timeout: Duration) -> Result<Operation, Error> {
        let deadline = Instant::now() + timeout;
        let mut changes = CHANGED.subscribe();
        loop {
            let glance = self.glance(id).await?;
            let now = Instant::now();
            if glance.revision > seen || glance.status.has_ended() || now >= deadline {
                return self.operation(id).await;
            }
            let wait = INTERVAL.min(deadline - now);
            // Either way the record is read again.
            let _ = tokio::time::timeout(wait, wake(&mut changes, id)).await;
        }
    }
}

/// What a watcher has to know of an operation.
#[derive(Debug, Deserialize)]
struct Glance {
    revision: u64,
    status: OperationStatus,
}

impl Store {
    /// Reads of a record, with its plan and its steps, what changes with every write.
    async fn glance(&self, id: &OperationId) -> Result<Glance, Error> {
        let key = Key::operation(id);
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request
            .set_key(Some(key_attributes(&key)))
            .projection_expression("revision, #status")
            .expression_attribute_names("#status", "status");
        let answer = Box::pin(request.send()).await;
        let answer = answer.map_err(|error| aws("watch an operation", error))?;
        let item = answer.item.ok_or_else(|| Error::NotFound {
            what: format!("operation {id}"),
        })?;
        decode(&key, item)
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
