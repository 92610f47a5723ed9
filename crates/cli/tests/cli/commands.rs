//! The command line: what it prints for people and for programs, and its exit codes.

use std::process::{Command, Output};

use crate::support::{SLIPWAY, Server};
use serde_json::Value;

const TEXT: &str = r#"
variable "text" {
  type        = string
  description = "What it says."
}
variable "fail" {
  type    = bool
  default = false
}
resource "terraform_data" "text" {
  input = var.text
  lifecycle {
    precondition {
      condition     = !var.fail
      error_message = "It was asked to fail."
    }
  }
}
output "slipway" { value = { endpoints = { text = terraform_data.text.output } } }
"#;

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// A folder with the blueprint in it.
fn blueprint() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.tf"), TEXT).expect("a file");
    folder
}

fn json(server: &Server, args: &[&str]) -> Value {
    let output = server.slipway(&[args, &["--json"]].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", complaint(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", printed(&output)))
}

#[test]
fn a_stack_lives_by_the_command_line_alone() {
    let server = Server::start();
    let folder = blueprint();
    let folder = folder.path().to_string_lossy();
    let published = server.slipway(&[
        "blueprint",
        "publish",
        &folder,
        "--as",
        "text@1.0.0",
        "--description",
        "Says a text",
    ]);
    assert!(
        printed(&published).starts_with("published text@1.0.0 (sha256:"),
        "{}",
        complaint(&published)
    );
    let shown = printed(&server.slipway(&["blueprint", "show", "text"]));
    assert!(
        shown.contains("text") && shown.contains("string (required)") && shown.contains("What it says."),
        "{shown}"
    );

    let created = server.slipway(&[
        "stack",
        "create",
        "first",
        "--blueprint",
        "text",
        "--var",
        "text=12",
        "--wait",
    ]);
    let lines = printed(&created);
    assert_eq!(code(&created), 0, "{lines}{}", complaint(&created));
    for line in [
        "provision of first",
        "done      Plan",
        "done      Review plan: 1 to add",
        "provision of first succeeded in",
    ] {
        assert!(lines.contains(line), "{line}: {lines}");
    }
    let stacks = json(&server, &["stack", "list", "--environment", "local"]);
    let id = stacks[0]["id"].as_str().expect("an id").to_owned();
    for stack in [&id, "first", "local/first"] {
        assert!(printed(&server.slipway(&["stack", "show", stack])).contains("text = 12"));
    }

    let preview = json(&server, &["stack", "preview", "first", "--var", "text=other", "--wait"]);
    assert_eq!(preview["plan"]["change"], 1);
    let update = json(&server, &["stack", "update", &id, "--var", "text=other"]);
    let operation = update["id"].as_str().expect("an operation");
    assert_eq!(code(&server.slipway(&["operation", "watch", operation])), 0);
    let logs = printed(&server.slipway(&["logs", operation, "--follow"]));
    assert!(logs.contains("terraform_data.text"), "{logs}");
    assert!(printed(&server.slipway(&["operation", "list", &id])).lines().count() >= 4);

    let unconfirmed = server.slipway(&["stack", "destroy", &id, "--wait"]);
    assert!(
        code(&unconfirmed) == 2 && complaint(&unconfirmed).contains("`--yes`"),
        "{}",
        complaint(&unconfirmed)
    );
    let destroyed = server.slipway(&["stack", "destroy", &id, "--wait", "--yes"]);
    assert_eq!(code(&destroyed), 0, "{}", complaint(&destroyed));
    assert_eq!(
        printed(&server.slipway(&["stack", "list"])).trim(),
        "There are no stacks. Create one with `slipway stack create`."
    );
    destroyed_stack_is_found(&server, &id);
    let shown = printed(&server.slipway(&["operation", "show", operation]));
    assert!(shown.contains("destroyed since this operation"), "{shown}");
    let watched = server.slipway(&["operation", "watch", operation]);
    assert_eq!(code(&watched), 3, "{}", complaint(&watched));
    assert!(printed(&watched).contains("before this watch"), "{}", printed(&watched));
    assert!(
        complaint(&watched).contains("under another key"),
        "{}",
        complaint(&watched)
    );
}

/// The record of a destroyed stack remains, and its name leads to it.
fn destroyed_stack_is_found(server: &Server, id: &str) {
    for name in ["first", "local/first"] {
        let shown = server.slipway(&["stack", "show", name]);
        let says = complaint(&shown);
        assert!(
            code(&shown) == 3
                && says.contains(&format!(
                    "there is no stack `{name}` any more: {id} in the environment local"
                )),
            "{says}"
        );
        assert!(
            says.contains("was destroyed at 20") && says.contains(&format!("stack show {id}`")),
            "{says}"
        );
    }
    let audit = ["audit", "list", "--subject"];
    let audited = json(server, &[&audit[..], &["stack/local/first"]].concat());
    let is_of_stack = |record: &Value| record["subject"] == format!("stack/{id}");
    assert!(
        audited
            .as_array()
            .is_some_and(|records| !records.is_empty() && records.iter().all(is_of_stack)),
        "{audited}"
    );
    let none = printed(&server.slipway(&[&audit[..], &["environment/nowhere"]].concat()));
    assert_eq!(none.trim(), "No record matches `--subject environment/nowhere`.");
    let newest = complaint(&server.slipway(&["audit", "list", "--limit", "1"]));
    assert!(
        newest.contains("Only the newest 1 record. List more with `--limit 10`."),
        "{newest}"
    );
    assert_eq!(code(&server.slipway(&[&audit[..], &["first"]].concat())), 3);
    let shown = printed(&server.slipway(&["stack", "show", id]));
    assert!(
        shown.contains("destroyed    at 20") && !shown.contains("endpoints"),
        "{shown}"
    );
    let opened = server.slipway(&["open", id, "--no-browser"]);
    assert!(
        code(&opened) == 3 && complaint(&opened).contains("was destroyed"),
        "{}",
        complaint(&opened)
    );
}

#[test]
fn exit_codes_and_complaints_can_be_trusted() {
    let server = Server::start();
    let folder = blueprint();
    server.slipway(&[
        "blueprint",
        "publish",
        &folder.path().to_string_lossy(),
        "--as",
        "text@1.0.0",
    ]);

    let failed = server.slipway(&[
        "stack",
        "create",
        "fails",
        "--blueprint",
        "text",
        "--var",
        "text=x",
        "--var",
        "fail=true",
        "--wait",
    ]);
    assert_eq!(code(&failed), 1, "{}", complaint(&failed));
    assert!(
        complaint(&failed).contains("It was asked to fail."),
        "{}",
        complaint(&failed)
    );

    for (expected, args, words) in [
        (
            2,
            &["stack", "create", "x", "--blueprint", "text", "--var", "fail=yes"][..],
            "the variable has the type bool",
        ),
        (2, &["stack", "show", "No such"][..], "lower-case"),
        (3, &["stack", "show", "no-such"][..], "`slipway stack list`"),
        (3, &["stack", "show", "none/fails"][..], "`none/fails`"),
        (
            2,
            &["release", "create", "lusab-babad", "--image", "web=guestbook:1"][..],
            "by digest",
        ),
        (
            3,
            &["stack", "create", "x", "--blueprint", "text"][..],
            "variables.text: is missing",
        ),
        (3, &["stack", "create", "x", "--blueprint", "none"][..], "text"),
        (3, &["aws", "ecs", "NoSuchAction"][..], "UnknownOperation"),
    ] {
        let output = server.slipway(args);
        assert_eq!(code(&output), expected, "{args:?}: {}", complaint(&output));
        assert!(complaint(&output).contains(words), "{args:?}: {}", complaint(&output));
    }
    for (args, what, list) in [
        (
            &["stack", "show", "lusab-babad"][..],
            "stack `lusab-babad`",
            "stack list",
        ),
        (&["stack", "show", "local/none"], "stack `local/none`", "stack list"),
        (
            &["logs", "op-01kaj3v9mz5x0q8r2t4w6y7z9a"],
            "operation `op-01kaj3v9mz5x0q8r2t4w6y7z9a`",
            "operation list STACK",
        ),
        (
            &["operation", "show", "op-1"],
            "operation `op-1`",
            "operation list STACK",
        ),
        (&["policy", "show", "none"], "policy `none`", "policy list"),
        (&["webhook", "remove", "none"], "webhook `none`", "webhook list"),
        (
            &["source-account", "show", "111122223333"],
            "source account `111122223333`",
            "source-account list",
        ),
        (&["event", "show", "none"], "dead-lettered event `none`", "event list"),
    ] {
        let output = server.slipway(args);
        let said = complaint(&output);
        assert_eq!(code(&output), 3, "{args:?}: {said}");
        assert!(said.starts_with(&format!("error: there is no {what}: ")), "{said}");
        assert!(
            said.contains(&format!("`slipway {list}`")) && !said.contains("/v1/"),
            "{said}"
        );
    }
    let nowhere = Command::new(SLIPWAY)
        .args(["stack", "list", "--endpoint", "http://127.0.0.1:1"])
        .output();
    let nowhere = nowhere.expect("slipway runs");
    assert_eq!(code(&nowhere), 4);
    assert!(complaint(&nowhere).contains("slipway up"), "{}", complaint(&nowhere));
}

#[test]
fn unreadable_input_is_named_with_place_and_remedy() {
    let server = Server::start();
    let published = blueprint();
    let source = published.path().to_string_lossy();
    let unnamed = server.slipway(&["blueprint", "publish", &source]);
    assert_eq!(
        (
            code(&unnamed),
            complaint(&unnamed).contains("it has no name and version")
        ),
        (2, true),
        "{}",
        complaint(&unnamed)
    );
    server.slipway(&["blueprint", "publish", &source, "--as", "text@1.0.0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let create = |options: [&str; 2]| {
        let args = ["stack", "create", "x", "--blueprint", "text"];
        complaint(&server.slipway(&[&args[..], &options[..]].concat()))
    };
    for (name, text, parts) in [
        (
            "cut.json",
            "{\"size\": 2,\n",
            &["line 2, column 1", "ends too early"][..],
        ),
        ("word.json", "{\"size\": two}", &["line 1, column 11", "double quotes"]),
        ("comma.json", "{\"size\": 2,}", &["line 1, column 12", "comma"]),
        ("list.json", "[]", &["not a JSON object", "{\"size\": 1}"]),
        ("odd.vars", "size = 2\n", &["line 1, column 1", "`.tfvars`"]),
        ("cut.tfvars", "size =\n", &["line 1, column", "`size = 2`"]),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        let said = create(["--var-file", &file.to_string_lossy()]);
        for part in [&[name][..], parts].concat() {
            assert!(said.contains(part), "{name}: {part}: {said}");
        }
        for jargon in ["EOF", "ident", "nud"] {
            assert!(!said.contains(jargon), "{name}: {said}");
        }
    }
    for (args, part) in [
        (
            &["--endpoint", "nowhere", "stack", "list"][..],
            "`nowhere` is not a URL: write `https://…`",
        ),
        (
            &["blueprint", "show", "web@one"],
            "`one` is not a version: write three numbers",
        ),
        (
            &["stack", "list", "--query", "[?a=="],
            "the expression `[?a==` ends too early; write",
        ),
        (
            &["aws", "ecs", "ListClusters", "{a"],
            "line 1, column 2: the name of a field needs double quotes",
        ),
    ] {
        let output = server.slipway(args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(complaint(&output).contains(part), "{args:?}: {}", complaint(&output));
    }
}

#[tokio::test]
async fn approver_sees_what_waits_and_what_it_would_do() {
    let server = Server::start();
    let folder = blueprint();
    let files = tempfile::tempdir().expect("a folder");
    let asks = files.path().join("asks.json");
    let environment =
        r#"{"account": "000000000000", "region": "us-east-1", "approval": "always", "self_approval": true}"#;
    std::fs::write(&asks, environment).expect("a file");
    for args in [
        &[
            "blueprint",
            "publish",
            &folder.path().to_string_lossy(),
            "--as",
            "text@1.0.0",
        ][..],
        &["environment", "put", "asks", "--request", &asks.to_string_lossy()],
    ] {
        let output = server.slipway(args);
        assert_eq!(code(&output), 0, "{}", complaint(&output));
    }
    let create = [
        "stack",
        "create",
        "waits",
        "--blueprint",
        "text",
        "--var",
        "text=x",
        "--environment",
        "asks",
    ];
    let asked = json(&server, &create);
    let id = asked["id"].as_str().expect("an id");
    let waits = |operation: &Value| operation["status"] == "waiting_for_approval";
    server.operation_that(id, waits).await;

    let waiting = printed(&server.slipway(&["operation", "list", "--waiting"]));
    assert!(waiting.contains(id) && waiting.contains("asks"), "{waiting}");
    let shown = printed(&server.slipway(&["operation", "show", id]));
    let approve = format!("slipway approve {id}");
    assert!(
        shown.contains("create   terraform_data.text")
            && shown.contains(&approve)
            && shown.contains(&format!("slipway sheet {id}")),
        "{shown}"
    );
    let plan = printed(&server.slipway(&["plan", "waits"]));
    assert!(
        plan.contains("+   create terraform_data.text") && plan.contains("+ input: \"x\""),
        "{plan}"
    );
    let sheet = printed(&server.slipway(&["sheet", id]));
    assert!(
        sheet.contains("~ text: (default) -> \"x\"")
            && sheet.contains("sheet hash   sha256:")
            && sheet.contains(&format!("slipway approve {id} --sheet sha256:"))
            && sheet.contains(&format!("slipway reject {id} --reason")),
        "{sheet}"
    );
    // Standard input is not a terminal.
    let unasked = server.slipway(&["approve", id]);
    assert_eq!(
        (code(&unasked), complaint(&unasked).contains("--sheet HASH")),
        (2, true),
        "{}",
        complaint(&unasked)
    );
    let stale = server.slipway(&["approve", id, "--sheet", &format!("sha256:{}", "0".repeat(64))]);
    assert_eq!(
        (code(&stale), complaint(&stale).contains("another sheet now")),
        (3, true),
        "{}",
        complaint(&stale)
    );
    let rejected = server.slipway(&["reject", id, "--reason", "too dear"]);
    assert_eq!(code(&rejected), 0, "{}", complaint(&rejected));
    assert_eq!(
        printed(&rejected).trim(),
        format!("rejected: provision of waits ({id}). Nothing is applied.")
    );
    let watched = server.slipway(&["operation", "watch", id]);
    assert_eq!(code(&watched), 1);
    assert!(complaint(&watched).contains("too dear"), "{}", complaint(&watched));
    assert!(!printed(&watched).contains("too dear"), "it is said once");
}

#[test]
fn an_image_is_pushed_to_the_server_that_is_named_or_to_none() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("image.json"), r#"{"entrypoint": ["/bin/true"]}"#).expect("a manifest");
    let push = |endpoint: &str| {
        let folder = folder.path().to_string_lossy();
        let args = ["--endpoint", endpoint, "image", "push", &*folder, "--repository", "web"];
        server.slipway(&args)
    };
    let pushed = push(&server.api);
    assert!(pushed.status.success(), "{pushed:?}");
    for other in ["http://127.0.0.1:9", "https://slipway.example.com"] {
        let refused = push(other);
        assert_eq!(code(&refused), 2, "{refused:?}");
        assert!(complaint(&refused).contains("AWS_ENDPOINT_URL"), "{refused:?}");
    }
    std::fs::write(folder.path().join("image.json"), r#"{"entrypoint": ["./app"]}"#).expect("a manifest");
    let refused = push(&server.api);
    assert_eq!(code(&refused), 2, "{refused:?}");
    assert!(complaint(&refused).contains("no file `./app`"), "{refused:?}");
}

#[test]
fn a_start_that_cannot_be_says_why() {
    let server = Server::start();
    let port = server.api.rsplit(':').next().expect("a port").to_owned();
    let other = tempfile::tempdir().expect("a folder");
    let start = |data: &std::path::Path, args: &[&str]| {
        let mut command = Command::new(SLIPWAY);
        command.args(["up", "--data"]).arg(data).args(args);
        command
    };
    let taken = start(other.path(), &["--port", &port, "--aws-port", "0"])
        .output()
        .expect("slipway runs");
    assert_eq!(code(&taken), 5);
    assert!(
        complaint(&taken).contains(&port) && complaint(&taken).contains("0 picks a free one"),
        "{}",
        complaint(&taken)
    );

    let shared = start(server.data(), &["--port", "0", "--aws-port", "0"])
        .output()
        .expect("slipway runs");
    assert_eq!(code(&shared), 5);
    assert!(
        complaint(&shared).contains("in use by the process"),
        "{}",
        complaint(&shared)
    );

    let file = other.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let no_folder = start(&file, &["--port", "0", "--aws-port", "0"])
        .output()
        .expect("slipway runs");
    assert_eq!(code(&no_folder), 5);
    assert!(
        complaint(&no_folder).contains(&*file.to_string_lossy()),
        "{}",
        complaint(&no_folder)
    );

    let no_terraform = start(other.path(), &["--port", "0", "--aws-port", "0"])
        .env("PATH", other.path())
        .env("XDG_CACHE_HOME", other.path())
        .env("SLIPWAY_TERRAFORM_RELEASES", "http://127.0.0.1:1")
        .output()
        .expect("slipway runs");
    assert_eq!(code(&no_terraform), 5);
    assert!(
        complaint(&no_terraform).contains("install Terraform"),
        "{}",
        complaint(&no_terraform)
    );
}

#[test]
fn shells_get_their_completion() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(SLIPWAY)
            .args(["completion", shell])
            .output()
            .expect("slipway runs");
        assert!(printed(&output).contains("blueprint"), "{shell}");
    }
}

#[test]
fn help_of_a_command_has_its_own_options() {
    let help = |command: &[&str]| {
        let output = Command::new(SLIPWAY).args(command).arg("--help").output();
        printed(&output.expect("it runs"))
    };
    let common = "--endpoint";
    assert!(help(&[]).contains(common));
    let of_list = help(&["stack", "list"]);
    assert!(of_list.contains("--status") && !of_list.contains(common), "{of_list}");
    assert!(of_list.contains("slipway --help"), "it says where the others are");
}
