//! The server crashes before and after the calls of its AWS, once in each operation of a stack's life. Whatever the call, the operation
//! ends, no request is lost, no resource is made twice, and no lock remains.
//!
//! ```bash
//! SLIPWAY_CRASH_POINTS=400 cargo test --package slipway-cli --test cli -- crash_points --nocapture # every call of each operation
//! ```

#![expect(
    clippy::print_stdout,
    reason = "who tries every call wants to see each; a skipped test says so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::states::known;
use crate::support::{Answer, Crash, Server, hcl_string, on_path};

/// The crashes of a test run: from the start of the server to the middle of an apply.
const POINTS: [&str; 4] = ["before:8", "after:30", "before:60", "after:90"];

/// How many lives are tried at the same time, each on a server of its own.
const AT_ONCE: u64 = 2;

/// How long an operation may take with a crash: less than the sweeper waits, so that nothing depends on it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every row writes into the ledger when it is created and when it is destroyed.
fn blueprint(ledgers: &Path) -> String {
    format!(
        r#"
        variable "rows" {{ type = number }}
        resource "terraform_data" "row" {{
          count = var.rows
          input = {{ NAME = "row-${{count.index}}", LEDGER = "{ledgers}/${{terraform.workspace}}" }}
          provisioner "local-exec" {{
            command     = "echo created $NAME >> \"$LEDGER\""
            environment = {{ NAME = self.output.NAME, LEDGER = self.output.LEDGER }}
          }}
          provisioner "local-exec" {{
            when        = destroy
            command     = "echo destroyed $NAME >> \"$LEDGER\""
            environment = {{ NAME = self.output.NAME, LEDGER = self.output.LEDGER }}
          }}
        }}
        output "slipway" {{ value = {{}} }}
        "#,
        ledgers = hcl_string(&ledgers.to_string_lossy()).trim_matches('"'),
    )
}

/// A server, and the folder with the ledgers of its stacks.
struct Ground {
    server: Server,
    folder: tempfile::TempDir,
}

impl Ground {
    async fn new() -> Self {
        let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
        server.approve_every_plan_in("local").await;
        let published = server.publish("ledger", "1.0.0", &blueprint(folder.path())).await;
        assert_eq!(published.status, StatusCode::CREATED, "{}", published.text);
        Self { server, folder }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    /// How often each row of a stack was created and destroyed.
    fn ledger(&self, stack: &str) -> BTreeMap<String, (usize, usize)> {
        let text = std::fs::read_to_string(self.folder.path().join(stack)).unwrap_or_default();
        let mut rows: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("created", row)) => rows.entry(row.to_owned()).or_default().0 += 1,
                Some(("destroyed", row)) => rows.entry(row.to_owned()).or_default().1 += 1,
                _ => panic!("the ledger has {line:?}"),
            }
        }
        rows
    }
}

/// The life of one stack, with the same crash in each of its operations.
struct Life<'a> {
    ground: &'a mut Ground,
    point: &'a str,
    requests: usize,
    operations: Vec<Value>,
    /// Who called what when the server crashed, and how long its operation took after the next start.
    crashes: Vec<(String, Duration)>,
    restarted: Option<Instant>,
}

impl<'a> Life<'a> {
    /// A stack is created, updated and destroyed.
    async fn of(ground: &'a mut Ground, point: &'a str) -> Self {
        let mut life = Self {
            ground,
            point,
            requests: 0,
            operations: Vec::new(),
            crashes: Vec::new(),
            restarted: None,
        };
        let name = format!("stack-{}", point.replace(':', "-"));
        let create = json!({"name": name, "blueprint": "ledger", "environment": "local", "variables": {"rows": 3}});
        let created = life.operation(true, Method::POST, "/v1/stacks", Some(create)).await;
        let id = created["stack"]["id"].as_str().expect("a stack").to_owned();
        let stack = format!("/v1/stacks/{id}");
        let update = json!({"variables": {"rows": 4}});
        life.operation(true, Method::PATCH, &stack, Some(update.clone())).await;
        let destroyed = life.operation(true, Method::DELETE, &stack, None).await;
        if destroyed["status"] != "succeeded" {
            // What a crash left is settled by the next operations.
            for (method, body) in [(Method::PATCH, Some(update)), (Method::DELETE, None)] {
                let settled = life.operation(false, method, &stack, body).await;
                assert_eq!(settled["status"], "succeeded", "{point}: {settled:#}");
            }
        }
        life.check(&id).await;
        life
    }

    /// An operation from its request to its end, perhaps with a crash of the server.
    async fn operation(&mut self, crashes: bool, method: Method, path: &str, body: Option<Value>) -> Value {
        self.requests += 1;
        let key = format!("{}-{}", self.point, self.requests);
        let crash = Crash {
            point: self.point.to_owned(),
            log: self.ground.log(),
        };
        self.restarted = None;
        // If the server crashes before it listens, the request finds that.
        self.ground.server.restart(crashes.then_some(&crash));
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
        if let Some(restarted) = self.restarted {
            let log = std::fs::read_to_string(&crash.log).expect("a log");
            let call = log.split_once("crash at ").map(|(_, call)| call.trim());
            let call = call.unwrap_or_else(|| panic!("{key}: the server ended by itself: {log}"));
            self.crashes.push((call.to_owned(), restarted.elapsed()));
        }
        self.operations.push(ended.clone());
        ended
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
                _ if server.has_crashed() => {
                    self.restarted = Some(Instant::now());
                    assert!(server.restart(None), "{}: the server starts", self.point);
                }
                // It is about to crash, or a call of it was not answered.
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Nothing is lost, made twice or locked.
    async fn check(&self, id: &str) {
        let (server, point) = (&self.ground.server, self.point);
        let named = |row: &str| {
            let address = format!("terraform_data.row[{}]", row.trim_start_matches("row-"));
            let mut operations = self.operations.iter();
            operations.any(|operation| operation["error"]["message"].to_string().contains(&address))
        };
        let ledger = self.ground.ledger(id);
        let wrong = ledger.iter().find(|(row, times)| **times != (1, 1) && !named(row));
        assert_eq!(wrong, None, "{point}: created and destroyed, {:#?}", self.operations);
        assert_eq!(ledger.len(), 4, "{point}: {ledger:?}");
        assert_eq!(known(server, id).await, BTreeSet::new(), "{point}");
        let stack = server.get(&format!("/v1/stacks/{id}")).await;
        assert_eq!(stack["status"], "destroyed", "{point}: {stack:#}");
        assert_eq!(stack["active_operation"], Value::Null, "{point}: {stack:#}");
        let operations = server.get(&format!("/v1/stacks/{id}/operations")).await;
        let operations = operations["items"].as_array().expect("a list");
        assert_eq!(operations.len(), self.requests, "{point}: {operations:#?}");
        for operation in operations {
            server.execution_ended(operation).await;
        }
    }

    /// What a reader of many lives wants to know of this one.
    fn summary(&self) -> String {
        let crashes = self.crashes.iter();
        let crashes = crashes.map(|(call, took)| format!("{call} ({:.1} s)", took.as_secs_f64()));
        let statuses = self
            .operations
            .iter()
            .filter_map(|operation| operation["status"].as_str());
        format!(
            "{}: {}; {}",
            self.point,
            statuses.collect::<Vec<_>>().join(", "),
            crashes.collect::<Vec<_>>().join(", ")
        )
    }
}

/// Tries every call up to `last`, before and after it, until no operation makes as many calls. Gives how many crashes there were.
async fn every_call(number: u64, last: u64) -> usize {
    let (mut ground, mut crashes) = (Ground::new().await, 0);
    for call in (1..=last).filter(|call| call % AT_ONCE == number) {
        let before = crashes;
        for side in ["before", "after"] {
            let point = format!("{side}:{call}");
            let life = Life::of(&mut ground, &point).await;
            println!("{}", life.summary());
            crashes += life.crashes.len();
        }
        if crashes == before {
            break;
        }
    }
    crashes
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_any_call_loses_nothing() {
    if on_path("terraform").or_else(|| on_path("tofu")).is_none() {
        println!(
            "skipped: neither terraform (1.11 or later) nor tofu (1.10 or later) is on PATH; install one to run this"
        );
        return;
    }
    if let Ok(last) = std::env::var("SLIPWAY_CRASH_POINTS") {
        let last: u64 = last.parse().expect("SLIPWAY_CRASH_POINTS is a number of calls");
        let tried = (0..AT_ONCE).map(|number| tokio::spawn(every_call(number, last)));
        let crashes = futures::future::join_all(tried).await;
        let crashes = crashes.into_iter().map(|crashes| crashes.expect("every life is whole"));
        println!("{} crashes", crashes.sum::<usize>());
        return;
    }
    let mut ground = Ground::new().await;
    for point in POINTS {
        let life = Life::of(&mut ground, point).await;
        println!("{}", life.summary());
        assert!(!life.crashes.is_empty(), "no operation makes the call {point}");
    }
}
