//! What a task definition says, as far as a process can follow it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::client_error;
use crate::wire::{AwsError, arn, epoch_seconds};

/// Properties of a task definition that mean nothing for a process of this machine.
const IGNORED: [&str; 14] = [
    "cpu",
    "enableFaultInjection",
    "ephemeralStorage",
    "executionRoleArn",
    "inferenceAccelerators",
    "ipcMode",
    "memory",
    "networkMode",
    "pidMode",
    "placementConstraints",
    "requiresCompatibilities",
    "runtimePlatform",
    "tags",
    "taskRoleArn",
];

/// Properties of a container that mean nothing for a process of this machine.
const IGNORED_IN_CONTAINER: [&str; 20] = [
    "cpu",
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "dockerLabels",
    "dockerSecurityOptions",
    "extraHosts",
    "hostname",
    "interactive",
    "linuxParameters",
    "memory",
    "memoryReservation",
    "privileged",
    "pseudoTerminal",
    "readonlyRootFilesystem",
    "resourceRequirements",
    "startTimeout",
    "systemControls",
    "ulimits",
    "versionConsistency",
];

/// A registered revision. `body` is what was registered, word for word.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Revision {
    pub(super) family: String,
    pub(super) number: u64,
    pub(super) is_active: bool,
    pub(super) registered_at: Timestamp,
    pub(super) deregistered_at: Option<Timestamp>,
    pub(super) body: Map<String, Value>,
}

/// The part of a definition that is followed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Definition {
    pub(super) family: String,
    container_definitions: Vec<Container>,
    #[serde(default)]
    pub(super) volumes: Vec<Volume>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A container, which is one process here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) command: Option<Vec<String>>,
    pub(super) entry_point: Option<Vec<String>>,
    #[serde(default)]
    pub(super) environment: Vec<Pair>,
    #[serde(default)]
    pub(super) secrets: Vec<Secret>,
    #[serde(default)]
    pub(super) port_mappings: Vec<PortMapping>,
    pub(super) health_check: Option<HealthCheck>,
    #[serde(default)]
    pub(super) mount_points: Vec<MountPoint>,
    pub(super) log_configuration: Option<LogConfiguration>,
    stop_timeout: Option<u64>,
    essential: Option<bool>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
}

/// An environment variable whose value is a secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) value_from: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PortMapping {
    #[serde(default)]
    pub(super) container_port: u16,
    #[serde(default)]
    pub(super) host_port: u16,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HealthCheck {
    pub(super) command: Vec<String>,
    #[serde(default = "HealthCheck::interval")]
    pub(super) interval: u32,
    #[serde(default = "HealthCheck::timeout")]
    pub(super) timeout: u32,
    #[serde(default = "HealthCheck::retries")]
    pub(super) retries: u32,
    #[serde(default)]
    pub(super) start_period: u32,
}

/// The defaults are AWS's.
impl HealthCheck {
    fn interval() -> u32 {
        30
    }

    fn timeout() -> u32 {
        5
    }

    fn retries() -> u32 {
        3
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MountPoint {
    pub(super) source_volume: String,
    pub(super) container_path: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) name: String,
    #[serde(default)]
    pub(super) host: Host,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Host {
    /// A folder of this machine. Without it the volume is one of the cluster.
    pub(super) source_path: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogConfiguration {
    log_driver: String,
    #[serde(default)]
    options: Map<String, Value>,
}

impl Definition {
    /// Reads a definition and refuses what a process could not follow.
    pub(super) fn parse(body: &Map<String, Value>) -> Result<Self, AwsError> {
        let definition: Self = serde_json::from_value(Value::Object(body.clone()))
            .map_err(|error| client_error(format!("The task definition cannot be read: {error}.")))?;
        refuse_unknown(&definition.rest, &IGNORED, "the task definition")?;
        let [container] = definition.container_definitions.as_slice() else {
            return Err(client_error(
                "containerDefinitions: this emulator runs tasks of exactly one container.",
            ));
        };
        container.check(&definition.volumes)?;
        Ok(definition)
    }

    pub(super) fn container(&self) -> &Container {
        // `parse` has made sure of it.
        &self.container_definitions[0]
    }

    /// The port of this machine that a service of this definition asks for; `Some(0)` is any free one, `None` is no
    /// port at all.
    pub(super) fn host_port(&self) -> Option<u16> {
        self.container().port_mappings.first().map(|mapping| mapping.host_port)
    }
}

impl Container {
    fn check(&self, volumes: &[Volume]) -> Result<(), AwsError> {
        refuse_unknown(
            &self.rest,
            &IGNORED_IN_CONTAINER,
            &format!("the container {}", self.name),
        )?;
        self.digest().ok_or_else(|| {
            client_error(format!(
                "image: {:?} is not pinned; name it as REPOSITORY@sha256:DIGEST.",
                self.image
            ))
        })?;
        if self.essential == Some(false) {
            return Err(client_error("essential: the only container of a task is essential."));
        }
        for mount in &self.mount_points {
            if !volumes.iter().any(|volume| volume.name == mount.source_volume) {
                return Err(client_error(format!("Unknown volume '{}'.", mount.source_volume)));
            }
        }
        match self.health_check.as_ref().map(|check| check.command.as_slice()) {
            None => {}
            Some([kind, _, ..]) if kind == "CMD" => {}
            Some([kind, _]) if kind == "CMD-SHELL" => {}
            Some(_) => {
                return Err(client_error(
                    "healthCheck.command: [\"CMD\", program, ...] or [\"CMD-SHELL\", command] is taken.",
                ));
            }
        }
        match &self.log_configuration {
            Some(logs) if logs.log_driver != "awslogs" || logs.option("awslogs-group").is_none() => Err(client_error(
                "logConfiguration: this emulator supports the awslogs driver, and it needs awslogs-group.",
            )),
            _ => Ok(()),
        }
    }

    /// The repository in the local registry and the 64 digits of the digest.
    pub(super) fn digest(&self) -> Option<(&str, &str)> {
        let (repository, digest) = self.image.split_once("@sha256:")?;
        let repository = super::images::in_registry(repository);
        let is_hex = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (is_hex && !repository.is_empty()).then_some((repository, digest))
    }

    /// How long the process may take to end after SIGTERM; the default is AWS's.
    pub(super) fn stop_timeout(&self) -> Duration {
        Duration::from_secs(self.stop_timeout.unwrap_or(30))
    }

    /// The log group and the stream of a task's lines, as the awslogs driver names them.
    pub(super) fn log_stream(&self, task_id: &str) -> Option<(String, String)> {
        let logs = self.log_configuration.as_ref()?;
        let stream = match logs.option("awslogs-stream-prefix") {
            Some(prefix) => format!("{prefix}/{}/{task_id}", self.name),
            None => task_id.to_owned(),
        };
        Some((logs.option("awslogs-group")?.to_owned(), stream))
    }
}

impl LogConfiguration {
    fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.as_str()
    }
}

impl Revision {
    /// The key in the ledger: revisions of a family are next to each other and in order.
    pub(super) fn key(family: &str, revision: u64) -> String {
        format!("{family}:{revision:08}")
    }

    pub(super) fn arn(&self) -> String {
        arn("ecs", &format!("task-definition/{}:{}", self.family, self.number))
    }

    pub(super) fn definition(&self) -> Result<Definition, AwsError> {
        Definition::parse(&self.body)
    }

    pub(super) fn status(&self) -> &'static str {
        if self.is_active { "ACTIVE" } else { "INACTIVE" }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut body = self.body.clone();
        body.remove("tags");
        body.insert("taskDefinitionArn".to_owned(), json!(self.arn()));
        body.insert("revision".to_owned(), json!(self.number));
        body.insert("status".to_owned(), json!(self.status()));
        body.insert("registeredAt".to_owned(), epoch_seconds(self.registered_at));
        body.entry("volumes").or_insert(json!([]));
        body.entry("compatibilities")
            .or_insert(json!(["EXTERNAL", "EC2", "FARGATE"]));
        if let Some(time) = self.deregistered_at {
            body.insert("deregisteredAt".to_owned(), epoch_seconds(time));
        }
        Value::Object(body)
    }
}

fn refuse_unknown(rest: &Map<String, Value>, ignored: &[&str], place: &str) -> Result<(), AwsError> {
    let empty = [json!(null), json!([]), json!({})];
    let unknown = rest
        .iter()
        .find(|(name, value)| !ignored.contains(&name.as_str()) && !empty.contains(value));
    match unknown {
        Some((name, _)) => Err(client_error(format!(
            "{name} of {place}: this emulator does not support it."
        ))),
        None => Ok(()),
    }
}
