//! ECS over its wire API, with real processes: this test program is also the program of their images.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::Digest as _;
use slipway_local::ecs::{Ecs, ImageSource};
use slipway_local::events::{EventBus, Pattern};
use slipway_local::ledger::Ledger;
use slipway_local::logs::Logs;
use slipway_local::process::Supervisor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

const LIMIT: Duration = Duration::from_secs(60);

/// The program of the images: a server whose answers say which release it is.
#[test]
#[ignore = "this is no test but the program of the images"]
#[allow(clippy::exit)]
fn task_program() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    if variable("MODE") == "crash" {
        std::process::exit(7);
    }
    if variable("MODE") == "deaf" {
        loop {
            std::thread::park();
        }
    }
    let listener = std::net::TcpListener::bind(format!("127.0.0.1:{}", variable("PORT"))).unwrap();
    println!("listening");
    for connection in listener.incoming() {
        std::thread::spawn(move || {
            let mut connection = connection.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
            loop {
                let count = connection.read(&mut buffer).unwrap_or(0);
                if count == 0 {
                    return;
                }
                request.extend_from_slice(&buffer[..count]);
                if !request.ends_with(b"\r\n\r\n") {
                    continue;
                }
                if request.starts_with(b"GET /crash ") {
                    std::process::exit(9);
                }
                if request.starts_with(b"GET /slow ") {
                    std::thread::sleep(Duration::from_millis(700));
                }
                request.clear();
                let body = std::env::var("RELEASE").unwrap_or_default();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                connection.write_all(answer.as_bytes()).unwrap();
            }
        });
    }
}

/// A data folder whose tasks end with the test, even with one that fails.
struct Data(tempfile::TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
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
struct Machine {
    ecs: Ecs,
    logs: Logs,
    events: Arc<Mutex<Vec<Value>>>,
    /// Moves with every event.
    heard: watch::Receiver<u64>,
    image: String,
}

impl Machine {
    async fn start(data: &Path) -> Self {
        let manifest = json!({
            "entrypoint": [std::env::current_exe().unwrap(), "--ignored", "--exact", "task_program", "--nocapture"],
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
        let logs = Logs::new(ledger.clone());
        let bus = EventBus::new(ledger.clone());
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (counter, heard) = watch::channel(0);
        let seen = events.clone();
        bus.add_rule(
            "all",
            Pattern::parse(&json!({"source": ["aws.ecs"]})).unwrap(),
            Arc::new(move |event| {
                seen.lock().unwrap().push(event);
                counter.send_modify(|count| *count += 1);
                Box::pin(async { Ok(()) })
            }),
        );
        let supervisor = Supervisor::new().unwrap();
        let ecs = Ecs::new(data, images, ledger, logs.clone(), bus, supervisor).unwrap();
        ecs.recover().await.unwrap();
        Self {
            ecs,
            logs,
            events,
            heard,
            image: format!("team/web@sha256:{digest}"),
        }
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        self.ecs.call(action, body).await.unwrap()
    }

    async fn code(&self, action: &str, body: Value) -> String {
        self.ecs.call(action, body).await.unwrap_err().code.into_owned()
    }

    /// Registers a revision and returns its ARN.
    async fn register(&self, family: &str, container: Value) -> String {
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
    async fn release(&self, port: u16, release: &str, mode: &str) -> String {
        let container = json!({
            "portMappings": [{"containerPort": 8080, "hostPort": port}],
            "environment": [{"name": "RELEASE", "value": release}, {"name": "MODE", "value": mode}],
            "healthCheck": {"command": ["CMD-SHELL", "test \"$MODE\" = ok"], "interval": 1, "retries": 1, "timeout": 5},
            "stopTimeout": 5,
        });
        self.register("web", container).await
    }

    /// Runs a shell command as a one-off task and returns the stopped task.
    async fn run(&self, container: Value, overrides: Value) -> Value {
        let definition = self.register("once", container).await;
        let body = json!({"cluster": "c", "taskDefinition": definition, "overrides": overrides});
        let run = self.call("RunTask", body).await;
        assert_eq!(run["failures"], json!([]));
        self.stopped(&run["tasks"][0]).await
    }

    async fn stopped(&self, task: &Value) -> Value {
        let arn = task["taskArn"].as_str().unwrap();
        tokio::time::timeout(LIMIT, self.ecs.stopped("c", arn))
            .await
            .unwrap()
            .unwrap()
    }

    async fn update(&self, definition: &str, count: u32) -> String {
        let body = json!({"cluster": "c", "service": "web", "taskDefinition": definition, "desiredCount": count});
        let answer = self.call("UpdateService", body).await;
        answer["service"]["deployments"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn service(&self) -> Value {
        let body = json!({"cluster": "c", "services": ["web"]});
        self.call("DescribeServices", body).await["services"][0].take()
    }

    /// Waits until the deployment has been announced with this name.
    async fn announced(&self, deployment: &str, name: &str) {
        let mut heard = self.heard.clone();
        let is_it =
            |event: &Value| event["detail"]["deploymentId"] == deployment && event["detail"]["eventName"] == name;
        let announced = async {
            while !self.events.lock().unwrap().iter().any(is_it) {
                heard.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(LIMIT, announced).await.is_err() {
            panic!("{deployment} was not announced as {name}: {:#}", self.service().await);
        }
    }

    /// A cluster with a service of two tasks of release 1.
    async fn serve(&self) -> u16 {
        let port = free_port();
        self.call("CreateCluster", json!({"clusterName": "c"})).await;
        let breaker = json!({"enable": true, "rollback": true});
        self.call(
            "CreateService",
            json!({"cluster": "c", "serviceName": "web", "desiredCount": 0,
            "loadBalancers": [{"containerName": "web", "containerPort": 8080}],
            "deploymentConfiguration": {"deploymentCircuitBreaker": breaker}}),
        )
        .await;
        let definition = self.release(port, "1", "ok").await;
        let deployment = self.update(&definition, 2).await;
        self.announced(&deployment, "SERVICE_DEPLOYMENT_COMPLETED").await;
        port
    }

    async fn lines(&self, group: &str, stream: &str) -> Vec<String> {
        let body = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
        let events = self.logs.call("GetLogEvents", body).await.unwrap()["events"].take();
        let events = events.as_array().unwrap().iter();
        events
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
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

fn hex_digest(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One request on a connection of its own: the body, or `None` when anything went wrong.
async fn get(port: u16, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    ask(&mut connection, path).await
}

async fn ask(connection: &mut TcpStream, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.write_all(request.as_bytes()).await.ok()?;
    let mut answer = vec![0; 1024];
    let count = connection.read(&mut answer).await.ok().filter(|count| *count > 0)?;
    let answer = String::from_utf8(answer[..count].to_vec()).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// Requests one after the other until it is told to stop; returns the answers.
fn request_loop(port: u16, path: &'static str) -> (Arc<AtomicBool>, tokio::task::JoinHandle<Vec<Option<String>>>) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_off_task_has_its_overrides_its_files_its_log_and_its_exit_code() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    let container = json!({
        "entryPoint": ["/bin/sh", "-c"],
        "command": ["exit 1"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}],
        "logConfiguration": {"logDriver": "awslogs",
            "options": {"awslogs-group": "/c", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}},
    });
    let command = "cat assets/hello; echo; /usr/bin/env | sort | grep -v ^PWD; exit 42";
    let overrides = json!({"containerOverrides": [
        {"name": "web", "command": [command], "environment": [{"name": "B", "value": "$(id) \"2\""}]}]});
    let task = machine.run(container, overrides).await;
    assert_eq!(task["lastStatus"], "STOPPED");
    assert_eq!(task["containers"][0]["exitCode"], 42);
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert!(task["stoppedAt"].as_f64().unwrap() >= task["startedAt"].as_f64().unwrap());
    let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let lines = machine.lines("/c", &format!("p/web/{id}")).await;
    let home = format!("HOME={}", data.path().join("tasks").join(id).join("work").display());
    assert_eq!(
        lines,
        [
            "hello from the image",
            "A=1",
            "B=$(id) \"2\"",
            &home,
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "RELEASE=none"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_cannot_start_say_why_and_volumes_are_kept() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    for (container, reason) in [
        (
            json!({"image": format!("team/none@sha256:{}", "1".repeat(64))}),
            "there is no image",
        ),
        (
            json!({"image": format!("team/altered@sha256:{}", "0".repeat(64))}),
            "is not what",
        ),
        (json!({"entryPoint": ["eval", "x"]}), "there is no program `eval`"),
    ] {
        let task = machine.run(container, json!({})).await;
        assert_eq!(task["stopCode"], "TaskFailedToStart");
        assert!(task["stoppedReason"].as_str().unwrap().contains(reason), "{task:#}");
        assert_eq!(task["containers"][0]["exitCode"], Value::Null);
    }
    let script = "echo kept >>data/file; test \"$(wc -l <data/file)\" -eq \"$LINES_WANTED\"";
    let with_volume = |command: &str, wanted: &str| {
        json!({"family": "volume", "volumes": [{"name": "d"}], "containerDefinitions": [{
            "name": "web", "image": machine.image, "entryPoint": ["/bin/sh", "-c"], "command": [command],
            "environment": [{"name": "LINES_WANTED", "value": wanted}],
            "mountPoints": [{"sourceVolume": "d", "containerPath": "/data"}]}]})
    };
    for wanted in ["1", "2"] {
        let answer = machine
            .call("RegisterTaskDefinition", with_volume(script, wanted))
            .await;
        let definition = &answer["taskDefinition"]["taskDefinitionArn"];
        let run = machine
            .call("RunTask", json!({"cluster": "c", "taskDefinition": definition}))
            .await;
        let task = machine.stopped(&run["tasks"][0]).await;
        assert_eq!(task["containers"][0]["exitCode"], 0);
    }
    assert!(data.path().join("volumes/c/d/file").exists());
    machine.call("DeleteCluster", json!({"cluster": "c"})).await;
    assert!(!data.path().join("volumes/c").exists());
}

#[tokio::test]
async fn the_errors_of_aws() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    assert_eq!(
        machine
            .code("DescribeTasks", json!({"cluster": "c", "tasks": ["x"]}))
            .await,
        "ClusterNotFoundException"
    );
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    machine.call("CreateCluster", json!({"clusterName": "c"})).await;
    let service = json!({"cluster": "c", "service": "web"});
    assert_eq!(
        machine.code("UpdateService", service.clone()).await,
        "ServiceNotFoundException"
    );
    assert_eq!(
        machine
            .code("RunTask", json!({"cluster": "c", "taskDefinition": "x"}))
            .await,
        "ClientException"
    );
    assert_eq!(
        machine.code("ExecuteCommand", json!({})).await,
        "UnknownOperationException"
    );
    let register = |container: Value| json!({"family": "f", "containerDefinitions": [container]});
    for container in [
        json!({"name": "web", "image": "nginx:latest"}),
        json!({"name": "web", "image": machine.image, "secrets": [{"name": "A", "valueFrom": "b"}]}),
        json!({"name": "web", "image": machine.image, "mountPoints": [{"sourceVolume": "no", "containerPath": "/x"}]}),
    ] {
        assert_eq!(
            machine.code("RegisterTaskDefinition", register(container)).await,
            "ClientException"
        );
    }
    let two = json!({"family": "f", "containerDefinitions": [
        {"name": "a", "image": machine.image}, {"name": "b", "image": machine.image}]});
    assert_eq!(machine.code("RegisterTaskDefinition", two).await, "ClientException");

    let first = machine.register("f", json!({"command": ["exit"]})).await;
    let second = machine.register("f", json!({})).await;
    assert!(first.ends_with("task-definition/f:1") && second.ends_with("task-definition/f:2"));
    machine
        .call("DeregisterTaskDefinition", json!({"taskDefinition": first}))
        .await;
    assert_eq!(
        machine
            .code("RunTask", json!({"cluster": "c", "taskDefinition": first}))
            .await,
        "ClientException"
    );
    let active = machine.call("ListTaskDefinitions", json!({"familyPrefix": "f"})).await;
    assert_eq!(active["taskDefinitionArns"], json!([second]));
    let newest = machine
        .call("DescribeTaskDefinition", json!({"taskDefinition": "f"}))
        .await;
    assert_eq!(newest["taskDefinition"]["revision"], 2);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let definition = machine
        .register("p", json!({"portMappings": [{"containerPort": 1, "hostPort": port}]}))
        .await;
    let create = json!({"cluster": "c", "serviceName": "web", "taskDefinition": definition, "desiredCount": 1});
    let error = machine.ecs.call("CreateService", create.clone()).await.unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
    assert!(error.message.contains(&port.to_string()), "{error}");
    assert_eq!(
        machine.code("UpdateService", service.clone()).await,
        "ServiceNotFoundException"
    );
    drop(taken);
    let made = machine.call("CreateService", create.clone()).await;
    let again = machine.call("CreateService", create).await;
    assert_eq!(made["service"]["createdAt"], again["service"]["createdAt"]);
    let other = json!({"cluster": "c", "serviceName": "web", "desiredCount": 0});
    assert_eq!(machine.code("CreateService", other).await, "InvalidParameterException");
    assert_eq!(
        machine.code("DeleteCluster", json!({"cluster": "c"})).await,
        "ClusterContainsServicesException"
    );
    assert_eq!(
        machine.code("DeleteService", service.clone()).await,
        "InvalidParameterException"
    );
    let force = json!({"cluster": "c", "service": "web", "force": true});
    assert_eq!(
        machine.call("DeleteService", force.clone()).await["service"]["status"],
        "INACTIVE"
    );
    assert_eq!(machine.code("DeleteService", force).await, "ServiceNotActiveException");
    machine.call("DeleteCluster", json!({"cluster": "c"})).await;
    assert_eq!(
        machine.code("ListServices", json!({"cluster": "c"})).await,
        "ClusterNotFoundException"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_drops_no_request() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let port = machine.serve().await;
    let mut kept = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(ask(&mut kept, "/").await.as_deref(), Some("1"));
    let loops = [request_loop(port, "/"), request_loop(port, "/slow")];
    let definition = machine.release(port, "2", "ok").await;
    let deployment = machine.update(&definition, 2).await;
    // A connection that is asked on all the time is served by the old task until it is drained.
    assert_eq!(ask(&mut kept, "/slow").await.as_deref(), Some("1"));
    machine.announced(&deployment, "SERVICE_DEPLOYMENT_COMPLETED").await;
    let service = machine.service().await;
    assert_eq!(
        (
            &service["runningCount"],
            &service["deployments"].as_array().unwrap().len()
        ),
        (&json!(2), &1)
    );
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    for _ in 0..10 {
        assert_eq!(get(port, "/").await.as_deref(), Some("2"));
    }
    for (is_over, requests) in loops {
        is_over.store(true, Ordering::Relaxed);
        let answers = requests.await.unwrap();
        let failed = answers.iter().filter(|answer| answer.is_none()).count();
        assert_eq!(failed, 0, "of {} requests", answers.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_never_becomes_healthy_is_rolled_back() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let port = machine.serve().await;
    let before = machine.service().await["deployments"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let tasks = machine
        .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
        .await;
    for mode in ["crash", "deaf", "sick"] {
        let (is_over, requests) = request_loop(port, "/");
        let definition = machine.release(port, "2", mode).await;
        let deployment = machine.update(&definition, 2).await;
        machine.announced(&deployment, "SERVICE_DEPLOYMENT_FAILED").await;
        let mut heard = machine.heard.clone();
        while machine.service().await["deployments"][0]["rolloutState"] != "COMPLETED" {
            tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        let answers = requests.await.unwrap();
        assert!(
            answers.iter().all(|answer| answer.as_deref() == Some("1")),
            "the old tasks serve all the time"
        );
        let service = machine.service().await;
        assert_eq!(service["deployments"][0]["id"], *before);
        assert_eq!(service["deployments"][1]["id"], *deployment);
        assert_eq!(service["deployments"][1]["rolloutState"], "FAILED");
        assert!(service["deployments"][1]["failedTasks"].as_u64().unwrap() >= 3);
        assert_eq!(
            machine
                .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
                .await,
            tasks
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_task_is_replaced_and_a_service_scales_to_zero_and_back() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let port = machine.serve().await;
    let list = json!({"cluster": "c", "serviceName": "web"});
    let before = machine.call("ListTasks", list.clone()).await;
    assert_eq!(get(port, "/crash").await, None);
    let mut heard = machine.heard.clone();
    let healed = async {
        loop {
            let now = machine.call("ListTasks", list.clone()).await;
            if now != before && machine.service().await["runningCount"] == 2 {
                return;
            }
            heard.changed().await.unwrap();
        }
    };
    tokio::time::timeout(LIMIT, healed).await.unwrap();
    assert_eq!(get(port, "/").await.as_deref(), Some("1"));

    let definition = machine.service().await["taskDefinition"].as_str().unwrap().to_owned();
    machine.update(&definition, 0).await;
    let mut heard = machine.heard.clone();
    while machine.call("ListTasks", list.clone()).await["taskArns"] != json!([]) {
        tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
    }
    assert_eq!(get(port, "/").await, None);
    machine.update(&definition, 1).await;
    let mut heard = machine.heard.clone();
    while machine.service().await["deployments"][0]["rolloutState"] != "COMPLETED" {
        tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
    }
    assert_eq!(get(port, "/").await.as_deref(), Some("1"));

    machine
        .call(
            "DeleteService",
            json!({"cluster": "c", "service": "web", "force": true}),
        )
        .await;
    machine.call("DeleteCluster", json!({"cluster": "c"})).await;
    assert_eq!(std::fs::read_dir(data.path().join("tasks")).unwrap().count(), 0);
}

#[test]
fn tasks_outlive_the_server_and_the_next_one_takes_them_over() {
    let data = Data::new();
    let go = data.path().join("go");
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let (port, tasks, migration) = first.block_on(async {
        let machine = Machine::start(data.path()).await;
        let port = machine.serve().await;
        let tasks = machine
            .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
            .await;
        let wait = format!("while [ ! -e '{}' ]; do sleep 0.02; done; exit 5", go.display());
        let definition = machine
            .register("once", json!({"entryPoint": ["/bin/sh", "-c"], "command": [wait]}))
            .await;
        let run = machine
            .call("RunTask", json!({"cluster": "c", "taskDefinition": definition}))
            .await;
        let mut heard = machine.heard.clone();
        let arn = run["tasks"][0]["taskArn"].clone();
        let describe = json!({"cluster": "c", "tasks": [arn]});
        while machine.call("DescribeTasks", describe.clone()).await["tasks"][0]["lastStatus"] != "RUNNING" {
            heard.changed().await.unwrap();
        }
        (port, tasks, run["tasks"][0].clone())
    });
    // Everything of the first server ends at once, as with a kill. Its tasks do not.
    first.shutdown_background();

    let second = runtime();
    second.block_on(async {
        let machine = Machine::start(data.path()).await;
        assert_eq!(get(port, "/").await.as_deref(), Some("1"), "the port answers at once");
        assert_eq!(
            machine
                .call("ListTasks", json!({"cluster": "c", "serviceName": "web"}))
                .await,
            tasks
        );
        std::fs::write(&go, "").unwrap();
        assert_eq!(machine.stopped(&migration).await["containers"][0]["exitCode"], 5);
        let definition = machine.release(port, "2", "ok").await;
        let deployment = machine.update(&definition, 2).await;
        machine.announced(&deployment, "SERVICE_DEPLOYMENT_COMPLETED").await;
        machine.ecs.shutdown().await;
        assert_eq!(get(port, "/").await, None);
        assert_eq!(std::fs::read_dir(data.path().join("tasks")).unwrap().count(), 0);
    });
    second.shutdown_background();

    runtime().block_on(async {
        let machine = Machine::start(data.path()).await;
        let mut heard = machine.heard.clone();
        while machine.service().await["runningCount"] != 2 || get(port, "/").await.is_none() {
            let _ = tokio::time::timeout(Duration::from_millis(50), heard.changed()).await;
        }
        assert_eq!(get(port, "/").await.as_deref(), Some("2"));
        machine
            .call(
                "DeleteService",
                json!({"cluster": "c", "service": "web", "force": true}),
            )
            .await;
    });
}

#[tokio::test]
async fn an_image_that_leads_out_of_its_folder_is_refused() {
    let data = Data::new();
    let tar = tar_of(&[
        ("image.json", br#"{"entrypoint": ["/bin/true"]}"#),
        ("../../escaped", b"x"),
    ]);
    let digest = hex_digest(&tar);
    let images: ImageSource = Arc::new(move |_| {
        let tar = Bytes::from(tar.clone());
        Box::pin(async move { Ok(Some(tar)) })
    });
    let ledger = Ledger::open(&data.path().join("ledger.db")).unwrap();
    let (logs, bus) = (Logs::new(ledger.clone()), EventBus::new(ledger.clone()));
    let ecs = Ecs::new(
        &data.path().join("data"),
        images,
        ledger,
        logs,
        bus,
        Supervisor::new().unwrap(),
    )
    .unwrap();
    ecs.call("CreateCluster", json!({"clusterName": "c"})).await.unwrap();
    let body = json!({"family": "f", "containerDefinitions": [{"name": "x", "image": format!("r@sha256:{digest}")}]});
    ecs.call("RegisterTaskDefinition", body).await.unwrap();
    let run = ecs
        .call("RunTask", json!({"cluster": "c", "taskDefinition": "f"}))
        .await
        .unwrap();
    let task = ecs
        .stopped("c", run["tasks"][0]["taskArn"].as_str().unwrap())
        .await
        .unwrap();
    assert!(
        task["stoppedReason"].as_str().unwrap().contains("leads out of it"),
        "{task:#}"
    );
    assert!(!data.path().join("escaped").exists() && !data.path().join("data/escaped").exists());
}
