//! Decisions about plans while the server is killed: what was answered with 202 is done.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_path};

const BLUEPRINT: &str = r#"
    variable "n" { type = number }
    resource "terraform_data" "a" { input = var.n }
    output "slipway" { value = { endpoints = { n = "https://${terraform_data.a.output}.example/" } } }
"#;

/// How often each decision meets a kill; more find no more of it.
const KILLS: u32 = 3;

/// A server on which every plan waits for a decision.
async fn server() -> Option<Server> {
    on_path("terraform").or_else(|| on_path("tofu"))?;
    let server = Server::start();
    server.approve_every_plan_in("local").await;
    let published = server.publish("plain", "1.0.0", BLUEPRINT).await;
    assert!(published.status.is_success(), "{}", published.text);
    Some(server)
}

/// A server that was killed as soon as the plan of this operation was seen to wait, and runs again.
async fn killed_while_it_waits(server: Server, name: &str) -> (Server, Value) {
    let operation = server.create(name, "plain", &json!({"n": 1})).await;
    let id = operation["id"].as_str().expect("an id").to_owned();
    let waits = |operation: &Value| operation["status"] == "waiting_for_approval";
    server.operation_that(&id, waits).await;
    (server.kill_and_restart(), operation)
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn decision_that_meets_a_restart_is_not_lost() {
    let Some(mut server) = server().await else {
        println!(
            "skipped: neither terraform (1.11 or later) nor tofu (1.10 or later) is on PATH; install one to run this"
        );
        return;
    };
    for round in 0..KILLS {
        for (verb, body, status) in [
            ("approve", json!({}), "succeeded"),
            ("reject", json!({"reason": "not today"}), "discarded"),
        ] {
            let (restarted, operation) = killed_while_it_waits(server, &format!("{verb}-{round}")).await;
            server = restarted;
            let id = operation["id"].as_str().expect("an id");
            let body = if verb == "approve" {
                server.sheet(id).await
            } else {
                body
            };
            let answer = server
                .send(Method::POST, &format!("/v1/operations/{id}/{verb}"), &body)
                .await;
            assert_eq!(answer.status, 202, "{verb} {round}: {}", answer.text);
            let ended = server.ended(&operation).await;
            assert_eq!(ended["status"], status, "{verb} {round}: {ended:#}");
        }
    }
}
