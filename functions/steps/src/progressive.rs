//! Progressive deployments of ECS: blue/green, linear and canary. Their progress is recorded, decisions at their pauses are delivered,
//! and one in progress is stopped before its service is restored.

use aws_sdk_ecs::operation::list_service_deployments::builders::ListServiceDeploymentsFluentBuilder;
use aws_sdk_ecs::types::{
    DeploymentLifecycleHookAction, DeploymentLifecycleHookDetail, DeploymentLifecycleHookStatus,
    DeploymentLifecycleHookTargetType, DeploymentStrategy, Service, ServiceDeployment, ServiceDeploymentStatus,
    ServiceRevisionSummary, StopServiceDeploymentStopType,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use slipway_control::rollout::Ended;
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::operation::rollouts::{Pause, PauseAction, ServiceRollout};

use crate::payload::{Rollout, Updated};
use crate::stack_account::StackAccount;
use crate::state::Direction;
use crate::{StepError, Steps, aws};

/// How a rollout stands.
#[derive(Debug)]
pub(crate) struct Seen {
    /// How it ended, if it has.
    pub ended: Option<Ended>,
    /// Its newest deployment, if its strategy is progressive.
    pub deployment: Option<(DeploymentStrategy, ServiceDeployment)>,
}

/// The strategy of a service, unless it is a rolling update.
pub(crate) fn progressive_strategy(service: &Service) -> Option<&DeploymentStrategy> {
    let configuration = service.deployment_configuration()?;
    configuration
        .strategy()
        .filter(|strategy| **strategy != DeploymentStrategy::Rolling)
}

impl Steps {
    /// Records how far a release is, and delivers the decision at its pause. Returns how it ended, if it has.
    ///
    /// A service that is being restored waits for no decision: its pauses are passed.
    pub(crate) async fn follow(
        &self,
        begun: Operation,
        account: &StackAccount,
        direction: Direction,
        rollout: &Rollout,
        seen: Seen,
    ) -> Result<Option<Ended>, StepError> {
        if direction == Direction::Restore && seen.ended == Some(Ended::Completed) {
            let restored = |operation: &mut Operation| {
                operation.requests_restored(&rollout.key);
                Ok(())
            };
            self.store.update_known_operation(begun, restored).await?;
            return Ok(seen.ended);
        }
        let Some((strategy, deployment)) = seen.deployment else {
            return Ok(seen.ended);
        };
        let mut progress = progress(&strategy, &deployment, rollout);
        if seen.ended == Some(Ended::Completed) {
            progress.percent = Some(100.0);
        }
        if direction == Direction::Restore {
            if let (None, Some(pause)) = (&seen.ended, &progress.pause) {
                account
                    .end_pause(&deployment, &rollout.key, pause, PauseAction::Continue)
                    .await?;
            }
            return Ok(seen.ended);
        }
        let because = begun.rollout_of(&rollout.key);
        let because = because.and_then(|known| known.ended_by_pause(Timestamp::now()));
        let has_ended = seen.ended.is_some();
        let note = |operation: &mut Operation| {
            operation.note_rollout(progress.clone());
            if has_ended {
                operation.leave_pause(&rollout.key);
            }
            Ok(())
        };
        let noted = self.store.update_known_operation(begun, note).await?;
        if let Some(ended) = seen.ended {
            return Ok(Some(match (ended, because) {
                (Ended::Failed(reason), Some(because)) => Ended::Failed(format!("{because}: {reason}")),
                (ended, _) => ended,
            }));
        }
        let pause = noted.rollout_of(&rollout.key).and_then(|known| known.pause.as_ref());
        if let Some((pause, decision)) = pause.and_then(|pause| Some((pause, pause.decision.as_ref()?))) {
            account
                .end_pause(&deployment, &rollout.key, pause, decision.action)
                .await?;
        }
        Ok(None)
    }
}

/// What the operation shows of a deployment.
fn progress(strategy: &DeploymentStrategy, deployment: &ServiceDeployment, rollout: &Rollout) -> ServiceRollout {
    let target = deployment.target_service_revision();
    ServiceRollout {
        service: rollout.key.clone(),
        arn: rollout.service.clone(),
        strategy: strategy.as_str().to_owned(),
        stage: deployment.lifecycle_stage().map(|stage| stage.as_str().to_owned()),
        percent: target.and_then(ServiceRevisionSummary::requested_production_traffic_weight),
        pause: deployment.lifecycle_hook_details().iter().find_map(pause),
    }
}

/// The pause that a hook is, if it waits.
fn pause(hook: &DeploymentLifecycleHookDetail) -> Option<Pause> {
    if hook.target_type() != Some(&DeploymentLifecycleHookTargetType::Pause)
        || hook.status() != Some(&DeploymentLifecycleHookStatus::AwaitingAction)
    {
        return None;
    }
    let expires = hook.expires_at().and_then(|time| time.to_millis().ok());
    Some(Pause {
        hook: hook.hook_id()?.to_owned(),
        expires_at: expires.and_then(|time| Timestamp::from_millisecond(time).ok()),
        at_expiry: match hook.timeout_action() {
            Some(DeploymentLifecycleHookAction::Continue) => PauseAction::Continue,
            // ECS's default.
            _ => PauseAction::RollBack,
        },
        decision: None,
    })
}

impl StackAccount {
    /// Ends a pause. One that has ended meanwhile is no error: the step checks again.
    async fn end_pause(
        &self,
        deployment: &ServiceDeployment,
        service: &Name,
        pause: &Pause,
        action: PauseAction,
    ) -> Result<(), StepError> {
        let action = match action {
            PauseAction::Continue => DeploymentLifecycleHookAction::Continue,
            PauseAction::RollBack => DeploymentLifecycleHookAction::Rollback,
        };
        let request = self.ecs.continue_service_deployment().action(action);
        let request = request.set_service_deployment_arn(deployment.service_deployment_arn().map(str::to_owned));
        let doing = format!("end the pause of the service `{service}`");
        match request.hook_id(&pause.hook).send().await {
            Ok(_) => Ok(()),
            Err(error) => match aws::failed(doing, error) {
                StepError::Refused { said, .. } => {
                    tracing::warn!(%service, said, "a pause could not be ended");
                    Ok(())
                }
                error => Err(error),
            },
        }
    }

    /// Stops a progressive deployment in progress, so that ECS restores the service at once: an update would be another progressive
    /// deployment. Returns the service if there was one, or if ECS is restoring the service by itself.
    pub(crate) async fn stop_progressive(
        &self,
        cluster: &str,
        updated: &Updated,
    ) -> Result<Option<Service>, StepError> {
        let doing = || format!("stop the deployment of the service `{}`", updated.key);
        let service = self.service(cluster, &updated.name, &doing()).await?;
        let Some(service) = service.filter(|service| progressive_strategy(service).is_some()) else {
            return Ok(None);
        };
        let listed = self
            .ecs
            .list_service_deployments()
            .cluster(cluster)
            .service(&updated.name);
        let listed = [
            ServiceDeploymentStatus::Pending,
            ServiceDeploymentStatus::InProgress,
            ServiceDeploymentStatus::StopRequested,
            ServiceDeploymentStatus::RollbackRequested,
            ServiceDeploymentStatus::RollbackInProgress,
        ]
        .into_iter()
        .fold(listed, ListServiceDeploymentsFluentBuilder::status);
        let listed = listed.send().await.map_err(|error| aws::failed(doing(), error))?;
        let deployments = listed.service_deployments();
        let Some(brief) = deployments
            .iter()
            .max_by_key(|brief| brief.created_at().map(DateTime::as_nanos))
        else {
            return Ok(None);
        };
        if let Some(count) = updated.desired_count {
            let scale = self.ecs.update_service().cluster(cluster).service(&updated.name);
            let scaled = scale.desired_count(count).send().await;
            scaled.map_err(|error| aws::failed(doing(), error))?;
        }
        let is_live = matches!(
            brief.status(),
            Some(ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress)
        );
        if !is_live {
            return Ok(Some(service));
        }
        // A repeated step must not stop what it began itself. A service that goes back to no tasks begins nothing.
        let revision = brief.target_service_revision_arn().unwrap_or_default();
        let restores = self.task_definition_of(revision, &updated.key).await? == Some(updated.task_definition.clone());
        if restores && updated.desired_count != Some(0) {
            return Ok(Some(service));
        }
        let stop = self
            .ecs
            .stop_service_deployment()
            .stop_type(StopServiceDeploymentStopType::Rollback);
        let stop = stop.set_service_deployment_arn(brief.service_deployment_arn().map(str::to_owned));
        match stop.send().await {
            Ok(_) => Ok(Some(service)),
            Err(error) => match aws::failed(doing(), error) {
                // It ended meanwhile, or is being stopped: the step that waits sees which.
                StepError::Refused { said, .. } => {
                    tracing::warn!(service = %updated.key, said, "a deployment could not be stopped");
                    Ok(None)
                }
                error => Err(error),
            },
        }
    }

    async fn task_definition_of(&self, revision: &str, service: &Name) -> Result<Option<String>, StepError> {
        let described = self.ecs.describe_service_revisions().service_revision_arns(revision);
        let doing = format!("read the revision of the service `{service}`");
        let described = described.send().await.map_err(|error| aws::failed(doing, error))?;
        let revisions = described.service_revisions.unwrap_or_default();
        Ok(revisions
            .into_iter()
            .next()
            .and_then(|revision| revision.task_definition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ecs::types::ServiceDeploymentLifecycleStage;

    fn hook(
        kind: DeploymentLifecycleHookTargetType,
        status: DeploymentLifecycleHookStatus,
    ) -> DeploymentLifecycleHookDetail {
        DeploymentLifecycleHookDetail::builder()
            .hook_id("ecs-pause-1")
            .target_type(kind)
            .status(status)
            .expires_at(DateTime::from_secs(100))
            .build()
    }

    #[test]
    fn only_a_pause_that_waits_is_shown() {
        use DeploymentLifecycleHookStatus::{AwaitingAction, InProgress, Succeeded};
        use DeploymentLifecycleHookTargetType::{AwsLambda, Pause as Pauses};
        let rollout = serde_json::from_value(serde_json::json!({
            "key": "web", "service": "arn", "deployment": "", "task_definition": "web:2",
            "since": "2026-01-01T00:00:00Z", "timeout_seconds": 60,
        }))
        .expect("a rollout");
        let target = ServiceRevisionSummary::builder().requested_production_traffic_weight(12.5);
        let deployment = |hooks| {
            ServiceDeployment::builder()
                .target_service_revision(target.clone().build())
                .lifecycle_stage(ServiceDeploymentLifecycleStage::PostScaleUp)
                .set_lifecycle_hook_details(Some(hooks))
                .build()
        };
        let waits = deployment(vec![
            hook(Pauses, Succeeded),
            hook(AwsLambda, InProgress),
            hook(Pauses, AwaitingAction),
        ]);
        let shown = progress(&DeploymentStrategy::Canary, &waits, &rollout);
        assert_eq!(
            (shown.strategy.as_str(), shown.stage.as_deref(), shown.percent),
            ("CANARY", Some("POST_SCALE_UP"), Some(12.5))
        );
        let pause = shown.pause.expect("a pause");
        assert_eq!(pause.at_expiry, PauseAction::RollBack);
        assert_eq!(pause.expires_at, Timestamp::from_second(100).ok());
        let none = deployment(vec![hook(Pauses, Succeeded), hook(AwsLambda, AwaitingAction)]);
        assert_eq!(progress(&DeploymentStrategy::Canary, &none, &rollout).pause, None);
    }
}
