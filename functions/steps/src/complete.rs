//! Complete: the operation has succeeded, and the next one in the stack's queue starts.

use slipway_model::id::OperationId;
use slipway_store::finish::{End, Finished};
use slipway_store::start::start_or_leave;

use crate::{Done, StepError, Steps};

impl Steps {
    pub(crate) async fn complete(&self, operation: &OperationId) -> Result<Done, StepError> {
        let finished = self.store.finish_operation(operation, &End::Succeeded).await?;
        self.start_next(&finished).await;
        Ok(Done {})
    }

    /// Starts the operation that has the slot now. This operation has ended whether that succeeds or not.
    pub(crate) async fn start_next(&self, finished: &Finished) {
        let Some(next) = &finished.next else { return };
        let machine = &self.config.state_machine;
        start_or_leave(&self.sfn, machine, next).await;
    }
}
