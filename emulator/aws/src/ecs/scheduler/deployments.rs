//! The deployments of a service: how one begins, fails, is rolled back and completes, and what is said of it.

use serde_json::{Value, json};

use super::super::rollout::{Member, failure_threshold};
use super::super::service::{Deployment, RolloutState};
use super::{FIRST_BACKOFF, Scheduler};

impl Scheduler {
    /// Begins a deployment, which becomes the primary one.
    pub(super) fn deploy(&mut self, definition: String) {
        let mut deployment = Deployment::new(definition);
        deployment.shift = self.new_shift();
        let members = &self.members;
        let mut has_rollback = false;
        self.service.deployments.retain(|old| {
            // What has tasks is shown, and the newest one that has completed is kept for a rollback.
            let is_rollback = old.has_completed && !has_rollback;
            has_rollback |= is_rollback;
            is_rollback || members.iter().any(|it| it.deployment == old.id)
        });
        self.announce("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", &deployment);
        self.service.deployments.insert(0, deployment);
        self.split();
        self.not_before = None;
        self.backoff = FIRST_BACKOFF;
    }

    /// Counts a task that ended or was unhealthy without having been interrupted.
    pub(super) fn has_failed(&mut self, member: &Member) {
        self.wait_before_next();
        let breaker = self.service.configuration.deployment_circuit_breaker;
        let threshold = failure_threshold(self.service.desired);
        let Some(primary) = self.service.primary_mut() else {
            return;
        };
        if primary.id != member.deployment || primary.state != RolloutState::InProgress {
            return;
        }
        primary.failed_tasks += 1;
        primary.failures_in_a_row += 1;
        if breaker.enable && primary.failures_in_a_row >= threshold {
            self.fail(
                "ECS deployment circuit breaker: tasks failed to start.",
                breaker.rollback,
            );
        }
    }

    /// The deployment in progress has failed: its circuit breaker opened, an alarm rang, or a caller stopped it.
    pub(super) fn fail(&mut self, reason: &str, rollback: bool) {
        let Some(primary) = self.service.primary_mut() else {
            return;
        };
        primary.set(RolloutState::Failed, reason.to_owned());
        let failed = primary.clone();
        // Before anything else: the next request goes to the previous tasks.
        self.split();
        self.service
            .say(&format!("(deployment {}) deployment failed: {reason}", failed.id));
        self.announce("ERROR", "SERVICE_DEPLOYMENT_FAILED", &failed);
        let completed = self
            .service
            .deployments
            .iter()
            .position(|it| it.has_completed && it.id != failed.id);
        if let Some(place) = completed.filter(|_| rollback) {
            let mut back = self.service.deployments.remove(place);
            let reason = format!("{reason} Rolling back to deploymentId {}.", back.id);
            back.set(RolloutState::InProgress, reason);
            back.failures_in_a_row = 0;
            self.service.say(&format!("rolling back to deployment {}.", back.id));
            self.announce("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", &back);
            self.service.deployments.insert(0, back);
        }
    }

    /// The primary deployment has reached what it is for.
    pub(super) fn complete(&mut self) {
        let Some(primary) = self.service.primary_mut() else {
            return;
        };
        primary.set(
            RolloutState::Completed,
            format!("ECS deployment {} completed.", primary.id),
        );
        primary.has_completed = true;
        primary.failures_in_a_row = 0;
        let completed = primary.clone();
        for other in &mut self.service.deployments {
            // What is kept of them shifts no request any more.
            if other.state == RolloutState::Failed
                && let Some(shift) = &mut other.shift
            {
                shift.percent = 0.0;
            }
        }
        // A failed one stays for inspection until the next deployment.
        let is_kept = |it: &Deployment| it.id == completed.id || it.state == RolloutState::Failed;
        self.service.deployments.retain(is_kept);
        self.split();
        self.service.say("has reached a steady state.");
        self.announce("INFO", "SERVICE_DEPLOYMENT_COMPLETED", &completed);
    }

    fn announce(&self, kind: &str, name: &str, deployment: &Deployment) {
        let detail: Value = json!({
            "eventType": kind,
            "eventName": name,
            "deploymentId": deployment.id,
            "updatedAt": deployment.updated_at,
            "reason": deployment.reason,
        });
        self.shared
            .announce("ECS Deployment State Change", &self.service.arn(), &detail);
    }
}
