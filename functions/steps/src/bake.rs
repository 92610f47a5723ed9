//! Whether a service that was rolled out stays up.

use aws_sdk_ecs::types::{Deployment, DesiredStatus, Service as Described, Task};
use jiff::Timestamp;
use slipway_model::contract::Service;
use slipway_model::count::counted;
use slipway_model::name::Name;

use crate::StepError;
use crate::stack_account::StackAccount;
use crate::stopped_tasks::{has_failed, stopped_since};
use crate::tasks::Of;

/// The newest deployment of a service, in ECS's word.
const PRIMARY: &str = "PRIMARY";

impl StackAccount {
    /// Refuses a service that does not run the tasks that it should, or of which a task has failed since `began`.
    pub(crate) async fn require_steady(
        &self,
        cluster: &str,
        key: &Name,
        service: &Service,
        began: Timestamp,
    ) -> Result<(), StepError> {
        let doing = format!("read the tasks of the service `{key}`");
        let described = self.service(cluster, &service.name, &doing).await?;
        let deployments = described.as_ref().map(Described::deployments);
        let newest = |deployment: &&Deployment| deployment.status() == Some(PRIMARY);
        let Some(deployment) = deployments.unwrap_or_default().iter().find(newest) else {
            return Err(StepError::Unhealthy(format!(
                "the service `{key}` has no deployment in {cluster}"
            )));
        };
        let least = match &service.scaling {
            // The autoscaler may just have requested more.
            Some(scaling) => deployment
                .desired_count()
                .min(i32::try_from(scaling.min).unwrap_or(i32::MAX)),
            None => deployment.desired_count(),
        };
        if deployment.running_count() < least {
            let running = deployment.running_count();
            return Err(StepError::Unhealthy(format!(
                "the service `{key}` runs {running} of {}",
                counted(least, "task")
            )));
        }
        let tasks = self
            .tasks(cluster, Of::Service(&service.name), DesiredStatus::Stopped)
            .await?;
        let id = deployment.id().unwrap_or_default();
        if tasks.iter().any(|task| failed_since(task, id, began)) {
            // Record failure adds why.
            return Err(StepError::Unhealthy(format!(
                "a task of the service `{key}` stopped after the rollout"
            )));
        }
        Ok(())
    }
}

/// Whether a task of this deployment has failed.
fn failed_since(task: &Task, deployment: &str, began: Timestamp) -> bool {
    task.started_by() == Some(deployment) && stopped_since(task, began) && has_failed(task)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{HealthStatus, TaskStopCode};
    use aws_smithy_types::DateTime;

    use super::*;

    #[test]
    fn only_failures_of_the_new_tasks_count() {
        let began = Timestamp::from_second(1_000).expect("a time");
        let stopped = |code: TaskStopCode, second: i64, by: &str| {
            let task = Task::builder().stop_code(code).started_by(by);
            task.stopped_at(DateTime::from_secs(second))
        };
        let task = |code, second, by| stopped(code, second, by).build();
        let fails = |task: &Task| failed_since(task, "ecs-svc/2", began);
        let exited = TaskStopCode::EssentialContainerExited;
        assert!(fails(&task(exited.clone(), 1_001, "ecs-svc/2")));
        assert!(fails(&task(TaskStopCode::TaskFailedToStart, 1_001, "ecs-svc/2")));
        assert!(!fails(&task(exited.clone(), 999, "ecs-svc/2")), "before");
        assert!(!fails(&task(exited, 1_001, "ecs-svc/1")), "of the release before");
        let scaled_in = stopped(TaskStopCode::ServiceSchedulerInitiated, 1_001, "ecs-svc/2");
        assert!(!fails(&scaled_in.clone().build()));
        assert!(fails(&scaled_in.health_status(HealthStatus::Unhealthy).build()));
        // Without a health check of a container, its health is unknown.
        let stopped_because = |reason: &str| {
            let task = stopped(TaskStopCode::ServiceSchedulerInitiated, 1_001, "ecs-svc/2");
            task.health_status(HealthStatus::UnknownValue)
                .stopped_reason(reason)
                .build()
        };
        assert!(fails(&stopped_because(
            "Task failed ELB health checks in (target-group shop)"
        )));
        assert!(!fails(&stopped_because(
            "Scaling activity initiated by (deployment ecs-svc/2)"
        )));
    }
}
