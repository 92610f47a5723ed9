//! `slipway login` and what comes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::gateway::{Accepts, Gateway};
use super::issuer::{Issuer, Script, tokens};
use super::{code, said, slipway};

const FIRST: &str = "eyJh.eyJi.first";
const SECOND: &str = "eyJh.eyJi.second";

async fn log_in(home: &Path, endpoint: &str, issuer: &str) -> std::process::Output {
    let arguments = [
        "login",
        "--endpoint",
        endpoint,
        "--issuer",
        issuer,
        "--client-id",
        "slipway-cli",
    ];
    slipway(
        home,
        &[],
        &[&arguments[..], &["--audience", "https://slipway.example.com"]].concat(),
    )
    .await
}

async fn gateway(good: &[&str]) -> String {
    let good = good.iter().map(|token| (*token).to_owned()).collect();
    Gateway::start(Accepts::Tokens(Arc::new(Mutex::new(good)))).await.1
}

#[tokio::test]
async fn a_login_is_saved_for_its_user_alone_used_and_given_back() {
    let home = TempDir::new().expect("a folder");
    let script = Script {
        refusals: vec!["authorization_pending", "authorization_pending"],
        tokens: vec![tokens(FIRST, 3600, Some("to-renew"))],
        ..Script::default()
    };
    let (issuer, issuer_address) = Issuer::start(script).await;
    let (endpoint, other) = (gateway(&[FIRST]).await, gateway(&[FIRST]).await);
    let output = log_in(home.path(), &endpoint, &issuer_address).await;
    let mut printed = said(&output);
    assert_eq!(code(&output), 0, "{printed}");
    assert!(
        printed.contains("https://id.example.com/device") && printed.contains("WDJB-MJHT"),
        "{printed}"
    );
    let asked = issuer.asked();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert_eq!(asked[0]["scope"], "openid email offline_access");
    assert_eq!(asked[0]["audience"], "https://slipway.example.com");
    assert_eq!(asked[3]["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(
        (asked[3]["device_code"].as_str(), asked[3]["client_id"].as_str()),
        ("the-device-code", "slipway-cli")
    );

    let folder = home.path().join(".config/slipway");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("logins.json"))), (0o700, 0o600));

    let used = slipway(home.path(), &[], &["stack", "list", "--endpoint", &endpoint]).await;
    assert_eq!(code(&used), 0, "{}", said(&used));
    // A login is for one endpoint: its token goes nowhere else.
    let elsewhere = slipway(home.path(), &[], &["stack", "list", "--endpoint", &other]).await;
    assert_eq!(code(&elsewhere), 3, "{}", said(&elsewhere));

    let out = slipway(home.path(), &[], &["logout", "--endpoint", &endpoint]).await;
    assert_eq!(code(&out), 0, "{}", said(&out));
    assert_eq!(issuer.asked()[4]["token"], "to-renew");
    let after = slipway(home.path(), &[], &["stack", "list", "--endpoint", &endpoint]).await;
    assert_eq!(code(&after), 3, "{}", said(&after));
    for output in [&used, &elsewhere, &out, &after] {
        printed += &said(output);
    }
    for secret in [FIRST, "to-renew", "the-device-code"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[tokio::test]
async fn login_is_renewed_once_for_concurrent_commands() {
    let home = TempDir::new().expect("a folder");
    let script = Script {
        // The refresh token is good for one time.
        tokens: vec![tokens(FIRST, 1, Some("once")), tokens(SECOND, 3600, Some("again"))],
        ..Script::default()
    };
    let (issuer, issuer_address) = Issuer::start(script).await;
    let endpoint = gateway(&[SECOND]).await;
    let output = log_in(home.path(), &endpoint, &issuer_address).await;
    assert_eq!(code(&output), 0, "{}", said(&output));
    let list = ["stack", "list", "--endpoint", &endpoint];
    let (one, other) = tokio::join!(slipway(home.path(), &[], &list), slipway(home.path(), &[], &list));
    assert_eq!((code(&one), code(&other)), (0, 0), "{}{}", said(&one), said(&other));
    let renewed: Vec<_> = issuer
        .asked()
        .into_iter()
        .filter(|form| form.get("grant_type").is_some_and(|kind| kind == "refresh_token"))
        .collect();
    assert_eq!(renewed.len(), 1, "{renewed:?}");
    assert_eq!(renewed[0]["refresh_token"], "once");

    // As if an hour had passed; the issuer has nothing more to give.
    let file = home.path().join(".config/slipway/logins.json");
    let mut saved: Value = serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("JSON");
    assert_eq!(saved[&endpoint]["refresh_token"], "again");
    saved[&endpoint]["expires_at"] = json!("2026-01-01T00:00:00Z");
    fs::write(&file, saved.to_string()).expect("a file");
    let ended = slipway(home.path(), &[], &list).await;
    assert_eq!(code(&ended), 3);
    let printed = said(&ended);
    assert!(
        printed.contains(&format!("slipway login --endpoint {endpoint}")) && !printed.contains("again\""),
        "{printed}"
    );

    // The second login needs no options.
    let again = slipway(home.path(), &[], &["login", "--endpoint", &endpoint]).await;
    assert!(
        said(&again).contains("WDJB-MJHT") && said(&again).contains("invalid_grant"),
        "{}",
        said(&again)
    );
}

#[tokio::test]
async fn rejecting_identity_provider_is_quoted_with_a_remedy() {
    let home = TempDir::new().expect("a folder");
    let opaque = json!({ "access_token": "opaque-token" });
    for (metadata, refusals, given, words) in [
        (
            json!({}),
            vec!["authorization_pending", "access_denied"],
            None,
            "was denied",
        ),
        (json!({}), vec!["expired_token"], None, "in time"),
        (json!({}), vec!["unauthorized_client"], None, "--client-id"),
        (json!({}), vec![], Some(opaque), "--audience"),
        (
            json!({"device_authorization_endpoint": null}),
            vec![],
            None,
            "no device flow",
        ),
        (
            json!({"issuer": "https://other.example.com"}),
            vec![],
            None,
            "other.example.com",
        ),
        (
            json!({"token_endpoint": "http://192.0.2.1/token"}),
            vec![],
            None,
            "not safe",
        ),
    ] {
        let script = Script {
            metadata,
            refusals,
            tokens: given.into_iter().collect(),
        };
        let (_, issuer) = Issuer::start(script).await;
        let output = log_in(home.path(), "https://slipway.example.com", &issuer).await;
        let printed = said(&output);
        assert_eq!(
            (code(&output), printed.contains(words)),
            (3, true),
            "{words}: {printed}"
        );
        assert!(!printed.contains("opaque-token"), "{printed}");
    }
    assert!(!home.path().join(".config/slipway/logins.json").exists());

    for (arguments, exit, words) in [
        (&["login"][..], 2, "--endpoint"),
        (
            &["login", "--endpoint", "https://slipway.example.com"][..],
            2,
            "--issuer",
        ),
        (
            &["logout", "--endpoint", "https://slipway.example.com"][..],
            0,
            "no login",
        ),
    ] {
        let output = slipway(home.path(), &[], arguments).await;
        assert_eq!(
            (code(&output), said(&output).contains(words)),
            (exit, true),
            "{}",
            said(&output)
        );
    }
    let unreachable = log_in(home.path(), "https://slipway.example.com", "http://127.0.0.1:1").await;
    assert_eq!(code(&unreachable), 4, "{}", said(&unreachable));
}
