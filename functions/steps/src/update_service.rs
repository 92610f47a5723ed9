//! Update service, Restore service: ECS starts to replace the tasks of a service.

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::id::OperationId;
use slipway_model::operation::Operation;

use crate::payload::Updated;
use crate::progressive::progressive_strategy;
use crate::stack_account::Place;
use crate::state::Direction;
use crate::{StepError, Steps, aws};

/// What ECS began.
#[derive(Debug, Serialize)]
pub(crate) struct Begun {
    /// The ARN of the service.
    service: String,
    /// The id of the deployment; empty where ECS does not show it yet.
    deployment: String,
    /// Whether ECS shifts requests by weight.
    progressive: bool,
}

impl Steps {
    pub(crate) async fn update_service(
        &self,
        operation: &OperationId,
        direction: Direction,
        place: &Place,
        cluster: &str,
        updated: &Updated,
    ) -> Result<Begun, StepError> {
        // Recorded before ECS is asked: if the execution ends in between, the stack says which services may have changed.
        let step = direction.step_of(&updated.key);
        let now = Timestamp::now();
        let note = |operation: &mut Operation| {
            if direction == Direction::Restore {
                operation.give_up(now);
            }
            operation.begin_step(&step, now);
            if direction == Direction::Restore {
                operation.leave_pause(&updated.key);
            }
            Ok(())
        };
        let noted = self.store.update_operation(operation, note).await?;
        let quiesced = noted.quiesced.service(&updated.key).cloned();
        let account = self.stack_account(place, operation).await?;
        if direction == Direction::Restore
            && let Some(service) = account.stop_progressive(cluster, updated).await?
        {
            let begun = Begun {
                service: service.service_arn.unwrap_or_default(),
                deployment: String::new(),
                progressive: true,
            };
            tracing::info!(%operation, step, ?begun, "a deployment is rolled back");
            return Ok(begun);
        }
        let reconfigure = self.reconfigure(noted, &account, direction, cluster, updated);
        let configuration = Box::pin(reconfigure).await?;
        let request = account
            .ecs
            .update_service()
            .cluster(cluster)
            .service(&updated.name)
            .task_definition(&updated.task_definition)
            // An autoscaler owns the count of a quiesced service again once the service has it.
            .set_desired_count(
                updated
                    .desired_count
                    .or(quiesced.as_ref().map(|service| service.desired_count)),
            )
            .set_deployment_configuration(configuration);
        let doing = format!("update the service `{}`", updated.key);
        let answer = request.send().await.map_err(|error| match aws::failed(doing, error) {
            StepError::Refused { said, .. } => StepError::RolloutFailed(format!("ECS did not update it: {said}")),
            error => error,
        })?;
        if let Some(service) = &quiesced {
            account.resume_scaling(service).await?;
            let resumed = |operation: &mut Operation| {
                operation.service_resumed(&updated.key);
                Ok(())
            };
            self.store.update_operation(operation, resumed).await?;
        }
        let service = answer.service;
        let mut deployments = service.iter().flat_map(aws_sdk_ecs::types::Service::deployments);
        let ours = deployments.find(|deployment| {
            deployment.status() == Some("PRIMARY") && deployment.task_definition() == Some(&updated.task_definition)
        });
        let begun = Begun {
            progressive: service.as_ref().and_then(progressive_strategy).is_some(),
            deployment: ours.and_then(|ours| ours.id()).unwrap_or_default().to_owned(),
            service: service
                .as_ref()
                .and_then(|service| service.service_arn())
                .unwrap_or_default()
                .to_owned(),
        };
        tracing::info!(%operation, step, ?begun, "a rollout begins");
        Ok(begun)
    }
}
