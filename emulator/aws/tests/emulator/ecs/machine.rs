//! A machine with ECS on it, and requests to what it serves.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::clock::Clock;
use aws_emulator::cloudwatch::CloudWatch;
use aws_emulator::ecs::{Ecs, ImageSource};
use aws_emulator::events::{Pattern, Target};
use aws_emulator::host::Host;
use aws_emulator::ledger::Ledger;
use aws_emulator::logs::Logs;
use aws_emulator::sqs::Sqs;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

pub const LIMIT: Duration = Duration::from_mins(1);

/// A data folder whose tasks end with the test, even with one that fails.
pub struct Data(tempfile::TempDir);

impl Data {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let tasks = std::fs::read_dir(self.path().join("tasks"))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let pid = std::fs::read_to_string(task.path().join("pid")).unwrap_or_default();
            if let Some(group) = pid.trim().parse().ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
        }
    }
}

/// A server's ECS on a data folder. Making another one on the same folder is the restart of a killed server.
pub struct Machine {
    pub ecs: Ecs,
    pub cloudwatch: CloudWatch,
    pub logs: Logs,
    pub events: Arc<Mutex<Vec<Value>>>,
    /// Moves with every event.
    pub heard: watch::Receiver<u64>,
    pub image: String,
}

impl Machine {
    pub async fn start(data: &Path) -> Self {
        Self::with_minute(data, Duration::from_mins(1)).await
    }

    /// A machine whose bake times and pauses have such minutes.
    pub async fn with_minute(data: &Path, minute: Duration) -> Self {
        let manifest = json!({
            "entrypoint": [std::env::current_exe().unwrap(), "--ignored", "--exact", "ecs::task_program", "--nocapture"],
            "environment": {"RELEASE": "none"},
        });
        let tar = tar_of(&[
            ("image.json", manifest.to_string().as_bytes()),
            ("assets/hello", b"hello from the image"),
        ]);
        let digest = hex_digest(&tar);
        let objects = HashMap::from([
            (format!("team/web/sha256-{digest}.tar"), Bytes::from(tar)),
            (
                format!("team/altered/sha256-{}.tar", "0".repeat(64)),
                Bytes::from_static(b"x"),
            ),
        ]);
        let images: ImageSource = Arc::new(move |key| {
            let object = objects.get(&key).cloned();
            Box::pin(async move { Ok(object) })
        });
        let ledger = Ledger::open(&data.join("ledger.db")).unwrap();
        let host = Host {
            minute,
            ..Host::new(data, ledger.clone(), queues(&ledger)).unwrap()
        };
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (counter, heard) = watch::channel(0);
        let seen = events.clone();
        host.events.add_rule(
            "all",
            Pattern::parse(&json!({"source": ["aws.ecs"]})).unwrap(),
            Target::new(
                "heard",
                Arc::new(move |event| {
                    seen.lock().unwrap().push(event);
                    counter.send_modify(|count| *count += 1);
                    Box::pin(async { Ok(()) })
                }),
            ),
        );
        let environment = [("AWS_ENDPOINT_URL".to_owned(), "http://localhost:4566".to_owned())].into();
        let ecs = Ecs::new(&host, environment, images).unwrap();
        ecs.recover().await.unwrap();
        Self {
            ecs,
            cloudwatch: CloudWatch::new(ledger),
            logs: host.logs,
            events,
            heard,
            image: format!("team/web@sha256:{digest}"),
        }
    }

    pub async fn call(&self, action: &str, body: Value) -> Value {
        self.ecs.call(action, body).await.unwrap()
    }

    pub async fn code(&self, action: &str, body: Value) -> String {
        self.ecs.call(action, body).await.unwrap_err().code.into_owned()
    }

    /// Registers a revision and returns its ARN.
    pub async fn register(&self, family: &str, container: Value) -> String {
        let mut definition = json!({"name": "web", "image": self.image, "essential": true});
        for (name, value) in container.as_object().unwrap() {
            definition[name] = value.clone();
        }
        let body = json!({"family": family, "containerDefinitions": [definition]});
        let answer = self.call("RegisterTaskDefinition", body).await;
        answer["taskDefinition"]["taskDefinitionArn"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A revision of the server that serves a release on a port of this machine.
    pub async fn release(&self, port: u16, release: &str, mode: &str) -> String {
        let container = json!({
            "portMappings": [{"containerPort": 8080, "hostPort": port}],
            "environment": [{"name": "RELEASE", "value": release}, {"name": "MODE", "value": mode}],
            "healthCheck": {"command": ["CMD-SHELL", "test \"$MODE\" = ok"], "interval": 1, "retries": 1, "timeout": 5},
            "stopTimeout": 5,
        });
        self.register("web", container).await
    }

    /// Runs a shell command as a one-off task and returns the stopped task.
    pub async fn run(&self, container: Value, overrides: Value) -> Value {
        let definition = self.register("once", container).await;
        let body = json!({"cluster": "c", "taskDefinition": definition, "overrides": overrides});
        let run = self.call("RunTask", body).await;
        assert_eq!(run["failures"], json!([]));
        self.stopped(&run["tasks"][0]).await
    }

    pub async fn stopped(&self, task: &Value) -> Value {
        let arn = task["taskArn"].as_str().unwrap();
        tokio::time::timeout(LIMIT, self.ecs.stopped("c", arn))
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn update(&self, definition: &str, count: u32) -> String {
        let body = json!({"cluster": "c", "service": "web", "taskDefinition": definition, "desiredCount": count});
        let answer = self.call("UpdateService", body).await;
        answer["service"]["deployments"][0]["id"].as_str().unwrap().to_owned()
    }

    pub async fn service(&self) -> Value {
        let body = json!({"cluster": "c", "services": ["web"]});
        self.call("DescribeServices", body).await["services"][0].take()
    }

    /// Waits until the deployment has been announced with this name.
    pub async fn announced(&self, deployment: &str, name: &str) {
        let mut heard = self.heard.clone();
        let is_it =
            |event: &Value| event["detail"]["deploymentId"] == deployment && event["detail"]["eventName"] == name;
        let announced = async {
            while !self.events.lock().unwrap().iter().any(is_it) {
                heard.changed().await.unwrap();
            }
        };
        let is_announced = tokio::time::timeout(LIMIT, announced).await.is_ok();
        assert!(
            is_announced,
            "{deployment} was not announced as {name}: {:#}",
            self.service().await
        );
    }

    /// A cluster with a service of two tasks of release 1.
    pub async fn serve(&self) -> u16 {
        self.serve_behind(json!({"containerName": "web", "containerPort": 8080}))
            .await
    }

    pub async fn serve_behind(&self, load_balancer: Value) -> u16 {
        let port = free_port();
        self.call("CreateCluster", json!({"clusterName": "c"})).await;
        let breaker = json!({"enable": true, "rollback": true});
        self.call(
            "CreateService",
            json!({"cluster": "c", "serviceName": "web", "desiredCount": 0,
            "loadBalancers": [load_balancer],
            "deploymentConfiguration": {"deploymentCircuitBreaker": breaker}}),
        )
        .await;
        let definition = self.release(port, "1", "ok").await;
        let deployment = self.update(&definition, 2).await;
        self.announced(&deployment, "SERVICE_DEPLOYMENT_COMPLETED").await;
        port
    }

    pub async fn lines(&self, group: &str, stream: &str) -> Vec<String> {
        let body = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
        let events = self.logs.call("GetLogEvents", body).await.unwrap()["events"].take();
        let events = events.as_array().unwrap().iter();
        events
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Not `append_data`, which refuses what a test of bad images needs.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

pub fn hex_digest(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

pub fn queues(ledger: &Ledger) -> Sqs {
    Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").unwrap()
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One request on a connection of its own: the body, or `None` when anything went wrong.
pub async fn get(port: u16, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    ask(&mut connection, path).await
}

pub async fn ask(connection: &mut TcpStream, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.write_all(request.as_bytes()).await.ok()?;
    let mut answer = vec![0; 1024];
    let count = connection.read(&mut answer).await.ok().filter(|count| *count > 0)?;
    let answer = String::from_utf8(answer[..count].to_vec()).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// Requests one after the other until it is stopped; returns the answers.
pub fn request_loop(port: u16, path: &'static str) -> (Arc<AtomicBool>, tokio::task::JoinHandle<Vec<Option<String>>>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let over = is_over.clone();
    let requests = tokio::spawn(async move {
        let mut answers = Vec::new();
        while !over.load(Ordering::Relaxed) {
            answers.push(get(port, path).await);
        }
        answers
    });
    (is_over, requests)
}
