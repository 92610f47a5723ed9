//! A data folder without any space left: every refusal names the folder, nothing hangs, and what comes after works.

use crate::support;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aws_sdk_s3::error::DisplayErrorContext;
use http::Request;
use serde_json::{Value, json};
use slipway_local::{Local, LocalOptions, Running};

/// A small file system of its own, for which a test has to be root.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "none"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self { folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    fn fill(&self) {
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.filler())
            .expect("opens");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("removes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what a failed test still has open must not keep it.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| panic!("it hangs: {what}"))
}

async fn start(data: &Path) -> Result<Running, String> {
    let options = LocalOptions {
        limits: aws_emulator::Limits::default(),
        data: data.to_owned(),
        api_port: 0,
        aws_port: 0,
        terraform: "terraform".into(),
        providers: "registry".to_owned(),
        program: std::env::current_exe().expect("this program"),
        concurrent_builds: None,
        require_token: false,
        accept_lost_data: false,
        webhooks_to_loopback: false,
        postgres: None,
        redis: None,
    };
    let started = soon("a start", Box::pin(Local::start(options))).await;
    started.map_err(|error| slipway_model::error_chain::chain(&error))
}

async fn call(running: &Running, target: &str, body: &Value) -> Result<Value, String> {
    let request = Request::post(running.aws_url())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/any/aws4_request",
        );
    let request = request.body(body.to_string()).expect("a request");
    let (status, body) = soon(target, Box::pin(support::http(request))).await;
    if status == 200 {
        return Ok(serde_json::from_str(&body).expect("JSON"));
    }
    Err(body)
}

/// Writes until there is no space for it: SQLite has some pages in hand.
async fn refusal(running: &Running, target: &str, body: &Value) -> String {
    for _ in 0..1000 {
        if let Err(refusal) = call(running, target, body).await {
            return refusal;
        }
    }
    panic!("never refused: {target}")
}

fn log_lines() -> Value {
    json!({
        "logGroupName": "g", "logStreamName": "s",
        "logEvents": [{"timestamp": jiff::Timestamp::now().as_millisecond(), "message": "x".repeat(100_000)}],
    })
}

async fn put_object(running: &Running) -> Result<(), String> {
    let s3 = support::s3_client(&running.aws_url());
    let body = vec![0; 100_000].into();
    let put = s3.put_object().bucket("slipway-images").key("k").body(body).send();
    let put = soon("PutObject", Box::pin(put)).await;
    put.map(drop).map_err(|error| DisplayErrorContext(error).to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stderr)]
async fn a_full_disk_is_named_and_nothing_hangs() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: a file system could not be mounted. Run this test as root on a machine with tmpfs.");
        return;
    };
    let data = disk.data();
    let named = format!("the disk under the data folder {}", data.display());
    let running = start(&data).await.expect("starts");
    for (target, body) in [
        ("Logs_20140328.CreateLogGroup", json!({"logGroupName": "g"})),
        (
            "Logs_20140328.CreateLogStream",
            json!({"logGroupName": "g", "logStreamName": "s"}),
        ),
    ] {
        call(&running, target, &body).await.expect(target);
    }
    let tables = call(&running, "DynamoDB_20120810.ListTables", &json!({})).await;
    let table = tables.expect("tables")["TableNames"][0].clone();
    let item = |n: u32| {
        let text = "x".repeat(100_000);
        json!({"TableName": table, "Item": {"pk": {"S": format!("FULL#{n}")}, "sk": {"S": "A"}, "text": {"S": text}}})
    };

    disk.fill();
    let refused = refusal(&running, "Logs_20140328.PutLogEvents", &log_lines()).await;
    assert!(refused.contains(&named), "{refused}");
    let refused = refusal(&running, "DynamoDB_20120810.PutItem", &item(0)).await;
    assert!(refused.contains(&named), "{refused}");
    let refused = put_object(&running).await.expect_err("no space");
    assert!(refused.contains(&named), "{refused}");
    soon("the shutdown", Box::pin(running.shutdown())).await.expect("stops");

    disk.fill();
    let Err(refused) = start(&data).await else {
        panic!("it starts without space")
    };
    assert!(refused.contains(&*data.to_string_lossy()), "{refused}");

    disk.free();
    let running = start(&data).await.expect("starts again");
    call(&running, "Logs_20140328.PutLogEvents", &log_lines())
        .await
        .expect("there is space");
    call(&running, "DynamoDB_20120810.PutItem", &item(1))
        .await
        .expect("there is space");
    put_object(&running).await.expect("there is space");

    // The same without a restart.
    disk.fill();
    refusal(&running, "DynamoDB_20120810.PutItem", &item(2)).await;
    disk.free();
    call(&running, "DynamoDB_20120810.PutItem", &item(3))
        .await
        .expect("there is space again");
    put_object(&running).await.expect("there is space again");
    running.shutdown_with_builds().await.expect("stops");
}
