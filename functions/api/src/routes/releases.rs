//! `/v1/stacks/{id}/releases`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use slipway_control::admission::Change;
use slipway_model::id::ReleaseNumber;
use slipway_model::request::{read_release, read_rollback};
use slipway_model::stack::Stack;
use slipway_store::Cursor;
use utoipa::ToSchema;

use crate::access::Admitted;
use crate::body::shortened;
use crate::error::Error;
use crate::openapi::{ChangeProblems, InProgress, ReadProblems};
use crate::parameters::{CURSOR_REMEDY, InPath, Parameters};
use crate::revision::Expected;
use crate::submission::Submission;
use crate::view::{self, Items};
use crate::{Api, Caller};

/// List the releases of a stack
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/v1/stacks/{id}/releases",
    operation_id = "list_releases",
    tag = "releases",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of releases.", body = Items<view::Release>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    _caller: Caller,
    InPath(id): InPath<String>,
    mut parameters: Parameters,
) -> Result<Json<Items<view::Release>>, Error> {
    let limit = parameters.limit();
    let cursor: Option<Cursor> = parameters.optional("cursor", CURSOR_REMEDY);
    parameters.finish()?;
    let stack = api.stack(&id).await?;
    let page = api.store.releases(&stack.id, limit, cursor.as_ref()).await?;
    Ok(Json(Items::of(page, view::Release::from)))
}

/// Show a release
#[utoipa::path(
    get,
    path = "/v1/stacks/{id}/releases/{number}",
    operation_id = "show_release",
    tag = "releases",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("number" = u32, Path, description = "The number of the release.", example = 1),
    ),
    responses((status = 200, description = "The release.", body = view::Release), ReadProblems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    _caller: Caller,
    InPath((id, number)): InPath<(String, String)>,
    parameters: Parameters,
) -> Result<Json<view::Release>, Error> {
    parameters.finish()?;
    let stack = api.stack(&id).await?;
    if let Ok(number) = number.parse() {
        match api.store.release(&stack.id, ReleaseNumber(number)).await {
            Ok(release) => return Ok(Json(release.into())),
            Err(slipway_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let there_are = match stack.last_release.0 {
        0 => "it has no releases yet".to_owned(),
        last => format!("its releases are 1 to {last}"),
    };
    let number = shortened(&number);
    Err(Error::NotFound(format!(
        "The stack `{}` has no release {number}; {there_are}.",
        stack.id
    )))
}

/// The request for a release.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "images": {"web": "guestbook@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
}))]
#[expect(dead_code, reason = "the schema of a body; `read_release` reads it")]
struct CreateRelease {
    /// The image of each service, by digest. Omitted services keep their image.
    images: BTreeMap<String, String>,
    /// Whether to take a snapshot of the stack's database, and run the backups of its blueprint, before the migrations.
    snapshot: Option<bool>,
    /// Whether the previous release works with the database after the migrations (true). If not, and the release fails after a migration,
    /// services do not go back by themselves: the operation ends as `needs_attention`.
    compatible_with_previous: Option<bool>,
}

/// Release a set of images
///
/// The migrations run first, with the release's images. Then the services are rolled out.
#[utoipa::path(
    post,
    path = "/v1/stacks/{id}/releases",
    operation_id = "create_release",
    tag = "releases",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = CreateRelease, description = "The images."),
    responses(
        InProgress,
        ChangeProblems,
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    Admitted(stack): Admitted<Stack>,
    mut submission: Submission,
) -> Result<Response, Error> {
    if let Some(answer) = api.answered_before(&submission).await? {
        return Ok(answer);
    }
    let change = Change::Release(read_release(submission.fields()?).map_err(Error::invalid)?);
    let outcome = api.request_change(stack, &change, Expected::Any, &submission).await?;
    api.answer(outcome).await
}

/// The request for a rollback.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"release": 3}))]
#[expect(dead_code, reason = "the schema of a body; `read_rollback` reads it")]
struct RollBack {
    /// The release to roll back to; by default the last successful one before the release that the stack runs or is going to run.
    #[schema(minimum = 1)]
    release: Option<u32>,
}

/// Roll back to an earlier release
///
/// Rolls out the images of that release again, without migrations: the database keeps the changes of later releases.
#[utoipa::path(
    post,
    path = "/v1/stacks/{id}/rollback",
    operation_id = "roll_back",
    tag = "releases",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = Option<RollBack>, description = "The release; may be omitted."),
    responses(
        InProgress,
        ChangeProblems,
    ),
)]
pub(super) async fn roll_back(
    State(api): State<Api>,
    Admitted(stack): Admitted<Stack>,
    mut submission: Submission,
) -> Result<Response, Error> {
    if let Some(answer) = api.answered_before(&submission).await? {
        return Ok(answer);
    }
    let named = read_rollback(submission.optional_fields()).map_err(Error::invalid)?;
    let change = Change::Rollback(named);
    let outcome = api.request_change(stack, &change, Expected::Any, &submission).await?;
    api.answer(outcome).await
}
