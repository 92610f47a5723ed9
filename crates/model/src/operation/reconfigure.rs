//! Services whose deployment configuration in ECS is another while a release runs, and what it was before.
//!
//! A service that is restored gets all requests at once, whatever its strategy; and ECS restores no service of a release that may not
//! roll back. As with what is quiesced, the record comes before the change, and is removed after the configuration is as before.

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::contract::Percent;
use crate::name::Name;

/// A service whose deployment configuration was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconfigured {
    /// Its name in the contract.
    pub key: Name,
    /// Its name in ECS.
    pub name: String,
    /// The ARN or name of its cluster.
    pub cluster: String,
    /// How it deployed before.
    pub before: Deploys,
}

/// The members of a deployment configuration that an operation changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploys {
    /// The strategy, by its name in ECS.
    pub strategy: String,
    /// How long the previous tasks remain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_minutes: Option<i32>,
    /// The steps of a linear deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<Steps>,
    /// The first step of a canary deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Steps>,
    /// Whether ECS restores a service whose tasks do not start.
    pub breaker_rolls_back: bool,
    /// Whether ECS restores a service whose alarm rings.
    pub alarms_roll_back: bool,
}

/// How requests shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// The share of a step; none for ECS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    /// How long it is observed; none for ECS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<i32>,
}

impl Deploys {
    /// The name of the strategy that shifts all requests at once.
    pub const AT_ONCE: &str = "BLUE_GREEN";

    /// The same service, restored: all requests shift as soon as the tasks are healthy.
    #[must_use]
    pub fn at_once(&self) -> Self {
        Self {
            strategy: Self::AT_ONCE.to_owned(),
            bake_minutes: Some(0),
            linear: None,
            canary: None,
            ..self.clone()
        }
    }

    /// The same service, which ECS does not restore.
    #[must_use]
    pub fn without_rollback(&self) -> Self {
        Self {
            breaker_rolls_back: false,
            alarms_roll_back: false,
            ..self.clone()
        }
    }
}

impl Operation {
    /// The deployment configuration of a service is about to change. The first record counts: a repeated step finds it changed.
    pub fn reconfigure(&mut self, service: &Reconfigured) {
        if self.quiesced.configuration(&service.key).is_none() {
            self.quiesced.configurations.push(service.clone());
        }
    }

    /// The deployment configuration of a service is as it was, or the service no longer exists.
    pub fn configured_as_before(&mut self, key: &Name) {
        self.quiesced.configurations.retain(|service| service.key != *key);
    }
}
