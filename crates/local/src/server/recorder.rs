//! Writes down what is called, in a run that records it (see [`slipway_recording`]).

use axum::Router;
use axum::body::Body;
use axum::middleware::map_request;
use bytes::Bytes;
use futures::stream;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use slipway_recording::{Call, Recording, recording, signature};

const TARGET: &str = "x-amz-target";

/// Larger bodies are left out of the record: they are documents of users, not names of resources.
const LARGEST: usize = 1024 * 1024;

/// The router, with a record of its requests if this run keeps one.
pub(super) fn around(router: Router) -> Router {
    match recording() {
        Some(recording) => router.layer(map_request(move |request| record(recording, request))),
        None => router,
    }
}

/// Records a request that is signed, under its access key: functions and builds sign with their logical ids.
async fn record(recording: &Recording, request: Request<Body>) -> Request<Body> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header(AUTHORIZATION.as_str()).unwrap_or_default();
    let Some((key, service)) = signature(authorization) else {
        return Request::from_parts(parts, body);
    };
    let length = header(CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    // S3's bodies are objects.
    let is_small = service != "s3" && length.is_some_and(|length: usize| length <= LARGEST);
    let (bytes, body) = if is_small {
        match axum::body::to_bytes(body, LARGEST).await {
            Ok(bytes) => (bytes.clone(), Body::from(bytes)),
            Err(error) => (Bytes::new(), Body::from_stream(stream::iter([Err::<Bytes, _>(error)]))),
        }
    } else {
        (Bytes::new(), body)
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    recording.write(&Call::new(
        key,
        authorization,
        header(TARGET),
        parts.method.as_str(),
        path,
        &bytes,
    ));
    Request::from_parts(parts, body)
}
