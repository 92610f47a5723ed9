//! Ends, and what follows from them.

use futures::future::join_all;
use jiff::Timestamp;
use slipway_model::contract::Contract;
use slipway_model::id::ReleaseNumber;
use slipway_model::operation::layout::Layout;
use slipway_model::operation::work::Work;
use slipway_model::operation::{Operation, OperationStatus, StepStatus};
use slipway_model::release::ReleaseStatus;
use slipway_model::stack::{Stack, StackStatus};
use slipway_store::Error;
use slipway_store::create::{NewOperation, Outcome};
use slipway_store::finish::End;

use crate::support::{
    PREVIEW, Table, UPDATE, answer, changed, created, failure, images, name, new_stack, release, request, table,
};

#[tokio::test]
async fn a_release_takes_the_place_of_the_one_before_or_leaves_it() {
    let table = table().await;
    let store = &table.store;
    let mut new = new_stack("shop");
    new.images = images(1);
    let (stack, provision) = table.provisioning(&new).await;
    store.begin_release(&provision, ReleaseNumber(1)).await.expect("begun");
    store
        .finish_operation(&provision, &End::Succeeded)
        .await
        .expect("finished");
    let stack = store.stack(&stack.id).await.expect("the stack");
    assert_eq!(stack.current_release, Some(ReleaseNumber(1)));

    for (number, end) in [
        (2, End::Succeeded),
        (3, End::Failed(failure("Slipway.MigrationFailed"))),
    ] {
        let stack = store.stack(&stack.id).await.expect("the stack");
        let new = request(release(&stack, images(number)), &stack);
        let operation = created(store.create_operation(&new, None, answer).await.expect("an outcome"));
        store.begin_operation(&operation.id).await.expect("begun");
        let number = ReleaseNumber(number.into());
        let begun = store.begin_release(&operation.id, number).await.expect("begun");
        assert_eq!(begun.1.status, ReleaseStatus::Releasing);
        assert_eq!(
            store.begin_release(&operation.id, number).await.expect("begun twice"),
            begun
        );
        store.finish_operation(&operation.id, &end).await.expect("finished");
    }
    let stack = store.stack(&stack.id).await.expect("the stack");
    assert_eq!(
        (stack.status, stack.current_release),
        (StackStatus::Ready, Some(ReleaseNumber(2)))
    );
    let page = store.releases(&stack.id, 10, None).await.expect("releases");
    let statuses: Vec<_> = page
        .items
        .iter()
        .map(|release| (release.number.0, release.status))
        .collect();
    assert_eq!(
        statuses,
        [
            (3, ReleaseStatus::Failed),
            (2, ReleaseStatus::Current),
            (1, ReleaseStatus::Superseded)
        ]
    );
    assert!(page.items.iter().all(|release| release.ended_at.is_some()));
}

#[tokio::test]
async fn update_rolls_out_the_current_release_which_stays_current() {
    let table = table().await;
    let store = &table.store;
    let mut new = new_stack("shop");
    new.images = images(1);
    let stack = table.ready(&new).await;
    for end in [End::Succeeded, End::Failed(failure("Slipway.RolloutFailed"))] {
        let stack = store.stack(&stack.id).await.expect("the stack");
        let update = request(UPDATE, &stack);
        let operation = created(store.create_operation(&update, None, answer).await.expect("an outcome"));
        store.begin_operation(&operation.id).await.expect("begun");
        store.begin_step(&operation.id, "Apply").await.expect("a step");
        let again = |operation: &mut Operation| {
            operation.work.release_again(ReleaseNumber(1), true);
            Ok(())
        };
        store.update_operation(&operation.id, again).await.expect("a release");
        store
            .begin_release(&operation.id, ReleaseNumber(1))
            .await
            .expect("begun");
        let finished = store.finish_operation(&operation.id, &end).await.expect("finished");
        assert_eq!(finished.operation.release(), Some(ReleaseNumber(1)));
        let release = store.release(&stack.id, ReleaseNumber(1)).await.expect("the release");
        assert_eq!(release.status, ReleaseStatus::Current);
    }
    let stack = store.stack(&stack.id).await.expect("the stack");
    assert_eq!(
        (stack.status, stack.current_release),
        (StackStatus::Failed, Some(ReleaseNumber(1)))
    );
}

/// A stack with `size = 1`, and an update to another size that has begun.
async fn resizing(table: &Table, size: u8) -> (Stack, Operation) {
    let mut new = new_stack("shop");
    new.configuration.variables.insert("size".to_owned(), 1.into());
    let stack = table.ready(&new).await;
    let update = created(
        table
            .store
            .create_operation(&resize(&stack, size), None, answer)
            .await
            .expect("an outcome"),
    );
    let (update, _) = table.store.begin_operation(&update.id).await.expect("begun");
    assert_eq!(update.artifacts, Layout::ByStack);
    (stack, update)
}

fn resize(stack: &Stack, size: u8) -> NewOperation {
    changed(stack, &serde_json::json!({ "size": size }))
}

#[tokio::test]
async fn operation_that_ends_before_apply_leaves_the_stack_as_it_was() {
    let rejected = failure("Slipway.ApprovalRejected");
    for (end, status) in [
        (End::of(rejected), OperationStatus::Discarded),
        (End::of(failure("Slipway.ApprovalTimedOut")), OperationStatus::Discarded),
        (End::of(failure("Slipway.PlanRefused")), OperationStatus::Discarded),
        (End::of(failure("Slipway.Cancelled")), OperationStatus::Cancelled),
        (End::of(failure("Slipway.PlanFailed")), OperationStatus::Failed),
    ] {
        let table = table().await;
        let (before, update) = resizing(&table, 2).await;
        // The next request was judged as if the update came through.
        let running = table.store.stack(&before.id).await.expect("the stack");
        let drift = created(
            table
                .store
                .create_operation(&request(Work::Drift, &running), None, answer)
                .await
                .expect("an outcome"),
        );
        table.store.begin_step(&update.id, "Plan").await.expect("a step");
        let finished = table.store.finish_operation(&update.id, &end).await.expect("finished");
        assert_eq!(finished.operation.status, status);
        let after = table.store.stack(&before.id).await.expect("the stack");
        assert_eq!(after.status, StackStatus::Ready, "{end:?}");
        assert_eq!(
            (&after.configuration, &after.applied),
            (&before.configuration, &None),
            "{end:?}"
        );
        let (next, _) = table.store.begin_operation(&drift.id).await.expect("begun");
        assert_eq!(next.configuration, before.configuration, "{end:?}");

        table
            .store
            .finish_operation(&drift.id, &End::Succeeded)
            .await
            .expect("finished");
        let destroy = created(
            table
                .store
                .create_operation(
                    &request(Work::Destroy, &table.store.stack(&before.id).await.expect("the stack")),
                    None,
                    answer,
                )
                .await
                .expect("an outcome"),
        );
        table.store.begin_operation(&destroy.id).await.expect("begun");
        table.store.finish_operation(&destroy.id, &end).await.expect("finished");
        let after = table.store.stack(&before.id).await.expect("the stack");
        assert_eq!(after.status, StackStatus::Ready, "a destroy, {end:?}");
    }
}

#[tokio::test]
async fn wanted_and_applied_configuration_differ_after_a_failed_apply() {
    let table = table().await;
    let (before, update) = resizing(&table, 2).await;
    table
        .store
        .record_contract(&update.id, &Contract::default())
        .await
        .expect("recorded");
    table.store.begin_step(&update.id, "Apply").await.expect("a step");
    table
        .store
        .finish_operation(&update.id, &End::of(failure("Slipway.ApplyFailed")))
        .await
        .expect("finished");
    let failed = table.store.stack(&before.id).await.expect("the stack");
    assert_eq!(failed.status, StackStatus::Failed);
    assert_eq!(failed.configuration.variables["size"], 2);
    assert_eq!(failed.applied().expect("known").variables["size"], 1);

    // A further one that is discarded restores neither more nor less.
    let update = created(
        table
            .store
            .create_operation(&resize(&failed, 3), None, answer)
            .await
            .expect("an outcome"),
    );
    table.store.begin_operation(&update.id).await.expect("begun");
    table
        .store
        .finish_operation(&update.id, &End::of(failure("Slipway.ApprovalRejected")))
        .await
        .expect("finished");
    let failed = table.store.stack(&before.id).await.expect("the stack");
    assert_eq!(
        (failed.status, &failed.configuration.variables["size"]),
        (StackStatus::Failed, &2.into())
    );

    let update = created(
        table
            .store
            .create_operation(&resize(&failed, 4), None, answer)
            .await
            .expect("an outcome"),
    );
    let (update, _) = table.store.begin_operation(&update.id).await.expect("begun");
    assert!(update.work.mends());
    table.store.begin_step(&update.id, "Apply").await.expect("a step");
    table
        .store
        .finish_operation(&update.id, &End::Succeeded)
        .await
        .expect("finished");
    let ready = table.store.stack(&before.id).await.expect("the stack");
    assert_eq!(
        (ready.status, &ready.configuration.variables["size"]),
        (StackStatus::Ready, &4.into())
    );
    assert_eq!(ready.applied(), Some(&ready.configuration));
}

#[tokio::test]
async fn apply_that_failed_before_terraform_leaves_the_stack() {
    let table = table().await;
    let (before, update) = resizing(&table, 2).await;
    let refused = |operation: &mut Operation| {
        operation.begin_apply("runner:1", Timestamp::UNIX_EPOCH);
        operation.fail_before_apply("runner:1", failure("Slipway.ApplyFailed"), Timestamp::UNIX_EPOCH);
        Ok(())
    };
    let refused = table
        .store
        .update_operation(&update.id, refused)
        .await
        .expect("written");
    assert_eq!(refused.status_of("Apply"), Some(StepStatus::Failed));
    let end = End::of(refused.failure.expect("a failure"));
    let finished = table.store.finish_operation(&update.id, &end).await.expect("finished");
    assert_eq!(finished.operation.status, OperationStatus::Failed);
    let after = table.store.stack(&before.id).await.expect("the stack");
    assert_eq!(
        (after.status, &after.configuration, after.applied()),
        (before.status, &before.configuration, before.applied())
    );
}

#[tokio::test]
async fn end_is_written_once_by_the_first_writer() {
    let table = table().await;
    let (stack, provision) = table.provisioning(&new_stack("shop")).await;
    let queued = table
        .store
        .create_operation(&request(UPDATE, &stack), None, answer)
        .await;
    let queued = created(queued.expect("an outcome"));
    table.store.begin_step(&provision, "Apply").await.expect("a step");
    table
        .store
        .record_failure(&provision, &failure("Slipway.ApplyFailed"))
        .await
        .expect("a failure");
    let ends = [
        End::Failed(failure("Slipway.ApplyFailed")),
        End::Cancelled(failure("Slipway.Cancelled")),
        End::Succeeded,
    ];
    let finished = join_all((0..12).map(|n| table.store.finish_operation(&provision, &ends[n % 3]))).await;
    let finished: Vec<_> = finished.into_iter().map(|one| one.expect("finished")).collect();
    for one in &finished {
        assert_eq!(one.operation, finished[0].operation);
        assert_eq!(one.next.as_ref().map(|next| &next.id), Some(&queued.id));
    }
    let operation = &finished[0].operation;
    let ended = if operation.status == OperationStatus::Succeeded {
        (StepStatus::Succeeded, StackStatus::Ready)
    } else {
        (StepStatus::Failed, StackStatus::Failed)
    };
    let stack = table.store.stack(&stack.id).await.expect("the stack");
    assert_eq!((operation.steps[0].status, stack.status), ended);
    assert!(operation.ended_at.is_some() && operation.steps[0].ended_at.is_some());

    // Once the next one has begun there is nothing left to start.
    table.store.begin_operation(&queued.id).await.expect("begun");
    let again = table
        .store
        .finish_operation(&provision, &End::Succeeded)
        .await
        .expect("finished");
    assert!(again.next.is_none());
}

#[tokio::test]
async fn cancelled_queued_operation_leaves_the_queue() {
    let table = table().await;
    let store = &table.store;
    let (stack, provision) = table.provisioning(&new_stack("shop")).await;
    let mut waiting = Vec::new();
    for number in 1..=3 {
        let stack = store.stack(&stack.id).await.expect("the stack");
        let release = request(release(&stack, images(number)), &stack);
        waiting.push(
            created(
                store
                    .create_operation(&release, None, answer)
                    .await
                    .expect("an outcome"),
            )
            .id,
        );
    }
    let refused = store
        .finish_operation(&waiting[1], &End::Failed(failure("Slipway.Internal")))
        .await;
    assert!(
        matches!(refused, Err(Error::IllegalTransition(_))),
        "what waits cannot fail"
    );
    let off = End::Cancelled(failure("Slipway.Cancelled"));
    let finished = store.finish_operation(&waiting[1], &off).await.expect("cancelled");
    assert_eq!(finished.operation.status, OperationStatus::Cancelled);
    assert!(finished.next.is_none(), "the slot is not free");
    assert_eq!(
        store.queue(&stack.id).await.expect("a queue"),
        [waiting[0].clone(), waiting[2].clone()]
    );
    let release = store.release(&stack.id, ReleaseNumber(2)).await.expect("a release");
    assert_eq!(release.status, ReleaseStatus::Failed);
    let after = store.stack(&stack.id).await.expect("the stack");
    assert_eq!(
        (after.status, after.active_operation),
        (StackStatus::Provisioning, Some(provision))
    );
}

#[tokio::test]
async fn concurrent_cancel_and_slot_handover_are_consistent() {
    let table = table().await;
    let store = &table.store;
    for round in 0..10 {
        let (stack, provision) = table.provisioning(&new_stack(&format!("shop-{round}"))).await;
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let stack = store.stack(&stack.id).await.expect("the stack");
            let new = request(PREVIEW, &stack);
            waiting.push(created(store.create_operation(&new, None, answer).await.expect("an outcome")).id);
        }
        let off = End::Cancelled(failure("Slipway.Cancelled"));
        let (ended, cancelled) = tokio::join!(
            store.finish_operation(&provision, &End::Succeeded),
            store.finish_operation(&waiting[0], &off)
        );
        ended.expect("finished");
        assert_eq!(
            cancelled.expect("cancelled").operation.status,
            OperationStatus::Cancelled
        );
        let stack = store.stack(&stack.id).await.expect("the stack");
        assert_eq!(stack.active_operation.as_ref(), Some(&waiting[1]));
        assert!(store.queue(&stack.id).await.expect("a queue").is_empty());
    }
}

#[tokio::test]
async fn destroyed_stack_frees_its_name_and_cancels_its_queue() {
    let table = table().await;
    let store = &table.store;
    let mut new = new_stack("shop");
    new.images = images(1);
    let stack = table.ready(&new).await;
    let destroy = created(
        store
            .create_operation(&request(Work::Destroy, &stack), None, answer)
            .await
            .expect("an outcome"),
    );
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let stack = store.stack(&stack.id).await.expect("the stack");
        let update = request(UPDATE, &stack);
        waiting.push(created(store.create_operation(&update, None, answer).await.expect("an outcome")).id);
    }
    store.begin_operation(&destroy.id).await.expect("begun");
    let taken = store.create_stack(&new, None, answer).await;
    assert!(
        matches!(taken, Ok(Outcome::NameTaken { .. })),
        "as long as something of it is left"
    );
    let finished = store
        .finish_operation(&destroy.id, &End::Succeeded)
        .await
        .expect("finished");
    assert!(finished.next.is_none());
    for id in &waiting {
        let operation = store.operation(id).await.expect("an operation");
        assert_eq!(operation.status, OperationStatus::Cancelled);
        assert_eq!(operation.failure.expect("a reason").name, "Slipway.Cancelled");
    }
    assert!(store.queue(&stack.id).await.expect("a queue").is_empty());
    let gone = store.stack(&stack.id).await.expect("its record stays");
    assert_eq!(
        (gone.status, gone.current_release, gone.active_operation),
        (StackStatus::Destroyed, None, None)
    );
    created(store.create_stack(&new, None, answer).await.expect("the name is free"));
    store
        .finish_operation(&destroy.id, &End::Succeeded)
        .await
        .expect("harmless");
    let again = store.create_stack(&new, None, answer).await;
    assert!(
        matches!(again, Ok(Outcome::NameTaken { .. })),
        "the new stack keeps the name"
    );
}

#[tokio::test]
async fn provision_that_fails_before_its_apply_frees_the_name() {
    let table = table().await;
    let store = &table.store;
    let end = End::Failed(failure("Slipway.PlanFailed"));
    let mut new = new_stack("shop");
    new.images = images(1);
    for steps in [
        vec![],
        vec!["Begin operation"],
        vec!["Plan", "Review plan", "Wait for approval"],
    ] {
        let (stack, provision) = table.provisioning(&new).await;
        let queued = request(UPDATE, &store.stack(&stack.id).await.expect("the stack"));
        let queued = created(store.create_operation(&queued, None, answer).await.expect("an outcome"));
        for step in steps {
            store.begin_step(&provision, step).await.expect("a step");
        }
        let finished = store.finish_operation(&provision, &end).await.expect("finished");
        assert_eq!(finished.operation.status, OperationStatus::Failed);
        assert!(finished.next.is_none());
        let stack = store.stack(&stack.id).await.expect("the stack");
        assert_eq!((stack.status, stack.active_operation), (StackStatus::Destroyed, None));
        let queued = store.operation(&queued.id).await.expect("it");
        assert_eq!(queued.status, OperationStatus::Cancelled);
        // A build that begins now reads that the operation has ended, and applies nothing.
        let late = |operation: &mut Operation| {
            operation.begin_apply("late", Timestamp::now());
            Ok(())
        };
        let late = store.update_operation(&provision, late).await.expect("it");
        assert!(!late.has_begun_apply(), "{:?}", late.steps);
    }
    for step in ["Apply", "Record outputs", "Wait until stable: web"] {
        let (stack, provision) = table.provisioning(&new).await;
        store.begin_step(&provision, step).await.expect("a step");
        store.finish_operation(&provision, &end).await.expect("finished");
        let status = store.stack(&stack.id).await.expect("the stack").status;
        assert_eq!(status, StackStatus::Failed, "{step} may have made something");
        new.name = name(&format!("after-{}", new.name));
    }
}

#[tokio::test]
async fn an_operation_that_never_began_changes_nothing_of_its_stack() {
    let table = table().await;
    let store = &table.store;
    let stack = table.ready(&new_stack("shop")).await;
    let new = request(Work::Destroy, &stack);
    let destroy = created(store.create_operation(&new, None, answer).await.expect("an outcome"));
    let end = End::Failed(failure("Slipway.Internal"));
    let finished = store.finish_operation(&destroy.id, &end).await.expect("finished");
    assert_eq!(finished.operation.status, OperationStatus::Failed);
    assert_eq!(
        store.stack(&stack.id).await.expect("the stack").status,
        StackStatus::Ready
    );
}
