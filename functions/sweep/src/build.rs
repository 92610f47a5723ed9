//! The build of an operation that is being cancelled, and does not answer.

use aws_sdk_codebuild::operation::stop_build::StopBuildError;
use jiff::Timestamp;
use slipway_control::cancel::stop;
use slipway_control::start::start_or_leave;
use slipway_model::error_name::ErrorName;
use slipway_model::operation::{Failure, Operation};
use slipway_store::finish::End;

use crate::{Healing, Sweep, SweepError};

/// What became of the build.
const UNANSWERED: &str =
    "its build did not answer for ten minutes and was stopped, so what it was making may be missing in the state";

impl Sweep {
    /// Whether the build has not acknowledged a requested cancel for too long. After it has, it is left alone: Terraform is ending,
    /// and to stop the build would lose the state of what it created.
    pub(crate) async fn is_overdue(&self, operation: &Operation, now: Timestamp) -> Result<bool, SweepError> {
        let overdue = |operation: &Operation| operation.cancel.as_ref().is_some_and(|request| request.is_overdue(now));
        if !overdue(operation) {
            return Ok(false);
        }
        // It may have answered or ended since it was listed.
        let stored = self.store.operation(&operation.id).await.map_err(SweepError::Read)?;
        Ok(!stored.status.has_ended() && overdue(&stored))
    }

    /// Ends an operation whose build does not answer: execution, build and record, in this order, because only the record says
    /// to the next sweep what is left to do.
    pub(crate) async fn cancel(&self, operation: &Operation, execution: &str) -> Result<Healing, SweepError> {
        let step = operation.running_step().unwrap_or_default();
        let unanswered = Failure {
            name: ErrorName::Internal.to_string(),
            step: step.to_owned(),
            message: UNANSWERED.to_owned(),
            address: None,
        };
        let failure = operation.failing(unanswered);
        let stopped = stop(&self.sfn, execution, &failure.name, Some(&failure.message)).await;
        stopped.map_err(SweepError::StopExecution)?;
        self.stop_build(operation).await?;
        let finished = self
            .store
            .finish_operation(&operation.id, &End::Cancelled(failure))
            .await;
        let finished = finished.map_err(SweepError::End)?;
        if let Some(next) = &finished.next {
            start_or_leave(&self.sfn, &self.config.state_machine, next).await;
        }
        Ok(Healing::Ended {
            status: finished.operation.status,
            next: finished.next.map(|next| next.id),
        })
    }

    /// Stops the build that locked the operation's state. Step Functions stops it with the execution, where it can.
    async fn stop_build(&self, operation: &Operation) -> Result<(), SweepError> {
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
