//! Services that are asked by method and path, with JSON (AWS's `restJson1`).

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

use super::body;
use crate::wire::{AwsError, request_id};

/// Answers a request.
pub(super) type RestHandler = Arc<dyn Fn(RestCall) -> BoxFuture<'static, Result<Value, AwsError>> + Send + Sync>;

/// A request, taken apart.
#[derive(Debug)]
pub struct RestCall {
    /// `GET`.
    pub method: Method,
    /// `/schedules/hourly`, decoded.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// What stands after the `?`, decoded.
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

    /// Refuses what the action does not know.
    pub fn refuse_others(&self, known: &[&str]) -> Result<(), AwsError> {
        match self.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(AwsError::validation(format!("The parameter {name} is not known."))),
        }
    }
}

pub(super) async fn answer(handler: &RestHandler, request: Request<Body>) -> Response {
    let outcome = match read(request).await {
        Ok(call) => handler(call).await,
        Err(error) => Err(error),
    };
    let json = (CONTENT_TYPE, "application/json".to_owned());
    let id = (HeaderName::from_static("x-amzn-requestid"), request_id());
    match outcome {
        Ok(answer) => (StatusCode::OK, [json, id], answer.to_string()).into_response(),
        Err(error) => {
            let code = (
                HeaderName::from_static("x-amzn-errortype"),
                error.code.clone().into_owned(),
            );
            (error.status, [json, id, code], error.body().to_string()).into_response()
        }
    }
}

async fn read(request: Request<Body>) -> Result<RestCall, AwsError> {
    let (method, uri, headers) = (
        request.method().clone(),
        request.uri().clone(),
        request.headers().clone(),
    );
    let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8();
    let path = path.map_err(|_| AwsError::validation("The path is not UTF-8."))?;
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let bytes = body(request).await?;
    let bytes = if bytes.is_empty() { b"{}" } else { bytes.as_ref() };
    Ok(RestCall {
        method,
        path: path.into_owned(),
        headers,
        query: query.into_owned().collect(),
        body: serde_json::from_slice(bytes).map_err(|error| AwsError::validation(error.to_string()))?,
    })
}
