//! Requests.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_events::EventError;
use slipway_model::name::Digest;
use slipway_model::operation::OperationKind;
use slipway_model::stack::Stack;
use slipway_store::finish::End;

use crate::ground::{Ground, MACHINE, OTHER, RESULTS, SHOP, envelope, follows, provision, request, vars};
use crate::runtime_stub::Lambda;
use crate::support;

#[tokio::test]
async fn repeated_request_is_one_operation_with_one_result() {
    let ground = Ground::new().await;
    let detail = provision("order-1", "shop");
    let mut turned = serde_json::Map::new();
    for (field, value) in detail.as_object().expect("an object").iter().rev() {
        turned.insert(field.clone(), value.clone());
    }
    for again in [detail.clone(), turned.into(), detail.clone()] {
        ground.handle(request(SHOP, &again)).await;
    }
    let stacks = ground.stacks().await;
    let [stack] = stacks.as_slice() else {
        panic!("{stacks:?}")
    };
    assert_eq!(stack.owner, format!("event:{SHOP}"));
    let id = stack.active_operation.clone().expect("its operation");
    assert_eq!(ground.fake.count("StartExecution"), 1);
    let accepted = json!({
        "version": 1, "key": "order-1", "action": "provision", "status": "accepted", "operation": id, "bus": RESULTS,
        "stack": {"id": stack.id, "name": "shop", "environment": "dev"},
    });
    assert_eq!(
        ground.results(),
        vec![accepted; 3],
        "a repeated request gets its result again"
    );

    // The same key with another content, and another account with the same key.
    ground.handle(request(SHOP, &provision("order-1", "other"))).await;
    assert_eq!(ground.last_result()["status"], "refused");
    ground.allow(OTHER, &["provision"]).await;
    ground.handle(request(OTHER, &provision("order-1", "theirs"))).await;
    assert_eq!(ground.last_result()["status"], "accepted");
    assert_eq!(ground.stacks().await.len(), 2);
    assert_eq!(ground.dead_lettered().len(), 1);

    let store = &ground.table.store;
    store.begin_operation(&id).await.expect("begun");
    let contract = serde_json::from_value(json!({"endpoints": {"web": "https://shop"}})).expect("a contract");
    store.record_contract(&id, &contract).await.expect("recorded");
    store.finish_operation(&id, &End::Succeeded).await.expect("finished");
    let due = store.operations_with_result_due(100, None).await.expect("a page").items;
    assert_eq!(due.iter().map(|one| &one.id).collect::<Vec<_>>(), [&id]);
    let ended = json!({"stateMachineArn": MACHINE, "name": id, "status": "SUCCEEDED"});
    let ended = envelope(
        "000000000000",
        "aws.states",
        "Step Functions Execution Status Change",
        Timestamp::now(),
        &ended,
    );
    let before = ground.results().len();

    *ground.broken.lock().expect("a lock") = Some("PutEvents");
    ground.handle(ended.clone()).await;
    assert!(
        !store
            .operations_with_result_due(100, None)
            .await
            .expect("a page")
            .items
            .is_empty(),
        "it is still owed"
    );
    *ground.broken.lock().expect("a lock") = None;
    let due = envelope(
        "000000000000",
        "slipway",
        "Slipway Result Due",
        Timestamp::now(),
        &json!({"operation": id}),
    );
    for event in [due.clone(), ended, due] {
        ground.handle(event).await;
    }
    assert_eq!(
        ground.results().len(),
        before + 2,
        "one that failed, and one that arrived"
    );
    let result = ground.last_result();
    assert_eq!(
        (&result["status"], &result["key"]),
        (&json!("succeeded"), &json!("order-1"))
    );
    assert_eq!(result["stack"]["endpoints"], json!({"web": "https://shop"}));
    assert!(
        store
            .operations_with_result_due(100, None)
            .await
            .expect("a page")
            .items
            .is_empty()
    );
}

/// Events that are refused, each with the name of the error and a part of its reason.
fn refused(shop: &Stack) -> Vec<(Value, &'static str, &'static str)> {
    let with = |field: &str, value: &str| {
        let mut detail = provision("order-2", "second");
        detail["request"][field] = json!(value);
        detail
    };
    let mut forged = provision("order-2", "second");
    forged["account"] = json!(SHOP);
    let destroy = json!({"version": 1, "key": "d", "action": "destroy", "stack": shop.id});
    let by_name =
        json!({"version": 1, "key": "d", "action": "destroy", "stack": {"environment": "dev", "name": "shop"}});
    let mut spoofed = request(SHOP, &destroy.clone());
    spoofed["source"] = json!("aws.ecr");
    let late = SignedDuration::from_hours(8 * 24);
    let at = |time| envelope(SHOP, "portal", "Slipway Request", time, &destroy);
    vec![
        // An account that is no source account, regardless of the detail.
        (
            request("999999999999", &provision("a", "second")),
            "Slipway.EventRefused",
            "999999999999",
        ),
        (
            request("999999999999", &forged.clone()),
            "Slipway.EventRefused",
            "999999999999",
        ),
        (
            request(SHOP, &forged),
            "Slipway.EventRefused",
            "account: there is no such field",
        ),
        (
            request(SHOP, &with("blueprint", "secret")),
            "Slipway.EventRefused",
            "blueprint `secret`",
        ),
        (
            request(SHOP, &with("environment", "live")),
            "Slipway.EventRefused",
            "environment `live`",
        ),
        (
            request(SHOP, &with("name", "shop")),
            "Slipway.EventRefused",
            "The name `shop` is taken in the environment `dev`",
        ),
        (
            request(OTHER, &provision("a", "second")),
            "Slipway.EventRefused",
            "action `provision`",
        ),
        // Allowed to destroy such stacks, but not this one: it is another's.
        (
            request(OTHER, &destroy.clone()),
            "Slipway.EventRefused",
            "does not belong to the account 444455556666",
        ),
        (
            request(OTHER, &by_name),
            "Slipway.EventRefused",
            "does not belong to the account",
        ),
        (spoofed, "Slipway.EventSpoofed", "aws.ecr"),
        (
            request(SHOP, &json!({"version": 2, "key": "a", "action": "destroy"})),
            "Slipway.EventRefused",
            "version: there is no version 2",
        ),
        (
            request(
                SHOP,
                &json!({"version": 1, "key": "a", "action": "destroy", "stack": "bobab-babad"}),
            ),
            "Slipway.EventRefused",
            "There is no stack bobab-babad",
        ),
        (
            request(
                SHOP,
                &json!({"version": 1, "key": "a", "action": "provision", "request": {
                "name": "x", "blueprint": "web", "environment": "dev", "variables": {"size": "many", "colour": 1}}}),
            ),
            "Slipway.EventRefused",
            "request.variables.colour",
        ),
        (
            at(Timestamp::now() - late),
            "Slipway.EventRefused",
            "more than 7 days ago",
        ),
        (at(Timestamp::now() + late), "Slipway.EventRefused", "yet to come"),
        (
            request(
                SHOP,
                &json!({"version": 1, "key": "x".repeat(300 * 1024), "action": "destroy"}),
            ),
            "Slipway.EventRefused",
            "may have 262144",
        ),
    ]
}

#[tokio::test]
async fn forbidden_request_changes_nothing_and_is_dead_lettered() {
    let ground = Ground::new().await;
    let shop = ground.shop(&["web"], json!({})).await;
    ground.allow(OTHER, &["destroy"]).await;
    let before = ground.table.items().await;
    let results = ground.results().len();
    let mut expected = Vec::new();
    for (event, error, reason) in refused(&shop) {
        ground.handle(event).await;
        let (name, message) = ground.dead_lettered().pop().expect("it is dead-lettered");
        assert!(name == error && message.contains(reason), "{name} {message}");
        expected.push(name);
    }
    assert_eq!(ground.dead_lettered().len(), expected.len(), "each once");
    assert_eq!(ground.table.items().await, before, "nothing is written");
    let sent = ground.results().split_off(results);
    assert_eq!(
        sent.len(),
        expected.len() - 3,
        "all but the unknown accounts and the spoofed one get a result"
    );
    assert!(sent.iter().all(|result| result["status"] == "refused"), "{sent:#?}");
    let wrong = sent
        .iter()
        .find(|result| result["problems"].to_string().contains("request.variables.size"));
    assert!(
        wrong.is_some_and(|result| result["problems"].as_array().is_some_and(|all| all.len() == 2)),
        "{sent:#?}"
    );
}

#[tokio::test]
async fn policies_about_registries_hold_for_requests_by_event() {
    let ground = Ground::new().await;
    let ours = format!("{SHOP}.dkr.ecr.eu-west-1.amazonaws.com");
    let only = format!(
        "forbid (principal, action in Action::\"request\", resource) unless {{ [\"{ours}\"].containsAll(context.registries) }};"
    );
    ground.put_policy("registries", &only).await;
    let shop = ground.shop(&["web"], json!({"web": follows("shop/web", "*")})).await;
    assert!(
        ground.dead_lettered().is_empty(),
        "a repository that the policy permits"
    );

    let evil = "999999999999.dkr.ecr.us-east-1.amazonaws.com/evil/web";
    let image = format!("{evil}@{}", Digest::of(b"evil"));
    let subscription = json!({"repository": "arn:aws:ecr:us-east-1:999999999999:repository/evil/web", "tags": "*"});
    let mut subscribes = provision("subscribes", "second");
    subscribes["request"]["subscriptions"] = json!({"web": subscription});
    let mut runs = provision("runs", "third");
    runs["request"]["images"] = json!({"web": image});
    let releases = json!({
        "version": 1, "key": "releases", "action": "release", "stack": shop.id, "request": {"images": {"web": image}},
    });
    for (index, detail) in [subscribes, runs, releases].iter().enumerate() {
        ground.handle(request(SHOP, detail)).await;
        let refused = ground.dead_lettered();
        let (error, message) = refused.last().expect("it is dead-lettered");
        assert_eq!(
            (error.as_str(), refused.len()),
            ("Slipway.EventRefused", index + 1),
            "{detail}"
        );
        assert!(message.contains("the policy `registries` forbids"), "{message}");
    }
    assert_eq!(ground.stacks().await.len(), 1);
}

#[tokio::test]
async fn unanswered_calls_are_retried_and_large_events_cut() {
    let ground = Ground::new().await;
    *ground.broken.lock().expect("a lock") = Some("PutEvents");
    let event = request(SHOP, &provision("order-1", "shop"));
    for _ in 0..2 {
        let error = ground
            .events
            .handle(event.clone())
            .await
            .expect_err("the result was not sent");
        assert!(
            matches!(&error, EventError::PutResult { bus, .. } if bus == RESULTS),
            "{error}"
        );
    }
    assert_eq!(ground.dead_lettered(), [], "it is not the event's fault");
    *ground.broken.lock().expect("a lock") = None;
    ground.handle(event).await;
    assert_eq!(
        (ground.stacks().await.len(), ground.fake.count("StartExecution")),
        (1, 1)
    );

    // The dead-lettered event keeps the rejection, so a lost result is not retried.
    *ground.broken.lock().expect("a lock") = Some("PutEvents");
    ground.handle(request(SHOP, &json!({"version": 7}))).await;
    let huge = json!({"version": 1, "key": "x".repeat(2 * 1024 * 1024)});
    ground.handle(request(SHOP, &huge)).await;
    assert_eq!(ground.dead_lettered().len(), 2);
    let (_, sent) = ground.fake.calls().pop().expect("a message");
    let body = sent["MessageBody"].as_str().expect("a body");
    assert!(
        body.len() < 10_000 && body.contains("2097") && body.contains(SHOP),
        "{}",
        body.len()
    );
}

#[tokio::test]
async fn owner_releases_checks_and_destroys_its_stack() {
    let ground = Ground::new().await;
    let shop = ground.shop(&["web"], json!({})).await;
    let image = format!("web@{}", Digest::of(b"2"));
    let named = json!({"environment": "dev", "name": "shop"});
    for (detail, kind) in [
        (
            json!({"version": 1, "key": "1", "action": "release", "stack": named, "request": {"images": {"web": image}}}),
            OperationKind::Release,
        ),
        (
            json!({"version": 1, "key": "2", "action": "drift", "stack": shop.id}),
            OperationKind::Drift,
        ),
        (
            json!({"version": 1, "key": "3", "action": "destroy", "stack": shop.id}),
            OperationKind::Destroy,
        ),
    ] {
        ground.handle(request(SHOP, &detail)).await;
        let operations = ground
            .table
            .store
            .operations(&shop.id, 1, None)
            .await
            .expect("a page")
            .items;
        assert_eq!(
            (operations[0].kind(), ground.last_result()["status"].clone()),
            (kind, json!("accepted"))
        );
        assert_eq!(ground.last_result()["operation"], json!(operations[0].id));
    }
    assert_eq!(ground.dead_lettered(), []);
    // The destroy cancels the two queued ones. They had no execution, so the sweeper finds them.
    let store = &ground.table.store;
    let release = store
        .stack(&shop.id)
        .await
        .expect("a stack")
        .active_operation
        .expect("the release");
    store.begin_operation(&release).await.expect("begun");
    store
        .finish_operation(&release, &End::Failed(support::failure("Slipway.MigrationFailed")))
        .await
        .expect("ended");
    let drift = store
        .stack(&shop.id)
        .await
        .expect("a stack")
        .active_operation
        .expect("the look");
    let cancelled = End::Cancelled(support::failure("Slipway.Cancelled"));
    store.finish_operation(&drift, &cancelled).await.expect("ended");
    for (id, failure) in [(release, "Slipway.MigrationFailed"), (drift, "Slipway.Cancelled")] {
        let due = envelope(
            "000000000000",
            "slipway",
            "Slipway Result Due",
            Timestamp::now(),
            &json!({"operation": id}),
        );
        ground.handle(due).await;
        let result = ground.last_result();
        assert_eq!(
            (&result["status"], &result["failure"]["name"]),
            (&json!("failed"), &json!(failure))
        );
    }
}

/// As over HTTPS: a request is rejected of which something would be lost.
#[tokio::test]
async fn request_that_would_lose_a_digit_or_a_field_is_refused() {
    let ground = Ground::new().await;
    let event = |written: &str| {
        let text = request(SHOP, &provision("order-1", "shop")).to_string();
        assert!(text.contains("{\"size\":2}"), "{text}");
        text.replace("{\"size\":2}", written)
    };
    for (written, says) in [
        ("{\"size\":0.12345678901234567890123}", "0.12345678901234567890123"),
        ("{\"size\":1,\"size\":2}", "`size` stands here twice"),
    ] {
        ground.events.handle_text(&event(written)).await.expect("dead-lettered");
        let result = ground.last_result();
        assert_eq!(
            (&result["status"], &result["key"]),
            (&json!("refused"), &json!("order-1"))
        );
        let (_, reason) = ground.dead_lettered().pop().expect("it is kept");
        assert!(reason.contains(says), "{reason}");
    }
    assert_eq!(ground.stacks().await.len(), 0);
    ground
        .events
        .handle_text(&event("{\"size\":2}"))
        .await
        .expect("handled");
    assert_eq!(ground.last_result()["status"], "accepted");
}

/// The text of an event reaches the handler of the binary.
#[tokio::test]
async fn binary_handles_the_event_that_lambda_brings() {
    let ground = Ground::new().await;
    let vars = vars(&ground.table, &ground.fake);
    let mut lambda = Lambda::start(env!("CARGO_BIN_EXE_slipway-events"), &vars).await;
    let event = request(SHOP, &provision("order-1", "shop"));
    assert_eq!(lambda.invoke(event).await, Ok(Value::Null));
    assert_eq!(ground.stacks().await.len(), 1);
}
