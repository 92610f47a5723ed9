//! Pushes of images.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use slipway_events::EventError;
use slipway_model::name::Digest;
use slipway_model::operation::OperationStatus;
use slipway_model::operation::work::Work;
use slipway_model::request::Patch;
use slipway_model::stack::Stack;
use slipway_store::finish::End;

use crate::fake::Fake;
use crate::ground::{Ground, OTHER, SHOP, events, follows, pushed, released, request};
use crate::support::{self, name};

#[tokio::test]
async fn pushes_in_any_order_leave_the_newest_image_of_each_service() {
    let ground = Ground::new().await;
    let subscriptions =
        json!({"web": follows("shop/app", "v*"), "worker": follows("shop/app", "v*"), "db": follows("shop/db", "*")});
    let shop = ground.shop(&["web", "worker", "db"], subscriptions).await;
    // The stack has no images yet: one service alone cannot be released.
    ground.handle(pushed(SHOP, "shop/db", "latest", "db1", 0)).await;
    assert!(ground.dead_lettered().pop().expect("refused").1.contains("images.web"));
    let image = |of: &str| format!("app@{}", Digest::of(of.as_bytes()));
    let first = json!({"images": {"web": image("0"), "worker": image("0"), "db": image("db0")}});
    let detail = json!({"version": 1, "key": "first", "action": "release", "stack": shop.id, "request": first});
    ground.handle(request(SHOP, &detail)).await;
    let before = ground.releases(&shop).await.len();
    assert_eq!(before, 1);

    // A push from before a requested release is older than that release.
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
    let result = ground.last_result();
    assert_eq!(result["key"], format!("shop/app:v3@{}", Digest::of(b"4")));
    assert_eq!((&result["status"], &result["release"]), (&json!("accepted"), &json!(4)));

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
    assert_eq!(
        ground.dead_lettered().len(),
        2,
        "the first one of all, and the spoofed one"
    );
}

/// So many seconds that a push is later than the images which stacks of these tests have.
const LATER: i64 = 10 * 365 * 24 * 3600;

/// A push of the image that a service runs, under another tag, releases nothing: whether the subscription came with the request for the
/// stack or with an update.
#[tokio::test]
async fn push_of_the_image_that_runs_is_not_released_again() {
    let ground = Ground::new().await;
    let store = &ground.table.store;
    let follow = || serde_json::from_value(follows("shop/app", "*")).expect("a subscription");
    let mut new = support::new_stack("created");
    new.images = BTreeMap::from([(name("web"), released("shop/app", "1").parse().expect("an image"))]);
    new.subscriptions = BTreeMap::from([(name("web"), follow())]);
    let created = ground.table.ready(&new).await;

    new.name = name("updated");
    new.subscriptions.clear();
    let updated = ground.table.ready(&new).await;
    let patch = Patch {
        subscriptions: BTreeMap::from([(name("web"), Some(follow()))]),
        ..Patch::default()
    };
    let update = support::request(Work::update(Some(patch)), &updated);
    let update = support::created(
        store
            .create_operation(&update, None, support::answer)
            .await
            .expect("it"),
    );
    store.begin_operation(&update.id).await.expect("begun");
    store
        .finish_operation(&update.id, &End::Succeeded)
        .await
        .expect("ended");

    for (image, seconds) in [("1", LATER), ("0", 0)] {
        ground.handle(pushed(SHOP, "shop/app", "again", image, seconds)).await;
        for stack in [&created, &updated] {
            assert_eq!(ground.releases(stack).await.len(), 1, "{} {image}", stack.name);
        }
    }
    let known = store.stack(&updated.id).await.expect("it").subscriptions;
    let newest = known[&name("web")].newest.as_ref().expect("an image");
    assert_eq!(newest.digest, Digest::of(b"1"));
}

/// A stack that subscribes to the shop's image, of a blueprint that the account may not use.
async fn hidden(ground: &Ground) -> Stack {
    let mut hidden = support::new_stack("hidden");
    hidden.configuration = support::configuration("secret");
    hidden.images = support::images(1);
    let subscription = serde_json::from_value(follows("shop/app", "*")).expect("a subscription");
    hidden.subscriptions = BTreeMap::from([(name("web"), subscription)]);
    ground.table.ready(&hidden).await
}

#[tokio::test]
async fn push_is_released_only_in_stacks_that_its_account_may_release() {
    let ground = Ground::new().await;
    ground.shop(&["web"], json!({"web": follows("shop/app", "*")})).await;
    let hidden = hidden(&ground).await;
    ground.handle(pushed(SHOP, "shop/app", "v1", "1", LATER)).await;
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
    let (_, reason) = ground.dead_lettered().pop().expect("the event is kept for the one");
    assert!(
        reason.contains(hidden.id.to_string().as_str()) && reason.contains("blueprint `secret`"),
        "{reason}"
    );

    // A destroyed stack subscribes to nothing.
    let operation = shop.active_operation.clone();
    let store = &ground.table.store;
    let shop = store.stack(&shop.id).await.expect("a stack");
    let release = operation.or(shop.active_operation).expect("the release");
    store.begin_operation(&release).await.expect("begun");
    store.finish_operation(&release, &End::Succeeded).await.expect("ended");
    let detail = json!({"version": 1, "key": "end", "action": "destroy", "stack": shop.id});
    ground.handle(request(SHOP, &detail)).await;
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

#[tokio::test]
async fn policies_decide_about_pushes() {
    let ground = Ground::new().await;
    let store = &ground.table.store;
    let shop = ground.shop(&["web"], json!({"web": follows("shop/app", "*")})).await;
    // By default in stacks of every owner.
    let payments = "team:payments".parse().expect("an owner");
    store
        .transfer_stack(&shop, &payments, "root")
        .await
        .expect("transferred");
    ground.handle(pushed(SHOP, "shop/app", "v1", "1", LATER)).await;
    assert_eq!(ground.releases(&shop).await.len(), 1);
    let release = store.stack(&shop.id).await.expect("a stack").active_operation;
    let release = store.operation(&release.expect("the release")).await.expect("it");
    let permitted = serde_json::to_value(release.permitted).expect("JSON");
    let registry = format!("{SHOP}.dkr.ecr.eu-west-1.amazonaws.com");
    let images = json!({"registries": [registry], "repositories": [format!("{registry}/shop/app")]});
    let event = format!("event:{SHOP}");
    assert_eq!(
        permitted,
        json!({"principal": {"name": event}, "facts": {"images": images, "pushed": true}})
    );

    let forbids = "forbid (principal is Account, action in Action::\"request\", resource);";
    ground.put_policy("freeze", forbids).await;
    ground.handle(pushed(SHOP, "shop/app", "v2", "2", LATER + 10)).await;
    assert_eq!(ground.releases(&shop).await.len(), 1);
    let (error, reason) = ground.dead_lettered().pop().expect("it is denied");
    assert_eq!(error, "Slipway.EventRefused");
    assert!(reason.contains("`freeze` forbids `request-release`"), "{reason}");
}

#[tokio::test]
async fn retried_push_resends_its_result_and_reports_rejection_once() {
    let ground = Ground::new().await;
    let shop = ground.shop(&["web"], json!({"web": follows("shop/app", "*")})).await;
    hidden(&ground).await;
    *ground.broken.lock().expect("a lock") = Some("PutEvents");
    let event = pushed(SHOP, "shop/app", "v1", "1", LATER);
    let error = ground
        .events
        .handle(event.clone())
        .await
        .expect_err("the result was not sent");
    assert!(matches!(error, EventError::PutResult { .. }), "{error}");
    *ground.broken.lock().expect("a lock") = None;
    let before = ground.results().len();
    ground.handle(event.clone()).await;
    let sent = ground.results().split_off(before);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(
        (&sent[0]["status"], &sent[0]["release"]),
        (&json!("accepted"), &json!(1))
    );
    assert_eq!(ground.releases(&shop).await.len(), 1);
    // A redriven event is judged by the present state, after the cause of the rejection was removed.
    let (store, account) = (&ground.table.store, SHOP.parse().expect("an account"));
    let mut source = store.source_account(&account).await.expect("the account");
    source.blueprints.insert(name("secret"));
    store.put_source_account(&source).await.expect("written");
    ground.handle(event).await;
    let (_, reason) = ground.dead_lettered().pop().expect("the event is kept for the one");
    assert!(reason.contains("has no services yet"), "{reason}");
    let sent = ground.results().split_off(before);
    assert!(sent.iter().all(|result| result["status"] == "accepted"), "{sent:?}");
}

/// Hundreds of stacks may follow a repository, and the function has half a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_stacks_are_seen_to_at_once() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let ground = Ground::new().await;
    for called in ["a", "b", "c"] {
        let mut new = support::new_stack(called);
        let subscription = serde_json::from_value(follows("shop/app", "*")).expect("a subscription");
        new.subscriptions = BTreeMap::from([(name("web"), subscription)]);
        ground.table.provisioning(&new).await;
    }
    // Each of them is refused, and EventBridge takes its time to hear of it.
    let slow = Fake::start(|_, _| {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(200));
        NOW.fetch_sub(1, Ordering::SeqCst);
        Ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))
    })
    .await;
    let events = events(&ground.table, &slow);
    let event = pushed(SHOP, "shop/app", "v1", "1", 0);
    events.handle(event).await.expect("handled");
    assert_eq!(slow.count("PutEvents"), 3);
    assert!(MOST.load(Ordering::SeqCst) > 1, "one after the other");
}
