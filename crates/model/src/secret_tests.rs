use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::variable::read_schema;

fn secrets(texts: &[&str]) -> Secrets {
    Secrets::of(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn schema(text: &str) -> Vec<Variable> {
    read_schema([("main.tf", text)].into_iter()).expect("a schema")
}

fn configuration(variables: &Value, sensitive: &[&str]) -> Configuration {
    serde_json::from_value(json!({
        "blueprint": "thing", "version": "1.0.0", "digest": format!("sha256:{}", "0".repeat(64)),
        "variables": variables, "sensitive": sensitive,
    }))
    .expect("a configuration")
}

#[test]
fn nothing_of_a_secret_is_left_in_any_encoding() {
    let pem =
        "-----BEGIN KEY-----\n  MIIEvQIBADANBg/kqh+kiG9w0BAQEFAASC\n  second-line-of-the-key==\n-----END KEY-----\n";
    let secrets = secrets(&["pa$s<w>&\"ö'rd/ with %20+", pem, "hunter2", "hunter2-more"]);
    let shown = [
        // Whole, trimmed and by line.
        pem.to_owned(),
        format!("x{}x", pem.trim()),
        "key: MIIEvQIBADANBg/kqh+kiG9w0BAQEFAASC".to_owned(),
        "second-line-of-the-key==".to_owned(),
        // JSON: of serde, Go, Python, and inside another one.
        r#"{"v":"pa$s<w>&\"ö'rd/ with %20+"}"#.to_owned(),
        r#"{"v":"pa$s\u003cw\u003e\u0026\"ö'rd/ with %20+"}"#.to_owned(),
        r#"{"v":"pa$s<w>&\"\u00f6'rd/ with %20+"}"#.to_owned(),
        r#"{"v":"{\"v\":\"pa$s\\u003cw\\u003e\\u0026\\\"ö'rd/ with %20+\"}"}"#.to_owned(),
        // Normal form D.
        "pa$s<w>&\"o\u{308}'rd/ with %20+".to_owned(),
        // A shell.
        r#"'pa$s<w>&"ö'\''rd/ with %20+'"#.to_owned(),
        // Literals: `repr`, `ascii`, bytes, and of one with double quotes.
        r#"'pa$s<w>&"ö\'rd/ with %20+'"#.to_owned(),
        r#"'pa$s<w>&"\xf6\'rd/ with %20+'"#.to_owned(),
        r#"b'pa$s<w>&"\xc3\xb6\'rd/ with %20+'"#.to_owned(),
        // Markup: an element, Go, Python, XML.
        "pa$s&lt;w&gt;&amp;\"ö'rd/ with %20+".to_owned(),
        "pa$s&lt;w&gt;&amp;&#34;ö&#39;rd/ with %20+".to_owned(),
        "pa$s&lt;w&gt;&amp;&quot;ö&#x27;rd/ with %20+".to_owned(),
        "pa$s&lt;w&gt;&amp;&quot;ö&apos;rd/ with %20+".to_owned(),
        // Addresses: Go, Python, JavaScript, a form, digits in lower case.
        "pa%24s%3Cw%3E%26%22%C3%B6%27rd%2F%20with%20%2520%2B".to_owned(),
        "pa%24s%3Cw%3E%26%22%C3%B6%27rd/%20with%20%2520%2B".to_owned(),
        "pa%24s%3Cw%3E%26%22%C3%B6'rd%2F%20with%20%2520%2B".to_owned(),
        "pa%24s%3Cw%3E%26%22%C3%B6%27rd%2F+with+%2520%2B".to_owned(),
        "pa%24s%3cw%3e%26%22%c3%b6%27rd%2f%20with%20%2520%2b".to_owned(),
        // Base64: alone, behind one, two and three bytes, and for addresses.
        "aHVudGVyMg==".to_owned(),
        "eDpodW50ZXIyCg==".to_owned(),
        "eHh4Omh1bnRlcjI=".to_owned(),
        "eHg6aHVudGVyMg".to_owned(),
        // Hexadecimal.
        "68756e74657232".to_owned(),
        "68756E74657232".to_owned(),
        // One inside the other, and one after the other.
        "hunter2-more hunter2hunter2".to_owned(),
    ];
    let leaks = [
        "MIIE", "second", "s<w>", "u003", "00f6", "rd/", "s%3", "HVudGVy", "odW50ZXI", "h1bnRlcj", "68756", "hunter",
        "more",
    ];
    for text in shown {
        let hidden = secrets.hide(&text);
        let left: Vec<&&str> = leaks.iter().filter(|leak| hidden.contains(**leak)).collect();
        assert!(
            hidden.contains(HIDDEN) && left.is_empty(),
            "{text:?} became {hidden:?}: {left:?}"
        );
    }
}

#[test]
fn overlapping_secrets_leave_nothing_between_them() {
    assert_eq!(
        secrets(&["abcdef", "defghi"]).hide("xabcdefghiy"),
        format!("x{HIDDEN}y")
    );
    assert_eq!(secrets(&["abcd"]).hide("abcdabcd abcd"), format!("{HIDDEN} {HIDDEN}"));
}

#[test]
fn short_and_common_texts_stay_readable() {
    let secrets = secrets(&["on", "123", "true", "null", " ", "1234"]);
    assert_eq!(
        secrets.hide("on 123 true null 1234"),
        format!("on 123 true null {HIDDEN}")
    );
    assert!(!self::secrets(&["on"]).hide("b24=").contains(HIDDEN));
}

#[test]
fn secrets_come_from_every_source() {
    let schema = schema(
        r#"
        variable "token" {
          sensitive = true
          default   = "default-token"
        }
        variable "accounts" {
          type      = map(object({ password = string, pin = optional(number, 987654) }))
          sensitive = true
        }
        variable "size" { default = "default-size" }
        "#,
    );
    let now = configuration(
        &json!({"token": "new-token", "accounts": {"alice": {"password": "hers"}}, "size": "large"}),
        &["token"],
    );
    let before = configuration(
        &json!({"token": "old-token", "dropped": ["gone-since"], "pin": 1_000_000}),
        &["dropped", "pin"],
    );
    let environment: Environment = serde_json::from_value(json!({
        "name": "dev", "account": "111122223333", "region": "eu-west-1",
        "variables": {"token": "environment-token", "size": "environment-size"},
    }))
    .expect("an environment");
    let sources = Sources {
        schemas: &[&schema],
        configurations: &[&now, &before],
        environment: Some(&environment),
    };
    let secrets = sources.secrets();
    for secret in [
        "default-token",
        "new-token",
        "old-token",
        "environment-token",
        "gone-since",
        "1000000",
        "987654",
        // A key of a map, which the request chose.
        "alice",
        "hers",
    ] {
        assert_eq!(secrets.hide(secret), HIDDEN, "{secret}");
    }
    for shown in [
        "large",
        "default-size",
        "environment-size",
        "token",
        "password",
        "accounts",
    ] {
        assert_eq!(
            secrets.hide(shown),
            shown,
            "what is not sensitive, and names of the blueprint"
        );
    }
    assert!(!format!("{secrets:?}").contains("token"));
}

#[test]
fn values_are_hidden_in_json_with_their_keys() {
    let secrets = secrets(&["hunter2", "123456"]);
    let value = json!({"hunter2": [1, 123_456, "a hunter2 b"], "on": true});
    assert_eq!(
        secrets.hide_value(&value),
        json!({HIDDEN: [1, HIDDEN, format!("a {HIDDEN} b")], "on": true})
    );
}

#[test]
fn a_secret_of_many_lines_is_found_quickly() {
    let lines: Vec<String> = (0..4_000)
        .map(|line| format!("line {line} of a certificate chain"))
        .collect();
    let secrets = secrets(&[&lines.join("\n")]);
    assert_eq!(secrets.hide(&lines[3_999]), HIDDEN);
    let started = std::time::Instant::now();
    let log = "nothing secret is in this line of the log\n".repeat(25_000);
    assert_eq!(secrets.hide(&log), log);
    assert!(started.elapsed().as_secs() < 20, "1 MB took {:?}", started.elapsed());
}

proptest! {
    /// Whatever stands before, after and between: no secret is left.
    #[test]
    fn no_text_keeps_a_secret(
        known in prop::collection::btree_set("[a-c!\"<ö\n ]{4,9}", 1..5),
        text in "[a-c!\"<ö\n ]{0,20}",
        picks in prop::collection::vec((any::<prop::sample::Index>(), "[a-c ]{0,3}"), 0..6),
    ) {
        let known: Vec<String> = known.into_iter().collect();
        let secrets = Secrets::of(known.iter().cloned().collect::<BTreeSet<_>>());
        let mut text = text;
        for (pick, between) in picks {
            let secret: &String = pick.get(&known);
            text.push_str(secret);
            text.push_str(&between);
        }
        let hidden = secrets.hide(&text);
        for part in hidden.split(HIDDEN) {
            for secret in known.iter().filter(|secret| !secret.trim().is_empty()) {
                prop_assert!(!part.contains(secret.as_str()), "{secret:?} is left in {hidden:?}");
            }
        }
    }
}

#[test]
fn secrets_inside_secrets_are_hidden() {
    let variables = schema(
        "variable \"doc\" {\n  type      = any\n  sensitive = true\n}\nvariable \"n\" {\n  type      = number\n  sensitive = true\n}\n",
    );
    let document = r#"{"username": "admin-of-db", "password": "DocCanary06"}"#;
    let key = "-----BEGIN KEY-----\\nTGluZU9uZUNhbmFyeQ\\nTGluZVR3b0NhbmFyeQ\\n-----END KEY-----";
    let number: Value = serde_json::from_str("9.8765432109e22").expect("a number");
    let configuration = configuration(&json!({"doc": [document, key], "n": number}), &["doc", "n"]);
    let sources = Sources {
        schemas: &[&variables],
        configurations: &[&configuration],
        environment: None,
    };
    let secrets = sources.secrets();
    for (text, hidden) in [
        ("the password is DocCanary06", "DocCanary06"),
        ("read TGluZVR3b0NhbmFyeQ", "TGluZVR3b0NhbmFyeQ"),
        ("n = 98765432109000000000000", "98765432109"),
    ] {
        let shown = secrets.hide(text);
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn former_values_of_an_environment_are_hidden() {
    let environment = |value: &str| -> Environment {
        let environment =
            json!({"name": "live", "account": "111122223333", "region": "eu-west-1", "variables": {"token": value}});
        serde_json::from_value(environment).expect("an environment")
    };
    let variables = schema("variable \"token\" {\n  type      = string\n  sensitive = true\n}\n");
    let mut now = environment("token-0");
    for value in ["token-1", "token-2", "token-3", "token-3", "token-4"] {
        now = environment(value).after(&now, &BTreeSet::from(["token".to_owned()]));
    }
    let sources = Sources {
        schemas: &[&variables],
        configurations: &[],
        environment: Some(&now),
    };
    let shown = sources.secrets().hide("token-0 token-1 token-2 token-3 token-4");
    assert_eq!(shown, format!("token-0 {HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN}"));
}

#[test]
fn wrapped_lines_of_what_contains_a_secret_show_no_more_than_its_ends() {
    use base64::Engine as _;

    let secret = "Corr3ct-Horse-Battery-Staple-Wh1ch/Is+A-Long=Token-0f9e8d7c6b5a4d3e2f1a-End";
    let hidden = secrets(&[secret]);
    for before in ["", "a", "user:", "DB_PASSWORD="] {
        let text = format!("{before}{secret}\nX=1\n");
        let base64 = base64::engine::general_purpose::STANDARD.encode(&text);
        let digit = |digit: u8| char::from_digit(u32::from(digit), 16).expect("a digit");
        let hex: String = text
            .bytes()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(digit)
            .collect();
        // The characters of the secret alone: those around it hold bits of what is beside it.
        let inner = |length: usize, bits: usize| {
            (before.len() * 8).div_ceil(bits)..((before.len() + secret.len()) * 8 / bits).min(length)
        };
        for (encoded, bits, part) in [(&base64, 6, 8), (&hex, 4, 12)] {
            for width in [20, 60, 64, 76] {
                let of_secret = &encoded[inner(encoded.len(), bits)];
                for line in encoded.as_bytes().chunks(width) {
                    let line = String::from_utf8_lossy(line).into_owned();
                    let shown = hidden.hide(&line);
                    let leaks = of_secret
                        .as_bytes()
                        .windows(part)
                        .any(|known| shown.contains(&*String::from_utf8_lossy(known)));
                    assert!(!leaks, "{line}: {shown}");
                }
            }
        }
    }
}

#[test]
fn characters_by_number_are_hidden_where_the_others_stand_as_they_are() {
    let hidden = secrets(&["Zq7-é\"<pass>ü"]);
    for text in ["Zq7-&#233;\"<pass>&#252;", "Zq7-&#xe9;&quot;&lt;pass&gt;&#xfc;"] {
        assert_eq!(hidden.hide(text), HIDDEN);
    }
}

#[test]
fn doubled_quotes_and_utf_16_are_hidden() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    let secret = "it's \"quoted\" & s3cr€t $x";
    let hidden = secrets(&[secret]);
    for text in ["it''s \"quoted\" & s3cr€t $x", "it's \"\"quoted\"\" & s3cr€t $x"] {
        assert_eq!(hidden.hide(&format!("'{text}'")), format!("'{HIDDEN}'"));
    }
    let base64 = |text: &str| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        STANDARD_NO_PAD.encode(bytes)
    };
    assert_eq!(hidden.hide(&base64(secret)), HIDDEN);
    // Behind one, two and three characters, and before another: the secret is hidden, what stands around it is not.
    for before in ["a", "ab", "abc"] {
        let encoded = base64(&format!("{before}{secret};"));
        let shown = hidden.hide(&encoded);
        assert!(
            shown.contains(HIDDEN) && shown.len() < HIDDEN.len() + 20,
            "{encoded}: {shown}"
        );
    }
}

#[test]
fn names_of_notes_and_endpoints_are_hidden() {
    let hidden = secrets(&["hunter2", "hunter3"]);
    let mut contract = Contract::parse(&json!({
        "notes": {"hunter2": "a", "hunter3": "b hunter2", "user": "c"},
    }))
    .expect("a contract");
    hidden.hide_in_contract(&mut contract);
    let notes: Vec<_> = contract
        .notes
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let (second, b) = (format!("{HIDDEN}*"), format!("b {HIDDEN}"));
    assert_eq!(notes, [(HIDDEN, "a"), (second.as_str(), b.as_str()), ("user", "c")]);
}
