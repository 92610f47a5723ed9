//! Addresses, signatures, deliveries and bodies.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::address::{Forbidden, Reach, WebhookUrl};
use super::delivery::{Attempt, Delivery, DeliveryId, DeliveryStatus, TRIED};
use super::format::Format;
use super::signature::InstallationKey;
use super::{Settings, WebhookId};
use crate::fields::Fields;
use crate::notification::Notification;

/// Addresses that reach something else than the internet, in the spellings that parsers know.
const HOSTILE: [&str; 76] = [
    // Loopback.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.255.255.254/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://api.localhost/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://%31%32%37.0.0.1/",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://ⓛocalhost/",
    // This host, private, shared.
    "https://0/",
    "https://0.0.0.0/",
    "https://0.1.2.3/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://0xC0A80101/",
    "https://3232235777/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://[::]/",
    // Link-local, metadata.
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://0xA9FEA9FE/",
    "https://2852039166/",
    "https://0251.0376.0251.0376/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    "https://metadata.google.internal/",
    "https://metadata/",
    // IPv4 in IPv6.
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:10.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:1:2::3]/",
    // Multicast, reserved, documentation, local.
    "https://224.0.0.1/",
    "https://239.255.255.255/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://198.51.100.7/",
    "https://203.0.113.9/",
    "https://192.88.99.1/",
    "https://[ff02::1]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    "https://[4000::1]/",
    // Names of internal networks.
    "https://intranet/",
    "https://db.internal/",
    "https://printer.local/",
    "https://wiki.corp/",
    "https://router.lan/",
    "https://ip-10-0-0-1.eu-west-1.compute.internal./",
];

/// Addresses of another form than a webhook's.
const WRONG: [&str; 14] = [
    "",
    "hooks.example.com",
    "//hooks.example.com/",
    "http://hooks.example.com/",
    "http://127.0.0.1/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "javascript:alert(1)",
    "https://",
    "https://user@hooks.example.com/",
    "https://user:secret@hooks.example.com/",
    "https://hooks.example.com/#fragment",
    "https://hooks.example.com:0/",
];

const PUBLIC: [&str; 8] = [
    "https://hooks.slack.com/services/T0/B0/x",
    "https://hooks.example.com",
    "https://hooks.example.com:8443/a?b=c",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://bücher.example/",
    "https://172.32.0.1/",
    "https://100.128.0.1/",
];

#[test]
fn hostile_addresses_are_rejected_as_they_are_written() {
    for url in HOSTILE.into_iter().chain(WRONG) {
        assert!(WebhookUrl::parse(url, Reach::Public).is_err(), "{url}");
    }
    let long = format!("https://hooks.example.com/{}", "a".repeat(2_048));
    assert!(WebhookUrl::parse(&long, Reach::Public).is_err());
    for url in PUBLIC {
        assert!(WebhookUrl::parse(url, Reach::Public).is_ok(), "{url}");
    }
}

#[test]
fn loopback_is_reached_only_with_the_setting() {
    let open = Reach::PublicAndLoopback;
    for url in [
        "http://127.0.0.1:8080/a",
        "https://127.0.0.1/",
        "http://localhost:1/",
        "http://[::1]:9/",
    ] {
        assert!(WebhookUrl::parse(url, open).is_ok(), "{url}");
        assert!(WebhookUrl::parse(url, Reach::Public).is_err(), "{url}");
    }
    let loopback = [
        "127.",
        "[::1]",
        "[0:0",
        "localhost",
        "LOCALHOST",
        "2130706433",
        "0x7f",
        "017",
        "%31",
        "127。",
        "①",
        "ⓛ",
    ];
    for url in HOSTILE {
        let host = url.trim_start_matches("https://");
        if !loopback.iter().any(|start| host.starts_with(start)) {
            assert!(WebhookUrl::parse(url, open).is_err(), "{url}");
        }
    }
    for url in [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
    ] {
        assert!(WebhookUrl::parse(url, open).is_err(), "{url}");
    }
}

fn resolved(addresses: &[&str]) -> Vec<SocketAddr> {
    let address = |text: &&str| SocketAddr::new(text.parse::<IpAddr>().expect("an address"), 443);
    addresses.iter().map(address).collect()
}

#[test]
fn names_that_resolve_to_internal_addresses_are_rejected() {
    // What resolvers answer for names of the internet, as rebinding services let anybody choose it.
    for hostile in [
        "127.0.0.1",
        "10.0.0.5",
        "172.16.3.4",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.1.1",
        "0.0.0.0",
        "224.0.0.251",
        "255.255.255.255",
        "198.18.0.1",
        "168.63.129.16",
        "192.0.0.192",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2001::1",
        "2001:db8::1",
        "100::1",
        "5f00::1",
        "3fff::1",
    ] {
        let alone = resolved(&[hostile]);
        assert!(
            matches!(Reach::Public.permit(&alone), Err(Forbidden::Network { .. })),
            "{hostile}"
        );
        // One public address beside it changes nothing, in either order.
        for mixed in [["93.184.215.14", hostile], [hostile, "93.184.215.14"]] {
            assert!(Reach::Public.permit(&resolved(&mixed)).is_err(), "{mixed:?}");
        }
    }
    assert_eq!(Reach::Public.permit(&[]), Err(Forbidden::Nowhere));
    let public = resolved(&["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]);
    assert_eq!(Reach::Public.permit(&public), Ok(&*public));
    let local = resolved(&["127.0.0.1", "::1"]);
    assert!(Reach::PublicAndLoopback.permit(&local).is_ok());
    assert!(Reach::PublicAndLoopback.permit(&resolved(&["10.0.0.1"])).is_err());
}

proptest! {
    /// The standard library knows some of the networks; whatever it calls one of them is rejected.
    #[test]
    fn no_address_that_is_known_to_be_special_is_permitted(bits: u32, six: u128) {
        let four = std::net::Ipv4Addr::from_bits(bits);
        let special = four.is_private() || four.is_loopback() || four.is_link_local() || four.is_broadcast()
            || four.is_documentation() || four.is_unspecified() || four.is_multicast();
        let permitted = |ip: IpAddr| Reach::Public.permit(&[SocketAddr::new(ip, 443)]).is_ok();
        prop_assert!(!(special && permitted(four.into())), "{four}");
        prop_assert!(!permitted(four.to_ipv6_mapped().into()) && !permitted(four.to_ipv6_compatible().into()), "{four}");
        let six = std::net::Ipv6Addr::from_bits(six);
        let special = six.is_loopback() || six.is_unspecified() || six.is_multicast() || six.is_unique_local()
            || six.is_unicast_link_local() || six.to_ipv4().is_some();
        prop_assert!(!(special && permitted(six.into())), "{six}");
        prop_assert!(!permitted(six.into()) || six.segments()[0] >> 13 == 1, "{six}");
    }
}

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

#[test]
fn address_is_shown_without_its_path() {
    let url = WebhookUrl::parse("https://hooks.slack.com/services/T0/B0/secret?token=x", Reach::Public).expect("a URL");
    assert_eq!(url.shown(), "https://hooks.slack.com/…");
    assert_eq!(format!("{url:?}"), "https://hooks.slack.com/…");
    assert_eq!(url.endpoint(), ("hooks.slack.com".to_owned(), 443));
    let url = WebhookUrl::parse("https://[2606:4700::1111]:8443/", Reach::Public).expect("a URL");
    assert_eq!(url.endpoint(), ("2606:4700::1111".to_owned(), 8443));
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

fn notification(hostile: &str) -> Notification {
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

/// Names and reasons that would be markup, mentions, links, templates or escape sequences in a chat.
const NASTY: [&str; 14] = [
    "<!channel>",
    "<!here|x>",
    "<@U123>",
    "<https://evil.example|invoice>",
    "*bold* _it_ ~s~ `code`",
    "&lt;b&gt;",
    "@everyone #general",
    "[invoice](https://evil.example)",
    "**bold** <at>Ada</at>",
    "{{DATE(2026-01-01T00:00:00Z)}} ${user}",
    "\u{1b}[31mred\u{7}",
    "\u{202e}txt.exe\u{200b}",
    "\"}],\"text\":\"x",
    ":rotating_light: ![](https://evil.example/x.png)",
];

/// Every text in a body, with the object that it is in.
fn texts(value: &Value, within: &Value, found: &mut Vec<(Value, String)>) {
    match value {
        Value::String(text) => found.push((within.clone(), text.clone())),
        Value::Array(values) => values.iter().for_each(|inner| texts(inner, within, found)),
        Value::Object(fields) => fields.values().for_each(|inner| texts(inner, value, found)),
        _ => {}
    }
}

#[test]
fn hostile_texts_are_text_in_slack() {
    for nasty in NASTY {
        let body = Format::Slack.body(&notification(nasty), "unused");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let fallback = body["text"].as_str().expect("a text");
        assert!(!fallback.contains(['<', '>']), "{fallback}");
        for block in body["blocks"].as_array().expect("blocks") {
            let mut found = Vec::new();
            texts(block, block, &mut found);
            for (within, text) in found {
                assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{200b}']), "{text:?}");
                if within.get("text").is_some_and(Value::is_string) {
                    assert_eq!(
                        (&within["type"], &within["emoji"]),
                        (&json!("plain_text"), &json!(false)),
                        "{within}"
                    );
                }
            }
            assert_ne!(block["type"], "mrkdwn");
        }
        assert!(!body.to_string().contains("mrkdwn"), "{body}");
    }
}

#[test]
fn hostile_texts_are_text_in_teams() {
    for nasty in NASTY {
        let body = Format::Teams.body(&notification(nasty), "unused");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
        for block in attachment["content"]["body"].as_array().expect("a body") {
            assert_eq!(block["type"], "RichTextBlock", "no Markdown is read in it");
            for run in block["inlines"].as_array().expect("runs") {
                assert_eq!(run["type"], "TextRun");
                let text = run["text"].as_str().expect("a text");
                for active in ["{{", "${", "<at", "\u{1b}", "\u{202e}"] {
                    assert!(!text.contains(active), "{text:?}");
                }
            }
        }
        assert!(
            body.get("entities").is_none() && attachment["content"].get("msteams").is_none(),
            "no mention"
        );
    }
}

#[test]
fn bodies_stay_within_the_limits_of_the_chats() {
    let long = "x ".repeat(20_000);
    let slack: Value = serde_json::from_str(&Format::Slack.body(&notification(&long), "")).expect("JSON");
    for block in slack["blocks"].as_array().expect("blocks") {
        let length = |text: &Value| text["text"].as_str().map_or(0, |text| text.chars().count());
        assert!(length(&block["text"]) <= if block["type"] == "header" { 150 } else { 3_000 });
        for field in block["fields"].as_array().into_iter().flatten() {
            assert!(length(field) <= 2_000);
        }
        assert!(block["fields"].as_array().map_or(0, Vec::len) <= 10);
    }
    let teams = Format::Teams.body(&notification(&long), "");
    assert!(teams.len() < 28 * 1024, "{}", teams.len());
    assert_eq!(Format::Json.body(&notification("ada"), "as written"), "as written");
}

#[test]
fn chat_says_what_an_approver_needs() {
    let mut made = notification("ada");
    made.kind = "operation.waiting_for_approval".parse().expect("a kind");
    made.failure = None;
    made.plan = serde_json::from_value(json!({"add": 1, "change": 0, "destroy": 0, "replace": 2, "forget": 0})).ok();
    made.approval =
        serde_json::from_value(json!({"required": 2, "given": 1, "expires_at": "2026-12-02T10:00:00Z"})).ok();
    for format in [Format::Slack, Format::Teams] {
        let body = format.body(&made, "");
        for said in [
            "update of live/shop waits for approval",
            "2 to replace, 1 to add",
            "1 of 2",
            "2026-12-02 10:00 UTC",
            "slipway sheet op-",
        ] {
            assert!(body.contains(said), "{format}: {said} is not in {body}");
        }
        assert!(!body.contains("to destroy"));
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
