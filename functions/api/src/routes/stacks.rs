//! `/v1/stacks`

use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::future::try_join_all;
use slipway_api_types::{self as view, CreateStack, EditStack, Items, TransferStack};
use slipway_control::admission::{Admission, Change};
use slipway_model::environment::Environment;
use slipway_model::principal::{OWNER_REMEDY, Owner};
use slipway_model::request::{NAME_REMEDY, Patch, StackDraft, VERSION_REMEDY};
use slipway_model::stack::{Stack, StackStatus};
use slipway_policy::{Action, Resource};
use slipway_store::configured;
use slipway_store::create::Accepted;
use slipway_store::list::StackFilter;
use slipway_store::{ATTEMPTS, Page, pause};

use super::answers::busy;
use super::operations::NoFields;
use crate::access::{Admitted, Listed};
use crate::error::Error;
use crate::openapi::{ChangeProblems, InProgress, ReadProblems};
use crate::parameters::Parameters;
use crate::revision::{self, Expected};
use crate::submission::{Submission, answer};
use crate::viewer::Viewer;
use crate::visible::{VisiblePage, json_size};
use crate::{Api, Caller};

/// List the stacks
///
/// The newest first, those that the caller may list. All given filters apply; destroyed stacks are listed only with
/// `status=destroyed`.
#[utoipa::path(
    get,
    path = "/v1/stacks",
    operation_id = "list_stacks",
    tag = "stacks",
    params(
        ("name" = Option<String>, Query, description = "Their name. Destroyed stacks are found only with `status=destroyed`; their pages may be short or empty before the last."),
        ("environment" = Option<String>, Query, description = "Their environment."),
        ("blueprint" = Option<String>, Query, description = "Their blueprint."),
        ("version" = Option<String>, Query, description = "The version of their blueprint."),
        ("status" = Option<String>, Query, description = "Their status."),
        ("owner" = Option<String>, Query, description = "Their owner."),
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of stacks.", body = Items<view::Stack>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    mut parameters: Parameters,
) -> Result<Json<Items<view::Stack>>, Error> {
    let filter = StackFilter {
        name: parameters.optional("name", NAME_REMEDY),
        environment: parameters.optional("environment", NAME_REMEDY),
        blueprint: parameters.optional("blueprint", NAME_REMEDY),
        version: parameters.optional("version", VERSION_REMEDY),
        status: parameters.one_of("status", StackStatus::ALL, "is no status of a stack"),
        owner: parameters.optional("owner", "give the name of a caller"),
    };
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let cursor = api.opened(cursor).await?;
    let mut page = VisiblePage::new(limit, cursor, |listed: &Listed| json_size(&listed.stack));
    while let Some((limit, cursor)) = page.wanted() {
        let read = api.store.stacks(&filter, limit, cursor).await?;
        page.take(api.listed(&viewer, read.items).await?, read.next);
    }
    let Page { items, next } = page.page();
    let read = items.iter().filter(|listed| listed.is_readable);
    let read: Vec<&Stack> = read.map(|listed| &listed.stack).collect();
    api.note_list(&caller, "GET /v1/stacks", &read).await?;
    let versions = api
        .store
        .versions_of_drafts(items.iter().map(|listed| &listed.stack))
        .await?;
    let page = Page { items, next };
    let show = |Listed { stack, is_readable }| {
        let draft = versions.state_of(&stack);
        if is_readable {
            view::Stack::in_list(stack, draft)
        } else {
            view::Stack::without_content(stack, draft)
        }
    };
    Ok(Json(api.items(page, show).await?))
}

/// Show a stack
///
/// Callers who may list the stack and not read it see that it exists: its name, environment, owner, blueprint, status, the numbers of
/// its releases, and which operation is in progress.
#[utoipa::path(
    get,
    path = "/v1/stacks/{id}",
    operation_id = "show_stack",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("If-None-Match" = Option<String>, Header, description = "The last known ETag of the stack."),
    ),
    responses(
        (status = 200, description = "The stack.", body = view::Stack, headers(("ETag" = String, description = "The stack's revision, in quotes."))),
        (status = 304, description = "The stack is unchanged."),
        ReadProblems,
    ),
)]
pub(super) async fn show(
    State(api): State<Api>,
    viewer: Viewer,
    caller: Caller,
    Admitted(stack): Admitted<Stack>,
    Extension(resource): Extension<Resource>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Error> {
    parameters.finish()?;
    let tag = [(ETAG, revision::tag(stack.revision))];
    // What these operations have stopped changes without the revision of the stack, and so does what becomes of its draft.
    let is_settled = stack.active_operation.is_none() && stack.quiesced_by.is_none() && !stack.configuration.draft;
    if is_settled && revision::is_known(&headers, stack.revision) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let shown = api.stack_shown_to(&viewer, &caller, stack, &resource).await?;
    Ok((tag, Json(shown)).into_response())
}

impl Api {
    /// The stack as the caller may see it. What a caller reads of another owner's stack is recorded.
    async fn stack_shown_to(
        &self,
        viewer: &Viewer,
        caller: &Caller,
        stack: Stack,
        resource: &Resource,
    ) -> Result<view::Stack, Error> {
        if viewer.may(Action::Read, resource) {
            self.note_reader(caller, &stack.owner, &stack.id).await?;
            return self.shown_stack(stack).await;
        }
        let draft = self.store.versions_of_drafts([&stack]).await?.state_of(&stack);
        Ok(view::Stack::without_content(stack, draft))
    }

    /// The stack with what became of its draft, and what its operations have stopped: those in progress, or the last that ended too
    /// early.
    async fn shown_stack(&self, stack: Stack) -> Result<view::Stack, Error> {
        let ids = stack.in_progress().chain(&stack.quiesced_by);
        let operations = try_join_all(ids.map(|id| self.store.operation(id))).await?;
        let versions = self.store.versions_of_drafts([&stack]).await?;
        Ok(view::Stack {
            draft: versions.state_of(&stack),
            quiesced: operations.iter().find_map(view::Quiesced::by),
            ..view::Stack::from(stack)
        })
    }
}

/// Create a stack
///
/// The response comes at once; its operation provisions the stack, and rolls out the first release if images are given.
#[utoipa::path(
    post,
    path = "/v1/stacks",
    operation_id = "create_stack",
    tag = "stacks",
    params(("Idempotency-Key" = Option<String>, Header, description = "See the introduction.")),
    request_body(content = CreateStack, description = "The stack."),
    responses(
        (status = 202, description = "The operation has started.", body = view::Operation, headers(("Location" = String, description = "The path of the operation."))),
        ChangeProblems,
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    viewer: Viewer,
    Admitted(environment): Admitted<Option<Environment>>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let draft = StackDraft::read_with_owner(submission.fields()?);
    let blueprint = draft.blueprint.clone();
    let judged = Admission::by(&api.store)
        .judge_new_stack(draft, environment, submission.asking())
        .await;
    let new = match judged {
        Ok(new) => new,
        Err(refusal) => {
            let refusal = api.with_known_names(&viewer, blueprint.as_ref(), refusal).await?;
            return Err(refusal.into());
        }
    };
    let accepted = |accepted: Accepted<'_>| submission.accepted(accepted);
    let outcome = api.store.create_stack(&new, submission.idempotency.as_ref(), accepted);
    api.answer(outcome.await?).await
}

/// Update a stack
///
/// A merge patch: omitted fields keep their value. `{}` applies the current configuration again.
#[utoipa::path(
    patch,
    path = "/v1/stacks/{id}",
    operation_id = "update_stack",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("If-Match" = Option<String>, Header, description = "Update only this revision: the ETag of the stack."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = EditStack, description = "The changes."),
    responses(
        InProgress,
        ChangeProblems,
    ),
)]
pub(super) async fn update(
    State(api): State<Api>,
    Admitted(stack): Admitted<Stack>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let expected = revision::expected(&submission.headers)?;
    let change = Change::Update(Patch::read(submission.fields()?).map_err(Error::invalid)?);
    let outcome = api.request_change(stack, &change, expected, &submission).await?;
    api.answer(outcome).await
}

/// Destroy a stack
///
/// Destroys everything that Terraform created for it. Rejected in a protected environment.
#[utoipa::path(
    delete,
    path = "/v1/stacks/{id}",
    operation_id = "destroy_stack",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("If-Match" = Option<String>, Header, description = "Destroy only this revision: the ETag of the stack."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses(
        InProgress,
        ChangeProblems,
    ),
)]
pub(super) async fn destroy(
    State(api): State<Api>,
    Admitted(stack): Admitted<Stack>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let expected = revision::expected(&submission.headers)?;
    let outcome = api
        .request_change(stack, &Change::Destroy, expected, &submission)
        .await?;
    api.answer(outcome).await
}

/// Transfer a stack
///
/// Changes the owner to a team, a person, a role or an account, and nothing else. Terraform sets the tag `slipway:owner` of its
/// resources with the next update. The response has what the caller may see of the stack of the new owner.
#[utoipa::path(
    put,
    path = "/v1/stacks/{id}/owner",
    operation_id = "transfer_stack",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("If-Match" = Option<String>, Header, description = "Transfer only this revision: the ETag of the stack."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = TransferStack, description = "The owner."),
    responses(
        (status = 200, description = "The stack.", body = view::Stack),
        ChangeProblems,
    ),
)]
pub(super) async fn transfer(
    State(api): State<Api>,
    viewer: Viewer,
    Admitted(mut stack): Admitted<Stack>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let mut fields = submission.fields()?;
    let owner: Option<Owner> = fields.required("owner", OWNER_REMEDY);
    let problems = fields.problems();
    let owner = owner
        .filter(|_| problems.is_empty())
        .ok_or_else(|| Error::invalid(problems))?;
    for attempt in 0..ATTEMPTS {
        revision::require(&submission.headers, configured::Expected::Revision(stack.revision))?;
        if let Some(transferred) = api
            .store
            .transfer_stack(&stack, &owner, &submission.caller.name)
            .await?
        {
            let resource = api.stack_resource(&transferred).await?;
            let caller = &submission.caller;
            let shown = api.stack_shown_to(&viewer, caller, transferred, &resource).await?;
            return api.answer_once(&submission, answer(StatusCode::OK, None, &shown)).await;
        }
        pause(attempt).await;
        let changed = api.store.stack(&stack.id).await?;
        if changed.owner != stack.owner {
            // The policies decided about a stack of another owner.
            break;
        }
        stack = changed;
    }
    Err(busy("transferring a stack"))
}

/// Preview an update
///
/// Shows what Terraform would change, and changes nothing: the plan is in the operation.
#[utoipa::path(
    post,
    path = "/v1/stacks/{id}/preview",
    operation_id = "preview_stack",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = EditStack, description = "The changes."),
    responses(
        InProgress,
        ChangeProblems,
    ),
)]
pub(super) async fn preview(
    State(api): State<Api>,
    Admitted(stack): Admitted<Stack>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let change = Change::Preview(Patch::read(submission.fields()?).map_err(Error::invalid)?);
    let outcome = api.request_change(stack, &change, Expected::Any, &submission).await?;
    api.answer(outcome).await
}

/// Check for drift
///
/// Compares the resources with the Terraform state, and changes nothing: the operation and the stack list the differences.
#[utoipa::path(
    post,
    path = "/v1/stacks/{id}/drift",
    operation_id = "check_drift",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = Option<NoFields>, description = "Empty, or `{}`."),
    responses(
        InProgress,
        ChangeProblems,
    ),
)]
pub(super) async fn drift(
    State(api): State<Api>,
    Admitted(stack): Admitted<Stack>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let outcome = api
        .request_change(stack, &Change::Drift, Expected::Any, &submission)
        .await?;
    api.answer(outcome).await
}
