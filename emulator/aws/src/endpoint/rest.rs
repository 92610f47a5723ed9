//! Services that are asked by method and path, with JSON (AWS's `restJson1`).

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{Request, StatusCode};

use super::body;
use crate::wire::{Answer, AwsError, RestCall, request_id};

/// Answers a request.
pub(super) type RestHandler = Arc<dyn Fn(RestCall) -> Answer + Send + Sync>;

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
