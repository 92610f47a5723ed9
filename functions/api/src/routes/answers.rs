//! What the handlers of changes have in common: from an outcome of the store to an answer.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::Response;
use serde::Serialize;
use slipway_control::start::start_or_leave;
use slipway_model::id::StackId;
use slipway_model::operation::Operation;
use slipway_model::stack::Stack;
use slipway_policy::Resource;
use slipway_store::ATTEMPTS;
use slipway_store::create::Outcome;
use slipway_store::idempotency::Answer;

use crate::error::Error;
use crate::revision;
use crate::submission::{Submission, answer, given, given_again, in_progress};
use crate::{Api, Caller};

/// The response about a configured record; `path` is the path of a new one.
pub(super) fn configured(path: Option<String>, revision: u64, shown: &impl Serialize) -> Answer {
    let status = if path.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut answer = answer(status, path, shown);
    answer.headers.push((ETAG.to_string(), revision::tag(revision)));
    answer
}

/// The response about a deleted record.
pub(super) fn deleted() -> Answer {
    Answer {
        status: StatusCode::NO_CONTENT.as_u16(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// A conflict: concurrent requests were first in every attempt.
pub(super) fn busy(doing: &'static str) -> Error {
    Error::Unavailable {
        doing,
        source: format!("others wrote the record {ATTEMPTS} times meanwhile").into(),
    }
}

impl Api {
    /// Records that a caller reads the values, the plan or the log of a stack of another owner. A read that cannot be recorded
    /// gets no answer.
    pub(super) async fn note_reader(&self, caller: &Caller, owner: &str, stack: &StackId) -> Result<(), Error> {
        if caller.is_owner(owner) {
            return Ok(());
        }
        let subject = format!("stack/{stack}");
        Ok(Box::pin(self.store.record_read(&caller.name, &subject)).await?)
    }

    /// [`Api::note_reader`] of a list: those of these stacks that belong to other owners. `list` is its method and path.
    pub(super) async fn note_list(&self, caller: &Caller, list: &str, stacks: &[&Stack]) -> Result<(), Error> {
        let of_others = stacks.iter().filter(|stack| !caller.is_owner(&stack.owner));
        let of_others: BTreeSet<StackId> = of_others.map(|stack| stack.id.clone()).collect();
        Ok(Box::pin(self.store.record_list(&caller.name, list, &of_others)).await?)
    }

    /// [`Api::note_reader`] of an operation: its stack may have been transferred since it ended. `resource` is what the policies decided
    /// on.
    pub(super) async fn note_reader_of(
        &self,
        caller: &Caller,
        operation: &Operation,
        resource: &Resource,
    ) -> Result<(), Error> {
        let owner = match resource {
            Resource::Operation(operation) => &operation.stack.owner,
            _ => "",
        };
        self.note_reader(caller, owner, &operation.stack).await
    }

    /// The answer to a change of an operation: no more of it than `GET` shows the caller, and recorded as a read like that.
    pub(super) async fn answer_about(&self, submission: &Submission, operation: Operation) -> Result<Response, Error> {
        let shown = if let Some(resource) = submission.read_resource() {
            self.note_reader_of(&submission.caller, &operation, resource).await?;
            self.shown(operation).await?
        } else {
            self.shown(operation).await?.without_content()
        };
        self.answer_once(submission, in_progress(&shown)).await
    }

    /// Starts the operation of a request, and responds.
    pub(super) async fn answer(&self, outcome: Outcome) -> Result<Response, Error> {
        match outcome {
            Outcome::Created { operation, answer } => {
                self.start(&operation).await;
                Ok(given(answer))
            }
            Outcome::Replayed(answer) => Ok(given_again(answer)),
            Outcome::KeyReused => Err(Error::KeyReused),
            // The caller may not know that stack.
            Outcome::NameTaken { name, environment } => Err(Error::Conflict(format!(
                "The name `{name}` is taken in the environment `{environment}`. Choose another name, or update or destroy the stack of this \
                 name: `slipway stack list --environment {environment}` lists the stacks that you may see."
            ))),
            // The request was repeated until the store gave up with an error of its own.
            Outcome::StackChanged => Err(Error::internal("creating an operation", "the stack changed meanwhile")),
        }
    }

    /// Starts an operation that may have its stack's slot.
    pub(super) async fn start(&self, operation: &Operation) {
        start_or_leave(&self.sfn, &self.state_machine, operation).await;
    }
}
