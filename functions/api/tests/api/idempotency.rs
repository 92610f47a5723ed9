//! Requests with an idempotency key.

use axum::extract::Request;
use axum::http::Method;
use serde_json::{Value, json};
use slipway_api::Caller;

use crate::support::{Answer, Server, admin, id, request};

fn keyed(method: Method, path: &str, body: Option<&Value>, key: &str) -> Request {
    let mut request = request(method, path, body);
    request
        .headers_mut()
        .insert("idempotency-key", key.parse().expect("a key"));
    request
}

fn same(first: &Answer, again: &Answer) {
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    for name in ["location", "content-type"] {
        assert_eq!(first.header(name), again.header(name), "{name}");
    }
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        ("", "true")
    );
}

#[tokio::test]
async fn the_same_request_has_the_same_answer_byte_for_byte() {
    let server = Server::with_blueprint().await;
    let body = json!({"name": "shop", "blueprint": "web", "environment": "local", "variables": {"size": 1}});
    let create = |body: &Value, key: &str| keyed(Method::POST, "/v1/stacks", Some(body), key);
    let first = server.send(create(&body, "one")).await;
    assert_eq!(first.status, 202, "{first:?}");
    let path = first.json()["links"]["stack"].as_str().expect("a path").to_owned();

    // Whatever happens to the stack, the answer stays.
    server.play(&first.json()).await;
    let destroy = server.delete(&path).await;
    server.play(&destroy.json()).await;
    same(&first, &server.send(create(&body, "one")).await);
    assert_eq!(server.calls("StartExecution").len(), 2, "the creation and the destroy");

    let mut other = body.clone();
    other["variables"]["size"] = 2.into();
    let reused = server.send(create(&other, "one")).await;
    assert_eq!(
        (reused.status, reused.json()["type"].clone()),
        (422, json!("urn:slipway:problem:idempotency-key-reused"))
    );
    // The key is the caller's own, and the path is part of the request.
    let mut of_another = create(&body, "one");
    of_another.extensions_mut().insert(Caller::named("bob", false));
    let of_another = server.send(of_another).await;
    assert_eq!((of_another.status, of_another.header("idempotent-replayed")), (202, ""));
    let elsewhere = server.send(keyed(Method::DELETE, &path, None, "one")).await;
    assert_eq!(elsewhere.status, 422, "{elsewhere:?}");
    let detail = elsewhere.json()["detail"].as_str().expect("a text").to_owned();
    assert!(detail.contains("another method, path or body"), "{detail}");
}

#[tokio::test]
async fn requests_at_the_same_time_with_one_key_make_one_operation() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let edit = json!({"variables": {"size": 2}});
    let send = || server.send(keyed(Method::PATCH, &path, Some(&edit), "two"));
    let answers = futures::future::join_all((0..8).map(|_| send())).await;
    let new = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed").is_empty());
    assert_eq!(new.count(), 1);
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (202, &answers[0].body));
    }
    let operations = server.get(&format!("{path}/operations")).await.json();
    assert_eq!(
        operations["items"].as_array().expect("operations").len(),
        2,
        "the provision and the update"
    );
}

#[tokio::test]
async fn a_request_that_was_refused_may_come_again() {
    let server = Server::with_blueprint().await;
    let wrong = json!({"name": "shop", "blueprint": "web", "environment": "local"});
    let refused = server
        .send(keyed(Method::POST, "/v1/stacks", Some(&wrong), "three"))
        .await;
    assert_eq!(refused.status, 422);
    let mut right = wrong.clone();
    right["variables"] = json!({"size": 1});
    let answer = server
        .send(keyed(Method::POST, "/v1/stacks", Some(&right), "three"))
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

#[tokio::test]
async fn what_creates_no_operation_is_answered_once_too() {
    let server = Server::with_blueprint().await;
    let body = json!({"files": {"main.tf": "output \"slipway\" { value = {} }"}});
    let publish = || {
        let mut request = keyed(Method::PUT, "/v1/blueprints/other/versions/1.0.0", Some(&body), "four");
        request.extensions_mut().insert(admin());
        request
    };
    let first = server.send(publish()).await;
    assert_eq!(first.status, 201, "{first:?}");
    same(&first, &server.send(publish()).await);

    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.store.begin_operation(&id(&operation)).await.expect("begun");
    let path = format!("{}/cancel", operation["links"]["self"].as_str().expect("a path"));
    let first = server.send(keyed(Method::POST, &path, None, "five")).await;
    assert_eq!(
        (first.status, first.json()["status"].clone()),
        (202, json!("cancelled")),
        "{first:?}"
    );
    same(&first, &server.send(keyed(Method::POST, &path, None, "five")).await);
    assert_eq!(server.calls("StopExecution").len(), 1);
}
