//! What the demo promises, checked from outside: over the application's own HTTP and over the AWS APIs.

use std::fmt::Debug;
use std::time::Duration;

use serde_json::{Value, json};
use slipway_api_types::Operation;

use super::story::StackRecord;
use crate::client::Client;
use crate::command::aws;
use crate::error::Error;
use crate::server::LocalAws;

/// How often the demo looks whether an execution has ended, and how long it waits between: ten seconds together.
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Ends the demo with an error unless what it promised is so.
pub fn expect(holds: bool, promise: &str, seen: &impl Debug) -> Result<(), Error> {
    if holds {
        return Ok(());
    }
    Err(Error::Demo(format!("it promised that {promise}, and saw {seen:?}")))
}

/// Writes a line into the guestbook.
pub async fn write_line(url: &str, line: &Value) -> Result<(), Error> {
    let answer = reqwest::Client::new()
        .post(format!("{url}/entries"))
        .json(line)
        .send()
        .await;
    match answer.map(reqwest::Response::error_for_status) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) | Err(error) => Err(Error::Demo(format!("the guestbook did not take a line: {error}"))),
    }
}

/// The guestbook's entries, and which release answered.
pub async fn entries(url: &str) -> Result<Value, Error> {
    let failed = |error: reqwest::Error| Error::Demo(format!("the guestbook did not answer: {error}"));
    let answer = reqwest::get(format!("{url}/entries")).await.map_err(failed)?;
    answer.json().await.map_err(failed)
}

/// What must not change when a release fails before its rollout.
#[derive(Debug, PartialEq)]
pub struct Services {
    task_definition: Value,
    desired: Value,
    running: Value,
    tasks: Vec<Value>,
}

impl Services {
    /// Reads it from ECS.
    pub async fn read(endpoint: &LocalAws, stack: &StackRecord) -> Result<Self, Error> {
        let service = service(endpoint, stack).await?;
        let tasks = tasks(
            endpoint,
            &json!({ "cluster": stack.id, "serviceName": service["serviceName"] }),
        )
        .await?;
        let mut arns: Vec<Value> = tasks.iter().map(|task| task["taskArn"].clone()).collect();
        arns.sort_by_key(ToString::to_string);
        Ok(Self {
            task_definition: service["taskDefinition"].clone(),
            desired: service["desiredCount"].clone(),
            running: service["runningCount"].clone(),
            tasks: arns,
        })
    }
}

async fn service(endpoint: &LocalAws, stack: &StackRecord) -> Result<Value, Error> {
    let request = json!({ "cluster": stack.id, "services": [format!("{}-web", stack.id)] });
    let answer = aws::send(endpoint, "ecs", "DescribeServices", &request).await?;
    Ok(answer["services"][0].clone())
}

/// The tasks that a request to list tasks finds, described.
async fn tasks(endpoint: &LocalAws, request: &Value) -> Result<Vec<Value>, Error> {
    let listed = aws::send(endpoint, "ecs", "ListTasks", request).await?;
    if listed["taskArns"].as_array().is_none_or(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let request = json!({ "cluster": request["cluster"], "tasks": listed["taskArns"] });
    let described = aws::send(endpoint, "ecs", "DescribeTasks", &request).await?;
    Ok(described["tasks"].as_array().cloned().unwrap_or_default())
}

/// Compares the clocks of ECS: when the release's migration stopped, and when the first task of its service started.
pub async fn migration_came_first(endpoint: &LocalAws, stack: &StackRecord, image: &str) -> Result<String, Error> {
    let stopped = tasks(endpoint, &json!({ "cluster": stack.id, "desiredStatus": "STOPPED" })).await?;
    let running = tasks(
        endpoint,
        &json!({ "cluster": stack.id, "serviceName": format!("{}-web", stack.id) }),
    )
    .await?;
    let of_release = |task: &&Value| task["containers"][0]["image"] == image;
    let is_service = |task: &&Value| {
        task["group"]
            .as_str()
            .is_some_and(|group| group.starts_with("service:"))
    };
    let migration = stopped.iter().filter(of_release).find(|task| !is_service(task));
    let ended = migration.and_then(|task| task["stoppedAt"].as_f64());
    let started = running
        .iter()
        .filter(of_release)
        .filter_map(|task| task["startedAt"].as_f64())
        .reduce(f64::min);
    match (ended, started) {
        (Some(ended), Some(started)) if ended <= started => Ok(format!(
            "the migration ended {:.3} s before the first new task started",
            started - ended
        )),
        seen => Err(Error::Demo(format!(
            "it promised that the migration ends before the first new task starts, and saw {seen:?}"
        ))),
    }
}

/// The cause with which the operation's execution ended FAILED. The execution ends a moment after its last step has
/// recorded the operation's end.
pub async fn execution_failed(endpoint: &LocalAws, operation: &Operation) -> Result<String, Error> {
    let request = json!({ "executionArn": operation.execution_arn });
    for _ in 0..LOOKS {
        let execution = aws::send(endpoint, "stepfunctions", "DescribeExecution", &request).await?;
        if execution["status"] != "RUNNING" {
            expect(
                execution["status"] == "FAILED",
                "the execution is FAILED",
                &execution["status"],
            )?;
            return Ok(execution["cause"].as_str().unwrap_or_default().to_owned());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err(Error::Demo(format!("the execution of {} does not end", operation.id)))
}

/// Verifies that a destroy leaves nothing: no service, task, address, Terraform state or name.
pub async fn nothing_is_left(client: &Client, endpoint: &LocalAws, stack: &StackRecord) -> Result<String, Error> {
    let record: Value = client.get(&format!("/v1/stacks/{}", stack.id)).await?;
    expect(
        record["status"] == "destroyed",
        "the stack is destroyed",
        &record["status"],
    )?;
    let clusters = aws::send(endpoint, "ecs", "DescribeClusters", &json!({ "clusters": [stack.id] })).await?;
    let active = clusters["clusters"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|cluster| cluster["status"] == "ACTIVE");
    expect(!active, "the cluster is deleted", &clusters)?;
    let answer = reqwest::get(format!("{}/healthz", stack.url)).await;
    expect(answer.is_err(), "nothing answers at the guestbook's address", &answer)?;
    let volumes = client.get::<Value>("/v1/environments/local").await?;
    let folder = volumes["variables"]["volumes"]
        .as_str()
        .map(|folder| std::path::Path::new(folder).join(&stack.id));
    expect(
        folder.as_ref().is_some_and(|folder| !folder.exists()),
        "the database's folder is deleted",
        &folder,
    )?;
    let live = client.list("/v1/stacks", &[]).await?;
    expect(live.is_empty(), "no stack is listed", &live)?;
    Ok("no cluster, no task, no address, no database, no stack in the list".to_owned())
}
