//! A task: its record in the ledger, and what AWS shows of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clusters::cluster_arn;
use super::definition::{Container, Pair};
use crate::wire::{arn, epoch_seconds};

/// Where a task is in its life, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum TaskStatus {
    Pending,
    Running,
    /// Out of its service's front; its open connections are finishing.
    Deactivating,
    Stopping,
    Stopped,
}

/// Why a task stopped, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StopCode {
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
    TaskFailedToStart,
}

/// What the health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

/// What `RunTask` puts over the definition for the one container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Override {
    pub(super) command: Option<Vec<String>>,
    #[serde(default)]
    pub(super) environment: Vec<Pair>,
}

/// One task, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) cluster: String,
    /// The ARN of the revision.
    pub(super) definition: String,
    /// `service:NAME` or `family:NAME`.
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    pub(super) service: Option<String>,
    pub(super) container: String,
    pub(super) image: String,
    pub(super) override_: Override,
    pub(super) status: TaskStatus,
    pub(super) is_to_stop: bool,
    pub(super) health: Health,
    /// The port of this machine that the process listens on, and the port that the definition calls it.
    pub(super) port: Option<(u16, u16)>,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) stopping_at: Option<Timestamp>,
    pub(super) stopped_at: Option<Timestamp>,
    pub(super) exit_code: Option<i32>,
    pub(super) stop_code: Option<StopCode>,
    pub(super) stopped_reason: Option<String>,
    /// Counts the changes, as AWS does.
    pub(super) version: u64,
}

impl Task {
    /// A task of this container that has not been started.
    pub(super) fn new(cluster: &str, definition: String, group: String, container: &Container) -> Self {
        Self {
            id: format!("{:032x}", rand::random::<u128>()),
            cluster: cluster.to_owned(),
            definition,
            group,
            started_by: None,
            service: None,
            container: container.name.clone(),
            image: container.image.clone(),
            override_: Override::default(),
            status: TaskStatus::Pending,
            is_to_stop: false,
            health: Health::Unknown,
            port: None,
            created_at: Timestamp::now(),
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            exit_code: None,
            stop_code: None,
            stopped_reason: None,
            version: 1,
        }
    }

    /// The key in the ledger: a cluster's tasks are next to each other.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.cluster, self.id)
    }

    pub(super) fn arn(&self) -> String {
        arn("ecs", &format!("task/{}/{}", self.cluster, self.id))
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.status == TaskStatus::Stopped
    }

    pub(super) fn is_running(&self) -> bool {
        self.status == TaskStatus::Running && !self.is_to_stop
    }

    pub(super) fn is_pending(&self) -> bool {
        self.status == TaskStatus::Pending && !self.is_to_stop
    }

    pub(super) fn desired_status(&self) -> &'static str {
        if self.is_to_stop || self.is_stopped() {
            "STOPPED"
        } else {
            "RUNNING"
        }
    }

    /// The task in the shape of AWS's API.
    pub(super) fn to_json(&self) -> Value {
        let mut overridden = json!({"name": self.container});
        if let Some(command) = &self.override_.command {
            overridden["command"] = json!(command);
        }
        if !self.override_.environment.is_empty() {
            overridden["environment"] = json!(self.override_.environment);
        }
        let mut task = json!({
            "taskArn": self.arn(),
            "clusterArn": cluster_arn(&self.cluster),
            "taskDefinitionArn": self.definition,
            "group": self.group,
            "launchType": "EXTERNAL",
            "connectivity": "CONNECTED",
            "lastStatus": self.status,
            "desiredStatus": self.desired_status(),
            "healthStatus": self.health,
            "containers": [self.container_json()],
            "overrides": {"containerOverrides": [overridden]},
            "attachments": [],
            "attributes": [],
            "tags": [],
            "createdAt": epoch_seconds(self.created_at),
            "version": self.version,
        });
        let times = [
            ("startedAt", self.started_at),
            ("stoppingAt", self.stopping_at),
            ("stoppedAt", self.stopped_at),
            ("executionStoppedAt", self.stopped_at),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                task[name] = epoch_seconds(time);
            }
        }
        if let Some(by) = &self.started_by {
            task["startedBy"] = json!(by);
        }
        if let Some(code) = self.stop_code {
            task["stopCode"] = json!(code);
        }
        if let Some(reason) = &self.stopped_reason {
            task["stoppedReason"] = json!(reason);
        }
        task
    }

    fn container_json(&self) -> Value {
        let status = match self.status {
            TaskStatus::Pending => "PENDING",
            TaskStatus::Stopped => "STOPPED",
            TaskStatus::Running | TaskStatus::Deactivating | TaskStatus::Stopping => "RUNNING",
        };
        let mut container = json!({
            "containerArn": arn("ecs", &format!("container/{}/{}/{}", self.cluster, self.id, self.container)),
            "taskArn": self.arn(),
            "name": self.container,
            "image": self.image,
            "lastStatus": status,
            "healthStatus": self.health,
            "networkInterfaces": [],
            "networkBindings": [],
        });
        if let Some((_, digest)) = self.image.split_once('@') {
            container["imageDigest"] = json!(digest);
        }
        if let Some((host, named)) = self.port {
            container["networkBindings"] = json!([
                {"bindIP": "127.0.0.1", "containerPort": named, "hostPort": host, "protocol": "tcp"}
            ]);
        }
        if let Some(code) = self.exit_code {
            container["exitCode"] = json!(code);
        }
        if self.stop_code == Some(StopCode::TaskFailedToStart) {
            container["reason"] = json!(self.stopped_reason);
        }
        container
    }
}
