//! Cancels while Terraform is at work, against a CodeBuild that kills what it stops. What was made is in the state, whenever the
//! cancel came.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::states::known;
use crate::support::{self, Server, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The resources of a stack: three chains of four, so that Terraform is at three of them at a time.
const RESOURCES: usize = 12;

/// How many stacks are cancelled, each at another moment.
const STACKS: usize = 10;

/// How many of them at the same time.
const AT_ONCE: usize = 5;

/// Every resource writes its name into the ledger as soon as it is made, and then takes its time.
fn blueprint(ledgers: &Path) -> String {
    let resource = |n: usize| {
        let after = if n.is_multiple_of(4) {
            String::new()
        } else {
            format!("depends_on = [terraform_data.r{}]", n - 1)
        };
        format!(
            r#"
            resource "terraform_data" "r{n}" {{
              {after}
              provisioner "local-exec" {{
                interpreter = ["/bin/sh", "-c", "echo r{n} >> \"$0/$1\"; sleep 1.5", {ledgers}]
                command     = terraform.workspace
              }}
            }}
            "#,
            ledgers = support::hcl_string(&ledgers.to_string_lossy()),
        )
    };
    let resources: String = (0..RESOURCES).map(resource).collect();
    format!("{resources}\noutput \"slipway\" {{ value = {{}} }}\n")
}

/// Numbers that look random, by the generator of Knuth's MMIX: the same ones in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit
    }
}

/// The resources that were made, by what they wrote themselves.
fn made(ledger: &Path) -> Vec<String> {
    let ledger = std::fs::read_to_string(ledger).unwrap_or_default();
    ledger.lines().map(str::to_owned).collect()
}

/// Creates a stack, cancels it after that many resources and a pause, and checks what remains.
async fn cancelled_at(server: &Server, ledgers: &Path, number: usize, moment: usize, pause: Duration) {
    let asked = server.create(&format!("stack-{number}"), "twelve", &json!({})).await;
    let stack = asked["stack"]["id"].as_str().expect("a stack").to_owned();
    let ledger: PathBuf = ledgers.join(&stack);
    until("the apply has come so far", || made(&ledger).len() >= moment.max(1)).await;
    tokio::time::sleep(pause).await;
    let cancel = asked["links"]["cancel"].as_str().expect("a link");
    let cancelled = server.send(Method::POST, cancel, &json!({})).await;
    let ended = server.ended(&asked).await;
    let context = format!("stack {number}, after {moment} resources and {pause:?}: {ended:#}");
    if cancelled.status == StatusCode::ACCEPTED {
        assert_eq!(ended["status"], "cancelled", "{context}");
        assert_eq!(ended["error"]["name"], "Slipway.Cancelled", "{context}");
    } else {
        // It came when everything was done.
        assert_eq!(cancelled.status, StatusCode::CONFLICT, "{context}");
    }
    let made: BTreeSet<String> = made(&ledger).into_iter().collect();
    let recorded = known(server, &stack).await;
    assert!(
        made.is_subset(&recorded),
        "made: {made:?}, in the state: {recorded:?}, {context}"
    );

    let path = asked["links"]["stack"].as_str().expect("a link");
    let update = server.send(Method::PATCH, path, &json!({ "variables": {} })).await;
    assert_eq!(update.status, StatusCode::ACCEPTED, "{}", update.text);
    server.succeeded(&update.json()).await;
    assert_eq!(known(server, &stack).await.len(), RESOURCES, "{context}");
}

#[tokio::test]
async fn a_cancel_at_any_moment_loses_no_resource() {
    let server = Server::start_with(&["--concurrent-builds", &AT_ONCE.to_string()]);
    let ledgers = tempfile::tempdir().expect("a folder");
    let main = blueprint(ledgers.path());
    assert_eq!(
        server.publish("twelve", "1.0.0", &main).await.status,
        StatusCode::CREATED
    );
    let mut random = Random(20_261_128);
    let moments: Vec<(usize, Duration)> = (0..STACKS)
        .map(|_| {
            let pause = u64::try_from(random.below(1_500)).unwrap_or_default();
            (random.below(RESOURCES - 2), Duration::from_millis(pause))
        })
        .collect();
    let moments: Vec<_> = moments.into_iter().enumerate().collect();
    for some in moments.chunks(AT_ONCE) {
        let cancel = |(number, (moment, pause)): &_| cancelled_at(&server, ledgers.path(), *number, *moment, *pause);
        futures::future::join_all(some.iter().map(cancel)).await;
    }
}
