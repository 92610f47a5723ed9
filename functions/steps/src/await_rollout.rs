//! Wait until stable, Wait until put back: the token of the state is answered when ECS has ended the rollout.
//!
//! The token is stored first and the service looked at afterwards: a rollout that ended before the token was there is seen
//! here, one that ends later is seen by the function `events`, and none is missed between the two.

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState};
use slipway_model::id::OperationId;
use slipway_store::rollout::{self, Ended, Rollout};

use crate::payload::Rollout as Deployed;
use crate::stack_account::{Place, StackAccount};
use crate::{Done, StepError, Steps, aws, state};

/// The state that waits.
#[derive(Debug)]
pub(crate) struct Waits {
    pub token: String,
    pub state: String,
    /// The cluster of the service that it waits for.
    pub cluster: String,
}

impl Steps {
    pub(crate) async fn await_rollout(
        &self,
        operation: &OperationId,
        place: &Place,
        waits: Waits,
        rollout: &Deployed,
    ) -> Result<Done, StepError> {
        let step = state::of_item(&waits.state, &rollout.key);
        let waiting = Rollout {
            step: step.clone(),
            service: rollout.service.clone(),
            deployment: rollout.deployment.clone(),
            token: waits.token,
            operation: operation.clone(),
        };
        self.store.put_rollout(&waiting).await?;
        let begun = self.store.begin_step(operation, &step).await?;
        // A cancel that met the token of an earlier attempt. What is being restored is not cancelled.
        let cancelled = begun
            .cancel_requested()
            .filter(|_| waits.state == state::WAIT_UNTIL_STABLE);
        let ended = if let Some(failure) = cancelled {
            Some(Ended::CalledOff(failure.message.clone()))
        } else {
            let account = self.stack_account(place, operation).await?;
            account.ended(&waits.cluster, rollout).await?
        };
        if let Some(ended) = ended {
            let answered = rollout::end(&self.store, &self.sfn, &waiting, &ended).await;
            answered.map_err(|error| StepError::unanswered("answer the step that waits for the rollout", error))?;
        }
        Ok(Done {})
    }
}

impl StackAccount {
    /// How the rollout ended, if it has.
    async fn ended(&self, cluster: &str, rollout: &Deployed) -> Result<Option<Ended>, StepError> {
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
            return Ok(Some(Ended::Failed(format!("it is gone from the cluster {cluster}"))));
        };
        let is_ours = |deployment: &&Deployment| deployment.id() == Some(&rollout.deployment);
        let Some(deployment) = service.deployments().iter().find(is_ours) else {
            let why = "it gave way to another rollout, which did not come from this operation";
            return Ok(Some(Ended::Failed(why.to_owned())));
        };
        Ok(match deployment.rollout_state() {
            Some(DeploymentRolloutState::Completed) => Some(Ended::Completed),
            Some(DeploymentRolloutState::Failed) => {
                let reason = deployment.rollout_state_reason().unwrap_or("ECS gives no reason");
                Some(Ended::Failed(reason.to_owned()))
            }
            _ => None,
        })
    }
}
