//! Cancels and what a runner does at the same moment.

use std::time::Duration;

use jiff::Timestamp;
use slipway_model::operation::cancel::Interruption;
use slipway_model::operation::{OperationStatus, StepStatus};
use slipway_store::cancel::Cancelled;

use crate::support::{Table, new_stack, table};

/// Whether the runner may start Terraform.
async fn begins(table: &Table, id: &slipway_model::id::OperationId) -> bool {
    let begun = table.store.update_operation(id, |operation| {
        operation.begin_build("Plan", Timestamp::now());
        Ok(())
    });
    begun.await.expect("read").interruption().is_none()
}

#[tokio::test]
async fn a_cancel_and_a_runner_that_begins_come_one_after_the_other() {
    let table = table().await;
    let (mut ended, mut requested) = (0, 0);
    for round in 0..40_u64 {
        let (_, id) = table.provisioning(&new_stack(&format!("shop-{round}"))).await;
        // The cancel, which writes more, has a head start that grows.
        let begins = async {
            tokio::time::sleep(Duration::from_millis(round)).await;
            begins(&table, &id).await
        };
        let (cancelled, works) = tokio::join!(table.store.cancel_operation(&id, "ann"), begins);
        match cancelled.expect("an answer") {
            Cancelled::Ended(_) => {
                ended += 1;
                assert!(!works, "the operation has ended, and its Terraform runs");
            }
            Cancelled::Requested(_) => {
                requested += 1;
                assert!(works, "a request without a runner that reads it");
                let read = table.store.interruption(&id).await.expect("read");
                assert!(matches!(read, Some(Interruption::Requested(_))), "{read:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ended + requested, 40);
}

#[tokio::test]
async fn a_cancel_and_a_runner_that_ends_come_one_after_the_other() {
    let table = table().await;
    for round in 0..20 {
        let (_, id) = table.provisioning(&new_stack(&format!("shop-{round}"))).await;
        assert!(begins(&table, &id).await);
        let ends = table.store.update_operation(&id, |operation| {
            // What it came to is in the record.
            let _ = operation.end_build("Plan", Ok(()), Timestamp::now());
            Ok(())
        });
        let (cancelled, operation) = tokio::join!(table.store.cancel_operation(&id, "ann"), ends);
        operation.expect("ended");
        let operation = table.store.operation(&id).await.expect("it");
        match cancelled.expect("an answer") {
            // The runner had ended the step: nothing is at work.
            Cancelled::Ended(_) => assert_eq!(operation.status, OperationStatus::Cancelled),
            Cancelled::Requested(_) => {
                assert_eq!(
                    operation.steps[0].status,
                    StepStatus::Cancelled,
                    "the runner found the request"
                );
                let failure = operation.failure.expect("a reason");
                assert!(failure.message.starts_with("ann cancelled"), "{}", failure.message);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cancel_may_be_repeated_and_keeps_its_first_requester() {
    let table = table().await;
    let (_, id) = table.provisioning(&new_stack("shop")).await;
    assert!(begins(&table, &id).await);
    let Cancelled::Requested(first) = table.store.cancel_operation(&id, "ann").await.expect("an answer") else {
        panic!("a request");
    };
    let Cancelled::Requested(again) = table.store.cancel_operation(&id, "bob").await.expect("an answer") else {
        panic!("a request");
    };
    assert_eq!(first, again);
    assert_eq!(again.cancel.expect("a request").requested_by, "ann");
    table.store.acknowledge_cancel(&id).await.expect("acknowledged");
    let at = table
        .store
        .acknowledge_cancel(&id)
        .await
        .expect("again")
        .cancel
        .expect("a request");
    assert!(at.acknowledged_at.is_some());
}
