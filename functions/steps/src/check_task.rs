//! Check migration, Check backup, Check task: only an exit code that is there and 0 is a success.

use aws_sdk_ecs::types::Task;
use jiff::Timestamp;
use serde_json::Value;
use slipway_control::rollout;
use slipway_control::task_run::TIMED_OUT;
use slipway_model::count::counted;
use slipway_model::error_name::ErrorName;
use slipway_model::id::OperationId;
use slipway_model::operation::{LogStream, Operation, Step, StepStatus};
use slipway_store::IllegalTransition;

use crate::lock_timeout::Checked;
use crate::log_line::quoted;
use crate::missing_image::missing_image;
use crate::payload::{EndedTask, What};
use crate::stack_account::{Place, StackAccount};
use crate::{StepError, Steps, aws, state};

impl What {
    /// The state whose item ran it.
    pub(crate) fn state(self) -> &'static str {
        match self {
            Self::Migration => state::RUN_MIGRATION,
            Self::Backup => state::RUN_BACKUP,
            Self::Task => state::RUN_TASK,
        }
    }

    /// How to repeat it. The stack exists, so the request for a new one cannot be repeated.
    fn remedy(self) -> &'static str {
        match self {
            Self::Migration | Self::Backup => "release it",
            Self::Task => "run the task again",
        }
    }

    pub(crate) fn failed(self, text: String) -> StepError {
        match self {
            Self::Migration => StepError::MigrationFailed(text),
            Self::Backup => StepError::BackupFailed(text),
            Self::Task => StepError::TaskFailed(text),
        }
    }
}

/// A command that ran.
pub(crate) struct Ran {
    /// When the workflow entered the state that checks it.
    pub entered: Timestamp,
    pub cluster: String,
    pub what: What,
    pub ended: EndedTask,
}

impl Steps {
    pub(crate) async fn check_task(
        &self,
        operation: &OperationId,
        place: &Place,
        checked: &Ran,
    ) -> Result<Checked, StepError> {
        let Ran {
            entered,
            cluster,
            what,
            ended,
        } = checked;
        let step = state::of_item(what.state(), &ended.name);
        let account = self.stack_account(place, operation).await?;
        let task = match self.arn_of(operation, &step, ended).await? {
            Some(arn) => account.shown_task(cluster, &arn).await?,
            None => None,
        };
        // The state that ran it has failed, so no step waits for its end.
        if let Some(left) = task
            .as_ref()
            .filter(|task| !ended.error.is_empty() && !aws::is_stopped(task))
        {
            let arn = left.task_arn().unwrap_or_default();
            account.stop(cluster, arn, "Slipway: its step has ended").await?;
        }
        let log = match &task {
            Some(task) => account.log_of(task, &ended.container, &step).await?,
            None => None,
        };
        if let Some(exited) = task.as_ref().and_then(|task| exit_of(ended, task)) {
            let ran = (step.as_str(), log.as_ref(), *entered);
            if let Some(again) = self.after_lock_timeout(operation, &account, ended, exited, ran).await? {
                return Ok(Checked::again(again));
            }
        }
        let problem = problem(*what, ended, task.as_ref());
        let status = match (&problem, ended.error.as_str()) {
            (None, _) => StepStatus::Succeeded,
            (Some(_), rollout::CANCELLED) => StepStatus::Cancelled,
            (Some(_), _) => StepStatus::Failed,
        };
        let next = ended.next.as_deref().filter(|_| problem.is_none());
        let step = ran(step, task.as_ref(), status);
        let recorded = self.record_task(operation, &step, log.as_ref(), next).await?;
        match (problem, recorded.cancel_requested()) {
            (_, Some(cancelled)) => Err(StepError::Cancelled(cancelled.message.clone())),
            (None, None) => Ok(Checked::default()),
            (Some(_), None) if let Some(name) = passed_on(&ended.error) => Err(StepError::PassedOn {
                name,
                text: message(&ended.cause),
            }),
            (Some(problem), None) => {
                let line = match &log {
                    Some(log) => self.last_line(operation, &account, log).await?,
                    None => None,
                };
                let said = quoted(line);
                let after = match recorded.lock_timeouts(&step.name) {
                    0 => String::new(),
                    1 => " after a lock timeout".to_owned(),
                    times => format!(" after {times} lock timeouts"),
                };
                Err(what.failed(format!("{what} `{}` {problem}{after}{said}", ended.name)))
            }
        }
    }

    /// The last line that the command printed. Where the list of its stack's secrets is unusable, none is shown, and the failure keeps its
    /// name.
    async fn last_line(
        &self,
        operation: &OperationId,
        account: &StackAccount,
        log: &LogStream,
    ) -> Result<Option<String>, StepError> {
        match self.secrets_of(operation).await {
            Ok(secrets) => Ok(account.last_log_line(log, &secrets).await),
            Err(StepError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The ARN of the task. A state that failed does not say it; the operation's record has it where ECS had started the task.
    async fn arn_of(
        &self,
        operation: &OperationId,
        step: &str,
        ended: &EndedTask,
    ) -> Result<Option<String>, StepError> {
        if !ended.task.is_empty() {
            return Ok(Some(ended.task.clone()));
        }
        if ended.error.is_empty() {
            return Ok(None);
        }
        let run = self.store.operation(operation).await?.task_run;
        Ok(run.filter(|run| run.step == step).and_then(|run| run.task))
    }

    /// Records how the task ran, and that the one after it runs now.
    async fn record_task(
        &self,
        operation: &OperationId,
        step: &Step,
        log: Option<&LogStream>,
        next: Option<&str>,
    ) -> Result<Operation, StepError> {
        let now = Timestamp::now();
        let change = |operation: &mut Operation| -> Result<(), IllegalTransition> {
            match operation.steps.iter_mut().find(|known| known.name == step.name) {
                Some(known) => known.clone_from(step),
                None => operation.steps.push(step.clone()),
            }
            if let Some(log) = log {
                operation.note_log(log.clone());
            }
            if let Some(run) = operation.task_run.as_mut().filter(|run| run.step == step.name) {
                run.token = None;
            }
            let goes_on = !operation.status.has_ended() && operation.cancel_requested().is_none();
            if let Some(next) = next.filter(|_| goes_on) {
                operation.begin_step(next, now);
            }
            Ok(())
        };
        Ok(self.store.update_operation(operation, change).await?)
    }
}

/// The step of a task that has ended, by the clock of ECS.
fn ran(name: String, task: Option<&Task>, status: StepStatus) -> Step {
    let now = Timestamp::now();
    let started = task.and_then(|task| task.started_at().or(task.created_at()));
    let stopped = task.and_then(Task::stopped_at);
    Step {
        name,
        started_at: started.and_then(timestamp).unwrap_or(now),
        ended_at: Some(stopped.and_then(timestamp).unwrap_or(now)),
        status,
    }
}

/// What is wrong with how a task ended, as words that follow its name.
fn problem(what: What, ended: &EndedTask, task: Option<&Task>) -> Option<String> {
    if ended.error == TIMED_OUT {
        let seconds = ended.timeout_seconds;
        return Some(format!(
            "did not end within {}, and was stopped",
            counted(seconds, "second")
        ));
    }
    let Some(task) = task else {
        return Some(match ended.error.as_str() {
            "" => "ended, and ECS does not know its task any more".to_owned(),
            error => format!("could not be started: {}", why(error, &ended.cause)),
        });
    };
    if !ended.error.is_empty() && !aws::is_stopped(task) {
        let why = why(&ended.error, &ended.cause);
        return Some(format!("could not be followed, and was stopped: {why}"));
    }
    let container = container(ended, task);
    match container.and_then(aws_sdk_ecs::types::Container::exit_code) {
        Some(0) => None,
        Some(code) => Some(format!("exited with code {code}")),
        None => {
            let reason = container
                .and_then(|container| container.reason())
                .or(task.stopped_reason());
            let reason = reason.unwrap_or("ECS gives no reason");
            Some(match missing_image(container, reason) {
                Some(image) => {
                    format!(
                        "did not start, because {image} does not exist: push it, then {} ({reason})",
                        what.remedy()
                    )
                }
                None => format!("ended without an exit code ({reason})"),
            })
        }
    }
}

/// The ARN and the exit code of a task that ECS ran to its end without success.
fn exit_of<'a>(ended: &EndedTask, task: &'a Task) -> Option<(&'a str, i32)> {
    let container = container(ended, task).filter(|_| ended.error.is_empty());
    let code = container.and_then(aws_sdk_ecs::types::Container::exit_code);
    task.task_arn().zip(code.filter(|code| *code != 0))
}

/// The container that the command ran in.
fn container<'a>(ended: &EndedTask, task: &'a Task) -> Option<&'a aws_sdk_ecs::types::Container> {
    let mut containers = task.containers().iter();
    containers.find(|container| container.name() == Some(&ended.container))
}

/// The errors of a state that are the operation's as they are.
fn passed_on(error: &str) -> Option<ErrorName> {
    let names = [ErrorName::AccessDenied, ErrorName::RoleRefused, ErrorName::Cancelled];
    names.into_iter().find(|name| name.as_str() == error)
}

/// The text of a step's error, or else the cause as it is.
fn message(cause: &str) -> String {
    let cause_json: Value = serde_json::from_str(cause).unwrap_or_default();
    let message = cause_json.get("errorMessage").and_then(Value::as_str);
    message.unwrap_or(cause).to_owned()
}

fn why(error: &str, cause: &str) -> String {
    match message(cause) {
        message if message.is_empty() => error.to_owned(),
        message => message,
    }
}

fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Container;
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_image_names_the_request_that_can_be_repeated() {
        let ended: EndedTask = serde_json::from_value(json!({
            "name": "migrate", "container": "app", "timeout_seconds": 60, "task": "arn", "next": null,
        }))
        .expect("a task");
        let container = Container::builder().name("app").image("shop@sha256:ab");
        let container = container.reason("CannotPullContainerError: there is no image shop@sha256:ab");
        let task = Task::builder().containers(container.build()).build();
        for (what, remedy) in [
            (What::Migration, "push it, then release it ("),
            (What::Task, "push it, then run the task again ("),
        ] {
            let said = problem(what, &ended, Some(&task)).expect("a problem");
            assert!(said.contains(remedy), "{said}");
        }
    }
}
