//! The build of an operation whose execution has ended.

use aws_sdk_codebuild::operation::stop_build::StopBuildError;
use slipway_model::operation::Operation;

use crate::{Sweep, SweepError};

impl Sweep {
    /// Stops the build that locked the operation's state, where it still runs: nobody waits for what it does any more. It is
    /// not waited for. Terraform saves its state and goes, and until then its lock keeps the next operation from the state.
    pub(crate) async fn stop_build(&self, operation: &Operation) -> Result<(), SweepError> {
        let holder = self.store.lock_holder(&operation.stack).await;
        let holder = holder
            .map_err(SweepError::ReadBuild)?
            .filter(|holder| holder.operation == operation.id);
        let Some(build) = holder.and_then(|holder| holder.runner.build) else {
            return Ok(());
        };
        match self.codebuild.stop_build().id(build).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // CodeBuild has forgotten it, or there is nothing to stop: it has ended.
                Some(StopBuildError::ResourceNotFoundException(_) | StopBuildError::InvalidInputException(_)) => Ok(()),
                _ => Err(SweepError::StopBuild(Box::new(error.into()))),
            },
        }
    }
}
