//! `/docs`: Swagger UI, which shows `/openapi.json` and sends requests. Its files are part of this program; nothing is loaded from
//! elsewhere.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::Config;

use super::not_found;
use crate::Api;
use crate::error::Error;

/// What the page may do: run the scripts of this server, and send requests to it. Swagger UI sets styles on its elements and has its
/// icons in `data:` addresses.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The files have no version in their addresses: a browser asks again after an hour.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=3600");

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    Arc::new(
        Config::from("/openapi.json")
            .try_it_out_enabled(true)
            .display_request_duration(true)
            .doc_expansion("none")
            .filter(true),
    )
});

/// The router with the page and its files, which refer to each other by relative addresses.
pub(super) fn route(router: Router<Api>, api: &Api) -> Router<Api> {
    super::file(router, "/docs/{file}", file, api)
}

/// Show a page to explore the API
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "show_explorer",
    tag = "service",
    responses((status = 308, description = "The address of the page, which shows this document and sends requests.")),
)]
pub(super) async fn show() -> Redirect {
    Redirect::permanent("/docs/index.html")
}

async fn file(Path(name): Path<String>, request: axum::extract::Request) -> Result<Response, Error> {
    let found = utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG));
    let found =
        found.map_err(|error| Error::internal("writing the settings of the API explorer", error.to_string()))?;
    let Some(file) = found else {
        return Err(not_found(request).await);
    };
    let kind =
        HeaderValue::from_str(&file.content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, KEPT),
    ];
    Ok((headers, file.bytes.into_owned()).into_response())
}
