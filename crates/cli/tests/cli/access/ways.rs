//! Which way is taken, and that it leads in.

use std::fs;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::gateway::{Accepts, Gateway};
use super::{code, said, slipway};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "session/token+of==the-role";

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", SECRET)];

fn signed(session: Option<&'static str>) -> Accepts {
    Accepts::Signed {
        id: ID,
        secret: SECRET,
        session,
        region: "eu-west-1",
    }
}

#[tokio::test]
async fn requests_are_signed_as_api_gateway_checks_it() {
    let home = TempDir::new().expect("a folder");
    let (gateway, address) = Gateway::start(signed(Some(SESSION))).await;
    // A path that has to be escaped, a query with everything in it, and a body.
    let endpoint = format!("{address}/stage%20one");
    let mut vars = KEYS.to_vec();
    vars.extend([("AWS_SESSION_TOKEN", SESSION), ("AWS_REGION", "eu-west-1")]);
    vars.extend([("SLIPWAY_ENDPOINT", endpoint.as_str()), ("SLIPWAY_AUTH", "iam")]);
    let listed = slipway(
        home.path(),
        &vars,
        &["stack", "list", "--owner", "ann & bob+é/=", "--status", "ready"],
    )
    .await;
    assert_eq!(code(&listed), 0, "{}", said(&listed));
    let operation = "op-01kaj3v9mz5x0q8r2t4w6y7z9a";
    let rejected = slipway(
        home.path(),
        &vars,
        &[
            "operation",
            "reject",
            operation,
            "--reason",
            "too \"dear\" — no",
            "--json",
        ],
    )
    .await;
    // It was accepted; that the response is no operation is another matter.
    assert_eq!(code(&rejected), 4, "{}", said(&rejected));
    let seen = gateway.seen();
    let requests: Vec<&str> = seen.iter().map(|seen| seen.request.as_str()).collect();
    assert_eq!(
        requests,
        [
            "GET /stage%20one/v1/stacks?status=ready&owner=ann%20%26%20bob%2B%C3%A9%2F%3D",
            "POST /stage%20one/v1/operations/op-01kaj3v9mz5x0q8r2t4w6y7z9a/reject",
        ]
    );
    assert!(seen[1].body.contains("too \\\"dear\\\" — no"), "{}", seen[1].body);
}

#[tokio::test]
async fn credentials_are_found_where_the_aws_cli_finds_them() {
    let home = TempDir::new().expect("a folder");
    let (_, address) = Gateway::start(signed(None)).await;
    let arguments = [
        "stack",
        "list",
        "--endpoint",
        &address,
        "--auth",
        "iam",
        "--region",
        "eu-west-1",
    ];
    let none = slipway(home.path(), &[], &arguments).await;
    assert_eq!(code(&none), 5, "{}", said(&none));
    assert!(
        said(&none).contains("no AWS credentials") && said(&none).contains("aws configure"),
        "{}",
        said(&none)
    );

    fs::create_dir(home.path().join(".aws")).expect("a folder");
    let keys = format!("[work]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n");
    fs::write(home.path().join(".aws/credentials"), keys).expect("a file");
    let profile = slipway(home.path(), &[("AWS_PROFILE", "work")], &arguments).await;
    assert_eq!(code(&profile), 0, "{}", said(&profile));

    let answer = format!(r#"{{"Version": 1, "AccessKeyId": "{ID}", "SecretAccessKey": "{SECRET}"}}"#);
    fs::write(home.path().join("answer.json"), answer).expect("a file");
    let file = home.path().join("answer.json");
    let program = format!("[profile asks]\ncredential_process = /bin/cat {}\n", file.display());
    fs::write(home.path().join(".aws/config"), program).expect("a file");
    let asked = slipway(home.path(), &[("AWS_PROFILE", "asks")], &arguments).await;
    assert_eq!(code(&asked), 0, "{}", said(&asked));
}

#[tokio::test]
async fn rejected_caller_gets_a_remedy_and_sees_no_secret() {
    let home = TempDir::new().expect("a folder");
    let (gateway, address) = Gateway::start(signed(None)).await;
    let wrong = [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", "wrong-secret")];
    let arguments = ["stack", "list", "--endpoint", &address, "--auth", "iam"];
    for (vars, arguments, exit, words) in [
        (
            wrong.to_vec(),
            [&arguments[..], &["--region", "eu-west-1"]].concat(),
            3,
            "execute-api:Invoke",
        ),
        (
            KEYS.to_vec(),
            [&arguments[..], &["--region", "us-east-1"]].concat(),
            3,
            "correct region",
        ),
        (KEYS.to_vec(), arguments.to_vec(), 2, "AWS_REGION"),
        (vec![], vec!["stack", "list", "--endpoint", &address], 3, "--auth iam"),
        (
            vec![("SLIPWAY_TOKEN", "not\nwhole")],
            vec!["stack", "list", "--endpoint", &address],
            2,
            "line break",
        ),
        (
            vec![],
            [&arguments[..4], &["--auth", "token"]].concat(),
            2,
            "slipway login",
        ),
        (
            KEYS.to_vec(),
            vec!["stack", "list", "--endpoint", "http://192.0.2.1"],
            2,
            "plain HTTP",
        ),
    ] {
        let output = slipway(home.path(), &vars, &arguments).await;
        let text = said(&output);
        assert_eq!(
            (code(&output), text.contains(words)),
            (exit, true),
            "{arguments:?}: {text}"
        );
        for secret in [SECRET, "wrong-secret", "whole"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn token_precedes_signature_and_loopback_gets_no_credentials() {
    let home = TempDir::new().expect("a folder");
    let tokens = Arc::new(Mutex::new(vec!["eyJ.eyJ.good".to_owned()]));
    let (_, with_tokens) = Gateway::start(Accepts::Tokens(tokens)).await;
    let mut vars = KEYS.to_vec();
    vars.push(("AWS_REGION", "eu-west-1"));
    vars.push(("SLIPWAY_TOKEN", "eyJ.eyJ.good"));
    let good = slipway(home.path(), &vars, &["stack", "list", "--endpoint", &with_tokens]).await;
    assert_eq!(code(&good), 0, "{}", said(&good));
    vars[3] = ("SLIPWAY_TOKEN", "eyJ.eyJ.bad");
    let bad = slipway(home.path(), &vars, &["stack", "list", "--endpoint", &with_tokens]).await;
    assert_eq!(code(&bad), 3);
    assert!(
        said(&bad).contains("SLIPWAY_TOKEN") && !said(&bad).contains("eyJ"),
        "{}",
        said(&bad)
    );

    let (anonymous, open) = Gateway::start(Accepts::Anonymous).await;
    vars.pop();
    let output = slipway(home.path(), &vars, &["stack", "list", "--endpoint", &open]).await;
    assert_eq!((code(&output), anonymous.seen().len()), (0, 1), "{}", said(&output));
}
