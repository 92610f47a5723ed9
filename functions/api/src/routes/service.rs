//! What the API says of itself.

use std::sync::LazyLock;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use slipway_api_types::{CallerView, Health};
use slipway_model::name::Digest;

use crate::Caller;
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::Parameters;

/// The page that shows `/openapi.json`: it loads nothing from elsewhere.
const EXPLORER: &str = include_str!("explorer.html");

/// What the page may do: run its own script, and send requests to where it came from.
static EXPLORER_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let (script, style) = (source_of("script"), source_of("style"));
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The page's only element of this name as a source in a policy: the digest of what it holds.
fn source_of(element: &str) -> String {
    let inside = EXPLORER.split_once(&format!("<{element}>"));
    let inside = inside.and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    let digest = Digest::of(inside.map_or("", |(text, _)| text).as_bytes());
    let digits = digest.hex().as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    let bytes: Vec<u8> = digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    format!("'sha256-{}'", STANDARD.encode(bytes))
}

/// Show that the service answers
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "show_health",
    tag = "service",
    responses((status = 200, description = "The service answers.", body = Health)),
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Show the caller
#[utoipa::path(
    get,
    path = "/v1/caller",
    operation_id = "show_caller",
    tag = "service",
    responses((status = 200, description = "The caller of this request.", body = CallerView), ReadProblems),
)]
pub(super) async fn caller(caller: Caller, parameters: Parameters) -> Result<Json<CallerView>, Error> {
    parameters.finish()?;
    Ok(Json(CallerView {
        name: caller.name,
        admin: caller.admin,
        groups: caller.groups,
    }))
}

/// Show this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "show_document",
    tag = "service",
    responses((status = 200, description = "The OpenAPI document of this API.", body = serde_json::Value, content_type = "application/json")),
)]
pub(super) async fn document() -> impl IntoResponse {
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (json, super::DOCUMENT.clone())
}

/// Show a page to explore the API
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "show_explorer",
    tag = "service",
    responses((status = 200, description = "A page that shows this document and sends requests.", body = String, content_type = "text/html")),
)]
pub(super) async fn explorer() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, EXPLORER_POLICY.clone())], Html(EXPLORER))
}
