//! How a release replaces the tasks of a service: the deployment strategies of ECS.
//!
//! Terraform configures the service; the contract repeats it, so that Slipway knows how long a rollout may take before it begins, and
//! people see what to expect.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::at::{At, Problems};
use super::partial::Partial;
use crate::named;

/// The longest bake time, in minutes: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html>.
const MINUTES: u32 = 1_440;

/// The longest pause in minutes: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>.
const PAUSE_MINUTES: u32 = 20_160;

/// How long a pause lasts that is not limited, on AWS.
const DEFAULT_PAUSE_MINUTES: u32 = 1_440;

/// How a release replaces the tasks of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Strategy {
    /// A few tasks at a time.
    #[default]
    Rolling,
    /// All requests at once, once the new tasks are healthy.
    BlueGreen(Observation),
    /// A share of the requests after another.
    Linear(Gradual),
    /// A share of the requests, and then all others.
    Canary(Gradual),
}

/// Requests that shift to the new tasks in more than one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gradual {
    /// The share of a step.
    pub percent: Percent,
    /// How long a share is observed before the next step.
    pub step_minutes: u32,
    /// What is observed besides.
    #[serde(flatten)]
    pub observation: Observation,
}

/// How a progressive rollout is observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// How long the previous tasks remain after all requests have shifted.
    pub bake_minutes: u32,
    /// The stages at which the rollout waits for a decision.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pauses: BTreeSet<PauseStage>,
    /// How long it waits there; then ECS rolls back.
    pub pause_minutes: u32,
}

/// A share of the requests, in tenths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent(u16);

/// A number that is no share of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a multiple of 0.1 from 0.1 to 100")]
pub struct InvalidPercent;

impl TryFrom<f64> for Percent {
    type Error = InvalidPercent;

    fn try_from(percent: f64) -> Result<Self, InvalidPercent> {
        (1..=1_000_u16)
            .find(|tenths| (f64::from(*tenths) / 10.0 - percent).abs() < 1e-9)
            .map(Self)
            .ok_or(InvalidPercent)
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> Self {
        f64::from(percent.0) / 10.0
    }
}

/// A stage of a deployment at which ECS can pause
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PauseStage {
    /// Before what an interrupted deployment left is put in order.
    ReconcileService,
    /// Before the new tasks start.
    PreScaleUp,
    /// The new tasks are healthy and get no requests.
    PostScaleUp,
    /// The new tasks get the requests of the test listener.
    PostTestTrafficShift,
    /// Before each step of the requests.
    PreProductionTrafficShift,
    /// After the last step.
    PostProductionTrafficShift,
}

/// A text that names no stage at which ECS can pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no stage at which ECS can pause")]
pub struct InvalidStage;

impl PauseStage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::ReconcileService,
        Self::PreScaleUp,
        Self::PostScaleUp,
        Self::PostTestTrafficShift,
        Self::PreProductionTrafficShift,
        Self::PostProductionTrafficShift,
    ];

    /// Its name in ECS.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
        }
    }
}

named!(InvalidStage: PauseStage);

impl Strategy {
    /// Its name in the contract.
    pub fn as_str(&self) -> &'static str {
        let kind = match self {
            Self::Rolling => Kind::Rolling,
            Self::BlueGreen(_) => Kind::BlueGreen,
            Self::Linear(_) => Kind::Linear,
            Self::Canary(_) => Kind::Canary,
        };
        kind.as_str()
    }

    /// Whether it is the default.
    pub fn is_rolling(&self) -> bool {
        matches!(self, Self::Rolling)
    }

    /// How many steps the requests take.
    fn steps(&self) -> u32 {
        match self {
            Self::Rolling => 0,
            Self::BlueGreen(_) => 1,
            Self::Linear(gradual) => 1_000_u32.div_ceil(u32::from(gradual.percent.0)),
            Self::Canary(gradual) if gradual.percent.0 < 1_000 => 2,
            Self::Canary(_) => 1,
        }
    }

    /// How long ECS waits at most in a rollout, besides the start of tasks: all bake times and all pauses.
    pub fn longest_wait(&self) -> Duration {
        let (observation, step_minutes) = match self {
            Self::Rolling => return Duration::ZERO,
            Self::BlueGreen(observation) => (observation, 0),
            Self::Linear(gradual) | Self::Canary(gradual) => (&gradual.observation, gradual.step_minutes),
        };
        let steps = self.steps();
        // A bake time follows each step but the last.
        let bakes = step_minutes * (steps - 1) + observation.bake_minutes;
        let pauses: u32 = observation
            .pauses
            .iter()
            .map(|stage| match stage {
                PauseStage::PreProductionTrafficShift => steps,
                _ => 1,
            })
            .sum();
        let minutes = u64::from(bakes) + u64::from(pauses) * u64::from(observation.pause_minutes);
        Duration::from_secs(minutes * 60)
    }
}

/// The kinds of strategy, as the contract names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rolling,
    BlueGreen,
    Linear,
    Canary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InvalidKind;

impl Kind {
    const ALL: [Self; 4] = [Self::Rolling, Self::BlueGreen, Self::Linear, Self::Canary];

    fn as_str(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::BlueGreen => "blue_green",
            Self::Linear => "linear",
            Self::Canary => "canary",
        }
    }
}

named!(InvalidKind: Kind);

/// The attribute `strategy` of a service.
pub(super) fn strategy(at: &At, problems: &mut Problems) -> Option<Strategy> {
    let observed = ["kind", "bake_minutes", "pauses", "pause_minutes"];
    let gradual = [&observed[..], &["percent", "step_minutes"]].concat();
    let kind = at.spelled(&gradual).require("kind", problems).and_then(|at| {
        let text = at.text(problems)?;
        text.parse::<Kind>().ok().or_else(|| {
            at.wrong(
                problems,
                "is not a strategy",
                "use `rolling`, `blue_green`, `linear` or `canary`",
            )
        })
    });
    let known = match kind {
        Some(Kind::Rolling) => &observed[..1],
        Some(Kind::BlueGreen) => &observed,
        // Of an unknown kind, all attributes are.
        Some(Kind::Linear | Kind::Canary) | None => &gradual,
    };
    let at = &at.attributes(known, problems)?;
    Some(match kind? {
        Kind::Rolling => Strategy::Rolling,
        Kind::BlueGreen => Strategy::BlueGreen(observation(at, problems)?),
        // ECS takes no smaller steps: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html
        Kind::Linear => Strategy::Linear(steps(at, 30, 100, 6, problems)?),
        Kind::Canary => Strategy::Canary(steps(at, 1, 50, 10, problems)?),
    })
}

/// The steps of a strategy: `least` and `default` are shares in tenths of a percent. The defaults are those of ECS.
fn steps(at: &At, least: u16, default: u16, minutes: u32, problems: &mut Problems) -> Option<Gradual> {
    let percent = match at.get("percent") {
        None => Some(Percent(default)),
        Some(at) => percent(&at, least, problems),
    };
    let step_minutes = number(at, "step_minutes", minutes, MINUTES, problems);
    let observation = observation(at, problems);
    Some(Gradual {
        percent: percent?,
        step_minutes: step_minutes?,
        observation: observation?,
    })
}

fn percent(at: &At, least: u16, problems: &mut Problems) -> Option<Percent> {
    if *at.value == Partial::Unknown {
        return None;
    }
    let number = at.value.whole().and_then(|value| value.as_f64());
    let percent = number.and_then(|number| Percent::try_from(number).ok());
    percent.filter(|percent| percent.0 >= least).or_else(|| {
        let least = f64::from(Percent(least));
        at.wrong(
            problems,
            "is not a share of the requests",
            &format!("give a multiple of 0.1 from {least} to 100"),
        )
    })
}

fn observation(at: &At, problems: &mut Problems) -> Option<Observation> {
    let bake_minutes = number(at, "bake_minutes", 0, MINUTES, problems);
    let pause_minutes = match at.get("pause_minutes") {
        None => Some(DEFAULT_PAUSE_MINUTES),
        Some(at) => match at.number(problems, PAUSE_MINUTES) {
            Some(0) => at.wrong(problems, "is 0", "give at least one minute"),
            minutes => minutes,
        },
    };
    let pauses = match at.get("pauses") {
        None => Some(BTreeSet::new()),
        Some(at) => at.list(problems).and_then(|stages| {
            let stages: Result<_, InvalidStage> = stages.iter().map(|stage| stage.parse()).collect();
            stages.ok().or_else(|| {
                let known = PauseStage::ALL.map(PauseStage::as_str).join(", ");
                at.wrong(
                    problems,
                    "has no stage at which ECS can pause",
                    &format!("use of: {known}"),
                )
            })
        }),
    };
    Some(Observation {
        bake_minutes: bake_minutes?,
        pauses: pauses?,
        pause_minutes: pause_minutes?,
    })
}

fn number(at: &At, key: &str, default: u32, most: u32, problems: &mut Problems) -> Option<u32> {
    match at.get(key) {
        None => Some(default),
        Some(at) => at.number(problems, most),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> (Option<Strategy>, Vec<String>) {
        let mut problems = Vec::new();
        let value = Partial::of(value);
        let read = strategy(&At::root(&value), &mut problems);
        (read, problems.into_iter().map(|problem| problem.field).collect())
    }

    #[test]
    fn every_strategy_is_read_and_survives_storage() {
        for (value, minutes) in [
            (json!({"kind": "rolling"}), 0),
            (json!({"kind": "blue_green", "bake_minutes": 5}), 5),
            // Four steps of a quarter have three bake times between them.
            (
                json!({"kind": "linear", "percent": 25, "step_minutes": 2, "bake_minutes": 1}),
                7,
            ),
            (json!({"kind": "canary", "percent": 0.1, "step_minutes": 10}), 10),
            (json!({"kind": "canary", "percent": 100}), 0),
            (
                json!({"kind": "canary", "percent": 12.5, "step_minutes": 1, "bake_minutes": 2, "pause_minutes": 60,
                       "pauses": ["POST_SCALE_UP", "PRE_PRODUCTION_TRAFFIC_SHIFT"]}),
                183,
            ),
        ] {
            let (strategy, problems) = read(&value);
            let strategy = strategy.unwrap_or_else(|| panic!("{value}: {problems:?}"));
            assert_eq!(strategy.longest_wait().as_secs(), minutes * 60, "{value}");
            assert_eq!(strategy.as_str(), value["kind"]);
            let stored = serde_json::to_value(&strategy).expect("JSON");
            assert_eq!(
                serde_json::from_value::<Strategy>(stored).expect("a strategy"),
                strategy
            );
        }
    }

    #[test]
    fn a_wrong_strategy_is_named_by_its_field() {
        for (value, field) in [
            (json!({}), "slipway.kind"),
            (json!("canary"), "slipway"),
            (json!({"kind": "all_at_once"}), "slipway.kind"),
            (json!({"kind": "rolling", "percent": 5}), "slipway.percent"),
            (json!({"kind": "blue_green", "percent": 5}), "slipway.percent"),
            (json!({"kind": "linear", "percent": 2}), "slipway.percent"),
            (json!({"kind": "canary", "percent": 0.05}), "slipway.percent"),
            (json!({"kind": "canary", "percent": 100.1}), "slipway.percent"),
            (json!({"kind": "canary", "percent": "5"}), "slipway.percent"),
            (json!({"kind": "canary", "step_minutes": 1441}), "slipway.step_minutes"),
            (
                json!({"kind": "blue_green", "pauses": ["PRODUCTION_TRAFFIC_SHIFT"]}),
                "slipway.pauses",
            ),
            (
                json!({"kind": "blue_green", "pause_minutes": 0}),
                "slipway.pause_minutes",
            ),
        ] {
            let (strategy, problems) = read(&value);
            assert_eq!(strategy.filter(|_| problems.is_empty()), None, "{value}");
            assert!(problems.iter().any(|problem| problem == field), "{value}: {problems:?}");
        }
    }
}
