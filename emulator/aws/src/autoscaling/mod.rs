//! Application Auto Scaling: as many tasks of an ECS service as its queue needs.
//!
//! Of all that AWS can follow, the emulator follows one metric ([`metric`]): how many messages wait for each task. The
//! number of tasks is then the messages that wait, divided by the target and rounded up, within the bounds of the
//! scalable target. It grows at once, when a message arrives, and from nothing too. It shrinks to what is needed when it
//! has been too high for as long as `ScaleInCooldown`. (On AWS alarms look every minute; `ScaleOutCooldown`, which keeps
//! those from counting tasks twice that have not started yet, means nothing here.)
//!
//! A service is left alone until it has its first release.

mod metric;
mod policies;
mod targets;

use std::collections::HashMap;

use crate::error::chain;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::policies::Policy;
use self::targets::Target;
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError};
use crate::sqs::Sqs;
use crate::wire::{AwsError, Call, input};

const TARGET: &str = "autoscaling-target";
const POLICY: &str = "autoscaling-policy";

/// How long to wait at most until the next look, after a service that could not be changed for one.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// The service. Clones share everything.
#[derive(Clone)]
pub struct Autoscaling {
    ledger: Ledger,
    clock: Clock,
    /// The API of ECS.
    ecs: Call,
    /// Moves with every change of a service of ECS.
    services: watch::Receiver<u64>,
    sqs: Sqs,
}

/// What a service of ECS is like now.
struct Current {
    desired: u32,
    is_released: bool,
}

impl Autoscaling {
    /// The targets of the ledger. Nothing scales before [`Self::start`].
    pub fn new(ledger: Ledger, clock: Clock, ecs: Call, services: watch::Receiver<u64>, sqs: Sqs) -> Self {
        Self {
            ledger,
            clock,
            ecs,
            services,
            sqs,
        }
    }

    /// Scales services, until `stop`.
    pub fn start(&self, stop: CancellationToken) {
        let scaling = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = scaling.run() => {}
            }
        });
    }

    /// One call of the wire API.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "RegisterScalableTarget" => self.register_scalable_target(input(body)?).await,
            "DeregisterScalableTarget" => self.deregister_scalable_target(&input(body)?),
            "DescribeScalableTargets" => self.describe_scalable_targets(&input(body)?),
            "PutScalingPolicy" => self.put_scaling_policy(input(body)?),
            "DeleteScalingPolicy" => self.delete_scaling_policy(&input(body)?),
            "DescribeScalingPolicies" => self.describe_scaling_policies(&input(body)?),
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    async fn run(mut self) {
        let (mut targets, mut policies) = (self.ledger.changes(TARGET), self.ledger.changes(POLICY));
        let mut messages = self.sqs.changes();
        // Since when each service has had more tasks than it needs.
        let mut too_many = HashMap::new();
        loop {
            for changes in [&mut targets, &mut policies, &mut messages, &mut self.services] {
                changes.mark_unchanged();
            }
            let latest = self.clock.now().saturating_add(LONGEST_WAIT).unwrap_or(Timestamp::MAX);
            let next = match self.look(&mut too_many).await {
                Ok(next) => next.map_or(latest, |next| next.min(latest)),
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the scalable targets cannot be read");
                    latest
                }
            };
            tokio::select! {
                _ = targets.changed() => {}
                _ = policies.changed() => {}
                _ = messages.changed() => {}
                _ = self.services.changed() => {}
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// Checks every target once, and returns when to check again if nothing happens.
    async fn look(&self, too_many: &mut HashMap<String, Timestamp>) -> Result<Option<Timestamp>, LedgerError> {
        let targets = self.ledger.list::<Target>(TARGET)?;
        too_many.retain(|id, _| targets.iter().any(|(known, _)| known == id));
        let mut soonest = None;
        for (id, target) in targets {
            let policies = self.ledger.list_under::<Policy>(POLICY, &policies::prefix(&id))?;
            let policies: Vec<Policy> = policies.into_iter().map(|(_, policy)| policy).collect();
            let next = self.follow(&id, &target, &policies, too_many).await;
            soonest = [soonest, next].into_iter().flatten().min();
        }
        Ok(soonest)
    }

    /// Gives one service the tasks that it needs, and says when it may need others.
    async fn follow(
        &self,
        id: &str,
        target: &Target,
        policies: &[Policy],
        too_many: &mut HashMap<String, Timestamp>,
    ) -> Option<Timestamp> {
        let mut wanted: Option<u32> = None;
        let mut next: Option<Timestamp> = None;
        for policy in policies {
            // A queue that is not there says nothing of what is needed.
            let Some(backlog) = self.sqs.backlog(&policy.queue) else {
                continue;
            };
            let needs = target.within(needed(backlog.visible, policy.target_value));
            wanted = Some(wanted.map_or(needs, |wanted| wanted.max(needs)));
            next = [next, backlog.next].into_iter().flatten().min();
        }
        let wanted = wanted?;
        let current = match self.current(target).await {
            Ok(Some(current)) if current.is_released => current,
            Ok(_) => return None,
            Err(error) => {
                tracing::warn!(id, %error, "a service that is to be scaled cannot be seen");
                return None;
            }
        };
        if wanted >= current.desired {
            too_many.remove(id);
            if wanted > current.desired && !target.is_out_suspended() {
                self.scale(target, current.desired, wanted).await;
            }
            return next;
        }
        if target.is_in_suspended() || policies.iter().any(|policy| policy.disable_scale_in) {
            return next;
        }
        let cooldown = policies
            .iter()
            .map(|policy| policy.scale_in_cooldown)
            .max()
            .unwrap_or_default();
        let since = *too_many.entry(id.to_owned()).or_insert_with(|| self.clock.now());
        let due = since
            .checked_add(SignedDuration::from_secs(cooldown.into()))
            .unwrap_or(Timestamp::MAX);
        if due <= self.clock.now() {
            too_many.remove(id);
            self.scale(target, current.desired, wanted).await;
            return next;
        }
        [next, Some(due)].into_iter().flatten().min()
    }

    async fn current(&self, target: &Target) -> Result<Option<Current>, AwsError> {
        let body = json!({"cluster": target.cluster, "services": [target.service]});
        let answer = (self.ecs)("DescribeServices".to_owned(), body).await?;
        let service = &answer["services"][0];
        if service["status"] != "ACTIVE" {
            return Ok(None);
        }
        let desired = service["desiredCount"].as_u64();
        Ok(Some(Current {
            desired: desired
                .and_then(|desired| u32::try_from(desired).ok())
                .unwrap_or_default(),
            is_released: service["taskDefinition"].is_string(),
        }))
    }

    async fn scale(&self, target: &Target, from: u32, to: u32) {
        let body = json!({"cluster": target.cluster, "service": target.service, "desiredCount": to});
        match (self.ecs)("UpdateService".to_owned(), body).await {
            Ok(_) => tracing::info!(service = target.service, from, to, "a service is scaled"),
            Err(error) => tracing::warn!(service = target.service, from, to, %error, "a service cannot be scaled"),
        }
    }
}

/// How many tasks make the backlog of each one the target, or less.
fn needed(visible: usize, target: f64) -> u32 {
    // Both are far below what a double holds exactly, and the result is far below what a `u32` holds.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let needed = (visible as f64 / target).ceil() as u32;
    needed
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::validation(message)
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[test]
    fn one_message_needs_a_task_and_none_needs_none() {
        for (visible, target, expected) in [(0, 5.0, 0), (1, 5.0, 1), (5, 5.0, 1), (6, 5.0, 2), (10, 2.5, 4)] {
            assert_eq!(needed(visible, target), expected, "{visible} / {target}");
        }
    }
}
