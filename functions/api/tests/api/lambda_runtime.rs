//! The function's binary itself, under a Lambda Runtime API, with events of API Gateway (payload format 2.0).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::runtime_stub::Lambda;
use crate::support::Server;

/// An event as API Gateway writes it for an HTTP API.
fn event(method: &str, path: &str, query: &str, stage: &str, authorizer: &Value) -> Value {
    let raw_path = if stage == "$default" {
        path.to_owned()
    } else {
        format!("/{stage}{path}")
    };
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {"host": "abc.execute-api.us-east-1.amazonaws.com", "content-type": "application/json"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abc",
            "authorizer": authorizer,
            "domainName": "abc.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "abc",
            "http": {"method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "id",
            "routeKey": "$default",
            "stage": stage,
            "time": "21/Nov/2026:08:00:00 +0000",
            "timeEpoch": 1_795_248_000_000_u64
        },
        "isBase64Encoded": false
    })
}

fn with_body(mut event: Value, body: &[u8]) -> Value {
    event["body"] = STANDARD.encode(body).into();
    event["isBase64Encoded"] = true.into();
    event
}

/// The body of an answer, which API Gateway passes on.
fn body(answer: &Value) -> Value {
    let text = answer["body"].as_str().expect("a body");
    let bytes = match answer["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(text).expect("base64"),
        _ => text.as_bytes().to_vec(),
    };
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn the_binary_answers_events_of_api_gateway() {
    let server = Server::with_blueprint().await;
    let mut vars = server.vars.clone();
    vars.insert("SLIPWAY_OIDC_USER_CLAIM".to_owned(), "sub".to_owned());
    let mut lambda = Lambda::start(env!("CARGO_BIN_EXE_slipway-api"), &vars).await;
    let iam = json!({"iam": {"userArn": "arn:aws:iam::000000000000:user/ann", "accountId": "000000000000"}});
    let claims = json!({"iss": "https://login.example.com", "sub": "1", "groups": ["slipway-admin"]});
    let jwt = json!({"jwt": {"claims": {"iss": "https://login.example.com", "sub": "1", "groups": "[slipway-admin]"}, "scopes": null}});

    let listed = lambda
        .invoke(event("GET", "/v1/blueprints", "limit=1", "$default", &iam))
        .await
        .expect("an answer");
    assert_eq!(listed["statusCode"], 200, "{listed}");
    assert_eq!(body(&listed)["items"][0]["name"], "web");

    let wanted =
        json!({"name": "shop", "blueprint": "web", "environment": "local", "variables": {"size": 1}}).to_string();
    let create = with_body(event("POST", "/v1/stacks", "", "live", &iam), wanted.as_bytes());
    let created = lambda.invoke(create).await.expect("an answer");
    assert_eq!(created["statusCode"], 202, "{created}");
    let operation = body(&created);
    assert_eq!(created["headers"]["location"], operation["links"]["self"]);
    assert_eq!(operation["requested_by"], "arn:aws:iam::000000000000:user/ann");
    assert_eq!(server.calls("StartExecution").len(), 1);

    let files = json!({"files": {"main.tf": "# \u{fc}\noutput \"slipway\" { value = {} }"}}).to_string();
    let mut publish = event("PUT", "/v1/blueprints/mine/versions/1.0.0", "", "$default", &jwt);
    // API Gateway has checked the signature.
    publish["headers"]["authorization"] =
        format!("Bearer e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string())).into();
    let published = lambda
        .invoke(with_body(publish, files.as_bytes()))
        .await
        .expect("an answer");
    assert_eq!(published["statusCode"], 201, "{published}");

    // A token without the claim that names callers has none.
    let unnamed = json!({"jwt": {"claims": {"iss": "https://login.example.com", "username": "ann"}, "scopes": null}});
    let unnamed = lambda
        .invoke(event("GET", "/v1/caller", "", "$default", &unnamed))
        .await
        .expect("an answer");
    assert_eq!(unnamed["statusCode"], 401, "{unnamed}");

    let wrong = with_body(event("POST", "/v1/stacks", "", "$default", &iam), b"{\"name\": \xff");
    let refused = lambda.invoke(wrong).await.expect("an answer");
    assert_eq!(
        (&refused["statusCode"], &refused["headers"]["content-type"]),
        (&json!(400), &json!("application/problem+json"))
    );
    assert_eq!(body(&refused)["type"], "urn:slipway:problem:malformed-body");
    let anonymous = lambda
        .invoke(event("GET", "/v1/stacks", "", "$default", &Value::Null))
        .await
        .expect("an answer");
    assert_eq!(anonymous["statusCode"], 401, "{anonymous}");
}

#[tokio::test]
async fn the_binary_says_which_variable_is_missing() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_slipway-api"))
        .env_clear()
        .output()
        .await
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("SLIPWAY_TABLE"), "{said}");
}
