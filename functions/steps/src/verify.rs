//! Verify: a release proves itself for a while.
//!
//! One success proves little: a task that dies half a second after its start gives one. So the health address is polled for the bake
//! time of the contract. Then every service must run its tasks, and none of them may have failed meanwhile. After a failure, the
//! workflow repeats the step for a while.

use std::time::Duration;

use jiff::Timestamp;
use slipway_model::contract::Contract;
use slipway_model::id::OperationId;
use slipway_model::operation::{Operation, StepStatus};
use tokio::time::Instant;

use crate::stack_account::Place;
use crate::{Done, StepError, Steps, health, state};

/// The pause between two questions. A cancel ends it.
const PAUSE: Duration = Duration::from_secs(1);

impl Steps {
    pub(crate) async fn verify(
        &self,
        operation: &OperationId,
        place: &Place,
        cluster: &str,
    ) -> Result<Done, StepError> {
        let since = Timestamp::now();
        let run = |operation: &mut Operation| {
            operation.end_running_steps(StepStatus::Succeeded, since);
            operation.begin_step(state::VERIFY, since);
            Ok(())
        };
        let runs = self.store.update_operation(operation, run).await?;
        require_wanted(&runs)?;
        // On the heap, like the calls below: nested in this future, those of the clients are deeper than a thread's stack.
        let runs = Box::pin(self.configure_recorded(runs, place)).await;
        let contract = self.released_contract(&runs).await?;
        let baked = self.bake(runs, &contract).await;
        if let Ok(()) | Err(StepError::Unhealthy(_)) = baked {
            // Also if the health address fails: a service whose tasks stop is the reason why.
            let account = Box::pin(self.stack_account(place, operation)).await?;
            for (key, service) in &contract.services {
                Box::pin(account.require_steady(cluster, key, service, since)).await?;
            }
        }
        baked?;
        let now = Timestamp::now();
        let end = |operation: &mut Operation| {
            // In one write: a cancel comes before it and is seen, or after it and is refused.
            if operation.cancel_requested().is_none() {
                operation.end_step(state::VERIFY, StepStatus::Succeeded, now);
            }
            Ok(())
        };
        require_wanted(&self.store.update_operation(operation, end).await?)?;
        Ok(Done {})
    }

    /// What of the contract the operation has released.
    async fn released_contract(&self, operation: &Operation) -> Result<Contract, StepError> {
        let contract = self.store.stack(&operation.stack).await?.contract.unwrap_or_default();
        match operation.release() {
            Some(number) => {
                let release = self.store.release(&operation.stack, number).await?;
                Ok(contract.ready_for(&release.images))
            }
            None => Ok(contract),
        }
    }

    /// Asks the health address until the bake time is over.
    async fn bake(&self, mut operation: Operation, contract: &Contract) -> Result<(), StepError> {
        let until = Instant::now() + contract.bake();
        loop {
            if let Some(health) = &contract.health {
                health::ask(health, self.config.health)
                    .await
                    .map_err(StepError::Unhealthy)?;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let changed = self
                .store
                .operation_changed(&operation.id, operation.revision, left.min(PAUSE));
            operation = changed.await?;
            require_wanted(&operation)?;
        }
    }
}

/// A release that was cancelled goes no further: the workflow restores what it changed.
pub(crate) fn require_wanted(operation: &Operation) -> Result<(), StepError> {
    if operation.status.has_ended() {
        return Err(StepError::Cancelled(format!(
            "the operation is {} already",
            operation.status
        )));
    }
    match operation.cancel_requested() {
        Some(failure) => Err(StepError::Cancelled(failure.message.clone())),
        None => Ok(()),
    }
}
