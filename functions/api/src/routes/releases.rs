//! `/v1/stacks/{id}/releases`

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use slipway_api_types::{self as view, CreateRelease, Items, RollBack};
use slipway_control::admission::{Admission, Change};
use slipway_model::id::ReleaseNumber;
use slipway_model::release::there_are;
use slipway_model::request::{read_release, read_rollback};
use slipway_model::stack::Stack;

use crate::access::{Admitted, RollbackTarget};
use crate::body::shortened;
use crate::error::Error;
use crate::openapi::{ChangeProblems, InProgress, ReadProblems};
use crate::parameters::{InPath, Parameters};
use crate::revision::Expected;
use crate::submission::Submission;
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
    caller: Caller,
    Admitted(stack): Admitted<Stack>,
    mut parameters: Parameters,
) -> Result<Json<Items<view::Release>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    api.note_reader(&caller, &stack.owner, &stack.id).await?;
    let cursor = api.opened(cursor).await?;
    let page = api.store.releases(&stack.id, limit, cursor.as_ref()).await?;
    Ok(Json(api.items(page, view::Release::from).await?))
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
    caller: Caller,
    Admitted(stack): Admitted<Stack>,
    InPath((_stack, number)): InPath<(String, String)>,
    parameters: Parameters,
) -> Result<Json<view::Release>, Error> {
    parameters.finish()?;
    api.note_reader(&caller, &stack.owner, &stack.id).await?;
    if let Ok(number) = number.parse() {
        match api.store.release(&stack.id, ReleaseNumber(number)).await {
            Ok(release) => return Ok(Json(release.into())),
            Err(slipway_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let there_are = there_are(stack.last_release);
    let number = shortened(&number);
    Err(Error::NotFound(format!(
        "The stack `{}` has no release {number}; {there_are}.",
        stack.name
    )))
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
    let change = Change::Release(read_release(submission.fields()?).map_err(Error::invalid)?);
    let outcome = api.request_change(stack, &change, Expected::Any, &submission).await?;
    api.answer(outcome).await
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
    Admitted(RollbackTarget(judged)): Admitted<RollbackTarget>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let named = read_rollback(submission.optional_fields()).map_err(Error::invalid)?;
    let Some(judged) = judged else {
        // Also if there is one by now: no policy has judged it.
        Admission::by(&api.store).judge_rollback(&stack, named).await?;
        return Err(Error::Conflict(
            "The stack changed meanwhile, and nothing was requested. Repeat the request.".to_owned(),
        ));
    };
    let change = Change::Rollback(Some(judged));
    let outcome = api.request_change(stack, &change, Expected::Any, &submission).await?;
    api.answer(outcome).await
}
