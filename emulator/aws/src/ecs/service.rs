//! A service: its record in the ledger, and what AWS shows of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clusters::cluster_arn;
use super::shift::Shift;
pub(super) use super::strategy::DeploymentConfiguration;
use super::task::Task;
use crate::wire::{arn, epoch_seconds, request_id};

/// How many of its events a service shows, as on AWS.
const EVENTS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ServiceStatus {
    Active,
    /// Deleted; its tasks are ending.
    Draining,
    Inactive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

/// One deployment of a service. The first of a service's list is the primary one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Deployment {
    /// `ecs-svc/` and digits.
    pub(super) id: String,
    /// The ARN of the revision.
    pub(super) definition: String,
    pub(super) state: RolloutState,
    pub(super) reason: String,
    /// Whether it has ever completed, so that a rollback may lead to it.
    pub(super) has_completed: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) failed_tasks: u32,
    /// Failures since the last task that became healthy.
    pub(super) failures_in_a_row: u32,
    /// How its requests shift, if not with its tasks.
    #[serde(default)]
    pub(super) shift: Option<Shift>,
}

impl Deployment {
    pub(super) fn new(definition: String) -> Self {
        let id = format!("ecs-svc/{:019}", rand::random::<u64>() % 10_000_000_000_000_000_000);
        let now = Timestamp::now();
        Self {
            reason: format!("ECS deployment {id} in progress."),
            id,
            definition,
            state: RolloutState::InProgress,
            has_completed: false,
            created_at: now,
            updated_at: now,
            failed_tasks: 0,
            failures_in_a_row: 0,
            shift: None,
        }
    }

    pub(super) fn set(&mut self, state: RolloutState, reason: String) {
        self.state = state;
        self.reason = reason;
        self.updated_at = Timestamp::now();
    }
}

/// One service, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) cluster: String,
    pub(super) name: String,
    pub(super) status: ServiceStatus,
    pub(super) created_at: Timestamp,
    pub(super) desired: u32,
    pub(super) configuration: DeploymentConfiguration,
    /// The port of this machine in front of the tasks, from the first task definition that has one.
    pub(super) port: Option<u16>,
    /// The request that made the service: the same one again makes no second.
    pub(super) request: Value,
    /// `loadBalancers` of the request.
    pub(super) load_balancers: Vec<Value>,
    /// The newest first.
    pub(super) deployments: Vec<Deployment>,
    /// The newest first.
    pub(super) events: Vec<(String, Timestamp, String)>,
}

impl Service {
    /// The key in the ledger: a cluster's services are next to each other.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.cluster, self.name)
    }

    pub(super) fn arn(&self) -> String {
        arn("ecs", &format!("service/{}/{}", self.cluster, self.name))
    }

    /// Whether the service is not deleted, or not yet wholly.
    pub(super) fn exists(&self) -> bool {
        self.status != ServiceStatus::Inactive
    }

    pub(super) fn primary(&self) -> Option<&Deployment> {
        self.deployments.first()
    }

    pub(super) fn primary_mut(&mut self) -> Option<&mut Deployment> {
        self.deployments.first_mut()
    }

    /// The shift of requests that is in progress.
    pub(super) fn shift(&self) -> Option<&Shift> {
        let primary = self
            .primary()
            .filter(|primary| primary.state == RolloutState::InProgress)?;
        primary.shift.as_ref()
    }

    pub(super) fn say(&mut self, message: &str) {
        let message = format!("(service {}) {message}", self.name);
        self.events.insert(0, (request_id(), Timestamp::now(), message));
        self.events.truncate(EVENTS);
    }

    /// The service in the shape of AWS's API; the counts come from its tasks.
    pub(super) fn to_json(&self, tasks: &[Task]) -> Value {
        let tasks: Vec<&Task> = tasks
            .iter()
            .filter(|task| task.service.as_ref() == Some(&self.name))
            .collect();
        let running = tasks.iter().filter(|task| task.is_running()).count();
        let pending = tasks.iter().filter(|task| task.is_pending()).count();
        let deployments = self.deployments.iter().enumerate();
        let events = self
            .events
            .iter()
            .map(|(id, time, message)| json!({"id": id, "createdAt": epoch_seconds(*time), "message": message}));
        let mut service = json!({
            "serviceArn": self.arn(),
            "serviceName": self.name,
            "clusterArn": cluster_arn(&self.cluster),
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": running,
            "pendingCount": pending,
            "launchType": "EXTERNAL",
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
            "deploymentConfiguration": self.configuration,
            "deployments": deployments.map(|(place, it)| self.deployment_json(place, it, &tasks)).collect::<Vec<_>>(),
            "loadBalancers": self.load_balancers_json(),
            "serviceRegistries": [],
            "events": events.collect::<Vec<_>>(),
            "createdAt": epoch_seconds(self.created_at),
            "placementConstraints": [],
            "placementStrategy": [],
            "enableECSManagedTags": false,
            "enableExecuteCommand": false,
            "propagateTags": "NONE",
        });
        if let Some(primary) = self.primary() {
            service["taskDefinition"] = json!(primary.definition);
        }
        service
    }

    /// Whether it is behind a Classic Load Balancer: those have names, target groups have ARNs.
    fn is_classic(&self) -> bool {
        let mut balancers = self.load_balancers.iter();
        balancers.any(|balancer| balancer.get("loadBalancerName").is_some_and(Value::is_string))
    }

    fn deployment_json(&self, place: usize, deployment: &Deployment, tasks: &[&Task]) -> Value {
        let own = || {
            tasks
                .iter()
                .filter(|task| task.started_by.as_ref() == Some(&deployment.id))
        };
        let mut shown = json!({
            "id": deployment.id,
            "status": if place == 0 { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": deployment.definition,
            "desiredCount": if place == 0 { self.desired } else { 0 },
            "pendingCount": own().filter(|task| task.is_pending()).count(),
            "runningCount": own().filter(|task| task.is_running()).count(),
            "failedTasks": deployment.failed_tasks,
            "createdAt": epoch_seconds(deployment.created_at),
            "updatedAt": epoch_seconds(deployment.updated_at),
            "launchType": "EXTERNAL",
        });
        if !self.is_classic() && !self.configuration.is_progressive() {
            shown["rolloutState"] = json!(deployment.state);
            shown["rolloutStateReason"] = json!(deployment.reason);
        }
        shown
    }

    /// What was asked for, with the address in the field that names a load balancer.
    fn load_balancers_json(&self) -> Vec<Value> {
        let mut load_balancers = self.load_balancers.clone();
        if let Some(port) = self.port {
            if load_balancers.is_empty() {
                load_balancers.push(json!({}));
            }
            load_balancers[0]["loadBalancerName"] = json!(format!("127.0.0.1:{port}"));
        }
        load_balancers
    }
}
