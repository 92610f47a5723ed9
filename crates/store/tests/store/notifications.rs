//! Notifications: one for each change of a status, in the transaction of the change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slipway_model::notification::{Kind, Notification};
use slipway_model::operation::OperationStatus;
use slipway_model::operation::approval::ApprovalRule;
use slipway_model::operation::work::Work;
use slipway_model::plan::Drift;
use slipway_model::stack::StackStatus;
use slipway_store::finish::End;
use slipway_store::notification::{Followed, NotificationFilter, Position, Stored};

use crate::support::{PREVIEW, Table, UPDATE, answer, approve, created, failure, name, new_stack, request, table};

fn beginning() -> Position {
    Position::after(Timestamp::UNIX_EPOCH)
}

async fn all(table: &Table, filter: &NotificationFilter) -> Vec<Notification> {
    let (mut all, mut position) = (Vec::new(), beginning());
    loop {
        let Followed {
            notifications,
            position: next,
        } = table
            .store
            .notifications_after(filter, &position, 7)
            .await
            .expect("a page");
        if notifications.is_empty() {
            return all;
        }
        all.extend(notifications);
        position = next;
    }
}

/// The kinds by subject, each subject with the numbers 1, 2, 3 and so on.
async fn by_subject(table: &Table) -> BTreeMap<String, Vec<String>> {
    let mut subjects: BTreeMap<String, Vec<Notification>> = BTreeMap::new();
    for notification in all(table, &NotificationFilter::default()).await {
        let subject = notification.subject.to_string();
        subjects.entry(subject).or_default().push(notification);
    }
    let kinds = |(subject, mut all): (String, Vec<Notification>)| {
        all.sort_by_key(|one| one.sequence);
        let numbers: Vec<u64> = all.iter().map(|one| one.sequence).collect();
        assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>(), "{subject}");
        (subject, all.iter().map(|one| one.kind.to_string()).collect())
    };
    subjects.into_iter().map(kinds).collect()
}

#[tokio::test]
async fn each_status_change_makes_one_notification() {
    let table = table().await;
    let store = &table.store;
    let stack = table.ready(&new_stack("shop")).await;
    // An update that waits for an approval, with a preview behind it that is cancelled in the queue.
    let update = created(
        store
            .create_operation(&request(UPDATE, &stack), None, answer)
            .await
            .expect("an update"),
    );
    let current = store.stack(&stack.id).await.expect("the stack");
    let queued = created(
        store
            .create_operation(&request(PREVIEW, &current), None, answer)
            .await
            .expect("a preview"),
    );
    store.begin_operation(&update.id).await.expect("begun");
    store.begin_operation(&update.id).await.expect("begun again");
    store.ask_approval(&update.id, "token").await.expect("it waits");
    store.ask_approval(&update.id, "other").await.expect("another attempt");
    store.begin_step(&update.id, "Apply").await.expect("a step");
    approve(store, &update.id, "bob").await.expect("approved");
    store.cancel_operation(&queued.id, "ada").await.expect("cancelled");
    let end = End::Failed(failure("Slipway.ApplyFailed"));
    store.finish_operation(&update.id, &end).await.expect("an end");
    store
        .finish_operation(&update.id, &End::Succeeded)
        .await
        .expect("the same end");

    let subjects = by_subject(&table).await;
    assert_eq!(
        subjects[update.id.as_str()],
        [
            "operation.starting",
            "operation.running",
            "operation.waiting_for_approval",
            "operation.running",
            "operation.failed"
        ]
    );
    assert_eq!(
        subjects[queued.id.as_str()],
        ["operation.queued", "operation.cancelled"]
    );
    assert_eq!(
        subjects[stack.id.as_str()],
        ["stack.provisioning", "stack.ready", "stack.updating", "stack.failed"]
    );
    assert_eq!(subjects.len(), 4, "and the provision: {subjects:?}");

    let waits = NotificationFilter {
        kind: Some(Kind::Operation(OperationStatus::WaitingForApproval)),
        ..NotificationFilter::default()
    };
    let waits = all(&table, &waits).await;
    assert_eq!(waits.len(), 1);
    assert_eq!(waits[0].approval.map(|approval| approval.required), Some(1));
    let failed = NotificationFilter {
        stack: Some(stack.id.clone()),
        environment: Some(name("dev")),
        kind: Some(Kind::Operation(OperationStatus::Failed)),
    };
    let failed = all(&table, &failed).await;
    assert_eq!(
        failed[0].failure.as_ref().expect("a failure").name,
        "Slipway.ApplyFailed"
    );
    let elsewhere = NotificationFilter {
        environment: Some(name("live")),
        ..NotificationFilter::default()
    };
    assert_eq!(all(&table, &elsewhere).await, []);
}

#[tokio::test]
async fn after_a_transfer_notifications_name_the_new_owner() {
    let table = table().await;
    let store = &table.store;
    let stack = table.ready(&new_stack("shop")).await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        let stack = store.stack(&stack.id).await.expect("the stack");
        let new = request(UPDATE, &stack);
        asked.push(created(
            store.create_operation(&new, None, answer).await.expect("an update"),
        ));
    }
    let [active, next, last] = asked.as_slice() else {
        unreachable!("three updates")
    };
    store.begin_operation(&active.id).await.expect("begun");
    let before: BTreeSet<_> = all(&table, &NotificationFilter::default())
        .await
        .into_iter()
        .map(|made| made.id)
        .collect();

    let read = store.stack(&stack.id).await.expect("the stack");
    let owner = "team:payments".parse().expect("an owner");
    let transferred = store.transfer_stack(&read, &owner, "root").await.expect("written");
    assert_eq!(transferred.expect("a stack").owner, "team:payments");
    store.ask_approval(&active.id, "token").await.expect("it waits");
    store
        .cancel_operation(&last.id, "ada")
        .await
        .expect("cancelled in the queue");
    let end = End::of(failure("Slipway.ApprovalRejected"));
    store.finish_operation(&active.id, &end).await.expect("an end");
    store.begin_operation(&next.id).await.expect("begun");

    // What happened before belongs to the owner of that time, also where it was not sent yet.
    let mut since = BTreeSet::new();
    for made in all(&table, &NotificationFilter::default()).await {
        let owner = made.stack.owner.as_deref();
        if before.contains(&made.id) {
            assert_eq!(owner, Some("ada"), "{made:?}");
        } else {
            assert_eq!(owner, Some("team:payments"), "{made:?}");
            since.insert(made.kind.to_string());
        }
    }
    let kinds = [
        "operation.cancelled",
        "operation.discarded",
        "operation.running",
        "operation.starting",
        "operation.waiting_for_approval",
        "stack.ready",
        "stack.updating",
    ];
    assert_eq!(since, kinds.map(ToOwned::to_owned).into());
}

#[tokio::test]
async fn writers_that_meet_make_no_second_notification() {
    let table = table().await;
    let store = &table.store;
    let operation = created(
        store
            .create_stack(&new_stack("shop"), None, answer)
            .await
            .expect("a stack"),
    );
    let begun = join_all((0..8).map(|_| store.begin_operation(&operation.id))).await;
    assert!(begun.iter().all(Result::is_ok));
    join_all((0..8).map(|number| store.begin_step(&operation.id, if number % 2 == 0 { "Plan" } else { "Apply" })))
        .await;
    let id = &operation.id;
    let ends = (0..8).map(|number| {
        let end = if number % 2 == 0 {
            End::Succeeded
        } else {
            End::Failed(failure("Slipway.ApplyFailed"))
        };
        async move { store.finish_operation(id, &end).await }
    });
    assert!(join_all(ends).await.iter().all(Result::is_ok));
    let subjects = by_subject(&table).await;
    assert_eq!(subjects[operation.id.as_str()].len(), 3, "{subjects:?}");
    assert_eq!(subjects[operation.stack.as_str()].len(), 2, "{subjects:?}");
}

#[tokio::test]
async fn drift_is_notified_with_the_end_of_the_check() {
    let table = table().await;
    let store = &table.store;
    let stack = table.ready(&new_stack("shop")).await;
    for count in [0, 2] {
        let stack = store.stack(&stack.id).await.expect("the stack");
        let new = request(Work::Drift, &stack);
        let operation = created(store.create_operation(&new, None, answer).await.expect("a check"));
        store.begin_operation(&operation.id).await.expect("begun");
        let found: Drift = serde_json::from_value(json!({
            "count": count, "resources": [{"address": "aws_s3_bucket.files", "action": "update"}],
        }))
        .expect("drift");
        let note = |operation: &mut slipway_model::operation::Operation| {
            operation.drift = Some(found.clone());
            Ok(())
        };
        store.update_operation(&operation.id, note).await.expect("a note");
        store
            .finish_operation(&operation.id, &End::Succeeded)
            .await
            .expect("an end");
    }
    let drifted = NotificationFilter {
        kind: Some(Kind::Drifted),
        ..NotificationFilter::default()
    };
    let drifted = all(&table, &drifted).await;
    assert_eq!(drifted.len(), 1, "the check that found nothing notifies nothing");
    assert_eq!(drifted[0].drift.as_ref().map(|drift| drift.count), Some(2));
    assert_eq!(
        by_subject(&table).await[stack.id.as_str()].last().map(String::as_str),
        Some("stack.drifted")
    );
}

#[tokio::test]
async fn notification_is_due_until_it_is_sent() {
    let table = table().await;
    let store = &table.store;
    table.ready(&new_stack("shop")).await;
    let due = store.notifications_due(100, None).await.expect("a page").items;
    let made = all(&table, &NotificationFilter::default()).await;
    assert_eq!(
        due.iter().map(|one| one.id.clone()).collect::<BTreeSet<_>>(),
        made.iter().map(|one| one.id.clone()).collect::<BTreeSet<_>>()
    );
    let ids: Vec<_> = due.iter().map(|one| one.id.clone()).collect();
    let stored = store.notifications_with(&ids).await.expect("a read");
    assert!(stored.iter().all(|one| one.is_due));
    store.notifications_sent(&[]).await.expect("nothing to note");
    store.notifications_sent(&stored).await.expect("a note");
    let sent = stored.into_iter().map(|one| Stored { is_due: false, ..one });
    assert_eq!(
        store.notifications_with(&ids).await.expect("a read"),
        sent.collect::<Vec<_>>()
    );
    assert_eq!(store.notifications_due(100, None).await.expect("a page").items, []);
    assert_eq!(all(&table, &NotificationFilter::default()).await, made, "they are kept");
}

#[tokio::test]
async fn follower_is_woken_and_sees_each_once() {
    let table = table().await;
    let store = &table.store;
    let filter = NotificationFilter::default();
    let start = Position::after(Timestamp::now());
    let waiting = store.notifications_within(&filter, &start, 100, Duration::from_secs(20));
    let new = new_stack("shop");
    let (followed, ready) = tokio::join!(waiting, table.ready(&new));
    let followed = followed.expect("a page");
    assert!(!followed.notifications.is_empty());
    let mut seen: Vec<_> = followed.notifications.iter().map(|one| one.id.to_string()).collect();
    // The position is sent to another server.
    let text = store.seal(&followed.position).await.expect("a text");
    let position: Position = store.open(&text).await.expect("a position");
    let rest = store
        .notifications_after(&filter, &position, 100)
        .await
        .expect("a page");
    seen.extend(rest.notifications.iter().map(|one| one.id.to_string()));
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!((unique.len(), seen.len()), (5, 5), "{seen:?} of {}", ready.id);
    let over = store
        .notifications_within(&filter, &rest.position, 100, Duration::from_millis(10))
        .await
        .expect("a page");
    assert_eq!(over.notifications, []);
}

#[tokio::test]
async fn approvers_are_reminded_once_for_each_interval() {
    let table = table().await;
    let store = &table.store;
    let (_, operation) = table.provisioning(&new_stack("shop")).await;
    let rule = |operation: &mut slipway_model::operation::Operation| {
        operation.approval_rule = Some(ApprovalRule {
            required: 2,
            self_approval: false,
            expires_at: Timestamp::now() + SignedDuration::from_hours(100),
            remind_every_seconds: 3_600,
            required_by: Vec::new(),
        });
        Ok(())
    };
    store.update_operation(&operation, rule).await.expect("a rule");
    store.ask_approval(&operation, "token").await.expect("it waits");
    let now = Timestamp::now();
    let hours = |hours| now + SignedDuration::from_hours(hours);
    let waiting = store.operation(&operation).await.expect("the operation");
    assert!(!store.remind_approvers(&waiting, now).await.expect("too early"));
    let later = hours(5);
    let reminders = join_all((0..4).map(|_| store.remind_approvers(&waiting, later))).await;
    assert!(reminders.iter().any(|reminded| matches!(reminded, Ok(true))));
    let reminders = NotificationFilter {
        kind: Some(Kind::ApprovalReminder),
        ..NotificationFilter::default()
    };
    assert_eq!(all(&table, &reminders).await.len(), 1);
    approve(store, &operation, "bob").await.expect("one of two");
    let waiting = store.operation(&operation).await.expect("the operation");
    assert!(store.remind_approvers(&waiting, hours(7)).await.expect("a reminder"));
    let made = all(&table, &reminders).await;
    assert_eq!(made.len(), 2);
    assert!(
        made.iter()
            .any(|one| one.approval.is_some_and(|approval| approval.given == 1))
    );
    approve(store, &operation, "eve").await.expect("two of two");
    let decided = store.operation(&operation).await.expect("the operation");
    assert!(!store.remind_approvers(&decided, hours(50)).await.expect("decided"));
}

#[tokio::test]
async fn secrets_are_hidden_in_the_reason_of_an_end() {
    let table = table().await;
    let store = &table.store;
    let mut new = new_stack("shop");
    new.configuration.variables = json!({"token": "hunter2-hunter2"})
        .as_object()
        .expect("an object")
        .clone();
    new.configuration.sensitive = BTreeSet::from(["token".to_owned()]);
    let (stack, operation) = table.provisioning(&new).await;
    store.begin_step(&operation, "Apply").await.expect("a step");
    let mut why = failure("Slipway.ApplyFailed");
    why.message = "the API rejected hunter2-hunter2 and aHVudGVyMi1odW50ZXIy".to_owned();
    why.address = Some("thing.this[\"hunter2-hunter2\"]".to_owned());
    store
        .finish_operation(&operation, &End::Failed(why))
        .await
        .expect("an end");
    assert_eq!(
        store.stack(&stack.id).await.expect("the stack").status,
        StackStatus::Failed
    );
    for made in all(&table, &NotificationFilter::default()).await {
        let text = serde_json::to_string(&made).expect("JSON");
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVy"), "{text}");
    }
}
