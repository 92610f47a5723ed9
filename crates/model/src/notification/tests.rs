//! Which notifications follow from what happens to records.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Kind, Notification, NotificationId, Subject};
use crate::id::{OperationId, StackId};
use crate::operation::approval::{ApprovalRule, Approver};
use crate::operation::{Failure, Operation, OperationStatus, example};
use crate::plan::{Action, Drift, ResourceChange};
use crate::stack::{DriftSeen, Stack, StackStatus};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn configuration() -> Value {
    json!({
        "blueprint": "shop", "version": "1.2.0", "digest": format!("sha256:{}", "0".repeat(64)),
        "variables": {"token": "hunter2-hunter2"}, "sensitive": ["token"],
    })
}

fn operation() -> Operation {
    example::operation(&json!({
        "stack_owner": "team:shop", "status": "queued", "configuration": configuration(), "requested_by": "ada", "created_at": at(0),
    }))
}

fn stack() -> Stack {
    let stack = json!({
        "id": StackId::from_bits(7), "name": "shop", "environment": "live", "owner": "team:shop", "status": "ready",
        "revision": 1, "configuration": configuration(), "last_release": 0, "created_at": at(0), "updated_at": at(0),
    });
    serde_json::from_value(stack).expect("a stack")
}

fn numbered(made: &[Notification]) -> Vec<(String, u64)> {
    made.iter().map(|one| (one.kind.to_string(), one.sequence)).collect()
}

#[test]
fn each_status_of_an_operation_is_notified_once() {
    let mut operation = operation();
    let mut seen = Vec::new();
    for status in [
        OperationStatus::Queued,
        OperationStatus::Queued,
        OperationStatus::Starting,
        OperationStatus::Running,
        OperationStatus::WaitingForApproval,
        OperationStatus::WaitingForApproval,
        OperationStatus::Running,
        OperationStatus::Failed,
        OperationStatus::Failed,
    ] {
        operation.status = status;
        seen.extend(operation.notifications(at(1)));
        // The record is written and read between two events.
        let text = serde_json::to_string(&operation).expect("JSON");
        operation = serde_json::from_str(&text).expect("the record");
    }
    let expected = [
        "queued",
        "starting",
        "running",
        "waiting_for_approval",
        "running",
        "failed",
    ];
    let expected = expected
        .iter()
        .zip(1..)
        .map(|(status, number)| (format!("operation.{status}"), number));
    assert_eq!(numbered(&seen), expected.collect::<Vec<_>>());
    let previous: Vec<_> = seen.iter().map(|one| one.previous.as_deref().unwrap_or("-")).collect();
    assert_eq!(
        previous,
        ["-", "queued", "starting", "running", "waiting_for_approval", "running"]
    );
}

#[test]
fn record_without_a_note_continues_with_a_higher_number() {
    let mut operation = operation();
    operation.notifications(at(1));
    operation.status = OperationStatus::Running;
    operation.revision = 2;
    let last = operation.notifications(at(2))[0].sequence;
    // An earlier version wrote the record.
    operation.noted = None;
    operation.revision = 9;
    operation.status = OperationStatus::Succeeded;
    let made = operation.notifications(at(3));
    assert_eq!(numbered(&made), [("operation.succeeded".to_owned(), 9)]);
    assert!(made[0].sequence > last);
}

#[test]
fn failure_is_in_the_notification_of_the_end_and_bounded() {
    let mut operation = operation();
    operation.status = OperationStatus::Running;
    let long = "é".repeat(50_000);
    operation.failure = Some(Failure {
        name: "Slipway.ApplyFailed".to_owned(),
        step: "Apply".to_owned(),
        message: long.clone(),
        address: Some(long),
    });
    assert_eq!(operation.notifications(at(1))[0].failure, None, "it has not ended");
    operation.status = OperationStatus::Failed;
    let made = operation.notifications(at(2)).remove(0);
    assert_eq!(made.failure.as_ref().expect("a failure").name, "Slipway.ApplyFailed");
    let size = serde_json::to_string(&made).expect("JSON").len();
    assert!(size < 16 * 1024, "{size}");
}

#[test]
fn drift_is_notified_once_for_each_check_that_finds_some() {
    let mut stack = stack();
    assert_eq!(numbered(&stack.notifications(at(1))), [("stack.ready".to_owned(), 1)]);
    let seen = |count| {
        let resources = vec![ResourceChange {
            address: "aws_s3_bucket.files".to_owned(),
            action: Action::Update,
        }];
        let drift: Drift = serde_json::from_value(json!({"count": count, "resources": resources})).expect("drift");
        Some(DriftSeen::new(OperationId::generate(), at(2), &drift))
    };
    stack.drift = seen(0);
    assert_eq!(stack.notifications(at(2)), []);
    stack.drift = seen(3);
    let made = stack.notifications(at(3));
    assert_eq!(numbered(&made), [("stack.drifted".to_owned(), 2)]);
    assert_eq!(made[0].drift.as_ref().map(|drift| drift.count), Some(3));
    assert_eq!(stack.notifications(at(4)), [], "the same check");
    stack.drift = None;
    stack.status = StackStatus::Updating;
    assert_eq!(
        numbered(&stack.notifications(at(5))),
        [("stack.updating".to_owned(), 3)]
    );
    stack.status = StackStatus::Ready;
    stack.drift = seen(1);
    assert_eq!(
        numbered(&stack.notifications(at(6))),
        [("stack.ready".to_owned(), 4), ("stack.drifted".to_owned(), 5)]
    );
}

#[test]
fn approvers_are_reminded_until_they_decide() {
    let mut operation = operation();
    operation.status = OperationStatus::Running;
    operation.approval_rule = Some(ApprovalRule {
        required: 1,
        self_approval: false,
        expires_at: at(1_000_000),
        remind_every_seconds: 3_600,
        required_by: Vec::new(),
    });
    operation.ask_approval("token", at(0)).expect("it waits");
    operation.notifications(at(0));
    assert_eq!(operation.reminders_due(at(3_599)), None);
    assert_eq!(operation.reminders_due(at(3_600)), Some(1));
    // The sweeper was off for a while: one reminder, not three.
    assert_eq!(operation.reminders_due(at(11_000)), Some(3));
    operation.reminders = 3;
    let made = operation.notifications(at(11_000));
    assert_eq!(numbered(&made), [("operation.approval_reminder".to_owned(), 2)]);
    let approval = made[0].approval.expect("an approval");
    assert_eq!((approval.required, approval.given), (1, 0));
    assert_eq!(operation.reminders_due(at(14_399)), None);
    let mut rejected = operation.clone();
    let failure = Failure {
        name: "Slipway.ApprovalRejected".to_owned(),
        step: String::new(),
        message: "no".to_owned(),
        address: None,
    };
    rejected.reject(&failure, at(12_000)).expect("a rejection");
    assert_eq!(rejected.reminders_due(at(90_000)), None);
    operation
        .approve(Approver::from("bob"), at(12_000))
        .expect("an approval");
    assert_eq!(operation.reminders_due(at(90_000)), None);
    let mut never = operation.clone();
    never.status = OperationStatus::WaitingForApproval;
    never.approved_by = None;
    never.approval_rule.as_mut().expect("a rule").remind_every_seconds = 0;
    assert_eq!(never.reminders_due(at(90_000) + SignedDuration::from_hours(1)), None);
}

#[test]
fn notification_has_no_variables_and_reads_as_it_was_written() {
    for made in operation()
        .notifications(at(1))
        .into_iter()
        .chain(stack().notifications(at(1)))
    {
        let text = serde_json::to_string(&made).expect("JSON");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(serde_json::from_str::<Notification>(&text).expect("it"), made);
    }
}

#[test]
fn kinds_and_ids_have_one_spelling() {
    let texts: BTreeSet<String> = Kind::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    assert!("operation.*".parse::<Kind>().is_err());
    let id = NotificationId {
        subject: Subject::Stack(StackId::from_bits(7)),
        sequence: 12,
    };
    assert_eq!(id.to_string().parse(), Ok(id.clone()));
    let stack = StackId::from_bits(7);
    for wrong in [
        format!("{stack}-0"),
        format!("{stack}-012"),
        format!("{stack}-+1"),
        format!("{stack}"),
        "op-1".to_owned(),
    ] {
        assert!(wrong.parse::<NotificationId>().is_err(), "{wrong}");
    }
}
