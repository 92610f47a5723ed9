//! Events of API Gateway (HTTP API, payload format 2.0) as requests to the router.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Uri;
use axum::http::header::AUTHORIZATION;
use axum::http::uri::PathAndQuery;
use axum::response::Response;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use lambda_http::tower::{Service, ServiceExt, service_fn};
use lambda_http::{Request, RequestExt};

use crate::identity::{self, Callers};

/// Serves the router to `lambda_http`. `callers` are those of [`crate::Config`].
pub fn service(
    callers: Callers,
    router: Router,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    let callers = Arc::new(callers);
    service_fn(move |request: Request| router.clone().oneshot(translated(request, &callers)))
}

/// The request as the router expects it: without the stage in its path, and with its caller.
fn translated(request: Request, callers: &Callers) -> axum::http::Request<Body> {
    let context = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => Some(context.clone()),
        _ => None,
    };
    let (mut parts, body) = request.into_parts();
    if let Some(context) = context {
        strip_stage(&mut parts.uri, &context);
        let token = parts.headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
        let caller = context
            .authorizer
            .and_then(|authorizer| identity::caller(&authorizer, token, callers));
        if let Some(caller) = caller {
            parts.extensions.insert(caller);
        }
    }
    axum::http::Request::from_parts(parts, Body::from(body.to_vec()))
}

/// `lambda_http` puts the name of a stage before the path, so that links work; ours are relative to the API.
fn strip_stage(uri: &mut Uri, context: &ApiGatewayV2httpRequestContext) {
    let Some(stage) = context.stage.as_deref().filter(|stage| *stage != "$default") else {
        return;
    };
    let stripped = uri.path_and_query().and_then(|path| {
        let rest = path.as_str().strip_prefix('/')?.strip_prefix(stage)?;
        if rest.starts_with('/') {
            rest.parse::<PathAndQuery>().ok()
        } else {
            format!("/{rest}").parse().ok()
        }
    });
    if let Some(path) = stripped {
        *uri = Uri::from(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_not_part_of_the_path() {
        let mut context = ApiGatewayV2httpRequestContext::default();
        for (stage, path, expected) in [
            (None, "https://x/v1/stacks?limit=1", "https://x/v1/stacks?limit=1"),
            (Some("$default"), "/v1/stacks", "/v1/stacks"),
            (Some("live"), "https://x/live/v1/stacks?limit=1", "/v1/stacks?limit=1"),
            (Some("live"), "/live", "/"),
        ] {
            context.stage = stage.map(ToOwned::to_owned);
            let mut uri: Uri = path.parse().expect("a URI");
            strip_stage(&mut uri, &context);
            assert_eq!(uri.to_string(), expected);
        }
    }
}
