//! The handlers, one file for each noun, and the router of them all.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::{Extension, Router, middleware};
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::{Api, openapi, serve};

mod answers;
mod blueprints;
mod environments;
mod logs;
mod operations;
mod releases;
mod service;
mod stacks;

/// The HTTP API. Whoever serves it puts a [`crate::Caller`] into each request's extensions.
pub fn router(api: Api) -> Router {
    let (router, document) = documented().split_for_parts();
    let paths = Arc::new(Paths::of(&document));
    let all_paths = Arc::clone(&paths);
    let text = Bytes::from(document.to_json().unwrap_or_default());
    router
        .fallback(move |request: Request| async move { all_paths.not_found(&request) })
        .method_not_allowed_fallback(move |request: Request| async move { paths.not_allowed(&request) })
        .layer(Extension(service::Document(text)))
        .layer(middleware::from_fn(serve::around))
        .with_state(api)
}

/// Every route with its part of the OpenAPI document.
fn documented() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(blueprints::list))
        .routes(routes!(blueprints::show))
        .routes(routes!(blueprints::show_version, blueprints::publish))
        .routes(routes!(environments::list))
        .routes(routes!(environments::show))
        .routes(routes!(stacks::list, stacks::create))
        .routes(routes!(stacks::show, stacks::update, stacks::destroy))
        .routes(routes!(stacks::preview))
        .routes(routes!(releases::list, releases::create))
        .routes(routes!(releases::show))
        .routes(routes!(operations::list))
        .routes(routes!(operations::show))
        .routes(routes!(operations::approve))
        .routes(routes!(operations::reject))
        .routes(routes!(operations::cancel))
        .routes(routes!(logs::read))
        .routes(routes!(service::health))
        .routes(routes!(service::document))
        .routes(routes!(service::explorer))
}

/// The paths of the API, each with its methods.
struct Paths(Vec<(String, Vec<String>)>);

impl Paths {
    fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().map(|(path, item)| {
            let methods = [
                ("GET", &item.get),
                ("HEAD", &item.get),
                ("PUT", &item.put),
                ("POST", &item.post),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            let methods = methods.into_iter().filter(|(_, operation)| operation.is_some());
            (path.clone(), methods.map(|(method, _)| method.to_owned()).collect())
        });
        Self(paths.collect())
    }

    fn not_found(&self, request: &Request) -> Error {
        let paths: Vec<&str> = self.0.iter().map(|(path, _)| path.as_str()).collect();
        let path = crate::body::shortened(request.uri().path());
        Error::NotFound(format!("There is no path {path}. The paths are: {}.", paths.join(", ")))
    }

    fn not_allowed(&self, request: &Request) -> Error {
        let matched = request.extensions().get::<MatchedPath>();
        let route = matched.and_then(|matched| self.0.iter().find(|(path, _)| path == matched.as_str()));
        Error::MethodNotAllowed {
            method: Method::clone(request.method()),
            allowed: route.map(|(_, methods)| methods.clone()).unwrap_or_default(),
        }
    }
}
