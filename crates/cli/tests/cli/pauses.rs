//! A progressive release end to end: from the command line through the workflow to ECS of local mode, and its pauses.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::Server;

/// A canary with a pause, whose tasks need no port.
const CANARY: &str = r#"
locals {
  stack = terraform.workspace
}
resource "terraform_data" "cluster" {
  input = { clusterName = local.stack }
  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "ecs", "CreateCluster"]
    command     = jsonencode(self.input)
  }
}
resource "terraform_data" "service" {
  input = { cluster = terraform_data.cluster.output.clusterName, serviceName = "${local.stack}-web" }
  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "ecs", "CreateService"]
    command = jsonencode({
      cluster      = self.input.cluster
      serviceName  = self.input.serviceName
      desiredCount = 0
      deploymentConfiguration = {
        strategy            = "CANARY"
        canaryConfiguration = { canaryPercent = 10, canaryBakeTimeInMinutes = 0 }
        lifecycleHooks      = [{ targetType = "PAUSE", lifecycleStages = ["POST_SCALE_UP"] }]
      }
    })
  }
}
output "slipway" {
  value = {
    cluster      = terraform_data.cluster.output.clusterName
    bake_seconds = 0
    services = {
      web = {
        name            = terraform_data.service.output.serviceName
        desired_count   = 1
        task_definition = { containerDefinitions = [{ name = "web", essential = true }] }
        strategy        = { kind = "canary", percent = 10, step_minutes = 0, pauses = ["POST_SCALE_UP"], pause_minutes = 60 }
      }
    }
  }
}
"#;

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Pushes an image whose program runs until it is stopped.
fn push(server: &Server, number: u32) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("release"), number.to_string()).expect("a file");
    let manifest = json!({"entrypoint": ["/bin/sleep", "1000000"]}).to_string();
    std::fs::write(folder.path().join("image.json"), manifest).expect("a file");
    let path: &Path = folder.path();
    let pushed = server.slipway(&[
        "image",
        "push",
        &path.to_string_lossy(),
        "--repository",
        "web",
        "--json",
    ]);
    json_of(&pushed)["image"].as_str().expect("an image").to_owned()
}

/// The image that the service runs, once ECS has no deployment in progress.
async fn runs(server: &Server, stack: &str) -> String {
    let ecs = |action: &str| format!("AmazonEC2ContainerServiceV20141113.{action}");
    let service = json!({"cluster": stack, "services": [format!("{stack}-web")]});
    let described = server.aws(&ecs("DescribeServices"), &service).await;
    let definition = json!({"taskDefinition": described["services"][0]["taskDefinition"]});
    let definition = server.aws(&ecs("DescribeTaskDefinition"), &definition).await;
    let image = &definition["taskDefinition"]["containerDefinitions"][0]["image"];
    image.as_str().expect("an image").to_owned()
}

/// Releases an image, and waits until the release is paused.
async fn paused(server: &Server, image: &str) -> Value {
    let released = server.slipway(&[
        "release",
        "create",
        "shop",
        "--image",
        &format!("web={image}"),
        "--json",
    ]);
    let operation = json_of(&released);
    let id = operation["id"].as_str().expect("an operation");
    let paused = server.operation_that(id, |operation| {
        !operation["rollouts"][0]["pause"].is_null() || !operation["ended_at"].is_null()
    });
    let paused = paused.await;
    assert_eq!(paused["rollouts"][0]["stage"], "POST_SCALE_UP", "{paused:#}");
    assert_eq!(paused["rollouts"][0]["percent"], 0.0);
    assert!(paused["links"]["continue"].is_string(), "{}", paused["links"]);
    paused
}

#[tokio::test]
async fn a_paused_release_is_continued_rolled_back_and_cancelled() {
    let server = Server::start();
    let published = server.publish("canary", "1.0.0", CANARY).await;
    assert!(published.status.is_success(), "{}", published.text);
    let images: Vec<String> = (1..=4).map(|number| push(&server, number)).collect();
    let body = json!({"name": "shop", "blueprint": "canary", "environment": "local", "images": {"web": images[0]}});
    let provisioned = server.send(reqwest::Method::POST, "/v1/stacks", &body).await.json();
    server.succeeded(&provisioned).await;
    let stack = provisioned["stack"]["id"].as_str().expect("a stack");

    let early = server.slipway(&["release", "continue", "shop"]);
    assert!(!early.status.success());
    assert!(String::from_utf8_lossy(&early.stderr).contains("no release of the operation waits for a decision"));

    let operation = paused(&server, &images[1]).await;
    json_of(&server.slipway(&["release", "continue", "shop", "--json"]));
    let ended = server.succeeded(&operation).await;
    assert_eq!(ended["rollouts"][0]["percent"], 100.0, "{ended:#}");
    assert_eq!(runs(&server, stack).await, images[1]);

    let operation = paused(&server, &images[2]).await;
    json_of(&server.slipway(&["release", "restore", "shop", "--json"]));
    let ended = server.ended(&operation).await;
    assert_eq!(
        (&ended["status"], &ended["error"]["name"]),
        (&json!("failed"), &json!("Slipway.RolloutFailed"))
    );
    let message = ended["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("rolled it back at the pause POST_SCALE_UP"),
        "{message}"
    );
    assert_eq!(ended["rollouts"][0]["percent"], 0.0);
    assert_eq!(runs(&server, stack).await, images[1]);

    let operation = paused(&server, &images[3]).await;
    let id = operation["id"].as_str().expect("an operation");
    json_of(&server.slipway(&["operation", "cancel", id, "--json"]));
    let ended = server.ended(&operation).await;
    assert_eq!(ended["status"], "cancelled", "{ended:#}");
    assert_eq!(runs(&server, stack).await, images[1]);
}
