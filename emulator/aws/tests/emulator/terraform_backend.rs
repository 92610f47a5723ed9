//! Terraform's own S3 backend, with its lock file, against the local S3.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::Server;

const ROOT: &str = r#"
terraform {
  required_version = ">= 1.10"
  backend "s3" {}
}
resource "terraform_data" "one" {
  input = "value"
}
"#;

fn engine() -> Option<&'static str> {
    ["terraform", "tofu"].into_iter().find(|name| {
        let version = Command::new(name).arg("version").output();
        version.is_ok_and(|output| output.status.success())
    })
}

fn run(engine: &str, folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(engine)
        .args(arguments)
        .current_dir(folder)
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "thing")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("CHECKPOINT_DISABLE", "true")
        .env("TF_WORKSPACE", "lusab-bakid")
        .env("TF_IN_AUTOMATION", "true")
        .output();
    output.expect("runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stderr)] // A skipped test says so.
async fn state_is_kept_and_locked() {
    let Some(engine) = engine() else {
        eprintln!(
            "skipped: neither terraform (1.11 or later) nor tofu (1.10 or later) is on PATH. Install one of them."
        );
        return;
    };
    let server = Server::s3().await;
    let client = server.s3_client();
    client
        .create_bucket()
        .bucket("state")
        .send()
        .await
        .expect("makes the bucket");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("main.tf"), ROOT).expect("writes");
    let backend = serde_json::json!({
        "bucket": "state", "key": "terraform.tfstate", "region": "us-east-1", "use_lockfile": true,
        "workspace_key_prefix": "stacks", "use_path_style": true, "endpoints": {"s3": server.url()},
        "skip_credentials_validation": true, "skip_requesting_account_id": true, "skip_metadata_api_check": true,
        "skip_region_validation": true,
    });
    let backend = serde_json::json!({"terraform": [{"backend": {"s3": backend}}]});
    std::fs::write(folder.path().join("backend_override.tf.json"), backend.to_string()).expect("writes");

    let terraform = |arguments: &'static [&'static str]| {
        let folder = folder.path().to_owned();
        tokio::task::spawn_blocking(move || run(engine, &folder, arguments))
    };
    for arguments in [
        &["init", "-input=false"][..],
        &["apply", "-auto-approve", "-input=false"],
    ] {
        let output = terraform(arguments).await.expect("no panic");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let key = "stacks/lusab-bakid/terraform.tfstate";
    let state = client
        .get_object()
        .bucket("state")
        .key(key)
        .send()
        .await
        .expect("the state");
    let state = state.body.collect().await.expect("a body").into_bytes();
    let state: serde_json::Value = serde_json::from_slice(&state).expect("JSON");
    assert_eq!(
        state["resources"][0]["instances"][0]["attributes"]["output"]["value"],
        "value"
    );
    let listed = client.list_objects_v2().bucket("state").send().await.expect("lists");
    assert_eq!(listed.contents().len(), 1, "the lock is released: {listed:?}");

    // The lock of another user stops it, and the message names the user.
    let lock = r#"{"ID":"1","Operation":"OperationTypeApply","Info":"","Who":"another-user","Version":"1.11.4",
        "Created":"2026-01-01T00:00:00Z","Path":"state"}"#;
    let put = client.put_object().bucket("state").key(format!("{key}.tflock"));
    put.body(lock.as_bytes().to_vec().into()).send().await.expect("locks");
    let output = terraform(&["apply", "-auto-approve", "-input=false", "-no-color"])
        .await
        .expect("no panic");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && message.contains("another-user"),
        "{message}"
    );
}
