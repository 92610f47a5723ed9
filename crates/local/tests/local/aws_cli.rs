//! The AWS CLI against local mode, as the README shows it.

use std::process::{Command, Output};

use serde_json::Value;
use slipway_local::{Local, LocalOptions};

fn aws(endpoint: &str, arguments: &[&str]) -> Output {
    let mut aws = Command::new("aws");
    if matches!(arguments[0], "rds" | "sqs") {
        // For these two version 1 of the CLI takes no address from the environment.
        aws.args(["--endpoint-url", endpoint]);
    }
    let output = aws
        .args(arguments)
        .env("AWS_ENDPOINT_URL", endpoint)
        // Version 1 of the CLI, which is the one on PyPI, reads this name alone.
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_PAGER", "")
        .output();
    output.expect("runs")
}

/// The CLI's answer as JSON; no answer is null.
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn is_there() -> bool {
    let version = Command::new("aws").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stderr)] // A skipped test says so.
async fn the_cli_is_answered_by_every_service() {
    if !is_there() {
        eprintln!("skipped: `aws` is not on PATH. Get it with `pip install awscli`.");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(LocalOptions {
        limits: aws_emulator::Limits::default(),
        data: folder.path().to_owned(),
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
    })
    .await
    .expect("starts");
    let endpoint = running.aws_url();
    let answered = tokio::task::spawn_blocking(move || ask_every_service(&endpoint)).await;
    answered.expect("every service answers");
    running.shutdown_with_builds().await.expect("stops");
}

fn ask_every_service(endpoint: &str) {
    let ask = |arguments: &[&str]| json(&aws(endpoint, arguments));

    let tables = ask(&["dynamodb", "list-tables"]);
    let table = tables["TableNames"][0].as_str().expect("a table");
    let key = r#"{":pk": {"S": "nothing"}}"#;
    let query = [
        "dynamodb",
        "query",
        "--table-name",
        table,
        "--key-condition-expression",
        "pk = :pk",
    ];
    let found = ask(&[&query[..], &["--expression-attribute-values", key]].concat());
    assert_eq!(found["Count"], 0);

    let listed = aws(endpoint, &["s3", "ls"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("slipway-images"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), vec![b'x'; 9 * 1024 * 1024]).expect("writes");
    let path = file.path().to_str().expect("a path");
    let copied = aws(endpoint, &["s3", "cp", path, "s3://slipway-images/in parts"]);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let head = ask(&[
        "s3api",
        "head-object",
        "--bucket",
        "slipway-images",
        "--key",
        "in parts",
    ]);
    assert_eq!(head["ContentLength"], 9 * 1024 * 1024);

    let machines = ask(&["stepfunctions", "list-state-machines"]);
    assert_eq!(machines["stateMachines"].as_array().map(Vec::len), Some(1));
    let unknown = "arn:aws:states:us-east-1:000000000000:execution:nothing:nothing";
    let history = aws(
        endpoint,
        &["stepfunctions", "get-execution-history", "--execution-arn", unknown],
    );
    assert!(String::from_utf8_lossy(&history.stderr).contains("ExecutionDoesNotExist"));

    let builds = ask(&["codebuild", "batch-get-builds", "--ids", "nothing:1"]);
    assert_eq!(builds["buildsNotFound"][0], "nothing:1");
    let clusters = ask(&["ecs", "list-clusters"]);
    assert!(clusters["clusterArns"].is_array());
    let entry = r#"[{"Source": "me", "DetailType": "Greeting", "Detail": "{}"}]"#;
    let put = ask(&["events", "put-events", "--entries", entry]);
    assert_eq!(put["FailedEntryCount"], 0);
    let groups = ask(&["logs", "describe-log-groups"]);
    assert!(groups["logGroups"].as_array().is_some_and(|groups| !groups.is_empty()));

    let queue = ask(&["sqs", "get-queue-url", "--queue-name", "slipway-unhandled-events"]);
    let url = queue["QueueUrl"].as_str().expect("a URL");
    ask(&["sqs", "send-message", "--queue-url", url, "--message-body", "hello"]);
    let received = ask(&[
        "sqs",
        "receive-message",
        "--queue-url",
        url,
        "--wait-time-seconds",
        "20",
    ]);
    assert_eq!(received["Messages"][0]["Body"], "hello");
    let gone = aws(endpoint, &["sqs", "get-queue-url", "--queue-name", "gone"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("AWS.SimpleQueueService.NonExistentQueue"));

    let parameters = r#"{"Name": "often", "ScheduleExpression": "cron(0 0 1 1 ? 2199)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c", "RoleArn": "arn:aws:iam::000000000000:role/r",
        "EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1"}}}"#;
    ask(&["scheduler", "create-schedule", "--cli-input-json", parameters]);
    let schedule = ask(&[
        "scheduler",
        "get-schedule",
        "--name",
        "often",
        "--group-name",
        "default",
    ]);
    assert_eq!(schedule["State"], "ENABLED");
    let listed = ask(&["scheduler", "list-schedules"]);
    assert_eq!(listed["Schedules"][0]["Name"], "often");
    ask(&["scheduler", "delete-schedule", "--name", "often"]);
    let gone = aws(endpoint, &["scheduler", "get-schedule", "--name", "often"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("ResourceNotFoundException"));

    let create = [
        "rds",
        "create-db-instance",
        "--db-instance-identifier",
        "Main",
        "--engine",
        "postgres",
    ];
    let created = ask(&[&create[..], &["--db-instance-class", "db.t4g.micro"]].concat());
    assert_eq!(created["DBInstance"]["DBInstanceStatus"], "available");
    let snapshot = ["--db-snapshot-identifier", "s", "--db-instance-identifier", "main"];
    ask(&[&["rds", "create-db-snapshot"][..], &snapshot].concat());
    ask(&["rds", "wait", "db-snapshot-available", "--db-snapshot-identifier", "s"]);
    let gone = aws(
        endpoint,
        &["rds", "describe-db-instances", "--db-instance-identifier", "gone"],
    );
    assert!(String::from_utf8_lossy(&gone.stderr).contains("DBInstanceNotFound"));

    assert_eq!(ask(&["sts", "get-caller-identity"])["Account"], "000000000000");

    let refused = aws(endpoint, &["sns", "list-topics"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("UnknownOperationException"));
}
