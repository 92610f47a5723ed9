//! `/v1/source-accounts`

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use slipway_api_types::{self as view, ConfiguredItems, MissingKind, PutSourceAccount};
use slipway_model::account::AccountId;
use slipway_model::source_account::SourceAccount;
use slipway_store::configured::{Configured, Expected};
use slipway_store::{ATTEMPTS, pause};

use super::answers::{busy, configured, deleted};
use crate::error::Error;
use crate::openapi::{ChangeProblems, ReadProblems};
use crate::parameters::{InPath, Parameters};
use crate::revision;
use crate::submission::Submission;
use crate::{Api, Caller};

/// List the source accounts
///
/// The AWS accounts whose events may request operations, by ID. Unreadable ones are listed in `unreadable`.
#[utoipa::path(
    get,
    path = "/v1/source-accounts",
    operation_id = "list_source_accounts",
    tag = "source accounts",
    params(
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of source accounts.", body = ConfiguredItems<view::SourceAccount>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    _caller: Caller,
    mut parameters: Parameters,
) -> Result<Json<ConfiguredItems<view::SourceAccount>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let cursor = api.opened(cursor).await?;
    let page = api.store.source_accounts(limit, cursor.as_ref()).await?;
    Ok(Json(api.configured_items(page, view::SourceAccount::of).await?))
}

/// Show a source account
#[utoipa::path(
    get,
    path = "/v1/source-accounts/{account}",
    operation_id = "show_source_account",
    tag = "source accounts",
    params(
        ("account" = String, Path, description = "The ID of the AWS account.", example = "111122223333"),
        ("If-None-Match" = Option<String>, Header, description = "The last known ETag of the source account."),
    ),
    responses(
        (status = 200, description = "The source account.", body = view::SourceAccount, headers(("ETag" = String, description = "Its revision, in quotes."))),
        (status = 304, description = "The source account is unchanged."),
        ReadProblems,
    ),
)]
pub(super) async fn show(
    State(api): State<Api>,
    _caller: Caller,
    InPath(account): InPath<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Error> {
    parameters.finish()?;
    let found = api.source_account_of(&account).await?;
    let found = found.ok_or_else(|| no_source_account(&account))?;
    let (record, revision) = (found.record?, found.revision);
    let tag = [(ETAG, revision::tag(revision))];
    if revision::is_known(&headers, revision) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, Json(view::SourceAccount::of(record, revision))).into_response())
}

/// Put a source account
///
/// Creates or replaces it. By default, only administrators can put source accounts.
#[utoipa::path(
    put,
    path = "/v1/source-accounts/{account}",
    operation_id = "put_source_account",
    tag = "source accounts",
    params(
        ("account" = String, Path, description = "The ID of the AWS account.", example = "111122223333"),
        ("If-Match" = Option<String>, Header, description = "Replace only this revision: the ETag of the source account."),
        ("If-None-Match" = Option<String>, Header, description = "`*`: create only."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = PutSourceAccount, description = "The source account."),
    responses(
        (status = 201, description = "It was created.", body = view::SourceAccount, headers(("Location" = String, description = "The path of the source account."), ("ETag" = String, description = "Its revision, in quotes."))),
        (status = 200, description = "It was replaced, or is unchanged.", body = view::SourceAccount, headers(("ETag" = String, description = "Its revision, in quotes."))),
        ChangeProblems,
    ),
)]
pub(super) async fn put(
    State(api): State<Api>,
    InPath(account): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let account: AccountId = account
        .parse()
        .map_err(|error| Error::parameter("account", format!("{error}"), "give the 12 digits of the AWS account"))?;
    let mut fields = submission.fields()?;
    let shown = fields.revision();
    let record = SourceAccount::read(fields, Some(&account)).map_err(Error::invalid)?;
    for attempt in 0..ATTEMPTS {
        let (expected, before) = Configured::before(api.source_account_of(account.as_str()).await?);
        revision::require(&submission.headers, expected)?;
        let revision = match expected {
            // What is so already is not written again.
            Expected::Revision(revision) if before.as_ref() == Some(&record) => Some(revision),
            expected => {
                revision::require_shown(shown, expected)?;
                let by = &submission.caller.name;
                let put = api.store.put_source_account_if(&record, before.as_ref(), expected, by);
                put.await?
            }
        };
        let Some(revision) = revision else {
            pause(attempt).await;
            continue;
        };
        tracing::info!(caller = submission.caller.name, source_account = %account, revision, "configured");
        let path = (expected == Expected::Nothing).then(|| format!("/v1/source-accounts/{account}"));
        let shown = view::SourceAccount::of(record, revision);
        return api.answer_once(&submission, configured(path, revision, &shown)).await;
    }
    Err(busy("putting a source account"))
}

/// Delete a source account
///
/// Its events are rejected from now on; its stacks are retained. By default, only administrators can delete source accounts.
#[utoipa::path(
    delete,
    path = "/v1/source-accounts/{account}",
    operation_id = "delete_source_account",
    tag = "source accounts",
    params(
        ("account" = String, Path, description = "The ID of the AWS account.", example = "111122223333"),
        ("If-Match" = Option<String>, Header, description = "Delete only this revision: the ETag of the source account."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 204, description = "It is deleted."), ChangeProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    InPath(account): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    for attempt in 0..ATTEMPTS {
        let (Ok(parsed), Some(current)) = (account.parse::<AccountId>(), api.source_account_of(&account).await?) else {
            return Err(no_source_account(&account));
        };
        let expected = Expected::Revision(current.revision);
        revision::require(&submission.headers, expected)?;
        let (before, by) = (current.record.ok(), &submission.caller.name);
        let deleting = api.store.delete_source_account(&parsed, before.as_ref(), expected, by);
        if deleting.await? {
            tracing::info!(caller = submission.caller.name, source_account = %parsed, "deleted");
            return api.answer_once(&submission, deleted()).await;
        }
        pause(attempt).await;
    }
    Err(busy("deleting a source account"))
}

fn no_source_account(account: &str) -> Error {
    Error::missing(MissingKind::SourceAccount, account, "")
}

impl Api {
    /// The source account in a path, if there is one.
    async fn source_account_of(&self, account: &str) -> Result<Option<Configured<SourceAccount>>, Error> {
        let Ok(account) = account.parse::<AccountId>() else {
            return Ok(None);
        };
        Ok(Configured::if_any(
            self.store.configured_source_account(&account).await,
        )?)
    }
}
