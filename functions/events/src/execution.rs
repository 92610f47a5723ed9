//! Step Functions Execution Status Change: ends the orphaned operation and reports the result to its requester.

use slipway_control::orphan::{self, ExecutionEnd};
use slipway_control::start;
use slipway_model::id::OperationId;

use crate::event::Execution;
use crate::{EventError, Events};

impl Events {
    pub(crate) async fn execution(&self, execution: Execution) -> Result<(), EventError> {
        let machine = &self.config.state_machine;
        // An execution started by hand may have any name.
        let named: Result<OperationId, _> = execution.name.parse();
        let ours = execution.state_machine_arn == start::unqualified(machine);
        let (true, Ok(operation)) = (ours, named) else {
            return Ok(());
        };
        let stack = execution.stack();
        let Some(end) = ExecutionEnd::of_status(&execution.status, execution.error, execution.cause) else {
            return Ok(());
        };
        let end = orphan::end(&self.store, &self.sfn, machine, &operation, stack.as_ref(), end);
        match end.await {
            Ok(finished) => {
                tracing::info!(%operation, status = %finished.operation.status, "an execution has ended");
                self.report_end(&finished.operation).await;
                Ok(())
            }
            Err(slipway_store::Error::NotFound { what }) => {
                tracing::warn!("an execution has ended, and there is no {what}");
                Ok(())
            }
            Err(error) => Err(EventError::EndOperation(error)),
        }
    }
}
