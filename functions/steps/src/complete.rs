//! Complete: the operation has succeeded, and the next one in the stack's queue starts.

use serde::Serialize;
use slipway_control::start::start_or_leave;
use slipway_model::id::{OperationId, ReleaseNumber};
use slipway_model::name::Name;
use slipway_model::operation::OperationStatus;
use slipway_store::finish::{End, Finished};

use crate::payload::OfStack;
use crate::{StepError, Steps};

/// The output of the execution.
#[derive(Debug, Serialize)]
pub(crate) struct Completed {
    operation: OperationId,
    status: OperationStatus,
    stack: Name,
    /// The release that the stack runs because of the operation.
    release: Option<ReleaseNumber>,
}

impl Steps {
    pub(crate) async fn complete(&self, of: &OfStack) -> Result<Completed, StepError> {
        let read = self.store.operation_and_stack(&of.operation, of.stack.as_ref());
        let (operation, stack) = read.await?;
        let finished = self
            .store
            .finish_known_operation(operation, Some(stack), &End::Succeeded);
        let finished = finished.await?;
        self.start_next(&finished).await;
        let ended = finished.operation;
        Ok(Completed {
            release: ended.release(),
            operation: ended.id,
            status: ended.status,
            stack: ended.stack_name,
        })
    }

    /// Starts the operation whose turn it is now. This operation has ended whether that succeeds or not.
    pub(crate) async fn start_next(&self, finished: &Finished) {
        let Some(next) = &finished.next else { return };
        let machine = &self.config.state_machine;
        start_or_leave(&self.sfn, machine, next).await;
    }
}
