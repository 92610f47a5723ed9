//! Settings, signatures and deliveries.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::address::Reach;
use super::delivery::{Attempt, Delivery, DeliveryId, DeliveryStatus, TRIED};
use super::format::Format;
use super::signature::InstallationKey;
use super::{Settings, WebhookId};
use crate::fields::Fields;
use crate::notification::Notification;

#[test]
fn settings_name_every_wrong_field() {
    let read = |body: Value| {
        let Value::Object(body) = body else { panic!("an object") };
        Settings::read(Fields::new(body), Reach::Public)
    };
    let fields = |body| {
        let problems = read(body).expect_err("wrong").into_iter();
        problems.map(|problem| problem.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(json!({})), ["url"]);
    assert_eq!(
        fields(json!({
            "url": "https://169.254.169.254/", "format": "xml", "kinds": ["operation.failed", "operation.exploded"],
            "environments": ["No Name"], "stacks": ["shop"], "description": 1, "secret": "x",
        })),
        [
            "url",
            "format",
            "kinds[1]",
            "environments[0]",
            "stacks[0]",
            "description",
            "secret"
        ]
    );
    let problems = read(json!({"url": "https://10.0.0.1/"})).expect_err("private");
    assert!(
        problems[0].detail.contains("10.0.0.1") && problems[0].detail.contains("private"),
        "{problems:?}"
    );
    assert!(problems[0].remedy.contains("https://"), "{problems:?}");
    let all = read(json!({"url": "https://hooks.example.com/"})).expect("settings");
    assert_eq!((all.format, all.filter.kinds.len()), (Format::Json, 0));
}

/// HMAC-SHA256 as RFC 2104 writes it down: not the code under test.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::digest([&padded(0x36)[..], message].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

#[test]
fn receiver_verifies_a_signature_with_the_secret_that_was_shown() {
    let key = InstallationKey::new([7; 32]);
    let (one, other) = (WebhookId::generate(), WebhookId::generate());
    let secret = key.secret(&one);
    let shown = secret.reveal();
    let time = Timestamp::from_second(1_800_000_000).expect("a time");
    let signed = secret.sign("op-1-3", time, b"{\"a\": 1}");
    // What a receiver does.
    let bytes = STANDARD
        .decode(shown.strip_prefix("whsec_").expect("the prefix"))
        .expect("Base64");
    let expected = hmac(&bytes, b"op-1-3.1800000000.{\"a\": 1}");
    assert_eq!(signed, format!("v1,{}", STANDARD.encode(expected)));
    assert_ne!(key.secret(&other).reveal(), shown);
    assert_eq!(
        InstallationKey::read(key.as_bytes())
            .expect("a key")
            .secret(&one)
            .reveal(),
        shown
    );
    assert_ne!(InstallationKey::new([8; 32]).secret(&one).reveal(), shown);
    assert!(InstallationKey::read(b"short").is_err());
    assert!(!format!("{key:?}{secret:?}").contains('7'));
    assert_eq!(one.to_string().parse(), Ok(one));
}

/// A notification with this text wherever people choose one.
pub(super) fn notification(hostile: &str) -> Notification {
    serde_json::from_value(json!({
        "version": 1, "id": "op-01kaj3v9mz5x0q8r2t4w6y7z9a-4", "kind": "operation.failed", "time": "2026-11-29T10:00:00Z",
        "subject": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "sequence": 4, "status": "failed", "previous": "running",
        "stack": {
            "id": "lusab-babad", "name": "shop", "environment": "live", "owner": hostile, "blueprint": "web", "version": "1.0.0",
        },
        "operation": {"id": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "kind": "update", "requester": hostile},
        "failure": {"name": "Slipway.ApplyFailed", "step": "Apply", "message": hostile},
    }))
    .expect("a notification")
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minutes).expect("a time")
}

#[test]
fn delivery_is_tried_for_a_day_with_growing_pauses() {
    let made = notification("ada");
    let mut delivery = Delivery::new(
        (&WebhookId::generate(), &"chat".parse().expect("a name")),
        &made,
        0,
        at(0),
    );
    let (mut now, mut pauses) = (at(0), Vec::new());
    while delivery.status == DeliveryStatus::Pending {
        delivery.begin(now);
        let next = delivery
            .next_attempt_at
            .expect("an attempt is repeated if its program dies");
        pauses.push(next.duration_since(now));
        delivery.end(Attempt {
            at: now,
            status: Some(503),
            error: None,
        });
        now = next;
    }
    assert_eq!(delivery.status, DeliveryStatus::Failed);
    assert_eq!(delivery.next_attempt_at, None);
    assert!(pauses.is_sorted(), "{pauses:?}");
    let tried = now.duration_since(at(0));
    assert!(
        tried > TRIED && tried < TRIED + SignedDuration::from_hours(3),
        "{tried:?}"
    );
    assert!((12..40).contains(&delivery.attempts), "{}", delivery.attempts);
    assert!(delivery.log.len() <= 20);
}

#[test]
fn accepted_delivery_ends() {
    let made = notification("ada");
    for (status, accepted) in [
        (200, true),
        (204, true),
        (299, true),
        (301, false),
        (400, false),
        (410, false),
        (500, false),
    ] {
        let mut delivery = Delivery::new(
            (&WebhookId::generate(), &"chat".parse().expect("a name")),
            &made,
            0,
            at(0),
        );
        delivery.begin(at(0));
        delivery.end(Attempt {
            at: at(0),
            status: Some(status),
            error: None,
        });
        assert_eq!(delivery.status == DeliveryStatus::Delivered, accepted, "{status}");
        assert_eq!(delivery.next_attempt_at.is_none(), accepted, "{status}");
    }
    let id: DeliveryId = "lusab-babad-3.2".parse().expect("an ID");
    assert_eq!((id.redelivery, id.to_string().as_str()), (2, "lusab-babad-3.2"));
    for wrong in ["lusab-babad-3.0", "lusab-babad-3.", "lusab-babad", "lusab-babad-3.01"] {
        assert!(wrong.parse::<DeliveryId>().is_err(), "{wrong}");
    }
}

#[test]
fn filter_admits_what_satisfies_every_list() {
    let made = notification("ada");
    let filter = |kinds: &[&str], environments: &[&str], stacks: &[&str]| super::Filter {
        kinds: kinds.iter().map(|kind| kind.parse().expect("a kind")).collect(),
        environments: environments.iter().map(|name| name.parse().expect("a name")).collect(),
        stacks: stacks
            .iter()
            .map(|id| id.parse().expect("an ID"))
            .collect::<BTreeSet<_>>(),
    };
    assert!(filter(&[], &[], &[]).admits(&made));
    assert!(filter(&["operation.failed", "stack.drifted"], &["live"], &["lusab-babad"]).admits(&made));
    assert!(!filter(&["stack.drifted"], &["live"], &[]).admits(&made));
    assert!(!filter(&["operation.failed"], &["dev"], &[]).admits(&made));
    assert!(!filter(&[], &[], &["babad-lusab"]).admits(&made));
}
