//! Lives of stacks in which the server crashes or is killed: a stack is created, updated and destroyed, and a person approves each
//! plan. Whatever happens, each operation ends, no request is lost, no resource is made twice, and no lock remains.

mod fault;
mod ledger;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub use self::fault::{Fault, Kills};
use self::fault::{Killed, Struck};
use self::ledger::{Row, address, blueprint};
use crate::support::states::known;
use crate::support::{Answer, Crash, Server, on_path};

/// How long an operation may take with a crash: less than the sweeper waits, so that nothing depends on it.
const PATIENCE: Duration = Duration::from_mins(2);

/// The operations of a life in which nothing fails.
pub const OPERATIONS: usize = 3;

/// Whether there is a Terraform for the lives; if not, what to print.
pub fn terraform() -> Result<(), &'static str> {
    let found = on_path("terraform").or_else(|| on_path("tofu"));
    found.map(drop).ok_or(
        "skipped: neither terraform (1.11 or later) nor tofu (1.10 or later) is on PATH; install one to run this",
    )
}

/// A server, and the folder with the ledgers of its stacks.
pub struct Ground {
    server: Server,
    folder: tempfile::TempDir,
}

impl Ground {
    pub async fn new() -> Self {
        let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
        server.approve_every_plan_in("local").await;
        let published = server.publish("ledger", "1.0.0", &blueprint(folder.path())).await;
        assert_eq!(published.status, StatusCode::CREATED, "{}", published.text);
        Self { server, folder }
    }

    /// The life of one stack, with the fault in each of its operations.
    pub async fn life(&mut self, name: &str, fault: Fault) -> Record {
        let mut life = Life {
            ground: self,
            fault,
            requests: 0,
            abandoned: 0,
            operations: Vec::new(),
            approved: BTreeSet::new(),
            restarted: None,
            kill: None,
            killed: None,
            record: Record {
                name: name.to_owned(),
                ..Record::default()
            },
        };
        let stack = life.live().await;
        life.check(&stack).await;
        life.record
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }
}

/// What a reader of many lives wants to know of one.
#[derive(Debug, Default)]
pub struct Record {
    pub name: String,
    /// How the operations ended.
    pub statuses: Vec<String>,
    /// How long they took.
    pub took: Vec<Duration>,
    pub faults: Vec<Struck>,
    /// The rows that were made twice or remain, and that an operation names.
    pub named: Vec<String>,
    /// How many destroys of a row were repeated.
    pub repeats: usize,
}

impl Record {
    pub fn summary(&self) -> String {
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        let mut parts = vec![self.statuses.join(", "), faults.join(", ")];
        if !self.named.is_empty() {
            parts.push(format!("named: {}", self.named.join(", ")));
        }
        if self.repeats > 0 {
            parts.push(format!("repeated destroys: {}", self.repeats));
        }
        format!("{}: {}", self.name, parts.join("; "))
    }
}

/// A life in progress.
struct Life<'a> {
    ground: &'a mut Ground,
    fault: Fault,
    requests: usize,
    /// How many stacks were destroyed because the plan of their provision failed.
    abandoned: usize,
    operations: Vec<Value>,
    /// The operations whose approval was acknowledged.
    approved: BTreeSet<String>,
    /// When the server started again in this operation.
    restarted: Option<Instant>,
    /// The kill of this operation, and what it killed.
    kill: Option<JoinHandle<Killed>>,
    killed: Option<Killed>,
    record: Record,
}

impl Life<'_> {
    /// A stack is created, updated and destroyed. Gives its ID.
    async fn live(&mut self) -> String {
        let name = format!("stack-{}", self.record.name);
        let create = json!({"name": name, "blueprint": "ledger", "environment": "local", "variables": {"rows": 3}});
        let path = "/v1/stacks";
        let mut created = self.operation(true, Method::POST, path, Some(create.clone())).await;
        if self.is_abandoned(&created).await {
            self.abandoned += 1;
            created = self.operation(false, Method::POST, path, Some(create)).await;
        }
        let id = created["stack"]["id"].as_str().expect("a stack").to_owned();
        let stack = format!("/v1/stacks/{id}");
        let update = json!({"variables": {"rows": 4}});
        self.operation(true, Method::PATCH, &stack, Some(update.clone())).await;
        let destroyed = self.operation(true, Method::DELETE, &stack, None).await;
        if destroyed["status"] != "succeeded" {
            // What a crash left is settled by the next operations.
            for (method, body) in [(Method::PATCH, Some(update)), (Method::DELETE, None)] {
                let settled = self.operation(false, method, &stack, body).await;
                assert_eq!(settled["status"], "succeeded", "{}: {settled:#}", self.record.name);
            }
        }
        id
    }

    /// Whether a fault ended a provision before its apply: nothing was made, and the name is free.
    async fn is_abandoned(&mut self, provision: &Value) -> bool {
        if provision["status"] == "succeeded" {
            return false;
        }
        let path = provision["links"]["stack"].as_str().expect("a path").to_owned();
        let stack = self.answered(Method::GET, &path, None, "").await.json();
        stack["status"] == "destroyed"
    }

    /// An operation from its request to its end, perhaps with a fault.
    async fn operation(&mut self, strikes: bool, method: Method, path: &str, body: Option<Value>) -> Value {
        self.requests += 1;
        let key = format!("{}-{}", self.record.name, self.requests);
        self.restarted = None;
        self.prepare(strikes);
        let begun = Instant::now();
        let ends = async {
            let asked = self.answered(method, path, body, &key).await;
            assert_eq!(asked.status, StatusCode::ACCEPTED, "{key}: {}", asked.text);
            self.ended(asked.json()["id"].as_str().expect("an operation")).await
        };
        let ended = timeout(PATIENCE, ends).await;
        let Ok(ended) = ended else {
            let stuck = self.ground.server.get("/v1/operations?limit=1").await;
            panic!("{key} is stuck: {stuck:#}")
        };
        self.record.took.push(begun.elapsed());
        self.note_fault(&key).await;
        let status = ended["status"].as_str().expect("a status");
        self.record.statuses.push(status.to_owned());
        self.operations.push(ended.clone());
        ended
    }

    /// Prepares the fault of an operation.
    fn prepare(&mut self, strikes: bool) {
        match &mut self.fault {
            Fault::Crash(point) => {
                let crash = Crash {
                    point: point.clone(),
                    log: self.ground.log(),
                };
                // If the server crashes before it listens, the request finds that.
                self.ground.server.restart(strikes.then_some(&crash));
            }
            Fault::Kill(kills) if strikes => {
                self.kill = Some(kills.start(self.requests - self.abandoned - 1, &self.ground.server));
            }
            Fault::Kill(_) | Fault::Nothing => {}
        }
    }

    /// Notes what the fault of an operation was. The server runs afterwards.
    async fn note_fault(&mut self, key: &str) {
        let ended_after = self.restarted.map(|restarted| restarted.elapsed());
        if self.kill.is_some() {
            // The operation ended before the moment of the kill.
            self.restart().await;
        }
        let what = match &self.fault {
            Fault::Crash(_) if ended_after.is_some() => {
                let log = std::fs::read_to_string(self.ground.log()).expect("a log");
                let call = log.split_once("crash at ").map(|(_, call)| call.trim().to_owned());
                Some(call.unwrap_or_else(|| panic!("{key}: the server ended by itself: {log}")))
            }
            Fault::Crash(_) => None,
            Fault::Kill(_) | Fault::Nothing => {
                let killed = self.killed.take().map(|killed| killed.to_string());
                assert!(
                    killed.is_some() || ended_after.is_none(),
                    "{key}: the server ended by itself"
                );
                killed
            }
        };
        self.record.faults.extend(what.map(|what| Struck { what, ended_after }));
    }

    /// Starts the server that has crashed or was killed.
    async fn restart(&mut self) {
        if let Some(kill) = self.kill.take() {
            // The last process is dead before the next server searches for those that live.
            self.killed = Some(kill.await.expect("the server is killed"));
        }
        let name = &self.record.name;
        assert!(self.restarted.is_none(), "{name}: the server ended by itself");
        self.restarted = Some(Instant::now());
        assert!(self.ground.server.restart(None), "{name}: the server starts");
    }

    /// Waits for the end of an operation, and approves its plan.
    async fn ended(&mut self, id: &str) -> Value {
        let mut path = format!("/v1/operations/{id}");
        loop {
            let operation = self.answered(Method::GET, &path, None, "").await.json();
            if !operation["ended_at"].is_null() {
                return operation;
            }
            if operation["status"] == "waiting_for_approval" {
                let sheet = format!("/v1/operations/{id}/sheet");
                let sheet = self.answered(Method::GET, &sheet, None, "").await;
                let body = json!({"sheet": sheet.json()["hash"]});
                let approve = format!("/v1/operations/{id}/approve");
                let approved = self
                    .answered(Method::POST, &approve, Some(body), &format!("approve-{id}"))
                    .await;
                assert_eq!(approved.status, StatusCode::ACCEPTED, "{id}: {}", approved.text);
                self.approved.insert(id.to_owned());
            }
            path = format!("/v1/operations/{id}?wait=20&seen={}", operation["revision"]);
        }
    }

    /// Sends a request until it is answered, with the same key: it may have arrived before the server crashed.
    async fn answered(&mut self, method: Method, path: &str, body: Option<Value>, key: &str) -> Answer {
        loop {
            let mut headers = vec![("content-type", "application/json")];
            if method != Method::GET {
                headers.push(("idempotency-key", key));
            }
            let text = body.as_ref().map(Value::to_string);
            let server = &mut self.ground.server;
            match server.try_request(method.clone(), path, &headers, text).await {
                Ok(answer) if !answer.status.is_server_error() => return answer,
                _ if server.has_crashed() => self.restart().await,
                // It is about to crash, or a call of it was not answered.
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Nothing is lost, made twice or locked.
    async fn check(&mut self, id: &str) {
        self.check_rows(id).await;
        self.check_approvals();
        let (server, name) = (&self.ground.server, &self.record.name);
        assert_eq!(known(server, id).await, BTreeSet::new(), "{name}");
        let stack = server.get(&format!("/v1/stacks/{id}")).await;
        assert_eq!(stack["status"], "destroyed", "{name}: {stack:#}");
        assert_eq!(stack["active_operation"], Value::Null, "{name}: {stack:#}");
        let operations = server.get(&format!("/v1/stacks/{id}/operations")).await;
        let operations = operations["items"].as_array().expect("a list");
        let requests = self.requests - self.abandoned;
        assert_eq!(operations.len(), requests, "{name}: {operations:#?}");
        for operation in operations {
            server.execution_ended(operation).await;
        }
    }

    /// Each row was created and destroyed once, or an operation names it.
    async fn check_rows(&mut self, stack: &str) {
        let rows = ledger::read(&self.ground.folder.path().join(stack));
        let succeeded = self.operations.iter().filter(|ended| ended["status"] == "succeeded");
        let counts = succeeded.map(|ended| match ended["kind"].as_str() {
            Some("provision") => 3_usize,
            Some("update") => 4,
            _ => 0,
        });
        let created = counts.max().unwrap_or_default();
        let name = &self.record.name;
        assert!((created..=4).contains(&rows.len()), "{name}: {rows:?}");
        let (is_settled, repeats) = (
            self.requests - self.abandoned > OPERATIONS,
            self.fault.repeats_destroys(),
        );
        for (row, history) in &rows {
            if history.is_whole(is_settled, repeats) {
                self.record.repeats += history.repeats;
                continue;
            }
            if !self.is_named(row) || self.reported(row).await >= history.created {
                let why = self.not_named(row, history).await;
                panic!("{why}");
            }
            self.record.named.push(row.clone());
        }
    }

    /// Whether an operation names a row that may exist without being in the state, and the next update does not import it. It
    /// imports those that are named with an ID, so there is never a second one of them.
    fn is_named(&self, row: &str) -> bool {
        let address = address(row);
        let imported = format!("{address} (created, id ");
        let says = |text: &str| {
            let mut errors = self.operations.iter().map(|ended| &ended["error"]);
            errors.any(|error| error["address"] == text || error["message"].to_string().contains(text))
        };
        says(&address) && !says(&imported)
    }

    /// How many creations of a row Terraform reported as ended. It reported their IDs, too, so none of these was created again: only
    /// one whose end was not reported may exist without being imported.
    async fn reported(&self, row: &str) -> usize {
        let ended = format!("{}: created", address(row));
        let lines = self.lines_of(row).await;
        lines.iter().filter(|line| line.contains(&ended)).count()
    }

    /// Why a row is wrong, and what the logs of the operations say of it.
    async fn not_named(&self, row: &str, history: &Row) -> String {
        let lines = self.lines_of(row).await;
        format!(
            "no error names {row}, or its end was reported: {history:?}. {}. The logs say {lines:#?}. {:#?}",
            self.record.summary(),
            self.operations
        )
    }

    /// What the logs of the operations say of a row.
    async fn lines_of(&self, row: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for operation in &self.operations {
            let id = operation["id"].as_str().expect("an ID");
            let log = self.ground.server.get(&format!("/v1/operations/{id}/logs")).await;
            let messages = log["lines"].as_array().expect("lines").iter();
            let messages = messages.filter_map(|line| line["message"].as_str());
            let of_row = messages.filter(|message| message.contains(&address(row)));
            lines.extend(of_row.map(|message| format!("{id}: {message}")));
        }
        lines
    }

    /// Each acknowledged approval is on the record, and its plan was applied or failed in Apply.
    fn check_approvals(&self) {
        let is_approved = |ended: &&Value| ended["id"].as_str().is_some_and(|id| self.approved.contains(id));
        for ended in self.operations.iter().filter(is_approved) {
            let mut steps = ended["steps"].as_array().expect("steps").iter();
            let has_applied = steps.any(|step| step["name"] == "Apply");
            let is_recorded = !ended["approved_by"].is_null();
            assert!(is_recorded && has_applied, "{}: {ended:#}", self.record.name);
        }
    }
}
