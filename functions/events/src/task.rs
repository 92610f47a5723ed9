//! ECS Task State Change: the step that runs a one-off task is answered when the task has stopped.

use slipway_control::task_run;
use slipway_model::account::account_of;
use slipway_model::id::OperationId;

use crate::event::{Envelope, Task};
use crate::{EventError, Events};

impl Events {
    pub(crate) async fn task(&self, envelope: &Envelope) -> Result<(), EventError> {
        let detail: Task = envelope.detail()?;
        let task = &detail.task_arn;
        // The sender of an event chooses its content. An account may end tasks only in itself.
        if account_of(task) != Some(envelope.account.as_str()) {
            return Err(envelope.spoofed());
        }
        let operation = detail.started_by.parse::<OperationId>();
        let Some(operation) = operation.ok().filter(|_| detail.last_status == "STOPPED") else {
            // A task that no operation runs, or one that has not stopped.
            return Ok(());
        };
        let answered = task_run::stopped(&self.store, &self.sfn, &operation, task).await;
        if answered.map_err(EventError::EndTask)? {
            tracing::info!(%operation, task, "a one-off task has stopped");
        }
        Ok(())
    }
}
