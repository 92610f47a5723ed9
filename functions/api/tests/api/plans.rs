//! Complete plans and approval sheets.

use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_model::environment::Approval;
use slipway_model::operation::approval::ApprovalRule;
use slipway_model::operation::{Failure, Operation};
use slipway_model::plan::{PlanSummary, Verdict};
use slipway_store::finish::End;

use crate::support::{Server, admin, id, image, request};

/// A plan with this many resources to create, and a database that is replaced at its end.
fn shown(creates: usize) -> Value {
    let create = |index: usize| {
        json!({"address": format!("aws_sqs_queue.q[{index}]"), "type": "aws_sqs_queue", "change": {
            "actions": ["create"], "before": null, "after": {"name": format!("q{index}")}, "after_unknown": {"arn": true}}})
    };
    let mut changes: Vec<Value> = (0..creates).map(create).collect();
    changes.push(json!({"address": "module.data.aws_db_instance.z", "type": "aws_db_instance", "change": {
        "actions": ["delete", "create"], "replace_paths": [["engine"]],
        "before": {"engine": "mysql", "password": "hunter2"}, "before_sensitive": {"password": true},
        "after": {"engine": "postgres", "password": "hunter3"}, "after_sensitive": {"password": true}, "after_unknown": {}}}));
    json!({"format_version": "1.2", "applyable": true, "complete": true, "errored": false, "resource_changes": changes,
        "output_changes": {"url": {"actions": ["create"], "after": "https://a.example/", "after_unknown": false}}})
}

/// An operation whose plan waits for an approval; it, and its path.
async fn waiting(server: &Server, shown: &Value) -> (Value, String) {
    let operation = server
        .create("shop", "local", &json!({"size": 1, "password": "hunter2"}))
        .await;
    let id = id(&operation);
    server.store.begin_operation(&id).await.expect("begun");
    let plan = server.keep_plan(&id, shown).await;
    planned(server, &operation, &plan).await;
    server.store.ask_approval(&id, "a-task-token").await.expect("asked");
    let path = operation["links"]["self"].as_str().expect("a path").to_owned();
    (operation, path)
}

async fn planned(server: &Server, operation: &Value, plan: &PlanSummary) {
    let record = |operation: &mut Operation| {
        operation.plan = Some(plan.clone());
        operation.verdict = Some(Verdict::ApprovalNeeded);
        operation.approval_rule = Some(ApprovalRule {
            required: 1,
            self_approval: true,
            expires_at: Timestamp::now() + SignedDuration::from_hours(1),
            remind_every_seconds: 0,
            required_by: Vec::new(),
        });
        Ok(())
    };
    server
        .store
        .update_operation(&id(operation), record)
        .await
        .expect("recorded");
}

fn addresses(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items").iter();
    items
        .map(|item| item["address"].as_str().expect("an address"))
        .collect()
}

#[tokio::test]
async fn replaced_database_is_the_first_item_of_1500() {
    let server = Server::with_blueprint().await;
    let (_, path) = waiting(&server, &shown(1_499)).await;
    let first = server.get(&format!("{path}/plan?limit=1")).await.json();
    assert_eq!(
        first,
        json!({"total": 1_501, "next": "1", "items": [{
            "subject": "resource", "action": "replace", "address": "module.data.aws_db_instance.z", "type": "aws_db_instance",
            "replace_paths": ["engine"], "replace_order": "delete_then_create",
            "attributes": [
                {"path": "engine", "before": "mysql", "after": "postgres", "forces_replacement": true},
                {"path": "password", "before_sensitive": true, "after_sensitive": true},
            ],
        }]})
    );
    let sheet = server.get(&format!("{path}/sheet")).await.json();
    assert_eq!(sheet["plan"]["first"][0], first["items"][0]);
    assert_eq!(
        (&sheet["plan"]["items"], &sheet["destroy_count"]),
        (&json!(1_501), &json!(1))
    );
    // Every item once, page after page.
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}/plan?limit=100{next}")).await.json();
        seen.extend(addresses(&page).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(after) => next = format!("&after={after}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 1_501);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 1_501);

    for (query, total, found) in [
        ("action=replace", 1, vec!["module.data.aws_db_instance.z"]),
        ("type=aws_db_instance", 1, vec!["module.data.aws_db_instance.z"]),
        ("address=aws_sqs_queue.q[1498", 1, vec!["aws_sqs_queue.q[1498]"]),
        ("subject=output", 1, vec!["url"]),
        ("action=delete", 0, vec![]),
        ("type=aws_sqs_queue&address=module.", 0, vec![]),
    ] {
        let page = server.get(&format!("{path}/plan?{query}")).await.json();
        assert_eq!((addresses(&page).len(), addresses(&page)), (total, found), "{query}");
        assert_eq!(page["next"], Value::Null, "{query}");
    }
    for (query, field) in [
        ("action=conjure", "action"),
        ("subject=x", "subject"),
        ("after=x", "after"),
        ("after=2000", "after"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
    ] {
        let refused = server.get(&format!("{path}/plan?{query}")).await;
        assert_eq!(
            (refused.status, refused.fields()),
            (400, vec![field.to_owned()]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn page_that_the_build_did_not_write_is_not_shown() {
    let server = Server::with_blueprint().await;
    let (operation, path) = waiting(&server, &shown(2)).await;
    let (stack, operation) = (operation["stack"]["id"].as_str().expect("an id"), id(&operation));
    let start = format!("/artifacts/operations/{stack}/{operation}/plan/");
    let (key, page) = {
        let fakes = server.fakes.lock().expect("not poisoned");
        let mut objects = fakes.objects.iter();
        let page = objects.find(|(key, object)| key.starts_with(&start) && object.starts_with(b"{\"items\""));
        let (key, page) = page.expect("a page");
        (key.clone(), page.clone())
    };
    let forged = String::from_utf8_lossy(&page).replace("replace", "update");
    server
        .fakes
        .lock()
        .expect("not poisoned")
        .objects
        .insert(key.clone(), forged.into());
    for path in [format!("{path}/plan"), format!("{path}/sheet")] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 409, "{path}");
        assert!(
            answer.json()["detail"].to_string().contains("artifacts bucket"),
            "{answer:?}"
        );
    }
    server.fakes.lock().expect("not poisoned").objects.remove(&key);
    assert_eq!(server.get(&format!("{path}/plan")).await.status, 404);
    // Such a plan can be rejected, without a sheet.
    let rejected = server.post(&format!("{path}/reject"), &json!({"reason": "no"})).await;
    assert_eq!(rejected.status, 202, "{rejected:?}");
    assert_eq!(server.get(&format!("{path}/sheet")).await.status, 404);
}

#[tokio::test]
async fn operation_without_a_plan_has_no_sheet() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    let path = operation["links"]["self"].as_str().expect("a path");
    for path in [format!("{path}/plan"), format!("{path}/sheet")] {
        assert_eq!(server.get(&path).await.status, 404, "{path}");
    }
    let queued = server.get(&format!("{path}/plan")).await.json();
    assert!(
        queued["detail"].to_string().contains("has no plan: its status is"),
        "{queued:#}"
    );
    // A plan of an earlier version has its counts.
    planned(&server, &operation, &PlanSummary::default()).await;
    assert_eq!(server.get(&format!("{path}/plan")).await.status, 404);
    assert_eq!(server.get(&format!("{path}/sheet")).await.status, 200);
}

#[tokio::test]
async fn release_has_no_plan_because_it_runs_no_terraform() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let release = json!({"images": {"web": image("web-1")}});
    let release = server.post(&format!("{stack}/releases"), &release).await.json();
    server.play(&release).await;
    let path = release["links"]["self"].as_str().expect("a path");
    for what in ["plan", "sheet"] {
        let answer = server.get(&format!("{path}/{what}")).await;
        assert_eq!(answer.status, 404, "{what}");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("a release does not run Terraform."), "{detail}");
    }
}

#[tokio::test]
async fn approval_quotes_the_sheet_as_it_is_now() {
    let server = Server::with_blueprint().await;
    let (operation, path) = waiting(&server, &shown(3)).await;
    let approve = format!("{path}/approve");
    let sheet = server.get(&format!("{path}/sheet")).await.json();
    assert_eq!(
        (&sheet["destroy_count"], &sheet["requested_by"]),
        (&json!(1), &json!("ann"))
    );
    assert_eq!(sheet["plan"]["first"][0]["address"], "module.data.aws_db_instance.z");
    assert_eq!(
        sheet["variables"],
        json!([{"name": "password", "sensitive": true}, {"name": "size", "after": 1}])
    );
    assert!(!sheet.to_string().contains("hunter"), "{sheet:#}");
    assert_eq!(
        (&sheet["status"], &sheet["decision"]),
        (&json!("waiting_for_approval"), &Value::Null)
    );

    let stale = |answer: &Value, hash: &Value| {
        assert_eq!(answer["type"], "urn:slipway:problem:stale-sheet", "{answer:#}");
        assert_eq!(answer["sheet"], json!({"hash": hash, "href": format!("{path}/sheet")}));
        let detail = answer["detail"].as_str().expect("a text");
        let read = format!("`slipway sheet {}`", id(&operation));
        assert!(detail.contains(&read) && !detail.contains("sha256"), "{detail}");
    };
    let other = format!("sha256:{}", "0".repeat(64));
    for body in [json!({}), json!({"sheet": other})] {
        let answer = server.post(&approve, &body).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        stale(&answer.json(), &sheet["hash"]);
    }
    let wrong = server.post(&approve, &json!({"sheet": "x"})).await;
    assert_eq!((wrong.status, wrong.fields()), (422, vec!["sheet".to_owned()]));

    // The rules change while a reader pages.
    let mut environment = server
        .store
        .environment(&"local".parse().expect("a name"))
        .await
        .expect("the environment");
    environment.approval = Approval::Always;
    environment.self_approval = true;
    server.store.put_environment(&environment).await.expect("written");
    let late = server.post(&approve, &json!({"sheet": sheet["hash"]})).await;
    assert_eq!(late.status, 409, "{late:?}");
    let now = server.get(&format!("{path}/sheet")).await.json();
    assert_ne!(now["hash"], sheet["hash"]);
    stale(&late.json(), &now["hash"]);
    assert!(server.calls("SendTaskSuccess").is_empty());
    let approved = server.post(&approve, &server.sheet(&operation).await).await;
    assert_eq!(approved.status, 202, "{approved:?}");
    let decided = server.get(&format!("{path}/sheet")).await.json();
    assert_eq!(decided["decision"], "approved");
    assert_eq!(decided["hash"], now["hash"], "the decision does not change the hash");
}

#[tokio::test]
async fn sheet_says_what_became_of_its_plan() {
    let server = Server::with_blueprint().await;
    let (operation, path) = waiting(&server, &shown(3)).await;
    let before = server.get(&format!("{path}/sheet")).await.json();
    let rejected = server.post(&format!("{path}/reject"), &json!({"reason": "no"})).await;
    assert_eq!(rejected.status, 202, "{rejected:?}");
    let sheet = server.get(&format!("{path}/sheet")).await.json();
    assert_eq!(
        (&sheet["decision"], &sheet["hash"]),
        (&json!("rejected"), &before["hash"])
    );
    let failure = Failure {
        name: "Slipway.ApprovalRejected".to_owned(),
        step: "Wait for approval".to_owned(),
        message: "ann rejected the plan: no".to_owned(),
        address: None,
    };
    let ended = server.store.finish_operation(&id(&operation), &End::of(failure)).await;
    ended.expect("ended");
    let sheet = server.get(&format!("{path}/sheet")).await.json();
    assert_eq!(
        (&sheet["status"], &sheet["decision"]),
        (&json!("discarded"), &json!("rejected"))
    );
    // The server may have died before it answered.
    let again = server.post(&format!("{path}/reject"), &json!({"reason": "no"})).await;
    assert_eq!((again.status, &again.json()["status"]), (202, &json!("discarded")));
    let other = server
        .post(&format!("{path}/reject"), &json!({"reason": "too large"}))
        .await;
    assert_eq!(other.status, 409, "{other:?}");
}

#[tokio::test]
async fn decided_plan_has_the_sheet_that_was_decided() {
    for (verb, decision) in [("approve", "approved"), ("reject", "rejected")] {
        let server = Server::with_blueprint().await;
        let (_, path) = waiting(&server, &shown(3)).await;
        let read = server.get(&format!("{path}/sheet")).await.json();
        assert_eq!(read["decided_by"], Value::Null);
        let body = if verb == "approve" {
            json!({"sheet": read["hash"]})
        } else {
            json!({"reason": "no"})
        };
        let decided = server.post(&format!("{path}/{verb}"), &body).await;
        assert_eq!(decided.status, 202, "{decided:?}");
        // As it is now, the sheet is another one.
        let name = "local".parse().expect("a name");
        let mut environment = server.store.environment(&name).await.expect("the environment");
        environment.protected = true;
        server.store.put_environment(&environment).await.expect("written");

        let kept = server.get(&format!("{path}/sheet")).await.json();
        assert_eq!(
            (&kept["decision"], &kept["decided_by"]),
            (&json!(decision), &json!("ann"))
        );
        for field in ["hash", "environment", "variables", "plan", "policies", "approval"] {
            assert_eq!(kept[field], read[field], "{verb}: {field}");
        }
        let mut audit = request(Method::GET, &format!("/v1/audit?action={verb}"), None);
        audit.extensions_mut().insert(admin());
        let audited = server.send(audit).await.json();
        assert_eq!(
            audited["items"][0]["after"],
            json!({"sheet": read["hash"]}),
            "{audited:#}"
        );

        let hash = read["hash"].as_str().expect("a hash").trim_start_matches("sha256:");
        let end = format!("/sheet/{hash}.json");
        let key = {
            let mut fakes = server.fakes.lock().expect("not poisoned");
            let key = fakes.objects.keys().find(|key| key.ends_with(&end)).cloned();
            let key = key.expect("the sheet");
            fakes.objects.insert(key.clone(), "{}".into());
            key
        };
        assert_eq!(server.get(&format!("{path}/sheet")).await.status, 409);
        server.fakes.lock().expect("not poisoned").objects.remove(&key);
        let gone = server.get(&format!("{path}/sheet")).await;
        assert_eq!(gone.status, 404, "{gone:?}");
    }
}

#[tokio::test]
async fn sheet_that_an_earlier_version_did_not_keep_is_not_shown() {
    let server = Server::with_blueprint().await;
    let (operation, path) = waiting(&server, &shown(3)).await;
    let read = server.store.operation(&id(&operation)).await.expect("recorded");
    let approved = server.store.try_approve(&read, "ann".into()).await.expect("an answer");
    assert!(approved.is_some());
    let sheet = server.get(&format!("{path}/sheet")).await;
    let detail = sheet.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(sheet.status == 404 && detail.contains("was not kept"), "{detail}");
}

#[tokio::test]
async fn approval_of_a_plan_that_is_refused_by_now_is_rejected() {
    let server = Server::with_blueprint().await;
    let (operation, path) = waiting(&server, &shown(3)).await;
    let mut environment = server
        .store
        .environment(&"local".parse().expect("a name"))
        .await
        .expect("the environment");
    environment.protected = true;
    server.store.put_environment(&environment).await.expect("written");
    let sheet = server.get(&format!("{path}/sheet")).await.json();
    let policies = sheet["policies"].as_array().expect("policies").iter();
    let refuses = policies.filter(|policy| policy["verdict"] == "refuse");
    let refuses: Vec<&Value> = refuses.map(|policy| &policy["policy"]).collect();
    assert_eq!(refuses, ["environment.protected_types"]);
    // The requester does not approve in a protected environment, so an administrator does.
    let mut approval = request(
        Method::POST,
        &format!("{path}/approve"),
        Some(&server.sheet(&operation).await),
    );
    approval.extensions_mut().insert(admin());
    let answer = server.send(approval).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("environment.protected_types"), "{detail}");
    assert!(detail.contains("module.data.aws_db_instance.z"), "{detail}");
    assert!(server.calls("SendTaskSuccess").is_empty());
}

#[tokio::test]
async fn approval_that_cannot_be_enough_by_now_is_rejected() {
    let server = Server::with_blueprint().await;
    let (operation, path) = waiting(&server, &shown(3)).await;
    let mut environment = server
        .store
        .environment(&"local".parse().expect("a name"))
        .await
        .expect("the environment");
    environment.approval = Approval::Always;
    environment.approvals_required = 3;
    environment.self_approval = true;
    server.store.put_environment(&environment).await.expect("written");
    let approve = format!("{path}/approve");
    let answer = server.post(&approve, &server.sheet(&operation).await).await;
    let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
    assert_eq!(answer.status, 409, "{detail}");
    assert!(
        detail.contains("requires 3 approvals by now, and the plan takes 1"),
        "{detail}"
    );
    assert!(server.calls("SendTaskSuccess").is_empty());
    let shown = server.get(&path).await.json();
    assert_eq!(
        (&shown["status"], &shown["approvals"]),
        (&json!("waiting_for_approval"), &json!([]))
    );

    environment.approvals_required = 1;
    environment.self_approval = false;
    server.store.put_environment(&environment).await.expect("written");
    let answer = server.post(&approve, &server.sheet(&operation).await).await;
    let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(
        answer.status == 409 && detail.contains("the approval of the requester"),
        "{detail}"
    );

    let mut approval = request(Method::POST, &approve, Some(&server.sheet(&operation).await));
    approval.extensions_mut().insert(admin());
    assert_eq!(server.send(approval).await.status, 202);
}

/// The approver sees the plan as a release beside it left it: the apply is followed by the same release.
#[tokio::test]
async fn plan_is_approved_when_the_operation_beside_it_has_ended() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let releases = format!("{path}/releases");
    let release = async |of: &str| {
        let body = json!({"images": {"web": image(of)}});
        server.post(&releases, &body).await.json()
    };
    server.play(&release("one").await).await;
    let update = server.patch(&path, &json!({"variables": {"size": 2}})).await.json();
    server.store.begin_operation(&id(&update)).await.expect("begun");
    let plan = server.keep_plan(&id(&update), &shown(1)).await;
    planned(&server, &update, &plan).await;
    server
        .store
        .ask_approval(&id(&update), "a-task-token")
        .await
        .expect("asked");
    let approve = async |sheet: &Value| {
        let path = format!("/v1/operations/{}/approve", id(&update));
        let mut approval = request(Method::POST, &path, Some(sheet));
        approval.extensions_mut().insert(admin());
        server.send(approval).await
    };
    let first = server.sheet(&update).await;
    let beside = release("two").await;
    assert_eq!(beside["status"], "starting", "{beside:#}");
    let early = approve(&first).await;
    let detail = early.json()["detail"].as_str().expect("a detail").to_owned();
    let named = format!("the operation {} of the stack runs", id(&beside));
    assert!(early.status == 409 && detail.contains(&named), "{detail}");
    assert!(server.calls("SendTaskSuccess").is_empty());

    server.play(&beside).await;
    let stale = approve(&first).await;
    assert_eq!(stale.json()["type"], "urn:slipway:problem:stale-sheet", "{stale:?}");
    assert_eq!(approve(&server.sheet(&update).await).await.status, 202);
    let late = release("three").await;
    assert_eq!((&late["status"], &late["position"]), (&json!("queued"), &json!(1)));
}
