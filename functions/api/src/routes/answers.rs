//! What the handlers of changes have in common: from an outcome of the store to an answer.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::Response;
use serde::Serialize;
use slipway_model::error_chain::chain;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_store::ATTEMPTS;
use slipway_store::create::Outcome;
use slipway_store::idempotency::Answer;

use crate::Api;
use crate::error::Error;
use crate::revision;
use crate::submission::{answer, given, given_again};

/// How long an answer waits for Step Functions. An operation that is not started by then is started by the sweeper.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The answer about a record that is configured now; `path` is where a new one is.
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

/// The answer about a record that is gone.
pub(super) fn deleted() -> Answer {
    Answer {
        status: StatusCode::NO_CONTENT.as_u16(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// Others were quicker, each time.
pub(super) fn busy(doing: &'static str) -> Error {
    Error::Unavailable {
        doing,
        source: format!("others wrote the record {ATTEMPTS} times meanwhile").into(),
    }
}

impl Api {
    /// Starts what came of a request, and answers.
    pub(super) async fn answer(&self, outcome: Outcome) -> Result<Response, Error> {
        match outcome {
            Outcome::Created { operation, answer } => {
                if operation.status == OperationStatus::Starting {
                    self.start(&operation).await;
                }
                Ok(given(answer))
            }
            Outcome::Replayed(answer) => Ok(given_again(answer)),
            Outcome::KeyReused => Err(Error::KeyReused),
            Outcome::NameTaken { by } => Err(Error::Conflict(format!(
                "A live stack in the environment has this name already: /v1/stacks/{by}. Choose another name, or change that stack."
            ))),
            // Asked again and again, until the store gives up with an error of its own.
            Outcome::StackChanged => Err(Error::internal(
                "asking for an operation",
                "the stack changed meanwhile",
            )),
        }
    }

    /// Starts an operation's execution. The operation is written: where this fails, the sweeper does it.
    pub(super) async fn start(&self, operation: &Operation) {
        let start = slipway_store::start::start(&self.store, &self.sfn, &self.state_machine, operation);
        match tokio::time::timeout(START_TIMEOUT, start).await {
            Ok(Ok(_arn)) => {}
            Ok(Err(error)) => {
                let error = Error::internal("starting an execution", error);
                tracing::error!(operation = %operation.id, error = chain(&error), "not started");
            }
            Err(_) => tracing::error!(operation = %operation.id, "not started: Step Functions does not answer"),
        }
    }
}
