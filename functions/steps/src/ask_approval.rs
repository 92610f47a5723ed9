//! Wait for approval: the task token is kept for whoever approves or rejects the plan.

use slipway_model::id::OperationId;

use crate::{Done, StepError, Steps, state};

impl Steps {
    /// The API answers the token.
    pub(crate) async fn ask_approval(&self, operation: &OperationId, token: &str) -> Result<Done, StepError> {
        self.store.ask_approval(operation, token).await?;
        self.store.begin_step(operation, state::WAIT_FOR_APPROVAL).await?;
        Ok(Done {})
    }
}
