//! What other accounts ask for: requests and pushes of images, against a DynamoDB and AWS services that record what they are
//! told.

#[path = "../../../crates/store/tests/store/fake.rs"]
mod fake;
#[path = "../../../crates/store/tests/store/support.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_events::{Config, EventError, Events};
use slipway_model::contract::Contract;
use slipway_model::name::Digest;
use slipway_model::operation::{OperationKind, OperationStatus};
use slipway_model::stack::Stack;
use slipway_store::finish::End;
use slipway_store::list::StackFilter;

use fake::Fake;
use support::{Table, name, table};

const MACHINE: &str = "arn:aws:states:eu-west-1:000000000000:stateMachine:slipway";
const SHOP: &str = "111122223333";
const OTHER: &str = "444455556666";
const RESULTS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results";

/// A table with an environment, a blueprint and a source account, and what AWS was told.
struct Ground {
    table: Table,
    fake: Fake,
    events: Events,
    /// Calls that fail, by action.
    broken: Arc<Mutex<Option<&'static str>>>,
}

impl Ground {
    async fn new() -> Self {
        let table = table().await;
        let broken: Arc<Mutex<Option<&'static str>>> = Arc::default();
        let down = Arc::clone(&broken);
        let fake = Fake::start(move |action, _| match action {
            _ if *down.lock().expect("a lock") == Some(action) => Err("InternalFailure"),
            "StartExecution" => Ok(json!({"executionArn": "arn", "startDate": 1.5})),
            "SendMessage" => Ok(json!({"MessageId": "1", "MD5OfMessageBody": "1"})),
            "PutEvents" => Ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})),
            _ => Err("UnknownOperationException"),
        })
        .await;
        let mut vars = table.vars.clone();
        vars.insert("AWS_ENDPOINT_URL".to_owned(), fake.url.clone());
        vars.insert("AWS_MAX_ATTEMPTS".to_owned(), "1".to_owned());
        vars.insert("SLIPWAY_STATE_MACHINE_ARN".to_owned(), MACHINE.to_owned());
        vars.insert("SLIPWAY_UNHANDLED_EVENTS_URL".to_owned(), "https://queue".to_owned());
        let config = Config::from_vars(&vars).expect("every variable");
        let events = Events::new(config, &slipway_store::aws::sdk_config(&vars));
        let ground = Self {
            table,
            fake,
            events,
            broken,
        };
        ground.configure().await;
        ground
    }

    async fn configure(&self) {
        let environment = json!({"name": "dev", "account": "000000000000", "region": "eu-west-1"});
        let environment = serde_json::from_value(environment).expect("an environment");
        self.table.store.put_environment(&environment).await.expect("written");
        for blueprint in ["web", "secret"] {
            let blueprint = json!({
                "name": blueprint, "version": "1.0.0", "digest": Digest::of(b"x"), "published_at": Timestamp::now(),
                "variables": [{"name": "size", "type": "number", "type_text": "number", "required": false, "nullable": true}],
            });
            let blueprint = serde_json::from_value(blueprint).expect("a blueprint");
            self.table.store.publish_blueprint(&blueprint).await.expect("published");
        }
        self.allow(SHOP, &["provision", "release", "destroy", "drift"]).await;
    }

    async fn allow(&self, account: &str, actions: &[&str]) {
        let source = json!({
            "account": account, "actions": actions, "blueprints": ["web"], "environments": ["dev"],
            "results": RESULTS.replace(SHOP, account),
        });
        let source = serde_json::from_value(source).expect("a source account");
        self.table.store.put_source_account(&source).await.expect("written");
    }

    async fn handle(&self, event: Value) {
        self.events.handle(event).await.expect("handled");
    }

    /// The results that were put, since the last time they were asked for.
    fn results(&self) -> Vec<Value> {
        let put = self
            .fake
            .calls()
            .into_iter()
            .filter(|(action, _)| action == "PutEvents");
        put.flat_map(|(_, request)| request["Entries"].as_array().expect("entries").clone())
            .map(|entry| {
                assert_eq!(
                    (&entry["Source"], &entry["DetailType"]),
                    (&json!("slipway"), &json!("Slipway Result"))
                );
                let mut result: Value = serde_json::from_str(entry["Detail"].as_str().expect("text")).expect("JSON");
                result["bus"] = entry["EventBusName"].clone();
                result
            })
            .collect()
    }

    fn last_result(&self) -> Value {
        self.results().pop().expect("a result")
    }

    /// The errors of the events that were set aside.
    fn set_aside(&self) -> Vec<(String, String)> {
        let sent = self
            .fake
            .calls()
            .into_iter()
            .filter(|(action, _)| action == "SendMessage");
        sent.map(|(_, request)| {
            let record: Value = serde_json::from_str(request["MessageBody"].as_str().expect("a body")).expect("JSON");
            let text = |name: &str| record["responsePayload"][name].as_str().expect("text").to_owned();
            (text("errorType"), text("errorMessage"))
        })
        .collect()
    }

    async fn stacks(&self) -> Vec<Stack> {
        let page = self.table.store.stacks(&StackFilter::default(), 100, None).await;
        page.expect("a page").items
    }

    /// Asks for the stack `shop`, which becomes ready with these services.
    async fn shop(&self, services: &[&str], subscriptions: Value) -> Stack {
        self.handle(request(
            SHOP,
            json!({
                "version": 1, "key": "shop", "action": "provision",
                "request": {"name": "shop", "blueprint": "web", "environment": "dev", "subscriptions": subscriptions},
            }),
        ))
        .await;
        let stack = self.stacks().await.pop().expect("the stack");
        let id = stack.active_operation.clone().expect("its operation");
        self.table.store.begin_operation(&id).await.expect("begun");
        let task_definition = json!({"containerDefinitions": [{"name": "app"}]});
        let services: BTreeMap<&str, Value> = services
            .iter()
            .map(|service| {
                let shape = json!({"name": service, "task_definition": task_definition, "desired_count": 1});
                (*service, shape)
            })
            .collect();
        let contract = json!({"cluster": "main", "services": services});
        let contract: Contract = serde_json::from_value(contract).expect("a contract");
        self.table
            .store
            .record_contract(&id, &contract)
            .await
            .expect("recorded");
        self.table
            .store
            .finish_operation(&id, &End::Succeeded)
            .await
            .expect("finished");
        self.table.store.stack(&stack.id).await.expect("a stack")
    }

    /// The images that a stack is asked to run, oldest release first, each as `service=digest`.
    async fn releases(&self, stack: &Stack) -> Vec<String> {
        let page = self.table.store.releases(&stack.id, 100, None).await.expect("a page");
        let shown = |release: slipway_model::release::Release| {
            let images = release.images.iter();
            let images: Vec<String> = images.map(|(service, image)| format!("{service}={image}")).collect();
            images.join(" ")
        };
        page.items.into_iter().rev().map(shown).collect()
    }
}

fn envelope(account: &str, source: &str, detail_type: &str, time: Timestamp, detail: Value) -> Value {
    json!({
        "version": "0", "id": Digest::of(time.to_string().as_bytes()).hex()[..8], "detail-type": detail_type, "source": source,
        "account": account, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": "eu-west-1", "resources": [],
        "detail": detail,
    })
}

fn request(account: &str, detail: Value) -> Value {
    envelope(
        account,
        "com.example.portal",
        "Slipway Request",
        Timestamp::now(),
        detail,
    )
}

fn provision(key: &str, called: &str) -> Value {
    json!({
        "version": 1, "key": key, "action": "provision",
        "request": {"name": called, "blueprint": "web", "environment": "dev", "variables": {"size": 2}},
    })
}

/// A push of an image so many seconds after a fixed time.
fn pushed(account: &str, repository: &str, tag: &str, image: &str, seconds: i64) -> Value {
    let time: Timestamp = "2026-11-01T12:00:00Z".parse().expect("a time");
    let detail = json!({
        "result": "SUCCESS", "repository-name": repository, "image-digest": Digest::of(image.as_bytes()), "action-type": "PUSH",
        "image-tag": tag,
    });
    envelope(
        account,
        "aws.ecr",
        "ECR Image Action",
        time + SignedDuration::from_secs(seconds),
        detail,
    )
}

fn released(repository: &str, image: &str) -> String {
    format!(
        "{SHOP}.dkr.ecr.eu-west-1.amazonaws.com/{repository}@{}",
        Digest::of(image.as_bytes())
    )
}

fn follows(repository: &str, tags: &str) -> Value {
    json!({"repository": format!("arn:aws:ecr:eu-west-1:{SHOP}:repository/{repository}"), "tags": tags})
}

#[tokio::test]
async fn a_request_is_one_operation_however_often_and_under_whatever_id_it_comes_and_its_end_is_told_once() {
    let ground = Ground::new().await;
    let detail = provision("order-1", "shop");
    let mut turned = serde_json::Map::new();
    for (field, value) in detail.as_object().expect("an object").iter().rev() {
        turned.insert(field.clone(), value.clone());
    }
    for again in [detail.clone(), turned.into(), detail.clone()] {
        ground.handle(request(SHOP, again)).await;
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
    assert_eq!(ground.results(), vec![accepted; 3], "whoever asks again has not heard");

    // The same key with another content, and another account with the same key.
    ground.handle(request(SHOP, provision("order-1", "other"))).await;
    assert_eq!(ground.last_result()["status"], "refused");
    ground.allow(OTHER, &["provision"]).await;
    ground.handle(request(OTHER, provision("order-1", "theirs"))).await;
    assert_eq!(ground.last_result()["status"], "accepted");
    assert_eq!(ground.stacks().await.len(), 2);
    assert_eq!(ground.set_aside().len(), 1);

    let store = &ground.table.store;
    store.begin_operation(&id).await.expect("begun");
    let contract = serde_json::from_value(json!({"endpoints": {"web": "https://shop"}})).expect("a contract");
    store.record_contract(&id, &contract).await.expect("recorded");
    store.finish_operation(&id, &End::Succeeded).await.expect("finished");
    let untold = store.untold_operations(100, None).await.expect("a page").items;
    assert_eq!(untold.iter().map(|one| &one.id).collect::<Vec<_>>(), [&id]);
    let ended = json!({"stateMachineArn": MACHINE, "name": id, "status": "SUCCEEDED"});
    let ended = envelope(
        "000000000000",
        "aws.states",
        "Step Functions Execution Status Change",
        Timestamp::now(),
        ended,
    );
    let before = ground.results().len();

    *ground.broken.lock().expect("a lock") = Some("PutEvents");
    ground.handle(ended.clone()).await;
    assert!(
        !store
            .untold_operations(100, None)
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
        json!({"operation": id}),
    );
    for event in [due.clone(), ended, due] {
        ground.handle(event).await;
    }
    assert_eq!(
        ground.results().len(),
        before + 2,
        "one that failed, and one that arrived"
    );
    let told = ground.last_result();
    assert_eq!(
        (&told["status"], &told["key"]),
        (&json!("succeeded"), &json!("order-1"))
    );
    assert_eq!(told["stack"]["endpoints"], json!({"web": "https://shop"}));
    assert!(
        store
            .untold_operations(100, None)
            .await
            .expect("a page")
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn a_request_of_whom_it_is_not_allowed_changes_nothing_and_is_kept_with_its_reason() {
    let ground = Ground::new().await;
    let shop = ground.shop(&["web"], json!({})).await;
    ground.allow(OTHER, &["destroy"]).await;
    let before = ground.table.items().await;
    let results = ground.results().len();
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
    let mut spoofed = request(SHOP, destroy.clone());
    spoofed["source"] = json!("aws.ecr");
    let late = SignedDuration::from_hours(8 * 24);
    let mut expected = Vec::new();
    for (event, error, reason) in [
        // Nobody has heard of the account, whatever the detail says.
        (
            request("999999999999", provision("a", "second")),
            "Slipway.EventRefused",
            "999999999999",
        ),
        (
            request("999999999999", forged.clone()),
            "Slipway.EventRefused",
            "999999999999",
        ),
        (
            request(SHOP, forged),
            "Slipway.EventRefused",
            "account: there is no such field",
        ),
        (
            request(SHOP, with("blueprint", "secret")),
            "Slipway.EventRefused",
            "blueprint `secret`",
        ),
        (
            request(SHOP, with("environment", "live")),
            "Slipway.EventRefused",
            "environment `live`",
        ),
        (
            request(SHOP, with("name", "shop")),
            "Slipway.EventRefused",
            "has this name already",
        ),
        (
            request(OTHER, provision("a", "second")),
            "Slipway.EventRefused",
            "action `provision`",
        ),
        // Allowed to destroy such stacks, but not this one: it is another's.
        (
            request(OTHER, destroy.clone()),
            "Slipway.EventRefused",
            "does not belong to the account 444455556666",
        ),
        (
            request(OTHER, by_name),
            "Slipway.EventRefused",
            "does not belong to the account",
        ),
        (spoofed, "Slipway.EventSpoofed", "aws.ecr"),
        (
            request(SHOP, json!({"version": 2, "key": "a", "action": "destroy"})),
            "Slipway.EventRefused",
            "version: there is no version 2",
        ),
        (
            request(
                SHOP,
                json!({"version": 1, "key": "a", "action": "destroy", "stack": "bobab-babad"}),
            ),
            "Slipway.EventRefused",
            "There is no stack bobab-babad",
        ),
        (
            request(
                SHOP,
                json!({"version": 1, "key": "a", "action": "provision", "request": {
                "name": "x", "blueprint": "web", "environment": "dev", "variables": {"size": "many", "colour": 1}}}),
            ),
            "Slipway.EventRefused",
            "request.variables.colour",
        ),
        (
            envelope(
                SHOP,
                "portal",
                "Slipway Request",
                Timestamp::now() - late,
                destroy.clone(),
            ),
            "Slipway.EventRefused",
            "more than 7 days ago",
        ),
        (
            envelope(SHOP, "portal", "Slipway Request", Timestamp::now() + late, destroy),
            "Slipway.EventRefused",
            "yet to come",
        ),
        (
            request(
                SHOP,
                json!({"version": 1, "key": "x".repeat(300 * 1024), "action": "destroy"}),
            ),
            "Slipway.EventRefused",
            "may have 262144",
        ),
    ] {
        ground.handle(event).await;
        let (name, message) = ground.set_aside().pop().expect("it is set aside");
        assert!(name == error && message.contains(reason), "{name} {message}");
        expected.push(name);
    }
    assert_eq!(ground.set_aside().len(), expected.len(), "each once");
    assert_eq!(ground.table.items().await, before, "nothing is written");
    let told = ground.results().split_off(results);
    assert_eq!(
        told.len(),
        expected.len() - 3,
        "all but the unknown accounts and the spoofed one are told"
    );
    assert!(told.iter().all(|result| result["status"] == "refused"), "{told:#?}");
    let wrong = told
        .iter()
        .find(|result| result["problems"].to_string().contains("request.variables.size"));
    assert!(
        wrong.is_some_and(|result| result["problems"].as_array().is_some_and(|all| all.len() == 2)),
        "{told:#?}"
    );
}

#[tokio::test]
async fn what_a_service_did_not_do_comes_again_and_a_megabyte_is_survived() {
    let ground = Ground::new().await;
    *ground.broken.lock().expect("a lock") = Some("PutEvents");
    let event = request(SHOP, provision("order-1", "shop"));
    for _ in 0..2 {
        let error = ground.events.handle(event.clone()).await.expect_err("nobody was told");
        assert!(
            matches!(&error, EventError::PutResult { bus, .. } if bus == RESULTS),
            "{error}"
        );
    }
    assert_eq!(ground.set_aside(), [], "it is not the event's fault");
    *ground.broken.lock().expect("a lock") = None;
    ground.handle(event).await;
    assert_eq!(
        (ground.stacks().await.len(), ground.fake.count("StartExecution")),
        (1, 1)
    );

    // A refusal is kept with the event: that nobody hears of it is no reason to try again.
    *ground.broken.lock().expect("a lock") = Some("PutEvents");
    ground.handle(request(SHOP, json!({"version": 7}))).await;
    let huge = json!({"version": 1, "key": "x".repeat(2 * 1024 * 1024)});
    ground.handle(request(SHOP, huge)).await;
    assert_eq!(ground.set_aside().len(), 2);
    let (_, sent) = ground.fake.calls().pop().expect("a message");
    let body = sent["MessageBody"].as_str().expect("a body");
    assert!(
        body.len() < 10_000 && body.contains("2097") && body.contains(SHOP),
        "{}",
        body.len()
    );
}

#[tokio::test]
async fn a_stack_is_released_compared_and_destroyed_by_who_asked_for_it() {
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
        ground.handle(request(SHOP, detail)).await;
        let operations = ground
            .table
            .store
            .operations(&shop.id, 1, None)
            .await
            .expect("a page")
            .items;
        assert_eq!(
            (operations[0].kind, ground.last_result()["status"].clone()),
            (kind, json!("accepted"))
        );
        assert_eq!(ground.last_result()["operation"], json!(operations[0].id));
    }
    assert_eq!(ground.set_aside(), []);
    // The two that waited are called off when the stack is gone: nobody ran them, so the sweeper is who finds them.
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
            json!({"operation": id}),
        );
        ground.handle(due).await;
        let told = ground.last_result();
        assert_eq!(
            (&told["status"], &told["failure"]["name"]),
            (&json!("failed"), &json!(failure))
        );
    }
}

#[tokio::test]
async fn pushes_in_any_order_leave_the_newest_image_of_each_service() {
    let ground = Ground::new().await;
    let subscriptions =
        json!({"web": follows("shop/app", "v*"), "worker": follows("shop/app", "v*"), "db": follows("shop/db", "*")});
    let shop = ground.shop(&["web", "worker", "db"], subscriptions).await;
    // The stack has no images yet: one service alone cannot be released.
    ground.handle(pushed(SHOP, "shop/db", "latest", "db1", 0)).await;
    assert!(ground.set_aside().pop().expect("refused").1.contains("images.web"));
    let image = |of: &str| format!("app@{}", Digest::of(of.as_bytes()));
    let first = json!({"images": {"web": image("0"), "worker": image("0"), "db": image("db0")}});
    let detail = json!({"version": 1, "key": "first", "action": "release", "stack": shop.id, "request": first});
    ground.handle(request(SHOP, detail)).await;
    let before = ground.releases(&shop).await.len();
    assert_eq!(before, 1);

    // What was pushed before somebody asked for a release is overtaken by it.
    ground.handle(pushed(SHOP, "shop/app", "v0", "0.5", 1)).await;
    assert_eq!(ground.releases(&shop).await.len(), 1);
    let now = Timestamp::now()
        .duration_since("2026-11-01T12:00:00Z".parse().expect("a time"))
        .as_secs();
    for (repository, tag, image, seconds) in [
        ("shop/app", "v2", "2", 20),
        ("shop/app", "v1", "1", 10),
        ("shop/app", "latest", "3", 30),
        ("shop/other", "v9", "9", 30),
        ("shop/db", "edge", "db2", 40),
        ("shop/app", "v2", "2", 20),
        ("shop/app", "v2.0", "2", 50),
        ("shop/app", "v3", "4", 60),
    ] {
        ground.handle(pushed(SHOP, repository, tag, image, now + seconds)).await;
    }
    let (app, db) = (|of| released("shop/app", of), |of| released("shop/db", of));
    let expected = [
        format!("db={} web={} worker={}", image("db0"), app("2"), app("2")),
        format!("db={} web={} worker={}", db("db2"), app("2"), app("2")),
        format!("db={} web={} worker={}", db("db2"), app("4"), app("4")),
    ];
    assert_eq!(ground.releases(&shop).await[1..], expected);
    let told = ground.last_result();
    assert_eq!(told["key"], format!("shop/app:v3@{}", Digest::of(b"4")));
    assert_eq!((&told["status"], &told["release"]), (&json!("accepted"), &json!(4)));

    // Not a push, not a success, no tag, and a repository of the same name elsewhere.
    for (field, value) in [("action-type", "DELETE"), ("result", "FAILURE"), ("image-tag", "")] {
        let mut event = pushed(SHOP, "shop/app", "v9", "9", now + 90);
        event["detail"][field] = json!(value);
        ground.handle(event).await;
    }
    let mut elsewhere = pushed(OTHER, "shop/app", "v9", "9", now + 90);
    elsewhere["detail"]["account"] = json!(SHOP);
    ground.handle(elsewhere).await;
    let mut spoofed = pushed(SHOP, "shop/app", "v9", "9", now + 90);
    spoofed["source"] = json!("com.example");
    ground.handle(spoofed).await;
    assert_eq!(ground.releases(&shop).await.len(), 4);
    assert_eq!(ground.set_aside().len(), 2, "the first one of all, and the spoofed one");
}

#[tokio::test]
async fn a_push_is_released_only_where_its_account_may_and_the_others_get_it_all_the_same() {
    let ground = Ground::new().await;
    ground.shop(&["web"], json!({"web": follows("shop/app", "*")})).await;
    let mut hidden = support::new_stack("hidden");
    hidden.configuration = support::configuration("secret");
    hidden.images = support::images(1);
    let subscription = serde_json::from_value(follows("shop/app", "*")).expect("a subscription");
    hidden.subscriptions = BTreeMap::from([(name("web"), subscription)]);
    let hidden = ground.table.ready(&hidden).await;
    ground.handle(pushed(SHOP, "shop/app", "v1", "1", 0)).await;
    assert_eq!(ground.releases(&hidden).await.len(), 1, "its own first one");
    let shop = ground
        .stacks()
        .await
        .into_iter()
        .find(|stack| stack.id != hidden.id)
        .expect("the shop");
    assert_eq!(
        ground.releases(&shop).await,
        [format!("web={}", released("shop/app", "1"))]
    );
    let (_, reason) = ground.set_aside().pop().expect("the event is kept for the one");
    assert!(
        reason.contains(hidden.id.to_string().as_str()) && reason.contains("blueprint `secret`"),
        "{reason}"
    );

    // A stack that is gone subscribes to nothing.
    let operation = shop.active_operation.clone();
    let store = &ground.table.store;
    let shop = store.stack(&shop.id).await.expect("a stack");
    let release = operation.or(shop.active_operation).expect("the release");
    store.begin_operation(&release).await.expect("begun");
    store.finish_operation(&release, &End::Succeeded).await.expect("ended");
    let detail = json!({"version": 1, "key": "end", "action": "destroy", "stack": shop.id});
    ground.handle(request(SHOP, detail)).await;
    let destroy = store
        .stack(&shop.id)
        .await
        .expect("a stack")
        .active_operation
        .expect("the end");
    store.begin_operation(&destroy).await.expect("begun");
    let done = store.finish_operation(&destroy, &End::Succeeded).await.expect("ended");
    assert_eq!(done.operation.status, OperationStatus::Succeeded);
    let repository = follows("shop/app", "*")["repository"]
        .as_str()
        .expect("text")
        .parse()
        .expect("a repository");
    assert_eq!(store.subscribers(&repository).await.expect("a list"), [hidden.id]);
}
