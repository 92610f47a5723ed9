//! Between HTTP and the S3 service: who may ask, and what a body looks like.
//!
//! Any credentials are accepted, for every process that reaches loopback can read the data folder too. But a request must be
//! signed or presigned: a web page cannot make a browser send such a request, and so cannot drive S3. Signatures
//! are not verified, because the secret key is known to the client alone. So the signing parts are taken off here,
//! and the service behind sees a plain request.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use s3s::host::{S3Host, VirtualHost};
use s3s::{S3Error, S3Result, s3_error};

use super::checksums::{Algorithm, Checksums};
use super::chunked::{Trailers, decode};
use crate::wire::NOT_SIGNED;

const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");

/// What the request says about its body, for the operations that store one.
#[derive(Clone, Default)]
pub(super) struct Payload {
    /// `x-amz-content-sha256`, when it is a digest.
    pub(super) sha256_hex: Option<String>,
    /// The checksums that the trailers are going to have.
    pub(super) announced: Vec<Algorithm>,
    trailers: Trailers,
}

impl Payload {
    /// The checksums in the trailers, when the body has been read.
    pub(super) fn trailing_checksums(&self) -> Checksums {
        let found = self.announced.iter().filter_map(|algorithm| {
            let name = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
            self.trailers.get(&name).map(|value| (*algorithm, value))
        });
        found.collect()
    }
}

/// Answers one request.
pub(super) async fn serve(service: &s3s::service::S3Service, request: Request<Body>, advice: &str) -> Response {
    let request = match prepare(request, advice) {
        Ok(request) => request,
        Err(error) => return refuse(error),
    };
    match service.call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(error = ?error, "S3 could not answer");
            http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn refuse(error: S3Error) -> Response {
    match error.to_http_response() {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(%error, "an S3 error could not be written");
            http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn prepare(request: Request<Body>, advice: &str) -> S3Result<s3s::HttpRequest> {
    let (mut parts, body) = request.into_parts();
    authenticate(&parts.method, &parts.headers, &parts.uri, advice)?;
    parts.headers.remove(AUTHORIZATION);
    parts.uri = without_signature(&parts.uri)?;

    let content_sha256 = parts.headers.remove(CONTENT_SHA256);
    let content_sha256 = content_sha256
        .as_ref()
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut payload = Payload {
        announced: announced(&parts.headers),
        ..Payload::default()
    };
    let body = if content_sha256.starts_with("STREAMING-") {
        unchunk(&mut parts.headers)?;
        let stream = decode(body.into_data_stream(), payload.trailers.clone());
        s3s::Body::http_body_unsync(Body::from_stream(stream))
    } else {
        payload.sha256_hex = (content_sha256.len() == 64).then(|| content_sha256.to_owned());
        s3s::Body::http_body_unsync(body)
    };
    parts.extensions.insert(payload);
    Ok(Request::from_parts(parts, body))
}

fn authenticate(method: &Method, headers: &HeaderMap, uri: &Uri, advice: &str) -> S3Result<()> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if authorization.is_some_and(|value| value.starts_with("AWS4-") && value.contains("Credential=")) {
        return Ok(());
    }
    let query = uri.query().unwrap_or_default();
    if parameter(query, "X-Amz-Signature").is_none() {
        return Err(s3_error!(AccessDenied, "{NOT_SIGNED} {advice}"));
    }
    // The one method that changes something and that a page may send without asking the browser's leave.
    if *method == Method::POST {
        return Err(s3_error!(
            AccessDenied,
            "A POST is signed with a header, not with its URL."
        ));
    }
    let expires = parameter(query, "X-Amz-Date").zip(parameter(query, "X-Amz-Expires"));
    let expires = expires.and_then(|(date, seconds)| {
        let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
        let date = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        date.checked_add(SignedDuration::from_secs(seconds.parse().ok()?)).ok()
    });
    match expires {
        Some(expires) if Timestamp::now() <= expires => Ok(()),
        Some(_) => Err(s3_error!(AccessDenied, "Request has expired")),
        None => Err(s3_error!(
            AuthorizationQueryParametersError,
            "A presigned URL has X-Amz-Date and X-Amz-Expires."
        )),
    }
}

/// A query parameter of the signature. None of those that are read here holds an escaped character.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

fn without_signature(uri: &Uri) -> S3Result<Uri> {
    const SIGNING: [&str; 7] = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    ];
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !SIGNING.contains(&pair.split('=').next().unwrap_or_default()))
        .filter(|pair| !pair.is_empty())
        .collect();
    let path = uri.path();
    let text = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    };
    text.parse()
        .map_err(|error: http::uri::InvalidUri| s3_error!(error, InvalidURI))
}

fn announced(headers: &HeaderMap) -> Vec<Algorithm> {
    let names = headers.get_all(TRAILER).into_iter();
    names
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| Algorithm::parse(name.trim().strip_prefix("x-amz-checksum-")?))
        .collect()
}

/// The headers as they would be without `aws-chunked`.
fn unchunk(headers: &mut HeaderMap) -> S3Result<()> {
    let length = headers
        .remove(DECODED_LENGTH)
        .ok_or_else(|| s3_error!(MissingContentLength, "x-amz-decoded-content-length is missing."))?;
    headers.insert(CONTENT_LENGTH, length);
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|encoding| encoding.trim().to_owned())
        .filter(|encoding| !encoding.is_empty() && encoding != "aws-chunked")
        .collect();
    headers.remove(CONTENT_ENCODING);
    if let Ok(value) = HeaderValue::from_str(&encodings.join(","))
        && !encodings.is_empty()
    {
        headers.insert(CONTENT_ENCODING, value);
    }
    Ok(())
}

/// `bucket.localhost` and `bucket.s3.localhost` name a bucket; any other host is path style.
pub(super) struct LocalHost;

impl S3Host for LocalHost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let bucket = name
            .strip_suffix(".localhost")
            .map(|bucket| bucket.strip_suffix(".s3").unwrap_or(bucket))
            .filter(|bucket| *bucket != "s3");
        let virtual_host = VirtualHost::new("localhost");
        Ok(match bucket {
            Some(bucket) => virtual_host.with_bucket(bucket),
            None => virtual_host,
        })
    }
}
