//! Operations end to end: over HTTP, through the shipped state machine, with real Terraform.

use crate::support::{self, Server, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Three resources of Terraform itself, and an output contract.
const THREE: &str = r#"
    variable "text" {
      type    = string
      default = "hello"
    }
    resource "terraform_data" "one"   { input = var.text }
    resource "terraform_data" "two"   { input = terraform_data.one.output }
    resource "terraform_data" "three" { input = 3 }
    output "slipway" { value = { endpoints = { text = terraform_data.two.output } } }
"#;

#[tokio::test]
async fn a_stack_lives_from_provision_to_destroy() {
    let server = Server::start();
    assert_eq!(
        server.publish("three", "1.0.0", THREE).await.status,
        StatusCode::CREATED
    );

    let asked = server.create("first", "three", &json!({})).await;
    let provisioned = server.succeeded(&asked).await;
    assert_eq!(provisioned["plan"]["add"], 3);
    assert_eq!(
        provisioned["progress"],
        json!({ "done": 3, "total": 3, "running": 0, "current": provisioned["progress"]["current"] })
    );
    let stack_path = format!("/v1/stacks/{}", asked["stack"]["id"].as_str().expect("a stack"));
    let stack = server.get(&stack_path).await;
    assert_eq!(
        (&stack["status"], &stack["endpoints"]["text"]),
        (&json!("ready"), &json!("hello"))
    );

    let preview = server
        .send(
            Method::POST,
            &format!("{stack_path}/preview"),
            &json!({"variables": {"text": "x"}}),
        )
        .await;
    let preview = server.succeeded(&preview.json()).await;
    assert_eq!(
        (&preview["plan"]["change"], &preview["plan"]["verdict"]),
        (&json!(2), &json!("shown_only"))
    );
    assert_eq!(
        server.get(&stack_path).await["endpoints"]["text"],
        "hello",
        "a preview changes nothing"
    );

    let update = server
        .send(Method::PATCH, &stack_path, &json!({"variables": {"text": "changed"}}))
        .await;
    let update = server.succeeded(&update.json()).await;
    assert_eq!(update["plan"]["change"], 2);
    assert_eq!(server.get(&stack_path).await["endpoints"]["text"], "changed");

    let same = server
        .send(Method::PATCH, &stack_path, &json!({"variables": {"text": "changed"}}))
        .await;
    let same = server.succeeded(&same.json()).await;
    assert_eq!(same["plan"]["verdict"], "nothing_to_change");
    assert!(step(&same, "Apply").is_none(), "nothing is applied: {same:#}");

    let destroy = server.request(Method::DELETE, &stack_path, &[], None).await;
    let destroy = server.succeeded(&destroy.json()).await;
    assert_eq!(destroy["plan"]["destroy"], 3);
    assert_eq!(server.get(&stack_path).await["status"], "destroyed");
    assert_eq!(server.get("/v1/stacks").await["items"], json!([]));
    // The name is free again.
    server
        .succeeded(&server.create("first", "three", &json!({})).await)
        .await;
}

/// What looks like a template, a command or a path arrives in Terraform as the text that it is.
#[tokio::test]
async fn values_are_data() {
    let server = Server::start();
    server.publish("three", "1.0.0", THREE).await;
    let texts = [
        "${file(\"/etc/passwd\")}",
        "$(id)",
        "`id`",
        "../../x",
        "-destroy",
        "%{ if true }x",
        "a b \u{1F600} \"'\\",
    ];
    for (index, text) in texts.iter().enumerate() {
        let asked = server
            .create(&format!("stack-{index}"), "three", &json!({ "text": text }))
            .await;
        server.succeeded(&asked).await;
        let stack = server.get(asked["links"]["stack"].as_str().expect("a link")).await;
        assert_eq!(stack["endpoints"]["text"], json!(text));
    }
}

#[tokio::test]
async fn partially_failed_apply_is_continued_by_the_next() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (made, gate) = (folder.path().join("made"), folder.path().join("gate"));
    let main = format!(
        r#"
        resource "terraform_data" "first" {{
          provisioner "local-exec" {{
            interpreter = ["/bin/sh", "-c", "echo made >> \"$0\""]
            command     = {made}
          }}
        }}
        resource "terraform_data" "second" {{
          depends_on = [terraform_data.first]
          provisioner "local-exec" {{
            interpreter = ["ls"]
            command     = {gate}
          }}
        }}
        output "slipway" {{ value = {{}} }}
        "#,
        made = support::hcl_string(&made.to_string_lossy()),
        gate = support::hcl_string(&gate.to_string_lossy()),
    );
    server.publish("half", "1.0.0", &main).await;
    let asked = server.create("half", "half", &json!({})).await;
    let failed = server.ended(&asked).await;
    assert_eq!(
        (&failed["status"], &failed["error"]["name"]),
        (&json!("failed"), &json!("Slipway.ApplyFailed"))
    );
    assert_eq!(failed["error"]["address"], "terraform_data.second");
    assert_eq!(failed["error"]["step"], "Apply");
    assert!(
        failed["error"]["log"]
            .as_str()
            .is_some_and(|log| log.ends_with("/logs"))
    );
    let execution = server.execution_ended(&failed).await;
    assert_eq!(execution["status"], "FAILED");
    let cause = execution["cause"].as_str().unwrap_or_default();
    assert!(
        cause.contains("terraform_data.second") && cause.contains("`slipway logs op-"),
        "{cause}"
    );
    let log = server.get(failed["error"]["log"].as_str().expect("a path")).await;
    assert!(log["lines"].to_string().contains("terraform_data.second"), "{log:#}");

    std::fs::write(&gate, "").expect("the gate opens");
    let stack = failed["links"]["stack"].as_str().expect("a link");
    let again = server.send(Method::PATCH, stack, &json!({ "variables": {} })).await;
    server.succeeded(&again.json()).await;
    let made = std::fs::read_to_string(&made).expect("the file");
    assert_eq!(made, "made\n", "what was made is not made again");
}

#[tokio::test]
async fn a_broken_blueprint_ends_failed_with_the_first_diagnostic() {
    let server = Server::start();
    let syntax = server.publish("syntax", "1.0.0", "resource \"terraform_data\" {").await;
    assert_eq!(syntax.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", syntax.text);
    assert!(
        syntax.text.contains("files.main.tf") && syntax.text.contains("\"line\":1"),
        "{}",
        syntax.text
    );

    for (name, main, error, words) in [
        (
            "reference",
            "output \"slipway\" { value = terraform_data.nothing.id }",
            "Slipway.PlanFailed",
            "terraform_data",
        ),
        (
            "no-output",
            "resource \"terraform_data\" \"a\" {}\noutput \"slipway\" { value = terraform_data.a.input }",
            "Slipway.ContractInvalid",
            "slipway",
        ),
        (
            "contract",
            "resource \"terraform_data\" \"a\" { input = { name = \"x\" } }\noutput \"slipway\" { value = { cluster = \"main\", \
             services = { web = terraform_data.a.output } } }",
            "Slipway.ContractInvalid",
            "slipway.services.web.task_definition",
        ),
    ] {
        assert_eq!(server.publish(name, "1.0.0", main).await.status, StatusCode::CREATED);
        let failed = server.ended(&server.create(name, name, &json!({})).await).await;
        assert_eq!(
            (&failed["status"], &failed["error"]["name"]),
            (&json!("failed"), &json!(error)),
            "{failed:#}"
        );
        assert!(failed["error"]["message"].to_string().contains(words), "{failed:#}");
    }
}

/// What the plan knows of the contract is checked before anything is made. The corrected request may have the same name.
#[tokio::test]
async fn planned_contract_that_is_wrong_creates_nothing() {
    let server = Server::start();
    let main = "variable \"bake\" {\n  type = number\n}\nresource \"terraform_data\" \"a\" {}\noutput \"slipway\" {\n  value = { bake_seconds = \
                var.bake, notes = { id = terraform_data.a.id } }\n}\n";
    assert_eq!(server.publish("bake", "1.0.0", main).await.status, StatusCode::CREATED);
    let failed = server
        .ended(&server.create("bake", "bake", &json!({ "bake": 1.5 })).await)
        .await;
    assert_eq!(failed["error"]["name"], "Slipway.ContractInvalid", "{failed:#}");
    assert!(
        failed["error"]["message"].to_string().contains("slipway.bake_seconds"),
        "{failed:#}"
    );
    let applied = failed["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .any(|step| step["name"] == "Apply");
    assert!(!applied, "{failed:#}");
    let stack = failed["links"]["stack"].as_str().expect("a link");
    assert_eq!(server.get(stack).await["status"], "destroyed");
    let corrected = server.create("bake", "bake", &json!({ "bake": 2 })).await;
    server.succeeded(&corrected).await;
}

/// 16 at once: each id has its own state, with its own text in it.
#[tokio::test]
async fn stacks_made_at_once_do_not_mix() {
    let server = Server::start();
    server.publish("three", "1.0.0", THREE).await;
    let asked = (0..16).map(|index| {
        let server = &server;
        async move {
            server
                .create(
                    &format!("stack-{index}"),
                    "three",
                    &json!({ "text": format!("text {index}") }),
                )
                .await
        }
    });
    let asked = futures::future::join_all(asked).await;
    for (index, operation) in asked.iter().enumerate() {
        server.succeeded(operation).await;
        let stack = server.get(operation["links"]["stack"].as_str().expect("a link")).await;
        assert_eq!(stack["endpoints"]["text"], json!(format!("text {index}")));
    }
    let mut ids: Vec<&str> = asked
        .iter()
        .filter_map(|operation| operation["stack"]["id"].as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 16);
}

/// The second update waits until the first has ended, and both are done in the order of their requests.
#[tokio::test]
async fn two_updates_of_a_stack_take_their_turns() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let gate = folder.path().join("gate");
    let main = format!(
        r#"
        variable "text" {{ type = string }}
        resource "terraform_data" "gate" {{
          input            = var.text
          triggers_replace = [var.text]
          provisioner "local-exec" {{
            interpreter = ["/bin/sh", "-c", "[ \"$1\" = first ] || exit 0; until [ -e \"$0\" ]; do sleep 0.05; done", {gate}]
            command     = var.text
          }}
        }}
        output "slipway" {{ value = {{ endpoints = {{ text = terraform_data.gate.output }} }} }}
        "#,
        gate = support::hcl_string(&gate.to_string_lossy()),
    );
    server.publish("gate", "1.0.0", &main).await;
    let provisioned = server
        .succeeded(&server.create("gate", "gate", &json!({ "text": "none" })).await)
        .await;
    let stack = provisioned["links"]["stack"].as_str().expect("a link").to_owned();
    let update = async |text: &str| {
        server
            .send(Method::PATCH, &stack, &json!({"variables": {"text": text}}))
            .await
            .json()
    };
    let (first, second) = (update("first").await, update("second").await);
    assert_eq!((&second["status"], &second["position"]), (&json!("queued"), &json!(1)));
    let id = first["id"].as_str().expect("an id");
    server
        .operation_that(id, |operation| step(operation, "Apply").is_some())
        .await;
    let waiting = server
        .get(&format!("/v1/operations/{}", second["id"].as_str().expect("an id")))
        .await;
    assert_eq!(
        waiting["status"], "queued",
        "the second waits while the first is applied"
    );

    std::fs::write(&gate, "").expect("the gate opens");
    let (first, second) = (server.succeeded(&first).await, server.succeeded(&second).await);
    assert!(
        first["ended_at"].as_str() <= second["started_at"].as_str(),
        "one after the other"
    );
    assert_eq!(server.get(&stack).await["endpoints"]["text"], "second");
}

/// `kill -9` in the middle of an apply, then up again: nothing is lost, stuck, made twice, or in need of an unlock.
#[tokio::test]
async fn a_server_that_is_killed_in_an_apply_goes_on() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, gate) = (folder.path().join("journal"), folder.path().join("gate"));
    let main = format!(
        r#"
        resource "terraform_data" "first" {{
          provisioner "local-exec" {{
            interpreter = ["/bin/sh", "-c", "echo first >> \"$0\""]
            command     = {journal}
          }}
        }}
        resource "terraform_data" "second" {{
          depends_on = [terraform_data.first]
          provisioner "local-exec" {{
            interpreter = ["/bin/sh", "-c", "until [ -e \"$1\" ]; do sleep 0.05; done; echo second >> \"$0\"", {journal}]
            command     = {gate}
          }}
        }}
        output "slipway" {{ value = {{}} }}
        "#,
        journal = support::hcl_string(&journal.to_string_lossy()),
        gate = support::hcl_string(&gate.to_string_lossy()),
    );
    server.publish("slow", "1.0.0", &main).await;
    let asked = server.create("slow", "slow", &json!({})).await;
    until("the first resource is made", || journal.exists()).await;

    server = server.kill_and_restart();
    std::fs::write(&gate, "").expect("the gate opens");
    let ended = server.succeeded(&asked).await;
    assert_eq!(ended["id"], asked["id"]);
    assert_eq!(
        std::fs::read_to_string(&journal).expect("the journal"),
        "first\nsecond\n",
        "each was made once"
    );

    let stack = ended["links"]["stack"].as_str().expect("a link");
    let again = server
        .succeeded(
            &server
                .send(Method::PATCH, stack, &json!({"variables": {}}))
                .await
                .json(),
        )
        .await;
    assert_eq!(
        again["plan"]["verdict"], "nothing_to_change",
        "the state knows what was made"
    );
    let destroyed = server.request(Method::DELETE, stack, &[], None).await.json();
    server.succeeded(&destroyed).await;
}

/// Killed with all that it had started, in the middle of an apply: the operation ends with a reason, and the lock that
/// Terraform left does not stop the next one.
#[tokio::test]
async fn a_lock_that_a_dead_build_left_is_healed() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (pid, gate) = (folder.path().join("pid"), folder.path().join("gate"));
    let main = format!(
        r#"
        resource "terraform_data" "slow" {{
          provisioner "local-exec" {{
            interpreter = ["/bin/sh", "-c", "ps -o sid= -p $$ > \"$0\"; until [ -e \"$1\" ]; do sleep 0.05; done", {pid}]
            command     = {gate}
          }}
        }}
        output "slipway" {{ value = {{}} }}
        "#,
        pid = support::hcl_string(&pid.to_string_lossy()),
        gate = support::hcl_string(&gate.to_string_lossy()),
    );
    server.publish("slow", "1.0.0", &main).await;
    let asked = server.create("slow", "slow", &json!({})).await;
    until("the apply runs", || {
        std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;
    let session = std::fs::read_to_string(&pid).expect("a session").trim().to_owned();
    let killed = std::process::Command::new("pkill")
        .args(["-KILL", "-s", &session])
        .status()
        .expect("pkill runs");
    assert!(killed.success());
    server = server.kill_and_restart();

    let failed = server.ended(&asked).await;
    assert_eq!(failed["status"], "failed", "{failed:#}");
    assert!(
        !failed["error"]["message"].as_str().unwrap_or_default().is_empty(),
        "it says why: {failed:#}"
    );
    std::fs::write(&gate, "").expect("the gate opens");
    let stack = failed["links"]["stack"].as_str().expect("a link");
    let again = server.send(Method::PATCH, stack, &json!({ "variables": {} })).await;
    server.succeeded(&again.json()).await;
}

/// A step of an operation.
fn step<'a>(operation: &'a Value, name: &str) -> Option<&'a Value> {
    operation["steps"].as_array()?.iter().find(|step| step["name"] == name)
}
