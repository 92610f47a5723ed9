//! A Step Functions service on loopback with the real client in front of it, and a CodeBuild and an ECS behind it
//! that do what the test says, when it says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_emulator::clock::{Clock, SetClock};
use aws_emulator::events::{EventBus, Target};
use aws_emulator::functions::{Functions, LambdaError};
use aws_emulator::ledger::Ledger;
use aws_emulator::sqs::Sqs;
use aws_emulator::stepfunctions::{Services, StepFunctions};
use aws_emulator::wire::{AwsError, Call, JsonProtocol};
use aws_sdk_sfn::config::retry::RetryConfig;
use aws_sdk_sfn::config::{BehaviorVersion, Region};
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::types::HistoryEvent;
use axum::Router;
use axum::body::Bytes;
use futures::FutureExt as _;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Longer than anything takes on a busy machine: a test that waits so long has failed.
const LIMIT: Duration = Duration::from_mins(1);
pub const ROLE: &str = "arn:aws:iam::000000000000:role/slipway";

/// The services behind the executions. They stay when Step Functions crashes, as processes do.
#[derive(Default)]
pub struct Outside {
    /// The points that nothing passes at the moment, from this time on.
    held: watch::Sender<Vec<(String, usize)>>,
    /// Points that were reached, in order.
    reached: watch::Sender<Vec<String>>,
    /// Jobs by their idempotency tokens.
    jobs: Mutex<BTreeMap<String, String>>,
    /// How jobs end.
    ends: Mutex<BTreeMap<&'static str, Value>>,
    /// The last bodies of calls.
    bodies: Mutex<BTreeMap<String, Value>>,
    /// The tokens that the function `ask` was given.
    tokens: watch::Sender<Vec<String>>,
    /// Events that a rule on the bus has seen.
    pub events: watch::Sender<Vec<Value>>,
}

impl Outside {
    /// Nothing passes this point from its `time`th time on, until [`Self::release`].
    pub fn hold(&self, point: &str, time: usize) {
        self.held.send_modify(|held| held.push((point.to_owned(), time)));
    }

    pub fn release(&self) {
        self.held.send_replace(Vec::new());
    }

    /// Waits until a point was reached this many times.
    pub async fn reached(&self, point: &str, times: usize) {
        let count = |points: &Vec<String>| points.iter().filter(|it| *it == point).count();
        let mut reached = self.reached.subscribe();
        let wait = reached.wait_for(|points| count(points) >= times);
        tokio::time::timeout(LIMIT, wait)
            .await
            .unwrap_or_else(|_elapsed| panic!("{point} was not reached {times} times: {:?}", self.reached.borrow()))
            .expect("the world exists");
    }

    pub fn count(&self, point: &str) -> usize {
        self.reached.borrow().iter().filter(|it| *it == point).count()
    }

    /// How many different builds and tasks were started.
    pub fn jobs(&self) -> usize {
        self.jobs.lock().expect("no panic").len()
    }

    pub fn body(&self, action: &str) -> Value {
        self.bodies.lock().expect("no panic")[action].clone()
    }

    pub fn end(&self, what: &'static str, how: Value) {
        self.ends.lock().expect("no panic").insert(what, how);
    }

    pub async fn token(&self, number: usize) -> String {
        let mut tokens = self.tokens.subscribe();
        let wait = tokens.wait_for(|tokens| tokens.len() > number);
        tokio::time::timeout(LIMIT, wait)
            .await
            .expect("a token")
            .expect("the world exists")[number]
            .clone()
    }

    async fn pass(&self, point: &str) {
        self.reached.send_modify(|points| points.push(point.to_owned()));
        let times = self.count(point);
        let mut held = self.held.subscribe();
        held.wait_for(|held| held.iter().all(|(it, time)| it != point || times < *time))
            .await
            .expect("the world exists");
    }

    fn how(&self, what: &'static str, otherwise: Value) -> Value {
        self.ends
            .lock()
            .expect("no panic")
            .get(what)
            .cloned()
            .unwrap_or(otherwise)
    }

    /// The id of the job that a token has started, or starts now.
    fn job(&self, token: &Value) -> String {
        let token = token.as_str().expect("a start has an idempotency token").to_owned();
        assert!(token.len() <= 64, "ECS refuses longer tokens");
        let mut jobs = self.jobs.lock().expect("no panic");
        let number = jobs.len() + 1;
        jobs.entry(token).or_insert_with(|| format!("job-{number}")).clone()
    }

    async fn call(&self, action: String, body: Value) -> Result<Value, AwsError> {
        self.bodies
            .lock()
            .expect("no panic")
            .insert(action.clone(), body.clone());
        self.pass(&format!("{action} called")).await;
        if let Some(error) = self.how("error", Value::Null).as_str() {
            return Err(AwsError::new(error.to_owned(), "as the test asked"));
        }
        let answer = match action.as_str() {
            "StartBuild" => json!({"build": {"id": self.job(&body["idempotencyToken"]), "buildStatus": "IN_PROGRESS"}}),
            "RunTask" => self.how(
                "RunTask",
                json!({"failures": [], "tasks": [{"taskArn": self.job(&body["clientToken"]), "clusterArn": "c"}]}),
            ),
            "StopBuild" | "StopTask" => json!({}),
            "UpdateService" => json!({"service": {"serviceName": body["service"], "createdAt": 1_700_000_000.5}}),
            _ => return Err(AwsError::unknown_operation(&action)),
        };
        self.pass(&format!("{action} done")).await;
        Ok(answer)
    }

    async fn finished(&self, id: String) -> Result<Value, AwsError> {
        self.pass("build").await;
        Ok(self.how(
            "build",
            json!({"id": id, "buildStatus": "SUCCEEDED", "endTime": 1_700_000_000.25}),
        ))
    }

    async fn stopped(&self, cluster: String, arn: String) -> Result<Value, AwsError> {
        self.pass("task").await;
        let task = json!({"taskArn": arn, "clusterArn": cluster, "containers": [{"name": "web", "exitCode": 0}]});
        Ok(self.how("task", task))
    }
}

/// The machine that the tests run on: what stays on disk and the services beside Step Functions.
pub struct World {
    folder: tempfile::TempDir,
    pub ledger: Ledger,
    clock: SetClock,
    pub outside: Arc<Outside>,
    pub service: StepFunctions,
    pub client: aws_sdk_sfn::Client,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let outside = Arc::<Outside>::default();
        let ledger = ledger(&folder);
        let clock = SetClock::at(Timestamp::now());
        let (service, client) = serve(&ledger, &clock, &outside).await;
        Self {
            folder,
            ledger,
            clock,
            outside,
            service,
            client,
        }
    }

    /// Ends Step Functions without a word, and starts another one on the same file.
    pub async fn crash(&mut self) {
        self.service.shutdown();
        // What was on its way at this moment must not go on in the old service.
        self.outside.release();
        self.ledger = ledger(&self.folder);
        (self.service, self.client) = serve(&self.ledger, &self.clock, &self.outside).await;
    }

    /// Waits until the history has an event of this type so many times.
    pub async fn written(&self, execution: &str, event: &str, times: usize) {
        let mut writes = self.ledger.changes("sfn-history");
        while self
            .outline(execution)
            .await
            .iter()
            .filter(|(_, _, it)| it == event)
            .count()
            < times
        {
            let write = tokio::time::timeout(LIMIT, writes.changed()).await;
            write
                .unwrap_or_else(|_elapsed| panic!("no {event} is written"))
                .expect("the ledger exists");
        }
    }

    /// Lets a second pass: the shortest time of a timer.
    pub fn pass_a_second(&self) {
        self.clock.advance(SignedDuration::from_secs(1));
    }

    /// Creates a machine of these states.
    pub async fn machine(&self, name: &str, states: &Value) -> String {
        let first = states
            .as_object()
            .and_then(|states| states.keys().next())
            .expect("a state");
        let definition = json!({"QueryLanguage": "JSONata", "StartAt": first, "States": states}).to_string();
        let create = self
            .client
            .create_state_machine()
            .name(name)
            .role_arn(ROLE)
            .definition(definition);
        create.send().await.expect("is created").state_machine_arn
    }

    pub async fn start(&self, machine: &str, name: &str) -> String {
        let start = self
            .client
            .start_execution()
            .state_machine_arn(machine)
            .name(name)
            .input("{\"n\": 1}");
        start.send().await.expect("starts").execution_arn
    }

    /// Waits for the end of an execution.
    pub async fn ended(&self, execution: &str) -> Value {
        let ended = self.service.ended(execution);
        let Ok(ended) = tokio::time::timeout(LIMIT, ended).await else {
            panic!("{execution} does not end: {:?}", self.history(execution).await);
        };
        ended.expect("is there")
    }

    pub async fn history(&self, execution: &str) -> Vec<HistoryEvent> {
        let history = self
            .client
            .get_execution_history()
            .execution_arn(execution)
            .send()
            .await;
        history.expect("has a history").events
    }

    /// What a history says apart from times and request ids.
    pub async fn outline(&self, execution: &str) -> Vec<(i64, i64, String)> {
        let history = self.history(execution).await;
        history
            .iter()
            .map(|event| (event.id, event.previous_event_id, event.r#type.as_str().to_owned()))
            .collect()
    }
}

/// The name of the error that a call was answered with.
pub fn code<T, E: ProvideErrorMetadata + std::fmt::Debug>(outcome: Result<T, SdkError<E>>) -> String {
    match outcome {
        Ok(_) => "no error".to_owned(),
        Err(SdkError::ServiceError(error)) => error.err().code().unwrap_or_default().to_owned(),
        Err(other) => panic!("not an answer of the service: {other:?}"),
    }
}

fn ledger(folder: &tempfile::TempDir) -> Ledger {
    Ledger::open(&folder.path().join("ledger.db")).expect("opens")
}

async fn serve(ledger: &Ledger, clock: &SetClock, outside: &Arc<Outside>) -> (StepFunctions, aws_sdk_sfn::Client) {
    let service = StepFunctions::new(ledger.clone(), Clock::Set(clock.clone()), services(ledger, outside));
    service.recover().expect("recovers");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = service.clone();
    let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
        let service = served.clone();
        async move {
            let target = headers["x-amz-target"].to_str().expect("a text");
            let action = target.strip_prefix("AWSStepFunctions.").expect("Step Functions");
            let body = serde_json::from_slice(&body).expect("JSON");
            JsonProtocol::V1_0.respond(service.call(action, body).await)
        }
    });
    tokio::spawn(async move { axum::serve(aws_emulator::listener::no_delay(listener), router).await });
    let config = aws_sdk_sfn::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(format!("http://{address}"))
        .build();
    (service, aws_sdk_sfn::Client::from_conf(config))
}

fn services(ledger: &Ledger, outside: &Arc<Outside>) -> Services {
    let call = || -> Call {
        let outside = outside.clone();
        Arc::new(move |action, body| {
            let outside = outside.clone();
            async move { outside.call(action, body).await }.boxed()
        })
    };
    let (build, task) = (outside.clone(), outside.clone());
    Services {
        functions: functions(outside),
        codebuild: call(),
        build_finished: Arc::new(move |id| {
            let outside = build.clone();
            async move { outside.finished(id).await }.boxed()
        }),
        ecs: call(),
        task_stopped: Arc::new(move |cluster, arn| {
            let outside = task.clone();
            async move { outside.stopped(cluster, arn).await }.boxed()
        }),
        rds: call(),
        events: bus(ledger, outside),
    }
}

fn functions(outside: &Arc<Outside>) -> Functions {
    let functions = Functions::default();
    let ask = outside.clone();
    functions.register("ask", Duration::from_mins(1), move |payload| {
        let outside = ask.clone();
        async move {
            let token = payload["token"].as_str().expect("a token").to_owned();
            outside.tokens.send_modify(|tokens| tokens.push(token));
            outside.pass("ask").await;
            Ok(Value::Null)
        }
    });
    let steps = outside.clone();
    functions.register("steps", Duration::from_mins(1), move |payload| {
        let outside = steps.clone();
        async move {
            outside.pass("steps").await;
            if payload["fail"] == true {
                return Err(LambdaError {
                    error_type: "Slipway.PlanFailed".to_owned(),
                    message: "no plan".to_owned(),
                });
            }
            Ok(json!({"was": payload}))
        }
    });
    functions
}

fn bus(ledger: &Ledger, outside: &Arc<Outside>) -> EventBus {
    let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").expect("opens");
    let bus = EventBus::new(ledger.clone(), sqs);
    let outside = outside.clone();
    let pattern = json!({"source": ["aws.states", "slipway.test"]});
    let target = move |event| {
        outside.events.send_modify(|events| events.push(event));
        async { Ok(()) }.boxed()
    };
    bus.add_rule(
        "all",
        aws_emulator::events::Pattern::parse(&pattern).expect("a pattern"),
        Target::new("heard", Arc::new(target)),
    );
    bus
}
