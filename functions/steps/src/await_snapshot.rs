//! Wait for snapshot: the token of the state is answered when RDS says that the snapshot is there.
//!
//! The token is on the operation's record, and so is what RDS has said before there was a token. Now and then the workflow looks
//! itself, in case RDS's word is lost, and comes here again with what it has seen.

use jiff::Timestamp;
use slipway_model::id::OperationId;
use slipway_model::operation::Operation;
use slipway_store::snapshot;

use crate::{Done, StepError, Steps, state};

impl Steps {
    pub(crate) async fn await_snapshot(
        &self,
        operation: &OperationId,
        token: &str,
        status: &str,
    ) -> Result<Done, StepError> {
        let now = Timestamp::now();
        let wait = |operation: &mut Operation| {
            if let Some(own) = &mut operation.snapshot {
                own.token = Some(token.to_owned());
            }
            if operation.steps.iter().all(|step| step.name != state::WAIT_FOR_SNAPSHOT) {
                operation.begin_step(state::WAIT_FOR_SNAPSHOT, now);
            }
            Ok(())
        };
        let waits = self.store.update_operation(operation, wait).await?;
        let Some(own) = waits.snapshot else {
            return Err(StepError::SnapshotFailed("the operation takes no snapshot".to_owned()));
        };
        match status {
            "available" => {}
            "creating" if own.taken_at.is_none() => return Ok(Done {}),
            "creating" => {}
            status => {
                let text = format!("the snapshot `{}` of the database is {status}", own.id);
                return Err(StepError::SnapshotFailed(text));
            }
        }
        let told = snapshot::taken(&self.store, &self.sfn, operation, &own.id, own.account.as_ref()).await;
        told.map_err(|error| StepError::unanswered("tell the workflow that the snapshot is there", error))?;
        Ok(Done {})
    }
}
