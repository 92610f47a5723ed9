//! Creating operations, alone and all at once.

use futures::future::join_all;
use slipway_model::id::ReleaseNumber;
use slipway_model::operation::{OperationKind, OperationStatus};
use slipway_model::release::ReleaseStatus;
use slipway_model::stack::StackStatus;
use slipway_store::Error;
use slipway_store::create::Outcome;
use slipway_store::idempotency::Known;

use crate::support::{PREVIEW, UPDATE, answer, configuration, created, images, key, name, new_stack, request, table};

#[tokio::test]
async fn a_new_stack_has_its_operation_its_name_and_its_release() {
    let table = table().await;
    let mut new = new_stack("shop");
    new.images = images(1);
    let operation = created(table.store.create_stack(&new, None, answer).await.expect("a stack"));
    assert_eq!(
        (operation.kind(), operation.status),
        (OperationKind::Provision, OperationStatus::Starting)
    );
    let stack = table.store.stack(&operation.stack).await.expect("the stack");
    assert_eq!(stack.active_operation.as_ref(), Some(&operation.id));
    assert_eq!((stack.status, stack.revision), (StackStatus::Provisioning, 1));
    assert_eq!(stack.last_release, ReleaseNumber(1));
    let release = table
        .store
        .release(&stack.id, ReleaseNumber(1))
        .await
        .expect("a release");
    assert_eq!((release.status, release.images), (ReleaseStatus::Requested, images(1)));
    assert_eq!(
        table.store.operation(&operation.id).await.expect("the operation"),
        operation
    );

    let again = table.store.create_stack(&new, None, answer).await.expect("an outcome");
    assert!(matches!(again, Outcome::NameTaken { .. }));
    new.environment = name("live");
    created(
        table
            .store
            .create_stack(&new, None, answer)
            .await
            .expect("another environment has its own names"),
    );
}

#[tokio::test]
async fn of_sixteen_that_want_one_name_one_gets_it() {
    let table = table().await;
    let new = new_stack("shop");
    let outcomes = join_all((0..16).map(|_| table.store.create_stack(&new, None, answer))).await;
    let (mut made, mut refused) = (0, 0);
    for outcome in outcomes {
        match outcome.expect("an outcome") {
            Outcome::Created { .. } => made += 1,
            Outcome::NameTaken { .. } => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((made, refused), (1, 15));
    assert_eq!(table.items().await, 3, "a stack, its operation, its name");
}

#[tokio::test]
async fn a_queued_operation_knows_its_place() {
    let table = table().await;
    let (stack, _) = table.provisioning(&new_stack("shop")).await;
    for place in 1..=3 {
        let stack = table.store.stack(&stack.id).await.expect("the stack");
        let new = request(PREVIEW, &stack);
        let outcome = table.store.create_operation(&new, None, |accepted| {
            assert_eq!(accepted.position, Some(place));
            answer(accepted)
        });
        let operation = created(outcome.await.expect("an outcome"));
        assert_eq!(operation.status, OperationStatus::Queued);
        let position = table
            .store
            .position(&stack.id, &operation.id)
            .await
            .expect("a position");
        assert_eq!(position, Some(place));
    }
}

#[tokio::test]
async fn one_idempotency_key_is_one_operation_and_one_answer() {
    let table = table().await;
    let new = new_stack("shop");
    let once = key("k", "the request");
    let outcomes = join_all((0..8).map(|_| table.store.create_stack(&new, Some(&once), answer))).await;
    let mut answers = Vec::new();
    let mut made = 0;
    for outcome in outcomes {
        answers.push(match outcome.expect("an outcome") {
            Outcome::Created { answer, .. } => {
                made += 1;
                answer
            }
            Outcome::Replayed(answer) => answer,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "byte for byte");
    assert_eq!(table.items().await, 4);
    assert_eq!(
        table.store.answered(&once).await.expect("known"),
        Known::Replayed(answers[0].clone())
    );

    let other = table
        .store
        .create_stack(&new_stack("other"), Some(&key("k", "another request")), answer)
        .await;
    assert!(matches!(other, Ok(Outcome::KeyReused)));
    let mut theirs = key("k", "another request");
    theirs.caller = "grace".to_owned();
    created(
        table
            .store
            .create_stack(&new_stack("other"), Some(&theirs), answer)
            .await
            .expect("another caller"),
    );
}

#[tokio::test]
async fn idempotent_answer_expires_after_seven_days() {
    let table = table().await;
    let once = key("k", "the request");
    created(
        table
            .store
            .create_stack(&new_stack("shop"), Some(&once), answer)
            .await
            .expect("a stack"),
    );
    let scan = table.client.scan().table_name(table.name).send().await.expect("a scan");
    let mut item = scan
        .items()
        .iter()
        .find(|item| item.contains_key("body"))
        .expect("an answer")
        .clone();
    let expires_at: i64 = item["expires_at"].as_n().expect("a number").parse().expect("seconds");
    let kept = expires_at - jiff::Timestamp::now().as_second();
    assert!((7 * 86_400 - 60..=7 * 86_400).contains(&kept), "{kept}");

    let past = aws_sdk_dynamodb::types::AttributeValue::N((expires_at - kept - 1).to_string());
    item.insert("expires_at".to_owned(), past);
    let put = table.client.put_item().table_name(table.name).set_item(Some(item));
    put.send().await.expect("put");
    assert_eq!(table.store.answered(&once).await.expect("known"), Known::New);
    let other = table
        .store
        .create_stack(&new_stack("other"), Some(&key("k", "another request")), answer)
        .await;
    created(other.expect("the key is free again"));
}

#[tokio::test]
async fn request_changes_nothing_of_its_stack_before_it_applies() {
    let table = table().await;
    let stack = table.ready(&new_stack("shop")).await;
    let mut preview = request(PREVIEW, &stack);
    preview.configuration = Some(configuration("other"));
    let operation = created(
        table
            .store
            .create_operation(&preview, None, answer)
            .await
            .expect("an outcome"),
    );
    assert_eq!(operation.configuration, configuration("other"));
    let after = table.store.stack(&stack.id).await.expect("the stack");
    assert_eq!(after.configuration, stack.configuration);

    let mut update = request(UPDATE, &after);
    update.configuration = Some(configuration("other"));
    created(
        table
            .store
            .create_operation(&update, None, answer)
            .await
            .expect("an outcome"),
    );
    let after = table.store.stack(&stack.id).await.expect("the stack");
    assert_eq!(after.configuration, stack.configuration);

    // The next caller judged by what is no longer so.
    let stale = table.store.create_operation(&update, None, answer).await;
    assert!(matches!(stale, Ok(Outcome::StackChanged)));
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_and_nothing_is_written() {
    let table = table().await;
    let mut new = new_stack("shop");
    new.configuration
        .variables
        .insert("text".to_owned(), "x".repeat(500_000).into());
    let error = table
        .store
        .create_stack(&new, None, answer)
        .await
        .expect_err("too large");
    assert!(
        matches!(error, Error::TooLarge { bytes, .. } if bytes > 500_000),
        "{error}"
    );
    assert_eq!(table.items().await, 0);
}
