//! `/v1/webhooks`

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use slipway_api_types::{self as view, ConfiguredItems, Items, MissingKind, PutWebhook};
use slipway_model::name::Name;
use slipway_model::notification::NotificationId;
use slipway_model::webhook::{Settings, Webhook, WebhookId};
use slipway_store::configured::{Configured, Expected};
use slipway_store::webhook::Redelivery;
use slipway_store::{ATTEMPTS, pause};

use super::answers::{busy, configured, deleted};
use crate::Api;
use crate::body::shortened;
use crate::error::Error;
use crate::openapi::{ChangeProblems, ReadProblems};
use crate::parameters::{InPath, Parameters};
use crate::revision;
use crate::submission::{Submission, answer, given};

/// List the webhooks
///
/// By name. Of an address, only the host is shown: the rest may be a secret. Unreadable ones are listed in `unreadable`.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "list_webhooks",
    tag = "notifications",
    params(
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of webhooks.", body = ConfiguredItems<view::Webhook>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Json<ConfiguredItems<view::Webhook>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let cursor = api.opened(cursor).await?;
    let page = api.store.webhooks(limit, cursor.as_ref()).await?;
    Ok(Json(api.configured_items(page, view::Webhook::of).await?))
}

/// Show a webhook
#[utoipa::path(
    get,
    path = "/v1/webhooks/{name}",
    operation_id = "show_webhook",
    tag = "notifications",
    params(
        ("name" = String, Path, description = "The webhook's name.", example = "chat"),
        ("If-None-Match" = Option<String>, Header, description = "The last known ETag of the webhook."),
    ),
    responses(
        (status = 200, description = "The webhook.", body = view::Webhook, headers(("ETag" = String, description = "Its revision, in quotes."))),
        (status = 304, description = "The webhook is unchanged."),
        ReadProblems,
    ),
)]
pub(super) async fn show(
    State(api): State<Api>,
    InPath(name): InPath<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Error> {
    parameters.finish()?;
    let found = api.webhook_of(&name).await?.ok_or_else(|| no_webhook(&name))?;
    let (record, revision) = (found.record?, found.revision);
    let tag = [(ETAG, revision::tag(revision))];
    if revision::is_known(&headers, revision) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, Json(view::Webhook::of(record, revision))).into_response())
}

/// Put a webhook
///
/// Creates or replaces it. The response to its creation has the secret that signs its deliveries, which is not shown again; so this
/// request has no `Idempotency-Key`. An address that is private, loopback or otherwise not public is rejected, here and before each
/// delivery. By default, only administrators can put webhooks.
#[utoipa::path(
    put,
    path = "/v1/webhooks/{name}",
    operation_id = "put_webhook",
    tag = "notifications",
    params(
        ("name" = String, Path, description = "The webhook's name.", example = "chat"),
        ("If-Match" = Option<String>, Header, description = "Replace only this revision: the ETag of the webhook."),
        ("If-None-Match" = Option<String>, Header, description = "`*`: create only."),
    ),
    request_body(content = PutWebhook, description = "The webhook."),
    responses(
        (status = 201, description = "It was created.", body = view::Webhook, headers(("Location" = String, description = "The path of the webhook."), ("ETag" = String, description = "Its revision, in quotes."))),
        (status = 200, description = "It was replaced.", body = view::Webhook, headers(("ETag" = String, description = "Its revision, in quotes."))),
        ChangeProblems,
    ),
)]
pub(super) async fn put(
    State(api): State<Api>,
    InPath(name): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let name: Name = name
        .parse()
        .map_err(|error| Error::parameter("name", format!("{error}"), "give a name like `chat` or `on-call`"))?;
    let settings = Settings::read(submission.fields()?, api.reach).map_err(Error::invalid)?;
    api.require_reachable(&settings).await?;
    let by = &submission.caller.name;
    for attempt in 0..ATTEMPTS {
        let (expected, before) = Configured::before(api.webhook_of(name.as_str()).await?);
        revision::require(&submission.headers, expected)?;
        let webhook = match before.clone() {
            Some(before) => Webhook {
                settings: settings.clone(),
                ..before
            },
            None => Webhook {
                name: name.clone(),
                id: WebhookId::generate(),
                settings: settings.clone(),
                created_by: by.clone(),
                created_at: Timestamp::now(),
            },
        };
        let secret = match before {
            Some(_) => None,
            None => Some(api.installation_key().await?.secret(&webhook.id).reveal()),
        };
        let put = api.store.put_webhook_if(&webhook, before.as_ref(), expected, by);
        let Some(revision) = put.await? else {
            pause(attempt).await;
            continue;
        };
        tracing::info!(caller = by, webhook = %name, revision, "configured");
        let path = (expected == Expected::Nothing).then(|| format!("/v1/webhooks/{name}"));
        let shown = view::Webhook {
            secret,
            ..view::Webhook::of(webhook, revision)
        };
        return Ok(given(configured(path, revision, &shown)));
    }
    Err(busy("putting a webhook"))
}

/// Delete a webhook
///
/// Its pending deliveries are given up. By default, only administrators can delete webhooks.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{name}",
    operation_id = "delete_webhook",
    tag = "notifications",
    params(
        ("name" = String, Path, description = "The webhook's name.", example = "chat"),
        ("If-Match" = Option<String>, Header, description = "Delete only this revision: the ETag of the webhook."),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 204, description = "It is deleted."), ChangeProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    InPath(name): InPath<String>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    for attempt in 0..ATTEMPTS {
        let (Ok(parsed), Some(current)) = (name.parse::<Name>(), api.webhook_of(&name).await?) else {
            return Err(no_webhook(&name));
        };
        let expected = Expected::Revision(current.revision);
        revision::require(&submission.headers, expected)?;
        let (before, by) = (current.record.ok(), &submission.caller.name);
        if api.store.delete_webhook(&parsed, before.as_ref(), expected, by).await? {
            tracing::info!(caller = submission.caller.name, webhook = %parsed, "deleted");
            return api.answer_once(&submission, deleted()).await;
        }
        pause(attempt).await;
    }
    Err(busy("deleting a webhook"))
}

/// List the deliveries of a webhook
///
/// Those of the newest notifications first, each with its last attempts. They are kept for 30 days.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{name}/deliveries",
    operation_id = "list_deliveries",
    tag = "notifications",
    params(
        ("name" = String, Path, description = "The webhook's name.", example = "chat"),
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of deliveries.", body = Items<view::Delivery>), ReadProblems),
)]
pub(super) async fn deliveries(
    State(api): State<Api>,
    InPath(name): InPath<String>,
    mut parameters: Parameters,
) -> Result<Json<Items<view::Delivery>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let webhook = api.webhook_of(&name).await?.ok_or_else(|| no_webhook(&name))?.record?;
    let cursor = api.opened(cursor).await?;
    let page = api.store.deliveries(&webhook.id, limit, cursor.as_ref()).await?;
    Ok(Json(api.items(page, view::Delivery::of).await?))
}

/// Redeliver a notification
///
/// Makes another delivery of a notification to the webhook, which is tried for a day like the first one. Receivers recognise a
/// notification by its ID.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{name}/redeliver/{notification}",
    operation_id = "redeliver_notification",
    tag = "notifications",
    params(
        ("name" = String, Path, description = "The webhook's name.", example = "chat"),
        ("notification" = String, Path, description = "The notification's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a-4"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    responses((status = 202, description = "The delivery is pending.", body = view::Delivery), ChangeProblems),
)]
pub(super) async fn redeliver(
    State(api): State<Api>,
    InPath((name, notification)): InPath<(String, String)>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    let webhook = api.webhook_of(&name).await?.ok_or_else(|| no_webhook(&name))?.record?;
    let found = match notification.parse::<NotificationId>() {
        Ok(id) => api.store.notification(&id).await?,
        Err(_) => None,
    };
    let found = found.ok_or_else(|| {
        let id = shortened(&notification);
        Error::NotFound(format!(
            "There is no notification `{id}`. Notifications are kept for 30 days."
        ))
    })?;
    let by = &submission.caller.name;
    let redelivery = Box::pin(api.store.redeliver(&webhook, &found.notification, by)).await?;
    match redelivery {
        Redelivery::Requested(delivery) => {
            tracing::info!(caller = submission.caller.name, webhook = %webhook.name, delivery = %delivery.id, "redelivers");
            let shown = view::Delivery::of(*delivery);
            api.answer_once(&submission, answer(StatusCode::ACCEPTED, None, &shown))
                .await
        }
        Redelivery::TooMany => Err(Error::Conflict(format!(
            "The notification `{}` was redelivered to the webhook `{}` too often. Read it at /v1/notifications.",
            found.notification.id, webhook.name
        ))),
    }
}

fn no_webhook(name: &str) -> Error {
    Error::missing(MissingKind::Webhook, name, "")
}

impl Api {
    /// The webhook in a path, if there is one.
    async fn webhook_of(&self, name: &str) -> Result<Option<Configured<Webhook>>, Error> {
        let Ok(name) = name.parse::<Name>() else {
            return Ok(None);
        };
        Ok(Configured::if_any(self.store.webhook(&name).await)?)
    }
}
