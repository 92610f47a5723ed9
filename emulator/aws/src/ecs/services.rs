//! The calls on services.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::scheduler::{Message, Scheduler, Update};
use super::service::{DeploymentConfiguration, Service, ServiceStatus};
use super::{Ecs, SERVICE, Shared, invalid_parameter, is_name, lock, short_name};
use crate::wire::{AwsError, arn, input};

/// What AWS takes in one call.
const MOST_SERVICES: usize = 10;
const MOST_TASKS: u32 = 50;

/// Members of `CreateService` and `UpdateService` that mean nothing on this machine.
const IGNORED: [&str; 13] = [
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "clientToken",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
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
struct CreateInput {
    service_name: String,
    scheduling_strategy: Option<String>,
    deployment_controller: Option<Value>,
    #[serde(flatten)]
    change: ChangeInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateInput {
    service: String,
    #[serde(default)]
    force_new_deployment: bool,
    #[serde(flatten)]
    change: ChangeInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeInput {
    cluster: Option<String>,
    desired_count: Option<u32>,
    task_definition: Option<String>,
    deployment_configuration: Option<DeploymentConfiguration>,
    #[serde(default)]
    load_balancers: Vec<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct DeleteInput {
    cluster: Option<String>,
    service: String,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
struct DescribeInput {
    cluster: Option<String>,
    services: Vec<String>,
}

#[derive(Deserialize)]
struct ListInput {
    cluster: Option<String>,
}

impl Ecs {
    pub(super) async fn create_service(&self, body: Value) -> Result<Value, AwsError> {
        let create: CreateInput = input(body.clone())?;
        let cluster = self.shared.cluster(create.change.cluster.as_deref())?;
        if !is_name(&create.service_name) {
            return Err(invalid_parameter(
                "serviceName: letters, digits, - and _ are taken, up to 255.",
            ));
        }
        if create.scheduling_strategy.is_some_and(|strategy| strategy != "REPLICA")
            || create
                .deployment_controller
                .is_some_and(|controller| controller["type"] != "ECS")
        {
            return Err(invalid_parameter(
                "this emulator supports the schedulingStrategy REPLICA and the deploymentController ECS.",
            ));
        }
        let load_balancers = create.change.load_balancers.clone();
        let update = self.shared.update(create.change, false)?;
        let service = Service {
            cluster,
            name: create.service_name,
            status: ServiceStatus::Active,
            created_at: Timestamp::now(),
            desired: 0,
            configuration: DeploymentConfiguration::default(),
            port: None,
            request: body,
            load_balancers,
            deployments: Vec::new(),
            events: Vec::new(),
        };
        let key = service.key();
        if let Some(known) = self.shared.insert(&service)? {
            return self.service_json(&known);
        }
        Scheduler::start(&self.shared, service, Vec::new())
            .await
            .map_err(|error| AwsError::internal(&error))?;
        match self
            .shared
            .ask(&key, |reply| Message::Update(Box::new(update), reply))
            .await
        {
            Ok(service) => self.service_json(&service),
            Err(error) => {
                let delete = |reply| Message::Delete { force: true, reply };
                self.shared.ask(&key, delete).await?;
                self.shared.host.ledger.delete(SERVICE, &key)?;
                Err(error)
            }
        }
    }

    pub(super) async fn update_service(&self, body: Value) -> Result<Value, AwsError> {
        let update: UpdateInput = input(body)?;
        let cluster = self.shared.cluster(update.change.cluster.as_deref())?;
        let service = self.shared.service(&cluster, &update.service)?;
        let change = self.shared.update(update.change, update.force_new_deployment)?;
        let service = self
            .shared
            .ask(&service.key(), |reply| Message::Update(Box::new(change), reply))
            .await?;
        self.service_json(&service)
    }

    /// The answer comes when the last task has stopped, so that a script can delete the cluster next.
    pub(super) async fn delete_service(&self, body: Value) -> Result<Value, AwsError> {
        let delete: DeleteInput = input(body)?;
        let cluster = self.shared.cluster(delete.cluster.as_deref())?;
        let service = self.shared.service(&cluster, &delete.service)?;
        let force = delete.force;
        let ask = |reply| Message::Delete { force, reply };
        let service = self.shared.ask(&service.key(), ask).await?;
        self.service_json(&service)
    }

    pub(super) fn describe_services(&self, body: Value) -> Result<Value, AwsError> {
        let describe: DescribeInput = input(body)?;
        let cluster = self.shared.cluster(describe.cluster.as_deref())?;
        if describe.services.is_empty() || describe.services.len() > MOST_SERVICES {
            return Err(invalid_parameter("services: 1 to 10 are taken."));
        }
        let tasks = self.shared.tasks_of(&cluster)?;
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for reference in describe.services {
            let name = service_name(&reference);
            let key = format!("{cluster}/{name}");
            if let Some(service) = self.shared.host.ledger.get::<Service>(SERVICE, &key)? {
                services.push(service.to_json(&tasks));
            } else {
                let missing = arn("ecs", &format!("service/{key}"));
                failures.push(json!({"arn": missing, "reason": "MISSING"}));
            }
        }
        Ok(json!({"services": services, "failures": failures}))
    }

    pub(super) fn list_services(&self, body: Value) -> Result<Value, AwsError> {
        let list: ListInput = input(body)?;
        let cluster = self.shared.cluster(list.cluster.as_deref())?;
        let mut services = self.shared.services_of(&cluster)?;
        services.retain(|service| service.status == ServiceStatus::Active);
        let arns: Vec<_> = services.iter().map(Service::arn).collect();
        Ok(json!({"serviceArns": arns}))
    }

    fn service_json(&self, service: &Service) -> Result<Value, AwsError> {
        let tasks = self.shared.tasks_of(&service.cluster)?;
        Ok(json!({"service": service.to_json(&tasks)}))
    }
}

impl Shared {
    fn update(&self, change: ChangeInput, force: bool) -> Result<Update, AwsError> {
        let empty = [json!(null), json!([]), json!({})];
        let mut rest = change.rest.iter();
        let other = rest.find(|(name, value)| !IGNORED.contains(&name.as_str()) && !empty.contains(value));
        if let Some((name, _)) = other {
            return Err(invalid_parameter(format!("{name}: this emulator does not support it.")));
        }
        if change.desired_count.is_some_and(|count| count > MOST_TASKS) {
            return Err(invalid_parameter(
                "desiredCount: one machine runs 50 tasks of a service at most.",
            ));
        }
        if let Some(configuration) = &change.deployment_configuration {
            configuration.check()?;
        }
        let definition = match change.task_definition {
            None => None,
            Some(reference) => {
                let revision = self.active_revision(&reference)?;
                Some((revision.arn(), revision.definition()?.host_port()))
            }
        };
        Ok(Update {
            desired: change.desired_count,
            definition,
            force,
            configuration: change.deployment_configuration,
        })
    }

    /// Keeps a new service, or returns the one that the same request has made before.
    fn insert(&self, service: &Service) -> Result<Option<Service>, AwsError> {
        self.host
            .ledger
            .transaction(|ledger| match ledger.get::<Service>(SERVICE, &service.key())? {
                Some(known) if known.status == ServiceStatus::Active => {
                    if known.request == service.request {
                        Ok(Some(known))
                    } else {
                        Err(invalid_parameter("Creation of service was not idempotent."))
                    }
                }
                Some(known) if known.status == ServiceStatus::Draining => {
                    Err(invalid_parameter("Unable to Start a service that is still Draining."))
                }
                _ => {
                    ledger.put(SERVICE, &service.key(), service)?;
                    Ok(None)
                }
            })
    }

    /// The service of the cluster that a name or an ARN names, unless it is deleted.
    pub(super) fn service(&self, cluster: &str, reference: &str) -> Result<Service, AwsError> {
        let key = format!("{cluster}/{}", service_name(reference));
        match self.host.ledger.get::<Service>(SERVICE, &key)? {
            Some(service) if service.exists() => Ok(service),
            Some(_) => Err(AwsError::new("ServiceNotActiveException", "Service was not ACTIVE.")),
            None => Err(AwsError::new("ServiceNotFoundException", "Service not found.")),
        }
    }

    /// Asks a service's scheduler for something.
    pub(super) async fn ask(
        self: &Arc<Self>,
        key: &str,
        message: impl FnOnce(oneshot::Sender<Result<Service, AwsError>>) -> Message,
    ) -> Result<Service, AwsError> {
        let not_active = || AwsError::new("ServiceNotActiveException", "Service was not ACTIVE.");
        let scheduler = lock(&self.schedulers).get(key).cloned();
        let (reply, answer) = oneshot::channel();
        scheduler
            .ok_or_else(not_active)?
            .send(message(reply))
            .map_err(|_| not_active())?;
        // A scheduler that ended first has dropped the question.
        answer.await.map_err(|_| not_active())?
    }
}

/// The name in `name`, `cluster/name` or an ARN.
pub(super) fn service_name(reference: &str) -> &str {
    short_name(reference, "service").rsplit('/').next().unwrap_or_default()
}
