//! Begin operation: the operation is under way, and so is its stack.

use serde::Serialize;
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
        let (begun, _stack) = self.store.begin_operation(operation).await?;
        let (kind, stack) = (begun.kind, begun.stack.clone());
        if begun.execution_arn.as_deref() != Some(execution) {
            self.store.record_execution(begun, execution).await?;
        }
        Ok(Begun { kind, stack })
    }
}
