//! The commands that run before any service gets the images of a release, as the workflow carries them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::contract::timeouts::{PGOPTIONS, Timeouts};
use slipway_model::contract::{Contract, Migration, NamedOneOff, OneOff, Service};
use slipway_model::name::Name;

use crate::{StepError, state, task_definition};

/// A command that runs as a one-off task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreparedCommand {
    pub name: Name,
    pub task_definition: String,
    pub container: String,
    /// What ECS calls the service that it runs with. None from executions that began with an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether its task has no network of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_network: bool,
    pub command: Vec<String>,
    pub timeout_seconds: u32,
    /// The step after it, where that is such a command as well.
    pub next: Option<String>,
    /// When the workflow entered its state first, once it has entered it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Variables of its container besides those of the task definition.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// How often it runs again after a lock timeout.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lock_retries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A command with its name.
pub(crate) struct Command<'a> {
    pub name: &'a Name,
    run: &'a OneOff,
    timeouts: Option<&'a Timeouts>,
}

impl<'a> From<&'a Migration> for Command<'a> {
    fn from(migration: &'a Migration) -> Self {
        Self {
            name: &migration.name,
            run: &migration.run,
            timeouts: Some(&migration.timeouts),
        }
    }
}

impl<'a> From<&'a NamedOneOff> for Command<'a> {
    fn from(backup: &'a NamedOneOff) -> Self {
        Self {
            name: &backup.name,
            run: &backup.run,
            timeouts: None,
        }
    }
}

/// Commands that run one after the other, each as an item of `state`; `after` is the step after the last of them.
/// `definitions` are the task definitions of the release by service.
pub(crate) fn prepare(
    list: &[Command<'_>],
    state: &str,
    after: Option<&str>,
    contract: &Contract,
    definitions: &BTreeMap<Name, String>,
) -> Result<Vec<PreparedCommand>, StepError> {
    let prepare = |command: &Command<'_>, next: Option<&Command<'_>>| {
        let run = command.run;
        let definition = definitions.get(&run.service)?;
        let shape = contract.services.get(&run.service)?;
        let container = task_definition::container(shape)?;
        let options = variable(shape, container, PGOPTIONS);
        let environment = command.timeouts.map(|timeouts| timeouts.environment(options));
        Some(PreparedCommand {
            name: command.name.clone(),
            task_definition: definition.clone(),
            container: container.to_owned(),
            service: Some(shape.name.clone()),
            shares_network: task_definition::shares_network(shape),
            environment: environment.unwrap_or_default(),
            lock_retries: command.timeouts.map(Timeouts::retries).unwrap_or_default(),
            command: run.command.clone(),
            timeout_seconds: run.timeout_seconds,
            next: next
                .map(|next| state::of_item(state, next.name))
                .or_else(|| after.map(str::to_owned)),
            since: None,
        })
    };
    let prepared = list.iter().enumerate().map(|(index, command)| {
        prepare(command, list.get(index + 1)).ok_or_else(|| {
            let name = command.name;
            StepError::ContractInvalid(format!("the service of `{name}` has no container to run it in"))
        })
    });
    prepared.collect()
}

/// The value of a variable that the contract gives a container in clear.
fn variable<'a>(shape: &'a Service, container: &str, name: &str) -> Option<&'a str> {
    let containers = shape.task_definition["containerDefinitions"].as_array()?;
    let container = containers.iter().find(|one| one["name"] == container)?;
    let variables = container["environment"].as_array()?;
    variables.iter().find(|one| one["name"] == name)?["value"].as_str()
}
