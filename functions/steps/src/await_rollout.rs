//! Wait until stable, Wait until put back: the token of the state is answered when ECS has ended the rollout.
//!
//! The token is stored first and the service looked at afterwards: a rollout that ended before the token was there is seen
//! here, one that ends later is seen by the function `events`, and none is missed between the two.

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState};
use aws_sdk_sfn::operation::send_task_failure::SendTaskFailureError;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessError;
use slipway_model::id::OperationId;
use slipway_store::rollout::Rollout as Waiting;

use crate::payload::Rollout;
use crate::{Done, StepError, Steps, aws, state};

/// How a rollout stands.
enum Standing {
    GoesOn,
    Completed,
    Failed(String),
}

impl Steps {
    pub(crate) async fn await_rollout(
        &self,
        operation: &OperationId,
        token: String,
        state: &str,
        cluster: &str,
        rollout: &Rollout,
    ) -> Result<Done, StepError> {
        let waiting = Waiting {
            service: rollout.service.clone(),
            deployment: rollout.deployment.clone(),
            token,
            operation: operation.clone(),
        };
        self.store.put_rollout(&waiting).await?;
        self.store
            .begin_step(operation, &state::of_item(state, &rollout.key))
            .await?;
        match self.standing(cluster, rollout).await? {
            Standing::GoesOn => return Ok(Done {}),
            Standing::Completed => self.answer_success(&waiting.token).await?,
            Standing::Failed(why) => {
                let error = StepError::RolloutFailed(why);
                self.answer_failure(&waiting.token, &error).await?;
            }
        }
        self.store.forget_rollout(&waiting).await?;
        Ok(Done {})
    }

    async fn standing(&self, cluster: &str, rollout: &Rollout) -> Result<Standing, StepError> {
        let key = &rollout.key;
        let described = self
            .ecs
            .describe_services()
            .cluster(cluster)
            .services(&rollout.service)
            .send()
            .await;
        let described = described.map_err(|error| aws::failed(format!("look at the service `{key}`"), error))?;
        let service = described.services.unwrap_or_default().into_iter().next();
        let Some(service) = service else {
            return Ok(Standing::Failed(format!("it is gone from the cluster {cluster}")));
        };
        let is_ours = |deployment: &&Deployment| deployment.id() == Some(&rollout.deployment);
        let Some(deployment) = service.deployments().iter().find(is_ours) else {
            return Ok(Standing::Failed(
                "it gave way to another rollout, which did not come from this operation".to_owned(),
            ));
        };
        Ok(match deployment.rollout_state() {
            Some(DeploymentRolloutState::Completed) => Standing::Completed,
            Some(DeploymentRolloutState::Failed) => {
                let reason = deployment.rollout_state_reason().unwrap_or("ECS gives no reason");
                Standing::Failed(reason.to_owned())
            }
            _ => Standing::GoesOn,
        })
    }

    async fn answer_success(&self, token: &str) -> Result<(), StepError> {
        match self.sfn.send_task_success().task_token(token).output("{}").send().await {
            Ok(_) => Ok(()),
            // Somebody else has answered it, or the state has ended.
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    matches!(
                        error,
                        SendTaskSuccessError::TaskTimedOut(_)
                            | SendTaskSuccessError::TaskDoesNotExist(_)
                            | SendTaskSuccessError::InvalidToken(_)
                    )
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(aws::failed("tell the workflow that the rollout is done", error)),
        }
    }

    async fn answer_failure(&self, token: &str, failure: &StepError) -> Result<(), StepError> {
        let answer = self
            .sfn
            .send_task_failure()
            .task_token(token)
            .error(failure.name())
            .cause(failure.text());
        match answer.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    matches!(
                        error,
                        SendTaskFailureError::TaskTimedOut(_)
                            | SendTaskFailureError::TaskDoesNotExist(_)
                            | SendTaskFailureError::InvalidToken(_)
                    )
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(aws::failed("tell the workflow that the rollout failed", error)),
        }
    }
}
