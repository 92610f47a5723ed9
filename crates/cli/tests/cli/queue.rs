//! Many simultaneous requests to one stack, over HTTP.

use futures::future::join_all;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, on_path};

const BLUEPRINT: &str = r#"
    variable "n" { type = number }
    resource "terraform_data" "a" { input = var.n }
    output "slipway" { value = {} }
"#;

const REQUESTS: u64 = 24;

/// An operation keeps the slot: its plan waits. So the queue is what the requests made of it.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn simultaneous_requests_to_a_stack_queue_in_the_order_of_their_answers() {
    if on_path("terraform").or_else(|| on_path("tofu")).is_none() {
        println!("skipped: neither terraform nor tofu is on PATH; install one to run this");
        return;
    }
    let server = Server::start();
    server.approve_every_plan_in("local").await;
    let published = server.publish("plain", "1.0.0", BLUEPRINT).await;
    assert_eq!(published.status, StatusCode::CREATED, "{}", published.text);
    let first = server.create("crowded", "plain", &json!({ "n": 0 })).await;
    let waits = |operation: &Value| operation["status"] == "waiting_for_approval";
    server.operation_that(first["id"].as_str().expect("an ID"), waits).await;

    let stack = first["links"]["stack"].as_str().expect("a path");
    let bodies: Vec<Value> = (1..=REQUESTS).map(|n| json!({ "variables": { "n": n } })).collect();
    let answers = join_all(bodies.iter().map(|body| server.send(Method::PATCH, stack, body))).await;
    let mut queued: Vec<Value> = Vec::new();
    for answer in answers {
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        queued.push(answer.json());
    }
    // In the order in which the server accepted them.
    let created_at = |operation: &Value| operation["created_at"].as_str().expect("a time").parse::<Timestamp>();
    queued.sort_by_key(|operation| created_at(operation).expect("a time"));
    let positions: Vec<Option<u64>> = queued.iter().map(|one| one["position"].as_u64()).collect();
    assert_eq!(positions, (1..=REQUESTS).map(Some).collect::<Vec<_>>(), "{queued:#?}");
    for operation in &queued {
        let path = operation["links"]["self"].as_str().expect("a path");
        let read = server.get(path).await;
        assert_eq!(
            (&read["status"], &read["position"]),
            (&json!("queued"), &operation["position"]),
            "{read:#}"
        );
    }
    queue_is_visible(&server, first["id"].as_str().expect("an ID"));
}

/// The commands say what waits for what.
fn queue_is_visible(server: &Server, first: &str) {
    let printed = |args: &[&str]| String::from_utf8_lossy(&server.slipway(args).stdout).into_owned();
    let update = printed(&["stack", "update", "crowded", "--var", "n=99", "--no-wait"]);
    let place = format!("queued at position {}; provision", REQUESTS + 1);
    let waits = format!("{first} waits for an approval: slipway sheet {first}");
    assert!(update.contains(&place) && update.contains(&waits), "{update}");
    let shown = printed(&["stack", "show", "crowded"]);
    assert!(
        shown.contains("queue        1. update op-") && shown.contains(&format!("{}. update op-", REQUESTS + 1)),
        "{shown}"
    );
    let list = server.slipway(&["operation", "list"]);
    let noted = String::from_utf8_lossy(&list.stderr);
    assert!(
        noted.contains("more operations are queued: slipway operation list --status queued"),
        "{noted}"
    );
    let listed = printed(&["stack", "list"]);
    assert!(
        listed.contains("provisioning") && listed.contains("waits for approval"),
        "{listed}"
    );
}
