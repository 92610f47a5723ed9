//! The stream of a table, and a function that gets its records.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::clock::Clock;
use aws_emulator::dynamodb::{DynamoDb, Mapping};
use aws_emulator::events::{Invoke, Pattern};
use aws_emulator::functions::LambdaError;
use aws_emulator::ledger::Ledger;
use aws_emulator::sqs::Sqs;
use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:unhandled";
const LIMIT: Duration = Duration::from_secs(20);

fn definition(stream: Option<Value>) -> Value {
    let mut definition = json!({
        "TableName": "records", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    if let Some(stream) = stream {
        definition["StreamSpecification"] = stream;
    }
    definition
}

fn with_stream() -> Value {
    definition(Some(json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"})))
}

fn open(folder: &Path, definition: &Value) -> DynamoDb {
    let tables = DynamoDb::open(&folder.join("dynamodb.db")).expect("opens");
    tables.ensure_table(definition, None).expect("makes the table");
    tables
}

async fn put(tables: &DynamoDb, key: &str) {
    let item = json!({"pk": {"S": key}, "secret": {"S": "hunter2"}});
    tables
        .call("PutItem", json!({"TableName": "records", "Item": item}))
        .await
        .expect("puts");
}

/// The keys that a function was called with, a list for each call.
type Calls = Arc<Mutex<Vec<Vec<String>>>>;

/// A function that fails as `fails` says of its call.
fn function(calls: &Calls, fails: impl Fn(&[String]) -> bool + Send + Sync + 'static) -> Invoke {
    let (calls, fails) = (Arc::clone(calls), Arc::new(fails));
    Arc::new(move |event: Value| {
        assert!(!event.to_string().contains("hunter2"), "{event}");
        let records = event["Records"].as_array().expect("records");
        let key = |record: &Value| {
            record["dynamodb"]["Keys"]["pk"]["S"]
                .as_str()
                .expect("a key")
                .to_owned()
        };
        let keys: Vec<String> = records.iter().map(key).collect();
        let failed = fails(&keys);
        calls.lock().expect("a lock").push(keys);
        async move {
            if failed {
                return Err(LambdaError {
                    error_type: "Broken".to_owned(),
                    message: "not now".to_owned(),
                });
            }
            Ok(())
        }
        .boxed()
    })
}

struct World {
    folder: tempfile::TempDir,
    sqs: Sqs,
    calls: Calls,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        let sqs = Sqs::new(ledger, Clock::System, "http://127.0.0.1:1").expect("opens");
        sqs.ensure_queue("unhandled", [].into()).expect("a queue");
        Self {
            folder,
            sqs,
            calls: Calls::default(),
        }
    }

    fn start(&self, tables: &DynamoDb, retries: u32, invoke: Invoke) -> CancellationToken {
        let pattern = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "note#"}]}}}});
        let stop = CancellationToken::new();
        let mapping = Mapping {
            function: "arn:aws:lambda:us-east-1:000000000000:function:notify".to_owned(),
            invoke,
            patterns: vec![Pattern::parse(&pattern).expect("a pattern")],
            batch_size: NonZeroUsize::new(4).expect("not 0"),
            retries,
            on_failure: Some(QUEUE.to_owned()),
            sqs: self.sqs.clone(),
        };
        mapping.start(tables.stream("records").expect("a stream"), stop.clone());
        stop
    }

    /// The keys of the calls that satisfy this, once there are so many.
    async fn called(&self, count: usize, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let wait = async {
            loop {
                let calls = self.calls.lock().expect("a lock").clone();
                let keys: Vec<String> = calls.into_iter().filter(|keys| wanted(keys)).flatten().collect();
                if keys.len() >= count {
                    return keys;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("the calls came")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inserted_items_that_match_are_handed_over_once_and_in_order() {
    let world = World::new();
    let tables = open(world.folder.path(), &with_stream());
    let stop = world.start(&tables, 3, function(&world.calls, |_| false));
    for number in 0..10 {
        put(&tables, &format!("note#{number}")).await;
        put(&tables, &format!("other#{number}")).await;
        // The second put modifies.
        put(&tables, &format!("note#{number}")).await;
    }
    let keys = world.called(10, |_| true).await;
    assert_eq!(keys, (0..10).map(|number| format!("note#{number}")).collect::<Vec<_>>());
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_record_goes_to_the_queue_and_blocks_no_other() {
    let world = World::new();
    let tables = open(world.folder.path(), &with_stream());
    for number in 0..6 {
        put(&tables, &format!("note#{number}")).await;
    }
    let is_poison = |keys: &[String]| keys.iter().any(|key| key == "note#2");
    let stop = world.start(&tables, 2, function(&world.calls, is_poison));
    let keys = world.called(5, |keys| !is_poison(keys)).await;
    assert_eq!(keys, ["note#0", "note#1", "note#3", "note#4", "note#5"]);
    let alone = world.called(3, |keys| keys == ["note#2"]).await;
    assert_eq!(alone.len(), 3, "one attempt in its turn, and two retries");
    let receive = json!({"QueueUrl": "/000000000000/unhandled", "WaitTimeSeconds": 5});
    let received = world.sqs.call("ReceiveMessage", receive).await.expect("receives");
    let body = received["Messages"][0]["Body"].as_str().expect("a message");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["responsePayload"]["errorType"], "Broken");
    assert!(body["DDBStreamBatchInfo"]["startSequenceNumber"].is_string(), "{body}");
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn next_server_continues_where_the_last_one_stopped() {
    let world = World::new();
    // A table of an earlier version has no stream.
    let tables = open(world.folder.path(), &definition(None));
    put(&tables, "note#before").await;
    drop(tables);
    let tables = open(world.folder.path(), &with_stream());
    put(&tables, "note#0").await;
    let stop = world.start(&tables, 1_000, function(&world.calls, |_| true));
    world.called(1, |_| true).await;
    stop.cancel();
    put(&tables, "note#1").await;
    drop(tables);

    let next = World {
        calls: Calls::default(),
        ..world
    };
    let tables = open(next.folder.path(), &with_stream());
    let stop = next.start(&tables, 3, function(&next.calls, |_| false));
    assert_eq!(next.called(2, |_| true).await, ["note#0", "note#1"]);
    put(&tables, "note#2").await;
    assert_eq!(next.called(3, |_| true).await, ["note#0", "note#1", "note#2"]);
    stop.cancel();
}
