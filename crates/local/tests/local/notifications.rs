//! Notifications in local mode: from the table through its stream to the bus and to a webhook.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use slipway_local::{Local, LocalOptions, Running};
use slipway_model::name::Digest;
use slipway_model::stack::Configuration;
use slipway_store::Store;
use slipway_store::create::NewStack;
use slipway_store::idempotency::Answer;
use tokio::net::TcpListener;

use crate::server::options;
use crate::support;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

fn new_stack(name: &str) -> NewStack {
    NewStack {
        name: name.parse().expect("a name"),
        environment: "local".parse().expect("a name"),
        configuration: Configuration {
            blueprint: "web".parse().expect("a name"),
            version: "1.0.0".parse().expect("a version"),
            digest: Digest::of(b"web"),
            draft: false,
            variables: serde_json::Map::new(),
            sensitive: std::collections::BTreeSet::new(),
        },
        images: BTreeMap::new(),
        subscriptions: BTreeMap::new(),
        owner: None,
        requested_by: "ada".to_owned(),
        permitted: None,
        origin: None,
    }
}

/// Creates a stack in the table, as the API does.
async fn create(running: &Running, name: &str) {
    let store = Store::new(&support::sdk(&running.aws_url()), "slipway");
    let answer = |_: slipway_store::create::Accepted<'_>| Answer {
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
    };
    store
        .create_stack(&new_stack(name), None, answer)
        .await
        .expect("a stack");
}

async fn until<T>(mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it came")
}

async fn put(url: &str, body: &Value) -> (u16, Value) {
    let request = http::Request::put(url)
        .header("content-type", "application/json")
        .body(body.to_string())
        .expect("a request");
    let (status, text) = support::http(request).await;
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notification_reaches_the_bus_and_the_webhook() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let running = Local::start(LocalOptions {
        webhooks_to_loopback: true,
        ..options(&data)
    });
    let running = running.await.expect("starts");

    let received: Arc<Mutex<Vec<(HeaderMap, String)>>> = Arc::default();
    let into = Arc::clone(&received);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let hook = format!("http://{}/hook", listener.local_addr().expect("an address"));
    // The first attempt fails.
    let receive = move |headers: HeaderMap, body: String| async move {
        let mut received = into.lock().expect("a lock");
        received.push((headers, body));
        if received.len() == 1 {
            http::StatusCode::BAD_GATEWAY
        } else {
            http::StatusCode::OK
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(receive)).await });
    let webhook = json!({"url": hook, "kinds": ["stack.provisioning"]});
    let (status, added) = put(&format!("{}/v1/webhooks/here", running.api_url()), &webhook).await;
    assert_eq!(status, 201, "{added}");
    assert!(
        added["secret"]
            .as_str()
            .is_some_and(|secret| secret.starts_with("whsec_")),
        "{added}"
    );

    create(&running, "shop").await;
    let store = Store::new(&support::sdk(&running.aws_url()), "slipway");
    until(async || {
        let due = store.notifications_due(10, None).await.expect("a page").items;
        due.is_empty().then_some(())
    })
    .await;
    until(async || (received.lock().expect("a lock").len() == 2).then_some(())).await;
    let received = received.lock().expect("a lock").clone();
    assert_eq!(received[0].1, received[1].1, "the same message again");
    let body: Value = serde_json::from_str(&received[0].1).expect("JSON");
    assert_eq!(
        (&body["kind"], &body["stack"]["name"]),
        (&json!("stack.provisioning"), &json!("shop"))
    );
    assert!(received[0].0.contains_key("webhook-signature"));
    let (status, listed) = support::get(&format!("{}/v1/webhooks/here/deliveries", running.api_url())).await;
    assert_eq!(status, 200, "{listed}");
    until(async || {
        let (_, listed) = support::get(&format!("{}/v1/webhooks/here/deliveries", running.api_url())).await;
        listed.contains("\"delivered\"").then_some(())
    })
    .await;
    running.shutdown().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_to_loopback_needs_the_option() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(options(&folder.path().join("data")))
        .await
        .expect("starts");
    for url in ["http://127.0.0.1:9/", "https://127.0.0.1:9/", "https://localhost/"] {
        let (status, problem) = put(
            &format!("{}/v1/webhooks/here", running.api_url()),
            &json!({ "url": url }),
        )
        .await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!("url")),
            "{problem}"
        );
    }
    running.shutdown().await.expect("stops");
}
