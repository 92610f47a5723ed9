//! What the API says of itself.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use slipway_api_types::{CallerView, Health};

use crate::Caller;
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::Parameters;

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
