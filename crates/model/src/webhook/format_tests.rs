//! The bodies for chats.

use serde_json::{Value, json};

use super::*;
use crate::webhook::tests::notification;

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
