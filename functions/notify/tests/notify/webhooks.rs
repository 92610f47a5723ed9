//! Deliveries to a receiver on loopback.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use slipway_model::notification::Notification;
use slipway_model::webhook::address::{Reach, WebhookUrl};
use slipway_model::webhook::delivery::{Delivery, DeliveryStatus};
use slipway_model::webhook::format::Format;
use slipway_model::webhook::signature::InstallationKey;
use slipway_model::webhook::{Filter, Settings, Webhook, WebhookId};
use slipway_notify::{Notifier, NotifyError};
use slipway_store::configured::Expected;
use slipway_store::webhook::{DeliveryKey, Redelivery};
use tokio::net::TcpListener;

use crate::fake::Fake;
use crate::support::{Table, name, new_stack, table};
use crate::{batch, bus, due, notifier_with};

const KEY: [u8; 32] = [9; 32];

/// A request that a receiver got.
#[derive(Debug, Clone)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: String,
}

/// How a receiver answers a request, by its number from 0.
type Script = Arc<dyn Fn(usize) -> Response + Send + Sync>;

#[derive(Clone)]
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
    script: Script,
}

impl Receiver {
    async fn start(script: impl Fn(usize) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr().expect("an address")),
            received: Arc::default(),
            script: Arc::new(script),
        };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// A receiver that fails so many times.
    async fn failing(times: usize) -> Self {
        Self::start(move |number| {
            if number < times {
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            } else {
                StatusCode::OK.into_response()
            }
        })
        .await
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().expect("a lock").clone()
    }
}

async fn receive(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let number = {
        let mut requests = receiver.received.lock().expect("a lock");
        requests.push(Received {
            path: uri.path().to_owned(),
            headers,
            body,
        });
        requests.len() - 1
    };
    if uri.path() == "/hang" {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    (receiver.script)(number)
}

/// HMAC-SHA256 as RFC 2104 writes it down: not the code under test.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::digest([&padded(0x36)[..], message].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

/// What a receiver does with a request, and the secret that it was given.
fn verify(received: &Received, secret: &str) {
    let header = |name: &str| received.headers[name].to_str().expect("a text").to_owned();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let sent: i64 = time.parse().expect("seconds");
    assert!((Timestamp::now().as_second() - sent).abs() < 60, "{time}");
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").expect("the prefix"))
        .expect("Base64");
    let expected = hmac(&key, format!("{id}.{time}.{}", received.body).as_bytes());
    let signature = header("webhook-signature");
    let given = signature.strip_prefix("v1,").expect("version 1");
    assert_eq!(STANDARD.decode(given).expect("Base64"), expected);
    assert_eq!(header("content-type"), "application/json");
}

/// The program that docs/notifications.md shows accepts what was sent, and nothing else.
fn verify_as_documented(received: &Received, secret: &str) {
    let page = include_str!("../../../../docs/notifications.md");
    let (_, program) = page.split_once("```python\n").expect("a program");
    let (program, _) = program.split_once("```").expect("its end");
    let rest = "import json, sys\nlines = sys.stdin.read().split('\\n', 2)\nverify(lines[0], json.loads(lines[1]), lines[2].encode())\n";
    let program = format!("{program}\n{rest}");
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let header = |name: &&str| {
        (
            (*name).to_owned(),
            json!(received.headers[*name].to_str().expect("a text")),
        )
    };
    let headers: serde_json::Map<String, Value> = names.iter().map(header).collect();
    let runs = |body: &str| {
        let mut python = Command::new("python3");
        let python = python
            .args(["-c", &program])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped());
        let mut python = python.spawn().expect("Python runs");
        let input = format!("{secret}\n{}\n{body}", Value::from(headers.clone()));
        let mut stdin = python.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = python.wait_with_output().expect("it ends");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (accepted, error) = runs(&received.body);
    assert!(accepted, "{error}");
    let (accepted, error) = runs(&received.body.replace("ready", "failed"));
    assert!(!accepted && error.contains("wrong signature"), "{error}");
}

struct World {
    table: Table,
    bus: Fake,
    notifier: Notifier,
}

impl World {
    /// A notifier that may reach loopback, with the key of the installation in S3.
    async fn new() -> Self {
        Self::with(Reach::PublicAndLoopback).await
    }

    async fn with(reach: Reach) -> Self {
        let table = table().await;
        let bus = bus(|_| true).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let s3 = format!("http://{}", listener.local_addr().expect("an address"));
        let object = |uri: Uri| async move {
            assert_eq!(uri.path(), "/artifacts/keys/webhooks");
            KEY.to_vec()
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(object)).await });
        let loopback = if reach == Reach::Public { "no" } else { "yes" };
        let more = [
            ("AWS_ENDPOINT_URL_S3", s3.as_str()),
            ("SLIPWAY_WEBHOOK_LOOPBACK", loopback),
        ];
        let notifier = notifier_with(&table, &bus, &more);
        Self { table, bus, notifier }
    }

    /// Adds a webhook for the first `stack.ready`; its secret.
    async fn add(&self, called: &str, url: &str, format: Format) -> (Webhook, String) {
        let webhook = Webhook {
            name: name(called),
            id: WebhookId::generate(),
            settings: Settings {
                url: WebhookUrl::parse(url, Reach::PublicAndLoopback).expect("an address"),
                format,
                filter: Filter {
                    kinds: BTreeSet::from(["stack.ready".parse().expect("a kind")]),
                    ..Filter::default()
                },
                description: String::new(),
            },
            created_by: "root".to_owned(),
            created_at: Timestamp::now(),
        };
        let put = self
            .table
            .store
            .put_webhook_if(&webhook, None, Expected::Nothing, "root");
        assert!(put.await.expect("written").is_some());
        let secret = InstallationKey::new(KEY).secret(&webhook.id).reveal();
        (webhook, secret)
    }

    /// Makes notifications and handles them as the stream brings them; the one that webhooks get.
    async fn notify(&self) -> Notification {
        self.table.ready(&new_stack("shop")).await;
        let made = due(&self.table).await;
        self.notifier.handle(batch(&made)).await.expect("sent");
        let ready = |one: &Notification| one.kind.to_string() == "stack.ready";
        made.into_iter().find(ready).expect("the stack is ready")
    }

    async fn deliveries(&self, webhook: &Webhook) -> Vec<Delivery> {
        self.table
            .store
            .deliveries(&webhook.id, 100, None)
            .await
            .expect("a page")
            .items
    }

    async fn due_at(&self, hours: i64) -> Vec<DeliveryKey> {
        let now = Timestamp::now() + SignedDuration::from_hours(hours);
        self.table
            .store
            .deliveries_due(now, 100, None)
            .await
            .expect("a page")
            .items
    }

    async fn attempt(&self, key: &DeliveryKey) -> Result<(), NotifyError> {
        self.notifier
            .handle(json!({"detail-type": "Slipway Delivery Due", "detail": key}))
            .await
    }
}

#[tokio::test]
async fn receiver_that_fails_gets_the_same_message_until_it_accepts() {
    let world = World::new().await;
    let receiver = Receiver::failing(2).await;
    let (webhook, secret) = world.add("audit", &receiver.url, Format::Json).await;
    let notification = world.notify().await;
    // The stream brings the new delivery, which gets an event of its own.
    let deliveries = world.deliveries(&webhook).await;
    assert_eq!(deliveries.len(), 1, "the filter admits one: {deliveries:?}");
    let key = DeliveryKey::of(&deliveries[0]);
    let keys = json!({"pk": {"S": format!("deliveries#{}", webhook.id)}, "sk": {"S": key.delivery}});
    let record = json!({"Records": [{"eventName": "INSERT", "dynamodb": {"Keys": keys}}]});
    world.notifier.handle(record).await.expect("requested");
    let (_, request) = world.bus.calls().pop().expect("a call");
    let entry = &request["Entries"][0];
    assert_eq!(
        (&entry["DetailType"], &entry["EventBusName"]),
        (&json!("Slipway Delivery Due"), &Value::Null)
    );
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().expect("a text")).expect("JSON");
    let event = json!({"version": "0", "source": "slipway", "detail-type": entry["DetailType"], "detail": detail});
    for attempt in 1..=2 {
        let error = world
            .notifier
            .handle(event.clone())
            .await
            .expect_err("Lambda retries it");
        assert_eq!(error.name(), "Slipway.WebhookNotDelivered");
        assert!(error.to_string().contains("503"), "{error}");
        let delivery = world.deliveries(&webhook).await.remove(0);
        assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Pending, attempt));
    }
    world.notifier.handle(event.clone()).await.expect("accepted");
    let delivery = world.deliveries(&webhook).await.remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Delivered, 3));
    let log: Vec<_> = delivery.log.iter().map(|attempt| attempt.status).collect();
    assert_eq!(log, [Some(503), Some(503), Some(200)]);
    world.notifier.handle(event).await.expect("nothing to do");

    let requests = receiver.received();
    assert_eq!(requests.len(), 3);
    verify_as_documented(&requests[2], &secret);
    for one in &requests {
        verify(one, &secret);
        assert_eq!(
            one.headers["webhook-id"].to_str().ok(),
            Some(notification.id.to_string().as_str())
        );
        let body: Notification = serde_json::from_str(&one.body).expect("a notification");
        assert_eq!(body, notification);
    }
    assert_eq!(world.due_at(48).await, []);
}

#[tokio::test]
async fn broken_receiver_is_left_to_the_sweeper_after_three_attempts() {
    let world = World::new().await;
    let receiver = Receiver::failing(3).await;
    let (webhook, _) = world.add("audit", &receiver.url, Format::Json).await;
    world.notify().await;
    let key = DeliveryKey::of(&world.deliveries(&webhook).await[0]);
    assert_eq!(world.due_at(0).await, std::slice::from_ref(&key), "at once");
    assert!(world.attempt(&key).await.is_err());
    assert!(world.attempt(&key).await.is_err());
    world.attempt(&key).await.expect("no longer Lambda's");
    assert_eq!(world.due_at(0).await, [], "not now");
    assert_eq!(world.due_at(1).await, std::slice::from_ref(&key), "later");
    world.attempt(&key).await.expect("accepted");
    assert_eq!(world.deliveries(&webhook).await[0].status, DeliveryStatus::Delivered);
}

#[tokio::test]
async fn attempts_at_the_same_time_send_once() {
    let world = World::new().await;
    let receiver = Receiver::failing(0).await;
    let (webhook, _) = world.add("audit", &receiver.url, Format::Json).await;
    world.notify().await;
    let key = DeliveryKey::of(&world.deliveries(&webhook).await[0]);
    let (a, b, c) = tokio::join!(world.attempt(&key), world.attempt(&key), world.attempt(&key));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn redelivery_is_a_delivery_of_its_own() {
    let world = World::new().await;
    let receiver = Receiver::failing(0).await;
    let (webhook, secret) = world.add("audit", &receiver.url, Format::Json).await;
    let notification = world.notify().await;
    let first = DeliveryKey::of(&world.deliveries(&webhook).await[0]);
    world.attempt(&first).await.expect("accepted");
    for number in 1..=2 {
        let requested = world
            .table
            .store
            .redeliver(&webhook, &notification, "root")
            .await
            .expect("made");
        let Redelivery::Requested(delivery) = requested else {
            panic!("{requested:?}")
        };
        assert_eq!(delivery.id.redelivery, number);
        world.attempt(&DeliveryKey::of(&delivery)).await.expect("accepted");
    }
    let requests = receiver.received();
    assert_eq!(requests.len(), 3);
    for one in &requests {
        verify(one, &secret);
        assert_eq!(
            (&one.body, &one.headers["webhook-id"]),
            (&requests[0].body, &requests[0].headers["webhook-id"])
        );
    }
    let statuses: Vec<_> = world.deliveries(&webhook).await.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [DeliveryStatus::Delivered; 3]);
}

#[tokio::test]
async fn redirect_is_a_failure_and_leads_nowhere() {
    let world = World::new().await;
    let target = Receiver::failing(0).await;
    let location = target.url.clone();
    let receiver = Receiver::start(move |_| Redirect::temporary(&location).into_response()).await;
    let (webhook, _) = world.add("audit", &receiver.url, Format::Json).await;
    world.notify().await;
    let key = DeliveryKey::of(&world.deliveries(&webhook).await[0]);
    assert!(world.attempt(&key).await.is_err());
    assert_eq!(target.received().len(), 0);
    assert_eq!(world.deliveries(&webhook).await[0].log[0].status, Some(307));
}

#[tokio::test]
async fn address_is_checked_again_before_each_attempt() {
    // The webhooks were configured where loopback is permitted; this notifier is as on AWS.
    let world = World::with(Reach::Public).await;
    let receiver = Receiver::failing(0).await;
    let (_, port) = receiver.url.trim_end_matches("/hook").rsplit_once(':').expect("a port");
    let hosts = [
        "http://127.0.0.1",
        "https://127.0.0.1",
        "https://localhost",
        "https://[::1]",
    ];
    let mut webhooks = Vec::new();
    for (number, host) in hosts.into_iter().enumerate() {
        let added = world
            .add(&format!("hook-{number}"), &format!("{host}:{port}/hook"), Format::Json)
            .await;
        webhooks.push(added.0);
    }
    world.notify().await;
    for webhook in &webhooks {
        let key = DeliveryKey::of(&world.deliveries(webhook).await[0]);
        let error = world.attempt(&key).await.expect_err("rejected").to_string();
        assert!(
            error.contains("loopback") || error.contains("internal network") || error.contains("https://"),
            "{error}"
        );
    }
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn removed_webhook_gets_nothing() {
    let world = World::new().await;
    let receiver = Receiver::failing(0).await;
    let (webhook, _) = world.add("audit", &receiver.url, Format::Json).await;
    world.notify().await;
    let key = DeliveryKey::of(&world.deliveries(&webhook).await[0]);
    let deleted = world
        .table
        .store
        .delete_webhook(&webhook.name, None, Expected::Anything, "root");
    assert!(deleted.await.expect("deleted"));
    // Another one under the same name is another one.
    world.add("audit", &receiver.url, Format::Json).await;
    world.attempt(&key).await.expect("given up");
    assert_eq!(receiver.received().len(), 0);
    assert_eq!(world.deliveries(&webhook).await[0].status, DeliveryStatus::Failed);
    assert_eq!(world.due_at(48).await, []);
}

#[tokio::test]
async fn response_is_bounded_in_size_and_time() {
    let world = World::new().await;
    // A body without an end.
    let endless = Receiver::start(|_| {
        let chunks = endless_body();
        Response::new(Body::from_stream(chunks))
    })
    .await;
    let (webhook, _) = world.add("endless", &endless.url, Format::Slack).await;
    let hanging = Receiver::failing(0).await;
    let (slow, _) = world
        .add("slow", &hanging.url.replace("/hook", "/hang"), Format::Teams)
        .await;
    world.notify().await;
    let start = Instant::now();
    let key = DeliveryKey::of(&world.deliveries(&webhook).await[0]);
    world.attempt(&key).await.expect("accepted");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let key = DeliveryKey::of(&world.deliveries(&slow).await[0]);
    let error = world.attempt(&key).await.expect_err("it hangs");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(error.to_string().contains("10 seconds"), "{error}");
    assert_eq!(hanging.received()[0].path, "/hang");
    let body: Value = serde_json::from_str(&endless.received()[0].body).expect("JSON");
    assert!(body["blocks"].is_array(), "{body}");
}

/// A stream without an end.
fn endless_body() -> impl futures::Stream<Item = Result<Vec<u8>, std::convert::Infallible>> {
    futures::stream::repeat_with(|| Ok(vec![b'x'; 1024]))
}
