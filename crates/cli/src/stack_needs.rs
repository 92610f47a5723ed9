//! What of a stack needs a person, with the next commands.

use serde_json::Value;
use slipway_api_types::Operation;
use slipway_model::operation::build::APPLY;
use slipway_model::operation::{OperationKind, OperationStatus};

use crate::decision::Decision;
use crate::harmless::in_a_line;
use crate::hint;
use crate::operation_text::{failure_line, other_approver, title};
use crate::output::{moment, text_at};
use crate::stack_view::{lacks_release, release_create, repair};

/// The operation that ended a destroyed stack: its destroy, or the provision that created nothing.
pub fn ended_by(operations: &[Operation]) -> Option<&Operation> {
    let ended = |kind: OperationKind, is_end: fn(OperationStatus) -> bool| {
        let mut all = operations.iter();
        all.find(|operation| operation.kind == kind && is_end(operation.status))
    };
    ended(OperationKind::Destroy, |status| status == OperationStatus::Succeeded)
        .or_else(|| ended(OperationKind::Provision, |status| status != OperationStatus::Succeeded))
}

/// How a destroyed stack ended, in a line.
fn end_line(operation: &Operation) -> String {
    if operation.kind == OperationKind::Destroy {
        let at = operation.ended_at.map(|at| format!("at {} ", moment(at)));
        return format!("{:<13}{}by {}", "destroyed", at.unwrap_or_default(), operation.id);
    }
    let why = operation.error.as_ref().map(failure_line).unwrap_or_default();
    format!(
        "{:<13}{} {} {}: {}",
        "not created",
        title(operation),
        operation.id,
        operation.status,
        in_a_line(&why)
    )
}

/// The queue of the stack, the next operation first.
fn queue(operations: &[Operation]) -> impl Iterator<Item = String> {
    let queued = operations
        .iter()
        .filter_map(|operation| Some((operation.position?, operation)));
    let mut queued: Vec<(usize, &Operation)> = queued.collect();
    queued.sort_by_key(|(position, _)| *position);
    let labels = ["queue"].into_iter().chain(std::iter::repeat(""));
    queued.into_iter().zip(labels).map(|((position, operation), label)| {
        format!(
            "{label:<13}{position}. {} {}, requested by {}",
            title(operation),
            operation.id,
            in_a_line(&operation.requested_by)
        )
    })
}

/// Whether an operation that was to change the stack failed.
fn has_failed(operation: &Operation) -> bool {
    let has_failed = matches!(
        operation.status,
        OperationStatus::Failed | OperationStatus::NeedsAttention
    );
    has_failed && is_change(operation)
}

fn is_change(operation: &Operation) -> bool {
    !matches!(
        operation.kind,
        OperationKind::Preview | OperationKind::Drift | OperationKind::Task
    )
}

/// The last operation that was to change the stack, if it failed. The stack may be `ready` all the same: a failed release restores the
/// one before. Those that were cancelled or discarded say nothing of an earlier failure.
fn last_failed(operations: &[Operation]) -> Option<&Operation> {
    let is_success = |operation: &Operation| operation.status == OperationStatus::Succeeded && is_change(operation);
    let ended = operations
        .iter()
        .filter(|operation| is_success(operation) || has_failed(operation));
    let last = ended.max_by_key(|operation| operation.ended_at)?;
    has_failed(last).then_some(last)
}

/// What failed, when and why, in a line.
fn failure(operation: &Operation) -> String {
    let why = operation.error.as_ref().map(failure_line).unwrap_or_default();
    let at = operation.ended_at.map(|at| format!(" at {}", moment(at)));
    format!(
        "{:<13}{} {} failed{}: {}",
        "failure",
        title(operation),
        operation.id,
        at.unwrap_or_default(),
        in_a_line(&why)
    )
}

/// The plan that waits for an approval.
pub fn waiting<'a>(stack: &Value, operations: &'a [Operation]) -> Option<&'a Operation> {
    let mut active = operations
        .iter()
        .filter(|operation| stack["active_operation"] == *operation.id);
    active.next().filter(|operation| operation.waits_for_decision())
}

/// What needs a person, each with the next command: the plan that waits, the queue, a failure. Of a destroyed stack, how it ended.
pub fn needs(stack: &Value, operations: &[Operation], may: Decision) -> Vec<String> {
    if stack["status"] == "destroyed" {
        return ended_by(operations).map(end_line).into_iter().collect();
    }
    let mut lines = Vec::new();
    if let Some(operation) = waiting(stack, operations) {
        lines.push(format!(
            "{:<13}{} waits for an approval{}",
            "plan",
            title(operation),
            other_approver(operation)
        ));
        let id = &operation.id;
        let review = hint::command(&format!("sheet {id}"));
        lines.push(format!("{:<13}{review}", "review"));
        let label = if may.approve { "then" } else { "approve" };
        let approve = may.approval(id, &format!("approve {id}"));
        lines.push(format!("{label:<13}{approve}"));
    }
    let is_beside = |operation: &&Operation| stack["operation_beside"] == *operation.id;
    if let Some(beside) = operations.iter().find(is_beside) {
        lines.push(format!(
            "{:<13}{} {} runs while the plan waits: approve the plan when it has ended",
            "running too",
            title(beside),
            beside.id
        ));
    }
    lines.extend(queue(operations));
    let name = format!("{}/{}", text_at(stack, "environment"), text_at(stack, "name"));
    if stack["status"] != "failed" {
        lines.extend(unfinished(stack, &name, operations));
        return lines;
    }
    let failed = operations.iter().find(|operation| has_failed(operation));
    lines.extend(failed.map(failure));
    if failed.is_some_and(|operation| operation.kind == OperationKind::Destroy) {
        let destroy = hint::command(&format!("stack destroy {name}"));
        lines.push(format!("{:<13}{destroy}", "next"));
        return lines;
    }
    lines.push(format!("{:<13}{}", "next", repair(stack, &name)));
    // An update does not release the images of a provision that failed.
    if lacks_release(stack) && !stack["unsettled"].is_object() {
        lines.push(format!("{:<13}{}", "then", release_create(&name)));
    }
    lines
}

/// What a stack that is not `failed` lacks: a release, or the change of the last operation.
fn unfinished(stack: &Value, name: &str, operations: &[Operation]) -> Vec<String> {
    let failed = last_failed(operations);
    let mut lines: Vec<String> = failed.map(failure).into_iter().collect();
    if stack["status"] != "ready" {
        return lines;
    }
    if lacks_release(stack) {
        lines.push(format!(
            "{:<13}no release has succeeded yet: {}",
            "next",
            release_create(name)
        ));
    } else if let Some(operation) = failed {
        lines.push(format!("{:<13}{}", "next", retry(operation)));
    }
    lines
}

/// The command that requests the same again. The record of an operation has no variables and images, so the hint says to add them.
/// After an apply, what repairs the stack depends on the stack, and `stack show` says it.
pub fn retry(operation: &Operation) -> String {
    let (environment, name) = (&operation.environment, &operation.stack.name);
    let stack = format!("{environment}/{name}");
    let has_applied = operation.steps.iter().any(|step| step.name == APPLY);
    let words = match operation.kind {
        OperationKind::Provision | OperationKind::Update if has_applied => {
            format!("stack show {}", operation.stack.id)
        }
        OperationKind::Provision => format!(
            "stack create {name} --blueprint {}@{} --environment {environment} (add `--var` and `--image` as in the first request)",
            operation.blueprint.name, operation.blueprint.version
        ),
        OperationKind::Update => format!("stack update {stack} --var NAME=VALUE"),
        OperationKind::Preview => format!("stack preview {stack} --var NAME=VALUE"),
        OperationKind::Drift => format!("stack drift {stack}"),
        OperationKind::Destroy => format!("stack destroy {stack}"),
        OperationKind::Release => return release_create(&stack),
        OperationKind::Rollback => match operation.release {
            Some(release) => format!("release rollback {stack} {release}"),
            None => format!("release rollback {stack}"),
        },
        OperationKind::Task => format!("task run {stack} {}", operation.task.as_deref().unwrap_or("NAME")),
    };
    hint::command(&words)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::example;

    fn operation(kind: &str, status: &str, error: &Value) -> Operation {
        let id = format!("op-{kind}");
        example::operation(&json!({"id": id, "kind": kind, "status": status, "error": error}))
    }

    /// For a caller who may decide.
    fn needs(stack: &Value, operations: &[Operation]) -> Vec<String> {
        super::needs(stack, operations, Decision::UNKNOWN)
    }

    fn at(minute: i8, mut operation: Operation) -> Operation {
        operation.ended_at = format!("2026-11-30T00:0{minute}:00Z").parse().ok();
        operation
    }

    #[test]
    fn ready_stack_names_its_failed_release() {
        let error = json!({"name": "Slipway.MigrationFailed", "step": "Run migration: migrate", "message": "no", "address": null, "log": "/v1"});
        let stack = json!({"name": "shop", "environment": "live", "status": "ready", "services": ["web"], "current_release": 1});
        let mut release = operation("release", "failed", &error);
        release.release = Some(2);
        let update = operation("update", "succeeded", &Value::Null);
        let failed = [at(2, release.clone()), at(1, update.clone())];
        assert_eq!(
            needs(&stack, &failed),
            [
                "failure      release 2 op-release failed at 2026-11-30T00:02:00Z: Slipway.MigrationFailed in \"Run migration: migrate\": no",
                "next         slipway release create live/shop --image SERVICE=IMAGE"
            ]
        );
        assert_eq!(needs(&stack, &[at(2, update), at(1, release)]), [""; 0]);
    }

    #[test]
    fn queue_is_shown_with_the_next_operation_first() {
        let stack = json!({"name": "shop", "environment": "live", "status": "updating"});
        let queued = |kind: &str, position: usize| Operation {
            position: Some(position),
            ..operation(kind, "queued", &Value::Null)
        };
        assert_eq!(
            needs(&stack, &[queued("destroy", 2), queued("update", 1)]),
            [
                "queue        1. update op-update, requested by ann",
                "             2. destroy op-destroy, requested by ann"
            ]
        );
    }

    #[test]
    fn failed_operation_names_the_request_that_repeats_it() {
        let of = |kind: &str| operation(kind, "failed", &Value::Null);
        assert_eq!(
            retry(&of("provision")),
            "slipway stack create shop --blueprint web@1.0.0 --environment live (add `--var` and `--image` as in the first request)"
        );
        let mut applied = of("provision");
        applied.steps =
            serde_json::from_value(json!([{"name": APPLY, "started_at": "2026-11-30T00:00:00Z", "status": "failed"}]))
                .expect("steps");
        assert_eq!(retry(&applied), "slipway stack show lusab-babad");
        assert_eq!(retry(&of("update")), "slipway stack update live/shop --var NAME=VALUE");
        let rollback = Operation {
            release: Some(2),
            ..of("rollback")
        };
        assert_eq!(retry(&rollback), "slipway release rollback live/shop 2");
        let task = Operation {
            task: Some("load-dump".to_owned()),
            ..of("task")
        };
        assert_eq!(retry(&task), "slipway task run live/shop load-dump");
    }

    #[test]
    fn stack_says_what_needs_a_person_and_the_next_command() {
        let error = json!({"name": "Slipway.ApplyFailed", "step": "Apply", "message": "no\nroom", "address": null, "log": "/v1"});
        let operations = [
            operation("preview", "failed", &error),
            operation("update", "failed", &error),
        ];
        let stack = json!({"id": "lusab-babad", "name": "shop", "environment": "live", "status": "failed"});
        assert_eq!(
            needs(&stack, &operations),
            [
                "failure      update op-update failed: Slipway.ApplyFailed in \"Apply\": no\\nroom",
                "next         slipway stack update live/shop (if a value is wrong, add `--var NAME=VALUE`)"
            ]
        );
        let mut first = stack.clone();
        first["last_release"] = json!(1);
        assert_eq!(
            needs(&first, &operations)[1..],
            [
                "next         slipway stack update live/shop (if a value is wrong, add `--var NAME=VALUE`)",
                "then         slipway release create live/shop --image SERVICE=IMAGE"
            ]
        );
        let destroy = [operation("destroy", "failed", &error)];
        assert!(
            needs(&stack, &destroy)
                .concat()
                .ends_with("slipway stack destroy live/shop")
        );
        let stack = json!({
            "name": "shop", "environment": "live", "status": "failed",
            "unsettled": {"release": 1, "message": "Services (`web`) may run release 1. Release again."},
        });
        assert_eq!(
            needs(&stack, &[]),
            ["next         slipway release create live/shop --image SERVICE=IMAGE"]
        );
        let stack = json!({"status": "destroyed"});
        let mut destroy = operation("destroy", "succeeded", &Value::Null);
        destroy.ended_at = Some(destroy.created_at);
        assert_eq!(
            needs(&stack, &[destroy]),
            ["destroyed    at 2026-11-30T00:00:00Z by op-destroy"]
        );
        let error = json!({"name": "Slipway.ApprovalRejected", "step": "Wait for approval", "message": "no", "address": null, "log": "/v1"});
        assert_eq!(
            needs(&stack, &[operation("provision", "discarded", &error)]),
            ["not created  provision op-provision discarded: Slipway.ApprovalRejected in \"Wait for approval\": no"]
        );
        for (release, expected) in [
            (
                json!(null),
                &["next         no release has succeeded yet: slipway release create live/shop --image SERVICE=IMAGE"]
                    [..],
            ),
            (json!(1), &[][..]),
        ] {
            let stack = json!({
                "name": "shop", "environment": "live", "status": "ready", "services": ["web"], "current_release": release,
            });
            assert_eq!(needs(&stack, &[]), expected);
        }
        let stack = json!({"status": "updating", "active_operation": "op-update"});
        let waits = [operation("update", "waiting_for_approval", &Value::Null)];
        assert_eq!(
            needs(&stack, &waits),
            [
                "plan         update waits for an approval",
                "review       slipway sheet op-update",
                "then         slipway approve op-update"
            ]
        );
        let requester = Decision {
            approve: false,
            reject: true,
        };
        assert_eq!(
            super::needs(&stack, &waits, requester)[2..],
            ["approve      not permitted. Reason: slipway can-i approve --operation op-update"]
        );
        let stack = json!({"status": "updating", "active_operation": "op-update", "operation_beside": "op-release"});
        let both = [
            operation("release", "running", &Value::Null),
            operation("update", "waiting_for_approval", &Value::Null),
        ];
        assert_eq!(
            needs(&stack, &both)[3..],
            ["running too  release op-release runs while the plan waits: approve the plan when it has ended"]
        );
    }
}
