//! The wire types that services share: calls and their errors, how they look in AWS's protocols, names and times.
//!
//! A JSON service is a struct with
//!
//! ```ignore
//! pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
//!     match action {
//!         "StartBuild" => wire::answer(&self.start_build(wire::input(body)?).await?),
//!         _ => Err(AwsError::unknown_operation(action)),
//!     }
//! }
//! ```
//!
//! and [`crate::endpoint`] does the rest.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::error::{DiskFull, chain};

/// The region that every local resource is in.
pub const REGION: &str = "us-east-1";
/// The account that owns every local resource.
pub const ACCOUNT: &str = "000000000000";

/// The error of a request without a signature. An endpoint adds its own advice ([`crate::endpoint::Endpoint::advise`]).
pub const NOT_SIGNED: &str =
    "This request is not signed. The emulator accepts any credentials and requires a signature (SigV4).";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The ARN of a local resource: `arn("states", "stateMachine:operation")`.
pub fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// A time as the JSON protocols carry it: seconds since 1970 as a number, milliseconds after the point.
pub fn epoch_seconds(time: Timestamp) -> Value {
    // A double holds milliseconds exactly enough for the next 200,000 years.
    #[allow(clippy::cast_precision_loss)]
    let seconds = time.as_millisecond() as f64 / 1000.0;
    json!(seconds)
}

/// An error as an AWS service answers it: a code that programs match, and a message for people.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsError {
    /// The exception's name, for example `ResourceNotFoundException`.
    pub code: Cow<'static, str>,
    /// The sentence for people.
    pub message: String,
    /// 400 for most exceptions, 500 for a failure of the service itself.
    pub status: StatusCode,
    /// Further members of the exception's structure.
    pub members: Vec<(String, Value)>,
    /// What the exception was called when the service still spoke XML, where that is another name: SDKs of such a
    /// service match this one.
    pub query_code: Option<&'static str>,
}

impl AwsError {
    /// A fault of the caller: status 400.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: StatusCode::BAD_REQUEST,
            members: Vec::new(),
            query_code: None,
        }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more member in its body.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.push((name.to_owned(), value.into()));
        self
    }

    /// The same error with the name that it had in XML.
    #[must_use]
    pub fn with_query_code(mut self, code: &'static str) -> Self {
        self.query_code = Some(code);
        self
    }

    /// A value in the request that the service does not accept.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// An action that the service does not have, or that the emulator does not support.
    pub fn unknown_operation(action: &str) -> Self {
        Self::new(
            "UnknownOperationException",
            format!("The operation {action} is not known to this service or is not supported by this emulator."),
        )
    }

    /// A failure of the service itself. The answer says no more than that; the log has the chain.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(error), "a service of the emulator failed");
        Self::new(
            "InternalFailure",
            "The request failed inside the emulator; its log has the reason.",
        )
        .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The error as the body of a JSON protocol.
    pub fn body(&self) -> Value {
        let mut body: Map<String, Value> = self.members.iter().cloned().collect();
        body.insert("__type".to_owned(), Value::from(self.code.as_ref()));
        // Some services say `message`, some `Message`; every SDK reads both, and the CLI reads this one.
        body.insert("message".to_owned(), Value::from(self.message.as_str()));
        Value::Object(body)
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

impl From<DiskFull> for AwsError {
    fn from(full: DiskFull) -> Self {
        Self {
            message: full.to_string(),
            ..Self::internal(&full)
        }
    }
}

/// What a call of a service answers, some time.
pub type Answer = BoxFuture<'static, Result<Value, AwsError>>;

/// A service as its callers in this process see it: action and body.
pub type Call = Arc<dyn Fn(String, Value) -> Answer + Send + Sync>;

/// A request of the protocol `restJson1`, taken apart.
#[derive(Debug)]
pub struct RestCall {
    pub method: Method,
    /// `/schedules/hourly`, decoded.
    pub path: String,
    pub headers: HeaderMap,
    /// What follows the `?`, decoded.
    pub query: Vec<(String, String)>,
    /// The body; an empty object when there is none.
    pub body: Value,
}

impl RestCall {
    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        query.find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Rejects the parameters that the action does not have.
    pub fn refuse_others(&self, known: &[&str]) -> Result<(), AwsError> {
        match self.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(AwsError::validation(format!("The parameter {name} is not known."))),
        }
    }
}

/// Which of the two JSON protocols a service speaks; they differ in the content type alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonProtocol {
    /// `application/x-amz-json-1.0`: DynamoDB, Step Functions and SQS.
    V1_0,
    /// `application/x-amz-json-1.1`: CodeBuild, ECS, EventBridge and CloudWatch Logs.
    V1_1,
}

impl JsonProtocol {
    /// The content type of requests and answers.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::V1_0 => "application/x-amz-json-1.0",
            Self::V1_1 => "application/x-amz-json-1.1",
        }
    }

    /// The answer to a call.
    pub fn respond(self, outcome: Result<Value, AwsError>) -> Response {
        match outcome {
            Ok(body) => self.response(StatusCode::OK, HeaderMap::new(), &body),
            Err(error) => {
                let mut headers = HeaderMap::new();
                if let Ok(code) = HeaderValue::from_str(&error.code) {
                    headers.insert(ERROR_TYPE, code);
                }
                let query_code = error
                    .query_code
                    .map(|code| HeaderValue::from_str(&format!("{code};Sender")));
                if let Some(Ok(code)) = query_code {
                    headers.insert(QUERY_ERROR, code);
                }
                self.response(error.status, headers, &error.body())
            }
        }
    }

    fn response(self, status: StatusCode, mut headers: HeaderMap, body: &Value) -> Response {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        if let Ok(id) = HeaderValue::from_str(&request_id()) {
            headers.insert(REQUEST_ID, id);
        }
        (status, headers, Body::from(body.to_string())).into_response()
    }
}

/// The request's body as the action's input. A body of the wrong shape is AWS's `SerializationException`.
pub fn input<T: DeserializeOwned>(body: Value) -> Result<T, AwsError> {
    serde_json::from_value(body).map_err(|error| AwsError::new("SerializationException", error.to_string()))
}

/// The action's output as the answer's body.
pub fn answer<T: Serialize>(output: &T) -> Result<Value, AwsError> {
    serde_json::to_value(output).map_err(|error| AwsError::internal(&error))
}

/// A new request id: 128 random bits in the form of a UUID.
pub fn request_id() -> String {
    let bits: u128 = rand::random();
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        (bits >> 96) & 0xffff_ffff,
        (bits >> 80) & 0xffff,
        (bits >> 64) & 0xfff,
        (bits >> 48) & 0xfff,
        bits & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_name_where_sdks_read_it() {
        let error = AwsError::new("ResourceNotFoundException", "There is no log group `x`.").with_member("arn", "a");
        assert_eq!(
            error.body(),
            json!({"__type": "ResourceNotFoundException", "message": "There is no log group `x`.", "arn": "a"})
        );
        let response = JsonProtocol::V1_1.respond(Err(error));
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/x-amz-json-1.1");
        assert_eq!(response.headers()["x-amzn-errortype"], "ResourceNotFoundException");
        assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
    }

    #[test]
    fn a_body_of_the_wrong_shape_is_a_serialization_error() {
        let error = input::<Vec<String>>(json!({"a": 1})).expect_err("an object is no list");
        assert_eq!(error.code, "SerializationException");
    }

    #[test]
    fn times_keep_their_milliseconds() {
        let time = Timestamp::from_millisecond(1_700_000_000_123).expect("in range");
        assert_eq!(epoch_seconds(time), json!(1_700_000_000.123));
    }
}
