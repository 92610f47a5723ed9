//! `/v1/environments`

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use slipway_api_types::{self as view, ConfiguredItems, PutEnvironment};
use slipway_model::count::counted;
use slipway_model::environment::Environment;
use slipway_model::name::Name;
use slipway_model::request::NAME_REMEDY;
use slipway_store::configured::{Configured, Expected};
use slipway_store::environment::By;
use slipway_store::list::StackFilter;
use slipway_store::{ATTEMPTS, PAGE, pause};

use super::answers::{busy, configured, deleted};
use crate::access::Listed;
use crate::shown;
use crate::viewer::Viewer;
use crate::visible::{VisiblePage, json_size};

use crate::error::Error;
use crate::openapi::{ChangeProblems, ReadProblems};
use crate::parameters::{InPath, Parameters};
use crate::revision;
use crate::submission::Submission;
use crate::{Api, Caller};

/// How many stacks a refusal names.
const NAMED: usize = 5;

/// List the environments
///
/// By name, those that the caller may read. Unreadable records are listed in `unreadable`.
#[utoipa::path(
    get,
    path = "/v1/environments",
    operation_id = "list_environments",
    tag = "environments",
    params(
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of environments.", body = ConfiguredItems<view::Environment>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    mut parameters: Parameters,
) -> Result<Json<ConfiguredItems<view::Environment>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let cursor = api.opened(cursor).await?;
    let size = |one: &Configured<Environment>| one.record.as_ref().map_or(0, json_size);
    let mut page = VisiblePage::new(limit, cursor, size);
    while let Some((limit, cursor)) = page.wanted() {
        let read = api.store.environments(limit, cursor).await?;
        let judged = read
            .items
            .into_iter()
            .map(|one| viewer.may_read_environment(&one).then_some(one));
        page.take(judged.collect(), read.next);
    }
    let page = page.page();
    let sensitive = api.store.sensitive_variables().await?;
    let show = |environment, revision| shown::environment(environment, revision, &caller, &sensitive);
    Ok(Json(api.configured_items(page, show).await?))
}

/// Show an environment
#[utoipa::path(
    get,
    path = "/v1/environments/{name}",
    operation_id = "show_environment",
    tag = "environments",
    params(
        ("name" = String, Path, description = "The environment's name.", example = "local"),
        ("If-None-Match" = Option<String>, Header, description = "The last known ETag of the environment."),
    ),
    responses(
        (status = 200, description = "The environment.", body = view::Environment, headers(("ETag" = String, description = "The environment's revision, in quotes."))),
        (status = 304, description = "The environment is unchanged."),
        ReadProblems,
    ),
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    InPath(name): InPath<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Error> {
    parameters.finish()?;
    let Some(found) = api.environment_of(&name).await? else {
        return Err(api.no_environment(&viewer, &name).await?);
    };
    let (environment, revision) = (found.record?, found.revision);
    let tag = [(ETAG, revision::tag(revision))];
    if revision::is_known(&headers, revision) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let sensitive = api.store.sensitive_variables().await?;
    let shown = shown::environment(environment, revision, &caller, &sensitive);
    Ok((tag, Json(shown)).into_response())
}

/// Put an environment
///
/// Creates or replaces it; omitted fields get their default. Account and Region cannot change while stacks live there. By
/// default, only administrators can put environments.
#[utoipa::path(
    put,
    path = "/v1/environments/{name}",
    operation_id = "put_environment",
    tag = "environments",
    params(
        ("name" = String, Path, description = "The environment's name.", example = "live"),
        ("If-Match" = Option<String>, Header, description = "Replace only this revision: the ETag of the environment."),
        ("If-None-Match" = Option<String>, Header, description = "`*`: create only."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = PutEnvironment, description = "The environment."),
    responses(
        (status = 201, description = "It was created.", body = view::Environment, headers(("Location" = String, description = "The path of the environment."), ("ETag" = String, description = "Its revision, in quotes."))),
        (status = 200, description = "It was replaced, or is unchanged.", body = view::Environment, headers(("ETag" = String, description = "Its revision, in quotes."))),
        ChangeProblems,
    ),
)]
pub(super) async fn put(
    State(api): State<Api>,
    viewer: Viewer,
    InPath(name): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let name: Name = name
        .parse()
        .map_err(|error| Error::parameter("name", format!("{error}"), NAME_REMEDY))?;
    let mut fields = submission.fields()?;
    let shown = fields.revision();
    let requested = Environment::read(fields, Some(&name)).map_err(Error::invalid)?;
    let sensitive = api.store.sensitive_variables().await?;
    for attempt in 0..ATTEMPTS {
        let (expected, before) = Configured::before(api.environment_of(name.as_str()).await?);
        revision::require(&submission.headers, expected)?;
        let mut environment = requested.clone();
        environment
            .keep_hidden(before.as_ref(), &sensitive)
            .map_err(Error::invalid)?;
        if let Some(before) = &before {
            api.require_same_place(&viewer, before, &environment).await?;
            environment = environment.after(before, &sensitive);
        }
        let revision = match expected {
            // What is so already is not written again.
            Expected::Revision(revision) if before.as_ref() == Some(&environment) => Some(revision),
            expected => {
                revision::require_shown(shown, expected)?;
                let by = By {
                    actor: &submission.caller.name,
                    sensitive: &sensitive,
                };
                let put = api
                    .store
                    .put_environment_if(&environment, before.as_ref(), expected, by);
                put.await?
            }
        };
        let Some(revision) = revision else {
            pause(attempt).await;
            continue;
        };
        tracing::info!(caller = submission.caller.name, environment = %name, revision, "configured");
        let path = (expected == Expected::Nothing).then(|| format!("/v1/environments/{name}"));
        let shown = shown::environment(environment, revision, &submission.caller, &sensitive);
        return api.answer_once(&submission, configured(path, revision, &shown)).await;
    }
    Err(busy("putting an environment"))
}

/// Delete an environment
///
/// Rejected while stacks live there. By default, only administrators can delete environments.
#[utoipa::path(
    delete,
    path = "/v1/environments/{name}",
    operation_id = "delete_environment",
    tag = "environments",
    params(
        ("name" = String, Path, description = "The environment's name.", example = "live"),
        ("If-Match" = Option<String>, Header, description = "Delete only this revision: the ETag of the environment."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 204, description = "It is deleted."), ChangeProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    viewer: Viewer,
    InPath(name): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let sensitive = api.store.sensitive_variables().await?;
    for attempt in 0..ATTEMPTS {
        let (Ok(parsed), Some(current)) = (name.parse::<Name>(), api.environment_of(&name).await?) else {
            return Err(api.no_environment(&viewer, &name).await?);
        };
        let expected = Expected::Revision(current.revision);
        revision::require(&submission.headers, expected)?;
        if let Some(stacks) = api.stacks_in(&viewer, &parsed).await? {
            return Err(Error::Conflict(format!(
                "The environment `{parsed}` has {stacks}. Destroy them first: `slipway stack list --environment {parsed}` lists those \
                 that you may see."
            )));
        }
        let by = By {
            actor: &submission.caller.name,
            sensitive: &sensitive,
        };
        let before = current.record.ok();
        let deleting = api.store.delete_environment(&parsed, before.as_ref(), expected, by);
        if deleting.await? {
            tracing::info!(caller = submission.caller.name, environment = %parsed, "deleted");
            return api.answer_once(&submission, deleted()).await;
        }
        pause(attempt).await;
    }
    Err(busy("deleting an environment"))
}

impl Api {
    /// The environment in a path, if there is one.
    async fn environment_of(&self, name: &str) -> Result<Option<Configured<Environment>>, Error> {
        let Ok(name) = name.parse::<Name>() else {
            return Ok(None);
        };
        Ok(Configured::if_any(self.store.configured_environment(&name).await)?)
    }

    /// Stacks cannot move: in another account or Region, Terraform would create them again and lose track of the first.
    async fn require_same_place(&self, viewer: &Viewer, before: &Environment, now: &Environment) -> Result<(), Error> {
        if (&before.account, &before.region) == (&now.account, &now.region) {
            return Ok(());
        }
        match self.stacks_in(viewer, &now.name).await? {
            None => Ok(()),
            Some(stacks) => Err(Error::Conflict(format!(
                "The environment `{}` is in account {} and region {}, and has {stacks} there. Make another environment for another \
                 place.",
                now.name, before.account, before.region
            ))),
        }
    }

    /// The number of the stacks in an environment, with the names of those that the caller may list, for a rejection; `None` for none.
    ///
    /// The index is eventually consistent. A stack that is created in that moment finds no environment: its operation fails with that
    /// reason, and the remedy is to put the environment again.
    async fn stacks_in(&self, viewer: &Viewer, environment: &Name) -> Result<Option<String>, Error> {
        let filter = StackFilter {
            environment: Some(environment.clone()),
            ..StackFilter::default()
        };
        let mut cursor = None;
        loop {
            let page = self.store.stacks(&filter, PAGE, cursor.as_ref()).await?;
            match (page.items.len(), page.next) {
                (0, None) => return Ok(None),
                (0, next) => cursor = next,
                (count, next) => {
                    let listed = self.listed(viewer, page.items).await?;
                    let listed: Vec<Listed> = listed.into_iter().flatten().collect();
                    return Ok(Some(live_stacks(count, &listed, next.is_some())));
                }
            }
        }
    }
}

/// So many stacks, with the names of those that the caller may list.
fn live_stacks(count: usize, listed: &[Listed], more: bool) -> String {
    let least = if more { "at least " } else { "" };
    let stacks = counted(count, "live stack");
    if listed.is_empty() {
        return format!("{least}{stacks} that you may not see");
    }
    let stack = |Listed { stack, .. }: &Listed| format!("{} ({})", stack.name, stack.id);
    let mut named: Vec<String> = listed.iter().take(NAMED).map(stack).collect();
    let hidden = count - listed.len();
    if hidden > 0 {
        named.push(format!("{hidden} that you may not see"));
    }
    if more || listed.len() > NAMED {
        named.push("…".to_owned());
    }
    format!("{least}{stacks}: {}", named.join(", "))
}
