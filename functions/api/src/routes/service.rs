//! What the API says of itself.

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use axum::{Extension, Json};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

/// The page that shows `/openapi.json`: it loads nothing from elsewhere.
const EXPLORER: &str = include_str!("explorer.html");

/// What the page may do: run what is in it, and send requests to where it came from.
const EXPLORER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// The OpenAPI document as JSON.
#[derive(Debug, Clone)]
pub(super) struct Document(pub Bytes);

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`: it answers.
    #[schema(example = "ok")]
    status: &'static str,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Show that the service answers
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "service",
    responses((status = 200, description = "The service answers.", body = Health)),
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Show this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "service",
    responses((status = 200, description = "The OpenAPI document of this API.", body = serde_json::Value, content_type = "application/json")),
)]
pub(super) async fn document(Extension(Document(text)): Extension<Document>) -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text)
}

/// Show a page to explore the API
#[utoipa::path(
    get,
    path = "/docs",
    tag = "service",
    responses((status = 200, description = "A page that shows this document and sends requests.", body = String, content_type = "text/html")),
)]
pub(super) async fn explorer() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, EXPLORER_POLICY)], Html(EXPLORER))
}
