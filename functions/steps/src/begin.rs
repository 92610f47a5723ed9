//! Begin operation: the operation is in progress, and so is its stack.

use serde::Serialize;
use slipway_control::admission::Admission;
use slipway_model::id::{OperationId, StackId};
use slipway_model::operation::OperationKind;

use crate::{StepError, Steps};

/// What the workflow needs to know of the operation.
#[derive(Debug, Serialize)]
pub(crate) struct Begun {
    kind: OperationKind,
    stack: StackId,
}

impl Steps {
    pub(crate) async fn begin(&self, operation: &OperationId, execution: &str) -> Result<Begun, StepError> {
        let (begun, stack) = self.store.begin_execution(operation, execution).await?;
        let begun = Admission::by(&self.store).settle(begun, &stack).await?;
        Ok(Begun {
            kind: begun.kind(),
            stack: begun.stack,
        })
    }
}
