//! The handlers, one file for each noun, and the router of them all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware;
use axum::routing::MethodRouter;
use bytes::Bytes;
use utoipa::Path;
use utoipa::openapi::HttpMethod;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::{PathItemExt, routes};

use crate::error::Error;
use crate::{Api, openapi, serve};

mod answers;
mod audit;
mod blueprints;
mod console;
mod environments;
mod log_pages;
mod logs;
mod operations;
mod plans;
mod releases;
mod schemas;
mod service;
mod sheets;
mod source_accounts;
mod stacks;
mod tasks;
mod uploads;

pub(crate) use log_pages::LogPages;

/// The HTTP API. The server puts a [`crate::Caller`] into each request's extensions.
pub fn router(api: Api) -> Router {
    handlers()
        .merge(console::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(api.clone(), serve::around))
        .with_state(api)
}

/// The list of the handlers, from which both the routes and the document are made. Routes are registered when the function
/// starts. The document is written on request, because that takes longer than the rest of the start.
macro_rules! handlers {
    ($($noun:ident::$handler:ident),* $(,)?) => {
        fn handlers() -> Router<Api> {
            let router = Router::new();
            $(let router = utoipa_axum::paste! {
                served::<$noun::[<__path_ $handler>], _, _>(router, &$noun::$handler)
            };)*
            router
        }

        /// Every path with its methods.
        fn paths() -> BTreeMap<String, Vec<HttpMethod>> {
            let mut paths: BTreeMap<String, Vec<HttpMethod>> = BTreeMap::new();
            $(utoipa_axum::paste! {
                paths
                    .entry($noun::[<__path_ $handler>]::path())
                    .or_default()
                    .extend($noun::[<__path_ $handler>]::methods());
            })*
            paths
        }

        /// The OpenAPI document as JSON.
        static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
            let router: OpenApiRouter<Api> = OpenApiRouter::with_openapi(openapi::base());
            $(let router = router.routes(routes!($noun::$handler));)*
            Bytes::from(router.into_openapi().to_json().unwrap_or_default())
        });
    };
}

handlers![
    blueprints::list,
    blueprints::show,
    blueprints::show_version,
    blueprints::publish,
    schemas::of_variables,
    uploads::request,
    environments::list,
    environments::show,
    environments::put,
    environments::delete,
    source_accounts::list,
    source_accounts::show,
    source_accounts::put,
    source_accounts::delete,
    audit::list,
    audit::chains,
    audit::chain,
    stacks::list,
    stacks::create,
    stacks::show,
    stacks::update,
    stacks::destroy,
    stacks::transfer,
    stacks::preview,
    stacks::drift,
    tasks::run,
    releases::roll_back,
    releases::list,
    releases::create,
    releases::show,
    operations::list,
    operations::list_in_progress,
    operations::show,
    plans::show,
    sheets::show,
    operations::approve,
    operations::reject,
    operations::cancel,
    logs::read,
    service::health,
    service::caller,
    service::document,
    schemas::show,
    service::explorer,
];

/// The router with a handler where its part of the document says that it is.
fn served<P: Path, H: Handler<T, Api>, T: 'static>(router: Router<Api>, handler: &H) -> Router<Api> {
    let methods = P::methods().into_iter();
    let methods = methods.fold(MethodRouter::new(), |router, method| {
        router.on(method.to_method_filter(), handler.clone())
    });
    router.route(&P::path(), methods)
}

async fn not_found(request: Request) -> Error {
    let paths: Vec<String> = paths().into_keys().collect();
    let path = crate::body::shortened(request.uri().path());
    Error::NotFound(format!("There is no path {path}. The paths are: {}.", paths.join(", ")))
}

async fn not_allowed(request: Request) -> Error {
    let matched = request.extensions().get::<MatchedPath>();
    let methods = matched.and_then(|matched| paths().remove(matched.as_str()));
    Error::MethodNotAllowed {
        method: Method::clone(request.method()),
        // The console's files are not in the document.
        allowed: methods
            .unwrap_or(vec![HttpMethod::Get])
            .iter()
            .flat_map(named)
            .collect(),
    }
}

/// A method as HTTP calls it; what answers `GET` answers `HEAD`, too.
fn named(method: &HttpMethod) -> Vec<String> {
    let names: &[&str] = match method {
        HttpMethod::Get => &["GET", "HEAD"],
        HttpMethod::Post => &["POST"],
        HttpMethod::Put => &["PUT"],
        HttpMethod::Delete => &["DELETE"],
        HttpMethod::Options => &["OPTIONS"],
        HttpMethod::Head => &["HEAD"],
        HttpMethod::Patch => &["PATCH"],
        HttpMethod::Trace => &["TRACE"],
    };
    names.iter().map(ToString::to_string).collect()
}
