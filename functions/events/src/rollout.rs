//! ECS Deployment State Change: the step that waits for the rollout is answered. ECS Hook State Change: the step checks it.

use slipway_control::pause;
use slipway_control::rollout::{self, Ended};
use slipway_model::account::account_of;

use crate::event::{Deployment, Envelope, Hook};
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
            // A progressive rollout, a service that is not Slipway's, or a step that has already checked the deployment itself.
            return self.wake(service).await;
        };
        rollout::end(&self.store, &self.sfn, &rollout, &ended)
            .await
            .map_err(EventError::EndRollout)?;
        tracing::info!(operation = %rollout.operation, service, ?ended, "a rollout has ended");
        Ok(())
    }

    /// A pause began or ended. The step reads from ECS which, so the event is no more than a reason to check.
    pub(crate) async fn hook(&self, envelope: &Envelope) -> Result<(), EventError> {
        let detail: Hook = envelope.detail()?;
        if account_of(&detail.service_arn) != Some(envelope.account.as_str()) {
            return Err(envelope.spoofed());
        }
        self.wake(&detail.service_arn).await
    }

    /// Wakes the step that waits for a progressive rollout of this service, if one does.
    async fn wake(&self, service: &str) -> Result<(), EventError> {
        let woken = pause::wake(&self.store, &self.sfn, service).await;
        if let Some(rollout) = woken.map_err(EventError::EndRollout)? {
            tracing::info!(operation = %rollout.operation, service, "a progressive rollout has changed");
        }
        Ok(())
    }
}
