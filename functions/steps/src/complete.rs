//! Complete: the operation has succeeded, and the next one in the stack's queue starts.

use slipway_model::id::OperationId;
use slipway_store::finish::{End, Finished};

use crate::{Done, StepError, Steps};

impl Steps {
    pub(crate) async fn complete(&self, operation: &OperationId) -> Result<Done, StepError> {
        let finished = self.store.finish_operation(operation, &End::Succeeded).await?;
        self.start_next(&finished).await;
        Ok(Done {})
    }

    /// Starts the operation that has the slot now. This operation has ended whether that succeeds or not, and what could not
    /// be started is started by the sweeper.
    pub(crate) async fn start_next(&self, finished: &Finished) {
        let Some(next) = &finished.next else { return };
        let machine = &self.config.state_machine;
        if let Err(error) = slipway_store::start::start(&self.store, &self.sfn, machine, next).await {
            tracing::warn!(operation = %next.id, "the next operation waits for the sweeper: {error}");
        }
    }
}
