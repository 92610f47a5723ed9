//! Environments and source accounts: who configures them, what is refused, and what is never lost or shown.

use axum::extract::Request;
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, admin, request};

const LIVE: &str = "/v1/environments/live";
const SHOP: &str = "/v1/source-accounts/111122223333";

fn environment() -> Value {
    json!({
        "account": "111122223333", "region": "eu-west-1", "role": "arn:aws:iam::111122223333:role/slipway-environment-live",
        "external_id": "0123456789abcdef", "approval": "when_destroying", "protected": true, "variables": {"vpc": "vpc-1"},
    })
}

fn source_account() -> Value {
    json!({
        "description": "the shop", "actions": ["provision", "release"], "blueprints": ["web"], "environments": ["live"],
        "results": "arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results",
    })
}

/// Both kinds: a path, a body for it, and the least that a body says.
fn kinds() -> [(&'static str, Value, Value); 2] {
    let nothing = json!({"actions": [], "blueprints": [], "environments": []});
    let somewhere = json!({"account": "111122223333", "region": "eu-west-1"});
    [(LIVE, environment(), somewhere), (SHOP, source_account(), nothing)]
}

/// The body with another value for some fields; null leaves one out.
fn with(mut body: Value, different: &Value) -> Value {
    for (name, value) in different.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

fn by_admin(method: Method, path: &str, body: Option<&Value>, headers: &[(&'static str, &str)]) -> Request {
    let mut request = request(method, path, body);
    request.extensions_mut().insert(admin());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    request
}

async fn put(server: &Server, path: &str, body: &Value) -> Answer {
    server.send(by_admin(Method::PUT, path, Some(body), &[])).await
}

async fn delete(server: &Server, path: &str) -> Answer {
    server.send(by_admin(Method::DELETE, path, None, &[])).await
}

#[tokio::test]
async fn what_an_administrator_puts_is_there_until_it_is_deleted() {
    let server = Server::start().await;
    for (path, body, least) in kinds() {
        let made = put(&server, path, &body).await;
        assert_eq!((made.status, made.header("location")), (201, path), "{made:?}");
        let tag = made.header("etag").to_owned();
        assert_eq!(tag, format!("\"{}\"", made.json()["revision"]));
        for (field, value) in body.as_object().expect("an object") {
            assert_eq!(&made.json()[field], value, "{field}");
        }
        // The same content is written only once, and keeps its revision.
        let again = put(&server, path, &body).await;
        assert_eq!((again.status, again.header("etag")), (200, &*tag), "{again:?}");
        let list = path.rsplit_once('/').expect("a list").0;
        let listed = server.get(list).await.json();
        assert_eq!(
            (listed["items"].as_array().map(Vec::len), &listed["unreadable"]),
            (Some(1), &json!([]))
        );
        let known = server
            .send(by_admin(Method::GET, path, None, &[("if-none-match", &tag)]))
            .await;
        assert_eq!(known.status, 304);
        // What is left out of the next one has its default.
        let replaced = put(&server, path, &least).await;
        assert_eq!(replaced.status, 200, "{replaced:?}");
        for field in ["role", "external_id", "results"] {
            assert!(replaced.json().get(field).is_none_or(Value::is_null), "{replaced:?}");
        }
        assert_ne!(replaced.header("etag"), tag);
        let once = [("idempotency-key", path)];
        for replayed in ["", "true"] {
            let gone = server.send(by_admin(Method::DELETE, path, None, &once)).await;
            assert_eq!((gone.status, gone.header("idempotent-replayed")), (204, replayed));
        }
        assert_eq!(
            (server.get(path).await.status, delete(&server, path).await.status),
            (404, 404)
        );
    }
}

#[tokio::test]
async fn what_is_shown_is_put_again_unless_it_is_stale() {
    let server = Server::start().await;
    for (path, body, _) in kinds() {
        put(&server, path, &body).await;
        let shown = server.send(by_admin(Method::GET, path, None, &[])).await.json();
        let unchanged = put(&server, path, &shown).await;
        assert_eq!(
            (unchanged.status, &unchanged.json()["revision"]),
            (200, &shown["revision"]),
            "{unchanged:?}"
        );
        let (key, list) = if path == LIVE {
            ("protected_types", json!(["aws_s3_bucket"]))
        } else {
            ("actions", json!(["drift"]))
        };
        let edited = with(shown.clone(), &json!({ (key): list }));
        let replaced = put(&server, path, &edited).await;
        assert_eq!(replaced.status, 200, "{replaced:?}");
        assert_eq!(put(&server, path, &edited).await.status, 200, "it is so already");
        let stale = put(&server, path, &shown).await;
        assert_eq!(stale.status, 412, "{stale:?}");
        let text = stale.json()["detail"].to_string();
        assert!(text.contains(&replaced.json()["revision"].to_string()), "{text}");
        let wrong = put(&server, path, &with(shown.clone(), &json!({"revision": "4"}))).await;
        assert_eq!((wrong.status, wrong.fields()), (422, vec!["revision".to_owned()]));
        delete(&server, path).await;
        let absent = put(&server, path, &shown).await;
        assert!(
            absent.status == 412 && absent.json()["detail"].to_string().contains("Leave `revision` out"),
            "{absent:?}"
        );
    }
}

#[tokio::test]
async fn only_administrators_configure_and_see_external_ids() {
    let server = Server::start().await;
    for (path, body, _) in kinds() {
        put(&server, path, &body).await;
        let before = server.items();
        for method in [Method::PUT, Method::DELETE] {
            let body = (method == Method::PUT).then_some(&body);
            let refused = server.send(request(method.clone(), path, body)).await;
            assert_eq!(refused.status, 403, "{method} {path}");
            assert!(
                refused.json()["detail"]
                    .as_str()
                    .expect("a detail")
                    .contains("No policy permits ann to `configure`")
            );
        }
        assert_eq!(server.items(), before);
        assert_eq!(server.get(path).await.status, 200);
    }
    let shown = server.send(by_admin(Method::GET, LIVE, None, &[])).await;
    assert_eq!(shown.json()["external_id"], "0123456789abcdef");
    for path in [LIVE, "/v1/environments"] {
        let shown = server.get(path).await.json().to_string();
        assert!(shown.contains("slipway-environment-live"), "{shown}");
        assert!(
            !shown.contains("0123456789abcdef") && !shown.contains("external_id"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn concurrent_change_is_not_overwritten() {
    let server = Server::start().await;
    for (path, body, least) in kinds() {
        let conditional = |method: Method, name, value: &str| {
            let body = (method == Method::PUT).then_some(&body);
            by_admin(method, path, body, &[(name, value)])
        };
        let nothing = server.send(conditional(Method::PUT, "if-match", "\"1\"")).await;
        assert_eq!(nothing.status, 412, "{nothing:?}");
        let first = server.send(conditional(Method::PUT, "if-none-match", "*")).await;
        assert_eq!(first.status, 201, "{first:?}");
        let seen = first.header("etag").to_owned();
        assert_eq!(
            server.send(conditional(Method::PUT, "if-none-match", "*")).await.status,
            412
        );
        assert_eq!(put(&server, path, &least).await.status, 200);
        for method in [Method::PUT, Method::DELETE] {
            let late = server.send(conditional(method, "if-match", &seen)).await;
            assert_eq!(
                (late.status, late.json()["type"].as_str()),
                (412, Some("urn:slipway:problem:precondition-failed"))
            );
        }
        let now = server.get(path).await.header("etag").to_owned();
        assert_eq!(
            server.send(conditional(Method::PUT, "if-match", &now)).await.status,
            200
        );
        let now = server.get(path).await.header("etag").to_owned();
        assert_eq!(
            server.send(conditional(Method::DELETE, "if-match", &now)).await.status,
            204
        );
    }
}

#[tokio::test]
async fn what_many_put_at_once_is_accepted_from_all() {
    let server = Server::start().await;
    let bodies: Vec<Value> = (0..15)
        .map(|number| with(environment(), &json!({"variables": {"number": number}})))
        .collect();
    let answers = futures::future::join_all(bodies.iter().map(|body| put(&server, LIVE, body))).await;
    let new = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(new.count(), 1);
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    }
}

#[tokio::test]
async fn an_environment_stays_where_its_stacks_are() {
    let server = Server::with_blueprint().await;
    let local = "/v1/environments/local";
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.play(&operation).await;
    let stack = operation["links"]["stack"].as_str().expect("a path").to_owned();
    let before = server.items();
    for (account, region) in [("999999999999", "us-east-1"), ("000000000000", "eu-west-1")] {
        let moved = put(&server, local, &json!({"account": account, "region": region})).await;
        assert_eq!(moved.status, 409, "{moved:?}");
        assert!(
            moved.json()["detail"]
                .as_str()
                .expect("a detail")
                .contains("1 live stack: shop ("),
            "{moved:?}"
        );
    }
    let refused = delete(&server, local).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    let id = stack.rsplit('/').next().expect("an id");
    assert!(
        refused.json()["detail"].as_str().expect("a detail").contains(id),
        "{refused:?}"
    );
    assert_eq!(server.items(), before);
    // The rules of the place may change, and one that only ever had stacks may go.
    let rules = json!({"account": "000000000000", "region": "us-east-1", "approval": "always"});
    assert_eq!(put(&server, local, &rules).await.status, 200);
    let destroy = server.delete(&stack).await.json();
    server.play(&destroy).await;
    assert_eq!(delete(&server, local).await.status, 204);
    assert_eq!(server.get(&stack).await.json()["status"], "destroyed");
}

#[tokio::test]
async fn unreadable_record_hides_no_other_and_can_be_replaced() {
    let server = Server::start().await;
    for ((path, body, least), other) in kinds().into_iter().zip(["dev", "999999999999"]) {
        let (list, name) = path.rsplit_once('/').expect("a list");
        assert_eq!(put(&server, &format!("{list}/{other}"), &least).await.status, 201);
        let partition = list.trim_start_matches("/v1/");
        server.write(&json!({"pk": {"S": partition}, "sk": {"S": name}, "account": {"S": "moon"}}));
        let listed = server.get(list).await;
        assert_eq!(listed.status, 200, "{listed:?}");
        let listed = listed.json();
        assert_eq!(
            (listed["items"].as_array().map(Vec::len), &listed["unreadable"]),
            (Some(1), &json!([name]))
        );
        assert_eq!(server.get(path).await.status, 500);
        assert_eq!(put(&server, path, &body).await.status, 200);
        assert_eq!(server.get(list).await.json()["unreadable"], json!([]));
        server.write(&json!({"pk": {"S": partition}, "sk": {"S": name}, "account": {"S": "moon"}}));
        assert_eq!(delete(&server, path).await.status, 204);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_written() {
    let server = Server::with_blueprint().await;
    let before = server.items();
    for (path, body, fields) in [
        (LIVE, json!({}), vec!["account", "region"]),
        (LIVE, with(environment(), &json!({"name": "dev"})), vec!["name"]),
        (LIVE, with(environment(), &json!({"account": "12"})), vec!["account"]),
        (
            LIVE,
            with(environment(), &json!({"account": "999999999999"})),
            vec!["role"],
        ),
        (
            LIVE,
            with(environment(), &json!({"external_id": null})),
            vec!["external_id"],
        ),
        (
            LIVE,
            with(environment(), &json!({"role": "arn:aws:iam::111122223333:role/admin"})),
            vec!["role"],
        ),
        (
            LIVE,
            with(environment(), &json!({"approval": "Never", "protected": 1})),
            vec!["approval", "protected"],
        ),
        (
            LIVE,
            with(environment(), &json!({"variables": {"a b": 1, "c": "\0"}})),
            vec!["variables.c", "variables.a b"],
        ),
        (SHOP, json!({}), vec!["actions", "blueprints", "environments"]),
        (
            SHOP,
            with(source_account(), &json!({"account": "999999999999"})),
            vec!["account", "results"],
        ),
        (
            SHOP,
            with(source_account(), &json!({"actions": ["all"], "x": 1})),
            vec!["actions[0]", "x"],
        ),
        (
            SHOP,
            with(
                source_account(),
                &json!({"results": "arn:aws:sqs:eu-west-1:111122223333:q"}),
            ),
            vec!["results"],
        ),
    ] {
        let refused = put(&server, path, &body).await;
        assert_eq!(
            (refused.status, refused.fields()),
            (422, fields.iter().map(ToString::to_string).collect()),
            "{body}"
        );
    }
    for path in ["/v1/environments/Live", "/v1/source-accounts/shop"] {
        let body = if path.contains("source") {
            source_account()
        } else {
            environment()
        };
        assert_eq!(put(&server, path, &body).await.status, 400, "{path}");
        assert_eq!(
            (server.get(path).await.status, delete(&server, path).await.status),
            (404, 404),
            "{path}"
        );
    }
    assert_eq!(server.items(), before);
}
