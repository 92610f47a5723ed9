//! The status of a service's rollout, as ECS reports it.
//!
//! A rolling deployment has a `rolloutState`. ECS omits it for every other kind of service that its own controller deploys: those
//! behind a Classic Load Balancer, blue/green, linear and canary deployments
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>). For these it keeps *service deployments*,
//! whose end is the end of the deployment, including its bake time
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>).
//!
//! An unknown status is not an end: the step checks again until the service's timeout.

use std::collections::HashMap;

use aws_sdk_ecs::types::{
    Deployment, DeploymentRolloutState, DeploymentStrategy, Service, ServiceDeployment, ServiceDeploymentStatus,
};
use slipway_control::rollout::Ended;

use crate::payload::Rollout;
use crate::state::Direction;

const GAVE_WAY: &str = "it gave way to another rollout, which did not come from this operation";

/// What ECS says of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Ended(Ended),
    InProgress,
    /// Nothing: another call has the answer.
    Nothing,
}

/// By the `rolloutState` of the deployment, where ECS gives one.
pub(crate) fn by_rollout_state(service: &Service, rollout: &Rollout) -> Said {
    let strategy = service
        .deployment_configuration()
        .and_then(|configuration| configuration.strategy());
    if strategy.is_some_and(|strategy| *strategy != DeploymentStrategy::Rolling) {
        return Said::Nothing;
    }
    let is_ours = |deployment: &&Deployment| match rollout.deployment.as_str() {
        // ECS did not show it yet when the service was updated.
        "" => deployment.task_definition() == Some(&rollout.task_definition),
        id => deployment.id() == Some(id),
    };
    match service.deployments().iter().find(is_ours) {
        Some(ours) => match ours.rollout_state() {
            None => Said::Nothing,
            Some(DeploymentRolloutState::Completed) => Said::Ended(Ended::Completed),
            Some(DeploymentRolloutState::Failed) => failed(ours.rollout_state_reason()),
            Some(_) => Said::InProgress,
        },
        None if rollout.deployment.is_empty() => Said::Nothing,
        None if service
            .deployments()
            .iter()
            .any(|other| other.rollout_state().is_some()) =>
        {
            gave_way()
        }
        None => Said::Nothing,
    }
}

/// By the service deployments that ECS has begun since the service was updated; `runs` has the task definition of each service
/// revision that they lead to.
pub(crate) fn by_service_deployments(
    deployments: &[ServiceDeployment],
    runs: &HashMap<String, String>,
    rollout: &Rollout,
) -> Said {
    let is_ours = |deployment: &ServiceDeployment| {
        let revision = deployment.target_service_revision().and_then(|revision| revision.arn());
        let definition = revision.and_then(|revision| runs.get(revision));
        definition == Some(&rollout.task_definition)
    };
    let Some(newest) = deployments.iter().max_by_key(|deployment| created(deployment)) else {
        return Said::Nothing;
    };
    if !is_ours(newest) {
        return if deployments.iter().any(is_ours) {
            gave_way()
        } else if has_ended(newest) {
            // It began within the skew of the clocks, before the service was updated.
            Said::Nothing
        } else {
            Said::InProgress
        };
    }
    match newest.status() {
        Some(ServiceDeploymentStatus::Successful) => Said::Ended(Ended::Completed),
        Some(
            ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed,
        ) => {
            let of_rollback = newest.rollback().and_then(|rollback| rollback.reason());
            failed(newest.status_reason().or(of_rollback))
        }
        // A rollback of ECS's own is waited for: the workflow's would run into it.
        _ => Said::InProgress,
    }
}

/// By the tasks of a service that began no deployment, because it ran the release already: AWS's own rule for a stable service
/// (<https://docs.aws.amazon.com/cli/latest/reference/ecs/wait/services-stable.html>).
///
/// A service that goes back to no tasks has them of whatever definition.
pub(crate) fn by_tasks(service: &Service, rollout: &Rollout, direction: Direction) -> Said {
    let is_empty = service.desired_count() == 0 && service.running_count() == 0 && service.pending_count() == 0;
    if direction == Direction::Restore && is_empty {
        return Said::Ended(Ended::Completed);
    }
    let (primary, others): (Vec<&Deployment>, Vec<&Deployment>) = service
        .deployments()
        .iter()
        .partition(|deployment| deployment.status() == Some("PRIMARY"));
    let runs_it = primary
        .iter()
        .any(|primary| primary.task_definition() == Some(&rollout.task_definition));
    let is_alone = others
        .iter()
        .all(|other| other.running_count() == 0 && other.pending_count() == 0);
    if runs_it && is_alone && service.running_count() == service.desired_count() {
        return Said::Ended(Ended::Completed);
    }
    Said::InProgress
}

fn has_ended(deployment: &ServiceDeployment) -> bool {
    matches!(
        deployment.status(),
        Some(
            ServiceDeploymentStatus::Successful
                | ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::RollbackSuccessful
                | ServiceDeploymentStatus::RollbackFailed
        )
    )
}

/// When ECS began a deployment, in nanoseconds.
pub(crate) fn created(deployment: &ServiceDeployment) -> i128 {
    deployment
        .created_at()
        .map_or(i128::MIN, aws_smithy_types::DateTime::as_nanos)
}

fn failed(reason: Option<&str>) -> Said {
    Said::Ended(Ended::Failed(reason.unwrap_or("ECS gives no reason").to_owned()))
}

fn gave_way() -> Said {
    Said::Ended(Ended::Failed(GAVE_WAY.to_owned()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{DeploymentConfiguration, Rollback, ServiceRevisionSummary};
    use aws_smithy_types::DateTime;

    use super::*;

    const NEW: &str = "arn:aws:ecs:us-east-1:000000000000:task-definition/web:2";
    const OLD: &str = "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1";

    fn rollout(deployment: &str) -> Rollout {
        serde_json::from_value(serde_json::json!({
            "key": "web", "service": "arn", "deployment": deployment, "task_definition": NEW,
            "since": "2026-01-01T00:00:00Z", "timeout_seconds": 60,
        }))
        .expect("a rollout")
    }

    fn deployment(id: &str, definition: &str, state: Option<&str>) -> Deployment {
        let deployment = Deployment::builder().id(id).task_definition(definition);
        deployment
            .set_rollout_state(state.map(DeploymentRolloutState::from))
            .build()
    }

    fn service(strategy: Option<DeploymentStrategy>, deployments: Vec<Deployment>) -> Service {
        let configuration = DeploymentConfiguration::builder().set_strategy(strategy).build();
        let service = Service::builder().deployment_configuration(configuration);
        service.set_deployments(Some(deployments)).build()
    }

    #[test]
    fn a_rolling_deployment_is_judged_by_its_own_state() {
        let said = |state: Option<&str>| {
            let deployments = vec![deployment("ecs-svc/2", NEW, state), deployment("ecs-svc/1", OLD, None)];
            by_rollout_state(&service(None, deployments), &rollout("ecs-svc/2"))
        };
        assert_eq!(said(Some("COMPLETED")), Said::Ended(Ended::Completed));
        assert!(matches!(said(Some("FAILED")), Said::Ended(Ended::Failed(_))));
        assert_eq!(said(Some("IN_PROGRESS")), Said::InProgress);
        assert_eq!(said(Some("SOMETHING_NEW")), Said::InProgress);
        // Behind a Classic Load Balancer.
        assert_eq!(said(None), Said::Nothing);
    }

    #[test]
    fn another_rollout_in_its_place_is_a_failure() {
        let other = vec![deployment("ecs-svc/3", OLD, Some("COMPLETED"))];
        let said = by_rollout_state(&service(None, other), &rollout("ecs-svc/2"));
        assert_eq!(said, gave_way());
    }

    #[test]
    fn late_deployment_is_recognised_by_its_task_definition() {
        let late = vec![deployment("ecs-svc/2", NEW, Some("COMPLETED"))];
        assert_eq!(
            by_rollout_state(&service(None, late), &rollout("")),
            Said::Ended(Ended::Completed)
        );
        let not_yet = vec![deployment("ecs-svc/1", OLD, Some("COMPLETED"))];
        assert_eq!(by_rollout_state(&service(None, not_yet), &rollout("")), Said::Nothing);
    }

    #[test]
    fn a_state_of_blue_green_deployments_is_not_believed() {
        for strategy in ["BLUE_GREEN", "LINEAR", "CANARY", "SOMETHING_NEW"] {
            let deployments = vec![deployment("ecs-svc/2", NEW, Some("COMPLETED"))];
            let service = service(Some(DeploymentStrategy::from(strategy)), deployments);
            assert_eq!(
                by_rollout_state(&service, &rollout("ecs-svc/2")),
                Said::Nothing,
                "{strategy}"
            );
        }
    }

    fn service_deployment(at: i64, revision: &str, status: &str) -> ServiceDeployment {
        let revision = ServiceRevisionSummary::builder().arn(revision).build();
        ServiceDeployment::builder()
            .created_at(DateTime::from_secs(at))
            .target_service_revision(revision)
            .status(ServiceDeploymentStatus::from(status))
            .rollback(Rollback::builder().reason("an alarm went off").build())
            .build()
    }

    fn judged(deployments: &[ServiceDeployment]) -> Said {
        let runs = HashMap::from([("new".to_owned(), NEW.to_owned()), ("old".to_owned(), OLD.to_owned())]);
        by_service_deployments(deployments, &runs, &rollout("ecs-svc/2"))
    }

    #[test]
    fn every_status_of_a_service_deployment_is_judged() {
        for (status, is_over) in [
            ("PENDING", false),
            ("IN_PROGRESS", false),
            ("STOP_REQUESTED", false),
            ("ROLLBACK_REQUESTED", false),
            ("ROLLBACK_IN_PROGRESS", false),
            ("SOMETHING_NEW", false),
            ("STOPPED", true),
            ("ROLLBACK_SUCCESSFUL", true),
            ("ROLLBACK_FAILED", true),
        ] {
            let said = judged(&[service_deployment(1, "new", status)]);
            let expected = if is_over {
                Said::Ended(Ended::Failed("an alarm went off".to_owned()))
            } else {
                Said::InProgress
            };
            assert_eq!(said, expected, "{status}");
        }
        assert_eq!(
            judged(&[service_deployment(1, "new", "SUCCESSFUL")]),
            Said::Ended(Ended::Completed)
        );
    }

    #[test]
    fn newest_service_deployment_of_the_release_counts() {
        let ours = service_deployment(2, "new", "SUCCESSFUL");
        let before = service_deployment(1, "old", "SUCCESSFUL");
        let after = service_deployment(3, "old", "SUCCESSFUL");
        assert_eq!(judged(&[before.clone(), ours.clone()]), Said::Ended(Ended::Completed));
        assert_eq!(judged(&[ours, after]), gave_way());
        // One that ended just before the update says nothing of it: the tasks do.
        assert_eq!(judged(&[before]), Said::Nothing);
        for definition in ["old", "unknown"] {
            let running = service_deployment(2, definition, "IN_PROGRESS");
            assert_eq!(judged(&[running]), Said::InProgress);
        }
        assert_eq!(judged(&[]), Said::Nothing);
    }

    #[test]
    fn service_on_the_release_is_stable_with_all_its_tasks() {
        let runs = |definition: &str, running: i32| {
            let primary = Deployment::builder().status("PRIMARY").task_definition(definition);
            let drained = Deployment::builder().status("ACTIVE").task_definition("drained");
            let service = Service::builder()
                .deployments(primary.build())
                .deployments(drained.build());
            by_tasks(
                &service.running_count(running).desired_count(2).build(),
                &rollout(""),
                Direction::Release,
            )
        };
        assert_eq!(runs(NEW, 2), Said::Ended(Ended::Completed));
        assert_eq!(runs(NEW, 1), Said::InProgress);
        assert_eq!(runs(OLD, 2), Said::InProgress);
    }
}
