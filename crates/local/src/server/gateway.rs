//! What API Gateway and Lambda do around the API's function: the size of its event and its answer, and the concurrency of the account.

use aws_emulator::endpoint::Guard;
use aws_emulator::functions::Functions;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use slipway_api::Caller;

/// The largest body of a request to an HTTP API:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>.
const LARGEST_REQUEST: usize = 10 * 1024 * 1024;

/// The largest event of a function that is waited for, and its largest answer: 6 MB each, and 100 bytes more for the answer.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_EVENT: usize = 6 * 1024 * 1024;
const LARGEST_ANSWER: usize = LARGEST_EVENT + 100;

pub(super) fn api_router(api: Router, functions: Functions, guard: Guard) -> Router {
    // Who can reach loopback and the data folder is the user of this machine.
    let caller = Caller::named(os_user(), true);
    let api = api
        .layer(Extension(caller))
        .layer(from_fn_with_state(functions, around));
    guard.around(api)
}

fn os_user() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

/// Passes a request on as API Gateway would, and refuses what it or Lambda refuse.
async fn around(State(functions): State<Functions>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
        let answer = refused(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Request Entity Too Large");
        // The rest of the body is not read: the client must not take it for read, nor send its next request after it.
        return ([(CONNECTION, "close")], answer).into_response();
    };
    if event_size(&parts.uri, &parts.headers, &body) > LARGEST_EVENT {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Request Entity Too Large");
    }
    // Lambda answers 429 to API Gateway, which hides it from the caller.
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
    let Ok(_execution) = functions.execute() else {
        let answer = refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Service Unavailable");
        return ([(RETRY_AFTER, "1")], answer).into_response();
    };
    let (answer, body) = next
        .run(Request::from_parts(parts, Body::from(body)))
        .await
        .into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if answer_size(&answer.headers, &body) > LARGEST_ANSWER {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal Server Error");
    }
    Response::from_parts(answer, Body::from(body))
}

/// An answer of API Gateway's own, with its `message`, as a problem of the API.
fn refused(status: StatusCode, kind: &str, message: &str) -> Response {
    let problem = json!({
        "type": format!("urn:slipway:problem:{kind}"),
        "title": message,
        "status": status.as_u16(),
        "detail": message,
        "errors": [],
        "message": message,
    });
    let headers = [(CONTENT_TYPE, "application/problem+json")];
    (status, headers, problem.to_string()).into_response()
}

/// The bytes of the event that the function would get (payload format 2.0), in which the body is a string, its quotes escaped.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn event_size(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> usize {
    let (body, encoded) = text(body, headers);
    let headers = as_json(headers);
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": aws_emulator::wire::ACCOUNT,
            "apiId": "0123456789",
            "authorizer": {"iam": {"userArn": "arn:aws:sts::000000000000:assumed-role/role/session"}},
            "domainName": "0123456789.execute-api.us-east-1.amazonaws.com",
            "http": {"method": "PUT", "path": uri.path(), "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
            "requestId": aws_emulator::wire::request_id(),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": 0,
        },
        "body": body,
        "isBase64Encoded": encoded,
    });
    event.to_string().len()
}

/// The bytes of the answer that the function gives to Lambda.
fn answer_size(headers: &HeaderMap, body: &[u8]) -> usize {
    let (body, encoded) = text(body, headers);
    let answer = json!({"statusCode": 200, "headers": as_json(headers), "body": body, "isBase64Encoded": encoded, "cookies": []});
    answer.to_string().len()
}

/// A body as JSON carries it: a text as it is, anything else in Base64.
fn text(body: &[u8], headers: &HeaderMap) -> (String, bool) {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    match std::str::from_utf8(body) {
        Ok(text) if kind.starts_with("text/") || kind.contains("json") || body.is_empty() => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

fn as_json(headers: &HeaderMap) -> Map<String, Value> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (
            name.to_string(),
            Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        )
    };
    headers.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::Method;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(functions: &Functions, body: Vec<u8>, answer: String) -> StatusCode {
        response(functions, body, answer).await.status()
    }

    async fn response(functions: &Functions, body: Vec<u8>, answer: String) -> Response {
        let router = Router::new()
            .fallback(any(async move || {
                ([(CONTENT_TYPE, "application/json")], answer.clone())
            }))
            .layer(from_fn_with_state(functions.clone(), around));
        let request = Request::builder()
            .method(Method::PUT)
            .uri("/v1/blueprints/x/versions/1.0.0");
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .expect("a request");
        router.oneshot(request).await.expect("an answer")
    }

    #[tokio::test]
    async fn early_answers_are_problems_of_the_api() {
        let functions = Functions::new(Some(1));
        let too_large = response(&functions, vec![b'a'; LARGEST_REQUEST + 1], String::new()).await;
        assert_eq!(too_large.headers()[CONNECTION], "close");
        let held = functions.execute().expect("the only one");
        let busy = response(&functions, Vec::new(), String::new()).await;
        assert_eq!(busy.headers()[RETRY_AFTER], "1");
        drop(held);
        for (answer, status, kind) in [(too_large, 413, "too-large"), (busy, 503, "unavailable")] {
            assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
            let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
            let problem: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(problem["status"], status);
            assert_eq!(problem["type"], format!("urn:slipway:problem:{kind}"));
        }
    }

    #[tokio::test]
    async fn sizes_count_as_lambda_receives_them() {
        let functions = Functions::default();
        let quotes = |count| "\"".repeat(count).into_bytes();
        for (body, expected) in [
            (vec![b'a'; 6_200_000], StatusCode::OK),
            (vec![b'a'; LARGEST_EVENT], StatusCode::PAYLOAD_TOO_LARGE),
            // A quote is two bytes in the event.
            (quotes(3_100_000), StatusCode::OK),
            (quotes(3_200_000), StatusCode::PAYLOAD_TOO_LARGE),
            (vec![b'a'; LARGEST_REQUEST + 1], StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            assert_eq!(status(&functions, body, "{}".to_owned()).await, expected);
        }
        for (answer, expected) in [
            ("a".repeat(6_200_000), StatusCode::OK),
            ("\"".repeat(3_200_000), StatusCode::INTERNAL_SERVER_ERROR),
        ] {
            assert_eq!(status(&functions, Vec::new(), answer).await, expected);
        }
    }

    #[tokio::test]
    async fn requests_beyond_the_concurrency_get_503() {
        let functions = Functions::new(Some(1));
        let held = functions.execute().expect("the only one");
        let answer = "{}".to_owned();
        assert_eq!(
            status(&functions, Vec::new(), answer.clone()).await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        drop(held);
        assert_eq!(status(&functions, Vec::new(), answer).await, StatusCode::OK);
    }
}
