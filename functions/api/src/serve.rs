//! What every request and every answer goes through.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::Next;
use axum::response::Response;

use slipway_model::audit::{Action, Entry};
use slipway_model::error_chain::chain;

use crate::body::shortened;
use crate::problem::{Denied, Fault};
use crate::{Api, Caller};

/// Logs the request in one line, records a denial, and makes the answer safe to show to a browser.
pub(crate) async fn around(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str).to_owned();
    let caller = request.extensions().get::<Caller>().cloned();
    let asked = format!("{method} {}", shortened(request.uri().path()));
    let mut response = next.run(request).await;
    if let (Some(caller), Some(Denied(reason))) = (caller, response.extensions().get::<Denied>()) {
        let entry = Entry::new(caller.name, Action::Deny, asked).because(Some(reason));
        if let Err(error) = Box::pin(api.store.record_audit(&entry)).await {
            // It is denied all the same.
            let error = chain(&error);
            tracing::error!(
                actor = entry.actor,
                subject = entry.subject,
                reason,
                error,
                "a denial could not be recorded"
            );
        }
    }
    let status = response.status().as_u16();
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(Fault {
        reference,
        chain: causes,
    }) = response.extensions().get::<Fault>()
    {
        tracing::error!(%method, route, status, milliseconds, reference, error = causes, "failed");
    } else {
        tracing::info!(%method, route, status, milliseconds, "answered");
    }
    secure(&mut response);
    response
}

fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}
