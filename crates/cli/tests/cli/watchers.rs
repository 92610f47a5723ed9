//! More watchers than the account has Lambda executions: operations end all the same.

use std::time::Duration;

use crate::support::{Answer, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const MAIN: &str = r#"
    variable "text" { type = string }
    resource "terraform_data" "one" { input = var.text }
    output "slipway" { value = { endpoints = { text = terraform_data.one.output } } }
"#;

/// Asks again where API Gateway says that Lambda has no room, as every client does.
async fn patiently(server: &Server, method: Method, path: &str, body: Option<&Value>) -> Answer {
    loop {
        let headers = [("content-type", "application/json")];
        let answer = server
            .request(method.clone(), path, &headers, body.map(Value::to_string))
            .await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Watches an operation until it has ended, and comes back as soon as the API allows it.
async fn watch(server: &Server, id: &str) -> Value {
    let mut seen = 0;
    loop {
        let path = format!("/v1/operations/{id}?wait=25&seen={seen}");
        let answer = patiently(server, Method::GET, &path, None).await;
        let operation = answer.json();
        if !operation["ended_at"].is_null() {
            return operation;
        }
        seen = operation["revision"].as_u64().expect("a revision");
        let again = answer.headers.get("retry-after").and_then(|value| value.to_str().ok());
        if let Some(seconds) = again.and_then(|text| text.parse().ok()) {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}

async fn create(server: &Server, name: &str, environment: &str) -> String {
    let body = json!({"name": name, "blueprint": "web", "environment": environment, "variables": {"text": name}});
    let answer = patiently(server, Method::POST, "/v1/stacks", Some(&body)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// The watched plan does not change, so that the watchers hold their requests for as long as they can.
#[tokio::test]
async fn twelve_watchers_at_ten_executions_fail_no_operation() {
    let server = Server::start_with(&["--limit", "ConcurrentExecutions=10"]);
    assert_eq!(server.publish("web", "1.0.0", MAIN).await.status, StatusCode::CREATED);
    server.approve_every_plan_in("careful").await;
    let waiting = create(&server, "plan", "careful").await;
    server
        .operation_that(&waiting, |operation| operation["status"] == "waiting_for_approval")
        .await;

    let work = async {
        for name in ["one", "two"] {
            let operation = create(&server, name, "local").await;
            let ended = watch(&server, &operation).await;
            assert_eq!(ended["status"], "succeeded", "{ended:#}");
        }
        let operation = format!("/v1/operations/{waiting}");
        let sheet = patiently(&server, Method::GET, &format!("{operation}/sheet"), None)
            .await
            .json();
        let quoted = json!({"sheet": sheet["hash"]});
        let approved = patiently(&server, Method::POST, &format!("{operation}/approve"), Some(&quoted)).await;
        assert_eq!(approved.status, StatusCode::ACCEPTED, "{}", approved.text);
    };
    let watchers = futures::future::join_all((0..12).map(|_| watch(&server, &waiting)));
    let (ended, ()) = tokio::join!(watchers, work);
    for operation in ended {
        assert_eq!(operation["status"], "succeeded", "{operation:#}");
    }
}
