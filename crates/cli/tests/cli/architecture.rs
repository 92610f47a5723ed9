//! Which crate may depend on which: docs/design.md draws the arrows, this holds the code to them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each package of the workspace, and the packages of the workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 14] = [
    ("slipway-model", &[]),
    ("asl-interpreter", &[]),
    ("aws-emulator", &["asl-interpreter"]),
    ("slipway-recording", &[]),
    ("slipway-store", &["slipway-model"]),
    ("slipway-runner", &["slipway-model", "slipway-store"]),
    ("slipway-api", &["slipway-model", "slipway-store"]),
    ("slipway-events", &["slipway-model", "slipway-store"]),
    ("slipway-steps", &["slipway-model", "slipway-store"]),
    ("slipway-sweep", &["slipway-model", "slipway-store"]),
    (
        "slipway-local",
        &[
            "aws-emulator",
            "slipway-model",
            "slipway-recording",
            "slipway-store",
            "slipway-api",
            "slipway-events",
            "slipway-steps",
            "slipway-sweep",
        ],
    ),
    (
        "slipway-cli",
        &[
            "aws-emulator",
            "slipway-local",
            "slipway-model",
            "slipway-runner",
            "slipway-store",
        ],
    ),
    ("guestbook", &[]),
    ("hello", &[]),
];

/// What must not be in anything that runs on AWS.
const LOCAL_ONLY: [&str; 8] = [
    "slipway-local",
    "slipway-recording",
    "aws-emulator",
    "asl-interpreter",
    "dynoxide-rs",
    "s3s",
    "rusqlite",
    "jsonata-core",
];

/// What runs on AWS.
const ON_AWS: [&str; 5] = [
    "slipway-api",
    "slipway-events",
    "slipway-steps",
    "slipway-sweep",
    "slipway-runner",
];

/// The direct dependencies of every package, without those for tests, by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    // For this machine only, because crates for other systems may not be downloaded here.
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--locked",
            "--filter-platform",
            &this_platform(),
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names: BTreeMap<String, String> = array(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let is_normal = |dependency: &Value| {
        array(&dependency["dep_kinds"])
            .iter()
            .any(|kind| kind["kind"].is_null())
    };
    array(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let needed = array(&node["deps"])
                .into_iter()
                .filter(is_normal)
                .map(|dep| names[&text(&dep["pkg"])].clone());
            (names[&text(&node["id"])].clone(), needed.collect())
        })
        .collect()
}

/// What rustc calls this machine: `x86_64-unknown-linux-gnu`.
fn this_platform() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says where it runs").to_owned()
}

#[test]
fn the_arrows_run_one_way() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(package, _)| *package).collect();
    for (package, allowed) in ARROWS {
        let needed = dependencies
            .get(package)
            .unwrap_or_else(|| panic!("there is no package {package}"));
        for needed in needed.iter().filter(|needed| ours.contains(needed.as_str())) {
            assert!(
                allowed.contains(&needed.as_str()),
                "{package} must not depend on {needed}"
            );
        }
    }
    let unknown = dependencies
        .keys()
        .find(|name| name.starts_with("slipway-") && !ours.contains(name.as_str()));
    assert_eq!(
        unknown, None,
        "draw the arrows of a new package here and in docs/design.md"
    );
}

#[test]
fn nothing_that_runs_on_aws_holds_the_local_aws() {
    let dependencies = dependencies();
    for package in ON_AWS {
        let mut seen = BTreeSet::new();
        let mut pending = vec![package.to_owned()];
        while let Some(name) = pending.pop() {
            if seen.insert(name.clone()) {
                assert!(!LOCAL_ONLY.contains(&name.as_str()), "{package} holds {name}");
                pending.extend(dependencies.get(&name).into_iter().flatten().cloned());
            }
        }
    }
}
