//! The behaviour on a terminal, which scripts do not see: waiting, questions, results, Ctrl-C.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{SLIPWAY, Server};

/// A stack whose resource takes some seconds, and that has notes.
const NOTES: &str = r#"
variable "seconds" {
  type    = number
  default = 0
}
resource "terraform_data" "slow" {
  input = var.seconds
  provisioner "local-exec" {
    interpreter = ["sleep"]
    command     = self.input
  }
}
output "slipway" {
  value = {
    endpoints = { web = "http://127.0.0.1:1/${terraform_data.slow.output}" }
    notes     = { hello = "\u001b[31mred" }
  }
}
"#;

/// Runs a command on a terminal, and types a text after each that is shown.
fn on_terminal(server: &Server, arguments: &[&str], script: &[[&str; 2]]) -> (Option<i32>, String) {
    program_on_terminal(server, &[&[SLIPWAY], arguments].concat(), script)
}

fn program_on_terminal(server: &Server, command: &[&str], script: &[[&str; 2]]) -> (Option<i32>, String) {
    let helper = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/support/terminal.py");
    let output = Command::new("python3")
        .arg(helper)
        .arg(json!(script).to_string())
        .args(command)
        .env("SLIPWAY_DATA", server.data())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("AWS_ENDPOINT_URL")
        .output()
        .expect("python3 runs");
    (output.status.code(), text(&output))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn terminal_waits_asks_and_shows_what_is_there() {
    let server = Server::start();
    server.publish("notes", "1.0.0", NOTES).await;
    let create = ["stack", "create", "shop", "--blueprint", "notes"];
    let (code, shown) = on_terminal(&server, &create, &[]);
    assert_eq!(code, Some(0), "{shown}");
    for line in ["provision of shop succeeded", "http://127.0.0.1:1/0", "\\x1b[31mred"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(shown.contains("\u{1b}[32m"), "it is coloured: {shown}");

    let (code, shown) = on_terminal(&server, &["operation", "list", "shop"], &[]);
    assert!(code == Some(0) && shown.contains(" s ago"), "{shown}");
    let (code, shown) = on_terminal(&server, &["open", "shop", "--no-browser"], &[]);
    assert!(code == Some(0) && shown.contains("http://127.0.0.1:1/0"), "{shown}");

    let (code, shown) = on_terminal(&server, &["stack", "destroy", "shop"], &[["Type its name:", "shp\n"]]);
    assert!(
        code == Some(7) && shown.contains("was not destroyed"),
        "{code:?} {shown}"
    );
    // A person whose output goes elsewhere cannot be asked.
    let piped = format!("set -o pipefail; '{SLIPWAY}' stack destroy shop | cat");
    let (code, shown) = program_on_terminal(&server, &["bash", "-c", &piped], &[]);
    assert!(code == Some(2) && shown.contains("`--yes`"), "{code:?} {shown}");
    let (code, shown) = on_terminal(&server, &["stack", "destroy", "shop"], &[["Type its name:", "shop\n"]]);
    assert!(
        code == Some(0) && shown.contains("destroy of shop succeeded"),
        "{code:?} {shown}"
    );

    // A script does not wait.
    let created = server.slipway(&["stack", "create", "other", "--blueprint", "notes", "--var", "seconds=1"]);
    assert!(
        text(&created).contains("Watch it: slipway operation watch"),
        "{}",
        text(&created)
    );
    let watched = server.slipway(&["operation", "watch", "other"]);
    assert_eq!(watched.status.code(), Some(0), "{}", text(&watched));
    let destroyed = server.slipway(&["stack", "destroy", "other", "--wait", "--yes"]);
    assert_eq!(destroyed.status.code(), Some(0), "{}", text(&destroyed));
}

#[tokio::test]
async fn interrupt_ends_the_watch_and_not_the_operation() {
    let server = Server::start();
    server.publish("notes", "1.0.0", NOTES).await;
    let create = ["stack", "create", "slow", "--blueprint", "notes", "--var", "seconds=5"];
    let (code, shown) = on_terminal(&server, &create, &[["done      Plan", "\u{3}"]]);
    assert_eq!(code, Some(130), "{shown}");
    assert!(
        shown.contains("continues") && shown.contains("slipway operation watch op-"),
        "{shown}"
    );
    let watched = server.slipway(&["operation", "watch", "slow"]);
    assert!(
        text(&watched).contains("provision of slow succeeded"),
        "{}",
        text(&watched)
    );
}

#[tokio::test]
async fn stack_stands_for_its_operation() {
    let server = Server::start();
    server.publish("notes", "1.0.0", NOTES).await;
    server.approve_every_plan_in("live").await;
    let asked = server.slipway(&[
        "stack",
        "create",
        "shop",
        "--blueprint",
        "notes",
        "--environment",
        "live",
        "--json",
    ]);
    let operation: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    let id = operation["id"].as_str().expect("an id");
    server
        .operation_that(id, |operation| operation["status"] == "waiting_for_approval")
        .await;

    let refused = server.slipway(&["approve", "live/shop"]);
    assert!(text(&refused).contains("--sheet HASH"), "{}", text(&refused));
    let (code, shown) = on_terminal(&server, &["approve", "shop"], &[["Only `yes` approves it:", "no\n"]]);
    assert!(
        code == Some(7) && shown.contains("was not approved, and still waits"),
        "{code:?} {shown}"
    );
    let approve = ["approve", "shop", "--wait"];
    let (code, shown) = on_terminal(&server, &approve, &[["Only `yes` approves it:", "yes\n"]]);
    assert!(
        code == Some(0)
            && shown.contains("You approve the sheet sha256:")
            && shown.contains("provision of shop succeeded"),
        "{code:?} {shown}"
    );
    server.succeeded(&operation).await;

    let shown = server.slipway(&["operation", "show", "shop"]);
    assert!(text(&shown).contains(id), "{}", text(&shown));
    let logs = server.slipway(&["logs", "shop"]);
    assert!(text(&logs).contains("terraform_data.slow"), "{}", text(&logs));
    let none = server.slipway(&["operation", "cancel", "shop"]);
    assert_eq!(none.status.code(), Some(3), "{}", text(&none));

    // Three requests: the last two wait in a queue, and a stack stands for neither.
    for seconds in [5, 6, 7] {
        let variable = format!("seconds={seconds}");
        let asked = server.slipway(&["stack", "update", "shop", "--var", &variable]);
        assert_eq!(asked.status.code(), Some(0), "{}", text(&asked));
    }
    let shown = server.slipway(&["operation", "show", "live/shop"]);
    assert!(
        text(&shown).contains("2 more operations wait in the queue of the stack: slipway operation list live/shop")
            && !text(&shown).contains("queue      position"),
        "{}",
        text(&shown)
    );
    let queued = server.slipway(&["operation", "list", "shop", "--status", "queued", "--query", "[0].id"]);
    let queued = text(&queued);
    let nothing = server.slipway(&["operation", "list", "shop", "--query", "[?kind=='task'].id"]);
    assert!(
        nothing.status.success() && nothing.stdout.is_empty(),
        "{}",
        text(&nothing)
    );
    assert!(text(&nothing).contains("`--query` found nothing"), "{}", text(&nothing));
    let logs = server.slipway(&["logs", queued.trim()]);
    assert!(
        text(&logs).contains("is queued (position 2) and has no log yet"),
        "{}",
        text(&logs)
    );
    let several = server.slipway(&["operation", "cancel", "shop"]);
    assert!(
        several.status.code() == Some(2) && text(&several).contains("have not ended: name one of\n  op-"),
        "{}",
        text(&several)
    );
    let mine = server.slipway(&[
        "operation",
        "list",
        "--status",
        "succeeded",
        "--since",
        "1h",
        "--mine",
        "--json",
    ]);
    let mine: Value = serde_json::from_slice(&mine.stdout).expect("JSON");
    assert_eq!(mine.as_array().map(Vec::len), Some(1), "{mine:#}");
}

#[test]
fn command_line_that_cannot_be_read_is_an_error_in_json() {
    let run = |arguments: &[&str]| Command::new(SLIPWAY).args(arguments).output().expect("slipway runs");
    let rejected = run(&["stack", "list", "--statuz", "ready", "--json"]);
    let printed: Value = serde_json::from_slice(&rejected.stderr).expect("JSON");
    assert_eq!((rejected.status.code(), &printed["exit_code"]), (Some(2), &json!(2)));
    let message = printed["message"].as_str().expect("a text");
    assert!(message.starts_with("unexpected argument '--statuz'"), "{message}");
    let rejected = run(&["stack", "list", "--statuz", "ready"]);
    assert!(
        text(&rejected).starts_with("error: unexpected argument"),
        "{}",
        text(&rejected)
    );
    let rejected = text(&run(&["stack", "list", "--\u{202e}x\u{1b}[2J"]));
    assert!(
        rejected.contains("--\\u{202e}x") && !rejected.contains(['\u{202e}', '\u{1b}']),
        "{rejected:?}"
    );
}

/// A script would take an empty file for an answer.
#[test]
fn full_disk_is_an_error_and_a_closed_pipe_is_none() {
    let server = Server::start();
    let run = |arguments: &[&str], stdout: Stdio| {
        let mut command = Command::new(SLIPWAY);
        command.args(arguments).env("SLIPWAY_DATA", server.data());
        command
            .env_remove("AWS_ENDPOINT_URL")
            .stdout(stdout)
            .stderr(Stdio::piped());
        command.spawn().expect("slipway runs")
    };
    for arguments in [
        &["stack", "list", "--json"][..],
        &["stack", "list"],
        &["reference"],
        &["help"],
        &["stack", "list", "--help"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full");
        let full = run(arguments, full.expect("a device that is full").into());
        let ended = full.wait_with_output().expect("slipway ends");
        assert_eq!(ended.status.code(), Some(5), "{arguments:?}: {}", text(&ended));
        assert!(text(&ended).contains("failed to write the output"), "{}", text(&ended));

        let mut closed = run(arguments, Stdio::piped());
        drop(closed.stdout.take());
        let ended = closed.wait_with_output().expect("slipway ends");
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {}", text(&ended));
    }
}

#[tokio::test]
async fn project_file_names_environment_and_stack() {
    let server = Server::start();
    server.publish("notes", "1.0.0", NOTES).await;
    let project = tempfile::tempdir().expect("a folder");
    let data = server.data().display();
    let settings = format!(
        "environment = \"local\"\nstack = \"shop\"\ndata = {:?}\n",
        data.to_string()
    );
    std::fs::write(project.path().join("slipway.toml"), settings).expect("a file");
    let below = project.path().join("a/b");
    std::fs::create_dir_all(&below).expect("folders");
    let run = |arguments: &[&str]| {
        let output = Command::new(SLIPWAY)
            .args(arguments)
            .current_dir(&below)
            .env_remove("SLIPWAY_DATA")
            .env_remove("AWS_ENDPOINT_URL")
            .output()
            .expect("slipway runs");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
        text(&output)
    };
    run(&["stack", "create", "shop", "--blueprint", "notes", "--wait"]);
    assert!(run(&["stack", "show", "."]).contains("shop"));
    assert!(run(&["stack", "list", "--output", "yaml"]).contains("name: shop"));
}
