//! Starting executions, and orphaned operations.

use aws_sdk_sfn::Client;
use serde_json::{Value, json};
use slipway_control::Error;
use slipway_control::orphan::{ExecutionEnd, end};
use slipway_control::start::start;
use slipway_model::operation::OperationStatus;
use slipway_model::operation::work::Work;

use crate::fake::Fake;
use crate::support::{Table, answer, created, new_stack, request, table};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:slipway";

fn client(table: &Table, fake: &Fake) -> Client {
    let mut vars = table.vars.clone();
    vars.insert("AWS_ENDPOINT_URL".to_owned(), fake.url.clone());
    Client::new(&slipway_aws::sdk_config(&vars))
}

/// Step Functions as far as it starts.
fn starts(action: &str, body: &Value) -> Result<Value, &'static str> {
    match action {
        "StartExecution" => Ok(json!({"executionArn": format!("execution of {}", body["name"]), "startDate": 1.5})),
        _ => Err("UnknownOperationException"),
    }
}

#[tokio::test]
async fn execution_is_named_after_its_operation_and_recorded() {
    let table = table().await;
    let fake = Fake::start(starts).await;
    let sfn = client(&table, &fake);
    let operation = created(
        table
            .store
            .create_stack(&new_stack("shop"), None, answer)
            .await
            .expect("a stack"),
    );
    let arn = start(&sfn, MACHINE, &operation).await.expect("started");
    start(&sfn, MACHINE, &operation).await.expect("started again");
    let (begun, _) = table
        .store
        .begin_execution(&operation.id, Some(&operation.stack), &arn)
        .await
        .expect("begun");
    assert_eq!(begun.execution_arn, Some(arn));
    assert_eq!(fake.count("StartExecution"), 2);
    let calls = fake.calls();
    assert_eq!(calls[0], calls[1], "the same words each time");
    assert_eq!(calls[0].1["stateMachineArn"], MACHINE);
    assert_eq!(calls[0].1["name"], json!(operation.id));
    let input: Value = serde_json::from_str(calls[0].1["input"].as_str().expect("a text")).expect("JSON");
    assert_eq!(
        input,
        json!({
            "operation": operation.id,
            "kind": "provision",
            "stack": "shop",
            "stack_id": operation.stack,
            "environment": "dev",
            "blueprint": "guestbook@1.0.0",
            "requester": "ada",
            "show": format!("slipway operation show {}", operation.id),
            "link": format!("/v1/operations/{}", operation.id),
        })
    );
}

#[tokio::test]
async fn an_execution_that_has_been_is_not_started_again() {
    let table = table().await;
    let operation = created(
        table
            .store
            .create_stack(&new_stack("shop"), None, answer)
            .await
            .expect("a stack"),
    );
    let exists = Fake::start(|_, _| Err("ExecutionAlreadyExists")).await;
    let arn = start(&client(&table, &exists), MACHINE, &operation)
        .await
        .expect("harmless");
    assert_eq!(arn, slipway_control::start::execution_arn(MACHINE, &operation.id));
    let without_machine = Fake::start(|_, _| Err("StateMachineDoesNotExist")).await;
    let refused = start(&client(&table, &without_machine), MACHINE, &operation).await;
    assert!(matches!(refused, Err(Error::Start { .. })));
}

#[tokio::test]
async fn orphaned_operation_ends_once_and_the_next_one_starts() {
    let table = table().await;
    let fake = Fake::start(starts).await;
    let sfn = client(&table, &fake);
    let (stack, provision) = table.provisioning(&new_stack("shop")).await;
    table.store.begin_step(&provision, "Apply").await.expect("a step");
    let new = request(Work::Destroy, &stack);
    let next = created(
        table
            .store
            .create_operation(&new, None, answer)
            .await
            .expect("an outcome"),
    );
    for how in [ExecutionEnd::TimedOut, ExecutionEnd::Gone] {
        let finished = end(&table.store, &sfn, MACHINE, &provision, None, how)
            .await
            .expect("ended");
        let failure = finished.operation.failure.expect("a reason");
        assert_eq!(
            (failure.name.as_str(), failure.step.as_str()),
            ("States.Timeout", "Apply")
        );
        assert_eq!(finished.operation.status, OperationStatus::Failed);
    }
    let started = table.store.operation(&next.id).await.expect("it");
    assert_eq!(started.status, OperationStatus::Starting);
    assert!(fake.count("StartExecution") >= 1);

    let cause = Some("stopped by ada".to_owned());
    let aborted = ExecutionEnd::Aborted { cause };
    let finished = end(&table.store, &sfn, MACHINE, &next.id, Some(&next.stack), aborted)
        .await
        .expect("ended");
    let failure = finished.operation.failure.expect("a reason");
    assert_eq!(finished.operation.status, OperationStatus::Cancelled);
    assert_eq!(
        (failure.name.as_str(), failure.message.as_str()),
        ("Slipway.Cancelled", "stopped by ada")
    );
}
