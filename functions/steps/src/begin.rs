//! Begin operation: the operation is in progress, and so is its stack.
//!
//! A request may have waited for hours, so it is judged once more: by the policies, and by what its stack is now.

use serde::Serialize;
use slipway_control::admission::Admission;
use slipway_model::id::{OperationId, StackId};
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::stack::Stack;
use slipway_policy::Action;
use slipway_policy::facts::StackFacts;

use crate::{StepError, Steps};

/// What the workflow needs to know of the operation.
#[derive(Debug, Serialize)]
pub(crate) struct Begun {
    kind: OperationKind,
    stack: StackId,
}

impl Steps {
    pub(crate) async fn begin(
        &self,
        operation: &OperationId,
        stack: Option<&StackId>,
        execution: &str,
    ) -> Result<Begun, StepError> {
        let (begun, stack) = self.store.begin_execution(operation, stack, execution).await?;
        self.require_permitted(&begun, &stack).await?;
        let begun = Admission::by(&self.store).settle(begun, &stack).await?;
        Ok(Begun {
            kind: begun.kind(),
            stack: begun.stack,
        })
    }

    /// The policies, the environment or the owner of the stack may have changed since the request was permitted.
    async fn require_permitted(&self, operation: &Operation, stack: &Stack) -> Result<(), StepError> {
        let Some(request) = &operation.permitted else {
            // An earlier version of Slipway recorded the operation.
            return Ok(());
        };
        let (policies, environment, _) = self.gate.policies_and_environment(&stack.environment).await?;
        let stack = StackFacts::new(stack, environment);
        let Some(denial) = policies.denial_now(operation.kind(), request, stack) else {
            return Ok(());
        };
        // The result of the operation goes to the account.
        Err(StepError::RequestDenied(match &operation.origin {
            Some(origin) => denial.to_account(origin.account.as_str(), Action::to_request(operation.kind())),
            None => denial.reason,
        }))
    }
}
