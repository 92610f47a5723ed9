//! Decisions at the pauses of progressive rollouts.

use axum::extract::State;
use axum::response::Response;
use slipway_control::pause;
use slipway_model::operation::Operation;
use slipway_model::operation::rollouts::PauseAction;

use super::operations::{NoFields, unanswered};
use crate::Api;
use crate::access::Admitted;
use crate::error::Error;
use crate::openapi::ChangeProblems;
use crate::submission::Submission;
use slipway_api_types as view;

/// Continue a paused release
///
/// Every rollout of the operation that is paused continues to its next stage. If none is, the request is rejected with 409.
/// Repeating it has no effect.
#[utoipa::path(
    post,
    path = "/v1/operations/{id}/continue",
    operation_id = "continue_release",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = Option<NoFields>, description = "Empty, or `{}`."),
    responses(
        (status = 202, description = "The release continues.", body = view::Operation, headers(("Location" = String, description = "The path of the operation."))),
        ChangeProblems,
    ),
)]
pub(super) async fn continue_release(
    State(api): State<Api>,
    Admitted(operation): Admitted<Operation>,
    submission: Submission,
) -> Result<Response, Error> {
    api.end_pauses(&operation, PauseAction::Continue, submission).await
}

/// Roll back a paused release
///
/// ECS restores every service whose rollout is paused, the workflow restores the others, and the operation ends as failed. If no
/// rollout is paused, the request is rejected with 409: cancel the operation instead. Repeating it has no effect.
#[utoipa::path(
    post,
    path = "/v1/operations/{id}/roll-back",
    operation_id = "roll_back_release",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = Option<NoFields>, description = "Empty, or `{}`."),
    responses(
        (status = 202, description = "The services are being restored.", body = view::Operation, headers(("Location" = String, description = "The path of the operation."))),
        ChangeProblems,
    ),
)]
pub(super) async fn roll_back(
    State(api): State<Api>,
    Admitted(operation): Admitted<Operation>,
    submission: Submission,
) -> Result<Response, Error> {
    api.end_pauses(&operation, PauseAction::RollBack, submission).await
}

impl Api {
    /// Records the decision, and wakes the steps that bring it to ECS.
    async fn end_pauses(
        &self,
        operation: &Operation,
        action: PauseAction,
        mut submission: Submission,
    ) -> Result<Response, Error> {
        submission.no_fields()?;
        let decided = self
            .store
            .decide_pauses(operation, action, &submission.caller.name)
            .await?;
        let delivered = pause::deliver_pauses(&self.store, &self.sfn, &decided).await;
        delivered.map_err(|error| unanswered("waking the step that waits for the rollout", error))?;
        Box::pin(self.answer_about(&submission, decided)).await
    }
}
