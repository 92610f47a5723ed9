//! Stop rollouts: a release that may not roll back leaves no deployment of ECS in progress.
//!
//! After migrations that the previous release does not work with, services that have the release keep it. A progressive deployment in
//! progress, at a pause for example, would end later by itself: ECS rolls back if no decision comes. So it is rolled back now, while
//! the operation still says so, and nothing changes any more once a person decides.

use jiff::Timestamp;
use slipway_model::id::OperationId;
use slipway_model::operation::Operation;

use crate::payload::Updated;
use crate::prepare_release::PreparedService;
use crate::stack_account::Place;
use crate::{Done, StepError, Steps};

impl Steps {
    /// Rolls the deployments in progress back. The workflow repeats the step until none is left.
    pub(crate) async fn stop_rollouts(
        &self,
        operation: &OperationId,
        place: &Place,
        cluster: &str,
        services: &[PreparedService],
    ) -> Result<Done, StepError> {
        let mut known = self.store.operation(operation).await?;
        if known.running_step().is_some() {
            let now = Timestamp::now();
            let given_up = |operation: &mut Operation| {
                operation.give_up(now);
                Ok(())
            };
            known = self.store.update_operation(operation, given_up).await?;
        }
        let mut in_progress = Vec::new();
        for service in services.iter().filter(|it| known.rollout_of(&it.key).is_some()) {
            let account = self.stack_account(place, operation).await?;
            let previous = Updated {
                key: service.key.clone(),
                name: service.name.clone(),
                task_definition: service.previous.task_definition.clone(),
                desired_count: None,
            };
            if account.stop_progressive(cluster, &previous).await?.is_none() {
                continue;
            }
            let stopped = |operation: &mut Operation| {
                operation.requests_restored(&service.key);
                Ok(())
            };
            self.store.update_operation(operation, stopped).await?;
            in_progress.push(format!("`{}`", service.key));
        }
        if in_progress.is_empty() {
            return Ok(Done {});
        }
        Err(StepError::Busy(format!(
            "ECS still rolls back deployments of the services {}",
            in_progress.join(", ")
        )))
    }
}
