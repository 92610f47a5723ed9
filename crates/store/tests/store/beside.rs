//! Operations that run beside an update whose plan waits for its approval.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use slipway_model::id::{OperationId, ReleaseNumber, StackId};
use slipway_model::operation::approval::{ApprovalRule, Undecidable};
use slipway_model::operation::work::Work;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_model::stack::{Stack, StackStatus};
use slipway_store::Error;
use slipway_store::cancel::Cancelled;
use slipway_store::create::Outcome;
use slipway_store::finish::{End, Finished};

use crate::support::{
    PREVIEW, Table, UPDATE, answer, approve, created, failure, images, new_stack, release, request, table,
};

/// A stack with a release, and an update whose plan waits.
async fn waiting(table: &Table) -> (StackId, OperationId) {
    let mut new = new_stack("shop");
    new.images = images(1);
    let stack = table.ready(&new).await;
    let update = ask(table, &stack.id, |_| UPDATE).await;
    table.store.begin_operation(&update.id).await.expect("begun");
    table.store.ask_approval(&update.id, "token").await.expect("asked");
    (stack.id, update.id)
}

async fn ask(table: &Table, stack: &StackId, work: impl FnOnce(&Stack) -> Work) -> Operation {
    let stack = table.store.stack(stack).await.expect("the stack");
    let new = request(work(&stack), &stack);
    created(
        table
            .store
            .create_operation(&new, None, answer)
            .await
            .expect("an outcome"),
    )
}

/// A release of these images that is requested now.
async fn ask_release(table: &Table, stack: &StackId, number: u8) -> Operation {
    ask(table, stack, |stack| release(stack, images(number))).await
}

/// A release begins.
async fn begin(table: &Table, release: &Operation) {
    table.store.begin_operation(&release.id).await.expect("begun");
    let number = release.release().expect("a release");
    table.store.begin_release(&release.id, number).await.expect("begun");
}

async fn finish(table: &Table, id: &OperationId, end: &End) -> Finished {
    table.store.finish_operation(id, end).await.expect("finished")
}

#[tokio::test]
async fn end_beside_a_plan_begins_the_next_that_may_run_there() {
    let table = table().await;
    let (stack, update) = waiting(&table).await;
    let released = ask_release(&table, &stack, 2).await;
    let preview = ask(&table, &stack, |_| PREVIEW).await;
    assert_eq!(
        (released.status, preview.status),
        (OperationStatus::Starting, OperationStatus::Queued)
    );
    begin(&table, &released).await;
    assert_eq!(
        table.store.stack(&stack).await.expect("it").status,
        StackStatus::Updating
    );
    for _ in 0..2 {
        let finished = finish(&table, &released.id, &End::Succeeded).await;
        let next = finished.next.expect("the preview");
        assert_eq!((next.id, next.status), (preview.id.clone(), OperationStatus::Starting));
    }
    let after = table.store.stack(&stack).await.expect("the stack");
    assert_eq!(
        (after.status, after.current_release, after.active_operation.as_ref()),
        (StackStatus::Updating, Some(ReleaseNumber(2)), Some(&update))
    );
    assert_eq!(after.operation_beside(), Some(&preview.id));
    // Terraform may give schedules what they ran when the plan was made.
    let waits = table.store.operation(&update).await.expect("the update");
    assert!(waits.status == OperationStatus::WaitingForApproval && waits.work.mends());
}

#[tokio::test]
async fn nothing_passes_a_queued_destroy() {
    let table = table().await;
    let (stack, _) = waiting(&table).await;
    let update = ask(&table, &stack, |_| UPDATE).await;
    let passes = ask(&table, &stack, |_| Work::Drift).await;
    assert_eq!(
        (update.status, passes.status),
        (OperationStatus::Queued, OperationStatus::Starting)
    );
    table.store.begin_operation(&passes.id).await.expect("begun");
    finish(&table, &passes.id, &End::Succeeded).await;
    let destroy = ask(&table, &stack, |_| Work::Destroy).await;
    let released = ask_release(&table, &stack, 2).await;
    assert_eq!(released.status, OperationStatus::Queued);
    let next = table.store.fill_beside(&stack).await.expect("read");
    assert!(next.is_none(), "{next:?}");

    let cancelled = table.store.cancel_operation(&destroy.id, "ada").await;
    let Ok(Cancelled::Ended(finished)) = cancelled else {
        panic!("{cancelled:?}")
    };
    assert_eq!(finished.next.expect("the release").id, released.id);
    let queue = table.store.queue(&stack).await.expect("the queue");
    assert_eq!(queue, [update.id]);
}

/// What was requested before the plan waited is in the queue until then.
#[tokio::test]
async fn queue_is_served_when_a_plan_begins_to_wait() {
    let table = table().await;
    let stack = table.ready(&new_stack("shop")).await.id;
    let update = ask(&table, &stack, |_| UPDATE).await;
    table.store.begin_operation(&update.id).await.expect("begun");
    let drift = ask(&table, &stack, |_| Work::Drift).await;
    assert_eq!(drift.status, OperationStatus::Queued);
    assert!(table.store.fill_beside(&stack).await.expect("read").is_none());
    table.store.ask_approval(&update.id, "token").await.expect("asked");
    for _ in 0..2 {
        let next = table.store.fill_beside(&stack).await.expect("filled");
        assert_eq!(next.expect("the drift check").id, drift.id);
    }
    table.store.begin_operation(&drift.id).await.expect("begun");
    assert!(table.store.fill_beside(&stack).await.expect("read").is_none());
}

#[tokio::test]
async fn approval_takes_the_place_beside_the_plan_empty() {
    let table = table().await;
    let (stack, update) = waiting(&table).await;
    let released = ask_release(&table, &stack, 2).await;
    let refused = approve(&table.store, &update, "grace").await;
    let Err(Error::Undecidable(Undecidable::RunsBeside(named))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(named, released.id);
    let waits = table.store.operation(&update).await.expect("the update");
    assert!(waits.status == OperationStatus::WaitingForApproval && waits.approvals.is_empty());

    let read = table.store.operation(&update).await.expect("the update");
    let drift = ask(&table, &stack, |_| Work::Drift).await;
    begin(&table, &released).await;
    let next = finish(&table, &released.id, &End::Succeeded).await.next;
    assert!(next.is_none(), "the place is kept for the approver: {next:?}");
    // The approver has seen the plan as it was before.
    let late = table.store.try_approve(&read, "grace".into()).await.expect("judged");
    assert!(late.is_none(), "{late:?}");
    approve(&table.store, &update, "grace").await.expect("approved");
    assert_eq!(table.store.stack(&stack).await.expect("the stack").beside, None);
    let behind = ask_release(&table, &stack, 3).await;
    assert_eq!(behind.status, OperationStatus::Queued);
    assert!(table.store.fill_beside(&stack).await.expect("read").is_none());
    let queue = table.store.queue(&stack).await.expect("the queue");
    assert_eq!(queue, [drift.id, behind.id]);
}

/// A release between two approvals would change the sheet, and the first one would not count any more.
#[tokio::test]
async fn nothing_begins_beside_a_plan_that_has_an_approval() {
    let table = table().await;
    let (stack, update) = waiting(&table).await;
    let rule = |operation: &mut Operation| {
        operation.approval_rule = Some(ApprovalRule {
            required: 2,
            self_approval: false,
            expires_at: Timestamp::now() + SignedDuration::from_hours(1),
            remind_every_seconds: 0,
            required_by: Vec::new(),
        });
        Ok(())
    };
    table.store.update_operation(&update, rule).await.expect("a rule");
    let drift = ask(&table, &stack, |_| Work::Drift).await;
    table.store.begin_operation(&drift.id).await.expect("begun");
    let refused = approve(&table.store, &update, "grace").await;
    assert!(
        matches!(&refused, Err(Error::Undecidable(Undecidable::RunsBeside(_)))),
        "also the first of two: {refused:?}"
    );
    finish(&table, &drift.id, &End::Succeeded).await;
    let first = approve(&table.store, &update, "grace").await.expect("one of two");
    assert_eq!(first.status, OperationStatus::WaitingForApproval);
    assert_eq!(table.store.stack(&stack).await.expect("the stack").beside, None);
    // The step that waits is repeated.
    table.store.ask_approval(&update, "another token").await.expect("asked");
    let behind = ask_release(&table, &stack, 2).await;
    assert_eq!(behind.status, OperationStatus::Queued);
    assert!(table.store.fill_beside(&stack).await.expect("read").is_none());
    let again = approve(&table.store, &update, "grace").await.expect("counts once");
    assert_eq!(again.approvals.len(), 1);
    let second = approve(&table.store, &update, "alan").await.expect("approved");
    assert_eq!((second.status, second.approvals.len()), (OperationStatus::Running, 2));
}

/// As a function of an earlier version writes the stack.
async fn drop_place(table: &Table, stack: &StackId) {
    let scan = table.client.scan().table_name(table.name).send().await.expect("a scan");
    let is_stack = |item: &&HashMap<String, AttributeValue>| {
        item.get("id").and_then(|id| id.as_s().ok()) == Some(&stack.to_string()) && item.contains_key("beside")
    };
    let mut item = scan.items().iter().find(is_stack).expect("the stack").clone();
    item.remove("beside");
    let read = table.store.stack(stack).await.expect("the stack");
    let revision = AttributeValue::N((read.revision + 1).to_string());
    item.insert("revision".to_owned(), revision);
    let put = table.client.put_item().table_name(table.name).set_item(Some(item));
    put.send().await.expect("put");
}

#[tokio::test]
async fn operation_that_lost_its_place_beside_a_plan_ends() {
    for is_rejected in [false, true] {
        let table = table().await;
        let (stack, update) = waiting(&table).await;
        let released = ask_release(&table, &stack, 2).await;
        begin(&table, &released).await;
        let drift = ask(&table, &stack, |_| Work::Drift).await;
        drop_place(&table, &stack).await;
        if is_rejected {
            let rejected = End::of(failure("Slipway.ApprovalRejected"));
            finish(&table, &update, &rejected).await;
        } else {
            // The step that waits is repeated.
            table.store.ask_approval(&update, "another token").await.expect("asked");
        }
        for _ in 0..2 {
            let ended = finish(&table, &released.id, &End::Succeeded).await;
            assert_eq!(ended.operation.status, OperationStatus::Succeeded);
        }
        let after = table.store.stack(&stack).await.expect("the stack");
        let (status, active) = if is_rejected {
            (StackStatus::Ready, &drift.id)
        } else {
            (StackStatus::Updating, &update)
        };
        assert_eq!(
            (after.status, after.current_release, after.active_operation.as_ref()),
            (status, Some(ReleaseNumber(2)), Some(active))
        );
        assert_eq!(after.beside, None, "nothing else begins beside the plan");
        let waits = table.store.operation(&update).await.expect("the update");
        assert_eq!(waits.work.mends(), !is_rejected);
    }
}

/// While functions are being updated, one of an earlier version records an approval on the operation alone.
#[tokio::test]
async fn nothing_begins_beside_a_plan_approved_by_an_earlier_version() {
    let table = table().await;
    let (stack, update) = waiting(&table).await;
    let approve = |operation: &mut Operation| {
        operation.approve("grace".into(), Timestamp::now()).expect("approved");
        Ok(())
    };
    table.store.update_operation(&update, approve).await.expect("written");
    let behind = ask_release(&table, &stack, 2).await;
    assert_eq!(behind.status, OperationStatus::Queued);
    assert!(table.store.fill_beside(&stack).await.expect("read").is_none());
    let failed = finish(&table, &update, &End::of(failure("Slipway.ApplyFailed"))).await;
    assert_eq!(failed.next.expect("the release").id, behind.id);
}

#[tokio::test]
async fn approval_and_request_beside_a_plan_come_one_after_the_other() {
    let table = table().await;
    for round in 0..20 {
        let stack = table.ready(&new_stack(&format!("shop-{round}"))).await.id;
        let update = ask(&table, &stack, |_| UPDATE).await;
        table.store.begin_operation(&update.id).await.expect("begun");
        table.store.ask_approval(&update.id, "token").await.expect("asked");
        let requested = async {
            loop {
                let read = table.store.stack(&stack).await.expect("the stack");
                let new = request(Work::Drift, &read);
                let outcome = table.store.create_operation(&new, None, answer).await;
                match outcome.expect("an outcome") {
                    Outcome::StackChanged => {}
                    outcome => return created(outcome),
                }
            }
        };
        let (approved, requested) = tokio::join!(approve(&table.store, &update.id, "grace"), requested);
        let expected = if approved.is_ok() {
            OperationStatus::Queued
        } else {
            OperationStatus::Starting
        };
        assert_eq!(requested.status, expected, "{approved:?}");
    }
}

#[tokio::test]
async fn operation_beside_a_rejected_plan_gets_the_slot() {
    for has_begun in [false, true] {
        let table = table().await;
        let (stack, update) = waiting(&table).await;
        let released = ask_release(&table, &stack, 2).await;
        let drift = ask(&table, &stack, |_| Work::Drift).await;
        if has_begun {
            begin(&table, &released).await;
        }
        let rejected = End::of(failure("Slipway.ApprovalRejected"));
        let finished = finish(&table, &update, &rejected).await;
        let next = finished.next.map(|next| next.id);
        assert_eq!(next, (!has_begun).then(|| released.id.clone()));
        let after = table.store.stack(&stack).await.expect("the stack");
        assert_eq!(
            (after.active_operation, after.beside),
            (Some(released.id.clone()), None)
        );
        let status = if has_begun {
            StackStatus::Releasing
        } else {
            StackStatus::Ready
        };
        assert_eq!(after.status, status);

        if !has_begun {
            begin(&table, &released).await;
        }
        let finished = finish(&table, &released.id, &End::Succeeded).await;
        assert_eq!(finished.next.expect("the drift check").id, drift.id);
        let after = table.store.stack(&stack).await.expect("the stack");
        assert_eq!(
            (after.status, after.current_release),
            (StackStatus::Ready, Some(ReleaseNumber(2)))
        );
    }
}

#[tokio::test]
async fn release_that_fails_beside_a_plan_counts_after_its_rejection() {
    let table = table().await;
    let (stack, update) = waiting(&table).await;
    let released = ask_release(&table, &stack, 2).await;
    begin(&table, &released).await;
    let step = "Wait until stable: web";
    table.store.begin_step(&released.id, step).await.expect("a step");
    finish(&table, &released.id, &End::of(failure("Slipway.RolloutFailed"))).await;
    let after = table.store.stack(&stack).await.expect("the stack");
    assert_eq!(after.status, StackStatus::Updating);
    assert!(after.unsettled.is_some(), "its services may run release 2");
    let waits = table.store.operation(&update).await.expect("the update");
    assert_eq!((waits.found, waits.work.mends()), (Some(StackStatus::Failed), true));

    finish(&table, &update, &End::of(failure("Slipway.ApprovalRejected"))).await;
    let after = table.store.stack(&stack).await.expect("the stack");
    assert_eq!((after.status, after.active_operation), (StackStatus::Failed, None));
    let again = ask_release(&table, &stack, 3).await;
    begin(&table, &again).await;
    finish(&table, &again.id, &End::Succeeded).await;
    let after = table.store.stack(&stack).await.expect("the stack");
    assert_eq!((after.status, after.unsettled), (StackStatus::Ready, None));
}

/// Both follow the transfer of their stack.
#[tokio::test]
async fn transfer_reaches_the_operation_beside_a_plan() {
    let table = table().await;
    let (stack, update) = waiting(&table).await;
    let drift = ask(&table, &stack, |_| Work::Drift).await;
    let read = table.store.stack(&stack).await.expect("the stack");
    let owner = "team:payments".parse().expect("an owner");
    let judged = table.store.operation(&update).await.expect("the update");
    let transferred = table.store.transfer_stack(&read, &owner, "root").await;
    assert!(transferred.expect("written").is_some());
    for id in [&update, &drift.id] {
        let operation = table.store.operation(id).await.expect("it");
        assert_eq!(operation.stack_owner.as_deref(), Some("team:payments"));
    }

    // Policies permitted these for the former owner.
    let why = failure("Slipway.ApprovalRejected");
    let rejected = table.store.reject(&judged, "ada", &why).await;
    assert!(matches!(rejected, Err(Error::Conflict { .. })), "{rejected:?}");
    let cancelled = table.store.cancel_operation(&judged, "ada").await;
    assert!(matches!(cancelled, Err(Error::Conflict { .. })), "{cancelled:?}");
    let judged = table.store.operation(&update).await.expect("the update");
    table.store.reject(&judged, "ada", &why).await.expect("rejected");
}
