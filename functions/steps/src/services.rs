//! A service as ECS has it.

use aws_sdk_ecs::operation::describe_services::DescribeServicesError;
use aws_sdk_ecs::types::Service;

use crate::stack_account::StackAccount;
use crate::{StepError, aws};

impl StackAccount {
    /// The service; none if it or its cluster no longer exists. `doing` is what fails if ECS does not say.
    pub(crate) async fn service(&self, cluster: &str, name: &str, doing: &str) -> Result<Option<Service>, StepError> {
        let described = self.ecs.describe_services().cluster(cluster).services(name).send();
        let described = match described.await {
            Ok(described) => described,
            Err(error) => match error.as_service_error() {
                Some(DescribeServicesError::ClusterNotFoundException(_)) => return Ok(None),
                _ => return Err(aws::failed(doing, error)),
            },
        };
        aws::only_missing(doing, described.failures())?;
        let service = described.services.unwrap_or_default().into_iter().next();
        Ok(service.filter(|service| service.status() != Some("INACTIVE")))
    }
}
