//! Following notifications through the API.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use slipway_api::Caller;
use slipway_model::notification::{Kind, Notification};

use crate::support::{Answer, Server, id, request, stack_id};

const START: &str = "/v1/notifications?since=1970-01-01T00:00:00Z";

fn kinds(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let items = json["items"].as_array().expect("items").iter();
    items
        .map(|item| item["kind"].as_str().expect("a kind").to_owned())
        .collect()
}

fn position(answer: &Answer) -> String {
    answer.json()["position"].as_str().expect("a position").to_owned()
}

#[tokio::test]
async fn reader_continues_where_the_last_page_ended() {
    let server = Server::with_blueprint().await;
    let operation = server
        .create("shop", "local", &json!({"size": 1, "password": "hunter2"}))
        .await;
    let first = server.get(&format!("{START}&limit=1")).await;
    assert_eq!(kinds(&first).len(), 1);
    let second = server
        .get(&format!("/v1/notifications?position={}", position(&first)))
        .await;
    let both: BTreeSet<String> = kinds(&first).into_iter().chain(kinds(&second)).collect();
    assert_eq!(
        both,
        BTreeSet::from(["operation.starting".to_owned(), "stack.provisioning".to_owned()])
    );
    // A request that waits gets what happens meanwhile.
    let path = format!("/v1/notifications?position={}&wait=20", position(&second));
    let id = id(&operation);
    let (third, _) = tokio::join!(server.get(&path), server.store.begin_operation(&id));
    assert_eq!(kinds(&third), ["operation.running"]);
    assert!(!String::from_utf8_lossy(&third.body).contains("hunter2"));
    let now = server.get("/v1/notifications").await;
    assert!(kinds(&now).is_empty(), "from now on");
}

#[tokio::test]
async fn filters_select_stack_environment_and_kind() {
    let server = Server::with_blueprint().await;
    let shop = server.create("shop", "local", &json!({"size": 1})).await;
    server.create("blog", "local", &json!({"size": 1})).await;
    let of = |query: &str| format!("{START}&{query}");
    let stack = stack_id(&shop);
    assert_eq!(kinds(&server.get(&of(&format!("stack={stack}"))).await).len(), 2);
    assert_eq!(kinds(&server.get(&of("environment=local")).await).len(), 4);
    assert!(kinds(&server.get(&of("environment=elsewhere")).await).is_empty());
    let starting = server.get(&of("kind=operation.starting")).await;
    assert_eq!(kinds(&starting), ["operation.starting", "operation.starting"]);
    let both = of(&format!("stack={stack}&kind=stack.provisioning&environment=local"));
    assert_eq!(kinds(&server.get(&both).await), ["stack.provisioning"]);
}

#[tokio::test]
async fn callers_see_the_stacks_that_they_may_read() {
    let server = Server::with_blueprint().await;
    server.create("shop", "local", &json!({"size": 1})).await;
    let by = |caller: Caller| {
        let mut request = request(Method::GET, START, None);
        request.extensions_mut().insert(caller);
        server.send(request)
    };
    assert_eq!(kinds(&by(Caller::named("ann", false)).await).len(), 2);
    let other = by(Caller::named("bob", false)).await;
    assert!(kinds(&other).is_empty(), "{other:?}");
    assert_eq!(kinds(&by(Caller::named("root", true)).await).len(), 2);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = Server::with_blueprint().await;
    for (query, field) in [
        ("stack=shop", "stack"),
        ("environment=No%20Name", "environment"),
        ("kind=operation.*", "kind"),
        ("position=x", "position"),
        ("since=yesterday", "since"),
        ("limit=0", "limit"),
        ("wait=26", "wait"),
        ("colour=red", "colour"),
    ] {
        let answer = server.get(&format!("/v1/notifications?{query}")).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (400, vec![field.to_owned()]),
            "{query}"
        );
    }
    let now = server.get("/v1/notifications").await;
    let both = format!("{START}&position={}", position(&now));
    assert_eq!(server.get(&both).await.fields(), ["since"]);
}

/// Whether a value is as its schema says, as far as the schema of notifications uses the language of schemas.
fn fits(value: &Value, schema: &Value, path: &str) {
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{path}: {value}");
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(
                fields.contains_key(name.as_str().expect("a name")),
                "{path} lacks {name}"
            );
        }
        for (name, value) in fields {
            let property = &schema["properties"][name];
            assert!(property.is_object(), "{path}.{name} is not in the schema");
            fits(value, property, &format!("{path}.{name}"));
        }
    }
    match schema["type"].as_str() {
        Some("string") => assert!(value.is_string(), "{path}: {value}"),
        Some("integer") => assert!(value.is_u64(), "{path}: {value}"),
        Some("object") => assert!(value.is_object(), "{path}: {value}"),
        Some("array") => assert!(value.is_array(), "{path}: {value}"),
        _ => {}
    }
}

#[tokio::test]
async fn notifications_are_as_their_schema_says() {
    let server = Server::with_blueprint().await;
    let schema = server.get("/schemas/notification.json").await.json();
    let kinds: Vec<String> = Kind::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(schema["properties"]["kind"]["enum"], json!(kinds));
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    let id = id(&operation);
    server.store.begin_operation(&id).await.expect("begun");
    server.store.ask_approval(&id, "token").await.expect("it waits");
    server.store.cancel_operation(&id, "ann").await.expect("cancelled");
    let page = include_str!("../../../../docs/notifications.md");
    for example in page.split("```json notification\n").skip(1) {
        let (example, _) = example.split_once("```").expect("its end");
        fits(&serde_json::from_str(example).expect("JSON"), &schema, "example");
        serde_json::from_str::<Notification>(example).expect("a notification");
    }
    let all = server.get(START).await.json();
    let items = all["items"].as_array().expect("items");
    assert!(items.len() > 4, "{all}");
    for item in items {
        fits(item, &schema, "notification");
    }
    assert!(items.iter().any(|item| item["approval"].is_object()));
}
