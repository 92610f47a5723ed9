use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn answer(status: StatusCode, text: &str) -> Answer {
    Answer {
        status,
        retry_after: None,
        text: text.to_owned(),
    }
}

#[test]
fn a_query_carries_any_text() {
    let query = [("owner", "ann & bob".to_owned()), ("cursor", "a+b/c=".to_owned())];
    assert_eq!(
        with_query("/v1/stacks", &query),
        "/v1/stacks?owner=ann%20%26%20bob&cursor=a%2Bb%2Fc%3D"
    );
}

#[test]
fn a_problem_names_its_fields() {
    let text = r#"{"title":"Invalid request","status":422,"detail":"1 field is wrong",
            "errors":[{"field":"variables.size","detail":"is a text","remedy":"give a number"}]}"#;
    let answer = answer(StatusCode::UNPROCESSABLE_ENTITY, text);
    let read = read_answer::<Value>("POST /v1/stacks".to_owned(), &answer, &Access::Open);
    let error = read.expect_err("a problem");
    assert_eq!(error.exit_code(), 3);
    assert!(
        error.report().contains("variables.size: is a text; give a number"),
        "{}",
        error.report()
    );
}

#[test]
fn incomplete_answer_names_its_missing_field() {
    let answer = serde_json::json!({"lines": [], "ended": true});
    let error = read_as::<slipway_api_types::LogLines>("/v1/operations/op-1/logs", &answer).expect_err("no `after`");
    assert_eq!(error.exit_code(), 4);
    let said = "the server's answer to GET /v1/operations/op-1/logs is incomplete: missing field `after`.";
    assert!(error.to_string().starts_with(said), "{error}");
    let sheet = read_as::<slipway_api_types::SheetDocument>("/v1/operations/op-1/sheet", &serde_json::json!({}));
    let error = sheet.expect_err("no sheet").to_string();
    assert!(error.contains("missing field `hash`"), "{error}");
}

#[test]
fn an_answer_of_something_else_is_shown_as_it_is() {
    let answer = answer(StatusCode::OK, "<html>");
    let error = read_answer::<Value>("GET /".to_owned(), &answer, &Access::Open).expect_err("no JSON");
    assert_eq!((error.exit_code(), error.to_string().contains("<html>")), (4, true));
}

/// A free port, and a client of the server there.
async fn port() -> (TcpListener, Client) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let client = Client::new(&format!("http://{address}"), Access::Open).expect("a client");
    (listener, client)
}

impl Client {
    /// A client of a server that answers so.
    pub async fn of_server(server: axum::Router) -> Self {
        let (listener, client) = port().await;
        tokio::spawn(async { axum::serve(listener, server).await });
        client
    }
}

/// A server that breaks the first connections, and then gives these answers, each on a connection of its own.
async fn answering(broken: usize, answers: &'static [&'static str]) -> Client {
    let (listener, client) = port().await;
    tokio::spawn(async move {
        for _ in 0..broken {
            drop(listener.accept().await);
        }
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    client
}

#[tokio::test]
async fn what_is_watched_is_asked_for_again_where_no_answer_comes() {
    let answers = &[
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
    ];
    let client = answering(1, answers).await;
    let start = Instant::now();
    let mut reported = Vec::new();
    let read: Result<Value, Error> = client
        .watch("/v1/operations/op-1", |text| reported.push(text.to_owned()))
        .await;
    assert_eq!(read.expect("an answer in the end"), serde_json::json!([]));
    assert!(start.elapsed() >= Duration::from_secs(1), "the server wanted a second");
    assert_eq!(
        reported,
        ["the server is busy (503); trying again (Ctrl-C stops watching)"],
        "one broken connection is no silence, and the first answer of a busy server is reported"
    );
    let refused: Result<Value, Error> = client.watch("/v1/operations/op-1", |_| ()).await;
    assert!(refused.is_err(), "what is not there is not waited for");
}

#[tokio::test]
async fn server_that_does_not_answer_is_reported_once() {
    let answers = &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]"];
    let client = answering(3, answers).await;
    let mut reports = 0;
    let read: Result<Value, Error> = client.watch("/v1/operations/op-1", |_| reports += 1).await;
    assert_eq!(
        (read.expect("an answer in the end"), reports),
        (serde_json::json!([]), 1)
    );
}

#[tokio::test]
async fn throttled_change_is_sent_again_when_the_server_says() {
    let answers = &[
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]",
    ];
    let client = answering(0, answers).await;
    let start = Instant::now();
    let sent: Result<Value, Error> = client.send(Method::POST, "/v1/stacks", &serde_json::json!({})).await;
    assert_eq!(sent.expect("an answer in the end"), serde_json::json!([]));
    assert!(start.elapsed() >= Duration::from_secs(1), "the server wanted a second");
}

#[tokio::test]
async fn change_whose_answer_is_lost_is_not_known_to_have_failed() {
    let answers = &["HTTP/1.1 202 Accepted\r\ncontent-length: 200\r\nconnection: close\r\n\r\n{\"id\":"];
    let client = answering(0, answers).await;
    let sent: Result<Value, Error> = client.send(Method::POST, "/v1/stacks", &serde_json::json!({})).await;
    let error = sent.expect_err("half an answer");
    assert_eq!(error.exit_code(), 4);
    let text = error.to_string();
    for part in [
        "failed to read the answer to POST /v1/stacks",
        "not known whether the request was carried out",
        "slipway operation list --mine --since 1h",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let answers = &["HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"];
    let client = answering(0, answers).await;
    let sent: Result<Value, Error> = client.delete("/v1/policies/rules").await;
    let text = sent.expect_err("a failure").to_string();
    assert!(text.contains("not known whether the request was carried out"), "{text}");
}

#[tokio::test]
async fn list_that_does_not_fit_is_incomplete() {
    let answers = &[
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"items\":[\"a\"],\"next\":null}",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"items\":[{\"note\":1}],\"next\":null}",
    ];
    let client = answering(0, answers).await;
    for reason in [
        "missing field `items`",
        "invalid type: string \"a\"",
        "missing one of the fields `id`, `name`, `account`, `number`",
    ] {
        let error = client.list("/v1/stacks", &[]).await.expect_err("no list");
        let said = format!("the server's answer to GET /v1/stacks is incomplete: {reason}");
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().starts_with(&said), "{error}");
    }
}

#[tokio::test]
async fn shown_resource_has_a_name_and_keeps_its_fields() {
    let answers = &[
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"number\":3,\"newer\":true}",
    ];
    let client = answering(0, answers).await;
    let error = client.resource("/v1/stacks/shop").await.expect_err("no stack");
    assert_eq!(error.exit_code(), 4);
    let shown = client.resource("/v1/stacks/shop/releases/3").await.expect("a release");
    assert_eq!(shown, serde_json::json!({"number": 3, "newer": true}));
}

#[tokio::test]
async fn page_that_is_followed_by_itself_ends_the_list() {
    let page = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"items\":[],\"next\":\"same\"}";
    let answers: &'static [&'static str] = vec![page, page].leak();
    let client = answering(0, answers).await;
    let error = client.list("/v1/stacks", &[]).await.expect_err("no end");
    assert_eq!(error.exit_code(), 4);
    assert!(
        error.to_string().contains("`next` is the cursor of the same page"),
        "{error}"
    );
}

#[tokio::test]
async fn read_whose_answer_is_cut_off_says_so() {
    let answers = &[
        "HTTP/1.1 200 OK\r\ncontent-length: 200\r\nconnection: close\r\n\r\n{\"items\":",
        "HTTP/1.1 200 OK\r\ncontent-length: 200\r\nconnection: close\r\n\r\n{\"items\":",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]",
    ];
    let client = answering(0, answers).await;
    let read: Result<Value, Error> = client.get("/v1/stacks").await;
    let error = read.expect_err("half an answer");
    assert_eq!(error.exit_code(), 4);
    let text = error.to_string();
    assert!(
        text.starts_with("failed to read the answer to GET /v1/stacks from http://"),
        "{text}"
    );
    assert!(
        text.ends_with("check the network and the proxies before the server"),
        "{text}"
    );
    let watched: Result<Value, Error> = client.watch("/v1/operations/op-1", |_| ()).await;
    assert_eq!(watched.expect("the next answer"), serde_json::json!([]));
}

#[test]
fn quoted_part_of_a_wrong_answer_is_short() {
    let text = format!(r#"{{"items":["{}"]}}"#, "a".repeat(10_000));
    let read = read_answer::<Items<Resource>>(
        "GET /v1/stacks".to_owned(),
        &answer(StatusCode::OK, &text),
        &Access::Open,
    );
    let error = read.map(|page| page.next).expect_err("no resource");
    assert!(error.to_string().len() < 1_000, "{error}");
}
