//! The lines of migrations and tasks: they are read while the command runs, and kept after a cancel and after a timeout.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Duration, sleep, timeout};

use crate::support::{Server, hcl_string, on_path};

/// Far more than a line needs.
const PATIENCE: Duration = Duration::from_mins(2);

/// A command that prints a line, and ends when the test makes a file of its name.
const APP: &str = r#"
echo "$1 waits"
until [ -e "$GATES/$1" ]; do sleep 0.05; done
echo "$1 is done"
"#;

const IMAGE: &str = r#"{ "entrypoint": ["/bin/sh", "app.sh"] }"#;

/// The service has no tasks: it is a shape for commands.
fn blueprint(gates: &Path) -> String {
    format!(
        r#"
        locals {{
          web = {{ containerDefinitions = [{{
            name        = "web"
            essential   = true
            environment = [{{ name = "GATES", value = {gates} }}]
            logConfiguration = {{
              logDriver = "awslogs"
              options = {{
                awslogs-group         = "/slipway/stacks/${{terraform.workspace}}"
                awslogs-region        = "us-east-1"
                awslogs-stream-prefix = "web"
              }}
            }}
          }}] }}
        }}
        output "slipway" {{
          value = {{
            cluster    = "main"
            services   = {{ web = {{ name = "web", task_definition = local.web, desired_count = 0 }} }}
            migrations = [{{ name = "schema", service = "web", command = ["migrate"], timeout_seconds = 300 }}]
            tasks = {{
              hold = {{ service = "web", command = ["hold"], timeout_seconds = 300 }}
              late = {{ service = "web", command = ["late"], timeout_seconds = 10 }}
            }}
          }}
        }}
        "#,
        gates = hcl_string(&gates.to_string_lossy()),
    )
}

/// What an operation's log says so far.
async fn lines(server: &Server, operation: &Value) -> Vec<String> {
    let path = operation["links"]["logs"].as_str().expect("a path");
    let log = server.get(path).await;
    let lines = log["lines"].as_array().expect("lines").iter();
    let messages = lines.map(|line| line["message"].as_str().expect("a text").to_owned());
    messages.collect()
}

/// Waits until the log of an operation has a line.
async fn prints(server: &Server, operation: &Value, line: &str) {
    let reading = async {
        while !lines(server, operation).await.iter().any(|printed| printed == line) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let read = timeout(PATIENCE, reading).await;
    assert!(read.is_ok(), "never: {line}");
}

/// Requests a task of a stack.
async fn task(server: &Server, stack: &str, name: &str) -> Value {
    let path = format!("{stack}/tasks/{name}");
    let asked = server.send(Method::POST, &path, &json!({})).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    asked.json()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn lines_of_commands_are_read_while_they_run_and_kept() {
    if on_path("terraform").or_else(|| on_path("tofu")).is_none() {
        println!("skipped: neither terraform nor tofu is on PATH; install one to run this");
        return;
    }
    let (server, gates) = (Server::start(), TempDir::new().expect("a folder"));
    let published = server.publish("shop", "1.0.0", &blueprint(gates.path())).await;
    assert_eq!(published.status, StatusCode::CREATED, "{}", published.text);
    let ecs = "AmazonEC2ContainerServiceV20141113";
    server
        .aws(&format!("{ecs}.CreateCluster"), &json!({ "clusterName": "main" }))
        .await;
    let service = json!({ "cluster": "main", "serviceName": "web", "desiredCount": 0 });
    server.aws(&format!("{ecs}.CreateService"), &service).await;
    let image = server.push_image(&[("app.sh", APP), ("image.json", IMAGE)]);

    let body = json!({ "name": "shop", "blueprint": "shop", "environment": "local", "images": { "web": image } });
    let asked = server.send(Method::POST, "/v1/stacks", &body).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text);
    let provision = asked.json();
    // The migration waits for its file, so this line is read while it runs.
    prints(&server, &provision, "migrate waits").await;
    std::fs::write(gates.path().join("migrate"), "").expect("a file");
    server.succeeded(&provision).await;
    prints(&server, &provision, "migrate is done").await;

    let stack = provision["links"]["stack"].as_str().expect("a path");
    let hold = task(&server, stack, "hold").await;
    prints(&server, &hold, "hold waits").await;
    let cancel = hold["links"]["cancel"].as_str().expect("a path");
    let cancelled = server.send(Method::POST, cancel, &json!({})).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{}", cancelled.text);
    let ended = server.ended(&hold).await;
    assert_eq!(ended["status"], "cancelled", "{ended:#}");
    assert_eq!(lines(&server, &hold).await, ["hold waits"]);

    std::fs::write(gates.path().join("hold"), "").expect("a file");
    let ran = server.slipway(&["task", "run", "shop", "hold", "--wait"]);
    let printed = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{printed}");
    assert!(printed.contains("  hold waits\n  hold is done\n"), "{printed}");

    let late = task(&server, stack, "late").await;
    let ended = server.ended(&late).await;
    assert_eq!(ended["error"]["name"], "Slipway.TaskFailed", "{ended:#}");
    let message = ended["error"]["message"].as_str().expect("a text");
    assert!(message.contains("did not end within 10 seconds"), "{message}");
    assert_eq!(lines(&server, &late).await, ["late waits"]);
}
