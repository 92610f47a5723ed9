//! What leaves Slipway by itself: bodies of webhooks, and results of requests by event.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, Uri};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Shown, secret};
use crate::events::{allow, put, result};
use crate::support::{Server, until};

const FORMATS: [&str; 3] = ["json", "slack", "teams"];

/// A notification as a webhook received it.
struct Received {
    format: String,
    id: String,
    body: String,
}

impl Received {
    /// Whether this is the notification that an operation failed.
    fn is_failure_of(&self, operation: &str) -> bool {
        let notification: Value = serde_json::from_str(&self.body).unwrap_or_default();
        notification["kind"] == "operation.failed" && notification["operation"]["id"] == operation
    }
}

/// A webhook in each format.
pub(super) struct Webhooks(Arc<Mutex<Vec<Received>>>);

impl Webhooks {
    pub(super) async fn of(server: &Server) -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let into = Arc::clone(&received);
        let receive = move |uri: Uri, headers: HeaderMap, body: String| async move {
            let id = headers["webhook-id"].to_str().expect("an ID").to_owned();
            let format = uri.path().trim_start_matches('/').to_owned();
            into.lock().expect("a lock").push(Received { format, id, body });
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(receive)).await });
        for format in FORMATS {
            let url = format!("http://{address}/{format}");
            let added = server.slipway(&["webhook", "add", format, &url, "--format", format]);
            assert!(added.status.success(), "{added:?}");
        }
        Self(received)
    }

    /// Shows what the webhooks received, once each has the failure of this operation.
    pub(super) async fn show(&self, server: &Server, shown: &mut Shown, operation: &str) {
        let has_failure = || {
            let received = self.0.lock().expect("a lock");
            let failure = received.iter().find(|one| one.is_failure_of(operation));
            failure.is_some_and(|failure| {
                let has = |format: &str| received.iter().any(|one| one.format == format && one.id == failure.id);
                FORMATS.into_iter().all(has)
            })
        };
        until("each webhook has the failure", has_failure).await;
        for one in self.0.lock().expect("a lock").iter() {
            shown.add(&format!("body of a webhook ({})", one.format), one.body.clone());
        }
        for format in FORMATS {
            let path = format!("/v1/webhooks/{format}/deliveries");
            shown.get(server, "deliveries of a webhook", &path).await;
        }
    }
}

/// Shows the results of two requests by event, one that is refused and one whose apply fails. Gives the operation of the second.
pub(super) async fn results(server: &Server, shown: &mut Shown, variables: &Value) -> String {
    allow(server, &["leaky"]).await;
    let order = |key: &str, variables: &Value| {
        json!({"version": 1, "key": key, "action": "provision",
            "request": {"name": key, "blueprint": "leaky", "environment": "local", "variables": variables}})
    };
    let wrong = json!({"request": secret(0), "accounts": [secret(1)], "rotated": {"x": secret(2)}});
    put(server, &order("event-refused", &wrong)).await;
    let refused = result(server).await;
    assert_eq!(refused["status"], "refused", "{refused:#}");

    put(server, &order("event-fails", variables)).await;
    let accepted = result(server).await;
    assert_eq!(accepted["status"], "accepted", "{accepted:#}");
    let id = accepted["operation"].as_str().expect("an ID").to_owned();
    let waits = |operation: &Value| operation["status"] == "waiting_for_approval";
    server.operation_that(&id, waits).await;
    let approve = format!("/v1/operations/{id}/approve");
    let approved = server.send(Method::POST, &approve, &server.sheet(&id).await).await;
    assert_eq!(approved.status, 202, "{}", approved.text);
    let failed = result(server).await;
    assert_eq!(failed["status"], "failed", "{failed:#}");
    for one in [&refused, &accepted, &failed] {
        shown.add("result of a request by event", one.to_string());
    }
    let stack = accepted["stack"]["id"].as_str().expect("an ID");
    shown.operation(server, &id, stack).await;
    id
}
