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
    const AT_ONCE: &str = "BLUE_GREEN";

    /// The name of the strategy that replaces tasks without shifting requests by weight.
    pub const ROLLING: &str = "ROLLING";

    /// Whether the service shifts requests by weight.
    pub fn is_progressive(&self) -> bool {
        self.strategy != Self::ROLLING
    }

    /// The same service as an operation changes it. A progressive one is restored: all requests shift as soon as the tasks are healthy.
    /// A rolling one is released, and ECS does not restore it.
    #[must_use]
    pub fn changed(&self) -> Self {
        if self.is_progressive() {
            return Self {
                strategy: Self::AT_ONCE.to_owned(),
                bake_minutes: Some(0),
                linear: None,
                canary: None,
                ..self.clone()
            };
        }
        Self {
            breaker_rolls_back: false,
            alarms_roll_back: false,
            ..self.clone()
        }
    }

    /// What a service that deploys like `now` gets back, if it deployed like `self` before an operation changed it. What
    /// Terraform or another release has changed since is newer and remains.
    #[must_use]
    pub fn restored(&self, now: &Self) -> Self {
        let changed = self.changed();
        if !now.shifts_as(&changed) {
            return now.clone();
        }
        let flag = |now, changed, before| if now == changed { before } else { now };
        Self {
            breaker_rolls_back: flag(
                now.breaker_rolls_back,
                changed.breaker_rolls_back,
                self.breaker_rolls_back,
            ),
            alarms_roll_back: flag(now.alarms_roll_back, changed.alarms_roll_back, self.alarms_roll_back),
            ..self.clone()
        }
    }

    /// Whether requests shift in the same way. ECS may leave out a bake time of zero.
    fn shifts_as(&self, other: &Self) -> bool {
        let bakes = |it: &Self| it.bake_minutes.unwrap_or(0);
        (&self.strategy, bakes(self), self.linear, self.canary)
            == (&other.strategy, bakes(other), other.linear, other.canary)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rolling() -> Deploys {
        Deploys {
            strategy: Deploys::ROLLING.to_owned(),
            bake_minutes: None,
            linear: None,
            canary: None,
            breaker_rolls_back: true,
            alarms_roll_back: true,
        }
    }

    fn canary(minutes: i32) -> Deploys {
        Deploys {
            strategy: "CANARY".to_owned(),
            bake_minutes: Some(15),
            canary: Some(Steps {
                percent: None,
                minutes: Some(minutes),
            }),
            breaker_rolls_back: false,
            ..rolling()
        }
    }

    #[test]
    fn what_an_operation_changed_is_restored() {
        for before in [rolling(), canary(10)] {
            assert_ne!(before.changed(), before);
            assert_eq!(before.restored(&before.changed()), before);
            assert_eq!(before.restored(&before), before, "it was not changed");
        }
        let without_bake_time = Deploys {
            bake_minutes: None,
            ..canary(10).changed()
        };
        assert_eq!(canary(10).restored(&without_bake_time), canary(10));
    }

    #[test]
    fn newer_configuration_remains() {
        for (before, newer) in [(canary(10), canary(5)), (rolling(), canary(5)), (canary(10), rolling())] {
            assert_eq!(before.restored(&newer), newer);
        }
        let with_alarms = Deploys {
            alarms_roll_back: true,
            ..rolling().changed()
        };
        assert_eq!(rolling().restored(&with_alarms), rolling(), "the breaker is restored");
    }
}
