//! Decisions about plans: what approvers see first, and that a decision answered with 202 survives a killed server.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_path};

const BLUEPRINT: &str = r#"
    variable "n" { type = number }
    resource "terraform_data" "a" { input = var.n }
    output "slipway" { value = { endpoints = { n = "https://${terraform_data.a.output}.example/" } } }
"#;

/// The replaced resource is the last one of the configuration, of the state and of the alphabet.
const LARGE: &str = r#"
    variable "items" { type = number }
    variable "engine" { type = string }
    resource "terraform_data" "item" {
      count = var.items
      input = count.index
    }
    resource "terraform_data" "z_database" {
      input            = "data"
      triggers_replace = var.engine
    }
    output "slipway" { value = { endpoints = { a = "https://a.example/" } } }
"#;

const SKIPPED: &str =
    "skipped: neither terraform (1.11 or later) nor tofu (1.10 or later) is on PATH; install one to run this";

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
    waiting(&server, &operation).await;
    (server.kill_and_restart(), operation)
}

/// The ID of an operation whose plan waits by now.
async fn waiting(server: &Server, operation: &Value) -> String {
    let id = operation["id"].as_str().expect("an id").to_owned();
    let waits = |operation: &Value| operation["status"] == "waiting_for_approval";
    server.operation_that(&id, waits).await;
    id
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn decision_that_meets_a_restart_is_not_lost() {
    let Some(mut server) = server().await else {
        println!("{SKIPPED}");
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

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn replaced_database_is_first_of_1500_wherever_it_is_read() {
    let Some(server) = server().await else {
        println!("{SKIPPED}");
        return;
    };
    let published = server.publish("large", "1.0.0", LARGE).await;
    assert!(published.status.is_success(), "{}", published.text);
    let created = server
        .create("large", "large", &json!({"items": 0, "engine": "a"}))
        .await;
    let id = waiting(&server, &created).await;
    let approve = format!("/v1/operations/{id}/approve");
    let approved = server.send(Method::POST, &approve, &server.sheet(&id).await).await;
    assert_eq!(approved.status, 202, "{}", approved.text);
    server.succeeded(&created).await;

    let stack = created["stack"]["id"].as_str().expect("an id");
    let update = json!({"variables": {"items": 1_499, "engine": "b"}});
    let updated = server
        .send(Method::PATCH, &format!("/v1/stacks/{stack}"), &update)
        .await;
    assert_eq!(updated.status, 202, "{}", updated.text);
    let id = waiting(&server, &updated.json()).await;
    let plan = server.get(&format!("/v1/operations/{id}/plan?limit=1")).await;
    let sheet = server.get(&format!("/v1/operations/{id}/sheet")).await;
    let shown = server.get(&format!("/v1/operations/{id}")).await;
    assert_eq!(
        (&plan["total"], &sheet["plan"]["items"]),
        (&json!(1_500), &json!(1_500))
    );
    for (surface, first) in [
        ("plan", &plan["items"][0]),
        ("sheet", &sheet["plan"]["first"][0]),
        ("operation", &shown["plan"]["resources"][0]),
    ] {
        assert_eq!(first["action"], "replace", "{surface}");
        assert_eq!(first["address"], "terraform_data.z_database", "{surface}");
    }
    for (command, line) in [
        ("plan", "-/+ replace terraform_data.z_database"),
        ("sheet", "-/+ replace terraform_data.z_database"),
        ("operation show", "replace  terraform_data.z_database"),
    ] {
        let args: Vec<&str> = command.split(' ').chain([id.as_str()]).collect();
        let output = server.slipway(&args);
        let printed = String::from_utf8_lossy(&output.stdout);
        let first = printed.lines().find(|line| line.contains("terraform_data."));
        assert_eq!(first.map(str::trim), Some(line), "{command}: {output:?}");
    }
}
