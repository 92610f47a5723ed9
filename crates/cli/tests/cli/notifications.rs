//! `slipway webhook` and `slipway events` against a running server.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{SLIPWAY, Server};

const MAIN: &str = r#"
    variable "text" { type = string }
    resource "terraform_data" "one" { input = var.text }
    output "slipway" { value = { endpoints = { text = terraform_data.one.output } } }
"#;

/// What a command printed; it must have this exit code.
fn printed(output: &Output, code: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{error}");
    if code == 0 { out } else { error }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_is_added_used_and_removed() {
    let server = Server::start_with(&["--webhooks-to-loopback"]);
    let received: Arc<Mutex<Vec<String>>> = Arc::default();
    let into = Arc::clone(&received);
    let receive = move |body: String| async move { into.lock().expect("a lock").push(body) };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let hook = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(receive)).await });

    let refused = server.slipway(&["webhook", "add", "chat", "https://169.254.169.254/"]);
    let refused = printed(&refused, 3);
    assert!(refused.contains("url:") && refused.contains("link-local"), "{refused}");
    let added = server.slipway(&[
        "webhook",
        "add",
        "chat",
        &hook,
        "--kind",
        "stack.provisioning",
        "--format",
        "slack",
    ]);
    let added = printed(&added, 0);
    assert!(added.contains("whsec_"), "{added}");
    printed(&server.slipway(&["webhook", "add", "chat", &hook]), 3);
    let list = printed(&server.slipway(&["webhook", "list"]), 0);
    assert!(
        list.contains("chat") && list.contains("slack") && !list.contains("/hook"),
        "{list}"
    );

    server.publish("web", "1.0.0", MAIN).await;
    let operation = server.create("shop", "web", &json!({"text": "hello"})).await;
    server.ended(&operation).await;
    for _ in 0..200 {
        if !received.lock().expect("a lock").is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let body: Value = serde_json::from_str(&received.lock().expect("a lock")[0]).expect("JSON");
    assert!(
        body["text"].as_str().is_some_and(|text| text.contains("local/shop")),
        "{body}"
    );
    let deliveries = printed(&server.slipway(&["webhook", "deliveries", "chat", "--json"]), 0);
    let deliveries: Value = serde_json::from_str(&deliveries).expect("JSON");
    let deliveries = deliveries
        .as_array()
        .or(deliveries["items"].as_array())
        .expect("a list")
        .clone();
    let id = deliveries[0]["notification"].as_str().expect("an ID");
    printed(&server.slipway(&["webhook", "redeliver", "chat", id]), 0);
    for _ in 0..200 {
        if received.lock().expect("a lock").len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let bodies = received.lock().expect("a lock").clone();
    assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]));
    printed(&server.slipway(&["webhook", "remove", "chat"]), 0);
    assert!(printed(&server.slipway(&["webhook", "deliveries", "chat"]), 3).contains("no webhook"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_follows_through_a_restart_of_the_server() {
    let server = Server::start();
    server.publish("web", "1.0.0", MAIN).await;
    let mut tail = Command::new(SLIPWAY)
        .args(["events", "tail", "--environment", "local", "--json"])
        .env("SLIPWAY_DATA", server.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("slipway runs");
    let mut lines = BufReader::new(tail.stdout.take().expect("a pipe")).lines();
    // It has its position before the first stack is created.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let first = server.create("shop", "web", &json!({"text": "hello"})).await;
    server.ended(&first).await;
    let server = server.kill_and_restart();
    let second = server.create("blog", "web", &json!({"text": "hello"})).await;
    server.ended(&second).await;
    let mut seen = Vec::new();
    let end = format!("{}-", second["id"].as_str().expect("an ID"));
    let mut text = String::new();
    let read = tokio::task::spawn_blocking(move || {
        loop {
            text.push_str(&lines.next().expect("more").expect("a line"));
            let Ok(one) = serde_json::from_str::<Value>(&text) else {
                continue;
            };
            text.clear();
            let (id, kind) = (one["id"].as_str().expect("an ID").to_owned(), one["kind"].clone());
            seen.push(id.clone());
            if id.starts_with(&end) && kind == "operation.succeeded" {
                return seen;
            }
        }
    });
    let seen = tokio::time::timeout(Duration::from_mins(1), read).await;
    let _ = tail.kill();
    let _ = tail.wait();
    let mut seen = seen.expect("it ended").expect("it was read");
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "each once");
    let of = |operation: &Value| {
        let prefix = format!("{}-", operation["id"].as_str().expect("an ID"));
        seen.iter().filter(|id| id.starts_with(&prefix)).count()
    };
    assert_eq!((of(&first), of(&second)), (3, 3), "{seen:?}");

    let all = server.slipway(&[
        "events",
        "tail",
        "--since",
        "1970-01-01T00:00:00Z",
        "--no-follow",
        "--kind",
        "stack.ready",
    ]);
    let all = printed(&all, 0);
    assert!(all.contains("local/shop") && all.contains("local/blog"), "{all}");
    assert_eq!(all.lines().count(), 2, "{all}");
    let wrong = server.slipway(&["events", "tail", "--kind", "stack.exploded"]);
    let wrong = printed(&wrong, 2);
    assert!(
        wrong.contains("is no kind of notification") && wrong.contains("operation.failed, "),
        "{wrong}"
    );
    for wrong in [
        &["events", "tail", "--environment", "nowhere"][..],
        &[
            "events",
            "tail",
            "--environment",
            "nowhere",
            "--since",
            "24h",
            "--no-follow",
        ],
        &["stack", "list", "--environment", "nowhere"],
    ] {
        let wrong = printed(&server.slipway(wrong), 3);
        assert!(wrong.contains("There is no environment `nowhere`"), "{wrong}");
        assert!(wrong.contains("local"), "{wrong}");
    }
    let empty = server.slipway(&["stack", "list", "--environment", "local", "--owner", "eve"]);
    assert!(printed(&empty, 0).contains("No stack matches these filters."));
}

/// A server of another version does not know the positions of this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_position_begins_again_by_time_and_shows_each_once() {
    let notification = |sequence: u64| {
        json!({
            "version": 1, "id": format!("lusab-babad-{sequence}"), "kind": "stack.ready", "time": "2026-11-29T10:00:00Z",
            "subject": "lusab-babad", "sequence": sequence, "status": "ready",
            "stack": {"id": "lusab-babad", "name": "shop", "environment": "live", "blueprint": "web", "version": "1.0.0"},
        })
    };
    let problem = json!({
        "title": "Invalid parameter", "detail": "1 parameter is wrong",
        "errors": [{"field": "position", "detail": "is not a position that this API has given", "remedy": "give another"}],
    });
    let answers = [
        (StatusCode::OK, json!({"items": [notification(1)], "position": "old"})),
        (StatusCode::BAD_REQUEST, problem),
        (
            StatusCode::OK,
            json!({"items": [notification(1), notification(2)], "position": "new"}),
        ),
        (StatusCode::OK, json!({"items": [], "position": "new"})),
    ];
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let queries = Arc::clone(&asked);
    let answer = move |RawQuery(query): RawQuery| async move {
        let mut queries = queries.lock().expect("a lock");
        let (status, body) = answers[queries.len()].clone();
        queries.push(query.unwrap_or_default());
        (status, Json(body))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let run = Command::new(SLIPWAY)
        .args(["events", "tail", "--since", "2026-11-29T09:00:00Z", "--no-follow"])
        .args(["--endpoint", &endpoint, "--auth", "none"])
        .output()
        .expect("slipway runs");
    assert_eq!(printed(&run, 0).lines().count(), 2, "each once");
    let noted = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(noted.contains("no longer accepts the position"), "{noted}");
    let asked = asked.lock().expect("a lock").clone();
    assert!(asked[2].contains("since=2026%2D11%2D29T09%3A59%3A00Z"), "{asked:?}");
}
