//! The `slipway` output: what a blueprint declares for the workflow.
//!
//! A blueprint describes infrastructure and the *shape* of its services. For each release, the workflow registers a task definition
//! of that shape with the release's images, runs the migrations with it, and only then updates the services. Slipway knows
//! nothing else of a blueprint.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::{Image, Name};
use crate::problem::FieldProblem;

mod at;
mod command;
mod endpoints;
mod logs;
pub mod migration;
mod parse;
mod partial;
mod rollout;
mod strategy;
pub mod timeouts;
mod whole;

pub use logs::ContainerLog;
pub use migration::{Migration, Sql};
pub use partial::Partial;
pub use strategy::{Gradual, InvalidPercent, InvalidStage, Observation, PauseStage, Percent, Strategy};

/// The most services, migrations, backups and schedules of one stack, each: what the workflow carries about them stays under
/// 32 KiB.
pub const PARTS: usize = 20;

/// The most characters of a command as JSON. ECS takes 8,192 for the overrides of a task, with the JSON around them
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>): less the longest name of a container, which has 255,
/// and `{"containerOverrides":[{"name":"","command":}]}`.
pub const COMMAND_CHARACTERS: usize = 8_192 - 255 - 47;

/// The longest that the rollout of a service may take, with all bake times and pauses, in seconds: half a day.
pub const ROLLOUT_SECONDS: u32 = 43_200;

/// The longest time for which a release is watched. A step does it in one call of its function, which has a minute.
pub const BAKE_SECONDS: u32 = 30;

/// The value of the output `slipway`, checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// Addresses that people open.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// The ARN or name of the ECS cluster that the services run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Where one-off tasks run; none where tasks need no network of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// The database that a snapshot is taken of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// The services that a release replaces.
    #[serde(default)]
    pub services: BTreeMap<Name, Service>,
    /// The commands that run with the release's image before any service is updated, in this order.
    #[serde(default)]
    pub migrations: Vec<Migration>,
    /// The commands that run before the migrations of a release with a snapshot, in this order: they keep what the snapshot of the
    /// database does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backups: Vec<NamedOneOff>,
    /// Commands that people may run with the current images.
    #[serde(default)]
    pub tasks: BTreeMap<Name, OneOff>,
    /// Schedules that a release points at its task definitions.
    #[serde(default)]
    pub schedules: BTreeMap<Name, Schedule>,
    /// The health check after a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// For how many seconds a release must stay healthy once its services are stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_seconds: Option<u32>,
    /// Whether the previous release works with the database after the migrations, of releases that do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatible_with_previous: Option<bool>,
    /// Texts for people: the command that leads to the database, say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

impl Contract {
    /// Whether the previous release works with the database after the migrations of a release that does not say it.
    pub fn releases_are_compatible(&self) -> bool {
        self.compatible_with_previous.unwrap_or(true)
    }
}

/// The network of one-off tasks: the parts of ECS's `awsvpcConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Subnet ids.
    pub subnets: Vec<String>,
    /// Security group ids.
    pub security_groups: Vec<String>,
    /// Whether a task gets a public address.
    #[serde(default)]
    pub assign_public_ip: bool,
}

/// The database of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// What it is: `rds-instance` or `rds-cluster`.
    pub kind: DatabaseKind,
    /// Its identifier.
    pub id: String,
}

/// The kinds of database that a snapshot can be taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    /// An RDS instance.
    RdsInstance,
    /// An Aurora cluster.
    RdsCluster,
}

/// A service that a release replaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name in ECS.
    pub name: String,
    /// The shape of its task definition: the request of `ecs:RegisterTaskDefinition` in its camelCase, with at least one container.
    /// All containers without an `image` run the release's image; if there is none, the first container does.
    pub task_definition: Value,
    /// How many tasks it has once it is released.
    pub desired_count: u32,
    /// The bounds between which an autoscaler counts its tasks. The count is then set by the service's first release alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// How a release replaces its tasks. Terraform configures ECS with it.
    #[serde(default, skip_serializing_if = "Strategy::is_rolling")]
    pub strategy: Strategy,
    /// Whether it runs no tasks while migrations run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiesce: bool,
    /// After how many seconds a rollout that has not completed counts as failed. The bake times and pauses of its strategy are part
    /// of it.
    #[serde(default = "default_rollout_timeout_seconds")]
    pub rollout_timeout_seconds: u32,
}

/// The bounds of an autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// The fewest tasks.
    pub min: u32,
    /// The most tasks.
    pub max: u32,
}

/// A command that runs to its end with a service's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneOff {
    /// The service whose image and task definition it runs with.
    pub service: Name,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// After how many seconds it is stopped and counts as failed.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u32,
}

/// A command with a name: a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedOneOff {
    /// What people call it.
    pub name: Name,
    /// What it runs.
    #[serde(flatten)]
    pub run: OneOff,
}

/// A schedule that a release points at the new images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name in EventBridge Scheduler.
    pub name: String,
    /// The group of schedules that it is in.
    #[serde(default = "default_group")]
    pub group: String,
    /// Whether it starts no tasks while migrations run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiesce: bool,
    /// What it runs.
    #[serde(flatten)]
    pub run: OneOff,
}

/// The health check after a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The address.
    pub url: String,
    /// The HTTP status that it must answer.
    #[serde(default = "default_expected_status")]
    pub expect: u16,
}

fn default_timeout_seconds() -> u32 {
    900
}

fn default_rollout_timeout_seconds() -> u32 {
    1_800
}

fn default_bake_seconds() -> u32 {
    10
}

fn default_group() -> String {
    "default".to_owned()
}

fn default_expected_status() -> u16 {
    200
}

impl Contract {
    /// The most bytes that it has as JSON. The values of its stack may leave it less room in the record ([`crate::stack::room`]).
    pub const BYTES: usize = 256 * 1024;

    /// Leaves out its texts for people, whose secrets cannot be hidden, and gives the reason in their place. What the workflow works with
    /// stays.
    pub fn leave_out_texts(&mut self, why: &str) {
        if self.endpoints.is_empty() && self.notes.is_empty() {
            return;
        }
        self.endpoints.clear();
        let said = format!("The endpoints and notes of this stack are not shown, because {why}.");
        self.notes = BTreeMap::from([("hidden".to_owned(), said)]);
    }

    /// How many bytes it has as JSON.
    pub fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }

    /// Reads the value of the output `slipway`; every problem is named at once, by its path from `slipway`.
    pub fn parse(value: &Value) -> Result<Self, Vec<FieldProblem>> {
        parse::contract(value)
    }

    /// What is wrong with the value of the output `slipway`, as far as it is known; every problem by its path from `slipway`.
    pub fn problems(value: &Partial) -> Vec<FieldProblem> {
        parse::problems(value)
    }

    /// For how long a release must stay healthy once its services are stable.
    pub fn bake(&self) -> Duration {
        let seconds = self.bake_seconds.unwrap_or_else(default_bake_seconds);
        Duration::from_secs(u64::from(seconds))
    }

    /// The part that can be released with these images: without the services that have no image yet, and without the commands and
    /// schedules that run in these.
    ///
    /// The health address is kept only if nothing is omitted, because it may belong to an omitted service.
    #[must_use]
    pub fn ready_for(&self, images: &BTreeMap<Name, Image>) -> Self {
        let mut ready = self.clone();
        ready
            .services
            .retain(|key, service| images.contains_key(key) || !service.takes_image());
        if ready.services.len() < self.services.len() {
            let runs = |run: &OneOff| ready.services.contains_key(&run.service);
            ready.migrations.retain(|migration| runs(&migration.run));
            ready.backups.retain(|backup| runs(&backup.run));
            ready.tasks.retain(|_, task| runs(task));
            ready.schedules.retain(|_, schedule| runs(&schedule.run));
            ready.health = None;
        }
        ready
    }
}

impl Service {
    /// Whether it runs an image of a release.
    pub fn takes_image(&self) -> bool {
        let containers = self
            .task_definition
            .get("containerDefinitions")
            .and_then(Value::as_array);
        containers.is_some_and(|all| all.iter().any(takes_image))
    }
}

/// Whether a container of a task definition runs the release's image: it has none of its own.
pub fn takes_image(container: &Value) -> bool {
    container.get("image").is_none_or(Value::is_null)
}

#[cfg(test)]
mod tests {
    use super::parse::ATTRIBUTES;
    use super::*;

    /// The example in docs/blueprints.md, and its table of attributes.
    #[test]
    fn the_documented_contract_is_the_one_that_is_read() {
        let page = include_str!("../../../docs/blueprints.md");
        let mut blocks = page.split("```json").skip(1);
        let example = blocks
            .find_map(|rest| rest.split("```").next().filter(|block| block.contains("\"services\"")))
            .expect("an example");
        let example = serde_json::from_str(example).expect("JSON");
        let contract = Contract::parse(&example).expect("a contract");
        assert_eq!(contract.migrations[0].run.timeout_seconds, 600);
        for attribute in ATTRIBUTES {
            assert!(
                page.contains(&format!("| `{attribute}` |")),
                "{attribute} is not in the table"
            );
        }
        let schema = include_str!("../../../functions/api/schemas/contract.json");
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let properties = schema["properties"].as_object().expect("properties");
        let mut attributes = ATTRIBUTES.to_vec();
        attributes.sort_unstable();
        let mut described: Vec<&str> = properties.keys().map(String::as_str).collect();
        described.sort_unstable();
        assert_eq!(described, attributes);
        let service = &properties["services"]["additionalProperties"]["properties"];
        let outputs = include_str!("../../../tf/modules/slipway-contract/outputs.tf");
        for attribute in ATTRIBUTES {
            assert!(
                outputs.contains(&format!("var.{attribute}")),
                "the module slipway-contract has no {attribute}"
            );
        }
        let variables = include_str!("../../../tf/modules/slipway-contract/variables.tf");
        for attribute in service.as_object().expect("properties").keys() {
            assert!(
                variables.contains(&format!("- `{attribute}`: ")),
                "the module slipway-contract has no {attribute} of services"
            );
        }
        assert_eq!(properties["services"]["maxProperties"], PARTS);
        assert_eq!(properties["bake_seconds"]["maximum"], BAKE_SECONDS);
        assert_eq!(service["rollout_timeout_seconds"]["maximum"], ROLLOUT_SECONDS);
        assert!(page.contains(&format!("({}, at most {BAKE_SECONDS})", default_bake_seconds())));
        assert!(page.contains(&format!(
            "`rollout_timeout_seconds` ({}, at most {ROLLOUT_SECONDS})",
            default_rollout_timeout_seconds()
        )));
        assert!(page.contains(&format!(
            "at most {PARTS} services, migrations, backups and schedules each"
        )));
        let room = crate::stack::room::MADE_BYTES;
        let limits = format!(
            "at most {} bytes as JSON, {room} together with the values",
            Contract::BYTES
        );
        assert!(page.contains(&limits), "{limits}");
    }
}
