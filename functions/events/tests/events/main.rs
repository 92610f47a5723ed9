//! The events against a DynamoDB and a Step Functions that records its calls.

#[path = "../../../../crates/store/tests/store/fake.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod fake;
#[path = "../../../../crates/store/tests/store/support.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

mod elsewhere;

use serde_json::{Value, json};
use slipway_events::{Config, EventError, Events};
use slipway_model::contract::{Database, DatabaseKind};
use slipway_model::operation::work::Work;
use slipway_model::operation::{Operation, OperationStatus, Snapshot};
use slipway_recording::recorded;
use slipway_store::rollout::Rollout;

use fake::Fake;
use support::{Table, answer, created, new_stack, request, table};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:slipway";
const SERVICE: &str = "arn:aws:ecs:us-east-1:000000000000:service/main/web";

fn events(table: &Table, fake: &Fake) -> Events {
    let mut vars = table.vars.clone();
    vars.insert("AWS_ENDPOINT_URL".to_owned(), fake.url.clone());
    vars.insert("SLIPWAY_STATE_MACHINE_ARN".to_owned(), MACHINE.to_owned());
    vars.insert("SLIPWAY_UNHANDLED_EVENTS_URL".to_owned(), "https://queue".to_owned());
    Events::new(
        Config::from_vars(&vars).expect("every variable"),
        &recorded("EventsFunction", &slipway_aws::sdk_config(&vars)),
    )
}

/// Step Functions as far as this function uses it.
fn takes(action: &str, _: &Value) -> Result<Value, &'static str> {
    match action {
        "StartExecution" => Ok(json!({"executionArn": "arn", "startDate": 1.5})),
        "SendTaskSuccess" | "SendTaskFailure" => Ok(json!({})),
        "SendMessage" => Ok(json!({"MessageId": "1", "MD5OfMessageBody": "1"})),
        _ => Err("UnknownOperationException"),
    }
}

fn deployment(event_name: &str, id: &str) -> Value {
    json!({
        "version": "0",
        "id": "ddca6449-b258-46c0-8653-e0e3aEXAMPLE",
        "detail-type": "ECS Deployment State Change",
        "source": "aws.ecs",
        "account": "000000000000",
        "time": "2026-05-23T12:31:14Z",
        "region": "us-east-1",
        "resources": [SERVICE],
        "detail": {
            "eventType": "INFO",
            "eventName": event_name,
            "deploymentId": id,
            "updatedAt": "2026-05-23T11:11:11Z",
            "reason": "ECS deployment circuit breaker: tasks failed to start.",
        },
    })
}

fn hook(event_name: &str, account: &str) -> Value {
    let deployment = SERVICE.replace(":service/", ":service-deployment/");
    json!({
        "version": "0",
        "id": "3329f79b-3dca-07f8-b1c2-5fe99f0b5e87",
        "detail-type": "ECS Hook State Change",
        "source": "aws.ecs",
        "account": account,
        "time": "2026-03-05T15:54:41Z",
        "region": "us-east-1",
        "resources": [format!("{deployment}/0EYSiB0qap8xf0N76FsbE")],
        "detail": {
            "eventType": "INFO",
            "eventName": event_name,
            "hookId": "ecs-pause-e7tK9G_WRJqNF_EOMjztDXfKenlJuEUVjsNStf4WLKw",
            "hookType": "PAUSE",
            "expiresAt": "2026-03-05T16:04:41Z",
            "lifecycleStage": "POST_SCALE_UP",
            "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/main",
            "serviceArn": SERVICE,
            "serviceDeploymentArn": format!("{deployment}/0EYSiB0qap8xf0N76FsbE"),
            "updatedAt": "2026-03-05T15:54:41.618059641Z",
        },
    })
}

fn snapshot(event_id: &str, id: &str) -> Value {
    json!({
        "version": "0",
        "id": "844e2571-85d4-695f-b930-0153b71dcb42",
        "detail-type": "RDS DB Snapshot Event",
        "source": "aws.rds",
        "account": "000000000000",
        "time": "2026-05-23T12:31:14Z",
        "region": "us-east-1",
        "resources": [format!("arn:aws:rds:us-east-1:000000000000:snapshot:{id}")],
        "detail": {
            "EventCategories": ["creation"],
            "SourceType": "SNAPSHOT",
            "SourceArn": format!("arn:aws:rds:us-east-1:000000000000:snapshot:{id}"),
            "Date": "2026-05-23T12:31:14.000Z",
            "SourceIdentifier": id,
            "Message": "Manual snapshot created",
            "EventID": event_id,
        },
    })
}

fn execution(machine: &str, name: &str, status: &str) -> Value {
    json!({
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "000000000000",
        "time": "2026-05-23T12:31:14Z",
        "region": "us-east-1",
        "resources": [format!("arn:aws:states:us-east-1:000000000000:execution:slipway:{name}")],
        "detail": {
            "executionArn": format!("arn:aws:states:us-east-1:000000000000:execution:slipway:{name}"),
            "stateMachineArn": machine,
            "name": name,
            "status": status,
            "startDate": 1_551_225_271_984_i64,
            "stopDate": 1_551_225_271_985_i64,
            "input": "{}",
            "output": null,
            "error": "States.Runtime",
            "cause": "it broke",
        },
    })
}

fn waiting(deployment: &str) -> Rollout {
    Rollout {
        service: SERVICE.to_owned(),
        deployment: deployment.to_owned(),
        token: format!("token of {deployment}"),
        operation: slipway_model::id::OperationId::generate(),
        step: "Wait until stable: web".to_owned(),
    }
}

#[tokio::test]
async fn snapshot_answers_its_step_in_either_order() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    let (stack, id) = table.provisioning(&new_stack("kept")).await;
    let database = Database {
        kind: DatabaseKind::RdsInstance,
        id: "main".to_owned(),
    };
    let own = Snapshot::new(&stack.id, &id, database);
    let keep = |operation: &mut Operation| {
        operation.snapshot.get_or_insert(own.clone());
        Ok(())
    };
    table.store.update_operation(&id, keep).await.expect("kept");
    for (event_id, id) in [
        // An event before its end; a snapshot of someone else; an automatic one; one of an unknown operation.
        ("RDS-EVENT-0040", own.id.as_str()),
        ("RDS-EVENT-0042", "final"),
        ("RDS-EVENT-0042", "rds:main-2026-05-23-12-31"),
        ("RDS-EVENT-0042", "lusab-babad-op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
    ] {
        events.handle(snapshot(event_id, id)).await.expect("passed over");
    }
    let operation = table.store.operation(&id).await.expect("the operation");
    assert_eq!(operation.snapshot.expect("a snapshot").taken_at, None);

    // No step waits yet: the snapshot is recorded for the step that will.
    events
        .handle(snapshot("RDS-EVENT-0042", &own.id))
        .await
        .expect("handled");
    assert_eq!(fake.count("SendTaskSuccess"), 0);
    let wait = |operation: &mut Operation| {
        operation.begin_step("Wait for snapshot", operation.created_at);
        operation.snapshot.as_mut().expect("a snapshot").token = Some("a-token".to_owned());
        Ok(())
    };
    let waits = table.store.update_operation(&id, wait).await.expect("kept");
    assert!(waits.snapshot.expect("a snapshot").taken_at.is_some());

    events
        .handle(snapshot("RDS-EVENT-0042", &own.id))
        .await
        .expect("handled");
    assert_eq!(
        fake.calls(),
        [(
            "SendTaskSuccess".to_owned(),
            json!({"taskToken": "a-token", "output": "{}"})
        )]
    );
    let operation = table.store.operation(&id).await.expect("the operation");
    assert!(operation.steps[0].ended_at.is_some());
}

#[tokio::test]
async fn a_deployment_answers_the_step_that_waits_for_it_once() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    for id in ["ecs-svc/1", "ecs-svc/2"] {
        table.store.put_rollout(&waiting(id)).await.expect("kept");
    }
    for event in [
        deployment("SERVICE_DEPLOYMENT_IN_PROGRESS", "ecs-svc/1"),
        deployment("SERVICE_DEPLOYMENT_COMPLETED", "ecs-svc/1"),
        deployment("SERVICE_DEPLOYMENT_COMPLETED", "ecs-svc/1"),
        deployment("SERVICE_DEPLOYMENT_FAILED", "ecs-svc/2"),
        deployment("SERVICE_DEPLOYMENT_FAILED", "ecs-svc/unknown"),
    ] {
        events.handle(event).await.expect("handled");
    }
    let output = "{}";
    let cause = "ECS deployment circuit breaker: tasks failed to start.";
    assert_eq!(
        fake.calls(),
        [
            (
                "SendTaskSuccess".to_owned(),
                json!({"taskToken": "token of ecs-svc/1", "output": output})
            ),
            (
                "SendTaskFailure".to_owned(),
                json!({"taskToken": "token of ecs-svc/2", "error": "Slipway.RolloutFailed", "cause": cause})
            ),
        ]
    );
}

/// A rejected token says that the attempt ended, not that the step was answered: the next attempt finds the rollout itself.
#[tokio::test]
async fn every_event_of_a_progressive_rollout_wakes_its_step() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    // A service whose rollout is not progressive has nothing to wake.
    table.store.put_rollout(&waiting("ecs-svc/1")).await.expect("kept");
    events
        .handle(hook("HOOK_AWAITING_ACTION", "000000000000"))
        .await
        .expect("handled");
    assert_eq!(fake.calls(), []);

    table
        .store
        .put_rollout(&waiting(slipway_store::pause::PROGRESSIVE))
        .await
        .expect("kept");
    for event in [
        hook("HOOK_AWAITING_ACTION", "000000000000"),
        hook("HOOK_SUCCEEDED", "000000000000"),
        // Its end as well: a rollback completes a deployment, too.
        deployment("SERVICE_DEPLOYMENT_COMPLETED", "ecs-svc/2"),
    ] {
        events.handle(event).await.expect("handled");
    }
    let woken = json!({
        "taskToken": "token of progressive", "error": "Slipway.CheckAgain", "cause": "the rollout has changed",
    });
    let woken = ("SendTaskFailure".to_owned(), woken);
    assert_eq!(fake.calls(), [woken.clone(), woken.clone(), woken]);

    events
        .handle(hook("HOOK_AWAITING_ACTION", "999999999999"))
        .await
        .expect("dead-lettered");
    assert_eq!((fake.count("SendTaskFailure"), fake.count("SendMessage")), (3, 1));
}

#[tokio::test]
async fn stale_token_or_unreached_step_stays_recorded() {
    let table = table().await;
    for (number, gone) in ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"]
        .into_iter()
        .enumerate()
    {
        let fake = Fake::start(move |_, _| Err(gone)).await;
        let events = events(&table, &fake);
        for event in ["SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"] {
            let rollout = waiting(&format!("ecs-svc/{number}-{event}"));
            table.store.put_rollout(&rollout).await.expect("kept");
            events
                .handle(deployment(event, &rollout.deployment))
                .await
                .expect("handled");
            let kept = table.store.rollout(SERVICE, &rollout.deployment).await.expect("read");
            assert_eq!(kept, Some(rollout), "{gone}");
        }
    }
    let fake = Fake::start(|_, _| Err("AccessDeniedException")).await;
    let events = events(&table, &fake);
    let rollout = waiting("ecs-svc/kept");
    table.store.put_rollout(&rollout).await.expect("kept");
    let refused = events
        .handle(deployment("SERVICE_DEPLOYMENT_COMPLETED", "ecs-svc/kept"))
        .await;
    assert!(matches!(&refused, Err(EventError::EndRollout(_))), "{refused:?}");
    let kept = table.store.rollout(SERVICE, "ecs-svc/kept").await.expect("read");
    assert_eq!(kept, Some(rollout), "the event comes again");
}

#[tokio::test]
async fn execution_end_ends_its_operation_and_starts_the_next() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    for (status, expected, name) in [
        ("FAILED", OperationStatus::Failed, "States.Runtime"),
        ("TIMED_OUT", OperationStatus::Failed, "States.Timeout"),
        ("ABORTED", OperationStatus::Cancelled, "Slipway.Cancelled"),
    ] {
        let called = format!("stack-{}", status.to_lowercase().replace('_', "-"));
        let (stack, provision) = table.provisioning(&new_stack(&called)).await;
        if expected == OperationStatus::Failed {
            table.store.begin_step(&provision, "Apply").await.expect("a step");
        }
        let new = request(Work::Destroy, &stack);
        let next = created(
            table
                .store
                .create_operation(&new, None, answer)
                .await
                .expect("an outcome"),
        );
        for other in [
            execution(MACHINE, provision.as_str(), "RUNNING"),
            execution("another machine", provision.as_str(), status),
            execution(MACHINE, "by-hand", status),
            execution(MACHINE, slipway_model::id::OperationId::generate().as_str(), status),
        ] {
            events.handle(other).await.expect("passed over");
        }
        let before = fake.count("StartExecution");
        events
            .handle(execution(MACHINE, provision.as_str(), status))
            .await
            .expect("handled");
        let operation = table.store.operation(&provision).await.expect("it");
        assert_eq!(operation.status, expected);
        assert_eq!(operation.failure.expect("a reason").name, name);
        let next = table.store.operation(&next.id).await.expect("it");
        // Nothing was made of a stack whose provision was cancelled before its apply: nothing is left to destroy.
        let (status, starts) = match expected {
            OperationStatus::Cancelled => (OperationStatus::Cancelled, 0),
            _ => (OperationStatus::Starting, 1),
        };
        assert_eq!((next.status, fake.count("StartExecution")), (status, before + starts));
    }
}

#[tokio::test]
async fn an_operation_that_recorded_its_own_end_keeps_it() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    let (_, provision) = table.provisioning(&new_stack("shop")).await;
    let end = slipway_store::finish::End::Succeeded;
    table.store.finish_operation(&provision, &end).await.expect("finished");
    let before = table.store.operation(&provision).await.expect("it");
    events
        .handle(execution(MACHINE, provision.as_str(), "SUCCEEDED"))
        .await
        .expect("handled");
    assert_eq!(table.store.operation(&provision).await.expect("it"), before);
    assert!(fake.calls().is_empty());
}

/// The dead-lettered events in order: the name of the error and the event.
fn dead_lettered(fake: &Fake) -> Vec<(String, Value)> {
    let sent = fake.calls().into_iter().filter(|(action, _)| action == "SendMessage");
    sent.map(|(_, request)| {
        let body = request["MessageBody"].as_str().expect("a body");
        let record: Value = serde_json::from_str(body).expect("a record");
        let name = record["responsePayload"]["errorType"].as_str().expect("a name");
        (name.to_owned(), record["requestPayload"].clone())
    })
    .collect()
}

#[tokio::test]
async fn unreadable_unknown_and_spoofed_events_are_dead_lettered() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    let (_, provision) = table.provisioning(&new_stack("shop")).await;
    let with = |field: &str, value: Value| {
        let mut event = execution(MACHINE, provision.as_str(), "ABORTED");
        event[field] = value;
        event
    };
    let mut nameless = deployment("SERVICE_DEPLOYMENT_COMPLETED", "ecs-svc/1");
    nameless["resources"] = json!([]);
    let poison = [
        (json!({}), "Slipway.EventUnreadable"),
        (json!([]), "Slipway.EventUnreadable"),
        (json!("x"), "Slipway.EventUnreadable"),
        (nameless, "Slipway.EventUnreadable"),
        (with("detail", json!({})), "Slipway.EventUnreadable"),
        (with("detail", json!({"name": 1})), "Slipway.EventUnreadable"),
        (with("time", json!("yesterday")), "Slipway.EventUnreadable"),
        (with("account", json!("me")), "Slipway.EventUnreadable"),
        (with("detail-type", json!("S3 Bucket Melted")), "Slipway.EventUnknown"),
        // A sender that cannot know whether an execution ended.
        (with("source", json!("com.example")), "Slipway.EventSpoofed"),
        (with("account", json!("111122223333")), "Slipway.EventSpoofed"),
    ];
    for (event, _) in &poison {
        events.handle(event.clone()).await.expect("handled");
    }
    let expected: Vec<_> = poison
        .into_iter()
        .map(|(event, name)| (name.to_owned(), event))
        .collect();
    assert_eq!(dead_lettered(&fake), expected);
    let operation = table.store.operation(&provision).await.expect("it");
    assert_eq!(operation.status, OperationStatus::Running, "nothing of it was believed");

    let missing = Config::from_vars(&std::collections::BTreeMap::new()).expect_err("nothing is set");
    assert_eq!(missing.to_string(), "the environment variable SLIPWAY_TABLE is not set");
}

#[tokio::test]
async fn event_that_cannot_be_dead_lettered_is_retried() {
    let table = table().await;
    let fake = Fake::start(|_, _| Err("QueueDoesNotExist")).await;
    let error = events(&table, &fake)
        .handle(json!({}))
        .await
        .expect_err("the queue is not reachable");
    assert!(
        matches!(&error, EventError::DeadLetter { reason, .. } if reason.contains("failed to read")),
        "{error}"
    );
}
