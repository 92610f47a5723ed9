//! RDS DB Snapshot Event, RDS DB Cluster Snapshot Event: the step that waits for the snapshot is answered.

use slipway_model::operation;

use crate::event::{Envelope, Snapshot};
use crate::{EventError, Events};

/// RDS's event IDs for the end of a manual snapshot: of an instance, of a cluster.
const THERE: [&str; 2] = ["RDS-EVENT-0042", "RDS-EVENT-0075"];

impl Events {
    pub(crate) async fn snapshot(&self, envelope: &Envelope) -> Result<(), EventError> {
        let detail: Snapshot = envelope.detail()?;
        let id = &detail.source_identifier;
        let Some(operation) = operation::Snapshot::operation(id).filter(|_| THERE.contains(&&*detail.event_id)) else {
            // A snapshot of someone else, or an event other than its end.
            return Ok(());
        };
        let account = &envelope.account;
        let account = (account.as_str() != self.config.account()).then_some(account);
        slipway_control::snapshot::taken(&self.store, &self.sfn, &operation, id, account)
            .await
            .map_err(EventError::EndSnapshot)?;
        tracing::info!(%operation, snapshot = id, "a snapshot is there");
        Ok(())
    }
}
