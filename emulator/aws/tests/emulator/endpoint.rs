//! The one port: who may ask, and who answers.

use crate::support::{self, Server};
use aws_emulator::endpoint::Endpoint;
use aws_emulator::ledger::Ledger;
use aws_emulator::logs::Logs;
use aws_emulator::wire::JsonProtocol;
use http::Request;
use serde_json::{Value, json};

const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=0";

async fn server() -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
    let logs = Logs::new(ledger);
    let endpoint =
        Endpoint::new(support::open_s3(folder.path()))
            .advise("Sign it.")
            .json("Logs_20140328", JsonProtocol::V1_1, {
                move |action, body| {
                    let logs = logs.clone();
                    Box::pin(async move { logs.call(&action, body).await })
                }
            });
    Server::start(folder, endpoint).await
}

/// A call that is as it should be, but for `change`.
async fn call(server: &Server, change: impl FnOnce(&mut Request<String>)) -> (u16, Value) {
    let mut request = Request::post(server.url())
        .header("host", server.address.to_string())
        .header("authorization", SIGNED)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "Logs_20140328.DescribeLogGroups")
        .body("{}".to_owned())
        .expect("a request");
    change(&mut request);
    let (status, body) = support::http(request).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn set(name: &'static str, value: &str) -> impl FnOnce(&mut Request<String>) {
    let value = value.parse().expect("a header's value");
    move |request| {
        request.headers_mut().insert(name, value);
    }
}

#[tokio::test]
async fn a_program_is_answered_and_a_page_is_not() {
    let server = server().await;
    assert_eq!(call(&server, |_| {}).await, (200, json!({"logGroups": []})));
    let local_name = format!("localhost:{}", server.address.port());
    assert_eq!(call(&server, set("host", &local_name)).await.0, 200);

    let rebound = format!("evil.example:{}", server.address.port());
    for (name, value) in [
        ("host", rebound.as_str()),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ] {
        let (status, body) = call(&server, set(name, value)).await;
        assert_eq!((status, &body["status"]), (403, &json!(403)));
        assert!(
            body["detail"].as_str().is_some_and(|detail| detail.contains(value)),
            "{body}"
        );
    }
    for value in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        assert_eq!(call(&server, set("content-type", value)).await.0, 415);
    }
    let (status, body) = call(&server, |request| {
        request.headers_mut().remove("authorization");
    })
    .await;
    assert_eq!(
        (status, &body["__type"]),
        (400, &json!("MissingAuthenticationTokenException"))
    );
    let message = body["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("requires a signature") && message.ends_with("Sign it."),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_the_words_of_aws() {
    let server = server().await;
    let targets = [
        "Logs_20140328.DropEverything",
        "Logs_20140328",
        "Kinesis_20131202.ListStreams",
        "",
    ];
    for target in targets {
        let (status, body) = call(&server, set("x-amz-target", target)).await;
        assert_eq!(
            (status, &body["__type"]),
            (400, &json!("UnknownOperationException")),
            "{target}"
        );
    }
    let (status, body) = call(&server, |request| {
        request.headers_mut().remove("x-amz-target");
        let signed = SIGNED.replace("/logs/", "/sts/").parse().expect("a header's value");
        request.headers_mut().insert("authorization", signed);
    })
    .await;
    assert_eq!(status, 400);
    assert!(
        body.as_str()
            .is_some_and(|body| body.contains("`sts` is not supported")),
        "{body}"
    );
}

#[tokio::test]
async fn a_body_that_is_not_json_or_too_large_is_refused() {
    let server = server().await;
    for text in ["{", "[1]", "nonsense"] {
        let (status, body) = call(&server, |request| *request.body_mut() = text.to_owned()).await;
        assert_eq!(
            (status, &body["__type"]),
            (400, &json!("SerializationException")),
            "{text}"
        );
    }
    let (status, body) = call(&server, |request| *request.body_mut() = " ".repeat(17 * 1024 * 1024)).await;
    assert_eq!(
        (status, &body["__type"]),
        (413, &json!("RequestEntityTooLargeException"))
    );
}
