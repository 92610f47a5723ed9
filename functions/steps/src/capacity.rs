//! What a one-off task runs on: what the service of its command runs on.
//!
//! Terraform decides that, and a release keeps it: so it is read from ECS, where a task would otherwise start on something for which its
//! task definition is not made, or on nothing.

use aws_sdk_ecs::error::BuildError;
use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, Deployment, LaunchType, PropagateTags, Service, ServiceManagedEbsVolumeConfiguration,
    ServiceVolumeConfiguration, TaskManagedEbsVolumeConfiguration, TaskManagedEbsVolumeTerminationPolicy,
    TaskVolumeConfiguration,
};

use crate::StepError;
use crate::payload::RunTask;
use crate::stack_account::StackAccount;

/// The members of `ecs:RunTask` that say it. Where all are empty, ECS takes the default of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Capacity {
    pub launch_type: Option<LaunchType>,
    pub strategy: Option<Vec<CapacityProviderStrategyItem>>,
    pub volumes: Option<Vec<TaskVolumeConfiguration>>,
}

impl StackAccount {
    pub(crate) async fn capacity(&self, asked: &RunTask) -> Result<Capacity, StepError> {
        let RunTask {
            cluster, what, command, ..
        } = asked;
        let Some(name) = &command.service else {
            return Ok(Capacity {
                launch_type: asked.placement.fargate.then_some(LaunchType::Fargate),
                ..Capacity::default()
            });
        };
        let doing = format!("read what the {what} `{}` is to run on", command.name);
        let Some(service) = self.service(cluster, name, &doing).await? else {
            return Err(what.failed(format!(
                "its service `{name}` no longer exists in the cluster {cluster}: update the stack"
            )));
        };
        Capacity::of(&service).map_err(|error| {
            let doing = format!("run a task with the volumes of the service `{name}`");
            let said = error.to_string();
            StepError::Refused {
                doing,
                said,
                source: error.into(),
            }
        })
    }
}

impl Capacity {
    fn of(service: &Service) -> Result<Self, BuildError> {
        let strategy = service.capacity_provider_strategy();
        let newest = |deployment: &&Deployment| deployment.status() == Some("PRIMARY");
        let newest = service.deployments().iter().find(newest);
        let volumes = newest.map(Deployment::volume_configurations).unwrap_or_default();
        let volumes = volumes.iter().map(of_task).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            // ECS takes one of the two.
            launch_type: service.launch_type().filter(|_| strategy.is_empty()).cloned(),
            strategy: (!strategy.is_empty()).then(|| strategy.to_vec()),
            volumes: (!volumes.is_empty()).then_some(volumes),
        })
    }
}

/// A volume as the service's tasks have it, which is deleted with the task.
fn of_task(volume: &ServiceVolumeConfiguration) -> Result<TaskVolumeConfiguration, BuildError> {
    let managed = volume.managed_ebs_volume().map(managed).transpose()?;
    TaskVolumeConfiguration::builder()
        .name(volume.name())
        .set_managed_ebs_volume(managed)
        .build()
}

fn managed(volume: &ServiceManagedEbsVolumeConfiguration) -> Result<TaskManagedEbsVolumeConfiguration, BuildError> {
    let volume = volume.clone();
    let mut tags = volume.tag_specifications;
    for tags in tags.iter_mut().flatten() {
        // A one-off task has no service whose tags its volume could get.
        if tags.propagate_tags == Some(PropagateTags::Service) {
            tags.propagate_tags = Some(PropagateTags::TaskDefinition);
        }
    }
    let deleted = TaskManagedEbsVolumeTerminationPolicy::builder().delete_on_termination(true);
    TaskManagedEbsVolumeConfiguration::builder()
        .set_encrypted(volume.encrypted)
        .set_kms_key_id(volume.kms_key_id)
        .set_volume_type(volume.volume_type)
        .set_size_in_gib(volume.size_in_gib)
        .set_snapshot_id(volume.snapshot_id)
        .set_volume_initialization_rate(volume.volume_initialization_rate)
        .set_iops(volume.iops)
        .set_throughput(volume.throughput)
        .set_tag_specifications(tags)
        .role_arn(volume.role_arn)
        .set_filesystem_type(volume.filesystem_type)
        .termination_policy(deleted.build()?)
        .build()
}
