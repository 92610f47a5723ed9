//! Watching, approving, rejecting and cancelling operations.

use std::time::{Duration, Instant};

use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_api::Caller;
use slipway_model::operation::approval::ApprovalRule;
use slipway_model::operation::cancel::{WAIT_UNTIL_RESTORED, WAIT_UNTIL_STABLE};
use slipway_model::operation::{Failure, Operation, StepStatus};
use slipway_model::plan::{Action, PlanSummary, ResourceChange, Verdict};
use slipway_store::finish::End;
use slipway_store::rollout::Rollout;

use crate::policies::put;
use crate::support::{Server, admin, id, request};

fn path(operation: &Value) -> &str {
    operation["links"]["self"].as_str().expect("a path")
}

/// An operation whose plan waits for its requester or anybody else.
async fn waiting(server: &Server) -> Value {
    waiting_for(server, 1, true).await
}

/// An operation of Ann's whose plan waits for so many approvers.
pub async fn waiting_for(server: &Server, required: u32, self_approval: bool) -> Value {
    let rule = ApprovalRule {
        required,
        self_approval,
        expires_at: Timestamp::now() + SignedDuration::from_hours(1),
        remind_every_seconds: 0,
        required_by: Vec::new(),
    };
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    let id = id(&operation);
    server.store.begin_operation(&id).await.expect("begun");
    let mut plan = PlanSummary::default();
    plan.add_change(ResourceChange {
        address: "terraform_data.a".to_owned(),
        action: Action::Create,
    });
    let planned = |operation: &mut Operation| {
        operation.plan = Some(plan.clone());
        operation.verdict = Some(Verdict::ApprovalNeeded);
        operation.approval_rule = Some(rule.clone());
        Ok(())
    };
    server.store.update_operation(&id, planned).await.expect("recorded");
    server.store.ask_approval(&id, "a-task-token").await.expect("asked");
    server.get(path(&operation)).await.json()
}

#[tokio::test]
async fn a_plan_that_waits_is_approved_once() {
    let server = Server::with_blueprint().await;
    let operation = waiting(&server).await;
    assert_eq!(operation["status"], "waiting_for_approval");
    assert!(!operation.to_string().contains("a-task-token"), "{operation}");
    assert_eq!(
        (&operation["plan"]["add"], &operation["plan"]["verdict"]),
        (&json!(1), &json!("approval_needed"))
    );
    assert_eq!(
        operation["plan"]["resources"],
        json!([{"address": "terraform_data.a", "action": "create"}])
    );
    let approve = operation["links"]["approve"].as_str().expect("a path");

    let answer = server.post(approve, &json!({"sure": true})).await;
    assert_eq!((answer.status, answer.fields()), (422, vec!["sure".to_owned()]));
    let sheet = server.sheet(&operation).await;
    let answer = server.post(approve, &sheet).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (202, path(&operation)),
        "{answer:?}"
    );
    assert_eq!(
        (&answer.json()["status"], &answer.json()["approved_by"]),
        (&json!("running"), &json!("ann"))
    );
    assert_eq!(answer.json()["links"].get("approve"), None);
    let sent = server.calls("SendTaskSuccess");
    assert_eq!(
        sent,
        [json!({"taskToken": "a-task-token", "output": "{\"approved_by\":\"ann\"}"})]
    );

    let late = server
        .post(&format!("{}/reject", path(&operation)), &json!({"reason": "no"}))
        .await;
    assert_eq!(late.status, 409, "{late:?}");
    assert!(
        late.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("approved by ann"),
        "{late:?}"
    );
}

#[tokio::test]
async fn requester_does_not_approve_and_two_others_do() {
    let server = Server::with_blueprint().await;
    let operation = waiting_for(&server, 2, false).await;
    assert_eq!(operation["approvals_required"], 2);
    assert_eq!(operation["self_approval"], false);
    let approve = format!("{}/approve", path(&operation));
    let answer = server.post(&approve, &json!({})).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("`self_approval`"), "{detail}");
    let about = format!("operation={}", id(&operation));
    let asked = server.get(&format!("/v1/can-i?action=approve&{about}")).await.json();
    assert_eq!(
        (&asked["allowed"], asked["reason"].as_str()),
        (&json!(false), Some(&*detail))
    );
    let permitted = server.get(&format!("/v1/permissions?{about}")).await.json();
    assert!(!permitted["actions"].to_string().contains("approve"), "{permitted}");

    let sheet = server.sheet(&operation).await;
    let as_caller = async |caller: Caller, comment: Value| {
        let body = json!({ "sheet": sheet["sheet"], "comment": comment });
        let mut request = request(Method::POST, &approve, Some(&body));
        request.extensions_mut().insert(caller);
        server.send(request).await
    };
    let other = as_caller(Caller::named("eve", false), Value::Null).await;
    assert_eq!(other.status, 403, "{other:?}");
    for _ in 0..2 {
        let first = as_caller(admin(), json!("seen with the database team")).await;
        let shown = first.json();
        assert_eq!(
            (first.status, &shown["status"]),
            (202, &json!("waiting_for_approval")),
            "{first:?}"
        );
        assert_eq!(shown["approvals"].as_array().map(Vec::len), Some(1));
        assert_eq!(shown["approvals"][0]["comment"], "seen with the database team");
        assert_eq!(shown["approvals"][0]["sheet"], sheet["sheet"]);
        assert_eq!(shown["decision"], Value::Null);
    }
    assert!(server.calls("SendTaskSuccess").is_empty(), "one of two");
    let beside = server.get(&format!("{}/sheet", path(&operation))).await.json();
    assert_eq!(
        beside["hash"], sheet["sheet"],
        "an approval does not make the sheet stale"
    );
    assert_eq!(
        (&beside["approval"]["required"], &beside["approvals_given"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (&beside["approvals"][0]["by"], &beside["approvals"][0]["counts"]),
        (&json!("root"), &json!(true))
    );
    let last = as_caller(Caller::named("bob", true), Value::Null).await;
    assert_eq!(
        (last.status, &last.json()["decision"]),
        (202, &json!("approved")),
        "{last:?}"
    );
    assert_eq!(server.calls("SendTaskSuccess").len(), 1);
    // The decision is on its way. A repeated approval has its answer, and one that would not count is rejected.
    let again = as_caller(Caller::named("bob", true), Value::Null).await;
    assert_eq!(
        (again.status, again.json()["approvals"].as_array().map(Vec::len)),
        (202, Some(2))
    );
    let late = as_caller(Caller::named("carol", true), Value::Null).await;
    assert_eq!(late.status, 409, "{late:?}");
    let detail = late.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("approved by bob"), "{detail}");
    assert_eq!(server.calls("SendTaskSuccess").len(), 1);
}

/// Two approvals are required. A policy forbids the first approver to approve before the second approves.
#[tokio::test]
async fn approval_that_policies_deny_by_now_does_not_count() {
    let server = Server::with_blueprint().await;
    let operation = waiting_for(&server, 2, false).await;
    let sheet = server.sheet(&operation).await;
    let approve = format!("{}/approve", path(&operation));
    let by = async |name: &'static str| {
        let mut request = request(Method::POST, &approve, Some(&sheet));
        request.extensions_mut().insert(Caller::named(name, true));
        server.send(request).await
    };
    let first = by("carol").await;
    assert_eq!(
        (first.status, &first.json()["approvals"][0]["denied"]),
        (202, &Value::Null)
    );
    let forbids = "forbid (principal, action == Action::\"approve\", resource) when { principal.name == \"carol\" };";
    assert_eq!(put(&server, "not-carol", forbids).await.status, 200);
    let is_denied = |approval: &Value| approval["denied"].as_str().is_some_and(|why| why.contains("not-carol"));
    let shown = server.get(&format!("{}/sheet", path(&operation))).await.json();
    assert_eq!(shown["hash"], sheet["sheet"]);
    assert_eq!(shown["approvals_given"], 0);
    let given = &shown["approvals"][0];
    assert!(given["counts"] == false && is_denied(given), "{given}");

    let second = by("bob").await;
    let waits = second.json();
    assert_eq!(
        (second.status, &waits["status"]),
        (202, &json!("waiting_for_approval")),
        "{waits}"
    );
    assert!(is_denied(&waits["approvals"][0]), "{waits}");
    assert!(server.calls("SendTaskSuccess").is_empty(), "one of two");
    let third = by("dave").await;
    assert_eq!(
        (third.status, &third.json()["decision"]),
        (202, &json!("approved")),
        "{third:?}"
    );
    let shown = server.get(&format!("{}/sheet", path(&operation))).await.json();
    assert_eq!(shown["approvals_given"], 2, "{shown}");
}

#[tokio::test]
async fn two_last_approvals_at_once_count_one_of_them() {
    let server = Server::with_blueprint().await;
    let operation = waiting_for(&server, 1, false).await;
    let sheet = server.sheet(&operation).await;
    let approve = format!("{}/approve", path(&operation));
    let by = |name: &'static str| {
        let mut request = request(Method::POST, &approve, Some(&sheet));
        request.extensions_mut().insert(Caller::named(name, true));
        server.send(request)
    };
    let (one, other) = tokio::join!(by("bob"), by("carol"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409], "{one:?} {other:?}");
    let shown = server.get(path(&operation)).await.json();
    assert_eq!(shown["approvals"].as_array().map(Vec::len), Some(1));
    assert_eq!(server.calls("SendTaskSuccess").len(), 1);
}

#[tokio::test]
async fn expired_plan_is_not_approved() {
    let server = Server::with_blueprint().await;
    let operation = waiting(&server).await;
    let over = |operation: &mut Operation| {
        operation.approval_rule.as_mut().expect("a rule").expires_at = Timestamp::now();
        Ok(())
    };
    server
        .store
        .update_operation(&id(&operation), over)
        .await
        .expect("recorded");
    for (verb, body) in [("approve", json!({})), ("reject", json!({"reason": "no"}))] {
        let answer = server.post(&format!("{}/{verb}", path(&operation)), &body).await;
        assert_eq!(answer.status, 409, "{answer:?}");
    }
    assert!(server.calls("SendTaskSuccess").is_empty() && server.calls("SendTaskFailure").is_empty());
}

#[tokio::test]
async fn an_approval_that_did_not_arrive_can_be_sent_again() {
    let server = Server::with_blueprint().await;
    let operation = waiting(&server).await;
    let approve = operation["links"]["approve"].as_str().expect("a path");
    server.refuse("SendTaskSuccess", "ThrottlingException");
    let sheet = server.sheet(&operation).await;
    let answer = server.post(approve, &sheet).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{answer:?}");
    assert!(
        answer.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("reference"),
        "{answer:?}"
    );
    assert!(
        !answer.json().to_string().contains("Throttling"),
        "what AWS says is for operators"
    );
    server.fakes.lock().expect("not poisoned").refused.clear();
    let again = server.post(approve, &sheet).await;
    assert_eq!(again.status, 202, "{again:?}");
    // What the workflow has is not sent again.
    server.refuse("SendTaskSuccess", "TaskTimedOut");
    assert_eq!(server.post(approve, &sheet).await.status, 202);
    assert_eq!(
        server.calls("SendTaskSuccess").len(),
        4,
        "the SDK tried the first three times"
    );
}

/// A rejected token says that an attempt of the step ended, not that anybody answered it.
#[tokio::test]
async fn a_decision_is_acknowledged_when_a_repeated_step_has_it() {
    for (verb, action) in [("approve", "SendTaskSuccess"), ("reject", "SendTaskFailure")] {
        for gone in ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"] {
            let server = Server::with_blueprint().await;
            let operation = waiting(&server).await;
            let id = id(&operation);
            server.refuse(action, gone);
            let body = if verb == "approve" {
                server.sheet(&operation).await
            } else {
                json!({"reason": "no"})
            };
            let path = format!("{}/{verb}", path(&operation));
            let repeated = async {
                // The next attempt comes when the first token was tried in vain.
                while server.calls(action).is_empty() {
                    tokio::task::yield_now().await;
                }
                server.fakes.lock().expect("not poisoned").refused.clear();
                server.store.ask_approval(&id, "the-next-token").await.expect("retried")
            };
            let (answer, asked) = tokio::join!(server.post(&path, &body), repeated);
            assert_eq!(answer.status, 202, "{gone}: {answer:?}");
            let status = if verb == "approve" {
                "running"
            } else {
                "waiting_for_approval"
            };
            assert_eq!(asked.status.to_string(), status, "the decision stays");
            let sent = server.calls(action);
            assert_eq!(sent.last().expect("an answer")["taskToken"], "the-next-token", "{gone}");
        }
    }
}

#[tokio::test]
async fn a_decision_that_comes_after_the_end_is_refused() {
    for (verb, action) in [("approve", "SendTaskSuccess"), ("reject", "SendTaskFailure")] {
        let server = Server::with_blueprint().await;
        let operation = waiting(&server).await;
        server.refuse(action, "TaskTimedOut");
        let body = if verb == "approve" {
            server.sheet(&operation).await
        } else {
            json!({"reason": "no"})
        };
        let path = format!("{}/{verb}", path(&operation));
        let timed_out = async {
            while server.calls(action).is_empty() {
                tokio::task::yield_now().await;
            }
            let failure = Failure {
                name: "Slipway.ApprovalTimedOut".to_owned(),
                step: "Wait for approval".to_owned(),
                message: "the plan was not approved in time; nothing was changed".to_owned(),
                address: None,
            };
            let end = End::Discarded(failure);
            server
                .store
                .finish_operation(&id(&operation), &end)
                .await
                .expect("ended");
        };
        let (answer, ()) = tokio::join!(server.post(&path, &body), timed_out);
        assert_eq!(answer.status, 409, "{answer:?}");
    }
}

#[tokio::test]
async fn operations_are_listed_by_status_across_stacks() {
    let server = Server::with_blueprint().await;
    let waits = waiting(&server).await;
    let other = server.create("other", "local", &json!({"size": 1})).await;
    let failed = Failure {
        name: "Slipway.ApplyFailed".to_owned(),
        step: "Apply".to_owned(),
        message: "the disk is full".to_owned(),
        address: None,
    };
    let ended = server.store.finish_operation(&id(&other), &End::Failed(failed)).await;
    ended.expect("ended");
    let failed = "/v1/operations?status=failed";
    for (query, expected) in [
        ("", vec![&other["id"]]),
        ("&since=2026-01-01T00:00:00Z", vec![&other["id"]]),
        ("&since=2100-01-01T00:00:00Z", vec![]),
    ] {
        let listed = server.get(&format!("{failed}{query}")).await.json();
        let items = listed["items"].as_array().expect("items");
        let ids: Vec<_> = items.iter().map(|item| &item["id"]).collect();
        assert_eq!(ids, expected, "{query}");
    }
    let mut of_another = request(Method::GET, failed, None);
    of_another.extensions_mut().insert(Caller::named("bob", false));
    let listed = server.send(of_another).await.json();
    assert_eq!(listed["items"], json!([]), "they are private to the owner");
    let refused = server.get(&format!("{failed}&since=yesterday")).await;
    assert_eq!((refused.status, refused.fields()), (400, vec!["since".to_owned()]));
    let listed = server.get("/v1/operations?status=waiting_for_approval").await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["id"], waits["id"]);
    for query in ["", "?status=lost", "?status="] {
        let refused = server.get(&format!("/v1/operations{query}")).await;
        assert_eq!(
            (refused.status, refused.fields()),
            (400, vec!["status".to_owned()]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_plan_is_rejected_for_a_reason() {
    let server = Server::with_blueprint().await;
    let operation = waiting(&server).await;
    let reject = operation["links"]["reject"].as_str().expect("a path");
    for (body, status) in [
        (json!({}), 422),
        (json!({"reason": " "}), 422),
        (json!({"reason": 1}), 422),
    ] {
        let answer = server.post(reject, &body).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (status, vec!["reason".to_owned()]),
            "{body}"
        );
    }
    let answer = server.post(reject, &json!({"reason": "too dear"})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let expected = json!([{
        "taskToken": "a-task-token", "error": "Slipway.ApprovalRejected", "cause": "ann rejected the plan: too dear"
    }]);
    assert_eq!(json!(server.calls("SendTaskFailure")), expected);

    // A cancel comes before the workflow has recorded the rejection.
    let cancelled = server.post(&format!("{}/cancel", path(&operation)), &json!({})).await;
    assert_eq!(cancelled.status, 202, "{cancelled:?}");
    let shown = server.get(path(&operation)).await.json();
    assert_eq!(
        (&shown["status"], &shown["decision"]),
        (&json!("cancelled"), &json!("rejected")),
        "{shown:#}"
    );
}

#[tokio::test]
async fn cancel_dequeues_a_queued_and_stops_a_running_operation() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &[]).await;
    let running = server.patch(&stack, &json!({"variables": {"size": 2}})).await.json();
    server.store.begin_operation(&id(&running)).await.expect("begun");
    let queued = server.patch(&stack, &json!({"variables": {"size": 3}})).await.json();
    let last = server.patch(&stack, &json!({"variables": {"size": 4}})).await.json();
    assert_eq!(last["position"], 2);

    let cancelled = server.post(&format!("{}/cancel", path(&queued)), &json!({})).await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (202, &json!("cancelled")),
        "{cancelled:?}"
    );
    assert_eq!(cancelled.json()["error"]["message"], "ann cancelled the operation");
    assert!(server.calls("StopExecution").is_empty());
    assert_eq!(server.get(path(&last)).await.json()["position"], 1);

    let started = server.calls("StartExecution").len();
    let cancelled = server
        .post(&format!("{}/cancel", path(&running)), &json!({}))
        .await
        .json();
    assert_eq!(
        (&cancelled["status"], &cancelled["error"]["name"]),
        (&json!("cancelled"), &json!("Slipway.Cancelled"))
    );
    let stopped = server.calls("StopExecution");
    let arn = format!(
        "arn:aws:states:us-east-1:000000000000:execution:slipway-operation:{}",
        id(&running)
    );
    assert_eq!((stopped.len(), &stopped[0]["executionArn"]), (1, &json!(arn)));
    let starts = server.calls("StartExecution");
    assert_eq!(
        (starts.len(), &starts[started]["name"]),
        (started + 1, &last["id"]),
        "the next one starts"
    );

    let again = server.post(&format!("{}/cancel", path(&running)), &json!({})).await;
    assert_eq!(again.status, 202, "who says it again is answered again");
    server.play(&last).await;
    let late = server.post(&format!("{}/cancel", path(&last)), &json!({})).await;
    assert_eq!(late.status, 409, "{late:?}");
}

#[tokio::test]
async fn a_cancel_while_terraform_runs_is_a_request_to_its_runner() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &[]).await;
    let running = server.patch(&stack, &json!({"variables": {"size": 2}})).await.json();
    assert_eq!(running["waiting_for_build"], json!(null), "it is starting");
    server.store.begin_operation(&id(&running)).await.expect("begun");
    assert_eq!(server.get(path(&running)).await.json()["waiting_for_build"], "Plan");
    server.store.begin_step(&id(&running), "Plan").await.expect("begun");
    assert_eq!(
        server.get(path(&running)).await.json()["waiting_for_build"],
        json!(null)
    );

    let cancel = format!("{}/cancel", path(&running));
    let requested = server.post(&cancel, &json!({})).await;
    let shown = requested.json();
    assert_eq!(
        (requested.status, &shown["status"]),
        (202, &json!("running")),
        "{shown:#}"
    );
    assert_eq!(shown["cancel"]["requested_by"], "ann");
    assert_eq!(shown["cancel"]["acknowledged_at"], json!(null));
    assert_eq!(
        server.post(&cancel, &json!({})).await.json()["revision"],
        shown["revision"]
    );
    assert!(server.calls("StopExecution").is_empty());

    server.store.acknowledge_cancel(&id(&running)).await.expect("read");
    assert!(server.get(path(&running)).await.json()["cancel"]["acknowledged_at"].is_string());
}

#[tokio::test]
async fn a_cancel_before_the_build_begins_ends_the_operation_first() {
    let server = Server::with_blueprint().await;
    server.refuse("StopExecution", "InternalFailure");
    let stack = server.ready("shop", &[]).await;
    let running = server.patch(&stack, &json!({"variables": {"size": 2}})).await.json();
    server.store.begin_operation(&id(&running)).await.expect("begun");
    let cancelled = server.post(&format!("{}/cancel", path(&running)), &json!({})).await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (202, &json!("cancelled")),
        "its build does nothing, whether its execution could be stopped or not: {cancelled:?}"
    );
    assert!(!server.calls("StopExecution").is_empty());
}

#[tokio::test]
async fn cancel_in_a_rollout_lets_the_workflow_restore_services() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &[]).await;
    let running = server.patch(&stack, &json!({"variables": {"size": 2}})).await.json();
    let id = id(&running);
    server.store.begin_operation(&id).await.expect("begun");
    server.store.begin_step(&id, "Prepare release").await.expect("begun");
    let ended = server
        .store
        .end_step(&id, "Prepare release", StepStatus::Succeeded)
        .await;
    ended.expect("ended");

    let cancel = format!("{}/cancel", path(&running));
    let between = server.post(&cancel, &json!({})).await;
    assert_eq!(between.status, 409, "{between:?}");
    assert!(
        between.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("again in a moment")
    );

    let rollout = |state: &str, token: &str| Rollout {
        service: "arn:aws:ecs:us-east-1:000000000000:service/shop/web".to_owned(),
        deployment: format!("ecs-svc/{token}"),
        token: token.to_owned(),
        operation: id.clone(),
        step: format!("{state}: web"),
    };
    for (state, token) in [(WAIT_UNTIL_STABLE, "stable"), (WAIT_UNTIL_RESTORED, "restored")] {
        server.store.put_rollout(&rollout(state, token)).await.expect("kept");
    }
    server
        .store
        .begin_step(&id, "Wait until stable: web")
        .await
        .expect("begun");
    let cancelled = server.post(&cancel, &json!({})).await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (202, &json!("running")),
        "{cancelled:?}"
    );
    assert!(server.calls("StopExecution").is_empty());
    let failed = json!([{"taskToken": "stable", "error": "Slipway.Cancelled", "cause": "ann cancelled the operation"}]);
    assert_eq!(json!(server.calls("SendTaskFailure")), failed);

    server
        .store
        .begin_step(&id, "Wait until restored: web")
        .await
        .expect("begun");
    assert_eq!(
        server.post(&cancel, &json!({})).await.status,
        202,
        "the same request, the same answer"
    );
    assert_eq!(
        server.calls("SendTaskFailure").len(),
        1,
        "what is being restored is not cancelled"
    );
}

/// Nothing but the workflow stops the ECS task of a command.
#[tokio::test]
async fn a_cancel_in_a_command_lets_the_workflow_stop_it() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &[]).await;
    let running = server.patch(&stack, &json!({"variables": {"size": 2}})).await.json();
    let id = id(&running);
    server.store.begin_operation(&id).await.expect("begun");
    let waits = |operation: &mut Operation| {
        let now = Timestamp::now();
        operation.begin_step("Prepare release", now);
        operation.end_step("Prepare release", StepStatus::Succeeded, now);
        operation.wait_for_task("Run migration: migrate", "main", "migrating", now);
        Ok(())
    };
    server.store.update_operation(&id, waits).await.expect("it runs");

    let cancel = format!("{}/cancel", path(&running));
    for _ in 0..2 {
        let cancelled = server.post(&cancel, &json!({})).await;
        assert_eq!(
            (cancelled.status, &cancelled.json()["status"]),
            (202, &json!("running")),
            "{cancelled:?}"
        );
    }
    assert!(server.calls("StopExecution").is_empty());
    let failed = &server.calls("SendTaskFailure")[0];
    assert_eq!(
        failed,
        &json!({"taskToken": "migrating", "error": "Slipway.Cancelled", "cause": "ann cancelled the operation"})
    );
}

/// Verify reads the record before and after it asks the health address.
#[tokio::test]
async fn a_cancel_in_verify_goes_on_the_record() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &[]).await;
    let running = server.patch(&stack, &json!({"variables": {"size": 2}})).await.json();
    let id = id(&running);
    server.store.begin_operation(&id).await.expect("begun");
    for step in ["Prepare release", "Verify"] {
        server.store.begin_step(&id, step).await.expect("begun");
        if step == "Prepare release" {
            let ended = server.store.end_step(&id, step, StepStatus::Succeeded).await;
            ended.expect("ended");
        }
    }
    let cancel = format!("{}/cancel", path(&running));
    let cancelled = server.post(&cancel, &json!({})).await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (202, &json!("running")),
        "{cancelled:?}"
    );
    let noted = server.store.operation(&id).await.expect("it");
    assert_eq!(
        noted.cancel_requested().expect("a cancel").message,
        "ann cancelled the operation"
    );
    assert!(server.calls("StopExecution").is_empty());
}

#[tokio::test]
async fn operation_without_execution_can_be_cancelled() {
    let server = Server::with_blueprint().await;
    server.refuse("StopExecution", "ExecutionDoesNotExist");
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    let cancelled = server.post(&format!("{}/cancel", path(&operation)), &json!({})).await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["status"]),
        (202, &json!("cancelled")),
        "{cancelled:?}"
    );
    let begun = server.store.begin_operation(&id(&operation)).await;
    assert!(begun.is_err(), "a late execution does not begin");
}

#[tokio::test]
async fn a_watcher_hears_of_the_next_change() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    let now = server.get(path(&operation)).await.json();
    let began = Instant::now();
    // What the caller has not seen is answered at once.
    let known = server.get(&format!("{}?wait=25&seen=0", path(&operation))).await.json();
    assert_eq!(known["revision"], now["revision"]);
    let watch = format!("{}?wait=25&seen={}", path(&operation), now["revision"]);
    let id = id(&operation);
    let (seen, _) = tokio::join!(server.get(&watch), server.store.begin_operation(&id));
    assert_eq!(seen.json()["status"], "running", "{seen:?}");
    server.play(&operation).await;
    let ended = server
        .get(&format!("{}?wait=25&seen=1000", path(&operation)))
        .await
        .json();
    assert_eq!(ended["status"], "succeeded");
    assert!(began.elapsed() < Duration::from_secs(20), "every wait ended early");
}

/// Each wait holds one of Lambda's executions, which the steps of the workflow need too.
#[tokio::test]
async fn waits_beyond_the_places_are_answered_at_once_and_asked_back() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    let path = operation["links"]["self"].as_str().expect("a path");
    let path = format!("{path}?wait=25&seen={}", server.get(path).await.json()["revision"]);
    let logs = format!("{}?wait=25", operation["links"]["logs"].as_str().expect("a path"));
    let mut requests = futures::stream::FuturesUnordered::new();
    for _ in 0..6 {
        requests.push(server.get(&path));
        requests.push(server.get(&logs));
    }
    // There are five places.
    for _ in 0..7 {
        let answer = futures::StreamExt::next(&mut requests).await.expect("an answer");
        let again: u64 = answer.header("retry-after").parse().expect("a number of seconds");
        assert!((2..=4).contains(&again), "{again}");
    }
    server
        .store
        .finish_operation(&id(&operation), &End::Succeeded)
        .await
        .expect("finished");
    while let Some(answer) = futures::StreamExt::next(&mut requests).await {
        assert_eq!(answer.header("retry-after"), "", "{answer:?}");
    }
    let places = server
        .items()
        .into_iter()
        .filter(|item| item.contains("\"waiting\""))
        .count();
    assert_eq!(places, 0, "every place is given back");
}
