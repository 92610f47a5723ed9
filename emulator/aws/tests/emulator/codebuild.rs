//! CodeBuild over its wire API, with real builds.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_emulator::clock::Clock;
use aws_emulator::codebuild::{CodeBuild, Options, Project};
use aws_emulator::host::Host;
use aws_emulator::ledger::Ledger;
use aws_emulator::logs::Logs;
use aws_emulator::sqs::Sqs;
use serde_json::{Value, json};

use crate::support::{kill, server};

/// A server's CodeBuild on a data folder. Making another one on the same folder is the restart of a killed server.
struct Machine {
    codebuild: CodeBuild,
    logs: Logs,
}

impl Machine {
    fn start(data: &Path, buildspec: &str, parallel: usize) -> Self {
        Self::start_with(data, buildspec, parallel, |_| {})
    }

    fn start_with(data: &Path, buildspec: &str, parallel: usize, change: impl Fn(&mut Project)) -> Self {
        let ledger = Ledger::open(&data.join("ledger.db")).unwrap();
        let options = Options {
            folder: data.join("builds"),
            tools: data.join("tools"),
            programs: BTreeMap::from([("runner".to_owned(), "/bin/echo".into())]),
            environment: BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:1".to_owned())]),
            concurrent_builds: parallel,
        };
        let mut project = Project {
            name: "runner".to_owned(),
            buildspec: buildspec.to_owned(),
            environment: BTreeMap::from([("COLOUR".to_owned(), "red".to_owned())]),
            timeout_minutes: 5,
            queued_timeout_minutes: 5,
            concurrent_build_limit: None,
            log_group: "/slipway/builds".to_owned(),
        };
        change(&mut project);
        let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").unwrap();
        let host = Host::new(data, ledger, sqs).unwrap();
        let codebuild = CodeBuild::new(&host, options, vec![project]).unwrap();
        codebuild.recover().unwrap();
        Self {
            codebuild,
            logs: host.logs,
        }
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        self.codebuild.call(action, body).await.unwrap()
    }

    async fn start_build(&self, variables: Value) -> String {
        let body = json!({"projectName": "runner", "environmentVariablesOverride": variables});
        let answer = self.call("StartBuild", body).await;
        answer["build"]["id"].as_str().unwrap().to_owned()
    }

    async fn finished(&self, id: &str) -> Value {
        let limit = Duration::from_mins(1);
        tokio::time::timeout(limit, self.codebuild.finished(id))
            .await
            .unwrap()
            .unwrap()
    }

    async fn build(&self, id: &str) -> Value {
        self.call("BatchGetBuilds", json!({"ids": [id]})).await["builds"][0].take()
    }

    async fn lines(&self, id: &str) -> Vec<String> {
        let stream = id.split_once(':').unwrap().1;
        let body = json!({"logGroupName": "/slipway/builds", "logStreamName": stream, "startFromHead": true});
        let events = self.logs.call("GetLogEvents", body).await.unwrap();
        let events = events["events"].as_array().unwrap().clone();
        events
            .iter()
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What a build printed that may have printed nothing.
    async fn lines_or_none(&self, build: &Value) -> Vec<String> {
        let stream = build["logs"]["streamName"].as_str().unwrap();
        let body = json!({"logGroupName": "/slipway/builds", "logStreamName": stream});
        match self.logs.call("GetLogEvents", body).await {
            Ok(_) => self.lines(build["id"].as_str().unwrap()).await,
            Err(_) => Vec::new(),
        }
    }

    /// Waits until the build's log has the line.
    async fn written(&self, id: &str, line: &str) {
        let mut changes = self.logs.changes();
        let written = async {
            // The stream does not exist before its first line.
            loop {
                let stream = id.split_once(':').unwrap().1;
                let body = json!({"logGroupName": "/slipway/builds", "logStreamName": stream});
                if self.logs.call("GetLogEvents", body).await.is_ok()
                    && self.lines(id).await.iter().any(|written| written == line)
                {
                    return;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(1), written).await.unwrap();
    }
}

fn phases(build: &Value) -> Vec<String> {
    let phases = build["phases"].as_array().unwrap().iter();
    phases
        .map(|phase| {
            format!(
                "{} {}",
                phase["phaseType"].as_str().unwrap(),
                phase["phaseStatus"].as_str().unwrap_or("-")
            )
        })
        .collect()
}

#[tokio::test]
async fn phases_share_a_shell_and_the_environment_is_exact() {
    let data = tempfile::tempdir().unwrap();
    let spec = r#"
version: 0.2
env: {variables: {COLOUR: blue, SIZE: 3}}
phases:
  install: {commands: ["word='it''s'", "cd /"]}
  build:
    commands: ["echo $word $PWD $COLOUR $SIZE", "/usr/bin/env | sort", "runner hello"]
    finally: ["echo finally $CODEBUILD_BUILD_SUCCEEDING"]
"#;
    let machine = Machine::start(data.path(), spec, 2);
    let id = machine
        .start_build(json!([{"name": "COLOUR", "value": "$(id) `id` 'x"}, {"name": "PATH", "value": "/nowhere"}]))
        .await;
    let build = machine.finished(&id).await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{build}");
    assert_eq!(build["buildNumber"], 1);
    assert_eq!(
        phases(&build),
        [
            "SUBMITTED SUCCEEDED",
            "QUEUED SUCCEEDED",
            "PROVISIONING SUCCEEDED",
            "INSTALL SUCCEEDED",
            "PRE_BUILD SUCCEEDED",
            "BUILD SUCCEEDED",
            "POST_BUILD SUCCEEDED",
            "UPLOAD_ARTIFACTS SUCCEEDED",
            "FINALIZING SUCCEEDED",
            "COMPLETED -"
        ]
    );
    let lines = machine.lines(&id).await;
    assert!(lines.contains(&"its / $(id) `id` 'x 3".to_owned()), "{lines:#?}");
    assert!(
        lines.contains(&"hello".to_owned()),
        "the tools folder leads to the program: {lines:#?}"
    );
    assert!(lines.contains(&"finally 1".to_owned()));
    let names: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert!(
        names.iter().all(|name| {
            ["AWS_", "CODEBUILD_"].iter().any(|prefix| name.starts_with(prefix))
                || ["COLOUR", "SIZE", "HOME", "PATH", "PWD", "OLDPWD"].contains(name)
                || name.starts_with('[')
        }),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_failed_phase_follows_the_transitions_of_aws() {
    let data = tempfile::tempdir().unwrap();
    let spec = r#"
version: 0.2
phases:
  build: {commands: ["false", "echo not-run"], finally: ["echo in-finally"]}
  post_build: {commands: ["echo succeeding=$CODEBUILD_BUILD_SUCCEEDING"]}
"#;
    let machine = Machine::start(data.path(), spec, 2);
    let id = machine.start_build(json!([])).await;
    let build = machine.finished(&id).await;
    assert_eq!(build["buildStatus"], "FAILED");
    let failed = &build["phases"][5];
    assert_eq!(failed["phaseType"], "BUILD");
    assert_eq!(
        failed["contexts"],
        json!([{
            "statusCode": "COMMAND_EXECUTION_ERROR",
            "message": "Error while executing command: false. Reason: exit status 1",
        }])
    );
    let lines = machine.lines(&id).await;
    assert!(lines.contains(&"in-finally".to_owned()) && lines.contains(&"succeeding=0".to_owned()));
    assert!(!lines.contains(&"not-run".to_owned()));

    let data = tempfile::tempdir().unwrap();
    let spec = "version: 0.2\nphases: {pre_build: {commands: ['exit 4']}, build: {commands: [echo no]}}";
    let machine = Machine::start(data.path(), spec, 2);
    let id = machine.start_build(json!([])).await;
    let build = machine.finished(&id).await;
    assert_eq!(build["buildStatus"], "FAILED");
    assert!(
        build
            .to_string()
            .contains("ended the shell of the build with exit status 4")
    );
}

#[tokio::test]
async fn what_could_change_the_program_is_refused_and_tokens_are_honoured() {
    let data = tempfile::tempdir().unwrap();
    let machine = Machine::start(data.path(), "version: 0.2\nphases: {build: {commands: [':']}}", 2);
    for (body, code) in [
        (
            json!({"projectName": "runner", "buildspecOverride": "x"}),
            "InvalidInputException",
        ),
        (
            json!({"projectName": "runner", "serviceRoleOverride": "x"}),
            "InvalidInputException",
        ),
        (json!({"projectName": "other"}), "ResourceNotFoundException"),
        (
            json!({"projectName": "runner", "environmentVariablesOverride": [{"name": "A=B", "value": ""}]}),
            "InvalidInputException",
        ),
        (
            json!({"projectName": "runner", "environmentVariablesOverride":
                [{"name": "A", "value": "", "type": "SECRETS_MANAGER"}]}),
            "InvalidInputException",
        ),
    ] {
        assert_eq!(machine.codebuild.call("StartBuild", body).await.unwrap_err().code, code);
    }
    let body = json!({"projectName": "runner", "idempotencyToken": "t"});
    let first = machine.call("StartBuild", body.clone()).await;
    let again = machine.call("StartBuild", body.clone()).await;
    assert_eq!(first["build"]["id"], again["build"]["id"]);
    machine.finished(first["build"]["id"].as_str().unwrap()).await;
    drop(machine);
    // However long a server was down: no second build for a token of which the first is known.
    let machine = Machine::start(
        data.path(),
        "version: 0.2\nenv: {variables: {NEW: '1'}}\nphases: {build: {commands: [':']}}",
        2,
    );
    let again = machine.call("StartBuild", body).await;
    assert_eq!(first["build"]["id"], again["build"]["id"]);
    assert_eq!(again["build"]["buildStatus"], "SUCCEEDED");
    let other = json!({"projectName": "runner", "idempotencyToken": "t",
        "environmentVariablesOverride": [{"name": "A", "value": "1"}]});
    let error = machine.codebuild.call("StartBuild", other).await.unwrap_err();
    assert_eq!(error.code, "InvalidInputException");
    let listed = machine
        .call("ListBuildsForProject", json!({"projectName": "runner"}))
        .await;
    assert_eq!(listed["ids"], json!([first["build"]["id"]]));
    let missing = machine.call("BatchGetBuilds", json!({"ids": ["runner:x"]})).await;
    assert_eq!(missing["buildsNotFound"], json!(["runner:x"]));
    assert_eq!(
        machine
            .codebuild
            .call("CreateProject", json!({}))
            .await
            .unwrap_err()
            .code,
        "UnknownOperationException"
    );
}

/// A build of a program of its own, as the runner is, that saves what it did when it is interrupted.
fn polite(data: &Path) -> String {
    let program = data.join("program");
    let script = "trap 'sleep 0.2; echo saved; exit 1' TERM INT HUP; echo ready; while :; do sleep 0.02; done";
    std::fs::write(&program, script).unwrap();
    format!(
        "version: 0.2\nphases: {{build: {{commands: ['/bin/sh {}', 'echo later']}}}}",
        program.display()
    )
}

#[tokio::test]
async fn a_stop_kills_a_running_build_without_a_signal() {
    let data = tempfile::tempdir().unwrap();
    let machine = Machine::start(data.path(), &polite(data.path()), 1);
    let running = machine.start_build(json!([])).await;
    let queued = machine.start_build(json!([])).await;
    machine.written(&running, "ready").await;
    assert_eq!(machine.build(&queued).await["currentPhase"], "QUEUED");
    machine.call("StopBuild", json!({"id": queued})).await;
    let build = machine.finished(&queued).await;
    assert_eq!(build["buildStatus"], "STOPPED");
    machine.call("StopBuild", json!({"id": running})).await;
    let build = machine.finished(&running).await;
    assert_eq!(build["buildStatus"], "STOPPED");
    let lines = machine.lines(&running).await;
    for never in ["saved", "later"] {
        assert!(!lines.contains(&never.to_owned()), "{lines:?}");
    }
}

#[tokio::test]
async fn a_build_that_takes_too_long_is_killed_and_so_is_one_that_waits_too_long() {
    let data = tempfile::tempdir().unwrap();
    let machine = Machine::start_with(data.path(), &polite(data.path()), 1, |project| {
        project.timeout_minutes = 0;
    });
    let build = machine.finished(&machine.start_build(json!([])).await).await;
    assert_eq!(build["buildStatus"], "TIMED_OUT");
    assert!(!machine.lines_or_none(&build).await.contains(&"saved".to_owned()));

    let data = tempfile::tempdir().unwrap();
    let no_patience = |project: &mut Project| project.queued_timeout_minutes = 0;
    let machine = Machine::start_with(data.path(), &polite(data.path()), 1, no_patience);
    let running = machine.start_build(json!([])).await;
    machine.written(&running, "ready").await;
    let build = machine.finished(&machine.start_build(json!([])).await).await;
    assert_eq!(build["buildStatus"], "TIMED_OUT");
    assert_eq!(machine.build(&running).await["buildStatus"], "IN_PROGRESS");
    machine.call("StopBuild", json!({"id": running})).await;
    machine.finished(&running).await;
}

#[tokio::test]
async fn an_account_queues_five_builds_for_each_that_runs() {
    let data = tempfile::tempdir().unwrap();
    let machine = Machine::start(data.path(), &polite(data.path()), 1);
    let mut builds = Vec::new();
    for _ in 0..6 {
        builds.push(machine.start_build(json!([])).await);
    }
    let one_more = || machine.codebuild.call("StartBuild", json!({"projectName": "runner"}));
    let error = one_more().await.unwrap_err();
    assert_eq!(error.code, "AccountLimitExceededException");
    assert_eq!(error.message, "Cannot have more than 5 builds in queue for the account");
    assert_eq!(error.status.as_u16(), 400);
    machine.call("StopBuild", json!({"id": builds[3]})).await;
    machine.finished(&builds[3]).await;
    let accepted = async {
        while let Err(error) = one_more().await {
            assert_eq!(error.code, "AccountLimitExceededException");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), accepted).await.unwrap();
    // A shell's child gets no signal between a fork and an exec, and the end of the build would wait for its grace.
    machine.written(&builds[0], "ready").await;
    machine.codebuild.shutdown().await;
}

#[tokio::test]
async fn a_project_with_a_limit_queues_nothing() {
    let data = tempfile::tempdir().unwrap();
    let limited = |project: &mut Project| project.concurrent_build_limit = Some(1);
    let machine = Machine::start_with(data.path(), &polite(data.path()), 4, limited);
    let running = machine.start_build(json!([])).await;
    let error = machine
        .codebuild
        .call("StartBuild", json!({"projectName": "runner"}))
        .await;
    assert_eq!(error.unwrap_err().code, "AccountLimitExceededException");
    machine.call("StopBuild", json!({"id": running})).await;
    machine.finished(&running).await;
}

#[tokio::test]
async fn every_build_has_a_source_folder_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let spec = "version: 0.2\nphases: {build: {commands: ['echo $CODEBUILD_SRC_DIR $PWD']}}";
    let machine = Machine::start(data.path(), spec, 2);
    let mut folders = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let id = machine.start_build(json!([])).await;
        machine.finished(&id).await;
        let lines = machine.lines(&id).await;
        let line = lines.iter().find(|line| line.starts_with('/')).unwrap();
        let (folder, working_folder) = line.split_once(' ').unwrap();
        assert_eq!(folder, working_folder);
        let random = folder.rsplit('/').nth(3).unwrap();
        let digits = random.strip_prefix("src").unwrap();
        assert!(
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()),
            "{folder}"
        );
        assert!(folder.ends_with("/src/s3/00"), "{folder}");
        folders.insert(random.to_owned());
    }
    assert_eq!(folders.len(), 2);
}

#[test]
fn builds_outlive_the_server() {
    let data = tempfile::tempdir().unwrap();
    let go = data.path().join("go");
    let spec = format!(
        "version: 0.2\nphases: {{build: {{commands: [\"echo ready; while [ ! -e {} ]; do sleep 0.02; done; echo done\"]}}}}",
        go.display()
    );
    let first = server();
    let (running, queued) = first.block_on(async {
        let machine = Machine::start(data.path(), &spec, 1);
        let running = machine.start_build(json!([])).await;
        machine.written(&running, "ready").await;
        (running, machine.start_build(json!([])).await)
    });
    // All of the first server's tasks end here; the build does not.
    kill(first);

    server().block_on(async {
        let machine = Machine::start(data.path(), &spec, 1);
        assert_eq!(machine.build(&running).await["buildStatus"], "IN_PROGRESS");
        assert_eq!(machine.build(&queued).await["currentPhase"], "QUEUED");
        std::fs::write(&go, "").unwrap();
        for id in [&running, &queued] {
            let build = machine.finished(id).await;
            assert_eq!(build["buildStatus"], "SUCCEEDED", "{build}");
            assert!(machine.lines(id).await.contains(&"done".to_owned()));
        }
        let lines = machine.lines(&running).await;
        assert_eq!(lines.iter().filter(|line| *line == "ready").count(), 1, "{lines:#?}");
    });
}

/// Its log is kept elsewhere. The folder is removed after the end is recorded.
#[tokio::test]
async fn folder_of_an_ended_build_is_removed() {
    let data = tempfile::tempdir().unwrap();
    let spec = "version: 0.2\nphases: {build: {commands: [\"echo done\"]}}";
    let machine = Machine::start(data.path(), spec, 1);
    let id = machine.start_build(json!([])).await;
    assert_eq!(machine.finished(&id).await["buildStatus"], "SUCCEEDED");
    let folder = data.path().join("builds").join(id.split_once(':').unwrap().1);
    tokio::time::timeout(Duration::from_secs(20), async {
        while folder.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    assert!(machine.lines(&id).await.contains(&"done".to_owned()));
}

#[tokio::test]
async fn a_build_whose_process_was_killed_is_a_fault_and_a_shutdown_stops_builds() {
    let data = tempfile::tempdir().unwrap();
    // A shell of its own: the build's catches the signal, and one that came between a fork and an exec would be lost.
    let spec = "version: 0.2\nphases: {build: {commands: [\"sh -c 'echo ready; sleep 600; :'\"]}}";
    let machine = Machine::start(data.path(), spec, 1);
    let id = machine.start_build(json!([])).await;
    machine.written(&id, "ready").await;
    let uuid = id.split_once(':').unwrap().1;
    let pid = std::fs::read_to_string(data.path().join("builds").join(uuid).join("pid")).unwrap();
    let group = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    let build = machine.finished(&id).await;
    assert_eq!(build["buildStatus"], "FAULT");
    assert!(build.to_string().contains("was killed from outside"));

    let machine = Machine::start(data.path(), &polite(data.path()), 1);
    let running = machine.start_build(json!([])).await;
    machine.written(&running, "ready").await;
    let queued = machine.start_build(json!([])).await;
    machine.codebuild.shutdown().await;
    assert!(machine.lines(&running).await.contains(&"saved".to_owned()));
    assert_eq!(machine.build(&running).await["buildStatus"], "STOPPED");
    assert_eq!(machine.build(&queued).await["currentPhase"], "QUEUED");
}
