//! The last line that a container printed.

use aws_sdk_cloudwatchlogs::Error as LogsError;
use aws_sdk_ecs::types::{ContainerDefinition, LogDriver, Task};
use slipway_model::error_chain::chain;
use slipway_model::operation::LogStream;
use slipway_model::secret::Secrets;

use crate::error::cut;
use crate::stack_account::StackAccount;
use crate::{StepError, aws};

/// How many of the last lines are looked through for one that says something.
const LINES: i32 = 20;

/// The most characters of a log line in a message.
const LINE_LENGTH: usize = 500;

/// The line as a failure quotes it behind what happened: a program says it, and not Slipway.
pub(crate) fn quoted(line: Option<String>) -> String {
    line.map(|line| format!("; last line of its log: \"{line}\""))
        .unwrap_or_default()
}

/// Where a container of a task prints to, if that is CloudWatch Logs: ECS names the stream
/// `prefix/container name/task id`.
pub(crate) fn stream_of(container: &ContainerDefinition, task_arn: &str, step: &str) -> Option<LogStream> {
    let configuration = container.log_configuration()?;
    if configuration.log_driver() != &LogDriver::Awslogs {
        return None;
    }
    let options = configuration.options()?;
    let (_, task) = task_arn.rsplit_once('/')?;
    Some(LogStream {
        step: step.to_owned(),
        group: options.get("awslogs-group")?.clone(),
        stream: format!("{}/{}/{task}", options.get("awslogs-stream-prefix")?, container.name()?),
        in_segments: false,
    })
}

impl StackAccount {
    /// Where a container of a task prints to, if that is CloudWatch Logs.
    pub(crate) async fn log_of(
        &self,
        task: &Task,
        container: &str,
        step: &str,
    ) -> Result<Option<LogStream>, StepError> {
        let (Some(definition), Some(arn)) = (task.task_definition_arn(), task.task_arn()) else {
            return Ok(None);
        };
        let container = self.container_of(definition, container).await?;
        Ok(container.and_then(|container| stream_of(&container, arn, step)))
    }

    /// A container of a task definition, by its name.
    pub(crate) async fn container_of(
        &self,
        definition: &str,
        container: &str,
    ) -> Result<Option<ContainerDefinition>, StepError> {
        let described = self.ecs.describe_task_definition().task_definition(definition);
        let doing = "read where the task prints to";
        let described = Box::pin(described.send())
            .await
            .map_err(|error| aws::failed(doing, error))?;
        let containers = described
            .task_definition
            .and_then(|definition| definition.container_definitions);
        let is_its_own = |own: &ContainerDefinition| own.name() == Some(container);
        Ok(containers.unwrap_or_default().into_iter().find(is_its_own))
    }

    /// The last line of a stream that is not empty. Never fails: a failure is reported without it rather than not at all.
    pub(crate) async fn last_log_line(&self, log: &LogStream, secrets: &Secrets) -> Option<String> {
        let lines = self.last_log_lines(log, LINES).await;
        let mut lines = lines
            .iter()
            .rev()
            // Before it is cut, which could cut a secret in two.
            .map(|line| cut(&secrets.hide(line.trim()), LINE_LENGTH));
        lines.find(|line| !line.is_empty())
    }

    /// The last lines of a stream, oldest first; none if it cannot be read. A container that never started has no stream: its log is
    /// empty.
    pub(crate) async fn last_log_lines(&self, log: &LogStream, lines: i32) -> Vec<String> {
        let events = self
            .logs
            .get_log_events()
            .log_group_name(&log.group)
            .log_stream_name(&log.stream);
        let read = events.start_from_head(false).limit(lines).send().await;
        match read.map_err(LogsError::from) {
            Ok(found) => {
                let events = found.events.unwrap_or_default().into_iter();
                events.filter_map(|event| event.message).collect()
            }
            Err(LogsError::ResourceNotFoundException(_)) => Vec::new(),
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(group = log.group, stream = log.stream, error, "failed to read a log");
                Vec::new()
            }
        }
    }
}
