//! A cancel while Terraform is at work: the stack is free for the next operation at once, its state is not.

mod support;

use std::path::Path;
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Server, until};

/// A process that stands still until this is dropped, whatever becomes of the test.
struct Frozen(String);

impl Frozen {
    fn new(process: String) -> Self {
        signal("STOP", &process);
        Self(process)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

fn signal(name: &str, process: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), process]).status();
    assert!(sent.expect("kill runs").success(), "{name} to {process}");
}

/// `first` notes that it was made; `second` notes which Terraform makes it, and waits until the gate is there.
fn blueprint(journal: &Path, terraform: &Path, gate: &Path) -> String {
    format!(
        r#"
        variable "text" {{ type = string }}
        resource "terraform_data" "first" {{
          provisioner "local-exec" {{
            interpreter = ["/bin/sh", "-c", "echo first >> \"$0\""]
            command     = {journal}
          }}
        }}
        resource "terraform_data" "second" {{
          depends_on = [terraform_data.first]
          input      = var.text
          provisioner "local-exec" {{
            interpreter = ["/bin/sh", "-c", "echo $PPID > \"$0\"; until [ -e \"$1\" ]; do sleep 0.05; done", {terraform}]
            command     = {gate}
          }}
        }}
        output "slipway" {{ value = {{ endpoints = {{ text = terraform_data.second.output }} }} }}
        "#,
        journal = support::hcl_string(&journal.to_string_lossy()),
        terraform = support::hcl_string(&terraform.to_string_lossy()),
        gate = support::hcl_string(&gate.to_string_lossy()),
    )
}

/// Reads the log of an operation as it grows, until a line has the words.
async fn logged(server: &Server, operation: &str, words: &str) -> String {
    let read = async {
        let mut path = format!("/v1/operations/{operation}/logs?wait=20");
        loop {
            let page = server.get(&path).await;
            let lines = page["lines"].as_array().expect("lines").iter();
            let mut messages = lines.filter_map(|line| line["message"].as_str());
            if let Some(found) = messages.find(|message| message.contains(words)) {
                return found.to_owned();
            }
            assert_eq!(page["ended"], false, "never logged: {words}");
            path = format!(
                "/v1/operations/{operation}/logs?wait=20&after={}",
                page["after"].as_str().unwrap_or_default()
            );
        }
    };
    let patience = std::time::Duration::from_mins(1);
    tokio::time::timeout(patience, read).await.expect("it is logged")
}

/// The cancelled operation has ended, and the next one runs, while the first one's Terraform still holds the lock and has
/// not saved what it made. The next one waits for it by itself, and builds on what it saved.
#[tokio::test]
async fn an_update_right_after_a_cancel_waits_until_the_state_is_saved() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, terraform, gate) = (
        folder.path().join("journal"),
        folder.path().join("terraform"),
        folder.path().join("gate"),
    );
    let main = blueprint(&journal, &terraform, &gate);
    assert_eq!(server.publish("slow", "1.0.0", &main).await.status, StatusCode::CREATED);
    let asked = server.create("slow", "slow", &json!({ "text": "cancelled" })).await;
    let id = |operation: &Value| operation["id"].as_str().expect("an id").to_owned();
    let written = || std::fs::read_to_string(&terraform).unwrap_or_default();
    until("the apply is at its second resource", || written().ends_with('\n')).await;

    // What it has made is in no state yet.
    let frozen = Frozen::new(written().trim().to_owned());
    let cancel = format!("/v1/operations/{}/cancel", id(&asked));
    let cancelled = server.send(Method::POST, &cancel, &json!({})).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{}", cancelled.text);
    assert_eq!(server.ended(&asked).await["status"], "cancelled");

    let stack = asked["links"]["stack"].as_str().expect("a link").to_owned();
    let update = json!({ "variables": { "text": "updated" } });
    let update = server.send(Method::PATCH, &stack, &update).await;
    assert_eq!(update.status, StatusCode::ACCEPTED, "{}", update.text);
    let update = update.json();
    let waiting = logged(&server, &id(&update), "Waiting for the lock of the state").await;
    assert!(waiting.contains(&id(&asked)), "it says for whom: {waiting}");
    let step = |operation: &Value| operation["steps"].as_array().and_then(|steps| steps.last()).cloned();
    let now = server.get(&format!("/v1/operations/{}", id(&update))).await;
    assert_eq!(
        step(&now).map(|step| (step["name"].clone(), step["status"].clone())),
        Some((json!("Plan"), json!("running"))),
        "{now:#}"
    );

    drop(frozen);
    std::fs::write(&gate, "").expect("the gate opens");
    let updated = server.succeeded(&update).await;
    assert_eq!(server.get(&stack).await["endpoints"]["text"], "updated");
    let made = std::fs::read_to_string(&journal).expect("the journal");
    assert_eq!(
        made, "first\n",
        "what the first one made was saved, and is not made again"
    );
    assert!(updated["plan"]["add"].as_u64() <= Some(1), "{updated:#}");
    assert_eq!(server.ended(&asked).await["status"], "cancelled", "it stays so");

    let destroyed = server.request(Method::DELETE, &stack, &[], None).await.json();
    assert_eq!(server.succeeded(&destroyed).await["plan"]["destroy"], 2);
}
