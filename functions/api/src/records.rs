//! The records that paths name, or the error that there is none.

use slipway_model::id::{OperationId, StackId};
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
pub(crate) fn found<T>(id: &OperationId, operation: Result<T, slipway_store::Error>) -> Result<T, Error> {
    match operation {
        Err(slipway_store::Error::NotFound { .. }) => Err(Error::NotFound(format!(
            "There is no operation `{id}`. Those of a stack are at /v1/stacks/{{id}}/operations."
        ))),
        operation => Ok(operation?),
    }
}

fn no_stack(id: &str, why: &str) -> Error {
    let id = shortened(id);
    Error::NotFound(format!("There is no stack `{id}`{why}. The stacks are at /v1/stacks."))
}

/// The id of a stack in a path.
pub(crate) fn stack_id(text: &str) -> Result<StackId, Error> {
    let not_an_id = |_| no_stack(text, ": a stack's id looks like `lusab-babad`, and is not its name");
    text.parse().map_err(not_an_id)
}

/// The stack, or the error that there is none.
pub(crate) fn found_stack<T>(id: &StackId, stack: Result<T, slipway_store::Error>) -> Result<T, Error> {
    match stack {
        Err(slipway_store::Error::NotFound { .. }) => Err(no_stack(&id.to_string(), "")),
        stack => Ok(stack?),
    }
}

impl Api {
    /// The stack that a path names.
    pub(crate) async fn stack(&self, id: &str) -> Result<Stack, Error> {
        let id = stack_id(id)?;
        found_stack(&id, self.store.stack(&id).await)
    }
}
