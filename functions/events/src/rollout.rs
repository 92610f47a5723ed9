//! ECS Deployment State Change: the step that waits for the rollout is answered.

use slipway_control::rollout::{self, Ended};
use slipway_model::account::account_of;

use crate::event::{Deployment, Envelope};
use crate::{EventError, Events};

impl Events {
    pub(crate) async fn deployment(&self, envelope: &Envelope) -> Result<(), EventError> {
        let detail: Deployment = envelope.detail()?;
        let service = envelope.resources.first().ok_or(EventError::NoService)?;
        // The sender of an event chooses its content. An account may end rollouts only in itself.
        if account_of(service) != Some(envelope.account.as_str()) {
            return Err(envelope.spoofed());
        }
        let ended = match detail.event_name.as_str() {
            "SERVICE_DEPLOYMENT_COMPLETED" => Ended::Completed,
            "SERVICE_DEPLOYMENT_FAILED" if detail.reason.is_empty() => {
                Ended::Failed("ECS stopped the rollout without a reason".to_owned())
            }
            "SERVICE_DEPLOYMENT_FAILED" => Ended::Failed(detail.reason),
            // It is still in progress.
            _ => return Ok(()),
        };
        let found = self.store.rollout(service, &detail.id).await;
        let found = found.map_err(EventError::table("read the step that waits for the deployment"))?;
        let Some(rollout) = found else {
            // A service that is not Slipway's, or a step that has already checked the deployment itself.
            return Ok(());
        };
        rollout::end(&self.store, &self.sfn, &rollout, &ended)
            .await
            .map_err(EventError::EndRollout)?;
        tracing::info!(operation = %rollout.operation, service, ?ended, "a rollout has ended");
        Ok(())
    }
}
