//! A web page that the user of this machine opens cannot drive local mode.
//!
//! A page may send a request to loopback with a foreign `Origin`, with a body that a form could send, or under a foreign
//! `Host` that was made to resolve to loopback. Each of these is refused on both ports, and nothing comes of it.

use crate::support::Server;
use reqwest::{Method, StatusCode};
use serde_json::json;

const THREE: &str = "output \"slipway\" { value = {} }";

#[tokio::test]
async fn what_a_page_could_send_is_refused_by_the_api() {
    let server = Server::start();
    server.publish("three", "1.0.0", THREE).await;
    let body = json!({ "name": "forged", "blueprint": "three", "environment": "local" }).to_string();
    let json_type = ("content-type", "application/json");
    for (headers, status) in [
        ([json_type, ("host", "evil.example")], StatusCode::FORBIDDEN),
        ([json_type, ("host", "evil.example:4700")], StatusCode::FORBIDDEN),
        ([json_type, ("origin", "https://evil.example")], StatusCode::FORBIDDEN),
        ([json_type, ("origin", "null")], StatusCode::FORBIDDEN),
        (
            [("content-type", "text/plain"), ("accept", "*/*")],
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            [("content-type", "application/x-www-form-urlencoded"), ("accept", "*/*")],
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        let answer = server
            .request(Method::POST, "/v1/stacks", &headers, Some(body.clone()))
            .await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text);
    }
    let read = server
        .request(Method::GET, "/v1/stacks", &[("origin", "https://evil.example")], None)
        .await;
    assert_eq!(read.status, StatusCode::FORBIDDEN);
    assert!(read.headers.get("access-control-allow-origin").is_none());
    assert_eq!(server.get("/v1/stacks").await["items"], json!([]), "nothing was made");
}

#[tokio::test]
async fn what_a_page_could_send_is_refused_by_the_local_aws() {
    let server = Server::start();
    let target = ("x-amz-target", "AWSStepFunctions.ListStateMachines");
    let right = ("content-type", "application/x-amz-json-1.0");
    let signed = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/states/aws4_request",
    );
    let http = reqwest::Client::new();
    for headers in [
        vec![target, right, signed, ("host", "evil.example")],
        vec![target, right, signed, ("origin", "https://evil.example")],
        vec![target, signed, ("content-type", "text/plain")],
        vec![target, right],
        // S3 without a signature, as a form or an image could request.
        vec![],
    ] {
        let mut request = http.post(&server.aws).body("{}");
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_client_error(), "{headers:?}: {}", answer.status());
    }
    server.aws("AWSStepFunctions.ListStateMachines", &json!({})).await;
}
