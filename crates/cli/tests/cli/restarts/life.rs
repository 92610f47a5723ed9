//! The life of a stack in which each operation meets one kill.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::ground::{CLUSTER, Ground};
use super::points::{Decision, Kind, Moment, Point, WAIT};
use crate::support::Answer;
use crate::support::states::known;

/// How long an operation may take after the start of the server.
const MINUTE: Duration = Duration::from_mins(1);

/// How long to wait before the same is read again.
const AGAIN: Duration = Duration::from_millis(5);

/// The executions of operations, by their IDs.
const EXECUTIONS: &str = "arn:aws:states:us-east-1:000000000000:execution:slipway-operation";

/// A request for an operation.
struct Request {
    kind: Kind,
    method: Method,
    path: String,
    body: Option<Value>,
}

/// What happened to an operation until the server ran again.
#[derive(Default)]
struct Restart {
    /// The decisions that were acknowledged, in their order.
    acknowledged: Vec<Decision>,
    /// The task at which the server was killed, and when it ran again.
    killed: Option<(String, Instant)>,
}

/// A life in progress.
pub struct Life<'a> {
    ground: &'a mut Ground,
    seed: usize,
    /// The name of the stack and of its service.
    name: String,
    /// The ID of the stack.
    stack: String,
    /// What happened, for the reader of many lives.
    lines: Vec<String>,
}

impl<'a> Life<'a> {
    pub fn new(ground: &'a mut Ground, seed: usize) -> Self {
        Self {
            ground,
            seed,
            name: format!("stack-{seed}"),
            stack: String::new(),
            lines: Vec::new(),
        }
    }

    /// One operation of each kind, and again where a decision ended it. Gives what happened.
    pub async fn live(mut self) -> Vec<String> {
        let service = json!({ "cluster": CLUSTER, "serviceName": self.name, "desiredCount": 0 });
        self.ground.ecs("CreateService", &service).await;
        for kind in Kind::ALL {
            let point = Point::of_life(kind, self.seed);
            let ended = Box::pin(self.operation(&self.request(kind), Some(point))).await;
            if ended["status"] != "succeeded" {
                Box::pin(self.repeat(kind)).await;
            }
        }
        let service = json!({ "cluster": CLUSTER, "service": self.name, "force": true });
        self.ground.ecs("DeleteService", &service).await;
        self.lines
    }

    /// What a person does after a decision ended an operation.
    async fn repeat(&mut self, kind: Kind) {
        let mut requests = vec![self.request(kind)];
        if kind == Kind::Provision && self.read_stack().await["status"] != "destroyed" {
            // Its apply began, so the stack is there. An update does not release the images of the request for the stack.
            let update = Request {
                body: Some(json!({ "variables": {} })),
                ..self.request(Kind::Update)
            };
            let release = Request {
                body: Some(json!({ "images": { "web": self.ground.images[0] } })),
                ..self.request(Kind::Release)
            };
            requests = vec![update, release];
        }
        for request in requests {
            let ended = Box::pin(self.operation(&request, None)).await;
            assert_eq!(ended["status"], "succeeded", "{}: {ended:#}", self.name);
        }
    }

    fn request(&self, kind: Kind) -> Request {
        let (name, [first, second]) = (&self.name, &self.ground.images);
        let stack = format!("/v1/stacks/{}", self.stack);
        let (method, path, body) = match kind {
            Kind::Provision => {
                let variables = json!({ "rows": 2, "service": name });
                let body = json!({
                    "name": name, "blueprint": "shop", "environment": "local", "variables": variables, "images": { "web": first },
                });
                (Method::POST, "/v1/stacks".to_owned(), Some(body))
            }
            Kind::Update => (Method::PATCH, stack, Some(json!({ "variables": { "rows": 3 } }))),
            Kind::Release => {
                let body = json!({ "images": { "web": second } });
                (Method::POST, format!("{stack}/releases"), Some(body))
            }
            Kind::Rollback => (Method::POST, format!("{stack}/rollback"), Some(json!({}))),
            Kind::Task => (Method::POST, format!("{stack}/tasks/note"), Some(json!({}))),
            Kind::Preview => {
                let body = json!({ "variables": { "rows": 5 } });
                (Method::POST, format!("{stack}/preview"), Some(body))
            }
            Kind::Drift => (Method::POST, format!("{stack}/drift"), Some(json!({}))),
            Kind::Destroy => (Method::DELETE, stack, None),
        };
        Request {
            kind,
            method,
            path,
            body,
        }
    }

    /// An operation from its request to its end, perhaps with a kill.
    async fn operation(&mut self, request: &Request, point: Option<Point>) -> Value {
        let headers = [("content-type", "application/json")];
        let body = request.body.as_ref().map(Value::to_string);
        let server = &self.ground.server;
        let before = self.ground.journal(&self.stack).len();
        let asked = server
            .request(request.method.clone(), &request.path, &headers, body)
            .await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{}: {}", self.name, asked.text);
        let asked = asked.json();
        let id = asked["id"].as_str().expect("an ID");
        let journal = if request.kind == Kind::Provision {
            asked["stack"]["id"]
                .as_str()
                .expect("a stack")
                .clone_into(&mut self.stack);
            0
        } else {
            before
        };
        let mut restart = Restart::default();
        if let Some(point) = point {
            Box::pin(self.restart_at(id, point, &mut restart)).await;
        }
        let ended = timeout(MINUTE, self.ended(id, point, &mut restart)).await;
        let Ok(ended) = ended else {
            let stuck = self.ground.server.get(&format!("/v1/operations/{id}")).await;
            panic!("{} is stuck: {stuck:#}", self.name);
        };
        self.note(request.kind, point, &restart, &ended);
        self.check_decisions(&restart, &ended);
        self.check_execution(request.kind, point, &ended).await;
        self.check_stack(request.kind, &ended).await;
        self.check_commands(request.kind, journal, &ended);
        ended
    }

    /// Kills the server when an operation has come to a point, and starts it again.
    async fn restart_at(&mut self, id: &str, point: Point, restart: &mut Restart) {
        self.comes_to(id, point.state, &mut restart.acknowledged).await;
        if let Some(decision) = point.decides(Moment::BeforeKill) {
            if decision != Decision::Cancel {
                let waits = |operation: &Value| operation["status"] == "waiting_for_approval";
                self.ground.server.operation_that(id, waits).await;
            }
            self.decide(id, decision, &mut restart.acknowledged).await;
        }
        let killed = Timestamp::now().as_duration().as_secs_f64();
        assert!(self.ground.server.restart(None), "{}: the server starts", self.name);
        let started = Instant::now();
        if point.decides(Moment::AfterStart) == Some(Decision::Cancel) {
            self.decide(id, Decision::Cancel, &mut restart.acknowledged).await;
        }
        let entered = self.entered(id).await;
        let last = entered.into_iter().rfind(|(_, at)| *at <= killed);
        restart.killed = Some((last.map(|(state, _)| state).unwrap_or_default(), started));
    }

    /// Waits until the execution of an operation has entered a task, and approves its plan before that.
    async fn comes_to(&self, id: &str, state: &str, acknowledged: &mut Vec<Decision>) {
        loop {
            // Read first: it may enter the task and end meanwhile.
            let operation = self.ground.server.get(&format!("/v1/operations/{id}")).await;
            if self.entered(id).await.iter().any(|(entered, _)| entered == state) {
                return;
            }
            let name = &self.name;
            assert!(
                operation["ended_at"].is_null(),
                "{name}: never in {state}: {operation:#}"
            );
            if operation["status"] == "waiting_for_approval" && state != WAIT && acknowledged.is_empty() {
                self.decide(id, Decision::Approve, acknowledged).await;
            }
            sleep(AGAIN).await;
        }
    }

    /// The tasks that the execution of an operation has entered, and when, in seconds.
    async fn entered(&self, id: &str) -> Vec<(String, f64)> {
        let request = json!({ "executionArn": format!("{EXECUTIONS}:{id}"), "maxResults": 1000 });
        let target = "AWSStepFunctions.GetExecutionHistory";
        // It is not there before it is started.
        let history = self.ground.server.try_aws(target, &request).await.unwrap_or_default();
        let events = history["events"].as_array().cloned().unwrap_or_default();
        let tasks = events.iter().filter(|event| event["type"] == "TaskStateEntered");
        let tasks = tasks.map(|event| {
            let name = event["stateEnteredEventDetails"]["name"].as_str().expect("a name");
            (name.to_owned(), event["timestamp"].as_f64().expect("a time"))
        });
        tasks.collect()
    }

    /// Decides about an operation, and repeats what is not answered yet.
    async fn decide(&self, id: &str, decision: Decision, acknowledged: &mut Vec<Decision>) {
        let body = match decision {
            Decision::Approve => self.ground.server.sheet(id).await,
            Decision::Reject => json!({ "reason": "not today" }),
            Decision::Cancel => json!({}),
        };
        let path = format!("/v1/operations/{id}/{}", decision.verb());
        let answer = self.answered(&path, &body).await;
        match answer.status {
            StatusCode::ACCEPTED => acknowledged.push(decision),
            // It came too late, or between two steps of a release: what took effect is answered again, so the operation goes on.
            StatusCode::CONFLICT => {}
            status => panic!("{}: {path}: {status} {}", self.name, answer.text),
        }
    }

    async fn answered(&self, path: &str, body: &Value) -> Answer {
        loop {
            let answer = self.ground.server.send(Method::POST, path, body).await;
            if !answer.status.is_server_error() {
                return answer;
            }
            sleep(AGAIN).await;
        }
    }

    /// Waits for the end of an operation, and decides about its plan.
    async fn ended(&self, id: &str, point: Option<Point>, restart: &mut Restart) -> Value {
        let decision = point.and_then(|point| point.decides(Moment::AfterStart));
        let about_plan = decision.filter(|decision| *decision != Decision::Cancel);
        let mut path = format!("/v1/operations/{id}");
        loop {
            let operation = self.ground.server.get(&path).await;
            if !operation["ended_at"].is_null() {
                return operation;
            }
            if operation["status"] == "waiting_for_approval" && restart.acknowledged.is_empty() {
                let decision = about_plan.unwrap_or(Decision::Approve);
                self.decide(id, decision, &mut restart.acknowledged).await;
            }
            path = format!("/v1/operations/{id}?wait=20&seen={}", operation["revision"]);
        }
    }

    fn note(&mut self, kind: Kind, point: Option<Point>, restart: &Restart, ended: &Value) {
        let status = &ended["status"];
        let line = match (point, &restart.killed) {
            (Some(point), Some((state, started))) => {
                let (took, acknowledged) = (started.elapsed().as_secs_f64(), &restart.acknowledged);
                format!("{kind:?}: {point}: killed in {state}, {acknowledged:?}: {status} after {took:.1} s")
            }
            _ => format!("{kind:?} again: {status}"),
        };
        self.lines.push(line);
    }

    /// The operation is as the last acknowledged decision wants it, and an approval is on the record.
    fn check_decisions(&self, restart: &Restart, ended: &Value) {
        let (name, acknowledged) = (&self.name, &restart.acknowledged);
        let expected = acknowledged.last().map_or("succeeded", |decision| decision.status());
        assert_eq!(ended["status"], expected, "{name}: {acknowledged:?}: {ended:#}");
        if acknowledged.contains(&Decision::Approve) {
            assert!(!ended["approved_by"].is_null(), "{name}: {ended:#}");
        }
    }

    /// The execution ended as the record says. One that succeeded entered the tasks of its kind.
    async fn check_execution(&self, kind: Kind, point: Option<Point>, ended: &Value) {
        let execution = timeout(MINUTE, self.ground.server.execution_ended(ended)).await;
        let execution = execution.expect("the execution ends");
        let status = execution["status"].as_str().expect("a status");
        let agrees = match ended["status"].as_str() {
            Some("succeeded") => status == "SUCCEEDED",
            // A cancel may stop it, and the workflow may end it.
            Some("cancelled" | "discarded") => ["SUCCEEDED", "ABORTED"].contains(&status),
            _ => false,
        };
        assert!(agrees, "{}: the execution is {status}: {ended:#}", self.name);
        if point.is_some() && ended["status"] == "succeeded" {
            let mut entered = self.entered(ended["id"].as_str().expect("an ID")).await;
            // A task that was in progress at the kill may be entered again.
            let mut seen = BTreeSet::new();
            entered.retain(|(state, _)| seen.insert(state.clone()));
            let entered: Vec<&str> = entered.iter().map(|(state, _)| state.as_str()).collect();
            assert_eq!(entered, kind.states(), "{}: the points are old", self.name);
        }
    }

    async fn read_stack(&self) -> Value {
        self.ground.server.get(&format!("/v1/stacks/{}", self.stack)).await
    }

    /// The stack has no lock and no operation, and its service runs the release of the record.
    async fn check_stack(&self, kind: Kind, ended: &Value) {
        let resources = known(&self.ground.server, &self.stack).await;
        let (name, stack) = (&self.name, self.read_stack().await);
        assert_eq!(stack["active_operation"], Value::Null, "{name}: {stack:#}");
        assert_eq!(stack["unsettled"], Value::Null, "{name}: {stack:#}");
        if ended["status"] == "succeeded" {
            let status = if kind == Kind::Destroy { "destroyed" } else { "ready" };
            assert_eq!(stack["status"], status, "{name}: {stack:#}");
        }
        if stack["status"] == "destroyed" {
            assert_eq!(resources, BTreeSet::new(), "{name}");
            return;
        }
        if timeout(MINUTE, self.service_settles(&stack)).await.is_err() {
            let service = self.read_service().await;
            panic!("{name}: the service is not as the record says: {service:#} {stack:#} {ended:#}");
        }
    }

    async fn read_service(&self) -> Value {
        let request = json!({ "cluster": CLUSTER, "services": [self.name] });
        let described = self.ground.ecs("DescribeServices", &request).await;
        described["services"][0].clone()
    }

    /// Waits until the service runs one task of the current release, or none if there is no such release.
    async fn service_settles(&self, stack: &Value) {
        let current = stack["current_release"].as_u64();
        loop {
            let service = self.read_service().await;
            let count = u64::from(current.is_some());
            let counts = [&service["desiredCount"], &service["runningCount"]];
            if counts.into_iter().all(|number| number.as_u64() == Some(count)) {
                let is_settled = match current {
                    Some(release) => self.runs(&service, release).await,
                    None => true,
                };
                if is_settled {
                    return;
                }
            }
            sleep(AGAIN).await;
        }
    }

    /// Whether the service has one deployment, which has the image of a release.
    async fn runs(&self, service: &Value, release: u64) -> bool {
        let Some([deployment]) = service["deployments"].as_array().map(Vec::as_slice) else {
            return false;
        };
        let request = json!({ "taskDefinition": deployment["taskDefinition"] });
        let described = self.ground.ecs("DescribeTaskDefinition", &request).await;
        let container = &described["taskDefinition"]["containerDefinitions"][0];
        let path = format!("/v1/stacks/{}/releases/{release}", self.stack);
        let release = self.ground.server.get(&path).await;
        container["image"].is_string() && container["image"] == release["images"]["web"]
    }

    /// No command ran twice, and one of an operation that succeeded ran to its end.
    fn check_commands(&self, kind: Kind, before: usize, ended: &Value) {
        let journal = self.ground.journal(&self.stack);
        let written = &journal[before..];
        let count = |line: &str| written.iter().filter(|written| *written == line).count();
        for command in ["migrate", "note"] {
            let (begun, done) = (count(&format!("begun {command}")), count(&format!("ended {command}")));
            let context = format!("{}: {command}: {written:?} {ended:#}", self.name);
            assert!(begun <= 1, "{context}");
            if ended["status"] == "succeeded" {
                // An update that settles a release which was ended releases its images again, with their migrations.
                let is_settling = kind == Kind::Update && ended["release"].is_number();
                let expected = if is_settling { Some("migrate") } else { kind.command() };
                let expected = usize::from(expected == Some(command));
                assert_eq!((begun, done), (expected, expected), "{context}");
            }
        }
    }
}
