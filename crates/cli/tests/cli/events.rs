//! Events of other accounts, end to end: what is put on the bus of a running server, and what becomes of it.

use std::process::{Command, Output};
use std::time::Duration;

use crate::support::{self, Server};
use reqwest::Method;
use serde_json::{Value, json};

/// A stack of which there is nothing but words.
const WORDS: &str = r#"
    variable "text" {
      type    = string
      default = "hello"
    }
    resource "terraform_data" "one" { input = var.text }
    output "slipway" { value = { endpoints = { text = terraform_data.one.output } } }
"#;

const RESULTS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/slipway-results";

/// A service of the local ECS that only runs. The request names this program.
const RUNS: &str = r#"
    locals {
      definition = { containerDefinitions = [{ name = "app", essential = true }] }
    }
    resource "terraform_data" "cluster" {
      input = { clusterName = terraform.workspace }
      provisioner "local-exec" {
        interpreter = [SLIPWAY, "aws", "ecs", "CreateCluster"]
        command     = jsonencode(self.input)
      }
    }
    resource "terraform_data" "service" {
      for_each   = toset(["web", "worker"])
      input      = { cluster = terraform.workspace, serviceName = "${terraform.workspace}-${each.key}", desiredCount = 0 }
      depends_on = [terraform_data.cluster]
      provisioner "local-exec" {
        interpreter = [SLIPWAY, "aws", "ecs", "CreateService"]
        command     = jsonencode(self.input)
      }
    }
    output "slipway" {
      value = {
        cluster  = terraform_data.cluster.output.clusterName
        services = { for key, service in terraform_data.service : key => {
          name = service.output.serviceName, task_definition = local.definition, desired_count = 1
        } }
      }
    }
"#;

/// Puts a request on the bus, as a program in another account would.
pub async fn put(server: &Server, detail: &Value) {
    let entry = json!({
        "Source": "com.example.portal", "DetailType": "Slipway Request", "EventBusName": "slipway",
        "Detail": detail.to_string(),
    });
    let answer = server.aws("AWSEvents.PutEvents", &json!({ "Entries": [entry] })).await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
}

/// The next result that the account receives.
pub async fn result(server: &Server) -> Value {
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

/// The dead-lettered events, once there are that many.
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

/// Runs the command line as against AWS: its requests are signed with the credentials of the environment.
fn as_on_aws(server: &Server, args: &[&str]) -> Output {
    Command::new(support::SLIPWAY)
        .args(["--endpoint", &server.api, "--region", "us-east-1"])
        .args(args)
        .env("AWS_ENDPOINT_URL", &server.aws)
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .output()
        .expect("slipway runs")
}

pub async fn allow(server: &Server, blueprints: &[&str]) {
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
async fn request_gets_results_and_a_rejected_one_can_be_redriven() {
    let server = Server::start();
    server.publish("words", "1.0.0", WORDS).await;
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
    let sheet = as_on_aws(&server, &["event", "show", &id(forbidden)]);
    let sheet = String::from_utf8(sheet.stdout).expect("text");
    assert!(
        sheet.contains("Slipway.EventRefused") && sheet.contains("good day"),
        "{sheet}"
    );
    let missing = server.slipway(&["event", "discard", "nothing"]);
    assert_eq!(missing.status.code(), Some(3));
    json(&server.slipway(&["event", "discard", &id(unknown), "--json"]));

    allow(&server, &["words"]).await;
    // The deprecated name of `redrive`.
    let missing = server.slipway(&["event", "replay", "nothing"]);
    assert_eq!(missing.status.code(), Some(3));
    let redriven = json(&server.slipway(&["event", "redrive", &id(forbidden), "--json"]));
    assert_eq!(redriven, json!({"redriven": [id(forbidden)]}));
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

/// Pushes an image that runs for as long as it is let, different for each `mark`; gives its digest.
fn push(server: &Server, folder: &std::path::Path, repository: &str, tag: &str, mark: &str) -> String {
    let manifest = json!({"entrypoint": ["/bin/sleep", "100000"], "environment": {"MARK": mark}});
    std::fs::write(folder.join("image.json"), manifest.to_string()).expect("a manifest");
    let folder = folder.to_string_lossy();
    let pushed = server.slipway(&[
        "image",
        "push",
        &folder,
        "--repository",
        repository,
        "--tag",
        tag,
        "--json",
    ]);
    let image = json(&pushed)["image"].as_str().expect("an image").to_owned();
    image.split_once('@').expect("a digest").1.to_owned()
}

#[tokio::test]
async fn pushed_image_is_released_by_its_followers_only() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let main = RUNS.replace("SLIPWAY", &support::hcl_string(support::SLIPWAY));
    server.publish("runs", "1.0.0", &main).await;
    allow(&server, &["runs"]).await;
    let follows = |name: &str| json!({"repository": format!("arn:aws:ecr:us-east-1:000000000000:repository/{name}"), "tags": "v*"});
    let worker = push(&server, folder.path(), "jobs", "first", "jobs");
    let web = push(&server, folder.path(), "site", "first", "1");
    let request = json!({
        "name": "site", "blueprint": "runs", "environment": "local",
        "images": {"web": format!("site@{web}"), "worker": format!("jobs@{worker}")},
        "subscriptions": {"web": follows("site")},
    });
    put(
        &server,
        &json!({"version": 1, "key": "site", "action": "provision", "request": request}),
    )
    .await;
    let accepted = result(&server).await;
    assert_eq!(accepted["status"], "accepted", "{accepted:#}");
    let provisioned = result(&server).await;
    assert_eq!(
        (&provisioned["status"], &provisioned["release"]),
        (&json!("succeeded"), &json!(1)),
        "{provisioned:#}"
    );
    let stack = format!("/v1/stacks/{}", accepted["stack"]["id"].as_str().expect("an id"));
    assert_eq!(
        server.get(&stack).await["subscriptions"],
        json!({"web": follows("site")})
    );

    // No stack follows these tags, nor that repository.
    push(&server, folder.path(), "site", "edge", "2");
    push(&server, folder.path(), "jobs", "v1", "jobs 2");
    let second = push(&server, folder.path(), "site", "v2", "3");
    let released = [result(&server).await, result(&server).await];
    let statuses = released.each_ref().map(|one| one["status"].clone());
    assert_eq!(statuses, [json!("accepted"), json!("succeeded")], "{released:#?}");
    assert_eq!(released[1]["key"], format!("site:v2@{second}"));
    let release = server.get(&format!("{stack}/releases/2")).await;
    let image = format!("000000000000.dkr.ecr.us-east-1.amazonaws.com/site@{second}");
    assert_eq!(
        release["images"],
        json!({"web": image, "worker": format!("jobs@{worker}")})
    );
    assert_eq!(
        (&release["status"], &release["requested_by"]),
        (&json!("current"), &json!("event:000000000000"))
    );

    // The same image under another tag, and the end of the stack, which follows nothing any more.
    push(&server, folder.path(), "site", "v2.0", "3");
    put(
        &server,
        &json!({"version": 1, "key": "end", "action": "destroy", "stack": accepted["stack"]["id"]}),
    )
    .await;
    let ended = [
        result(&server).await["key"].clone(),
        result(&server).await["key"].clone(),
    ];
    assert_eq!(ended, [json!("end"), json!("end")]);
    push(&server, folder.path(), "site", "v3", "4");
    assert_eq!(
        server.get(&format!("{stack}/releases")).await["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    kept(&server, 0).await;
}
