//! Who may do what.

use axum::http::Method;
use serde_json::json;
use slipway_api::Caller;

use crate::support::{Server, image, request};

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
        request.extensions_mut().insert(Caller {
            name: "bob".to_owned(),
            admin: false,
        });
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
