//! `/v1/stacks/{id}/tasks`

use axum::extract::State;
use axum::response::Response;
use slipway_control::admission::Change;
use slipway_model::name::Name;
use slipway_model::stack::Stack;

use super::operations::NoFields;
use crate::Api;
use crate::access::Admitted;
use crate::body::shortened;
use crate::error::Error;
use crate::openapi::{ChangeProblems, InProgress};
use crate::parameters::InPath;
use crate::revision::Expected;
use crate::submission::Submission;

/// Run a task
///
/// Runs one of the stack's tasks once, with the images of the current release. The stack lists them as `tasks`. The operation
/// succeeds only if the command exits with 0.
#[utoipa::path(
    post,
    path = "/v1/stacks/{id}/tasks/{name}",
    operation_id = "run_task",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("name" = String, Path, description = "The name of the task.", example = "createsuperuser"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = Option<NoFields>, description = "Empty, or `{}`."),
    responses(
        InProgress,
        ChangeProblems,
    ),
)]
pub(super) async fn run(
    State(api): State<Api>,
    Admitted(stack): Admitted<Stack>,
    InPath((_, name)): InPath<(String, String)>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let Ok(task) = name.parse::<Name>() else {
        return Err(Error::NotFound(format!(
            "There is no task `{}`: a task's name looks like `load-dump`. The stack `{}` says which there are.",
            shortened(&name),
            stack.name
        )));
    };
    let outcome = api
        .request_change(stack, &Change::Task(task), Expected::Any, &submission)
        .await?;
    api.answer(outcome).await
}
