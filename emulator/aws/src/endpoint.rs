//! The one port that answers for all of AWS.
//!
//! ```text
//!            ┌───────┐   X-Amz-Target: Logs_20140328.GetLogEvents   ┌──────────────┐
//!  request ─►│ guard ├─┬────────────────────────────────────────────►│ JSON service │
//!            └───────┘ │   no target, signed for scheduler            └──────────────┘
//!                      ├────────────────────────────────────────────► REST service
//!                      │   no target, signed for rds                 ┌───────────────┐
//!                      ├────────────────────────────────────────────►│ Query service │
//!                      │   no target, signed for s3                  └───────────────┘
//!                      └────────────────────────────────────────────► S3
//! ```

mod guard;
mod query;
mod rest;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use self::guard::is_simple_content_type;
pub use self::guard::{Guard, Token};
use self::query::QueryService;
use self::rest::RestHandler;
use crate::limits::Throttle;
use crate::s3::S3;
use crate::wire::{Answer, AwsError, Call, JsonProtocol, NOT_SIGNED, RestCall, request_id};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// The largest body of a service other than S3: DynamoDB's. The others check their own, smaller limits.
const LARGEST_JSON: usize = 16 * 1024 * 1024;

struct JsonService {
    protocol: JsonProtocol,
    call: Call,
}

/// The services behind the port.
pub struct Endpoint {
    s3: S3,
    /// By the part of `X-Amz-Target` before the dot.
    json: HashMap<&'static str, JsonService>,
    /// By the name that requests are signed for.
    rest: HashMap<&'static str, RestHandler>,
    /// The same.
    query: HashMap<&'static str, QueryService>,
    throttle: Throttle,
    advice: &'static str,
}

impl Endpoint {
    /// An endpoint with S3 alone.
    pub fn new(s3: S3) -> Self {
        Self {
            s3,
            json: HashMap::new(),
            rest: HashMap::new(),
            query: HashMap::new(),
            throttle: Throttle::default(),
            advice: "",
        }
    }

    /// Limits the JSON services.
    #[must_use]
    pub fn throttled(mut self, throttle: Throttle) -> Self {
        self.throttle = throttle;
        self
    }

    /// Adds advice to the error of requests without a signature.
    #[must_use]
    pub fn advise(mut self, advice: &'static str) -> Self {
        self.advice = advice;
        self
    }

    /// Adds a JSON service: `endpoint.json("Logs_20140328", JsonProtocol::V1_1, move |action, body| ...)`.
    #[must_use]
    pub fn json<F>(mut self, target: &'static str, protocol: JsonProtocol, call: F) -> Self
    where
        F: Fn(String, Value) -> Answer + Send + Sync + 'static,
    {
        let call: Call = Arc::new(call);
        self.json.insert(target, JsonService { protocol, call });
        self
    }

    /// Adds a REST service: `endpoint.rest("scheduler", move |call| ...)`.
    #[must_use]
    pub fn rest<F>(mut self, signed_for: &'static str, call: F) -> Self
    where
        F: Fn(RestCall) -> Answer + Send + Sync + 'static,
    {
        self.rest.insert(signed_for, Arc::new(call));
        self
    }

    /// Adds a Query service by the version of its API and the namespace of its XML:
    /// `endpoint.query("rds", VERSION, NAMESPACE, move |action, parameters| ...)`.
    #[must_use]
    pub fn query<F>(mut self, signed_for: &'static str, version: &'static str, namespace: &'static str, call: F) -> Self
    where
        F: Fn(String, Map<String, Value>) -> Answer + Send + Sync + 'static,
    {
        let call = Arc::new(call);
        let service = QueryService {
            version,
            namespace,
            call,
        };
        self.query.insert(signed_for, service);
        self
    }

    /// The router to serve, which belongs behind a [`Guard`].
    pub fn router(self) -> Router {
        Router::new().fallback(dispatch).with_state(Arc::new(self))
    }
}

async fn dispatch(State(endpoint): State<Arc<Endpoint>>, request: Request<Body>) -> Response {
    let target = request.headers().get(TARGET).map(|target| {
        let target = target.to_str().unwrap_or_default();
        let (service, action) = target.split_once('.').unwrap_or((target, ""));
        (service.to_owned(), action.to_owned())
    });
    // `scripts/cost_per_operation.py` counts these.
    if let Some((service, action)) = &target {
        tracing::debug!("request {service} {action}");
    } else {
        let service = signed_for(request.headers()).unwrap_or_else(|| "s3".to_owned());
        tracing::debug!("request {service} {} {}", request.method(), request.uri().path());
    }
    match target {
        Some((service, action)) => match endpoint.json.get(service.as_str()) {
            Some(service) => {
                let outcome = match endpoint.throttle.admit(&action) {
                    Ok(()) => call(service, endpoint.advice, action, request).await,
                    Err(refused) => Err(refused),
                };
                service.protocol.respond(outcome)
            }
            None => JsonProtocol::V1_1.respond(Err(AwsError::unknown_operation(&format!("{service}.{action}")))),
        },
        None => match signed_for(request.headers()) {
            // A page cannot sign: the header would need the leave of the browser, which asks and is refused.
            Some(service) if service != "s3" => {
                match (
                    endpoint.rest.get(service.as_str()),
                    endpoint.query.get(service.as_str()),
                ) {
                    (Some(handler), _) => rest::answer(handler, request).await,
                    (None, Some(service)) => query::answer(service, request).await,
                    (None, None) => unknown_service(&service),
                }
            }
            // An unsigned request is refused by S3, and a presigned one is S3's.
            _ => endpoint.s3.serve(request, endpoint.advice).await,
        },
    }
}

async fn call(service: &JsonService, advice: &str, action: String, request: Request<Body>) -> Result<Value, AwsError> {
    if is_simple_content_type(request.headers()) {
        return Err(AwsError::new(
            "SerializationException",
            format!(
                "The Content-Type of a request to this service is {}.",
                service.protocol.content_type()
            ),
        )
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    if signed_for(request.headers()).is_none() {
        return Err(AwsError::new(
            "MissingAuthenticationTokenException",
            format!("{NOT_SIGNED} {advice}"),
        ));
    }
    let body = body(request).await?;
    let body = if body.is_empty() { b"{}" } else { body.as_ref() };
    let body: Value =
        serde_json::from_slice(body).map_err(|error| AwsError::new("SerializationException", error.to_string()))?;
    (service.call)(action, body).await
}

/// The whole body of a request.
async fn body(request: Request<Body>) -> Result<Bytes, AwsError> {
    let body = Limited::new(request.into_body(), LARGEST_JSON).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            AwsError::new("RequestEntityTooLargeException", "The request is larger than 16 MB.")
                .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        } else {
            AwsError::new("SerializationException", "The request ended early.")
        }
    })?;
    Ok(body.to_bytes())
}

/// The service in the credential scope of a signature: `Credential=KEY/20261121/us-east-1/s3/aws4_request`.
fn signed_for(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    let scope = credential.split([',', ' ']).next()?;
    // From the end, for an access key may hold a slash; SigV4A has no region.
    let mut parts = scope.rsplit('/');
    (parts.next()? == "aws4_request").then_some(())?;
    parts.next().map(str::to_owned)
}

/// The services that are asked without a target speak XML or REST; SDKs find the code in the header at least.
fn unknown_service(service: &str) -> Response {
    let error = AwsError::unknown_operation(service);
    let message = format!("The service `{service}` is not supported by this emulator.");
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{}</RequestId></ErrorResponse>",
        error.code,
        escaped(&message),
        request_id()
    );
    let headers = [
        (CONTENT_TYPE, "text/xml".to_owned()),
        (HeaderName::from_static("x-amzn-errortype"), error.code.into_owned()),
    ];
    (StatusCode::BAD_REQUEST, headers, body).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
