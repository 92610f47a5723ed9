//! The room of records: an operation ends whatever its stack is made from, and what people give comes back as it was.

use serde_json::{Map, Value, json};
use slipway_model::contract::Contract;
use slipway_model::operation::OperationStatus;
use slipway_model::stack::{Stack, StackStatus};
use slipway_store::finish::End;

use crate::support::{Table, answer, changed, created, failure, new_stack, table};

/// A stack with these values and a contract.
async fn applied(table: &Table, values: &Map<String, Value>) -> Stack {
    let mut new = new_stack("shop");
    new.configuration.variables.clone_from(values);
    let (stack, provision) = table.provisioning(&new).await;
    let store = &table.store;
    store
        .record_contract(&provision, &Contract::default())
        .await
        .expect("recorded");
    store
        .finish_operation(&provision, &End::Succeeded)
        .await
        .expect("finished");
    store.stack(&stack.id).await.expect("the stack")
}

/// The stack after an update with these values whose apply failed.
async fn failed(table: &Table, stack: &Stack, values: &Value) -> Stack {
    let store = &table.store;
    let update = changed(stack, values);
    let update = created(store.create_operation(&update, None, answer).await.expect("an outcome"));
    let (begun, _) = store.begin_operation(&update.id).await.expect("begun");
    assert_eq!(begun.work.patch(), update.work.patch());
    store.begin_step(&update.id, "Apply").await.expect("a step");
    let end = End::of(failure("Slipway.ApplyFailed"));
    let finished = store.finish_operation(&update.id, &end).await.expect("finished");
    assert_eq!(finished.operation.status, OperationStatus::Failed);
    store.stack(&stack.id).await.expect("the stack")
}

#[tokio::test]
async fn failed_apply_of_large_values_ends() {
    let table = table().await;
    let values = json!({"blob": "x".repeat(210_000), "fails": false});
    let before = applied(&table, values.as_object().expect("values")).await;
    let after = failed(&table, &before, &json!({"fails": true})).await;
    assert_eq!(
        (after.status, &after.active_operation, &after.applied),
        (StackStatus::Failed, &None, &Some(before.configuration.clone()))
    );
    assert_eq!(after.configuration.variables["fails"], true);
    // The whole large value is in the request, too.
    let whole = json!({"blob": "x".repeat(210_000), "fails": 2});
    let after = failed(&table, &after, &whole).await;
    assert_eq!(after.applied, Some(before.configuration));
}

#[tokio::test]
async fn end_is_written_if_both_configurations_are_too_large_together() {
    let table = table().await;
    let values = json!({"blob": "x".repeat(205_000)});
    let before = applied(&table, values.as_object().expect("values")).await;
    // A request with these values is rejected. The store writes the end of one that was accepted before.
    let after = failed(&table, &before, &json!({"blob": "y".repeat(205_000)})).await;
    assert_eq!((after.status, &after.active_operation), (StackStatus::Failed, &None));
    assert_eq!(after.configuration.variables["blob"], "y".repeat(205_000));
    assert!(!after.applied.expect("it").variables.contains_key("blob"));
}

#[tokio::test]
async fn values_that_no_document_holds_come_back() {
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner, {"": null}]));
    let table = table().await;
    let before = applied(&table, &Map::from_iter([("odd".to_owned(), deep.clone())])).await;
    let values = json!({"odd": [deep, 1e-200, 1e200]});
    let after = failed(&table, &before, &values).await;
    assert_eq!(after.applied, Some(before.configuration));
    assert_eq!(after.configuration.variables["odd"], values["odd"]);
}
