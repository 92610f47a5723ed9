//! Events of other accounts, end to end: what is put on the bus of a running server, and what becomes of it.

mod support;

use std::process::Output;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use support::Server;

/// A stack with a service, of which there is nothing but the contract.
const SERVICE: &str = r#"
    variable "text" {
      type    = string
      default = "hello"
    }
    resource "terraform_data" "one" { input = var.text }
    output "slipway" { value = { endpoints = { text = terraform_data.one.output } } }
"#;

const RESULTS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/slipway-results";

/// Puts a request on the bus, as a program in another account would.
async fn put(server: &Server, detail: &Value) {
    let entry = json!({
        "Source": "com.example.portal", "DetailType": "Slipway Request", "EventBusName": "slipway",
        "Detail": detail.to_string(),
    });
    let answer = server.aws("AWSEvents.PutEvents", &json!({ "Entries": [entry] })).await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
}

/// The next result that the account is told.
async fn result(server: &Server) -> Value {
    let queue = server
        .aws("AmazonSQS.GetQueueUrl", &json!({"QueueName": "slipway-results"}))
        .await;
    let request = json!({"QueueUrl": queue["QueueUrl"], "WaitTimeSeconds": 20});
    let looking = async {
        loop {
            let answer = server.aws("AmazonSQS.ReceiveMessage", &request).await;
            let Some(message) = answer["Messages"].get(0) else {
                continue;
            };
            let delete = json!({"QueueUrl": queue["QueueUrl"], "ReceiptHandle": message["ReceiptHandle"]});
            server.aws("AmazonSQS.DeleteMessage", &delete).await;
            let event: Value = serde_json::from_str(message["Body"].as_str().expect("a body")).expect("an event");
            assert_eq!(
                (&event["source"], &event["detail-type"]),
                (&json!("slipway"), &json!("Slipway Result"))
            );
            return event["detail"].clone();
        }
    };
    tokio::time::timeout(Duration::from_mins(2), looking)
        .await
        .expect("a result")
}

/// The events that nobody could handle, when there are as many.
async fn kept(server: &Server, wanted: usize) -> Vec<Value> {
    let looking = async {
        loop {
            let listed = json(&server.slipway(&["event", "list", "--json"]));
            let listed = listed.as_array().cloned().expect("a list");
            if listed.len() == wanted {
                return listed;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(2), looking)
        .await
        .expect("they are listed")
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn allow(server: &Server, blueprints: &[&str]) {
    let source = json!({
        "account": "000000000000", "actions": ["provision", "release", "destroy"], "blueprints": blueprints,
        "environments": ["local"], "results": RESULTS,
    });
    let answer = server
        .send(Method::PUT, "/v1/source-accounts/000000000000", &source)
        .await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

#[tokio::test]
async fn a_request_is_done_and_its_account_is_told_and_what_is_refused_is_brought_again_when_it_may() {
    let server = Server::start();
    server.publish("words", "1.0.0", SERVICE).await;
    allow(&server, &[]).await;
    let order = json!({
        "version": 1, "key": "order-1", "action": "provision",
        "request": {"name": "greeting", "blueprint": "words", "environment": "local", "variables": {"text": "good day"}},
    });
    put(&server, &order).await;
    put(&server, &json!({"version": 2, "key": "order-2"})).await;

    let refused = [result(&server).await, result(&server).await];
    assert!(
        refused.iter().all(|result| result["status"] == "refused"),
        "{refused:#?}"
    );
    let listed = kept(&server, 2).await;
    let of = |key: &str| {
        let one = listed.iter().find(|one| one["event"]["detail"]["key"] == key);
        one.unwrap_or_else(|| panic!("{key}: {listed:#?}"))
    };
    let (forbidden, unknown) = (of("order-1"), of("order-2"));
    assert_eq!(
        (&forbidden["error"], &forbidden["account"]),
        (&json!("Slipway.EventRefused"), &json!("000000000000"))
    );
    assert!(
        forbidden["reason"]
            .to_string()
            .contains("the blueprint `words` is none of its blueprints"),
        "{forbidden:#}"
    );
    assert!(
        unknown["reason"].to_string().contains("there is no version 2"),
        "{unknown:#}"
    );
    let id = |one: &Value| one["id"].as_str().expect("an id").to_owned();
    let sheet = server.slipway(&["event", "show", &id(forbidden)]);
    let sheet = String::from_utf8(sheet.stdout).expect("text");
    assert!(
        sheet.contains("Slipway.EventRefused") && sheet.contains("good day"),
        "{sheet}"
    );
    let missing = server.slipway(&["event", "discard", "nothing"]);
    assert_eq!(missing.status.code(), Some(2));
    json(&server.slipway(&["event", "discard", &id(unknown), "--json"]));

    allow(&server, &["words"]).await;
    json(&server.slipway(&["event", "replay", &id(forbidden), "--json"]));
    let accepted = result(&server).await;
    assert_eq!(
        (&accepted["status"], &accepted["key"]),
        (&json!("accepted"), &json!("order-1")),
        "{accepted:#}"
    );
    let succeeded = result(&server).await;
    assert_eq!(
        (&succeeded["status"], &succeeded["operation"]),
        (&json!("succeeded"), &accepted["operation"])
    );
    assert_eq!(succeeded["stack"]["endpoints"], json!({"text": "good day"}));
    kept(&server, 0).await;

    // The same again, under a new event id: nothing happens twice.
    put(&server, &order).await;
    assert_eq!(result(&server).await, accepted);
    let stacks = server.get("/v1/stacks").await;
    assert_eq!(stacks["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(stacks["items"][0]["owner"], "event:000000000000");

    put(&server, &json!({"version": 1, "key": "end", "action": "destroy", "stack": {"environment": "local", "name": "greeting"}})).await;
    let statuses = [
        result(&server).await["status"].clone(),
        result(&server).await["status"].clone(),
    ];
    assert_eq!(statuses, [json!("accepted"), json!("succeeded")]);
}
