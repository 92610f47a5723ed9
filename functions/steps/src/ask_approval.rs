//! Wait for approval: the task token is kept for the approval or the rejection of the plan.

use slipway_control::approval;
use slipway_model::id::OperationId;

use crate::{Done, StepError, Steps};

impl Steps {
    /// The API answers the token. An attempt that comes after the decision answers its own: nothing else will.
    pub(crate) async fn ask_approval(&self, operation: &OperationId, token: &str) -> Result<Done, StepError> {
        let asked = self.store.ask_approval(operation, token).await?;
        let delivered = approval::deliver(&self.store, &self.sfn, &asked).await;
        delivered.map_err(|error| StepError::unanswered("deliver the decision about the plan", error))?;
        Ok(Done {})
    }
}
