//! Operations in the words of the command line.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_api_types::{Drift, Failure, Operation, Plan, PlanDecision, Step, Verdict};
use slipway_model::count::counted_as;
use slipway_model::error_name::ErrorName;
use slipway_model::operation::approval::WAIT_FOR_APPROVAL;
use slipway_model::operation::cancel::WAIT_UNTIL_STABLE;
use slipway_model::operation::{OperationKind, OperationStatus, StepStatus};
use slipway_model::plan::Action;

use crate::decision::Decision;
use crate::error::Error;
use crate::harmless::in_a_line;
use crate::hint;
use crate::plan_view::{NO_CHANGES, counts};

/// Reads an operation out of an answer of the API.
pub fn read(value: &Value) -> Result<Operation, Error> {
    serde_json::from_value(value.clone()).map_err(|error| Error::UnexpectedAnswer {
        request: "an operation".to_owned(),
        status: 200,
        answer: error.to_string(),
    })
}

/// What it does, with the release or the task that it is about: `release 4`, `rollback to release 2`, `task load-dump`.
pub fn title(operation: &Operation) -> String {
    match (operation.kind, operation.release, &operation.task) {
        (OperationKind::Release, Some(release), _) => format!("release {release}"),
        (OperationKind::Rollback, Some(release), _) => format!("rollback to release {release}"),
        (OperationKind::Provision, Some(release), _) => format!("provision and release {release}"),
        (OperationKind::Drift, ..) => "drift check".to_owned(),
        (kind, _, Some(task)) => format!("{kind} {task}"),
        (kind, ..) => kind.to_string(),
    }
}

/// The same with the name of its stack: `update of shop`, `rollback of shop to release 2`.
pub fn title_with_stack(operation: &Operation) -> String {
    let stack = &operation.stack.name;
    match (operation.kind, operation.release) {
        (OperationKind::Rollback, Some(release)) => format!("rollback of {stack} to release {release}"),
        _ => format!("{} of {stack}", title(operation)),
    }
}

/// The steps in the order in which they began. The record has them in the order in which they were noted.
pub fn steps(operation: &Operation) -> Vec<&Step> {
    let mut steps: Vec<&Step> = operation.steps.iter().collect();
    steps.sort_by_key(|step| step.started_at);
    steps
}

/// The status of a step. A wait for an approval that did not succeed has the fate of its plan.
pub fn step_status(operation: &Operation, step: &Step) -> &'static str {
    let error = operation.error.as_ref().map(|error| error.name.as_str());
    if step.name != WAIT_FOR_APPROVAL || step.status != StepStatus::Failed {
        step.status.as_str()
    } else if error == Some(ErrorName::ApprovalTimedOut.as_str()) {
        "expired"
    } else if operation.decision == Some(PlanDecision::Rejected) {
        "rejected"
    } else {
        step.status.as_str()
    }
}

/// The approvals that were given: `by ann: agreed`.
pub fn approvals(operation: &Operation) -> impl Iterator<Item = String> {
    operation.approvals.iter().map(|approval| {
        let comment = approval.comment.as_ref().map(|comment| format!(": {comment}"));
        let denied = approval.denied.as_ref();
        let denied = denied.map(|reason| format!(" (does not count: {reason})"));
        format!(
            "by {}{}{}",
            approval.by,
            comment.unwrap_or_default(),
            denied.unwrap_or_default()
        )
    })
}

/// How many approvals policies did not deny since they were given.
fn given(operation: &Operation) -> usize {
    let approvals = operation.approvals.iter();
    approvals.filter(|approval| approval.denied.is_none()).count()
}

/// Who else has to approve, if the requester may not. A policy may forbid it besides.
pub fn other_approver(operation: &Operation) -> String {
    if operation.self_approval == Some(false) {
        format!(" by someone other than {}", in_a_line(&operation.requested_by))
    } else {
        String::new()
    }
}

/// A plan that waits, in lines: what it waits for, and what the reader may do about it.
pub fn decide(operation: &Operation, may: Decision) -> Vec<String> {
    let id = &operation.id;
    let given = given(operation);
    let waits = match operation.approvals_required {
        Some(required) if required > 1 && given > 0 => format!("has {given} of {required} approvals"),
        Some(required) if required > 1 => format!("waits for {required} approvals"),
        _ => "waits for an approval".to_owned(),
    };
    let reject = may.reject.then(|| hint::command(&format!("reject {id}")));
    let mut lines = vec![
        format!("{waits}{}", other_approver(operation)),
        format!("         read it: {}", hint::command(&format!("sheet {id}"))),
        format!("         approve: {}", may.approval(id, &format!("approve {id}"))),
    ];
    lines.extend(reject.map(|reject| format!("         reject:  {reject} --reason \"WHY\"")));
    lines
}

/// What an approval came to, and how to go on.
pub fn approved(operation: &Operation) -> String {
    let (what, id) = (title_with_stack(operation), &operation.id);
    let (given, required) = (given(operation), operation.approvals_required.unwrap_or(1));
    if operation.waits_for_decision() {
        let denied = operation.approvals.iter().filter_map(|approval| {
            let reason = approval.denied.as_ref()?;
            let (by, reason) = (in_a_line(&approval.by), in_a_line(reason));
            Some(format!("\nThe approval of {by} does not count: {reason}"))
        });
        let denied: Vec<String> = denied.collect();
        return format!(
            "approved: {what} ({id}). It has {given} of {required} approvals and waits for more.{}",
            denied.concat()
        );
    }
    let watch = hint::command(&format!("operation watch {id}"));
    format!("approved: {what} ({id}).\nWatch it: {watch}")
}

/// That its plan was rejected, until the workflow has ended it.
pub fn rejected(operation: &Operation) -> Option<&'static str> {
    let is_rejected = operation.decision == Some(PlanDecision::Rejected);
    (is_rejected && !operation.has_ended()).then_some("its plan was rejected: the workflow ends it now")
}

/// What a cancel came to, and how to go on.
pub fn cancelled(operation: &Operation) -> String {
    let (what, id) = (title_with_stack(operation), &operation.id);
    if operation.has_ended() {
        return format!("{}: {what} ({id}).", operation.status);
    }
    let watch = hint::command(&format!("operation watch {id}"));
    format!("cancelling: {what} ({id}).\nWatch it: {watch}")
}

/// That it is going to be cancelled, until its build has saved the state or the workflow has ended it.
pub fn cancelling(operation: &Operation) -> Option<String> {
    if operation.has_ended() {
        return None;
    }
    if let Some(request) = &operation.cancel {
        let requester = &request.requested_by;
        return Some(format!(
            "cancelling, as {requester} requested: Terraform saves the state first"
        ));
    }
    let failure = operation.error.as_ref().filter(|failure| is_cancel(failure))?;
    let message = in_a_line(&failure.message);
    Some(format!("cancelling: {message}, and the workflow ends it now"))
}

/// Why it failed. A cancel is no failure until the workflow has ended the operation.
pub fn error(operation: &Operation) -> Option<&Failure> {
    let failure = operation.error.as_ref()?;
    (operation.has_ended() || !is_cancel(failure)).then_some(failure)
}

fn is_cancel(failure: &Failure) -> bool {
    failure.name == ErrorName::Cancelled.as_str()
}

/// The ways on, if it needs attention.
pub fn ways(operation: &Operation) -> impl Iterator<Item = String> {
    let words = ["either"].into_iter().chain(std::iter::repeat("or"));
    let ways = operation.ways_forward.iter().zip(words);
    ways.map(|(way, word)| {
        let words = way.command.strip_prefix("slipway ");
        let command = words.map_or_else(|| way.command.clone(), hint::command);
        format!("{word:<10} {command}\n           {}", way.description)
    })
}

/// The command that prints its own log.
pub fn own_log(operation: &Operation) -> String {
    hint::command(&format!("logs {}", operation.id))
}

/// The commands that print why it failed. Tasks of services print to the logs of their services, which the operation's log does not have.
pub fn log_commands(operation: &Operation, now: Timestamp) -> Vec<String> {
    let of_services = [ErrorName::RolloutFailed, ErrorName::Unhealthy].map(ErrorName::as_str);
    let is_of_services = |failure: &Failure| of_services.contains(&failure.name.as_str());
    if !operation.error.as_ref().is_some_and(is_of_services) {
        return vec![own_log(operation)];
    }
    let rolled_out = operation
        .steps
        .iter()
        .filter_map(|step| match step.name.split_once(": ") {
            Some((WAIT_UNTIL_STABLE, service)) => Some((service, step.status)),
            _ => None,
        });
    let (failed, others): (Vec<_>, Vec<_>) = rolled_out.partition(|(_, status)| *status == StepStatus::Failed);
    let named = if failed.is_empty() { others } else { failed };
    let mut services: Vec<&str> = named.into_iter().map(|(service, _)| service).collect();
    if services.is_empty() {
        services.push("NAME");
    }
    let hours = now.duration_since(operation.created_at).as_hours().max(0) + 1;
    let stack = format!("{}/{}", operation.environment, operation.stack.name);
    let commands = services
        .iter()
        .map(|service| hint::command(&format!("logs {stack} --service {service} --since {hours}h")));
    commands.collect()
}

/// An error for scripts unless the operation succeeded.
pub fn check(operation: &Operation) -> Result<(), Error> {
    if operation.status == OperationStatus::Succeeded {
        return Ok(());
    }
    Err(Error::OperationEnded {
        operation: operation.id.clone(),
        status: operation.status,
        reason: operation.error.as_ref().map(failure_line),
        logs: log_commands(operation, Timestamp::now()),
    })
}

/// The failure in a line: the step, the resource, and what it said.
pub fn failure_line(failure: &Failure) -> String {
    let address = failure.address.as_ref().map(|address| format!("{address}: "));
    let step = if failure.step.is_empty() {
        String::new()
    } else {
        format!(" in \"{}\"", failure.step)
    };
    format!(
        "{}{step}: {}{}",
        failure.name,
        address.unwrap_or_default(),
        failure.message
    )
}

/// What a plan came to that was not applied: where a preview shows its changes, or that there was nothing to apply.
pub fn not_applied(operation: &Operation) -> Option<String> {
    let has_succeeded = operation.status == OperationStatus::Succeeded;
    let plan = operation.plan.as_ref().filter(|_| has_succeeded)?;
    match (operation.kind, plan.verdict) {
        (OperationKind::Update, Some(Verdict::NothingToChange)) => Some(format!("{NO_CHANGES}: nothing was applied")),
        (OperationKind::Preview, _) => {
            let changes = counts(&json!(plan));
            if changes == NO_CHANGES {
                return Some(changes);
            }
            let show = hint::command(&format!("plan {}", operation.id));
            Some(format!("the plan: {changes}. Every change: {show}"))
        }
        _ => None,
    }
}

/// Each resource of a plan that is named, in a line of its own, and how many are not.
pub fn plan_lines(plan: &Plan) -> impl Iterator<Item = String> {
    let resources = plan.resources.iter();
    let named = resources.map(|resource| format!("{:<8} {}", resource.action.to_string(), resource.address));
    let left = plan.resource_count.saturating_sub(plan.resources.len() as u64);
    named.chain((left > 0).then(|| format!("… and {left} more")))
}

/// How much drifted, in a line.
pub fn drift_line(drift: &Drift) -> String {
    match drift.count {
        0 => "nothing differs from the state".to_owned(),
        count => counted_as(
            count,
            "resource differs from the state",
            "resources differ from the state",
        ),
    }
}

/// Each drifted resource that is named, in a line of its own.
pub fn drift_lines(drift: &Drift) -> impl Iterator<Item = String> {
    drift.resources.iter().map(|resource| {
        let what = if resource.action == Action::Delete {
            "no longer exists"
        } else {
            "was changed"
        };
        format!("{} {what}", resource.address)
    })
}

/// The time between two moments as people say it: `850 ms`, `12.3 s`, `4 min 5 s`.
pub fn duration_text(from: Timestamp, to: Timestamp) -> String {
    let duration: SignedDuration = to.duration_since(from);
    let milliseconds = duration.as_millis().max(0);
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn waiting_update(approvals: &Value, required: u32) -> Operation {
        example::operation(&json!({
            "status": "waiting_for_approval", "approvals": approvals, "approvals_required": required,
        }))
    }

    #[test]
    fn waiting_plan_names_the_permitted_decisions() {
        assert_eq!(
            decide(&waiting_update(&json!([]), 1), Decision::UNKNOWN).join("\n"),
            "waits for an approval\n         read it: slipway sheet op-1\n         approve: slipway approve op-1\n         \
             reject:  slipway reject op-1 --reason \"WHY\""
        );
        let requester = Decision {
            approve: false,
            reject: false,
        };
        assert_eq!(
            decide(&waiting_update(&json!([]), 1), requester).join("\n"),
            "waits for an approval\n         read it: slipway sheet op-1\n         \
             approve: not permitted. Reason: slipway can-i approve --operation op-1"
        );
    }

    #[test]
    fn requester_who_may_not_approve_sees_who_may() {
        let mut operation = waiting_update(&json!([]), 2);
        operation.self_approval = Some(false);
        let waits = |operation: &Operation| decide(operation, Decision::UNKNOWN)[0].clone();
        assert_eq!(waits(&operation), "waits for 2 approvals by someone other than ann");
        operation.self_approval = Some(true);
        assert_eq!(waits(&operation), "waits for 2 approvals");
    }

    #[test]
    fn cancel_is_no_error_until_the_operation_has_ended() {
        let mut operation = waiting_update(&json!([]), 1);
        operation.status = OperationStatus::Running;
        let failure = json!({
            "name": "Slipway.Cancelled", "step": "Run task: nap", "message": "ann cancelled the operation", "address": null, "log": "/v1",
        });
        operation.error = serde_json::from_value(failure).expect("a failure");
        assert_eq!(
            cancelled(&operation),
            "cancelling: update of shop (op-1).\nWatch it: slipway operation watch op-1"
        );
        assert_eq!(
            cancelling(&operation).as_deref(),
            Some("cancelling: ann cancelled the operation, and the workflow ends it now")
        );
        assert!(error(&operation).is_none());
        operation.status = OperationStatus::Cancelled;
        operation.ended_at = Some(operation.created_at);
        assert_eq!(cancelled(&operation), "cancelled: update of shop (op-1).");
        assert_eq!(cancelling(&operation), None);
        assert!(error(&operation).is_some());
    }

    #[test]
    fn failed_rollout_names_the_logs_of_its_services() {
        let mut operation = waiting_update(&json!([]), 1);
        let now: Timestamp = "2026-11-30T01:10:00Z".parse().expect("a time");
        let failure = |name: &str| -> Option<Failure> {
            let failure =
                json!({"name": name, "step": "Roll out services", "message": "no", "address": null, "log": "/v1"});
            serde_json::from_value(failure).expect("a failure")
        };
        operation.error = failure("Slipway.ApplyFailed");
        assert_eq!(log_commands(&operation, now), ["slipway logs op-1"]);
        operation.error = failure("Slipway.RolloutFailed");
        assert_eq!(
            log_commands(&operation, now),
            ["slipway logs live/shop --service NAME --since 2h"]
        );
        operation.steps = serde_json::from_value(json!([
            {"name": "Wait until stable: web", "status": "failed", "started_at": "2026-11-30T00:00:01Z", "ended_at": "2026-11-30T00:00:02Z"},
            {"name": "Wait until stable: worker", "status": "succeeded", "started_at": "2026-11-30T00:00:01Z", "ended_at": "2026-11-30T00:00:02Z"},
        ]))
        .expect("steps");
        assert_eq!(
            log_commands(&operation, now),
            ["slipway logs live/shop --service web --since 2h"]
        );
        operation.steps[0].status = StepStatus::Succeeded;
        operation.error = failure("Slipway.Unhealthy");
        assert_eq!(
            log_commands(&operation, now),
            [
                "slipway logs live/shop --service web --since 2h",
                "slipway logs live/shop --service worker --since 2h"
            ]
        );
    }

    #[test]
    fn approval_says_whether_more_are_required() {
        let approvals = json!([{"by": "bob", "at": "2026-11-30T00:00:00Z", "sheet": "sha256:ab"}]);
        let mut operation = waiting_update(&approvals, 2);
        assert_eq!(
            approved(&operation),
            "approved: update of shop (op-1). It has 1 of 2 approvals and waits for more."
        );
        operation.approvals[0].denied = Some("No policy permits it.".to_owned());
        assert_eq!(
            approved(&operation),
            "approved: update of shop (op-1). It has 0 of 2 approvals and waits for more.\n\
             The approval of bob does not count: No policy permits it."
        );
        operation.decision = Some(PlanDecision::Approved);
        assert!(approved(&operation).ends_with("Watch it: slipway operation watch op-1"));
    }

    #[test]
    fn end_of_an_operation_names_its_stack_and_its_release() {
        let mut operation = waiting_update(&json!([]), 1);
        operation.release = Some(2);
        for (kind, expected) in [
            (OperationKind::Update, "update of shop"),
            (OperationKind::Release, "release 2 of shop"),
            (OperationKind::Rollback, "rollback of shop to release 2"),
            (OperationKind::Provision, "provision and release 2 of shop"),
        ] {
            operation.kind = kind;
            assert_eq!(title_with_stack(&operation), expected);
        }
    }

    #[test]
    fn wait_for_an_approval_ends_as_its_plan_did() {
        let step = |name: &str, second: i64| Step {
            name: name.to_owned(),
            started_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second),
            ended_at: None,
            status: StepStatus::Failed,
        };
        let mut operation = waiting_update(&json!([]), 1);
        operation.steps = vec![step("Verify", 3), step(WAIT_FOR_APPROVAL, 2)];
        let shown = |operation: &Operation| -> Vec<String> {
            let steps = steps(operation).into_iter();
            steps.map(|step| step_status(operation, step).to_owned()).collect()
        };
        assert_eq!(shown(&operation), ["failed", "failed"]);
        operation.decision = Some(PlanDecision::Rejected);
        assert_eq!(shown(&operation), ["rejected", "failed"], "in the order of time");
        operation.error = Some(Failure {
            name: ErrorName::ApprovalTimedOut.to_string(),
            step: WAIT_FOR_APPROVAL.to_owned(),
            message: "the plan was not approved in time".to_owned(),
            address: None,
            log: String::new(),
        });
        assert_eq!(shown(&operation), ["expired", "failed"]);
    }

    #[test]
    fn plan_without_an_apply_says_what_it_came_to() {
        let plan = |add: u64, verdict: &str| -> Plan {
            serde_json::from_value(json!({
                "add": add, "change": 0, "destroy": 0, "replace": 0, "import": 0, "forget": 0, "moved": 0, "invoke": 0, "deferred": 0,
                "drifted": 0, "checks_failed": 0, "not_understood": [], "outputs_changed": false, "resources": [],
                "verdict": verdict, "refused_because": null, "refused_by": null, "refused_resources": [],
            }))
            .expect("a plan")
        };
        let mut operation = waiting_update(&json!([]), 1);
        operation.status = OperationStatus::Succeeded;
        for (kind, plan, expected) in [
            (
                OperationKind::Update,
                plan(0, "nothing_to_change"),
                Some("no changes: nothing was applied"),
            ),
            (OperationKind::Update, plan(1, "apply"), None),
            (OperationKind::Preview, plan(0, "shown_only"), Some(NO_CHANGES)),
            (
                OperationKind::Preview,
                plan(1, "shown_only"),
                Some("the plan: 1 to add, 0 to change, 0 to destroy. Every change: slipway plan op-1"),
            ),
        ] {
            (operation.kind, operation.plan) = (kind, Some(plan));
            assert_eq!(not_applied(&operation).as_deref(), expected);
        }
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        let start = Timestamp::UNIX_EPOCH;
        for (milliseconds, text) in [(0, "0 ms"), (850, "850 ms"), (12_345, "12.3 s"), (245_000, "4 min 5 s")] {
            let end = start + SignedDuration::from_millis(milliseconds);
            assert_eq!(duration_text(start, end), text);
        }
    }
}
