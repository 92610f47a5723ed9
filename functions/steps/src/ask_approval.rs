//! Wait for approval: the task token is kept for the approval or the rejection of the plan.

use slipway_control::approval;
use slipway_control::start::start_or_leave;
use slipway_model::error_chain::chain;
use slipway_model::id::{OperationId, StackId};

use crate::{Done, StepError, Steps};

impl Steps {
    /// The API answers the token. An attempt that comes after the decision answers its own: nothing else will.
    pub(crate) async fn ask_approval(&self, operation: &OperationId, token: &str) -> Result<Done, StepError> {
        let asked = self.store.ask_approval(operation, token).await?;
        let delivered = approval::deliver(&self.store, &self.sfn, &asked).await;
        delivered.map_err(|error| StepError::unanswered("deliver the decision about the plan", error))?;
        self.start_beside(&asked.stack).await;
        Ok(Done {})
    }

    /// Starts the operation in the queue that may run beside the plan. If this fails, the plan waits all the same, and the sweeper starts
    /// it later.
    async fn start_beside(&self, stack: &StackId) {
        match Box::pin(self.store.fill_beside(stack)).await {
            Ok(Some(next)) => start_or_leave(&self.sfn, &self.config.state_machine, &next).await,
            Ok(None) => {}
            Err(error) => {
                let error = chain(&error);
                tracing::error!(%stack, error, "nothing was started beside the plan: it waits for the sweeper");
            }
        }
    }
}
