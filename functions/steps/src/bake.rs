//! Whether a service that was rolled out stays up.

use aws_sdk_ecs::types::{
    Container, Deployment, DesiredStatus, HealthStatus, Service as Described, Task, TaskStopCode,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use slipway_model::contract::Service;
use slipway_model::name::Name;

use crate::stack_account::StackAccount;
use crate::{StepError, aws};

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
        let described = self.ecs.describe_services().cluster(cluster).services(&service.name);
        let described = described
            .send()
            .await
            .map_err(|error| aws::failed(doing.clone(), error))?;
        let deployments = described.services().first().map(Described::deployments);
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
                "the service `{key}` runs {running} of {least} tasks"
            )));
        }
        // ECS keeps stopped tasks for an hour.
        let listed = self.ecs.list_tasks().cluster(cluster).service_name(&service.name);
        let listed = listed.desired_status(DesiredStatus::Stopped).send().await;
        let listed = listed.map_err(|error| aws::failed(doing.clone(), error))?;
        if listed.task_arns().is_empty() {
            return Ok(());
        }
        let tasks = self.ecs.describe_tasks().cluster(cluster);
        let tasks = tasks.set_tasks(Some(listed.task_arns().to_vec())).send().await;
        let tasks = tasks.map_err(|error| aws::failed(doing, error))?;
        let id = deployment.id().unwrap_or_default();
        match tasks.tasks().iter().find(|task| failed_since(task, id, began)) {
            Some(task) => Err(StepError::Unhealthy(format!(
                "a task of the service `{key}` stopped after the rollout: {}",
                why(task)
            ))),
            None => Ok(()),
        }
    }
}

/// Whether a task of this deployment has failed. ECS stops tasks itself when it scales in or moves them; these were healthy.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html#ECS-Type-Task-stopCode>
fn failed_since(task: &Task, deployment: &str, began: Timestamp) -> bool {
    let began = DateTime::from_millis(began.as_millisecond());
    let since = task
        .stopped_at()
        .or(task.stopping_at())
        .is_some_and(|stopped| *stopped >= began);
    let failed = match task.stop_code() {
        Some(TaskStopCode::EssentialContainerExited | TaskStopCode::TaskFailedToStart) => true,
        Some(TaskStopCode::ServiceSchedulerInitiated) => task.health_status() == Some(&HealthStatus::Unhealthy),
        _ => false,
    };
    task.started_by() == Some(deployment) && since && failed
}

fn why(task: &Task) -> String {
    let reason = task.stopped_reason().unwrap_or("ECS gives no reason");
    let exited = task.containers().iter().find_map(Container::exit_code);
    match exited {
        Some(code) => format!("{reason} (exit code {code})"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
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
    }
}
