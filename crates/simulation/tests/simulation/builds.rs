//! CodeBuild, and in each build a runner: it writes what the real one writes, in the same order, around a Terraform that takes time.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl_interpreter::{Event, TaskId};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::runner::{Phase, Runner};
use crate::wire::Answer;
use crate::world::World;

/// All builds, by ID.
#[derive(Debug, Default)]
pub struct Builds(BTreeMap<String, Build>);

#[derive(Debug)]
struct Build {
    status: &'static str,
    works: Option<AbortHandle>,
    /// The state that waits for its end.
    waits: Option<oneshot::Sender<()>>,
}

impl Builds {
    pub fn is_running(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|build| build.status == "IN_PROGRESS")
    }

    pub fn running(&self) -> usize {
        self.0.values().filter(|build| build.status == "IN_PROGRESS").count()
    }
}

impl World {
    pub fn of_builds(self: &Arc<Self>, action: &str, body: &Value) -> Answer {
        match action {
            "BatchGetBuilds" => {
                let ids = body["ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let builds = self.builds();
                let found = ids.filter_map(|id| Some((id, builds.0.get(id)?.status)));
                let found: Vec<Value> = found
                    .map(|(id, status)| json!({"id": id, "buildStatus": status}))
                    .collect();
                (200, json!({"builds": found}).to_string())
            }
            "StopBuild" => {
                let id = body["id"].as_str().unwrap_or_default();
                self.end_build(id, "STOPPED");
                (200, json!({"build": {"id": id, "buildStatus": "STOPPED"}}).to_string())
            }
            other => panic!("CodeBuild has no {other}"),
        }
    }

    /// A state that runs a build and waits for its end.
    pub async fn run_build(self: &Arc<Self>, execution: &str, task: TaskId, arguments: &Value) {
        let (latency, twice) =
            self.draw(|faults, chance| (faults.latency(chance), chance.happens(faults.builds_twice)));
        sleep(latency).await;
        if twice {
            // The answer of the first `StartBuild` is lost, and it is repeated.
            drop(self.start_build(arguments));
        }
        let (id, ended) = self.start_build(arguments);
        self.executions().wait_for_build(execution, task, &id);
        self.deliver(
            execution,
            Event::TaskSubmitted {
                task,
                output: json!({"Build": {"Arn": id}}),
            },
        );
        // A build that is stopped ends as well.
        let _ = ended.await;
        let delay = self.chance(|chance| chance.millis(100, 20_000));
        sleep(delay).await;
        let status = self.builds().0.get(&id).map_or("FAULT", |build| build.status);
        let output = json!({"Build": {"Arn": id, "Id": id, "BuildStatus": status}});
        let event = if status == "SUCCEEDED" {
            Event::TaskSucceeded { task, output }
        } else {
            Event::TaskFailed {
                task,
                error: Some("States.TaskFailed".to_owned()),
                cause: Some(output.to_string()),
            }
        };
        self.deliver(execution, event);
    }

    fn start_build(self: &Arc<Self>, arguments: &Value) -> (String, oneshot::Receiver<()>) {
        let variables = arguments["EnvironmentVariablesOverride"]
            .as_array()
            .into_iter()
            .flatten();
        let variables: BTreeMap<&str, &str> = variables
            .filter_map(|variable| Some((variable["Name"].as_str()?, variable["Value"].as_str()?)))
            .collect();
        let id = format!("slipway-runner:{:04}", self.builds().0.len());
        let runner = Runner {
            world: Arc::clone(self),
            store: self.functions().build,
            build: id.clone(),
            operation: variables["SLIPWAY_OPERATION"].parse().expect("an operation"),
            stack: variables["SLIPWAY_STACK"].parse().expect("a stack"),
        };
        let phase = if variables["SLIPWAY_PHASE"] == "plan" {
            Phase::Plan
        } else {
            Phase::Apply
        };
        let (provisioning, dies) = self.draw(|faults, chance| {
            let dies = chance.happens(faults.builds_die).then(|| chance.seconds(1, 200));
            (chance.seconds(5, 90), dies)
        });
        let world = Arc::clone(self);
        let build = id.clone();
        let works = tokio::spawn(async move {
            sleep(provisioning).await;
            let status = if Box::pin(runner.run(phase)).await {
                "SUCCEEDED"
            } else {
                "FAILED"
            };
            world.end_build(&build, status);
        });
        if let Some(after) = dies {
            let (world, build) = (Arc::clone(self), id.clone());
            tokio::spawn(async move {
                sleep(after).await;
                world.end_build(&build, "FAULT");
            });
        }
        let (waits, ended) = oneshot::channel();
        let build = Build {
            status: "IN_PROGRESS",
            works: Some(works.abort_handle()),
            waits: Some(waits),
        };
        self.builds().0.insert(id.clone(), build);
        self.note(&format!("{id} starts {}", variables["SLIPWAY_PHASE"]));
        (id, ended)
    }

    /// Ends a build, if it runs, and what is at work in it.
    pub fn end_build(&self, id: &str, status: &'static str) {
        let mut builds = self.builds();
        let Some(build) = builds.0.get_mut(id).filter(|build| build.status == "IN_PROGRESS") else {
            return;
        };
        build.status = status;
        let (works, waits) = (build.works.take(), build.waits.take());
        drop(builds);
        self.note(&format!("{id} {status}"));
        if !matches!(status, "SUCCEEDED" | "FAILED")
            && let Some(works) = works
        {
            works.abort();
        }
        self.states().kill(id);
        if let Some(waits) = waits {
            // An error means that nothing waits.
            let _ = waits.send(());
        }
    }
}
