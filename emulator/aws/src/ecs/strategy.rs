//! `deploymentConfiguration`: how a deployment replaces the tasks of a service.

use serde::{Deserialize, Serialize};

use super::invalid_parameter;
use crate::wire::AwsError;

/// The members of `deploymentConfiguration` that the emulator follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeploymentConfiguration {
    #[serde(default)]
    pub(super) deployment_circuit_breaker: CircuitBreaker,
    #[serde(default = "DeploymentConfiguration::maximum")]
    pub(super) maximum_percent: u32,
    #[serde(default = "DeploymentConfiguration::minimum")]
    pub(super) minimum_healthy_percent: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) strategy: Option<Strategy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alarms: Option<Alarms>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bake_time_in_minutes: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) canary_configuration: Option<Canary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) linear_configuration: Option<Linear>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lifecycle_hooks: Vec<LifecycleHook>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Strategy {
    Rolling,
    BlueGreen,
    Linear,
    Canary,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CircuitBreaker {
    pub(super) enable: bool,
    pub(super) rollback: bool,
}

/// The CloudWatch alarms that end a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Alarms {
    pub(super) alarm_names: Vec<String>,
    pub(super) enable: bool,
    pub(super) rollback: bool,
}

/// The defaults are those of <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html>.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Canary {
    pub(super) canary_percent: f64,
    pub(super) canary_bake_time_in_minutes: u32,
}

/// The defaults are those of <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html>.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Linear {
    pub(super) step_percent: f64,
    pub(super) step_bake_time_in_minutes: u32,
}

/// A pause. Hooks that call a function are not supported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LifecycleHook {
    pub(super) target_type: TargetType,
    pub(super) lifecycle_stages: Vec<Stage>,
    #[serde(default)]
    pub(super) timeout_configuration: Timeout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum TargetType {
    Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Timeout {
    pub(super) timeout_in_minutes: u32,
    pub(super) action: HookAction,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum HookAction {
    Continue,
    #[default]
    Rollback,
}

/// A lifecycle stage, in order: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>.
/// There is no test listener, so its two stages pass at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            canary_percent: 5.0,
            canary_bake_time_in_minutes: 10,
        }
    }
}

impl Default for Linear {
    fn default() -> Self {
        Self {
            step_percent: 10.0,
            step_bake_time_in_minutes: 6,
        }
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Self {
            timeout_in_minutes: 1_440,
            action: HookAction::Rollback,
        }
    }
}

impl DeploymentConfiguration {
    fn maximum() -> u32 {
        200
    }

    fn minimum() -> u32 {
        100
    }

    /// Whether requests shift by weight.
    pub(super) fn is_progressive(&self) -> bool {
        self.strategy.is_some_and(|strategy| strategy != Strategy::Rolling)
    }

    /// The share of the requests after the next step, and the minutes that it bakes, unless it is the last.
    pub(super) fn next_step(&self, percent: f64) -> (f64, u32) {
        let (next, minutes) = match self.strategy {
            Some(Strategy::Linear) => {
                let linear = self.linear_configuration.unwrap_or_default();
                (percent + linear.step_percent, linear.step_bake_time_in_minutes)
            }
            Some(Strategy::Canary) if percent <= 0.0 => {
                let canary = self.canary_configuration.unwrap_or_default();
                (canary.canary_percent, canary.canary_bake_time_in_minutes)
            }
            _ => (100.0, 0),
        };
        // Ten steps of a tenth are a whole.
        if next > 99.95 { (100.0, 0) } else { (next, minutes) }
    }

    /// Rejects what AWS rejects.
    pub(super) fn check(&self) -> Result<(), AwsError> {
        let within = |percent: f64, least: f64| (least..=100.0).contains(&percent);
        let is_wrong = self
            .canary_configuration
            .is_some_and(|it| !within(it.canary_percent, 0.1))
            || self
                .linear_configuration
                .is_some_and(|it| !within(it.step_percent, 3.0))
            || self.canary_configuration.is_some() && self.strategy != Some(Strategy::Canary)
            || self.linear_configuration.is_some() && self.strategy != Some(Strategy::Linear);
        if is_wrong {
            return Err(invalid_parameter(
                "deploymentConfiguration: canaryConfiguration and linearConfiguration belong to their strategies, with a percentage \
                 from 0.1 and from 3 to 100.",
            ));
        }
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html
        let cannot_pause = |stage: &Stage| {
            matches!(
                stage,
                Stage::ScaleUp
                    | Stage::TestTrafficShift
                    | Stage::ProductionTrafficShift
                    | Stage::BakeTime
                    | Stage::CleanUp
            )
        };
        let mut stages = self.lifecycle_hooks.iter().flat_map(|hook| &hook.lifecycle_stages);
        if stages.any(cannot_pause) {
            return Err(invalid_parameter(
                "deploymentConfiguration.lifecycleHooks: PAUSE hooks cannot be configured at this stage.",
            ));
        }
        Ok(())
    }
}

impl Default for DeploymentConfiguration {
    fn default() -> Self {
        Self {
            deployment_circuit_breaker: CircuitBreaker::default(),
            maximum_percent: Self::maximum(),
            minimum_healthy_percent: Self::minimum(),
            strategy: None,
            alarms: None,
            bake_time_in_minutes: None,
            canary_configuration: None,
            linear_configuration: None,
            lifecycle_hooks: Vec::new(),
        }
    }
}
