//! The records that paths name, or the error that there is none.

use slipway_model::id::{OperationId, StackId};
use slipway_model::operation::Operation;
use slipway_model::stack::Stack;

use crate::Api;
use crate::body::shortened;
use crate::error::Error;

/// The id in a path.
pub(crate) fn operation_id(text: &str) -> Result<OperationId, Error> {
    text.parse().map_err(|_| {
        let text = shortened(text);
        Error::NotFound(format!(
            "There is no operation `{text}`: an operation's id starts with `op-`. Those of a stack are at /v1/stacks/{{id}}/operations."
        ))
    })
}

/// The operation, or the error that there is none.
pub(crate) fn found(id: &OperationId, operation: Result<Operation, slipway_store::Error>) -> Result<Operation, Error> {
    match operation {
        Err(slipway_store::Error::NotFound { .. }) => Err(Error::NotFound(format!(
            "There is no operation `{id}`. Those of a stack are at /v1/stacks/{{id}}/operations."
        ))),
        operation => Ok(operation?),
    }
}

impl Api {
    /// The stack that a path names.
    pub(crate) async fn stack(&self, id: &str) -> Result<Stack, Error> {
        let missing = |why: &str| {
            let id = shortened(id);
            Error::NotFound(format!("There is no stack `{id}`{why}. The stacks are at /v1/stacks."))
        };
        let Ok(parsed) = id.parse::<StackId>() else {
            return Err(missing(": a stack's id looks like `lusab-babad`, and is not its name"));
        };
        match self.store.stack(&parsed).await {
            Err(slipway_store::Error::NotFound { .. }) => Err(missing("")),
            found => Ok(found?),
        }
    }
}
