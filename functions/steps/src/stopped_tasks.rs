//! Why tasks of a service stopped.

use aws_sdk_ecs::types::{Container, DesiredStatus, HealthStatus, Task, TaskStopCode};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use slipway_model::operation::Operation;
use slipway_model::secret::Secrets;

use crate::missing_image::missing_image;
use crate::stack_account::StackAccount;
use crate::state::WAIT_UNTIL_STABLE;
use crate::tasks::Of;
use crate::{StepError, Steps};

impl Steps {
    /// Why tasks of the services that failed have stopped since the operation began, with what one printed last: ECS says of a failed
    /// rollout no more than that tasks stopped. Never fails: a failure is reported without it rather than not at all.
    pub(crate) async fn why_tasks_stopped(&self, operation: &Operation, step: &str) -> Option<String> {
        match self.read_why(operation, step).await {
            Ok(why) => why,
            Err(error) => {
                tracing::warn!(operation = %operation.id, "the stopped tasks could not be read: {error}");
                None
            }
        }
    }

    async fn read_why(&self, operation: &Operation, step: &str) -> Result<Option<String>, StepError> {
        let stack = self.store.stack(&operation.stack).await?;
        let place = self.place_of(&stack).await?;
        let (Some(contract), Some(began)) = (stack.contract, operation.started_at) else {
            return Ok(None);
        };
        let account = self.stack_account(&place, &operation.id).await?;
        let secrets = self.store.secrets_of(operation).await?;
        let cluster = contract.cluster.as_deref().unwrap_or_default();
        let of_one = step
            .strip_prefix(WAIT_UNTIL_STABLE)
            .and_then(|rest| rest.strip_prefix(": "));
        for (key, service) in &contract.services {
            if of_one.is_some_and(|one| one != key.as_str()) {
                continue;
            }
            let tasks = account
                .tasks(cluster, Of::Service(&service.name), DesiredStatus::Stopped)
                .await?;
            let failed = tasks
                .iter()
                .filter(|task| has_failed(task) && stopped_since(task, began));
            if let Some(task) = failed.max_by_key(|task| task.stopped_at().map(DateTime::as_nanos)) {
                let said = account.last_words(task, &secrets).await;
                let said = said.map(|line| format!(": {line}")).unwrap_or_default();
                return Ok(Some(format!(
                    "A task of the service `{key}` stopped: {}{said}",
                    why(task)
                )));
            }
        }
        Ok(None)
    }
}

impl StackAccount {
    /// The last line that the container which ended has printed.
    async fn last_words(&self, task: &Task, secrets: &Secrets) -> Option<String> {
        let ended = task
            .containers()
            .iter()
            .find(|container| container.exit_code().is_some())?;
        let log = self.log_of(task, ended.name()?, WAIT_UNTIL_STABLE).await.ok()??;
        self.last_log_line(&log, secrets).await
    }
}

/// Whether a task has failed. ECS stops tasks itself when it scales in or moves them; these were healthy.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html#ECS-Type-Task-stopCode>
pub(crate) fn has_failed(task: &Task) -> bool {
    match task.stop_code() {
        Some(TaskStopCode::EssentialContainerExited | TaskStopCode::TaskFailedToStart) => true,
        Some(TaskStopCode::ServiceSchedulerInitiated) => task.health_status() == Some(&HealthStatus::Unhealthy),
        _ => false,
    }
}

/// Whether a task has stopped, or began to, since then.
pub(crate) fn stopped_since(task: &Task, began: Timestamp) -> bool {
    let began = DateTime::from_millis(began.as_millisecond());
    let stopped = task.stopped_at().or(task.stopping_at());
    stopped.is_some_and(|stopped| *stopped >= began)
}

/// Why a task stopped, in ECS's words, with the exit code.
fn why(task: &Task) -> String {
    let reason = task.stopped_reason().unwrap_or("ECS gives no reason");
    let exited = task.containers().iter().find_map(Container::exit_code);
    let missing = missing_image(task.containers().first(), reason);
    match (exited, missing) {
        (Some(code), _) => format!("{reason} (exit code {code})"),
        (None, Some(image)) => format!("{image} does not exist ({reason})"),
        (None, None) => reason.to_owned(),
    }
}
