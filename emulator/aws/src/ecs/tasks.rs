//! The calls on tasks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::definition::{Container, Pair};
use super::task::{Override, StopCode, Task};
use super::{Ecs, Shared, TASK, client_error, invalid_parameter, short_name};
use crate::wire::{AwsError, arn, input};

const TOKEN: &str = "ecs-run-task-token";

/// What AWS takes in one call.
const MOST_TASKS: usize = 100;
const MOST_STARTED: u32 = 10;
/// The most characters of the overrides of a task, as JSON: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>.
const MOST_OVERRIDES: usize = 8_192;

/// Members of `RunTask` that mean nothing on this machine.
const IGNORED: [&str; 9] = [
    "capacityProviderStrategy",
    "enableECSManagedTags",
    "launchType",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "tags",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunInput {
    cluster: Option<String>,
    task_definition: String,
    count: Option<u32>,
    group: Option<String>,
    started_by: Option<String>,
    client_token: Option<String>,
    #[serde(default)]
    overrides: Overrides,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Overrides {
    container_overrides: Vec<ContainerOverride>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerOverride {
    name: String,
    command: Option<Vec<String>>,
    #[serde(default)]
    environment: Vec<Pair>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Token {
    request: Value,
    tasks: Vec<String>,
}

#[derive(Deserialize)]
struct StopInput {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct DescribeInput {
    cluster: Option<String>,
    tasks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListInput {
    cluster: Option<String>,
    family: Option<String>,
    service_name: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
}

impl Ecs {
    pub(super) fn run_task(&self, body: &Value) -> Result<Value, AwsError> {
        let run: RunInput = input(body.clone())?;
        if let Some(other) = run.rest.keys().find(|name| !IGNORED.contains(&name.as_str())) {
            return Err(invalid_parameter(format!(
                "{other}: this emulator does not support it."
            )));
        }
        let count = run.count.unwrap_or(1);
        if !(1..=MOST_STARTED).contains(&count) {
            return Err(invalid_parameter("count: 1 to 10 are taken."));
        }
        let cluster = self.shared.cluster(run.cluster.as_deref())?;
        let revision = self.shared.active_revision(&run.task_definition)?;
        let definition = revision.definition()?;
        let characters = body["overrides"].to_string().chars().count();
        if characters > MOST_OVERRIDES {
            return Err(invalid_parameter(format!(
                "Container Overrides length must be at most {MOST_OVERRIDES}"
            )));
        }
        let override_ = run.overrides.of(definition.container())?;
        let token = run.client_token.map(|token| format!("{cluster}/{token}"));
        let tasks: Vec<Task> = (0..count)
            .map(|_| {
                let group = run.group.clone();
                let group = group.unwrap_or_else(|| format!("family:{}", revision.family));
                let mut task = Task::new(&cluster, revision.arn(), group, definition.container());
                task.started_by.clone_from(&run.started_by);
                task.override_ = override_.clone();
                task
            })
            .collect();
        let known = self.shared.host.ledger.transaction(|ledger| {
            if let Some(token) = &token {
                if let Some(known) = ledger.get::<Token>(TOKEN, token)? {
                    return Ok::<_, AwsError>(Some(known));
                }
                let tasks = tasks.iter().map(Task::key).collect();
                let request = body.clone();
                ledger.put(TOKEN, token, &Token { request, tasks })?;
            }
            for task in &tasks {
                ledger.put(TASK, &task.key(), task)?;
            }
            Ok(None)
        })?;
        let tasks = match known {
            Some(known) if known.request != *body => {
                return Err(AwsError::new(
                    "ConflictException",
                    "The clientToken was used with other parameters.",
                ));
            }
            Some(known) => {
                let known = known.tasks.iter();
                let known = known.map(|key| self.shared.host.ledger.get::<Task>(TASK, key));
                known.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?
            }
            None => {
                for task in &tasks {
                    self.shared.launch(task.clone(), None, None);
                }
                tasks
            }
        };
        Ok(json!({"tasks": tasks.iter().map(Task::to_json).collect::<Vec<_>>(), "failures": []}))
    }

    pub(super) fn stop_task(&self, body: Value) -> Result<Value, AwsError> {
        let stop: StopInput = input(body)?;
        let cluster = self.shared.cluster(stop.cluster.as_deref())?;
        let task = self.shared.task(&cluster, &stop.task)?;
        let task = task.ok_or_else(|| invalid_parameter("The referenced task was not found."))?;
        let reason = stop.reason.unwrap_or_else(|| "Task stopped by user".to_owned());
        let task = self
            .shared
            .request_stop(&task.key(), StopCode::UserInitiated, &reason)?;
        let task = task.ok_or_else(|| invalid_parameter("The referenced task was not found."))?;
        Ok(json!({"task": task.to_json()}))
    }

    pub(super) fn describe_tasks(&self, body: Value) -> Result<Value, AwsError> {
        let describe: DescribeInput = input(body)?;
        let cluster = self.shared.cluster(describe.cluster.as_deref())?;
        if describe.tasks.is_empty() || describe.tasks.len() > MOST_TASKS {
            return Err(invalid_parameter("tasks: 1 to 100 are taken."));
        }
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for reference in describe.tasks {
            if let Some(task) = self.shared.task(&cluster, &reference)? {
                tasks.push(task.to_json());
            } else {
                let missing = arn("ecs", &format!("task/{cluster}/{}", task_id(&reference)));
                failures.push(json!({"arn": missing, "reason": "MISSING"}));
            }
        }
        Ok(json!({"tasks": tasks, "failures": failures}))
    }

    pub(super) fn list_tasks(&self, body: Value) -> Result<Value, AwsError> {
        let list: ListInput = input(body)?;
        let cluster = self.shared.cluster(list.cluster.as_deref())?;
        let status = list.desired_status.as_deref().unwrap_or("RUNNING");
        let service = list.service_name.as_deref().map(|name| short_name(name, "service"));
        let service = service.map(|name| name.rsplit('/').next().unwrap_or(name));
        let mut tasks = self.shared.tasks_of(&cluster)?;
        tasks.retain(|task| {
            let family = list.family.as_ref();
            task.desired_status() == status
                && service.is_none_or(|service| task.service.as_deref() == Some(service))
                && family.is_none_or(|family| task.definition.contains(&format!("/{family}:")))
                && (list.started_by.is_none() || task.started_by == list.started_by)
        });
        let arns: Vec<_> = tasks.iter().map(Task::arn).collect();
        Ok(json!({"taskArns": arns}))
    }

    /// Waits until a task has stopped, and returns it as `DescribeTasks` does.
    pub async fn stopped(&self, cluster: &str, task_arn: &str) -> Result<Value, AwsError> {
        let mut changes = self.shared.host.ledger.changes(TASK);
        let cluster = self.shared.cluster(Some(cluster))?;
        loop {
            let task = self.shared.task(&cluster, task_arn)?;
            let task = task.ok_or_else(|| invalid_parameter("The referenced task was not found."))?;
            if task.is_stopped() {
                return Ok(task.to_json());
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

impl Overrides {
    /// What applies to the container; an override of another one, or of something else, is refused.
    fn of(self, container: &Container) -> Result<Override, AwsError> {
        let ignored = ["cpu", "memory", "taskRoleArn", "executionRoleArn"];
        let mut result = Override::default();
        for other in self.container_overrides {
            if other.name != container.name {
                return Err(invalid_parameter(format!(
                    "Override for container named {} is not a container in the TaskDefinition.",
                    other.name
                )));
            }
            if let Some(name) = other.rest.keys().find(|name| !ignored.contains(&name.as_str())) {
                return Err(invalid_parameter(format!(
                    "containerOverrides.{name}: this emulator does not support it."
                )));
            }
            result.command = other.command.filter(|command| !command.is_empty()).or(result.command);
            result.environment.extend(other.environment);
        }
        match self.rest.keys().find(|name| !ignored.contains(&name.as_str())) {
            Some(name) => Err(client_error(format!(
                "overrides.{name}: this emulator does not support it."
            ))),
            None => Ok(result),
        }
    }
}

impl Shared {
    /// The task of the cluster that an id or an ARN names.
    pub(super) fn task(&self, cluster: &str, reference: &str) -> Result<Option<Task>, AwsError> {
        let key = format!("{cluster}/{}", task_id(reference));
        Ok(self.host.ledger.get::<Task>(TASK, &key)?)
    }
}

/// The id in an id or an ARN.
fn task_id(reference: &str) -> &str {
    short_name(reference, "task").rsplit('/').next().unwrap_or_default()
}
