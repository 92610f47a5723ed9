//! Webhooks through the API.

use axum::http::{Method, header};
use serde_json::{Value, json};
use slipway_api::Caller;
use slipway_model::webhook::delivery::Delivery;

use crate::support::{Answer, Server, admin, request};

const CHAT: &str = "/v1/webhooks/chat";

async fn by(server: &Server, caller: Caller, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let mut request = request(method, path, body);
    request.extensions_mut().insert(caller);
    server.send(request).await
}

async fn put(server: &Server, path: &str, body: &Value) -> Answer {
    by(server, admin(), Method::PUT, path, Some(body)).await
}

async fn get(server: &Server, path: &str) -> Answer {
    by(server, admin(), Method::GET, path, None).await
}

fn chat() -> Value {
    json!({
        "url": "https://hooks.slack.invalid/services/T0/B0/path-is-secret", "format": "slack",
        "kinds": ["operation.failed"], "environments": ["local"],
    })
}

#[tokio::test]
async fn secret_is_shown_once_and_stored_nowhere() {
    let server = Server::with_blueprint().await;
    let created = put(&server, CHAT, &chat()).await;
    assert_eq!((created.status, created.header("location")), (201, CHAT), "{created:?}");
    let secret = created.json()["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    assert_eq!(created.json()["url"], "https://hooks.slack.invalid/…");
    // Whatever comes afterwards has neither the secret nor the path of the address.
    let replaced = put(
        &server,
        CHAT,
        &json!({"url": "https://hooks.slack.invalid/services/T0/B0/path-is-secret"}),
    )
    .await;
    assert_eq!(replaced.status, 200);
    let shown = get(&server, CHAT).await;
    let listed = get(&server, "/v1/webhooks").await;
    let audited = get(&server, "/v1/audit?action=put_webhook").await;
    assert_eq!(audited.json()["items"].as_array().map(Vec::len), Some(2));
    for answer in [&replaced, &shown, &listed, &audited] {
        let text = String::from_utf8_lossy(&answer.body);
        assert!(!text.contains("whsec_") && !text.contains("path-is-secret"), "{text}");
    }
    for item in server.items() {
        assert!(!item.contains(&secret), "{item}");
    }
    // The same name later is another webhook.
    let deleted = by(&server, admin(), Method::DELETE, CHAT, None).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(get(&server, CHAT).await.status, 404);
    let again = put(&server, CHAT, &chat()).await;
    assert_ne!(again.json()["secret"], json!(secret));
}

#[tokio::test]
async fn revisions_and_creation_only_are_respected() {
    let server = Server::with_blueprint().await;
    let created = put(&server, CHAT, &chat()).await;
    let mut create_only = request(Method::PUT, CHAT, Some(&chat()));
    create_only.extensions_mut().insert(admin());
    create_only
        .headers_mut()
        .insert(header::IF_NONE_MATCH, "*".parse().expect("a header"));
    assert_eq!(server.send(create_only).await.status, 412);
    let mut stale = request(Method::PUT, CHAT, Some(&chat()));
    stale.extensions_mut().insert(admin());
    stale
        .headers_mut()
        .insert(header::IF_MATCH, "\"1\"".parse().expect("a header"));
    assert_eq!(server.send(stale).await.status, 412);
    assert!(!created.header("etag").is_empty());
}

#[tokio::test]
async fn wrong_addresses_and_fields_are_named_with_a_remedy() {
    let server = Server::with_blueprint().await;
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00:ec2::254]/",
        "https://2130706433/",
        "https://metadata.google.internal/",
        "https://user:password@hooks.example.com/",
    ] {
        let answer = put(&server, CHAT, &json!({ "url": url })).await;
        assert_eq!((answer.status, answer.fields()), (422, vec!["url".to_owned()]), "{url}");
        let remedy = answer.json()["errors"][0]["remedy"]
            .as_str()
            .expect("a remedy")
            .to_owned();
        assert!(remedy.contains("https://"), "{remedy}");
    }
    let wrong = json!({"url": "https://hooks.example.com/", "format": "irc", "kinds": ["x"], "colour": "red"});
    let answer = put(&server, CHAT, &wrong).await;
    assert_eq!(answer.fields(), ["format", "kinds[0]", "colour"]);
    assert_eq!(put(&server, "/v1/webhooks/No%20Name", &chat()).await.fields(), ["name"]);
    assert_eq!(get(&server, "/v1/webhooks").await.json()["items"], json!([]));
}

#[tokio::test]
async fn webhooks_are_for_those_who_configure() {
    let server = Server::with_blueprint().await;
    put(&server, CHAT, &chat()).await;
    let ann = Caller::named("ann", false);
    for (method, path, body) in [
        (Method::GET, "/v1/webhooks", None),
        (Method::GET, CHAT, None),
        (Method::PUT, CHAT, Some(chat())),
        (Method::DELETE, CHAT, None),
        (Method::GET, "/v1/webhooks/chat/deliveries", None),
        (
            Method::POST,
            "/v1/webhooks/chat/redeliver/lusab-babad-1",
            Some(json!({})),
        ),
    ] {
        let answer = by(&server, ann.clone(), method.clone(), path, body.as_ref()).await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    assert_eq!(get(&server, CHAT).await.status, 200);
}

#[tokio::test]
async fn deliveries_are_listed_and_made_again() {
    let server = Server::with_blueprint().await;
    put(&server, CHAT, &chat()).await;
    let name = "chat".parse().expect("a name");
    let webhook = server
        .store
        .webhook(&name)
        .await
        .expect("a read")
        .record
        .expect("a webhook");
    server.create("shop", "local", &json!({"size": 1})).await;
    let made = server.get("/v1/notifications?since=1970-01-01T00:00:00Z").await.json();
    let made: slipway_model::notification::Notification =
        serde_json::from_value(made["items"][0].clone()).expect("a notification");
    let delivery = Delivery::new((&webhook.id, &webhook.name), &made, 0, made.time);
    assert!(server.store.create_delivery(&delivery).await.expect("made"));
    let path = format!("{CHAT}/redeliver/{}", made.id);
    let again = by(&server, admin(), Method::POST, &path, Some(&json!({}))).await;
    assert_eq!(again.status, 202, "{again:?}");
    assert_eq!(again.json()["id"], format!("{}.1", made.id));
    let recorded = get(&server, "/v1/audit?action=redeliver").await.json();
    let record = &recorded["items"][0];
    assert_eq!(
        (&record["actor"], &record["subject"]),
        (&json!("root"), &json!("webhook/chat")),
        "{recorded}"
    );
    let after = json!({"notification": made.id.to_string(), "delivery": format!("{}.1", made.id)});
    assert_eq!(record["after"], after);
    let listed = get(&server, &format!("{CHAT}/deliveries")).await.json();
    let ids: Vec<&str> = listed["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 2, "{listed}");
    assert_eq!(listed["items"][0]["status"], "pending");
    for missing in ["lusab-babad-99", "no-id"] {
        let path = format!("{CHAT}/redeliver/{missing}");
        assert_eq!(
            by(&server, admin(), Method::POST, &path, Some(&json!({}))).await.status,
            404
        );
    }
    assert_eq!(get(&server, "/v1/webhooks/other/deliveries").await.status, 404);
}
