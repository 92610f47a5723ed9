//! `slipway publish`, and builds that have nothing but what it put into the artifacts bucket.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{self, Server, stand_in};
use serde_json::{Value, json};
use slipway_runner::providers::package::platform;
use tempfile::TempDir;

/// The version of the AWS provider that the stand-in stands in for.
const VERSION: &str = "6.69.1";

/// A blueprint that calls a module beside it, which needs the AWS provider.
const BLUEPRINT: &str = r#"
variable "name" { type = string }
module "queue" {
  source = "../../modules/queue"
  name   = "${terraform.workspace}-${var.name}"
}
output "slipway" { value = { endpoints = { queue = module.queue.arn } } }
"#;

const MODULE: &str = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 6.0" }
  }
}
variable "name" { type = string }
resource "aws_sqs_queue" "this" { name = var.name }
output "arn" { value = aws_sqs_queue.this.arn }
"#;

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a file");
}

fn program(path: &Path, text: &str) {
    write(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program");
}

/// A folder with a blueprint and the module that it calls.
fn top() -> TempDir {
    let top = TempDir::new().expect("a folder");
    write(&top.path().join("blueprints/queue/main.tf"), BLUEPRINT);
    write(
        &top.path().join("blueprints/queue/blueprint.json"),
        r#"{"version": "1.0.0", "description": "A queue"}"#,
    );
    write(&top.path().join("modules/queue/main.tf"), MODULE);
    top
}

/// A mirror with a package of the stand-in that runs wherever it is unpacked.
fn mirror(stand_in: &Path) -> TempDir {
    let mirror = TempDir::new().expect("a folder");
    let package = format!("registry.terraform.io/hashicorp/aws/{VERSION}/{}", platform());
    let home = stand_in.display();
    program(
        &mirror
            .path()
            .join(package)
            .join(format!("terraform-provider-aws_v{VERSION}")),
        &format!("#!/bin/sh\nexec '{home}/venv/bin/python' -I '{home}/run.py' aws\n"),
    );
    mirror
}

fn publish(server: &Server, top: &Path, options: &[&str]) -> Output {
    let top = top.to_string_lossy();
    server.slipway(&[&["publish", &top][..], options].concat())
}

fn results(output: &Output) -> Vec<(String, String)> {
    assert_eq!(code(output), 0, "{}", said(output));
    let items: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let items = items.as_array().expect("a list").iter();
    items.map(|item| (text(&item["name"]), text(&item["result"]))).collect()
}

#[test]
fn builds_have_the_providers_that_were_published_and_no_registry() {
    let stand_in = stand_in();
    let (mirror, top) = (mirror(&stand_in), top());
    let server = Server::start_with(&["--providers", "published"]);
    let from = mirror.path().to_string_lossy().into_owned();
    let options = ["--mirror", &from, "--json"];

    let provider = format!("registry.terraform.io/hashicorp/aws {VERSION} ({})", platform());
    let expected = |provider_is: &str, blueprint: &str, blueprint_is: &str| {
        let pair = |name: &str, is: &str| (name.to_owned(), is.to_owned());
        vec![pair(&provider, provider_is), pair(blueprint, blueprint_is)]
    };
    let first = results(&publish(&server, top.path(), &options));
    assert_eq!(first, expected("published", "queue@1.0.0", "published"));
    // The folder has no lock file, neither before nor after: the version keeps the one that it was published with.
    assert!(!top.path().join("blueprints/queue/.terraform.lock.hcl").exists());
    let again = results(&publish(&server, top.path(), &options));
    assert_eq!(again, expected("unchanged", "queue@1.0.0", "unchanged"));

    // All that is left of the packages is in the bucket.
    drop(mirror);
    for name in ["one", "two"] {
        let variable = format!("name={name}");
        let created = server.slipway(&[
            "stack",
            "create",
            name,
            "--blueprint",
            "queue",
            "--var",
            &variable,
            "--wait",
        ]);
        assert_eq!(code(&created), 0, "{}", said(&created));
    }
    let stacks = server.slipway(&["stack", "list", "--json"]);
    let stacks: Value = serde_json::from_slice(&stacks.stdout).expect("JSON");
    let id = stacks[0]["id"].as_str().expect("an id");
    let shown = said(&server.slipway(&["stack", "show", id]));
    assert!(
        shown.contains("arn:aws:sqs:us-east-1:") && shown.contains(id),
        "{shown}"
    );

    // A module of the blueprint is part of it.
    write(&top.path().join("modules/queue/more.tf"), "# changed");
    let changed = publish(&server, top.path(), &[]);
    assert_eq!(code(&changed), 2, "{}", said(&changed));
    for part in ["raise `version` in", "modules/queue/more.tf`"] {
        assert!(said(&changed).contains(part), "{part}: {}", said(&changed));
    }
}

#[test]
fn changed_draft_gets_the_providers_that_it_needs() {
    let stand_in = stand_in();
    let (mirror, top) = (mirror(&stand_in), top());
    let server = Server::start_with(&["--providers", "published"]);
    let from = mirror.path().to_string_lossy().into_owned();
    let publish = || results(&publish(&server, top.path(), &["--mirror", &from, "--draft", "--json"]));
    let main = top.path().join("blueprints/queue/main.tf");
    let draft = |is: &str| ("queue@1.0.0".to_owned(), is.to_owned());
    write(&main, "output \"slipway\" { value = {} }\n");
    assert_eq!(publish(), [draft("published")]);
    write(&main, BLUEPRINT);
    let changed = publish();
    assert!(changed[0].0.contains(VERSION), "{changed:?}");
    assert_eq!(changed[1..], [draft("published")]);
    assert_eq!(publish()[1..], [draft("unchanged")]);
}

#[test]
fn server_takes_providers_from_a_given_folder() {
    let stand_in = stand_in();
    let top = top();
    let from = stand_in.join("mirror");
    let server = Server::start_with(&["--providers", &from.to_string_lossy()]);
    let blueprint = top.path().join("blueprints/queue");
    let (blueprint, within) = (blueprint.to_string_lossy(), top.path().to_string_lossy());
    let outside = server.slipway(&["blueprint", "publish", &blueprint]);
    assert_eq!(code(&outside), 6);
    assert!(said(&outside).contains("--within FOLDER"), "{}", said(&outside));
    let published = server.slipway(&["blueprint", "publish", &blueprint, "--within", &within]);
    // Below a note: the command has no providers.
    assert!(
        said(&published).contains("\npublished queue@1.0.0"),
        "{}",
        said(&published)
    );
    let shown = said(&server.slipway(&["blueprint", "show", "queue"]));
    assert!(
        shown.contains("A queue") && shown.contains("string (required)"),
        "{shown}"
    );
    let created = server.slipway(&[
        "stack",
        "create",
        "q",
        "--blueprint",
        "queue",
        "--var",
        "name=q",
        "--wait",
    ]);
    assert_eq!(code(&created), 0, "{}", said(&created));
}

#[test]
fn a_build_without_a_package_says_what_to_publish() {
    let stand_in = stand_in();
    let server = Server::start_with(&["--providers", "published"]);
    let top = top();
    let blueprint = top.path().join("blueprints/queue");
    // With a lock file, and published without what it names.
    let lock = format!(
        "provider \"registry.terraform.io/hashicorp/aws\" {{\n  version = \"{VERSION}\"\n  hashes  = [\"h1:none\"]\n}}\n"
    );
    write(&blueprint.join(".terraform.lock.hcl"), &lock);
    let (blueprint, within) = (blueprint.to_string_lossy(), top.path().to_string_lossy());
    let published = server.slipway(&["blueprint", "publish", &blueprint, "--within", &within]);
    assert_eq!(code(&published), 0, "{}", said(&published));
    let created = server.slipway(&[
        "stack",
        "create",
        "q",
        "--blueprint",
        "queue",
        "--var",
        "name=q",
        "--wait",
    ]);
    assert_eq!(code(&created), 1);
    let printed = said(&created);
    assert!(
        printed.contains(VERSION) && printed.contains("is not published") && printed.contains("slipway publish"),
        "{printed}"
    );

    // Nor is a package published that is not the one in the lock file, or that the mirror does not have.
    let mirror = mirror(&stand_in);
    let wrong = publish(&server, top.path(), &["--mirror", &mirror.path().to_string_lossy()]);
    assert_eq!(code(&wrong), 2, "{}", said(&wrong));
    assert!(
        said(&wrong).contains("not the one that the lock file was written with"),
        "{}",
        said(&wrong)
    );
    let empty = TempDir::new().expect("a folder");
    let missing = publish(&server, top.path(), &["--mirror", &empty.path().to_string_lossy()]);
    assert!(
        said(&missing).contains("terraform providers mirror -platform="),
        "{}",
        said(&missing)
    );
}

/// The beginning of a program for Linux on a processor.
fn elf(path: &Path, machine: u8) -> String {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(18, 0);
    bytes.extend([machine, 0, 1, 2, 3]);
    fs::write(path, bytes).expect("a file");
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn the_toolchain_is_put_once_and_for_one_processor() {
    let server = Server::start();
    let top = TempDir::new().expect("a folder");
    write(&top.path().join("plain/main.tf"), "output \"slipway\" { value = {} }");
    write(&top.path().join("plain/blueprint.json"), r#"{"version": "1.0.0"}"#);
    let folder = TempDir::new().expect("a folder");
    let (runner, terraform) = (
        elf(&folder.path().join("runner"), 0xB7),
        elf(&folder.path().join("tofu_arm64"), 0xB7),
    );
    let options = [
        "--architecture",
        "arm64",
        "--runner",
        &runner,
        "--terraform",
        &terraform,
        "--json",
    ];
    let expected = |is: &str, blueprint: &str| {
        vec![
            ("arm64".to_owned(), is.to_owned()),
            ("plain@1.0.0".to_owned(), blueprint.to_owned()),
        ]
    };
    assert_eq!(
        results(&publish(&server, top.path(), &options)),
        expected("published", "published")
    );
    assert_eq!(
        results(&publish(&server, top.path(), &options)),
        expected("unchanged", "unchanged")
    );

    let vars = [("AWS_ENDPOINT_URL", server.aws.as_str()), ("AWS_REGION", "us-east-1")];
    let keys = [("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")];
    let vars = vars
        .iter()
        .chain(&keys)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let config = aws_sdk_s3::config::Builder::from(&slipway_aws::sdk_config(&vars)).force_path_style(true);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let bucket = "slipway-artifacts-000000000000-us-east-1";
    let object = client
        .get_object()
        .bucket(bucket)
        .key("toolchain/arm64.zip")
        .send()
        .await
        .expect("the archive");
    let zip = object.body.collect().await.expect("its content").to_vec();
    let archive = zip::ZipArchive::new(Cursor::new(zip)).expect("a zip");
    let mut names: Vec<String> = archive
        .file_names()
        .map(|name| name.expect("a name").into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["slipway-runner", "tofu"]);

    let other = elf(&folder.path().join("other"), 0x3E);
    for (options, exit, words) in [
        (
            vec!["--architecture", "arm64", "--runner", &other, "--terraform", &terraform],
            2,
            "no program for Linux on arm64",
        ),
        (
            vec!["--runner", &runner, "--terraform", &terraform],
            2,
            "--architecture",
        ),
        (vec!["--terraform", &terraform], 2, "--runner"),
        (
            vec!["--architecture", "arm64", "--runner", &runner],
            5,
            "--terraform FILE",
        ),
        (vec!["--endpoint", &server.api, "--json"], 2, "ArtifactsBucketName"),
    ] {
        let output = Command::new(support::SLIPWAY)
            .args([&["publish", &top.path().to_string_lossy()][..], &options].concat())
            .env("SLIPWAY_DATA", server.data())
            .env("SLIPWAY_TERRAFORM_RELEASES", "http://127.0.0.1:1")
            .env("XDG_CACHE_HOME", folder.path())
            .env_remove("AWS_ENDPOINT_URL")
            .output()
            .expect("slipway runs");
        assert_eq!(
            (code(&output), said(&output).contains(words)),
            (exit, true),
            "{options:?}: {}",
            said(&output)
        );
    }
}

#[test]
fn what_cannot_be_published_stops_all() {
    let server = Server::start();
    let top = TempDir::new().expect("a folder");
    let empty = publish(&server, top.path(), &[]);
    assert_eq!(
        (code(&empty), said(&empty).contains("blueprint.json")),
        (2, true),
        "{}",
        said(&empty)
    );
    write(&top.path().join("good/main.tf"), "output \"slipway\" { value = {} }");
    write(&top.path().join("good/blueprint.json"), r#"{"version": "1.0.0"}"#);
    // Among the files of a blueprint, it is one of them.
    write(
        &top.path().join("good/templates/blueprint.json"),
        r#"{"title": "A page"}"#,
    );
    write(
        &top.path().join("wrong/main.tf"),
        "terraform {\n  cloud {}\n}\noutput \"slipway\" { value = { urls = {} } }",
    );
    write(&top.path().join("wrong/blueprint.json"), r#"{"version": "1.0.0"}"#);
    let refused = publish(&server, top.path(), &["--json"]);
    assert_eq!(code(&refused), 6, "{}", said(&refused));
    let printed: Value = serde_json::from_slice(&refused.stderr).expect("JSON");
    let fields: Vec<&Value> = printed["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(
        fields,
        [&json!("files.main.tf"), &json!("files.main.tf")],
        "{printed:#}"
    );
    let refused = publish(&server, top.path(), &[]);
    let place = format!("  {}:", top.path().join("wrong/main.tf").display());
    assert!(said(&refused).contains(&place), "{place}: {}", said(&refused));
    let listed = server.slipway(&["blueprint", "list", "--json"]);
    assert_eq!(
        String::from_utf8_lossy(&listed.stdout).trim(),
        "[]",
        "nothing was published"
    );
}
