//! Check migration, Check backup, Check task: only an exit code that is there and 0 is a success.

use aws_sdk_ecs::types::{ContainerDefinition, Task};
use jiff::Timestamp;
use serde_json::Value;
use slipway_model::id::OperationId;
use slipway_model::operation::{LogStream, Operation, Step, StepStatus};
use slipway_store::IllegalTransition;

use crate::payload::{EndedTask, What};
use crate::stack_account::{Place, StackAccount};
use crate::{Done, StepError, Steps, aws, log_line, state};

impl What {
    /// The state whose item ran it.
    fn state(self) -> &'static str {
        match self {
            Self::Migration => state::RUN_MIGRATION,
            Self::Backup => state::RUN_BACKUP,
            Self::Task => state::RUN_TASK,
        }
    }

    fn failed(self, text: String) -> StepError {
        match self {
            Self::Migration => StepError::MigrationFailed(text),
            Self::Backup => StepError::BackupFailed(text),
            Self::Task => StepError::TaskFailed(text),
        }
    }
}

impl Steps {
    pub(crate) async fn check_task(
        &self,
        operation: &OperationId,
        place: &Place,
        cluster: &str,
        what: What,
        ended: &EndedTask,
    ) -> Result<Done, StepError> {
        let step = state::of_item(what.state(), &ended.name);
        let account = self.stack_account(place, operation).await?;
        let task = account.ecs_task(cluster, what, ended).await?;
        let log = match &task {
            Some(task) => account.log_of(task, ended, &step).await?,
            None => None,
        };
        let problem = problem(ended, task.as_ref());
        let next = ended.next.as_deref().filter(|_| problem.is_none());
        let step = ran(step, task.as_ref(), problem.is_none());
        self.record_task(operation, &step, log.as_ref(), next).await?;
        let Some(problem) = problem else {
            return Ok(Done {});
        };
        let line = match &log {
            Some(log) => account.last_log_line(log).await,
            None => None,
        };
        let said = line.map(|line| format!(": {line}")).unwrap_or_default();
        Err(what.failed(format!("{what} `{}` {problem}{said}", ended.name)))
    }

    /// Records how the task ran, and that the one after it runs now.
    async fn record_task(
        &self,
        operation: &OperationId,
        step: &Step,
        log: Option<&LogStream>,
        next: Option<&str>,
    ) -> Result<(), StepError> {
        let now = Timestamp::now();
        let change = |operation: &mut Operation| -> Result<(), IllegalTransition> {
            match operation.steps.iter_mut().find(|known| known.name == step.name) {
                Some(known) => known.clone_from(step),
                None => operation.steps.push(step.clone()),
            }
            if let Some(log) = log.filter(|log| !operation.logs.contains(log)) {
                operation.logs.push(log.clone());
            }
            if let Some(next) = next.filter(|_| !operation.status.has_ended()) {
                operation.begin_step(next, now);
            }
            Ok(())
        };
        self.store.update_operation(operation, change).await?;
        Ok(())
    }
}

impl StackAccount {
    /// The task, which ECS shows for an hour after its end.
    async fn ecs_task(&self, cluster: &str, what: What, ended: &EndedTask) -> Result<Option<Task>, StepError> {
        if ended.task.is_empty() {
            return Ok(None);
        }
        let described = self.ecs.describe_tasks().cluster(cluster).tasks(&ended.task);
        let doing = format!("read how the {what} `{}` ended", ended.name);
        let described = described.send().await.map_err(|error| aws::failed(doing, error))?;
        Ok(described.tasks.unwrap_or_default().into_iter().next())
    }

    async fn log_of(&self, task: &Task, ended: &EndedTask, step: &str) -> Result<Option<LogStream>, StepError> {
        let (Some(definition), Some(arn)) = (task.task_definition_arn(), task.task_arn()) else {
            return Ok(None);
        };
        let described = self.ecs.describe_task_definition().task_definition(definition);
        let doing = "read where the task prints to";
        let described = described.send().await.map_err(|error| aws::failed(doing, error))?;
        let containers = described
            .task_definition
            .and_then(|definition| definition.container_definitions);
        let is_its_own = |container: &ContainerDefinition| container.name() == Some(&ended.container);
        let container = containers.unwrap_or_default().into_iter().find(is_its_own);
        Ok(container.and_then(|container| log_line::stream_of(&container, arn, step)))
    }
}

/// The step of a task that has ended, by the clock of ECS.
fn ran(name: String, task: Option<&Task>, succeeded: bool) -> Step {
    let now = Timestamp::now();
    let started = task.and_then(|task| task.started_at().or(task.created_at()));
    let stopped = task.and_then(Task::stopped_at);
    Step {
        name,
        started_at: started.and_then(timestamp).unwrap_or(now),
        ended_at: Some(stopped.and_then(timestamp).unwrap_or(now)),
        status: if succeeded {
            StepStatus::Succeeded
        } else {
            StepStatus::Failed
        },
    }
}

/// What is wrong with how a task ended, as words that follow its name.
fn problem(ended: &EndedTask, task: Option<&Task>) -> Option<String> {
    if ended.error == "States.Timeout" {
        let seconds = ended.timeout_seconds;
        return Some(format!("did not end within {seconds} seconds, and was stopped"));
    }
    let Some(task) = task else {
        return Some(match ended.error.as_str() {
            "" => "ended, and ECS does not know its task any more".to_owned(),
            error => format!("could not be started: {}", why_not_started(error, &ended.cause)),
        });
    };
    let container = task
        .containers()
        .iter()
        .find(|container| container.name() == Some(&ended.container));
    match container.and_then(aws_sdk_ecs::types::Container::exit_code) {
        Some(0) => None,
        Some(code) => Some(format!("exited with code {code}")),
        None => {
            let reason = container
                .and_then(|container| container.reason())
                .or(task.stopped_reason());
            Some(format!(
                "ended without an exit code ({})",
                reason.unwrap_or("ECS gives no reason")
            ))
        }
    }
}

/// The reasons in the `failures` that `ecs:RunTask` answered, or else the cause as it is.
fn why_not_started(error: &str, cause: &str) -> String {
    let answer: Value = serde_json::from_str(cause).unwrap_or_default();
    let failures = answer
        .get("Failures")
        .or(answer.get("failures"))
        .and_then(Value::as_array);
    let reasons: Vec<&str> = failures
        .into_iter()
        .flatten()
        .filter_map(|failure| failure.get("Reason").or(failure.get("reason"))?.as_str())
        .collect();
    match (reasons.is_empty(), cause.is_empty()) {
        (false, _) => reasons.join(", "),
        (true, false) => cause.to_owned(),
        (true, true) => error.to_owned(),
    }
}

fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.as_nanos()).ok()
}
