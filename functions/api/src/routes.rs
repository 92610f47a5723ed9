//! The handlers, one file for each noun, and the router of them all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter};
use bytes::Bytes;
use slipway_policy::Action;
use utoipa::Path;
use utoipa::openapi::HttpMethod;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::{PathItemExt, routes};

use crate::access::Access;
use crate::error::Error;
use crate::serve::Served;
use crate::{Api, openapi};

mod answers;
mod audit;
mod blueprints;
mod console;
mod dead_letters;
mod deprecations;
mod environments;
mod explorer;
mod log_pages;
mod logs;
mod nearest;
mod notifications;
mod operations;
mod permissions;
mod plans;
mod policies;
mod policy_tests;
mod readmes;
mod releases;
mod rollouts;
mod schemas;
mod service;
mod service_logs;
mod sheets;
mod source_accounts;
mod stacks;
mod tasks;
mod uploads;
mod webhooks;

pub(crate) use log_pages::LogPages;

/// The HTTP API. The server puts a [`crate::Caller`] into each request's extensions.
pub fn router(api: Api) -> Router {
    let router = explorer::route(console::routes(handlers(&api), &api), &api);
    router
        .fallback(open(not_found))
        .method_not_allowed_fallback(open(not_allowed))
        .with_state(api)
}

/// The list of the handlers, each with the resource of its requests and the action that they need. Routes, document and decisions
/// are made from it. Routes are registered when the function starts. The document is written on request, because that takes longer
/// than the rest of the start.
macro_rules! handlers {
    ($($noun:ident::$handler:ident => $access:expr),* $(,)?) => {
        fn handlers(api: &Api) -> Router<Api> {
            let router = Router::new();
            $(let router = utoipa_axum::paste! {
                served::<$noun::[<__path_ $handler>], _, _>(router, &$noun::$handler, api, $access)
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
    blueprints::list => Access::Callers,
    blueprints::show => Access::Blueprint(Action::Read),
    blueprints::show_version => Access::Blueprint(Action::Read),
    blueprints::publish => Access::Blueprint(Action::Publish),
    blueprints::discard => Access::Blueprint(Action::Publish),
    deprecations::put => Access::Blueprint(Action::Publish),
    deprecations::delete => Access::Blueprint(Action::Publish),
    readmes::show => Access::Blueprint(Action::Read),
    schemas::of_variables => Access::Blueprint(Action::Read),
    uploads::request => Access::Installation(Action::Publish),
    environments::list => Access::Callers,
    environments::show => Access::Environment(Action::Read),
    environments::put => Access::Environment(Action::Configure),
    environments::delete => Access::Environment(Action::Configure),
    source_accounts::list => Access::Installation(Action::Read),
    source_accounts::show => Access::Installation(Action::Read),
    source_accounts::put => Access::Installation(Action::Configure),
    source_accounts::delete => Access::Installation(Action::Configure),
    webhooks::list => Access::Installation(Action::Configure),
    webhooks::show => Access::Installation(Action::Configure),
    webhooks::put => Access::Installation(Action::Configure),
    webhooks::delete => Access::Installation(Action::Configure),
    webhooks::deliveries => Access::Installation(Action::Configure),
    webhooks::redeliver => Access::Installation(Action::Configure),
    dead_letters::list => Access::Installation(Action::Configure),
    dead_letters::redrive => Access::Installation(Action::Configure),
    audit::list => Access::Installation(Action::Audit),
    audit::chains => Access::Installation(Action::Audit),
    audit::chain => Access::Installation(Action::Audit),
    stacks::list => Access::Callers,
    stacks::create => Access::NewStack,
    stacks::show => Access::Stack(Action::List),
    stacks::update => Access::Stack(Action::RequestUpdate),
    stacks::destroy => Access::Stack(Action::RequestDestroy),
    stacks::transfer => Access::Stack(Action::Operate),
    stacks::preview => Access::Stack(Action::RequestPreview),
    stacks::drift => Access::Stack(Action::Operate),
    service_logs::read => Access::Stack(Action::ReadLogs),
    tasks::run => Access::Stack(Action::RequestTask),
    releases::roll_back => Access::Rollback,
    releases::list => Access::Stack(Action::Read),
    releases::create => Access::Stack(Action::RequestRelease),
    releases::show => Access::Stack(Action::Read),
    notifications::follow => Access::Callers,
    operations::list => Access::Stack(Action::Read),
    operations::list_by_status => Access::Callers,
    operations::show => Access::Operation(Action::Read),
    plans::show => Access::Operation(Action::Read),
    sheets::show => Access::Operation(Action::Read),
    operations::approve => Access::Operation(Action::Approve),
    operations::reject => Access::Operation(Action::Reject),
    operations::cancel => Access::Operation(Action::Operate),
    rollouts::continue_release => Access::Operation(Action::Operate),
    rollouts::roll_back => Access::Operation(Action::Operate),
    logs::read => Access::Operation(Action::Read),
    policies::list => Access::Installation(Action::Read),
    policies::import => Access::Installation(Action::Configure),
    policies::test => Access::Installation(Action::Read),
    policies::show => Access::Installation(Action::Read),
    policies::put => Access::Installation(Action::Configure),
    policies::delete => Access::Installation(Action::Configure),
    permissions::can_i => Access::Callers,
    permissions::list => Access::Callers,
    service::health => Access::Open,
    service::caller => Access::Callers,
    service::document => Access::Open,
    schemas::show => Access::Open,
    explorer::show => Access::Open,
];

/// The router with a handler where its part of the document says that it is, behind the decision about its requests.
fn served<P: Path, H: Handler<T, Api>, T: 'static>(
    router: Router<Api>,
    handler: &H,
    api: &Api,
    access: Access,
) -> Router<Api> {
    let handler = Served {
        access,
        handler: handler.clone(),
    };
    let methods = P::methods().into_iter();
    let methods = methods.fold(MethodRouter::new(), |router, method| {
        router.on_service(method.to_method_filter(), handler.clone().with_state(api.clone()))
    });
    router.route(&P::path(), methods)
}

/// The router with a handler that is not in the document and open to everyone: of a file, which `GET` reads.
fn file<H: Handler<T, Api>, T: 'static>(router: Router<Api>, path: &str, handler: H, api: &Api) -> Router<Api> {
    let handler = open(handler).with_state(api.clone());
    router.route(path, MethodRouter::new().on_service(MethodFilter::GET, handler))
}

/// A handler that is open to everyone.
fn open<H>(handler: H) -> Served<H> {
    let access = Access::Open;
    Served { access, handler }
}

async fn not_found(request: Request) -> Error {
    let (paths, typed) = (paths(), request.uri().path());
    let nearest = nearest::nearest(typed, paths.keys().map(String::as_str));
    let suggestion = if nearest.is_empty() {
        String::new()
    } else {
        format!(" Did you mean {}?", nearest.join(" or "))
    };
    let path = crate::body::shortened(typed);
    Error::NotFound(format!(
        "There is no path {path}.{suggestion} GET /openapi.json lists every path."
    ))
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
