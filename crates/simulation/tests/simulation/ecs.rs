//! ECS: the services that Terraform makes, their task definitions, and rollouts that take time and may fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::bus::{Delivery, OWN};
use crate::sabotage::Sabotage;
use crate::wire::{Answer, error};
use crate::world::World;

const CLUSTER: &str = "main";
const SERVICES: &str = "arn:aws:ecs:us-east-1:000000000000:service/main/";
const DEFINITIONS: &str = "arn:aws:ecs:us-east-1:000000000000:task-definition/";

/// The image that never becomes healthy.
pub const BROKEN: u64 = 0;

/// What ECS has.
#[derive(Debug, Default)]
pub struct Ecs {
    /// By their names, which are the IDs of their stacks.
    services: BTreeMap<String, Service>,
    /// The revisions of each family, as `DescribeTaskDefinition` answers.
    definitions: BTreeMap<String, Vec<Value>>,
    deployments: u32,
}

#[derive(Debug, Clone)]
struct Service {
    desired: u64,
    /// The newest first.
    deployments: Vec<Deployment>,
}

#[derive(Debug, Clone)]
struct Deployment {
    id: String,
    definition: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InProgress,
    Completed,
    Failed,
}

/// An image by its number.
pub fn image(number: u64) -> String {
    format!("app@sha256:{number:064x}")
}

/// The output `slipway` of a stack. Its shape changes with every other state.
pub fn contract(stack: &str, serial: u64) -> Value {
    let definition = json!({"containerDefinitions": [{"name": "web"}]});
    let web = json!({"name": stack, "desired_count": 1 + serial / 2 % 2, "task_definition": definition});
    json!({"cluster": CLUSTER, "services": {"web": web}})
}

impl Ecs {
    /// Terraform makes the service of a stack, if there is none: without tasks.
    pub fn make(&mut self, stack: &str) {
        if self.services.contains_key(stack) {
            return;
        }
        let definition = self.register(&json!({"family": format!("made-{stack}"), "containerDefinitions": []}));
        let deployment = Deployment {
            id: "ecs-svc/made".to_owned(),
            definition: arn(&definition),
            state: State::Completed,
        };
        let service = Service {
            desired: 0,
            deployments: vec![deployment],
        };
        self.services.insert(stack.to_owned(), service);
    }

    /// Terraform destroys the service of a stack.
    pub fn destroy(&mut self, stack: &str) {
        self.services.remove(stack);
    }

    /// The image that a service runs and how many tasks of it; `None` while it is being rolled out, or if that failed.
    pub fn runs(&self, stack: &str) -> Option<(Option<&str>, u64)> {
        let service = self.services.get(stack)?;
        let newest = service.deployments.first()?;
        let image = self.image_of(&newest.definition);
        (newest.state == State::Completed).then_some((image, service.desired))
    }

    fn image_of(&self, definition: &str) -> Option<&str> {
        self.definition(definition)?["taskDefinition"]["containerDefinitions"][0]["image"].as_str()
    }

    fn register(&mut self, body: &Value) -> Value {
        let family = body["family"].as_str().unwrap_or_default();
        let revisions = self.definitions.entry(family.to_owned()).or_default();
        let revision = revisions.len() + 1;
        let mut definition = body.clone();
        let tags = definition.as_object_mut().and_then(|fields| fields.remove("tags"));
        definition["taskDefinitionArn"] = format!("{DEFINITIONS}{family}:{revision}").into();
        definition["revision"] = revision.into();
        definition["status"] = "ACTIVE".into();
        let described = json!({"taskDefinition": definition, "tags": tags});
        revisions.push(described.clone());
        described
    }

    /// A task definition by its ARN, its family and revision, or its family.
    fn definition(&self, name: &str) -> Option<&Value> {
        let name = name.strip_prefix(DEFINITIONS).unwrap_or(name);
        match name.split_once(':') {
            Some((family, revision)) => {
                let revision: usize = revision.parse().ok()?;
                self.definitions.get(family)?.get(revision.checked_sub(1)?)
            }
            None => self.definitions.get(name)?.last(),
        }
    }

    /// Updates a service. Gives the deployment that begins, if one does.
    fn update(&mut self, name: &str, body: &Value) -> Option<String> {
        self.deployments += 1;
        let service = self.services.get_mut(name)?;
        if let Some(desired) = body["desiredCount"].as_u64() {
            service.desired = desired;
        }
        let definition = body["taskDefinition"].as_str()?;
        if service
            .deployments
            .first()
            .is_some_and(|newest| newest.definition == definition)
        {
            return None;
        }
        let deployment = Deployment {
            id: format!("ecs-svc/{}", self.deployments),
            definition: definition.to_owned(),
            state: State::InProgress,
        };
        let id = deployment.id.clone();
        service.deployments.insert(0, deployment);
        Some(id)
    }

    /// Ends a deployment, unless another has taken its place. Gives the event of its end.
    fn end(&mut self, name: &str, id: &str, sabotage: Option<Sabotage>) -> Option<Value> {
        let newest = self.services.get(name)?.deployments.first()?;
        let fails = self.image_of(&newest.definition) == Some(image(BROKEN).as_str());
        let service = self.services.get_mut(name)?;
        let fails = fails && service.desired > 0;
        let newest = service.deployments.first_mut().filter(|newest| newest.id == id)?;
        newest.state = if fails { State::Failed } else { State::Completed };
        if !fails {
            let before = service.deployments.drain(1..).next();
            if let (Some(before), Some(Sabotage::ForgetsRollouts)) = (before, sabotage) {
                service.deployments[0].definition = before.definition;
            }
        }
        let name = if fails {
            "SERVICE_DEPLOYMENT_FAILED"
        } else {
            "SERVICE_DEPLOYMENT_COMPLETED"
        };
        Some(json!({"eventName": name, "deploymentId": id, "reason": "tasks failed to start."}))
    }

    fn describe(&self, name: &str) -> Option<Value> {
        let service = self.services.get(name)?;
        let deployments = service.deployments.iter().enumerate().map(|(at, deployment)| {
            let (state, running) = match deployment.state {
                State::InProgress => ("IN_PROGRESS", 0),
                State::Completed => ("COMPLETED", service.desired),
                State::Failed => ("FAILED", 0),
            };
            json!({
                "id": deployment.id, "status": if at == 0 { "PRIMARY" } else { "ACTIVE" },
                "taskDefinition": deployment.definition, "rolloutState": state,
                "rolloutStateReason": "tasks failed to start.", "desiredCount": service.desired, "runningCount": running,
            })
        });
        Some(json!({
            "serviceName": name, "serviceArn": format!("{SERVICES}{name}"), "status": "ACTIVE",
            "taskDefinition": service.deployments.first()?.definition, "desiredCount": service.desired,
            "runningCount": service.desired, "pendingCount": 0, "deploymentController": {"type": "ECS"},
            "schedulingStrategy": "REPLICA", "deployments": deployments.collect::<Vec<_>>(),
        }))
    }
}

impl World {
    pub fn of_ecs(self: &Arc<Self>, action: &str, body: &Value) -> Answer {
        let name = body["service"].as_str().unwrap_or_default();
        let name = name.strip_prefix(SERVICES).unwrap_or(name);
        let answer = match action {
            "RegisterTaskDefinition" => Some(self.ecs().register(body)),
            "DescribeTaskDefinition" => {
                let name = body["taskDefinition"].as_str().unwrap_or_default();
                let Some(described) = self.ecs().definition(name).cloned() else {
                    return error("ClientException");
                };
                Some(described)
            }
            "DescribeServices" => {
                let (ecs, asked) = (self.ecs(), body["services"].as_array().map_or(&[][..], Vec::as_slice));
                let names = asked.iter().filter_map(Value::as_str);
                let names = names.map(|name| name.strip_prefix(SERVICES).unwrap_or(name));
                let described: Vec<Value> = names.filter_map(|name| ecs.describe(name)).collect();
                let missing = json!({"arn": SERVICES, "reason": "MISSING"});
                let failures = vec![missing; asked.len() - described.len()];
                Some(json!({"services": described, "failures": failures}))
            }
            "UpdateService" => {
                let begun = self.ecs().update(name, body);
                if let Some(deployment) = begun {
                    self.note(&format!("the service {name} begins {deployment}"));
                    self.roll_out(name, deployment);
                }
                self.ecs().describe(name).map(|service| json!({"service": service}))
            }
            // No task stops by itself.
            "ListTasks" => Some(json!({"taskArns": []})),
            "ListServiceDeployments" => Some(json!({"serviceDeployments": []})),
            other => panic!("ECS has no {other}"),
        };
        answer.map_or_else(|| error("ServiceNotFoundException"), |answer| (200, answer.to_string()))
    }

    /// Lets a deployment end after some time.
    fn roll_out(self: &Arc<Self>, name: &str, deployment: String) {
        let takes = self.chance(|chance| chance.seconds(5, 180));
        let (world, name) = (Arc::clone(self), name.to_owned());
        tokio::spawn(async move {
            sleep(takes).await;
            let ended = world.ecs().end(&name, &deployment, world.sabotage);
            if let Some(detail) = ended {
                world.note(&format!(
                    "the service {name} ends {deployment}: {}",
                    detail["eventName"]
                ));
                let event = json!({
                    "detail-type": "ECS Deployment State Change", "source": "aws.ecs", "detail": detail,
                    "resources": [format!("{SERVICES}{name}")],
                });
                world.send(OWN, event, Delivery::BestEffort);
            }
        });
    }
}

fn arn(described: &Value) -> String {
    described["taskDefinition"]["taskDefinitionArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
