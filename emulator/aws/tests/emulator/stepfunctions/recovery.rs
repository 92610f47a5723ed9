//! The order in which a start takes up what a crash left: events may answer the tokens of executions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::account::{Account, Options};
use aws_emulator::codebuild;
use aws_emulator::dynamodb::DynamoDb;
use aws_emulator::events::{Invoke, Pattern, Target};
use aws_emulator::functions::LambdaError;
use aws_emulator::ledger::Ledger;
use aws_emulator::limits::Limits;
use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::states::ask;
use super::world::ROLE;
use crate::support;

/// So many that a start does not take up the last one before the first event is delivered, if it begins with the events.
const EXECUTIONS: usize = 100;
/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn events_after_a_crash_find_their_executions_running() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let first = support::server();
    let executions = first.block_on(ask_without_an_answer(data.path()));
    support::kill(first);

    // Of several threads: deliveries run beside the rest of the start.
    let second = Runtime::new().expect("a runtime");
    let refused = Arc::<Mutex<Vec<String>>>::default();
    second.block_on(async {
        let (account, _) = open(data.path());
        let (sfn, errors) = (account.stepfunctions.clone(), Arc::clone(&refused));
        let answer: Invoke = Arc::new(move |event: Value| {
            let (sfn, errors) = (sfn.clone(), Arc::clone(&errors));
            async move {
                let body = json!({"taskToken": event["detail"]["token"], "output": "{}"});
                sfn.call("SendTaskSuccess", body).await.map(drop).map_err(|error| {
                    errors.lock().expect("no panic").push(error.message.clone());
                    LambdaError {
                        error_type: error.code.into_owned(),
                        message: error.message,
                    }
                })
            }
            .boxed()
        });
        deliver_to(&account, answer);
        account.recover().await.expect("recovers");
        for execution in executions {
            let ended = tokio::time::timeout(LIMIT, account.stepfunctions.ended(&execution)).await;
            let ended = ended.expect("the execution ends").expect("is there");
            assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        }
    });
    let refused = refused.lock().expect("no panic");
    assert!(refused.is_empty(), "{} answers: {}", refused.len(), refused[0]);
    drop(second);
}

/// Starts executions that wait for the answers to their tokens, which are in events that no target has accepted.
async fn ask_without_an_answer(data: &Path) -> Vec<String> {
    let (account, ledger) = open(data);
    deliver_to(
        &account,
        Arc::new(|_: Value| std::future::pending::<Result<(), LambdaError>>().boxed()),
    );
    account.recover().await.expect("recovers");
    let call = async |action: &str, body: Value| account.stepfunctions.call(action, body).await.expect(action);
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": ask()}).to_string();
    let body = json!({"name": "m", "roleArn": ROLE, "definition": definition});
    let machine = call("CreateStateMachine", body).await;
    let mut executions = Vec::new();
    for number in 0..EXECUTIONS {
        let body = json!({"stateMachineArn": machine["stateMachineArn"], "name": format!("op-{number}")});
        let started = call("StartExecution", body).await;
        executions.push(started["executionArn"].as_str().expect("an ARN").to_owned());
    }
    let mut writes = ledger.changes("sfn-history");
    for execution in &executions {
        while !is_submitted(&call("GetExecutionHistory", json!({"executionArn": execution})).await) {
            let write = tokio::time::timeout(LIMIT, writes.changed()).await;
            write.expect("the function ends").expect("the ledger exists");
        }
    }
    executions
}

fn is_submitted(history: &Value) -> bool {
    let mut events = history["events"].as_array().into_iter().flatten();
    events.any(|event| event["type"] == "TaskSubmitted")
}

/// A server of the account on this folder, before it recovers. Its function `ask` puts its token on the bus.
fn open(data: &Path) -> (Account, Ledger) {
    let ledger = Ledger::open(&data.join("ledger.db")).expect("opens");
    let tables = DynamoDb::open(&data.join("dynamodb.db")).expect("opens");
    let options = Options {
        endpoint: "http://127.0.0.1:1".to_owned(),
        session_token: None,
        advice: "",
        limits: Limits::default(),
        images: "images",
        tasks: BTreeMap::new(),
        builds: codebuild::Options {
            folder: data.join("builds"),
            tools: data.join("tools"),
            programs: BTreeMap::new(),
            environment: BTreeMap::new(),
            concurrent_builds: 1,
        },
        projects: Vec::new(),
        minute: Duration::from_mins(1),
        postgres: None,
        redis: None,
    };
    let account = Account::open(data, ledger.clone(), tables, options).expect("opens");
    let events = account.events.clone();
    account.functions.register("ask", LIMIT, move |payload| {
        let events = events.clone();
        async move {
            events.put("test", "Asked", &[], &payload).expect("is put");
            Ok(Value::Null)
        }
    });
    (account, ledger)
}

/// Adds the rule by which `target` gets the tokens.
fn deliver_to(account: &Account, target: Invoke) {
    let pattern = Pattern::parse(&json!({"source": ["test"]})).expect("a pattern");
    account.events.add_rule("asked", pattern, Target::new("answer", target));
}
