//! The records that paths name, or the error that there is none.

use slipway_api_types::MissingKind;
use slipway_model::id::{OperationId, StackId};
use slipway_model::stack::Stack;

use crate::Api;
use crate::error::Error;

/// The id in a path.
pub(crate) fn operation_id(text: &str) -> Result<OperationId, Error> {
    let not_an_id = |_| Error::missing(MissingKind::Operation, text, ": an operation's ID starts with `op-`");
    text.parse().map_err(not_an_id)
}

/// The operation, or the error that there is none.
pub(crate) fn found<T>(id: &OperationId, operation: Result<T, slipway_store::Error>) -> Result<T, Error> {
    found_one(MissingKind::Operation, id.as_str(), operation)
}

/// The id of a stack in a path.
pub(crate) fn stack_id(text: &str) -> Result<StackId, Error> {
    let why = ": a stack's ID looks like `lusab-babad`, and is not its name";
    text.parse().map_err(|_| Error::missing(MissingKind::Stack, text, why))
}

/// The stack, or the error that there is none.
pub(crate) fn found_stack<T>(id: &StackId, stack: Result<T, slipway_store::Error>) -> Result<T, Error> {
    found_one(MissingKind::Stack, id.as_str(), stack)
}

fn found_one<T>(kind: MissingKind, id: &str, read: Result<T, slipway_store::Error>) -> Result<T, Error> {
    match read {
        Err(slipway_store::Error::NotFound { .. }) => Err(Error::missing(kind, id, "")),
        read => Ok(read?),
    }
}

impl Api {
    /// The stack that a path names.
    pub(crate) async fn stack(&self, id: &str) -> Result<Stack, Error> {
        let id = stack_id(id)?;
        found_stack(&id, self.store.stack(&id).await)
    }
}
