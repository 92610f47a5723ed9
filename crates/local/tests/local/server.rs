//! Local mode as a whole: both ports, one data folder.

use crate::support;
use std::path::Path;

use aws_emulator::{Limit, Limits};
use http::Request;
use serde_json::Value;
use slipway_local::server::ServerFile;
use slipway_local::{Local, LocalOptions, Running};

pub fn options(data: &Path) -> LocalOptions {
    LocalOptions {
        limits: Limits::default(),
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
    }
}

async fn refused(options: LocalOptions) -> String {
    match Local::start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => slipway_model::error_chain::chain(&error),
    }
}

async fn json(url: &str) -> Value {
    let (status, body) = support::get(url).await;
    assert_eq!(status, 200, "{url}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

async fn names(running: &Running) -> (Vec<String>, Vec<String>) {
    let sdk = support::sdk(&running.aws_url());
    let tables = aws_sdk_dynamodb::Client::new(&sdk)
        .list_tables()
        .send()
        .await
        .expect("lists tables");
    let machines = aws_sdk_sfn::Client::new(&sdk)
        .list_state_machines()
        .send()
        .await
        .expect("lists machines");
    let machines = machines
        .state_machines()
        .iter()
        .map(|machine| machine.name().to_owned());
    (tables.table_names().to_vec(), machines.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_starts_and_starts_again_where_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let running = Local::start(options(&data)).await.expect("starts");
    let (api, aws) = (running.api_url(), running.aws_url());
    for url in [&api, &aws] {
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    }

    let environments = json(&format!("{}/v1/environments", running.api_url())).await;
    assert_eq!(environments["items"][0]["name"], "local");
    let known = names(&running).await;
    assert_eq!((known.0.len(), known.1.len()), (1, 1));
    let buckets = support::s3_client(&running.aws_url())
        .list_buckets()
        .send()
        .await
        .expect("lists buckets");
    assert_eq!(buckets.buckets().len(), 3);

    let file = std::fs::read(data.join("server.json")).expect("server.json");
    let file: ServerFile = serde_json::from_slice(&file).expect("its layout");
    assert_eq!((file.api, file.aws), (running.api_url(), running.aws_url()));
    assert_eq!(file.pid, std::process::id());

    let message = refused(options(&data)).await;
    assert!(
        message.contains(&format!("process {}", std::process::id())),
        "{message}"
    );

    running.shutdown().await.expect("stops");
    let running = Local::start(options(&data)).await.expect("starts again");
    assert_eq!((running.api_url(), running.aws_url()), (api, aws));
    assert_eq!(names(&running).await, known);
    running.shutdown_with_builds().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_cannot_drive_the_api() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(options(folder.path())).await.expect("starts");
    let request = |name: &str, value: &str| {
        let request = Request::get(format!("{}/healthz", running.api_url())).header(name, value);
        request.body(String::new()).expect("a request")
    };
    assert_eq!(support::http(request("accept", "*/*")).await.0, 200);
    assert_eq!(support::http(request("host", "evil.example")).await.0, 403);
    assert_eq!(support::http(request("origin", "http://evil.example")).await.0, 403);
    let text = Request::post(format!("{}/v1/stacks", running.api_url())).header("content-type", "text/plain");
    let text = text.body(r#"{"name":"a","blueprint":"b","environment":"local"}"#.to_owned());
    assert_eq!(support::http(text.expect("a request")).await.0, 415);
    running.shutdown().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_without_the_token_get_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(LocalOptions {
        require_token: true,
        ..options(folder.path())
    });
    let running = running.await.expect("starts");
    let token = std::fs::read_to_string(folder.path().join("token")).expect("the token");
    let api = |authorization: Option<String>| {
        let mut request = Request::get(format!("{}/v1/environments", running.api_url()));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        support::http(request.body(String::new()).expect("a request"))
    };
    assert_eq!(api(None).await.0, 401);
    assert_eq!(api(Some("Bearer wrong".to_owned())).await.0, 401);
    // The functions reached the local AWS with it.
    let (status, environments) = api(Some(format!("Bearer {token}"))).await;
    assert!(status == 200 && environments.contains("\"local\""), "{environments}");
    let aws = |token: &str| {
        let request = Request::post(running.aws_url())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.ListTables")
            .header("x-amz-security-token", token)
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/dynamodb/aws4_request",
            );
        support::http(request.body("{}".to_owned()).expect("a request"))
    };
    assert_eq!(aws("wrong").await.0, 401);
    let (status, tables) = aws(&token).await;
    assert!(status == 200 && tables.contains("TableNames"), "{tables}");
    running.shutdown().await.expect("stops");

    let running = Local::start(options(folder.path())).await.expect("starts without");
    json(&format!("{}/v1/environments", running.api_url())).await;
    assert!(!folder.path().join("token").exists());
    running.shutdown().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_damaged_record_does_not_stop_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(options(folder.path())).await.expect("starts");
    running.shutdown().await.expect("stops");
    let ledger = aws_emulator::ledger::Ledger::open(&folder.path().join("ledger.db")).expect("the ledger");
    for kind in ["build", "log-group", "sfn-execution", "sqs-queue"] {
        ledger.put(kind, "damaged", "no record of this kind").expect("a record");
    }
    drop(ledger);
    let running = Local::start(options(folder.path())).await.expect("starts all the same");
    running.shutdown().await.expect("stops");
}

/// The records of the template's own resources, which a start reads by their names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_records_of_own_resources_are_made_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(options(folder.path())).await.expect("starts");
    running.shutdown().await.expect("stops");
    for kind in ["log-group", "sqs-queue", "sfn-machine", "sfn-revision", "sfn-alias"] {
        let ledger = aws_emulator::ledger::Ledger::open(&folder.path().join("ledger.db")).expect("the ledger");
        let ids = ledger.ids(kind).expect("ids");
        assert!(!ids.is_empty(), "{kind}");
        for id in ids {
            ledger
                .put(kind, &id, &serde_json::json!(["no record of this kind"]))
                .expect("a record");
        }
        drop(ledger);
        let running = Local::start(options(folder.path())).await;
        let running = running.unwrap_or_else(|error| panic!("{kind}: {error}"));
        json(&format!("{}/v1/environments", running.api_url())).await;
        running.shutdown().await.expect("stops");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_tables_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(options(folder.path())).await.expect("starts");
    running.shutdown().await.expect("stops");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("dynamodb.db{end}")));
    }
    let message = refused(options(folder.path())).await;
    assert!(
        message.contains("dynamodb.db") && message.contains("restore"),
        "{message}"
    );
    let running = Local::start(LocalOptions {
        accept_lost_data: true,
        webhooks_to_loopback: false,
        ..options(folder.path())
    });
    running
        .await
        .expect("starts with what is left")
        .shutdown()
        .await
        .expect("stops");
}

#[tokio::test]
async fn a_start_that_cannot_be_says_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = taken.local_addr().expect("an address").port();
    let message = refused(LocalOptions {
        api_port: port,
        ..options(folder.path())
    })
    .await;
    assert!(
        message.contains(&format!("port {port} for the API is in use")),
        "{message}"
    );

    let file = folder.path().join("a-file");
    std::fs::write(&file, "").expect("writes");
    let message = refused(options(&file)).await;
    assert!(message.contains("a-file"), "{message}");

    let broken = folder.path().join("broken");
    std::fs::create_dir(&broken).expect("makes");
    std::fs::write(
        broken.join("ledger.db"),
        "not a database, and long enough to be read".repeat(10),
    )
    .expect("writes");
    let message = refused(options(&broken)).await;
    assert!(message.contains("ledger.db"), "{message}");
}

#[tokio::test]
async fn limited_actions_are_throttled_on_the_wire() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let running = Local::start(LocalOptions {
        limits: std::iter::once("GetLogEvents=1".parse::<Limit>().expect("a limit")).collect(),
        ..options(folder.path())
    });
    let running = running.await.expect("starts");
    let call = |action: &str| {
        let request = Request::post(running.aws_url())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Logs_20140328.{action}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/logs/aws4_request",
            );
        let body = r#"{"logGroupName":"/slipway/builds","logStreamName":"none"}"#.to_owned();
        support::http(request.body(body).expect("a request"))
    };
    let (_, first) = call("GetLogEvents").await;
    assert!(first.contains("ResourceNotFoundException"), "{first}");
    let (status, second) = call("GetLogEvents").await;
    assert_eq!(status, 400);
    assert!(second.contains("ThrottlingException"), "{second}");
    let (_, other) = call("DescribeLogStreams").await;
    assert!(!other.contains("ThrottlingException"), "{other}");
    running.shutdown().await.expect("stops");
}
