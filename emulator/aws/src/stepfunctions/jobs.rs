//! Builds and ECS tasks that a `.sync` task waits for: started once, followed by their ids, stopped when no task waits.

use asl_interpreter::TaskId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::StepFunctions;
use super::driver::stop_id;
use super::integrations::{Failure, with_metadata};
use super::key_case::{Times, from_wire, to_wire};
use super::records::STOP;
use crate::error::chain;
use crate::ledger::LedgerError;

/// What a `.sync` task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// A CodeBuild build.
    Build {
        /// `project:uuid`.
        id: String,
    },
    /// ECS tasks: one, unless the state asked for more.
    Tasks {
        /// The ARN of their cluster.
        cluster: String,
        /// Their ARNs.
        arns: Vec<String>,
    },
}

/// The token by which CodeBuild and ECS know that a start is the same one again: an attempt of a task has one, so a
/// crash between the start and its record cannot start two.
fn idempotency_token(execution: &str, task: TaskId) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(stop_id(execution, task)))
}

impl StepFunctions {
    /// `codebuild:startBuild.sync`, up to the answer of `StartBuild`.
    pub(super) async fn start_build(
        &self,
        execution: &str,
        task: TaskId,
        arguments: &Value,
    ) -> Result<(Value, Job), Failure> {
        let mut body = to_wire(arguments);
        set_default(&mut body, "idempotencyToken", idempotency_token(execution, task))?;
        let answer = (self.shared.services.codebuild)("StartBuild".to_owned(), body).await;
        let answer = answer.map_err(|error| Failure::optimized("CodeBuild", "AWSCodeBuild", &error))?;
        let id = text(&answer["build"]["id"]);
        Ok((
            with_metadata(from_wire(&answer, Times::Milliseconds)),
            Job::Build { id },
        ))
    }

    /// `ecs:runTask.sync`, up to the answer of `RunTask`. An answer with failures is a failure even when it came with
    /// status 200.
    pub(super) async fn run_tasks(
        &self,
        execution: &str,
        task: TaskId,
        arguments: &Value,
    ) -> Result<(Value, Job), Failure> {
        let mut body = to_wire(arguments);
        set_default(&mut body, "clientToken", idempotency_token(execution, task))?;
        let answer = (self.shared.services.ecs)("RunTask".to_owned(), body).await;
        let answer = answer.map_err(|error| Failure::optimized("ECS", "AmazonECS", &error))?;
        let started: Vec<&Value> = answer["tasks"].as_array().into_iter().flatten().collect();
        let job = Job::Tasks {
            cluster: started
                .first()
                .map(|task| text(&task["clusterArn"]))
                .unwrap_or_default(),
            arns: started.iter().map(|task| text(&task["taskArn"])).collect(),
        };
        let output = from_wire(&answer, Times::Milliseconds);
        let failures = answer["failures"]
            .as_array()
            .is_some_and(|failures| !failures.is_empty());
        if failures || started.is_empty() {
            if !started.is_empty() {
                self.stop_unwritten(execution, task, job);
            }
            return Err(Failure::new("AmazonECS.Unknown", output.to_string()));
        }
        Ok((with_metadata(output), job))
    }

    /// Waits for the end of a job and gives the result of its task.
    pub(super) async fn follow(&self, job: &Job) -> Result<Value, Failure> {
        let services = &self.shared.services;
        match job {
            Job::Build { id } => {
                let build = (services.build_finished)(id.clone()).await;
                let build = build.map_err(|error| Failure::optimized("CodeBuild", "AWSCodeBuild", &error))?;
                let succeeded = build["buildStatus"] == "SUCCEEDED";
                let result = json!({"Build": from_wire(&build, Times::Milliseconds)});
                if succeeded {
                    Ok(result)
                } else {
                    Err(Failure::new("States.TaskFailed", result.to_string()))
                }
            }
            Job::Tasks { cluster, arns } => {
                let stopped = arns
                    .iter()
                    .map(|arn| (services.task_stopped)(cluster.clone(), arn.clone()));
                let tasks = try_join_all(stopped).await;
                let tasks = tasks.map_err(|error| Failure::optimized("ECS", "AmazonECS", &error))?;
                let failed = tasks.iter().find(|task| !succeeded(task));
                let shown = from_wire(failed.or(tasks.first()).unwrap_or(&Value::Null), Times::Milliseconds);
                match failed {
                    None => Ok(shown),
                    Some(_) => Err(Failure::new("States.TaskFailed", shown.to_string())),
                }
            }
        }
    }

    /// Stops a job; the ledger says already that it is to be stopped.
    pub(super) fn stop(&self, execution: &str, task: TaskId, job: Job) {
        let (service, id) = (self.clone(), stop_id(execution, task));
        self.spawn(async move { service.stop_now(&id, &job).await });
    }

    /// Stops a job of which the ledger does not know yet.
    pub(super) fn stop_unwritten(&self, execution: &str, task: TaskId, job: Job) {
        if let Err(error) = self.shared.ledger.put(STOP, &stop_id(execution, task), &job) {
            tracing::error!(execution, error = %chain(&error), "cannot write that a job is to be stopped");
        }
        self.stop(execution, task, job);
    }

    /// Goes on with the stops that were not carried out.
    pub(super) fn recover_stops(&self) -> Result<(), LedgerError> {
        for (id, job) in self.shared.ledger.list::<Job>(STOP)? {
            let service = self.clone();
            self.spawn(async move { service.stop_now(&id, &job).await });
        }
        Ok(())
    }

    async fn stop_now(&self, id: &str, job: &Job) {
        let services = &self.shared.services;
        let outcomes = match job {
            Job::Build { id } => vec![(services.codebuild)("StopBuild".to_owned(), json!({"id": id})).await],
            Job::Tasks { cluster, arns } => {
                let mut outcomes = Vec::new();
                for arn in arns {
                    let body = json!({"cluster": cluster, "task": arn, "reason": "Its Step Functions task ended"});
                    outcomes.push((services.ecs)("StopTask".to_owned(), body).await);
                }
                outcomes
            }
        };
        // A refusal (it has ended already, it is not known) is an end too. Only a failure of the service is tried
        // again, at the next start.
        if let Some(error) = outcomes
            .iter()
            .filter_map(|it| it.as_ref().err())
            .find(|it| it.status.is_server_error())
        {
            tracing::error!(%error, id, "failed to stop a job that no task waits for");
        } else if let Err(error) = self.shared.ledger.delete(STOP, id) {
            tracing::error!(error = %chain(&error), id, "cannot write that a job was stopped");
        }
    }
}

/// A task has succeeded when every container says so: a missing exit code is no success.
fn succeeded(task: &Value) -> bool {
    let containers = task["containers"].as_array();
    task["stopCode"] != "TaskFailedToStart"
        && containers.is_some_and(|all| !all.is_empty() && all.iter().all(|container| container["exitCode"] == 0))
}

fn set_default(body: &mut Value, name: &str, value: String) -> Result<(), Failure> {
    let members = body.as_object_mut().ok_or_else(|| {
        Failure::new(
            "States.Runtime",
            "The Arguments of a service integration must be an object.".to_owned(),
        )
    })?;
    members.entry(name).or_insert(Value::String(value));
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
