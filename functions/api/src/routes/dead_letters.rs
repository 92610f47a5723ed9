//! `/v1/dead-letters`: events that no function handled.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use slipway_api_types::{self as view, MissingKind};
use slipway_model::audit::{self, Entry};

use crate::body::shortened;
use crate::dead_letters::{Found, Listed, Received};
use crate::error::Error;
use crate::openapi::{ChangeProblems, ReadProblems};
use crate::parameters::{InPath, Parameters};
use crate::submission::{Submission, answer};
use crate::{Api, Caller};

/// List dead-lettered events
///
/// The oldest first. Of a queue with more than 1,000 events, the list has an arbitrary part, and `more` counts the rest. While another
/// reader has received some, these are missing for a moment. By default, only administrators can list them.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    operation_id = "list_dead_letters",
    tag = "events",
    responses((status = 200, description = "The events.", body = view::DeadLetters), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    _caller: Caller,
    parameters: Parameters,
) -> Result<Json<view::DeadLetters>, Error> {
    parameters.finish()?;
    let Listed { letters, more } = api.dead_letters.list().await?;
    Ok(Json(view::DeadLetters {
        items: letters.into_iter().map(view::DeadLetter::from).collect(),
        more,
    }))
}

/// Redrive a dead-lettered event
///
/// Hands it to its function again, and deletes it from the queue. Fix the cause first. A request that fails again is
/// dead-lettered again. Requests are idempotent, so one that was handled after all has no second effect. By default, only administrators can
/// redrive events.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/redrive",
    operation_id = "redrive_dead_letter",
    tag = "events",
    params(
        ("id" = String, Path, description = "The event's ID in the list.", example = "5fea7756-0ea4-451a-a703-a558b933e274"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 202, description = "Its function gets the event.", body = view::DeadLetter), ChangeProblems),
)]
pub(super) async fn redrive(
    State(api): State<Api>,
    InPath(id): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let chosen = api.dead_letter(&id).await?;
    let letter = view::DeadLetter::from(chosen.letter.clone());
    let about = json!({"type": letter.kind, "account": letter.account, "error": letter.error});
    let entry = Entry::new(&submission.caller.name, audit::Action::Redrive, format!("event/{id}"));
    // The record comes first: no event is redriven without one.
    api.store
        .record_audit(&entry.with_change(None, Some(about), |_| false))
        .await?;
    if let Err(error) = api.dead_letters.redrive(&chosen).await {
        api.dead_letters.give_back(&[chosen]).await;
        return Err(error);
    }
    tracing::info!(caller = submission.caller.name, id, "redriven");
    api.answer_once(&submission, answer(StatusCode::ACCEPTED, None, &letter))
        .await
}

impl Api {
    /// The event of this ID, which can be handed to its function again.
    async fn dead_letter(&self, id: &str) -> Result<Received, Error> {
        let named = shortened(id);
        match self.dead_letters.find(id).await? {
            Found::Letter(chosen) if chosen.letter.has_event() => Ok(*chosen),
            Found::Letter(chosen) => {
                self.dead_letters.give_back(&[*chosen]).await;
                Err(Error::Conflict(format!(
                    "The event `{named}` cannot be redriven: it names records of the table's stream and not their content. The sweeper \
                     sends these notifications. Delete it with `slipway event discard {named}`."
                )))
            }
            Found::Nowhere => {
                let why = ": it was redriven or deleted, or another reader has received it";
                Err(Error::missing(MissingKind::DeadLetter, id, why))
            }
            Found::NotYet(read) => Err(Error::Conflict(format!(
                "The event `{named}` is not among the {read} events that were read in time. Redrive it with `slipway event redrive \
                 {named}`, which reads all of them."
            ))),
        }
    }
}
