//! Progressive deployments: the scheduler's part of [`super::super::shift`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::invalid_parameter;
use super::super::rollout::Phase;
use super::super::service::RolloutState;
use super::super::service_deployments::digits;
use super::super::shift::{Advanced, Facts, Hook, HookStatus, Shift, name_of};
use super::super::strategy::HookAction;
use super::{Scheduler, log_failure};
use crate::cloudwatch::{ALARM, Alarm, State};
use crate::wire::{AwsError, arn};

impl Scheduler {
    /// The shift of a deployment that is about to begin, from the newest one that has completed. Without one, or without tasks, there is
    /// nothing to shift from.
    pub(super) fn new_shift(&self) -> Option<Shift> {
        let mut known = self.service.deployments.iter();
        let source = known.find(|known| known.has_completed)?;
        let shifts = self.service.configuration.is_progressive() && self.service.desired > 0;
        shifts.then(|| Shift::new(source.id.clone()))
    }

    /// Sends requests by the weights of the deployment in progress. One that has failed gets none.
    pub(super) fn split(&self) {
        let Some(front) = &self.front else { return };
        let weighted = self.service.deployments.iter().find_map(|deployment| {
            let shift = deployment.shift.as_ref()?;
            match deployment.state {
                RolloutState::InProgress => Some((deployment.id.as_str(), shift.percent)),
                RolloutState::Failed => Some((deployment.id.as_str(), 0.0)),
                RolloutState::Completed => None,
            }
        });
        front.split(weighted);
    }

    /// Takes the shift of requests as far as it goes now. Says whether anything changed.
    pub(super) fn advance(&mut self) -> bool {
        self.deadline = None;
        let Some(mut shift) = self.service.shift().cloned() else {
            return false;
        };
        if let Some(alarm) = self.ringing() {
            let is_rolled_back = self.service.configuration.alarms.as_ref().is_some_and(|it| it.rollback);
            let reason = format!(
                "Service deployment rolled back because the CloudWatch alarm {alarm} was detected in the ALARM state."
            );
            self.fail(&reason, is_rolled_back);
            return true;
        }
        let primary = self
            .service
            .primary()
            .map(|primary| primary.id.clone())
            .unwrap_or_default();
        let members = self.members.iter();
        let fresh = members
            .filter(|it| it.deployment == primary && it.phase == Phase::Healthy)
            .count();
        let mut others = self.members.iter().filter(|it| it.deployment != primary);
        let facts = Facts {
            is_scaled_up: u32::try_from(fresh).is_ok_and(|fresh| fresh >= self.service.desired),
            is_cleaned_up: !others.any(|it| it.phase != Phase::Leaving),
            now: Timestamp::now(),
            minute: self.shared.host.minute,
        };
        let mut changed = Vec::new();
        let before = shift.clone();
        let advanced = shift.advance(&self.service.configuration, facts, &mut changed);
        let has_changed = shift != before;
        if let Some(primary) = self.service.primary_mut() {
            if has_changed {
                primary.updated_at = facts.now;
            }
            primary.shift = Some(shift);
        }
        for hook in &changed {
            self.announce_hook(hook);
        }
        self.split();
        match advanced {
            Advanced::Waits(until) => {
                let left = |until: Timestamp| Duration::try_from(until.duration_since(facts.now)).unwrap_or_default();
                self.deadline = until.map(|until| Instant::now() + left(until));
                has_changed
            }
            Advanced::RollsBack(reason) => {
                self.fail(&reason, true);
                true
            }
            Advanced::Completed => {
                if let Some(primary) = self.service.primary_mut() {
                    primary.shift = None;
                }
                self.complete();
                true
            }
        }
    }

    /// An alarm of the configuration that rings.
    fn ringing(&self) -> Option<String> {
        let alarms = self
            .service
            .configuration
            .alarms
            .as_ref()
            .filter(|alarms| alarms.enable)?;
        let rings = |name: &&String| {
            let alarm = self.shared.host.ledger.get::<Alarm>(ALARM, name);
            matches!(alarm, Ok(Some(alarm)) if alarm.state == State::Alarm)
        };
        alarms.alarm_names.iter().find(rings).cloned()
    }

    pub(super) fn end_pause(&mut self, deployment: &str, hook: &str, action: HookAction) -> Result<(), AwsError> {
        let mut known = self.service.deployments.iter_mut();
        let known = known.find(|known| known.id == deployment && known.state == RolloutState::InProgress);
        let ended = known
            .and_then(|known| known.shift.as_mut())
            .and_then(|shift| shift.end_pause(hook, action));
        let Some(ended) = ended.cloned() else {
            return Err(invalid_parameter(format!("The hook {hook} is not awaiting action.")));
        };
        self.announce_hook(&ended);
        if action == HookAction::Rollback {
            let reason = format!(
                "The hook {} was ended with ROLLBACK at {}.",
                ended.id,
                name_of(ended.stage)
            );
            self.fail(&reason, true);
        }
        Ok(())
    }

    pub(super) fn stop_deployment(&mut self, deployment: &str) -> Result<(), AwsError> {
        let primary = self.service.primary();
        let is_it = |it: &super::super::service::Deployment| {
            it.id == deployment && it.state == RolloutState::InProgress && !it.has_completed
        };
        if !primary.is_some_and(is_it) {
            return Err(invalid_parameter("The service deployment is not in progress."));
        }
        self.fail("Service deployment was stopped by a user request.", true);
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_hook_state_change_events.html>
    fn announce_hook(&self, hook: &Hook) {
        let (cluster, name) = (&self.service.cluster, &self.service.name);
        let id = self.service.primary().map(digits).unwrap_or_default();
        let deployment = arn("ecs", &format!("service-deployment/{cluster}/{name}/{id}"));
        let (kind, event) = match hook.status {
            HookStatus::AwaitingAction => ("INFO", "HOOK_AWAITING_ACTION"),
            HookStatus::Succeeded => ("INFO", "HOOK_SUCCEEDED"),
            HookStatus::Failed => ("ERROR", "HOOK_FAILED"),
            HookStatus::TimedOut => ("ERROR", "HOOK_TIMED_OUT"),
        };
        let detail: Value = json!({
            "eventType": kind,
            "eventName": event,
            "hookId": hook.id,
            "hookType": "PAUSE",
            "expiresAt": hook.expires_at,
            "lifecycleStage": hook.stage,
            "clusterArn": super::super::clusters::cluster_arn(cluster),
            "serviceArn": self.service.arn(),
            "serviceDeploymentArn": deployment,
            "updatedAt": Timestamp::now(),
        });
        // A caller that hears of it is to find it in the ledger.
        log_failure(
            self.shared
                .host
                .ledger
                .put(super::super::SERVICE, &self.service.key(), &self.service),
        );
        self.shared.announce("ECS Hook State Change", &deployment, &detail);
    }
}
