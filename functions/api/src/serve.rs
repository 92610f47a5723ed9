//! What every request and every answer goes through.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;
use futures::future::BoxFuture;

use slipway_model::audit::{Action, Entry};
use slipway_model::error_chain::chain;

use crate::access::Access;
use crate::body::shortened;
use crate::problem::{Denied, Fault};
use crate::{Api, Caller};

/// A handler behind the decision about its requests. Everything that the router calls is one.
///
/// Two layers of axum's middleware do the same, and take each route apart and together again: half of what the function executed
/// until its first request.
#[derive(Debug, Clone)]
pub(crate) struct Served<H> {
    pub access: Access,
    pub handler: H,
}

impl<H: Handler<T, Api>, T: 'static> Handler<T, Api> for Served<H> {
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, api: Api) -> Self::Future {
        let Self { access, handler } = self;
        let shared = api.clone();
        let handle: Handle = Box::new(move |request| Box::pin(handler.call(request, shared)));
        Box::pin(around(api, access, request, handle))
    }
}

/// A handler, with its types forgotten: what is around all handlers is compiled once.
type Handle = Box<dyn FnOnce(Request) -> BoxFuture<'static, Response> + Send>;

/// Logs the request in one line, records a denial, and makes the answer safe to show to a browser.
async fn around(api: Api, access: Access, request: Request, handle: Handle) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str).to_owned();
    let caller = request.extensions().get::<Caller>().cloned();
    let asked = format!("{method} {}", shortened(request.uri().path()));
    // On the heap: every request passes here.
    let mut response = match Box::pin(api.admit(access, request)).await {
        Ok(request) => handle(request).await,
        Err(response) => *response,
    };
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
