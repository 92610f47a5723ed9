//! CodeBuild Build State Change: a build that outlived its execution has ended, and with it ends its operation.
//!
//! The sweeper stops such a build and leaves the operation until the build is over, so that no other gets the stack while
//! Terraform still changes it. This is the moment at which it is over.

use slipway_model::id::OperationId;
use slipway_store::{start, stranded};

use crate::event::{Build, BuildVariable};
use crate::{EventError, Events};

/// The variable by which the workflow tells a build its operation.
const OPERATION: &str = "SLIPWAY_OPERATION";

impl Events {
    pub(crate) async fn build(&self, build: Build) -> Result<(), EventError> {
        let variables = build.additional_information.environment.environment_variables;
        let told = |variable: &BuildVariable| (variable.name == OPERATION).then(|| variable.value.parse().ok());
        // Somebody may have started the project by hand.
        let Some(id) = variables.iter().find_map(told).flatten() else {
            return Ok(());
        };
        let id: OperationId = id;
        if build.status == "IN_PROGRESS" {
            return Ok(());
        }
        let operation = match self.store.operation(&id).await {
            Ok(operation) => operation,
            Err(slipway_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(EventError::table("be asked for the operation of a build")(error)),
        };
        if operation.status.has_ended() {
            return Ok(());
        }
        let machine = &self.config.state_machine;
        let execution = operation.execution_arn;
        let execution = execution.unwrap_or_else(|| start::execution_arn(machine, &id));
        match Box::pin(stranded::end_of(&self.sfn, &execution)).await {
            // The workflow itself waits for the build.
            Ok(None) => Ok(()),
            Ok(Some(end)) => Box::pin(self.end(&id, end)).await,
            Err(error) => Err(EventError::Describe(error)),
        }
    }
}
