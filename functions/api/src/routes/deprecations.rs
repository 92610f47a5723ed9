//! The deprecation of a version of a blueprint.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use slipway_api_types::{self as view, DeprecateVersion};
use slipway_model::blueprint::Deprecation;
use slipway_model::problem::FieldProblem;

use super::answers::deleted;
use crate::Api;
use crate::error::Error;
use crate::openapi::ChangeProblems;
use crate::parameters::InPath;
use crate::submission::{Submission, answer};
use crate::viewer::Viewer;

/// The maximum length of a message, in bytes.
const MESSAGE_LENGTH: usize = 1_000;

const MESSAGE_REMEDY: &str = "give the reason and the version to use instead, in at most 1,000 bytes";

/// Deprecate a version of a blueprint
///
/// Stacks keep the version, and may still be created from it: the command line and the console show the message. By default, only
/// administrators can deprecate versions.
#[utoipa::path(
    put,
    path = "/v1/blueprints/{name}/versions/{version}/deprecation",
    operation_id = "deprecate_blueprint_version",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("version" = String, Path, description = "The version.", example = "1.0.0"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = DeprecateVersion, description = "The reason."),
    responses(
        (status = 200, description = "The version.", body = view::BlueprintVersion),
        ChangeProblems,
    ),
)]
pub(super) async fn put(
    State(api): State<Api>,
    viewer: Viewer,
    InPath((name, version)): InPath<(String, String)>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let mut fields = submission.fields()?;
    let message: Option<String> = fields.required("message", MESSAGE_REMEDY);
    let message = message.map(|message| message.trim().to_owned());
    let length = message.as_ref().map(String::len);
    if length.is_some_and(|length| length == 0 || length > MESSAGE_LENGTH) {
        let detail = if length == Some(0) { "is empty" } else { "is too long" };
        fields.problem(FieldProblem::new("message", detail, MESSAGE_REMEDY));
    }
    let problems = fields.problems();
    let message = message
        .filter(|_| problems.is_empty())
        .ok_or_else(|| Error::invalid(problems))?;
    let known = api.blueprint_version(&viewer, &name, &version).await?;
    let by = &submission.caller.name;
    let deprecation = Deprecation {
        message,
        by: by.clone(),
        at: Timestamp::now(),
    };
    let deprecated = api
        .store
        .deprecate_blueprint(&known.name, &known.version, Some(&deprecation), by)
        .await?;
    tracing::info!(caller = by, blueprint = %known.name, version = %known.version, "deprecated");
    let mut shown = view::BlueprintVersion::from(deprecated);
    if submission.read_resource().is_none() {
        shown.description.clear();
        shown.variables.clear();
    }
    api.answer_once(&submission, answer(StatusCode::OK, None, &shown)).await
}

/// End the deprecation of a version
///
/// By default, only administrators can do this.
#[utoipa::path(
    delete,
    path = "/v1/blueprints/{name}/versions/{version}/deprecation",
    operation_id = "undeprecate_blueprint_version",
    tag = "blueprints",
    params(
        ("name" = String, Path, description = "The blueprint's name.", example = "guestbook"),
        ("version" = String, Path, description = "The version.", example = "1.0.0"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 204, description = "It is in good standing."), ChangeProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    viewer: Viewer,
    InPath((name, version)): InPath<(String, String)>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let known = api.blueprint_version(&viewer, &name, &version).await?;
    let by = &submission.caller.name;
    api.store
        .deprecate_blueprint(&known.name, &known.version, None, by)
        .await?;
    tracing::info!(caller = by, blueprint = %known.name, version = %known.version, "no longer deprecated");
    api.answer_once(&submission, deleted()).await
}
