//! ECS Deployment State Change: the step that waits for the rollout is answered.

use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::operation::send_task_failure::SendTaskFailureError;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessError;
use serde_json::json;

use crate::event::Deployment;
use crate::{EventError, Events};

/// The error that the workflow gets when a rollout fails.
const ROLLOUT_FAILED: &str = "Slipway.RolloutFailed";

impl Events {
    pub(crate) async fn deployment(&self, deployment: Deployment) -> Result<(), EventError> {
        let Deployment { service, detail } = deployment;
        let succeeded = match detail.event_name.as_str() {
            "SERVICE_DEPLOYMENT_COMPLETED" => true,
            "SERVICE_DEPLOYMENT_FAILED" => false,
            // It goes on.
            _ => return Ok(()),
        };
        let found = self.store.rollout(&service, &detail.deployment_id).await;
        let Some(rollout) = found.map_err(EventError::ReadRollout)? else {
            // A service that is not Slipway's, or a step that has looked for itself.
            return Ok(());
        };
        if succeeded {
            self.answer_success(&rollout.token, &rollout.deployment).await?;
        } else {
            self.answer_failure(&rollout.token, &detail.reason).await?;
        }
        tracing::info!(operation = %rollout.operation, service, succeeded, "a rollout has ended");
        self.store
            .forget_rollout(&rollout)
            .await
            .map_err(EventError::ForgetRollout)
    }

    async fn answer_success(&self, token: &str, deployment: &str) -> Result<(), EventError> {
        let output = json!({"deployment": deployment}).to_string();
        let answer = self
            .sfn
            .send_task_success()
            .task_token(token)
            .output(output)
            .send()
            .await;
        answer.map(drop).or_else(|error| match error.as_service_error() {
            Some(
                SendTaskSuccessError::TaskTimedOut(_)
                | SendTaskSuccessError::TaskDoesNotExist(_)
                | SendTaskSuccessError::InvalidToken(_),
            ) => Ok(()),
            _ => Err(unanswered(error)),
        })
    }

    async fn answer_failure(&self, token: &str, reason: &str) -> Result<(), EventError> {
        let cause = if reason.is_empty() {
            "ECS gave up the rollout, and does not say why"
        } else {
            reason
        };
        let request = self.sfn.send_task_failure().task_token(token).error(ROLLOUT_FAILED);
        let answer = request.cause(cause).send().await;
        answer.map(drop).or_else(|error| match error.as_service_error() {
            Some(
                SendTaskFailureError::TaskTimedOut(_)
                | SendTaskFailureError::TaskDoesNotExist(_)
                | SendTaskFailureError::InvalidToken(_),
            ) => Ok(()),
            _ => Err(unanswered(error)),
        })
    }
}

/// The step still waits. Where it does not (it timed out, or was answered by itself), there is nothing left to say.
fn unanswered<E>(error: SdkError<E>) -> EventError
where
    aws_sdk_sfn::Error: From<SdkError<E>>,
{
    EventError::AnswerStep(Box::new(error.into()))
}
