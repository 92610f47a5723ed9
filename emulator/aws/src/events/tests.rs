//! The bus: what arrives, what is tried again, and what is kept.

use tokio::sync::mpsc;

use super::*;
use crate::clock::Clock;
use crate::functions::LambdaError;

struct Fixture {
    bus: EventBus,
    received: mpsc::UnboundedReceiver<Value>,
    folder: tempfile::TempDir,
}

/// A bus with one rule, whose target fails `failures` times before it accepts.
fn fixture(failures: usize) -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
    let (bus, received) = bus_on(ledger, failures);
    Fixture { bus, received, folder }
}

#[test]
fn text_of_a_delivery_has_the_detail_as_it_was_put() {
    let delivery = |detail: Option<&str>| Delivery {
        rule: "to-function".to_owned(),
        event: json!({"source": "app", "detail": {"a": 0.1}}),
        detail: detail.map(str::to_owned),
        calls: 0,
        target: String::new(),
        dead_letter: None,
    };
    let written = "{\"a\": 0.10000000000000000000001}";
    assert_eq!(
        delivery(Some(written)).text(),
        format!("{{\"source\":\"app\",\"detail\":{written}}}")
    );
    let put_by_a_service = delivery(None);
    assert_eq!(put_by_a_service.text(), put_by_a_service.event.to_string());
}

fn bus_on(ledger: Ledger, failures: usize) -> (EventBus, mpsc::UnboundedReceiver<Value>) {
    let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").expect("opens");
    for name in ["unhandled", "undelivered"] {
        sqs.ensure_queue(name, BTreeMap::new()).expect("makes a queue");
    }
    let bus = EventBus::new(ledger, sqs);
    let (sender, received) = mpsc::unbounded_channel();
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(failures));
    let pattern = Pattern::parse(&json!({"source": ["app"]})).expect("a pattern");
    let invoke: Invoke = Arc::new(move |event: Value| {
        let outcome = match left.fetch_update(
            std::sync::atomic::Ordering::SeqCst,
            std::sync::atomic::Ordering::SeqCst,
            |left| left.checked_sub(1),
        ) {
            // An event that says so is never handled.
            _ if event["detail"]["poison"] == true => Err(LambdaError {
                error_type: "Slipway.EventUnreadable".to_owned(),
                message: "the event cannot be read".to_owned(),
            }),
            Ok(_) => Err(LambdaError {
                error_type: "Slipway.EventNotHandled".to_owned(),
                message: "not yet".to_owned(),
            }),
            Err(_) => {
                // No task listens to the first bus of a test with a crash any more.
                let _ = sender.send(event);
                Ok(())
            }
        };
        Box::pin(async move { outcome })
    });
    let target = Target {
        on_failure: Some(arn("sqs", "unhandled")),
        dead_letter: Some(arn("sqs", "undelivered")),
        ..Target::new("function", invoke)
    };
    bus.add_rule("to-function", pattern, target);
    (bus, received)
}

#[tokio::test]
async fn each_entry_has_its_own_outcome_and_matching_ones_arrive() {
    let mut fixture = fixture(0);
    let entry = |source: &str, detail: &str| json!({"Source": source, "DetailType": "Happened", "Detail": detail});
    let output = fixture
        .bus
        .call(
            "PutEvents",
            json!({"Entries": [
                entry("app", "{\"n\": 1}"), entry("app", "[1]"), entry("aws.ecs", "{}"), entry("other", "{}"),
                {"Source": "app", "Detail": "{}"},
                {"Source": "app", "DetailType": "x", "Detail": "{}", "EventBusName": "mine"},
            ]}),
        )
        .await
        .expect("answers");
    let codes: Vec<&Value> = output["Entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| &entry["ErrorCode"])
        .collect();
    assert_eq!(output["FailedEntryCount"], 4);
    assert_eq!(
        codes,
        [
            &Value::Null,
            &json!("MalformedDetail"),
            &json!("NotAuthorizedForSourceException"),
            &Value::Null,
            &json!("InvalidArgument"),
            &json!("ResourceNotFoundException"),
        ]
    );
    let event = fixture.received.recv().await.expect("an event");
    assert_eq!(event["id"], output["Entries"][0]["EventId"]);
    assert_eq!(
        (&event["detail-type"], &event["detail"]),
        (&json!("Happened"), &json!({"n": 1}))
    );
    assert!(fixture.received.try_recv().is_err());
}

#[tokio::test]
async fn a_failing_target_is_tried_again_until_it_accepts() {
    let mut fixture = fixture(2);
    fixture.bus.put("app", "Happened", &[], &json!({"n": 2})).expect("put");
    assert_eq!(fixture.received.recv().await.expect("an event")["detail"]["n"], 2);
}

#[tokio::test]
async fn an_undelivered_event_arrives_after_a_crash() {
    let fixture = fixture(usize::MAX);
    fixture.bus.put("app", "Happened", &[], &json!({"n": 3})).expect("put");
    let ledger = Ledger::open(&fixture.folder.path().join("ledger.db")).expect("opens");
    let (bus, mut received) = bus_on(ledger.clone(), 0);
    let mut changes = ledger.changes(PENDING);
    bus.recover().expect("recovers");
    assert_eq!(received.recv().await.expect("an event")["detail"]["n"], 3);
    changes.changed().await.expect("the delivery is taken out");
    assert!(ledger.list::<Value>(PENDING).expect("lists").is_empty());
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_as_a_whole() {
    let fixture = fixture(0);
    let long = "x".repeat(REQUEST_BYTES);
    let entry = json!({"Source": "app", "DetailType": "x", "Detail": format!("{{\"a\": \"{long}\"}}")});
    for entries in [json!([entry]), json!([]), json!(vec![json!({}); 11])] {
        let outcome = fixture.bus.call("PutEvents", json!({ "Entries": entries })).await;
        assert_eq!(outcome.expect_err("refused").code, "ValidationException");
    }
}

/// Waits for a message of a queue.
async fn message(sqs: &Sqs, queue: &str) -> Value {
    let body = json!({
        "QueueUrl": format!("http://127.0.0.1:1/000000000000/{queue}"), "WaitTimeSeconds": 20,
        "MessageAttributeNames": ["All"],
    });
    sqs.call("ReceiveMessage", body).await.expect("answers")["Messages"][0].take()
}

#[tokio::test]
async fn what_the_function_cannot_handle_is_kept_with_its_error_and_holds_up_nothing() {
    let mut fixture = fixture(0);
    let put = |detail| fixture.bus.put("app", "Happened", &[], &detail).expect("put");
    put(json!({"poison": true}));
    put(json!({"n": 1}));
    assert_eq!(fixture.received.recv().await.expect("an event")["detail"]["n"], 1);
    let mut changes = fixture.bus.ledger.changes(PENDING);

    let message = message(&fixture.bus.sqs, "unhandled").await;
    let record: Value = serde_json::from_str(message["Body"].as_str().expect("a body")).expect("JSON");
    assert_eq!(record["requestPayload"]["detail"], json!({"poison": true}));
    assert_eq!(
        record["responsePayload"],
        json!({"errorType": "Slipway.EventUnreadable", "errorMessage": "the event cannot be read"})
    );
    let context = &record["requestContext"];
    assert_eq!(
        (&context["condition"], &context["approximateInvokeCount"]),
        (&json!("RetriesExhausted"), &json!(3))
    );
    assert_eq!(
        context["functionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:function:$LATEST"
    );
    while !fixture.bus.ledger.list::<Value>(PENDING).expect("lists").is_empty() {
        changes.changed().await.expect("the delivery is taken out");
    }
}

#[tokio::test]
async fn an_event_has_its_chances_once_whatever_crashes_there_are() {
    let fixture = fixture(usize::MAX);
    let mut changes = fixture.bus.ledger.changes(PENDING);
    fixture.bus.put("app", "Happened", &[], &json!({})).expect("put");
    let calls = |ledger: &Ledger| ledger.list::<Delivery>(PENDING).expect("lists")[0].1.calls;
    while calls(&fixture.bus.ledger) == 0 {
        changes.changed().await.expect("a call is counted");
    }
    let ledger = Ledger::open(&fixture.folder.path().join("ledger.db")).expect("opens");
    let (bus, _received) = bus_on(ledger, usize::MAX);
    bus.recover().expect("recovers");
    let message = message(&bus.sqs, "unhandled").await;
    let record: Value = serde_json::from_str(message["Body"].as_str().expect("a body")).expect("JSON");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
}

#[tokio::test]
async fn an_event_without_its_rule_is_dead_lettered() {
    let fixture = fixture(usize::MAX);
    fixture.bus.put("app", "Happened", &[], &json!({"n": 4})).expect("put");
    let ledger = Ledger::open(&fixture.folder.path().join("ledger.db")).expect("opens");
    let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").expect("opens");
    EventBus::new(ledger, sqs.clone()).recover().expect("recovers");
    let message = message(&sqs, "undelivered").await;
    let event: Value = serde_json::from_str(message["Body"].as_str().expect("a body")).expect("JSON");
    assert_eq!(event["detail"]["n"], 4);
    let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].clone();
    assert_eq!(
        attribute("RULE_ARN"),
        "arn:aws:events:us-east-1:000000000000:rule/to-function"
    );
    assert_eq!(attribute("ERROR_CODE"), "NO_RESOURCE");
}
