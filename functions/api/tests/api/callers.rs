//! Who may do what.

use axum::http::Method;
use serde_json::json;
use slipway_api::Caller;

use crate::support::{Server, image, request};

#[tokio::test]
async fn transferred_stack_belongs_to_the_members_of_the_team_only() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let member = |name: &str| Caller {
        groups: ["payments".to_owned()].into(),
        ..Caller::named(name, false)
    };
    let send = async |caller: Caller, method: Method, path: &str, body: serde_json::Value| {
        let mut request = request(method, path, Some(&body));
        request.extensions_mut().insert(caller);
        server.send(request).await
    };
    let owner = format!("{path}/owner");
    let refused = send(member("bob"), Method::PUT, &owner, json!({"owner": "team:payments"})).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let wrong = send(
        Caller::named("ann", false),
        Method::PUT,
        &owner,
        json!({"owner": "payments"}),
    )
    .await;
    assert_eq!((wrong.status, wrong.fields()), (422, vec!["owner".to_owned()]));
    let given = send(
        Caller::named("ann", false),
        Method::PUT,
        &owner,
        json!({"owner": "team:payments"}),
    )
    .await;
    assert_eq!(
        (given.status, &given.json()["owner"]),
        (200, &json!("team:payments")),
        "{given:?}"
    );
    let listed = server.get("/v1/stacks?owner=team%3Apayments").await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    for (caller, status) in [
        (member("bob"), 202),
        (member("carol"), 202),
        (Caller::named("ann", false), 403),
    ] {
        let answer = send(caller, Method::PATCH, &path, json!({"variables": {"size": 2}})).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // A new stack belongs to a team that the caller is a member of, or to the caller.
    let body = |owner: &str| json!({"name": "new", "blueprint": "web", "environment": "local", "variables": {"size": 1}, "owner": owner});
    let denied = send(member("bob"), Method::POST, "/v1/stacks", body("team:shop")).await;
    assert_eq!(denied.status, 403, "{denied:?}");
    let detail = denied.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("a new stack of team:shop"), "{detail}");
    let made = send(member("bob"), Method::POST, "/v1/stacks", body("team:payments")).await;
    assert_eq!(made.status, 202, "{made:?}");
}

#[tokio::test]
async fn only_its_owner_and_administrators_change_a_stack() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let before = server.items();
    let operations = server.get(&format!("{path}/operations")).await.json();
    let operation = operations["items"][0]["links"]["self"]
        .as_str()
        .expect("a path")
        .to_owned();
    let images = json!({"images": {"web": image("web")}});
    for (method, path, body) in [
        (Method::PATCH, path.clone(), Some(json!({}))),
        (Method::DELETE, path.clone(), None),
        (Method::POST, format!("{path}/preview"), Some(json!({}))),
        (Method::POST, format!("{path}/releases"), Some(images)),
        (Method::POST, format!("{operation}/cancel"), None),
        (Method::POST, format!("{operation}/approve"), None),
        (
            Method::POST,
            format!("{operation}/reject"),
            Some(json!({"reason": "no"})),
        ),
    ] {
        let mut request = request(method.clone(), &path, body.as_ref());
        request.extensions_mut().insert(Caller::named("bob", false));
        let answer = server.send(request).await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        assert!(
            answer.json()["detail"]
                .as_str()
                .expect("a detail")
                .contains("belongs to ann")
        );
    }
    let published = request(
        Method::PUT,
        "/v1/blueprints/web/versions/2.0.0",
        Some(&json!({"files": {"main.tf": ""}})),
    );
    assert_eq!(server.send(published).await.status, 403);
    assert_eq!(server.items(), before);
}
