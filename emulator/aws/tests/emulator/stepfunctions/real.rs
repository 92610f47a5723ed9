//! Executions over the CodeBuild and ECS of the emulator: real processes, across a restart of the server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_emulator::account::integrations;
use aws_emulator::clock::Clock;
use aws_emulator::codebuild::{CodeBuild, Options, Project};
use aws_emulator::ecs::{Ecs, ImageSource};
use aws_emulator::functions::Functions;
use aws_emulator::host::Host;
use aws_emulator::ledger::Ledger;
use aws_emulator::limits::Throttle;
use aws_emulator::postgres::Postgres;
use aws_emulator::rds::Rds;
use aws_emulator::sqs::Sqs;
use aws_emulator::stepfunctions::StepFunctions;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::states::{BUILD, TASK};
use super::world::ROLE;

const LIMIT: Duration = Duration::from_mins(1);
/// A build that ends when the test says so, and leaves a line for every time that it was run.
const SNAPSHOT: &str = "arn:aws:states:::aws-sdk:rds:createDBSnapshot";
const BUILDSPEC: &str =
    "version: 0.2\nphases:\n  build:\n    commands:\n      - echo ran >> \"$RUNS\"\n      - cat \"$GATE\"\n";

/// The server: Step Functions, CodeBuild and ECS on one data folder.
struct Server {
    service: StepFunctions,
    ecs: Ecs,
    codebuild: CodeBuild,
    rds: Rds,
    image: String,
}

impl Server {
    async fn start(data: &Path) -> Self {
        let ledger = Ledger::open(&data.join("ledger.db")).expect("opens");
        let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").expect("opens");
        let host = Host::new(data, ledger.clone(), sqs).expect("watches files");
        let options = Options {
            folder: data.join("builds"),
            tools: data.join("tools"),
            programs: BTreeMap::new(),
            environment: BTreeMap::new(),
            concurrent_builds: 1,
        };
        let path = |name: &str| data.join(name).display().to_string();
        let project = Project {
            name: "runner".to_owned(),
            buildspec: BUILDSPEC.to_owned(),
            environment: BTreeMap::from([("RUNS".to_owned(), path("runs")), ("GATE".to_owned(), path("gate"))]),
            timeout_minutes: 5,
            queued_timeout_minutes: 5,
            concurrent_build_limit: None,
            log_group: "/slipway/builds".to_owned(),
        };
        let codebuild = CodeBuild::new(&host, options, vec![project]);
        let codebuild = codebuild.expect("reads the buildspec");
        codebuild.recover().expect("recovers");
        let (image, images) = shell_image();
        let ecs = Ecs::new(&host, BTreeMap::new(), images).expect("has its folders");
        ecs.recover().await.expect("recovers");
        let rds = Rds::new(&host, Postgres::new(&host, None)).expect("has its folders");
        let services = integrations(
            Functions::default(),
            &codebuild,
            &ecs,
            &rds,
            host.events,
            Throttle::default(),
        );
        let service = StepFunctions::new(ledger, Clock::System, services);
        service.recover().expect("recovers");
        Self {
            service,
            ecs,
            codebuild,
            rds,
            image,
        }
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        self.service.call(action, body).await.expect(action)
    }

    async fn run(&self, name: &str, states: Value) -> String {
        let first = states.as_object().and_then(|states| states.keys().next()).cloned();
        let definition = json!({"QueryLanguage": "JSONata", "StartAt": first, "States": states}).to_string();
        let machine = json!({"name": name, "definition": definition, "roleArn": ROLE});
        let machine = self.call("CreateStateMachine", machine).await["stateMachineArn"].take();
        let started = self.call("StartExecution", json!({"stateMachineArn": machine})).await;
        started["executionArn"].as_str().expect("an ARN").to_owned()
    }

    async fn ended(&self, execution: &str) -> Value {
        let ended = tokio::time::timeout(LIMIT, self.service.ended(execution)).await;
        ended.expect("ends").expect("is there")
    }

    /// Registers a task that runs this shell command.
    async fn definition(&self, command: &str) -> String {
        let container = json!({"name": "web", "image": self.image, "essential": true, "command": ["-c", command]});
        let body = json!({"family": "once", "containerDefinitions": [container]});
        let registered = self
            .ecs
            .call("RegisterTaskDefinition", body)
            .await
            .expect("is registered");
        registered["taskDefinition"]["taskDefinitionArn"]
            .as_str()
            .expect("an ARN")
            .to_owned()
    }
}

/// An image that runs a shell.
fn shell_image() -> (String, ImageSource) {
    let manifest = json!({"entrypoint": ["/bin/sh"], "environment": {}}).to_string();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(manifest.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "image.json", manifest.as_bytes())
        .expect("is written");
    let tar = tar.into_inner().expect("is written");
    let digest = Sha256::digest(&tar)
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let tar = Bytes::from(tar);
    let source: ImageSource = Arc::new(move |_key| {
        let tar = tar.clone();
        Box::pin(async move { Ok(Some(tar)) })
    });
    (format!("team/shell@sha256:{digest}"), source)
}

#[tokio::test]
async fn a_build_that_outlives_the_server_is_waited_for_and_never_started_twice() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let gate = data.path().join("gate");
    let made = std::process::Command::new("mkfifo")
        .arg(&gate)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let server = Server::start(data.path()).await;
    let plan =
        json!({"Plan": {"Type": "Task", "Resource": BUILD, "Arguments": {"ProjectName": "runner"}, "End": true}});
    let execution = server.run("operation", plan).await;
    // The gate opens for writing when the build reads it: it runs.
    let gate = tokio::time::timeout(LIMIT, tokio::fs::OpenOptions::new().write(true).open(gate)).await;
    let gate = gate.expect("the build runs").expect("opens");

    server.service.shutdown();
    let server = Server::start(data.path()).await;
    drop(gate);
    let ended = server.ended(&execution).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let output: Value = serde_json::from_str(ended["output"].as_str().expect("an output")).expect("JSON");
    assert_eq!(
        (&output["Build"]["BuildStatus"], &output["Build"]["ProjectName"]),
        (&json!("SUCCEEDED"), &json!("runner"))
    );
    assert_eq!(
        std::fs::read_to_string(data.path().join("runs")).expect("it ran"),
        "ran\n"
    );
    let builds = server.codebuild.call("ListBuilds", json!({})).await.expect("lists");
    assert_eq!(builds["ids"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_task_succeeds_or_fails_by_the_exit_code_of_its_process() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(data.path()).await;
    server
        .ecs
        .call("CreateCluster", json!({"clusterName": "c"}))
        .await
        .expect("is created");
    for (command, code) in [("exit 0", 0), ("exit 3", 3)] {
        let arguments = json!({"Cluster": "c", "TaskDefinition": server.definition(command).await});
        let states = json!({"Migrate": {"Type": "Task", "Resource": TASK, "Arguments": arguments, "End": true}});
        let ended = server.ended(&server.run(&format!("exits-{code}"), states).await).await;
        let (how, task) = if code == 0 {
            ("SUCCEEDED", &ended["output"])
        } else {
            ("FAILED", &ended["cause"])
        };
        assert_eq!(ended["status"], how, "{ended}");
        let task: Value = serde_json::from_str(task.as_str().expect("a task")).expect("JSON");
        assert_eq!(
            (&task["Containers"][0]["ExitCode"], &task["LastStatus"]),
            (&json!(code), &json!("STOPPED"))
        );
    }
    let unknown =
        json!({"Migrate": {"Type": "Task", "Resource": TASK, "Arguments": {"TaskDefinition": "x:1"}, "End": true}});
    let ended = server.ended(&server.run("unknown", unknown).await).await;
    assert!(
        ended["error"].as_str().is_some_and(|error| error.starts_with("ECS.")),
        "{ended}"
    );
}

#[tokio::test]
async fn snapshots_are_asked_for_by_the_names_of_step_functions() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(data.path()).await;
    let Value::Object(instance) =
        json!({"DBInstanceIdentifier": "db", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres"})
    else {
        panic!("an object")
    };
    server.rds.call("CreateDBInstance", instance).await.expect("is created");
    let taken = json!({"DbInstanceIdentifier": "db", "DbSnapshotIdentifier": "s"});
    let absent = json!({"DbInstanceIdentifier": "gone", "DbSnapshotIdentifier": "t"});
    let misnamed = json!({"DBInstanceIdentifier": "db", "DBSnapshotIdentifier": "t"});
    for (name, arguments, member, said) in [
        ("taken", taken, "output", r#""DbSnapshotIdentifier":"s""#),
        ("absent", absent, "error", "Rds.DbInstanceNotFoundException"),
        ("misnamed", misnamed, "error", "States.Runtime"),
    ] {
        let states = json!({"Snapshot": {"Type": "Task", "Resource": SNAPSHOT, "Arguments": arguments, "End": true}});
        let ended = server.ended(&server.run(name, states).await).await;
        assert!(
            ended[member].as_str().is_some_and(|text| text.contains(said)),
            "{ended}"
        );
    }
}
