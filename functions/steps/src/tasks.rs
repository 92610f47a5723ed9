//! The tasks of a service or of a task definition.

use aws_sdk_ecs::types::{DesiredStatus, Task};

use crate::stack_account::StackAccount;
use crate::{StepError, aws};

/// Whose tasks are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    Service(&'a str),
    Family(&'a str),
}

impl Of<'_> {
    fn name(&self) -> String {
        match self {
            Self::Service(name) => format!("the service `{name}`"),
            Self::Family(name) => format!("the task definition `{name}`"),
        }
    }
}

impl StackAccount {
    /// The tasks that ECS runs, or that it has stopped or is stopping: these it keeps for an hour.
    pub(crate) async fn tasks(&self, cluster: &str, of: Of<'_>, status: DesiredStatus) -> Result<Vec<Task>, StepError> {
        let doing = || format!("read the tasks of {}", of.name());
        let listed = self.ecs.list_tasks().cluster(cluster).desired_status(status);
        let listed = match of {
            Of::Service(name) => listed.service_name(name),
            Of::Family(name) => listed.family(name),
        };
        let mut found = Vec::new();
        let mut pages = listed.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| aws::failed(doing(), error))?;
            if page.task_arns().is_empty() {
                continue;
            }
            let tasks = self.ecs.describe_tasks().cluster(cluster);
            let tasks = tasks.set_tasks(page.task_arns).send().await;
            let tasks = tasks.map_err(|error| aws::failed(doing(), error))?;
            found.extend(tasks.tasks.unwrap_or_default());
        }
        Ok(found)
    }
}
