//! The README's walk-through works as it is printed.

use std::process::Command;

use crate::support::{SLIPWAY, Server, on_path};

/// The fenced blocks of the README with one of these labels, in order.
fn blocks(labels: &[&str]) -> Vec<String> {
    let readme = include_str!("../../../../README.md");
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```").is_some_and(|label| labels.contains(&label)) {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that leaves something out says so")]
fn the_walk_through_works_as_printed() {
    let server = Server::start();
    let labels: &[&str] = if on_path("aws").is_some() {
        &["sh", "sh aws"]
    } else {
        println!("skipped: the README's AWS CLI commands; there is no `aws` on PATH: pip install awscli");
        &["sh"]
    };
    let script = blocks(labels).join("\n");
    // The server of the test has ports and a data folder of its own, and the program is where cargo put it.
    let script = script
        .replace("API=http://127.0.0.1:4700", &format!("API={}", server.api))
        .replace(
            "alias slipway=target/debug/slipway",
            &format!("slipway() {{ {SLIPWAY} \"$@\"; }}"),
        );
    let folder = tempfile::tempdir().expect("a folder");
    let run = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", &script])
        .current_dir(folder.path())
        .env("SLIPWAY_DATA", server.data())
        .output()
        .expect("bash runs");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{printed}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    for expected in [
        "provision and release 1 of guestbook succeeded",
        "release 2 of guestbook succeeded",
        "listens on port",
        "destroy of guestbook succeeded",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}
