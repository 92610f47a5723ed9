//! How the requests of a service shift from the tasks of one deployment to those of the next: a pure state machine.
//!
//! ```text
//! PRE_SCALE_UP ► SCALE_UP ► POST_SCALE_UP ► test stages ► PRE_PRODUCTION ► PRODUCTION ► POST_PRODUCTION ► BAKE_TIME ► CLEAN_UP
//!                                                               ▲     next step    │
//!                                                               └──────────────────┘
//! ```
//!
//! A stage is left when its pauses are continued, its bake time is over, and its tasks are there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::strategy::{DeploymentConfiguration, HookAction, Stage};

/// The shift of a deployment in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shift {
    /// The deployment whose tasks get the other requests.
    pub(super) source: String,
    pub(super) stage: Stage,
    /// The share of the requests that the new tasks get.
    pub(super) percent: f64,
    /// The end of the bake time of this stage.
    pub(super) until: Option<Timestamp>,
    /// The pauses of this stage, and those that were.
    pub(super) hooks: Vec<Hook>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) stage: Stage,
    pub(super) status: HookStatus,
    pub(super) expires_at: Timestamp,
    pub(super) action: HookAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum HookStatus {
    AwaitingAction,
    Succeeded,
    Failed,
    TimedOut,
}

/// What the tasks are at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// All new tasks are healthy.
    pub(super) is_scaled_up: bool,
    /// No previous task is left.
    pub(super) is_cleaned_up: bool,
    pub(super) now: Timestamp,
    /// How long a minute of the configuration is.
    pub(super) minute: Duration,
}

/// Where the shift has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Advanced {
    /// It waits, at the latest until then.
    Waits(Option<Timestamp>),
    /// A pause ended so.
    RollsBack(String),
    /// The new tasks get all requests, and the previous ones have ended.
    Completed,
}

impl Shift {
    pub(super) fn new(source: String) -> Self {
        Self {
            source,
            stage: Stage::PreScaleUp,
            percent: 0.0,
            until: None,
            hooks: Vec::new(),
        }
    }

    /// Goes on as far as it can. Hooks whose status changes are in `changed`.
    pub(super) fn advance(
        &mut self,
        configuration: &DeploymentConfiguration,
        facts: Facts,
        changed: &mut Vec<Hook>,
    ) -> Advanced {
        // The first stage is never entered from another one.
        if self.hooks.is_empty() && self.stage == Stage::PreScaleUp {
            self.enter(Stage::PreScaleUp, configuration, facts, changed);
        }
        loop {
            if let Some(advanced) = self.wait_for_hooks(facts, changed) {
                return advanced;
            }
            if let Some(until) = self.until.filter(|until| *until > facts.now) {
                return Advanced::Waits(Some(until));
            }
            let next = match self.stage {
                Stage::ReconcileService => Stage::PreScaleUp,
                Stage::PreScaleUp => Stage::ScaleUp,
                Stage::ScaleUp if !facts.is_scaled_up => return Advanced::Waits(None),
                Stage::ScaleUp => Stage::PostScaleUp,
                Stage::PostScaleUp => Stage::TestTrafficShift,
                Stage::TestTrafficShift => Stage::PostTestTrafficShift,
                Stage::PostTestTrafficShift => Stage::PreProductionTrafficShift,
                Stage::PreProductionTrafficShift => Stage::ProductionTrafficShift,
                Stage::ProductionTrafficShift if self.percent < 100.0 => Stage::PreProductionTrafficShift,
                Stage::ProductionTrafficShift => Stage::PostProductionTrafficShift,
                Stage::PostProductionTrafficShift => Stage::BakeTime,
                Stage::BakeTime => Stage::CleanUp,
                Stage::CleanUp if !facts.is_cleaned_up => return Advanced::Waits(None),
                Stage::CleanUp => return Advanced::Completed,
            };
            self.enter(next, configuration, facts, changed);
        }
    }

    fn enter(&mut self, stage: Stage, configuration: &DeploymentConfiguration, facts: Facts, changed: &mut Vec<Hook>) {
        self.stage = stage;
        // Of a stage that comes again, ECS shows the pauses of this time.
        self.hooks.retain(|hook| hook.stage != stage);
        let after = |minutes: u32| facts.now + SignedDuration::try_from(facts.minute * minutes).unwrap_or_default();
        self.until = match stage {
            Stage::ProductionTrafficShift => {
                let (percent, minutes) = configuration.next_step(self.percent);
                self.percent = percent;
                Some(after(minutes))
            }
            Stage::BakeTime => configuration.bake_time_in_minutes.map(after),
            _ => None,
        };
        let pauses = configuration.lifecycle_hooks.iter();
        for hook in pauses.filter(|hook| hook.lifecycle_stages.contains(&stage)) {
            let hook = Hook {
                id: format!("ecs-pause-{:016x}", rand::random::<u64>()),
                stage,
                status: HookStatus::AwaitingAction,
                expires_at: after(hook.timeout_configuration.timeout_in_minutes),
                action: hook.timeout_configuration.action,
            };
            changed.push(hook.clone());
            self.hooks.push(hook);
        }
    }

    /// What the pauses of this stage still wait for, if anything.
    fn wait_for_hooks(&mut self, facts: Facts, changed: &mut Vec<Hook>) -> Option<Advanced> {
        let waiting = self
            .hooks
            .iter_mut()
            .filter(|hook| hook.status == HookStatus::AwaitingAction);
        let mut earliest: Option<Timestamp> = None;
        for hook in waiting {
            if hook.expires_at > facts.now {
                earliest = Some(earliest.map_or(hook.expires_at, |earliest| earliest.min(hook.expires_at)));
                continue;
            }
            hook.status = HookStatus::TimedOut;
            changed.push(hook.clone());
            if hook.action == HookAction::Rollback {
                return Some(Advanced::RollsBack(format!(
                    "The hook {} timed out at {}.",
                    hook.id,
                    name_of(hook.stage)
                )));
            }
        }
        earliest.map(|earliest| Advanced::Waits(Some(earliest)))
    }

    /// Ends a pause; `None` if there is no such pause that waits.
    pub(super) fn end_pause(&mut self, id: &str, action: HookAction) -> Option<&Hook> {
        let mut hooks = self.hooks.iter_mut();
        let hook = hooks.find(|hook| hook.id == id && hook.status == HookStatus::AwaitingAction)?;
        hook.status = match action {
            HookAction::Continue => HookStatus::Succeeded,
            HookAction::Rollback => HookStatus::Failed,
        };
        Some(hook)
    }
}

/// The name of a stage on the wire.
pub(super) fn name_of(stage: Stage) -> String {
    let name = serde_json::to_value(stage).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn configuration(value: Value) -> DeploymentConfiguration {
        serde_json::from_value(value).expect("a configuration")
    }

    /// Each share that the new tasks get, with the minute in which they get it, and the end.
    fn played(configuration: &DeploymentConfiguration, continues: bool) -> (Vec<(i64, f64)>, Advanced, i64) {
        let mut shift = Shift::new("old".to_owned());
        let (mut shares, mut minute) = (Vec::new(), 0);
        loop {
            let facts = Facts {
                is_scaled_up: true,
                is_cleaned_up: true,
                now: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute),
                minute: Duration::from_mins(1),
            };
            let mut changed = Vec::new();
            let advanced = shift.advance(configuration, facts, &mut changed);
            if shares
                .last()
                .is_none_or(|(_, share)| (share - shift.percent).abs() > f64::EPSILON)
            {
                shares.push((minute, shift.percent));
            }
            let waiting = changed.iter().find(|hook| hook.status == HookStatus::AwaitingAction);
            match (advanced, waiting) {
                (Advanced::Waits(_), Some(hook)) if continues => {
                    shift.end_pause(&hook.id, HookAction::Continue).expect("a pause");
                }
                (Advanced::Waits(Some(until)), _) => {
                    minute = until.as_second() / 60;
                }
                (ended, _) => return (shares, ended, minute),
            }
        }
    }

    #[test]
    fn a_canary_gets_its_share_then_everything() {
        let canary = configuration(json!({
            "strategy": "CANARY", "bakeTimeInMinutes": 3,
            "canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 5},
        }));
        assert_eq!(
            played(&canary, true),
            (vec![(0, 12.5), (5, 100.0)], Advanced::Completed, 8)
        );
    }

    #[test]
    fn linear_steps_are_equal_and_bake_between() {
        let linear = configuration(json!({
            "strategy": "LINEAR", "linearConfiguration": {"stepPercent": 30.0, "stepBakeTimeInMinutes": 2},
        }));
        let shares = vec![(0, 30.0), (2, 60.0), (4, 90.0), (6, 100.0)];
        assert_eq!(played(&linear, true), (shares, Advanced::Completed, 6));
        let tenths = configuration(json!({"strategy": "LINEAR", "linearConfiguration": {"stepBakeTimeInMinutes": 1}}));
        assert_eq!(played(&tenths, true).0.len(), 10);
    }

    #[test]
    fn a_pause_waits_before_each_step() {
        let hook = |action: &str| {
            json!([{"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
                    "timeoutConfiguration": {"timeoutInMinutes": 7, "action": action}}])
        };
        let mut canary = json!({"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 1}});
        canary["lifecycleHooks"] = hook("ROLLBACK");
        let (shares, ended, minute) = played(&configuration(canary.clone()), true);
        assert_eq!((shares.len(), ended, minute), (3, Advanced::Completed, 1));
        let (shares, ended, minute) = played(&configuration(canary.clone()), false);
        assert_eq!((shares, minute), (vec![(0, 0.0)], 7));
        assert!(matches!(ended, Advanced::RollsBack(why) if why.contains("PRE_PRODUCTION_TRAFFIC_SHIFT")));
        canary["lifecycleHooks"] = hook("CONTINUE");
        assert_eq!(played(&configuration(canary), false).1, Advanced::Completed);
    }
}
