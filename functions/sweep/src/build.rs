//! The build of an operation whose execution has ended.

use std::time::Duration;

use aws_sdk_codebuild::operation::stop_build::StopBuildError;
use aws_sdk_codebuild::types::StatusType;
use slipway_model::operation::Operation;

use crate::{Sweep, SweepError};

/// How often a build that is being stopped is looked at, and how long to wait between: CodeBuild tells a Lambda that waits
/// nothing. One that takes longer (Terraform writes its state down first) is left to the next sweep.
const LOOKS: u32 = 10;
const BETWEEN: Duration = Duration::from_secs(1);

impl Sweep {
    /// Stops the build in which the operation's Terraform runs, where it still does. Returns the build while it is not over.
    ///
    /// The operation must not end before: the next one would get the slot while Terraform still changes the stack.
    pub(crate) async fn stop_build(&self, operation: &Operation) -> Result<Option<String>, SweepError> {
        let holder = self.store.lock_holder(&operation.stack).await;
        let holder = holder
            .map_err(SweepError::ReadBuild)?
            .filter(|holder| holder.operation == operation.id);
        let Some(build) = holder.and_then(|holder| holder.runner.build) else {
            return Ok(None);
        };
        if !self.runs(&build).await? {
            return Ok(None);
        }
        if let Err(error) = self.codebuild.stop_build().id(&build).send().await {
            return match error.as_service_error() {
                Some(StopBuildError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(SweepError::StopBuild(Box::new(error.into()))),
            };
        }
        for _ in 0..LOOKS {
            if !self.runs(&build).await? {
                return Ok(None);
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(Some(build))
    }

    async fn runs(&self, build: &str) -> Result<bool, SweepError> {
        let answer = self.codebuild.batch_get_builds().ids(build).send().await;
        let builds = answer
            .map_err(|error| SweepError::LookAtBuild(Box::new(error.into())))?
            .builds;
        let mut builds = builds.unwrap_or_default().into_iter();
        Ok(builds.any(|build| build.build_status == Some(StatusType::InProgress)))
    }
}
