//! Notifications over a DynamoDB, with EventBridge as each test says.

#[path = "../../../../crates/store/tests/store/fake.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod fake;
#[path = "../../../../crates/store/tests/store/support.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod support;

mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use slipway_model::notification::{Notification, NotificationId};
use slipway_notify::{Config, Notifier};
use slipway_recording::recorded;

use fake::Fake;
use support::{Table, new_stack, table};

const BUS: &str = "slipway";

fn notifier(table: &Table, fake: &Fake) -> Notifier {
    notifier_with(table, fake, &[])
}

/// Likewise, with more environment variables.
fn notifier_with(table: &Table, fake: &Fake, more: &[(&str, &str)]) -> Notifier {
    let mut vars = table.vars.clone();
    vars.extend(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    vars.insert("SLIPWAY_ARTIFACTS_BUCKET".to_owned(), "artifacts".to_owned());
    vars.insert("AWS_ENDPOINT_URL".to_owned(), fake.url.clone());
    vars.insert("SLIPWAY_EVENT_BUS".to_owned(), BUS.to_owned());
    let sdk = recorded("NotifyFunction", &slipway_aws::sdk_config(&vars));
    Notifier::new(Config::from_vars(&vars).expect("every variable"), &sdk)
}

/// An EventBridge that accepts what this says of the entry's place in the request.
async fn bus(accepts: impl Fn(usize) -> bool + Send + Sync + 'static) -> Fake {
    Fake::start(move |action, body| match action {
        "PutEvents" => {
            let entries = body["Entries"].as_array().expect("entries").iter().enumerate();
            let entries = entries.map(|(place, _)| {
                if accepts(place) {
                    json!({"EventId": place.to_string()})
                } else {
                    json!({"ErrorCode": "InternalException", "ErrorMessage": "again"})
                }
            });
            Ok(json!({"FailedEntryCount": 0, "Entries": entries.collect::<Vec<_>>()}))
        }
        _ => Err("UnknownOperationException"),
    })
    .await
}

/// The batch that the stream of the table has for these.
fn batch(due: &[Notification]) -> Value {
    let records = due.iter().map(|one| {
        let keys = json!({
            "pk": {"S": format!("notifications#{}", one.subject)}, "sk": {"S": format!("{:020}", one.sequence)},
        });
        json!({
            "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "dynamodb": {"Keys": keys, "SequenceNumber": "1", "StreamViewType": "KEYS_ONLY"},
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

async fn due(table: &Table) -> Vec<Notification> {
    table.store.notifications_due(100, None).await.expect("a page").items
}

/// The details that were sent.
fn sent(fake: &Fake) -> Vec<Notification> {
    let calls = fake.calls().into_iter();
    let entries = calls.flat_map(|(_, body)| body["Entries"].as_array().expect("entries").clone());
    entries
        .map(|entry| {
            assert_eq!(
                (&entry["Source"], &entry["DetailType"], &entry["EventBusName"]),
                (&json!("slipway"), &json!("Slipway Notification"), &json!(BUS))
            );
            serde_json::from_str(entry["Detail"].as_str().expect("a text")).expect("a notification")
        })
        .collect()
}

#[tokio::test]
async fn stream_sends_each_notification_once_and_in_order() {
    let table = table().await;
    let fake = bus(|_| true).await;
    let notifier = notifier(&table, &fake);
    table.ready(&new_stack("shop")).await;
    let made = due(&table).await;
    assert_eq!(made.len(), 5);
    notifier.handle(batch(&made)).await.expect("sent");
    assert_eq!(sent(&fake), made);
    assert_eq!(due(&table).await, []);
    notifier.handle(batch(&made)).await.expect("nothing to do");
    assert_eq!(sent(&fake).len(), 5, "the batch came twice");
}

#[tokio::test]
async fn refused_notification_stays_due_and_is_sent_again() {
    let table = table().await;
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let fake = bus(move |place| place != 2 || !is_broken.load(Ordering::Relaxed)).await;
    let notifier = notifier(&table, &fake);
    table.ready(&new_stack("shop")).await;
    let made = due(&table).await;
    let error = notifier.handle(batch(&made)).await.expect_err("one is refused");
    assert_eq!(error.name(), "Slipway.NotificationNotSent");
    let left = due(&table).await;
    assert_eq!(left, [made[2].clone()]);
    broken.store(false, Ordering::Relaxed);
    let event = json!({
        "version": "0", "id": "1", "source": "slipway", "detail-type": "Slipway Notification Due",
        "account": "000000000000", "detail": {"notification": left[0].id},
    });
    notifier.handle(event).await.expect("sent");
    assert_eq!(due(&table).await, []);
    assert_eq!(sent(&fake).last(), Some(&made[2]));
}

#[tokio::test]
async fn expired_and_foreign_items_are_ignored() {
    let table = table().await;
    let fake = bus(|_| true).await;
    let notifier = notifier(&table, &fake);
    let gone: NotificationId = "lusab-babad-7".parse().expect("an ID");
    let due = json!({"detail-type": "Slipway Notification Due", "detail": {"notification": gone}});
    notifier.handle(due).await.expect("nothing to do");
    let keys = json!({"pk": {"S": "stack#lusab-babad"}, "sk": {"S": "stack"}});
    let foreign = json!({"Records": [{"eventName": "INSERT", "dynamodb": {"Keys": keys}}]});
    notifier.handle(foreign).await.expect("nothing to do");
    assert_eq!(fake.calls(), []);
    for unreadable in [
        json!({}),
        json!({"detail-type": "Slipway Request", "detail": {}}),
        json!([]),
    ] {
        let error = notifier.handle(unreadable).await.expect_err("not an event of ours");
        assert_eq!(error.name(), "Slipway.EventUnreadable");
    }
}
