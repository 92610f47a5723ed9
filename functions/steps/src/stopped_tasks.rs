//! Why tasks of a service stopped.

use aws_sdk_ecs::types::{Container, DesiredStatus, HealthStatus, ServiceEvent, Task, TaskStopCode};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use slipway_model::contract::Service;
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::secret::Secrets;

use crate::error::cut;
use crate::log_line::quoted;
use crate::missing_image::missing_image;
use crate::stack_account::StackAccount;
use crate::state::WAIT_UNTIL_STABLE;
use crate::tasks::Of;
use crate::{StepError, Steps};

impl Steps {
    /// Why tasks of the services that failed have stopped since the operation began, with what one printed last, or why ECS could not
    /// start one: it says of a failed rollout no more than that tasks failed to start. Never fails: a failure is
    /// reported without it rather than not at all.
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
        let secrets = self.secrets.of_operation(operation).await?;
        let cluster = contract.cluster.as_deref().unwrap_or_default();
        let of_one = step
            .strip_prefix(WAIT_UNTIL_STABLE)
            .and_then(|rest| rest.strip_prefix(": "));
        let is_meant = |key: &Name| of_one.is_none_or(|one| one == key.as_str());
        let services: Vec<(&Name, &Service)> = contract.services.iter().filter(|(key, _)| is_meant(key)).collect();
        for (key, service) in &services {
            let tasks = account
                .tasks(cluster, Of::Service(&service.name), DesiredStatus::Stopped)
                .await?;
            let failed = tasks
                .iter()
                .filter(|task| has_failed(task) && stopped_since(task, began));
            if let Some(task) = failed.max_by_key(|task| task.stopped_at().map(DateTime::as_nanos)) {
                let last = quoted(account.last_words(task, &secrets).await);
                let why = shown(&why(task), &secrets);
                return Ok(Some(format!("A task of the service `{key}` stopped: {why}{last}")));
            }
        }
        // Without a task that failed, ECS could not start one, or still waits for the health of one.
        for (key, service) in &services {
            let doing = format!("read the events of the service `{key}`");
            let described = account.service(cluster, &service.name, &doing).await?;
            if let Some(said) = described
                .as_ref()
                .and_then(|service| newest_trouble(service.events(), began))
            {
                let said = shown(said, &secrets);
                return Ok(Some(format!("ECS reports of the service `{key}`: {said}")));
            }
        }
        Ok(None)
    }
}

impl StackAccount {
    /// The last line that the container which ended has printed.
    async fn last_words(&self, task: &Task, secrets: &Secrets) -> Option<String> {
        let log = self
            .log_of(task, ended(task)?.name()?, WAIT_UNTIL_STABLE)
            .await
            .ok()??;
        self.last_log_line(&log, secrets).await
    }
}

/// The most characters of what ECS says.
const REASON_LENGTH: usize = 500;

/// What ECS says, as a failure shows it.
fn shown(said: &str, secrets: &Secrets) -> String {
    // Before it is cut, which could cut a secret in two.
    cut(secrets.hide(said.trim()).trim_end_matches('.'), REASON_LENGTH)
}

/// The container that ended a task: the one that ECS gives a reason for, else the one that failed, else any that has ended.
fn ended(task: &Task) -> Option<&Container> {
    let ended = || {
        let all = task.containers().iter();
        all.filter(|container| container.exit_code().is_some())
    };
    let explained = ended().find(|container| container.reason().is_some());
    let failed = || ended().find(|container| container.exit_code() != Some(0));
    explained.or_else(failed).or_else(|| ended().next())
}

/// Whether a task has failed. ECS stops tasks itself when it scales in or moves them, which is no failure, and when they fail a health
/// check. Both have the same code, and the health is known only with a health check of a container: the reason distinguishes them.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html#ECS-Type-Task-stopCode>
pub(crate) fn has_failed(task: &Task) -> bool {
    match task.stop_code() {
        Some(TaskStopCode::EssentialContainerExited | TaskStopCode::TaskFailedToStart) => true,
        Some(TaskStopCode::ServiceSchedulerInitiated) => {
            task.health_status() == Some(&HealthStatus::Unhealthy) || failed_a_health_check(task)
        }
        _ => false,
    }
}

/// Whether ECS stopped a task because of a health check: "Task failed ELB health checks in (target-group …)", "Task failed container
/// health checks". <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
fn failed_a_health_check(task: &Task) -> bool {
    const BEGINS: &str = "task failed ";
    let begin = task.stopped_reason().and_then(|reason| reason.get(..BEGINS.len()));
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(BEGINS))
}

/// Whether a task has stopped, or began to, since then.
pub(crate) fn stopped_since(task: &Task, began: Timestamp) -> bool {
    let began = DateTime::from_millis(began.as_millisecond());
    let stopped = task.stopped_at().or(task.stopping_at());
    stopped.is_some_and(|stopped| *stopped >= began)
}

/// Why a task stopped, in ECS's words, with the reason and the exit code of its container.
fn why(task: &Task) -> String {
    let reason = task.stopped_reason().unwrap_or("ECS gives no reason");
    if let Some(image) = missing_image(task.containers().first(), reason) {
        return format!("{image} does not exist ({reason})");
    }
    let of_container = task.containers().iter().find_map(Container::reason);
    let more = of_container.filter(|more| !reason.contains(*more));
    let more = more.map(|more| format!(": {more}")).unwrap_or_default();
    // A container that ECS stopped ends by the signal, which says nothing of the reason.
    let exited = ended(task).filter(|_| task.stop_code() != Some(&TaskStopCode::ServiceSchedulerInitiated));
    let code = exited.and_then(Container::exit_code);
    let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
    format!("{reason}{more}{code}")
}

/// What the events of a service say when ECS has a trouble with its tasks. An event has a text and no type. "is unable to consistently
/// start tasks" and "deployment failed" are not among them: they do not say why.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html>
const TROUBLES: [&str; 7] = [
    "unable to place",
    "was unable to",
    "is unhealthy in",
    "failed container health checks",
    "failed to launch",
    "failed to register",
    "throttled",
];

/// The newest event since then that says why a service does not become stable.
fn newest_trouble(events: &[ServiceEvent], began: Timestamp) -> Option<&str> {
    let began = DateTime::from_millis(began.as_millisecond());
    let recent = events
        .iter()
        .filter(|event| event.created_at().is_some_and(|at| *at >= began));
    let said = recent.filter_map(|event| Some((event.created_at()?.as_nanos(), event.message()?)));
    let troubles = said.filter(|(_, said)| TROUBLES.iter().any(|trouble| said.contains(*trouble)));
    troubles.max_by_key(|(at, _)| *at).map(|(_, said)| said)
}
