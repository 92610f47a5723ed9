//! Check migration: only an exit code that is there and 0 is a success.

use aws_sdk_ecs::types::{ContainerDefinition, Task};
use jiff::Timestamp;
use serde_json::Value;
use slipway_model::id::OperationId;
use slipway_model::operation::{LogStream, Operation, Step, StepStatus};
use slipway_store::IllegalTransition;

use crate::payload::EndedMigration;
use crate::{Done, StepError, Steps, aws, log_line, state};

impl Steps {
    pub(crate) async fn check_migration(
        &self,
        operation: &OperationId,
        cluster: &str,
        migration: &EndedMigration,
    ) -> Result<Done, StepError> {
        let step = state::of_item(state::RUN_MIGRATION, &migration.name);
        let task = self.task(cluster, migration).await?;
        let log = match &task {
            Some(task) => self.log_of(task, migration, &step).await?,
            None => None,
        };
        let problem = problem(migration, task.as_ref());
        self.record_migration(operation, &step, task.as_ref(), log.as_ref(), problem.is_none())
            .await?;
        let Some(problem) = problem else {
            return Ok(Done {});
        };
        let line = match &log {
            Some(log) => self.last_log_line(log).await,
            None => None,
        };
        let said = line.map(|line| format!(": {line}")).unwrap_or_default();
        Err(StepError::MigrationFailed(format!(
            "migration `{}` {problem}{said}",
            migration.name
        )))
    }

    /// The migration's task, which ECS shows for an hour after its end.
    async fn task(&self, cluster: &str, migration: &EndedMigration) -> Result<Option<Task>, StepError> {
        if migration.task.is_empty() {
            return Ok(None);
        }
        let described = self.ecs.describe_tasks().cluster(cluster).tasks(&migration.task);
        let doing = format!("read how the migration `{}` ended", migration.name);
        let described = described.send().await.map_err(|error| aws::failed(doing, error))?;
        Ok(described.tasks.unwrap_or_default().into_iter().next())
    }

    async fn log_of(
        &self,
        task: &Task,
        migration: &EndedMigration,
        step: &str,
    ) -> Result<Option<LogStream>, StepError> {
        let (Some(definition), Some(arn)) = (task.task_definition_arn(), task.task_arn()) else {
            return Ok(None);
        };
        let described = self.ecs.describe_task_definition().task_definition(definition);
        let doing = "read where the migration prints to";
        let described = described.send().await.map_err(|error| aws::failed(doing, error))?;
        let containers = described
            .task_definition
            .and_then(|definition| definition.container_definitions);
        let is_its_own = |container: &ContainerDefinition| container.name() == Some(&migration.container);
        let container = containers.unwrap_or_default().into_iter().find(is_its_own);
        Ok(container.and_then(|container| log_line::stream_of(&container, arn, step)))
    }

    /// Records when the migration ran, by the clock of ECS.
    async fn record_migration(
        &self,
        operation: &OperationId,
        name: &str,
        task: Option<&Task>,
        log: Option<&LogStream>,
        succeeded: bool,
    ) -> Result<(), StepError> {
        let now = Timestamp::now();
        let started = task.and_then(|task| task.started_at().or(task.created_at()));
        let stopped = task.and_then(Task::stopped_at);
        let step = Step {
            name: name.to_owned(),
            started_at: started.and_then(timestamp).unwrap_or(now),
            ended_at: Some(stopped.and_then(timestamp).unwrap_or(now)),
            status: if succeeded {
                StepStatus::Succeeded
            } else {
                StepStatus::Failed
            },
        };
        let change = |operation: &mut Operation| -> Result<(), IllegalTransition> {
            match operation.steps.iter_mut().find(|known| known.name == step.name) {
                Some(known) => known.clone_from(&step),
                None => operation.steps.push(step.clone()),
            }
            if let Some(log) = log.filter(|log| !operation.logs.contains(log)) {
                operation.logs.push(log.clone());
            }
            Ok(())
        };
        self.store.update_operation(operation, change).await?;
        Ok(())
    }
}

/// What is wrong with how a migration ended, as words that follow its name.
fn problem(migration: &EndedMigration, task: Option<&Task>) -> Option<String> {
    if migration.error == "States.Timeout" {
        let seconds = migration.timeout_seconds;
        return Some(format!("did not end within {seconds} seconds, and was stopped"));
    }
    let Some(task) = task else {
        return Some(match migration.error.as_str() {
            "" => "ended, and ECS does not know its task any more".to_owned(),
            error => format!("could not be started: {}", why_not_started(error, &migration.cause)),
        });
    };
    let container = task
        .containers()
        .iter()
        .find(|container| container.name() == Some(&migration.container));
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
