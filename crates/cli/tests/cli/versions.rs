//! Versions of blueprints: drafts and deprecation.

use std::fs;
use std::process::Output;

use crate::support::Server;

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

#[test]
fn drafts_and_deprecated_versions_are_marked_and_explained() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_string_lossy().into_owned();
    let publish = |size: u32, version: &str, options: &[&str]| {
        let module = format!(
            "variable \"size\" {{\n  type    = number\n  default = {size}\n}}\noutput \"slipway\" {{ value = {{}} }}\n"
        );
        fs::write(folder.path().join("main.tf"), module).expect("a file");
        let named = format!("disk@{version}");
        let args = [&["blueprint", "publish", &path, "--as", &named], options].concat();
        text(&server.slipway(&args))
    };
    assert!(publish(1, "1.0.0", &[]).starts_with("published disk@1.0.0"));
    let again = publish(1, "1.0.0", &[]);
    assert!(
        again.starts_with("the same files were published before as disk@1.0.0 (sha256:"),
        "{again}"
    );
    assert!(publish(2, "2.0.0", &["--draft"]).starts_with("published the draft disk@2.0.0"));
    let replaced = publish(3, "2.0.0", &["--draft"]);
    assert!(replaced.starts_with("published the draft disk@2.0.0"), "{replaced}");

    let run = |args: &[&str]| text(&server.slipway(args));
    let deprecate = ["blueprint", "deprecate", "disk@1.0.0", "--message", "Use 2.0.0"];
    assert_eq!(run(&deprecate), "deprecated disk@1.0.0\n");
    let versions = run(&["blueprint", "versions", "disk"]);
    let line = |version: &str| versions.lines().find(|line| line.starts_with(version)).expect(version);
    assert!(line("2.0.0").contains("draft"), "{versions}");
    assert!(line("1.0.0").ends_with("Use 2.0.0"), "{versions}");
    assert_eq!(run(&["blueprint", "show", "disk", "--query", "version"]), "1.0.0\n");

    let created = run(&["stack", "create", "old", "--blueprint", "disk@1.0.0"]);
    assert!(
        created.contains("warning: disk@1.0.0 is deprecated: Use 2.0.0"),
        "{created}"
    );
    let shown = run(&["stack", "show", "old"]);
    assert!(shown.contains("warning: disk@1.0.0 is deprecated"), "{shown}");
    assert!(!run(&["stack", "create", "new", "--blueprint", "disk@2.0.0"]).contains("warning"));
    let users = [
        "stack",
        "list",
        "--blueprint",
        "disk",
        "--version",
        "2.0.0",
        "--query",
        "[].name",
    ];
    assert_eq!(run(&users), "new\n");

    let request = folder.path().join("live.json");
    fs::write(&request, r#"{"account": "000000000000", "region": "us-east-1"}"#).expect("a file");
    run(&["environment", "put", "live", "--request", &request.to_string_lossy()]);
    let refused = run(&[
        "stack",
        "create",
        "live",
        "--blueprint",
        "disk@2.0.0",
        "--environment",
        "live",
    ]);
    assert!(
        refused.contains("is a draft, and the environment `live` is not a sandbox"),
        "{refused}"
    );

    assert_eq!(
        run(&["blueprint", "undeprecate", "disk@1.0.0"]),
        "disk@1.0.0 is no longer deprecated\n"
    );
    assert!(publish(4, "2.0.0", &["--draft"]).starts_with("published the draft"));
    let replaced = run(&["stack", "show", "new"]);
    assert!(
        replaced.contains("draft        replaced; run `slipway stack update "),
        "{replaced}"
    );
    let listed = run(&["stack", "list"]);
    assert!(listed.contains("DRAFT") && listed.contains("replaced"), "{listed}");
    assert!(publish(9, "3.0.0", &["--draft"]).starts_with("published the draft"));
    assert_eq!(
        run(&["blueprint", "discard", "disk@3.0.0"]),
        "discarded the draft disk@3.0.0\n"
    );
    let published = run(&["blueprint", "discard", "disk@1.0.0"]);
    assert!(
        published.contains("is published") && published.contains("Deprecate it"),
        "{published}"
    );
    assert!(publish(3, "2.0.0", &[]).starts_with("published disk@2.0.0"));
    assert_eq!(run(&["blueprint", "show", "disk", "--query", "version"]), "2.0.0\n");
    let changed = publish(4, "2.0.0", &[]);
    assert!(changed.contains("a version does not change"), "{changed}");
}
