//! A world: AWS in one process, the product's functions over it, and what Terraform has made.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use asl_interpreter::StateMachine;
use aws_config::SdkConfig;
use axum::Router;
use slipway_events::Events;
use slipway_steps::Steps;
use slipway_store::Store;
use slipway_sweep::Sweep;
use tokio::time::{sleep, timeout};

use crate::builds::Builds;
use crate::bus::Orders;
use crate::chance::Chance;
use crate::ecs::Ecs;
use crate::faults::{Faults, OnRun};
use crate::history::History;
use crate::people::Acknowledged;
use crate::records::Records;
use crate::sabotage::Sabotage;
use crate::step_functions::Executions;
use crate::table::{self, Table};
use crate::terraform::States;
use crate::wire::{Answer, Request, Wire, error};

const MACHINE_ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:slipway-operation";
const DEFINITION: &str = include_str!("../../../../statemachine/operation.asl.json");

/// The shipped machine, as deployed.
pub static MACHINE: LazyLock<StateMachine> = LazyLock::new(|| {
    let definition = DEFINITION
        .replace("${Partition}", "aws")
        .replace(
            "${StepsFunctionArn}",
            "arn:aws:lambda:us-east-1:000000000000:function:slipway-steps",
        )
        .replace("${CodeBuildProject}", "slipway-runner");
    StateMachine::parse(&definition).expect("a definition that AWS accepts")
});

/// The product's functions, each with clients of its own.
#[derive(Clone)]
pub struct Functions {
    pub api: Router,
    pub steps: Steps,
    pub events: Events,
    pub sweep: Sweep,
    /// What a build writes with.
    pub build: Store,
}

/// Everything that a simulation has. One thread runs it, so its locks are never waited for.
pub struct World {
    chance: Mutex<Chance>,
    faults: Mutex<Faults>,
    history: Mutex<History>,
    pub table: Table,
    records: Mutex<Records>,
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    executions: Mutex<Executions>,
    builds: Mutex<Builds>,
    states: Mutex<States>,
    ecs: Mutex<Ecs>,
    acknowledged: Mutex<Acknowledged>,
    orders: Mutex<Orders>,
    pub sabotage: Option<Sabotage>,
    functions: Mutex<Option<Functions>>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// A world without faults. `number` is the number of the simulation in this process: the SDK shares its budget of retries
    /// between clients of one Region.
    pub fn new(seed: u64, sabotage: Option<Sabotage>, number: u64) -> Arc<Self> {
        let world = Arc::new(Self {
            chance: Mutex::new(Chance::new(seed)),
            faults: Mutex::new(Faults::NONE),
            history: Mutex::new(History::new()),
            table: Table::new(),
            records: Mutex::default(),
            objects: Mutex::default(),
            executions: Mutex::default(),
            builds: Mutex::default(),
            states: Mutex::default(),
            ecs: Mutex::default(),
            acknowledged: Mutex::default(),
            orders: Mutex::default(),
            sabotage,
            functions: Mutex::default(),
        });
        let functions = world.deploy(number);
        *lock(&world.functions) = Some(functions);
        world
    }

    fn deploy(self: &Arc<Self>, number: u64) -> Functions {
        let vars: BTreeMap<String, String> = [
            ("AWS_REGION", format!("simulated-{number}")),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_ENDPOINT_URL", "http://aws.simulated".to_owned()),
            ("SLIPWAY_TABLE", table::NAME.to_owned()),
            ("SLIPWAY_ARTIFACTS_BUCKET", "artifacts".to_owned()),
            ("SLIPWAY_STATE_BUCKET", "state".to_owned()),
            ("SLIPWAY_STATE_MACHINE_ARN", MACHINE_ARN.to_owned()),
            ("SLIPWAY_CONCURRENT_WAITS", "5".to_owned()),
            (
                "SLIPWAY_UNHANDLED_EVENTS_URL",
                "http://aws.simulated/unhandled".to_owned(),
            ),
            (
                "SLIPWAY_UNDELIVERED_EVENTS_URL",
                "http://aws.simulated/undelivered".to_owned(),
            ),
            ("SLIPWAY_EVENTS_FUNCTION", "slipway-events".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let sdk = |program| -> SdkConfig {
            let wire = Wire {
                world: Arc::clone(self),
                program,
            };
            slipway_aws::sdk_config(&vars).into_builder().http_client(wire).build()
        };
        let set = "a whole environment";
        let api = slipway_api::Config::from_vars(&vars).expect(set);
        Functions {
            api: slipway_api::router(slipway_api::Api::new(&api, &sdk("api"))),
            steps: Steps::new(slipway_steps::Config::from_vars(&vars).expect(set), &sdk("steps")),
            events: Events::new(slipway_events::Config::from_vars(&vars).expect(set), &sdk("events")),
            sweep: Sweep::new(slipway_sweep::Config::from_vars(&vars).expect(set), &sdk("sweep")),
            build: Store::new(&sdk("build"), table::NAME),
        }
    }

    /// Ends the world: its functions hold it, and it holds them.
    pub fn end(&self) {
        lock(&self.functions).take();
    }

    pub fn functions(&self) -> Functions {
        lock(&self.functions).clone().expect("functions, until the world ends")
    }

    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    /// Draws what happens.
    pub fn draw<T>(&self, draw: impl FnOnce(&Faults, &mut Chance) -> T) -> T {
        draw(&lock(&self.faults), &mut lock(&self.chance))
    }

    /// Draws what has nothing to do with faults.
    pub fn chance<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut lock(&self.chance))
    }

    pub fn note(&self, line: &str) {
        lock(&self.history).note(line);
    }

    pub fn violate(&self, what: impl Into<String>) {
        lock(&self.history).violate(&what.into());
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    pub fn records(&self) -> MutexGuard<'_, Records> {
        lock(&self.records)
    }

    pub fn executions(&self) -> MutexGuard<'_, Executions> {
        lock(&self.executions)
    }

    pub fn builds(&self) -> MutexGuard<'_, Builds> {
        lock(&self.builds)
    }

    pub fn states(&self) -> MutexGuard<'_, States> {
        lock(&self.states)
    }

    pub fn ecs(&self) -> MutexGuard<'_, Ecs> {
        lock(&self.ecs)
    }

    pub fn acknowledged(&self) -> MutexGuard<'_, Acknowledged> {
        lock(&self.acknowledged)
    }

    pub fn orders(&self) -> MutexGuard<'_, Orders> {
        lock(&self.orders)
    }

    pub fn keep_object(&self, key: &str, body: Vec<u8>) {
        lock(&self.objects).insert(key.to_owned(), body);
    }

    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.objects).get(key).cloned()
    }

    /// Runs a function. An error is the name that Step Functions gives to the fault.
    pub async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        function: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, &'static str> {
        let (latency, fault) = self.draw(|faults, chance| (faults.latency(chance), faults.on_run(chance)));
        sleep(latency).await;
        let limit = match fault {
            OnRun::Rejected => return Err("Lambda.TooManyRequestsException"),
            OnRun::Killed(after) => limit.min(after),
            OnRun::Nothing | OnRun::Lost => limit,
        };
        let mut runs = tokio::spawn(function);
        let ended = timeout(limit, &mut runs).await;
        runs.abort();
        match ended {
            Err(_) if matches!(fault, OnRun::Killed(_)) => Err("Runtime.ExitError"),
            Err(_) => Err("Sandbox.Timedout"),
            Ok(Err(panic)) => {
                self.violate(format!("a function panicked: {panic}"));
                Err("Runtime.ExitError")
            }
            Ok(Ok(_)) if fault == OnRun::Lost => Err("Lambda.SdkClientException"),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    /// Answers a call of a service.
    pub fn answer(self: &Arc<Self>, request: &Request) -> Answer {
        let action = request.action.as_str();
        match request.service.as_str() {
            "DynamoDB_20120810" => self.of_table(request),
            "AWSStepFunctions" => self.of_step_functions(action, &request.json),
            "CodeBuild_20161006" => self.of_builds(action, &request.json),
            "AmazonEC2ContainerServiceV20141113" => self.of_ecs(action, &request.json),
            "AWSEvents" => self.of_bus(&request.json),
            "AmazonSQS" => self.of_queue(&request.json),
            "S3" => self.of_objects(action, request),
            other => {
                self.violate(format!("the product calls {other}.{action}"));
                error("UnknownOperationException")
            }
        }
    }

    fn of_table(&self, request: &Request) -> Answer {
        let (action, body) = (request.action.as_str(), &request.json);
        let broken = self.sabotage.and_then(|sabotage| sabotage.rewrite(action, body));
        let body = broken.as_ref().unwrap_or(body);
        let answer = self.table.answer(action, body, request.digest);
        if answer.0 == 200 {
            let written = table::written(action, body).into_iter();
            let written = written.map(|key| (key.clone(), self.table.read(&key))).collect();
            let taken = self.records().take(written);
            if let Err(wrong) = taken {
                self.violate(wrong);
            }
        }
        answer
    }

    fn of_objects(&self, method: &str, request: &Request) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        let key = path.trim_start_matches("/artifacts/");
        if method == "PUT" {
            self.keep_object(key, request.body.clone());
            return (200, String::new());
        }
        match lock(&self.objects).get(key) {
            Some(body) => (200, String::from_utf8_lossy(body).into_owned()),
            None => (
                404,
                "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>".to_owned(),
            ),
        }
    }
}
