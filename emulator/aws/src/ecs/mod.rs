//! ECS: tasks and services as processes.
//!
//! A task is one supervised process ([`crate::process`]) in a folder of its own, `tasks/<id>/work`: links to the files
//! of its image, and a link to every volume at its `containerPath`. It gets the image's environment, the definition's,
//! the overrides, `PORT` when it has a port mapping, a minimal `PATH` and `HOME`; nothing of the server's.
//!
//! **Ports.** Every task listens on a port of its own, which is in its variable `PORT`. In front of a service's tasks is one
//! port that stays the same for the service's life: `hostPort` of its first task definition's first port mapping, as
//! for a container on a host of one's own; with no `hostPort`, or 0, it is a free port. `DescribeServices` shows it in
//! `loadBalancers[0].loadBalancerName` as `127.0.0.1:PORT`. A service may be created without a task definition as long
//! as it has no tasks; its port is then opened with the first one. A port in use is refused, and so is a later
//! definition that asks for another port.
//!
//! **Volumes.** `host.sourcePath` is a folder of this machine. A volume without one belongs to the cluster: the tasks
//! that name it share it, it outlives them, and it goes when the cluster is deleted.
//!
//! **Rollouts** are ECS's rolling update, decided by a pure function ([`rollout::plan`]): new tasks start as far as
//! `maximumPercent` allows, join the front when they are healthy, and only then do old ones leave it; a task that
//! leaves finishes its open connections before it gets SIGTERM. The circuit breaker counts failures in a row as AWS
//! does. A service that was created with a `loadBalancerName` stands for one behind a Classic Load Balancer: it is deployed as
//! any other, and its deployments have no `rolloutState`, as on AWS
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
//!
//! **Progressive deployments** (`BLUE_GREEN`, `LINEAR`, `CANARY`) go through ECS's lifecycle stages ([`shift`]), with PAUSE hooks and
//! bake times. The front sends requests to two sets of tasks by weight: the shares are exact, counted in connections. An alarm of the
//! configuration that rings, `StopServiceDeployment` and a pause that ends so send all requests back at once. The first deployment of a
//! service shifts nothing. There is no test listener, and there are no hooks that call functions.
//!
//! Three things differ from AWS on purpose: `DeleteService` answers when the last task has stopped; a change of
//! `desiredCount` makes the deployment `IN_PROGRESS` until it is reached; and after a failed deployment any
//! `UpdateService` begins a new one.
//!
//! **When the server ends.** After a `kill -9` all tasks go on, the next server adopts them and opens the same ports.
//! On an orderly shutdown ([`Ecs::shutdown`]) the tasks of services are stopped, and start again with the next server;
//! one-off tasks are left to finish, because a migration is better not cut short, and their end is seen by the next
//! server.

mod clusters;
mod definition;
mod health;
mod images;
mod load_balancer;
mod rollout;
mod scheduler;
mod service;
mod service_deployments;
mod services;
mod shift;
mod stop;
mod strategy;
mod supervise;
mod task;
mod task_definitions;
mod tasks;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use self::images::Images;
pub use self::images::{ImageSource, Manifest};
use self::scheduler::{Message, Scheduler};
use self::service::Service;
pub use self::supervise::PATH;
use self::task::Task;
use crate::error::chain;
use crate::folders::{self, FolderError};
use crate::host::Host;
use crate::ledger::LedgerError;
use crate::process::{Process, ProcessError};
use crate::secrets::Secrets;
use crate::wire::AwsError;

const SERVICE: &str = "ecs-service";
const TASK: &str = "ecs-task";

/// A reason why ECS cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EcsError {
    /// The data folder is not usable.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A service's port is taken by another program.
    #[error("cannot listen on port {port} for the service {service}")]
    Port {
        /// The service.
        service: String,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process of an earlier run could not be taken over.
    #[error("cannot take over the task {task}")]
    Adopt {
        /// Its id.
        task: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The ECS service.
#[derive(Clone)]
pub struct Ecs {
    shared: Arc<Shared>,
}

struct Shared {
    folders: Folders,
    environment: BTreeMap<String, String>,
    images: Images,
    secrets: Secrets,
    host: Host,
    /// Requests the stop of a task, by its key.
    live: Mutex<HashMap<String, watch::Sender<bool>>>,
    /// The schedulers of services, by key.
    schedulers: Mutex<HashMap<String, mpsc::UnboundedSender<Message>>>,
}

struct Folders {
    tasks: PathBuf,
    volumes: PathBuf,
}

impl Ecs {
    /// ECS on a data folder; `environment` is the environment of every task besides its definition, as on AWS the region and where
    /// its credentials are. Call [`Ecs::recover`] next.
    pub fn new(host: &Host, environment: BTreeMap<String, String>, images: ImageSource) -> Result<Self, EcsError> {
        let folder = |name: &str| folders::make(&host.data.join(name));
        Ok(Self {
            shared: Arc::new(Shared {
                folders: Folders {
                    tasks: folder("tasks")?,
                    volumes: folder("volumes")?,
                },
                environment,
                images: Images::new(folder("images")?, images),
                secrets: Secrets::new(host.ledger.clone()),
                host: host.clone(),
                live: Mutex::default(),
                schedulers: Mutex::default(),
            }),
        })
    }

    /// One call of the wire API.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "CreateCluster" => self.create_cluster(body),
            "DeleteCluster" => self.delete_cluster(body),
            "DescribeClusters" => self.describe_clusters(body),
            "ListClusters" => self.list_clusters(),
            "RegisterTaskDefinition" => self.register_task_definition(body),
            "DeregisterTaskDefinition" => self.deregister_task_definition(body),
            "DescribeTaskDefinition" => self.describe_task_definition(body),
            "ListTaskDefinitions" => self.list_task_definitions(body),
            "RunTask" => self.run_task(&body),
            "StopTask" => self.stop_task(body),
            "DescribeTasks" => self.describe_tasks(body),
            "ListTasks" => self.list_tasks(body),
            "CreateService" => self.create_service(body).await,
            "UpdateService" => self.update_service(body).await,
            "DeleteService" => self.delete_service(body).await,
            "DescribeServices" => self.describe_services(body),
            "ListServices" => self.list_services(body),
            "ListServiceDeployments" => self.list_service_deployments(body),
            "DescribeServiceDeployments" => self.describe_service_deployments(body),
            "ContinueServiceDeployment" => self.continue_service_deployment(body).await,
            "StopServiceDeployment" => self.stop_service_deployment(body).await,
            "DescribeServiceRevisions" => self.describe_service_revisions(body),
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    /// Moves with every change of a service.
    pub fn service_changes(&self) -> watch::Receiver<u64> {
        self.shared.host.ledger.changes(SERVICE)
    }

    /// Takes over what an earlier server left: services get their ports and tasks back, one-off tasks are watched
    /// again.
    pub async fn recover(&self) -> Result<(), EcsError> {
        let mut of_services: HashMap<String, Vec<Task>> = HashMap::new();
        let mut tasks = self.shared.host.ledger.list::<Task>(TASK)?;
        tasks.retain(|(_, task)| !task.is_stopped());
        tasks.sort_by_key(|(_, task)| task.created_at);
        self.shared.remove_folders_except(&tasks);
        for (_, task) in tasks {
            if let Some(service) = &task.service {
                let key = format!("{}/{service}", task.cluster);
                of_services.entry(key).or_default().push(task);
            } else {
                let process = self.shared.adopt(&task)?;
                if process.is_none() {
                    // It was prepared and never started.
                    let _ = fs::remove_dir_all(self.shared.folders.tasks.join(&task.id));
                }
                self.shared.launch(task, process, None);
            }
        }
        for (key, service) in self.shared.host.ledger.list::<Service>(SERVICE)? {
            if service.exists() {
                let tasks = of_services.remove(&key).unwrap_or_default();
                Scheduler::start(&self.shared, service, tasks).await?;
            }
        }
        Ok(())
    }

    /// Whether a task runs or waits for its start.
    pub fn has_tasks(&self) -> Result<bool, EcsError> {
        let tasks = self.shared.host.ledger.list::<Task>(TASK)?;
        Ok(tasks.iter().any(|(_, task)| !task.is_stopped()))
    }

    /// Stops the tasks of all services and waits until they have ended. One-off tasks go on.
    pub async fn shutdown(&self) {
        let schedulers: Vec<_> = lock(&self.shared.schedulers).values().cloned().collect();
        let mut ends = Vec::new();
        for scheduler in schedulers {
            let (reply, end) = oneshot::channel();
            // One that has ended in the meantime has nothing to stop.
            if scheduler.send(Message::Shutdown(reply)).is_ok() {
                ends.push(end);
            }
        }
        futures::future::join_all(ends).await;
    }
}

impl Shared {
    /// Removes the folders of tasks that had stopped when the last server ended before it could tidy up.
    fn remove_folders_except(&self, live: &[(String, Task)]) {
        for folder in fs::read_dir(&self.folders.tasks).into_iter().flatten().flatten() {
            if !live.iter().any(|(_, task)| *task.id == *folder.file_name()) {
                let _ = fs::remove_dir_all(folder.path());
            }
        }
    }

    /// The process of a task that an earlier server started.
    fn adopt(&self, task: &Task) -> Result<Option<Process>, EcsError> {
        let process = self.host.supervisor.adopt(&self.folders.tasks.join(&task.id));
        process.map_err(|source| EcsError::Adopt {
            task: task.id.clone(),
            source,
        })
    }

    fn announce(&self, detail_type: &str, resource: &str, detail: &Value) {
        let put = self
            .host
            .events
            .put("aws.ecs", detail_type, &[resource.to_owned()], detail);
        if let Err(error) = put {
            tracing::error!(resource, error = chain(&error), "cannot publish what happened");
        }
    }
}

/// What a name or an ARN says after `kind/`.
fn short_name<'a>(reference: &'a str, kind: &str) -> &'a str {
    match reference
        .starts_with("arn:")
        .then(|| reference.split_once(&format!(":{kind}/")))
    {
        Some(Some((_, name))) => name,
        _ => reference,
    }
}

/// Names of clusters, services and families. They are parts of keys and folders, so nothing else may be in them.
fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn client_error(message: impl Into<String>) -> AwsError {
    AwsError::new("ClientException", message)
}

fn invalid_parameter(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
