//! Slipway Request: another account requests an operation.
//!
//! The requester is the `account` of the envelope, which EventBridge sets. Its source account lists what it may request;
//! the rules of the API decide whether the request is valid.

use jiff::{SignedDuration, Timestamp};
use slipway_control::admission::{Admission, Asking, Change};
use slipway_control::start::start_or_leave;
use slipway_model::event::{self, Asks, Origin, Request, StackReference, Unreadable};
use slipway_model::event_result::EventResult;
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::problem::FieldProblem;
use slipway_model::source_account::{Action, SourceAccount};
use slipway_model::stack::Stack;
use slipway_store::create::{Accepted, Outcome};
use slipway_store::idempotency::{Answer, Idempotency, KEPT, Known};

use crate::error::Refused;
use crate::event::Envelope;
use crate::{EventError, Events};

/// How far ahead of this function's clock a sender's may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(15);

impl Events {
    pub(crate) async fn request(&self, envelope: &Envelope) -> Result<(), EventError> {
        let Some(source) = self.source_account(&envelope.account).await? else {
            return Err(unknown_account(envelope).into());
        };
        let read = read(envelope);
        let (key, action) = match &read {
            Ok(request) => (Some(request.key.clone()), Some(request.asks.action())),
            Err(unreadable) => (unreadable.key.clone(), unreadable.action),
        };
        let asked = match read {
            Ok(request) => self.ask(&source, envelope, request).await,
            Err(unreadable) => Err(Refused::invalid(unreadable.problems).into()),
        };
        match asked {
            Ok(result) => self.send_result(&source, &result).await,
            Err(EventError::Refused(refused)) => {
                self.report_refused(&source, key, action, &refused).await;
                Err(refused.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Requests the operation. Idempotent under the request's key.
    async fn ask(
        &self,
        source: &SourceAccount,
        envelope: &Envelope,
        request: Request,
    ) -> Result<EventResult, EventError> {
        require_timely(envelope.time, Timestamp::now())?;
        let origin = Origin::new(source.account.clone(), &*request.key, request.asks.action());
        let caller = origin.caller();
        let idempotency = Idempotency {
            caller: caller.clone(),
            key: request.key,
            request: event::content(&envelope.detail),
        };
        let known = self.store.answered(&idempotency).await;
        match known.map_err(EventError::table("read the answer to a request"))? {
            Known::New => {}
            Known::Replayed(answer) => return recorded(&answer),
            Known::KeyReused => return Err(key_reused()),
        }
        let asking = Asking {
            requested_by: &caller,
            permitted: None,
            origin: Some(&origin),
            idempotency: Some(&idempotency),
        };
        let outcome = match request.asks {
            Asks::Provision(draft) => {
                // Both are present: an unreadable request was rejected above.
                let mut permitted = None;
                if let (Some(blueprint), Some(environment)) = (&draft.blueprint, &draft.environment) {
                    allow(source, Action::Provision, blueprint, environment)?;
                    permitted = Some(self.permit_new(source, &caller, &draft, environment).await?);
                }
                let asking = Asking {
                    permitted: permitted.as_ref(),
                    ..asking
                };
                let new = Admission::by(&self.store).judge_new_stack(*draft, None, asking).await;
                let new = new.map_err(|refusal| EventError::refused(refusal, Some("request")))?;
                let created = self.store.create_stack(&new, Some(&idempotency), answer).await;
                created.map_err(|error| EventError::refused(error.into(), Some("request")))?
            }
            Asks::Release(stack, images) => {
                let change = Change::Release(images.into());
                self.change(source, &stack, Action::Release, &change, asking).await?
            }
            Asks::Destroy(stack) => {
                self.change(source, &stack, Action::Destroy, &Change::Destroy, asking)
                    .await?
            }
            Asks::Drift(stack) => {
                self.change(source, &stack, Action::Drift, &Change::Drift, asking)
                    .await?
            }
        };
        match outcome {
            Outcome::Created { operation, answer } => {
                self.start(&operation).await;
                recorded(&answer)
            }
            Outcome::Replayed(answer) => recorded(&answer),
            Outcome::KeyReused => Err(key_reused()),
            refused => Err(refusal(&refused).into()),
        }
    }

    /// Requests a change of a stack.
    async fn change(
        &self,
        source: &SourceAccount,
        reference: &StackReference,
        action: Action,
        change: &Change,
        asking: Asking<'_>,
    ) -> Result<Outcome, EventError> {
        let stack = self.stack(reference).await?;
        let permitted = self.permit_change(source, asking.requested_by, &stack, change).await?;
        allow(source, action, &stack.configuration.blueprint, &stack.environment)?;
        let asking = Asking {
            permitted: Some(&permitted),
            ..asking
        };
        let asked = Admission::by(&self.store)
            .request_change(stack, change, None, asking, answer)
            .await;
        asked.map_err(|refusal| EventError::refused(refusal, Some("request")))
    }

    async fn stack(&self, reference: &StackReference) -> Result<Stack, EventError> {
        let found = match reference {
            StackReference::Id(id) => self.store.stack(id).await,
            StackReference::Named { environment, name } => self.store.stack_named(environment, name).await,
        };
        found.map_err(|error| EventError::refused(error.into(), None))
    }

    /// Starts an operation that has its stack's slot.
    pub(crate) async fn start(&self, operation: &Operation) {
        start_or_leave(&self.sfn, &self.config.state_machine, operation).await;
    }
}

fn read(envelope: &Envelope) -> Result<Request, Unreadable> {
    let bytes = envelope.detail.to_string().len();
    if bytes > event::SIZE {
        let problem = FieldProblem::new(
            "detail",
            format!("has {bytes} bytes, and may have {}", event::SIZE),
            "give shorter values; large data belongs into the blueprint's files or a bucket",
        );
        return Err(Unreadable {
            key: None,
            action: None,
            problems: vec![problem],
        });
    }
    let read = Request::read(&envelope.detail);
    let Some(lossy) = &envelope.lossy else {
        return read;
    };
    let (key, action) = match read {
        Ok(request) => (Some(request.key), Some(request.asks.action())),
        Err(unreadable) => (unreadable.key, unreadable.action),
    };
    let detail = format!("is {}", lossy.what);
    let remedy = "give each field once, and numbers of at most 17 digits, or texts in their place";
    Err(Unreadable {
        key,
        action,
        problems: vec![FieldProblem::new("detail", detail, remedy)],
    })
}

/// An event older than the idempotency records may have been handled before.
fn require_timely(time: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if now.duration_since(time) > KEPT {
        return Err(Refused::new(format!(
            "The event is from {time}, more than {} days ago, so it is unknown whether it was handled. Send the request again \
             if it is still wanted.",
            KEPT.as_hours() / 24
        )));
    }
    if time.duration_since(now) > AHEAD {
        return Err(Refused::new(format!(
            "The event is from {time}, which is yet to come. Send it with the right time, or without one."
        )));
    }
    Ok(())
}

pub(crate) fn allow(
    source: &SourceAccount,
    action: Action,
    blueprint: &Name,
    environment: &Name,
) -> Result<(), Refused> {
    let allowed = source.allows(action, blueprint, environment);
    allowed.map_err(|not| Refused::denied(format!("Not allowed: {not}.")))
}

pub(crate) fn unknown_account(envelope: &Envelope) -> Refused {
    Refused::denied(format!(
        "The account {} is not a source account. An administrator can add it with `slipway source-account put`.",
        envelope.account
    ))
}

fn key_reused() -> EventError {
    Refused::new("The key was used before for another request; nothing was changed. Use a new key for a new request.")
        .into()
}

/// Why the outcome is not an accepted request.
fn refusal(outcome: &Outcome) -> Refused {
    Refused::new(match outcome {
        // The sender may not know that stack: its ID is left out.
        Outcome::NameTaken { name, environment } => format!(
            "The name `{name}` is taken in the environment `{environment}` by another stack. Choose another name, or update or \
             destroy that stack."
        ),
        Outcome::StackChanged | Outcome::KeyReused | Outcome::Replayed(_) | Outcome::Created { .. } => {
            "The stack was changed meanwhile.".to_owned()
        }
    })
}

/// The result that is recorded under the request's key.
pub(crate) fn answer(accepted: Accepted<'_>) -> Answer {
    let result = EventResult::of(accepted.operation);
    Answer {
        status: 202,
        headers: Vec::new(),
        // The keys of a result are texts, so serialization cannot fail.
        body: serde_json::to_vec(&result).unwrap_or_default(),
    }
}

pub(crate) fn recorded(answer: &Answer) -> Result<EventResult, EventError> {
    serde_json::from_slice(&answer.body).map_err(|source| EventError::Table {
        doing: "read the answer to a request",
        source: slipway_store::Error::Decode {
            what: "the answer to a request".to_owned(),
            source: Box::new(source),
        },
    })
}
