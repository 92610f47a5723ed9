//! The answers to changes show no more than `GET` does.

use axum::http::Method;
use serde_json::{Value, json};
use slipway_api::Caller;

use crate::operations::waiting_for;
use crate::support::{Answer, Server, admin, ann, request};

async fn by(server: &Server, caller: Caller, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let mut request = request(method, path, body);
    request.extensions_mut().insert(caller);
    server.send(request).await
}

async fn put_policy(server: &Server, name: &str, text: &str) {
    let body = json!({ "text": text });
    let stored = by(
        server,
        admin(),
        Method::PUT,
        &format!("/v1/policies/{name}"),
        Some(&body),
    )
    .await;
    assert_eq!(stored.status, 200, "{stored:?}");
}

/// Eve may do everything with stacks and operations but read them.
async fn with_eve(server: &Server) -> Caller {
    let text = "permit (principal == Person::\"eve\", action in [Action::\"operate\", Action::\"decide\", Action::\"request\"], resource);";
    put_policy(server, "eve", text).await;
    Caller::named("eve", false)
}

#[tokio::test]
async fn changes_of_a_stack_show_no_more_than_its_reader_may_see() {
    let server = Server::with_blueprint().await;
    let content = json!({"endpoints": {"web": "https://shop.example/"}, "notes": {"database": "psql -h db.example"}});
    let stack = server.ready_with("shop", &["web"], &content).await;
    let eve = with_eve(&server).await;
    let owner = json!({"owner": "team:payments"});
    let path = format!("{stack}/owner");
    let transferred = by(&server, eve.clone(), Method::PUT, &path, Some(&owner)).await;
    let shown = transferred.json();
    assert_eq!(
        (transferred.status, &shown["owner"]),
        (200, &json!("team:payments")),
        "{shown:#}"
    );
    assert_eq!(
        (&shown["variables"], &shown["applied"], &shown["notes"]),
        (&Value::Null, &Value::Null, &json!({}))
    );
    assert!(!shown.to_string().contains(".example"), "{shown:#}");

    let image = format!("web@sha256:{}", "a".repeat(64));
    for (method, path, body) in [
        (Method::PATCH, stack.clone(), json!({"variables": {"size": 2}})),
        (
            Method::POST,
            format!("{stack}/preview"),
            json!({"variables": {"size": 3}}),
        ),
        (
            Method::POST,
            format!("{stack}/releases"),
            json!({"images": {"web": image}}),
        ),
        (Method::POST, format!("{stack}/drift"), json!({})),
    ] {
        let accepted = by(&server, eve.clone(), method, &path, Some(&body)).await;
        let shown = accepted.json();
        assert_eq!(
            (accepted.status, &shown["requested_by"]),
            (202, &json!("eve")),
            "{path}: {shown:#}"
        );
        assert_eq!(
            (&shown["plan"], &shown["steps"], &shown["execution_arn"]),
            (&Value::Null, &json!([]), &Value::Null)
        );
    }
    let audited = by(&server, admin(), Method::GET, "/v1/audit?action=read&actor=eve", None).await;
    assert_eq!(audited.json()["items"], json!([]));

    // Who may read it, sees it, and is recorded.
    let by_root = by(
        &server,
        admin(),
        Method::PUT,
        &path,
        Some(&json!({"owner": "team:shop"})),
    )
    .await;
    assert_eq!(by_root.json()["notes"], content["notes"]);
    let audited = by(&server, admin(), Method::GET, "/v1/audit?action=read&actor=root", None).await;
    assert_eq!(audited.json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn approver_must_be_permitted_to_read_the_plan() {
    let server = Server::with_blueprint().await;
    let operation = waiting_for(&server, 1, true).await;
    let eve = with_eve(&server).await;
    let path = operation["links"]["self"].as_str().expect("a path");
    let id = operation["id"].as_str().expect("an id");
    let hash = server.sheet(&operation).await;
    let approve = format!("{path}/approve");
    for body in [
        json!({}),
        json!({"sheet": format!("sha256:{}", "0".repeat(64))}),
        hash.clone(),
    ] {
        let denied = by(&server, eve.clone(), Method::POST, &approve, Some(&body)).await;
        assert_eq!(denied.status, 403, "{denied:?}");
        let problem = denied.json();
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("`read`")),
            "{problem}"
        );
        assert!(!problem.to_string().contains("sha256:"), "{problem}");
    }
    let may = by(
        &server,
        eve.clone(),
        Method::GET,
        &format!("/v1/can-i?action=approve&operation={id}"),
        None,
    )
    .await;
    assert_eq!(may.json()["allowed"], false);
    let may = by(
        &server,
        eve.clone(),
        Method::GET,
        &format!("/v1/permissions?operation={id}"),
        None,
    )
    .await;
    assert!(!may.json()["actions"].to_string().contains("approve"), "{may:?}");

    let reject = format!("{path}/reject");
    let rejected = by(&server, eve, Method::POST, &reject, Some(&json!({"reason": "no"}))).await;
    let shown = rejected.json();
    assert_eq!((rejected.status, &shown["id"]), (202, &operation["id"]), "{shown:#}");
    assert_eq!(
        (&shown["plan"], &shown["approvals"], &shown["error"]),
        (&Value::Null, &json!([]), &Value::Null)
    );
    assert!(!shown.to_string().contains("terraform_data"), "{shown:#}");
    // The owner sees it whole.
    let again = by(&server, ann(), Method::GET, path, None).await.json();
    assert_eq!(again["plan"]["add"], 1, "{again:#}");
}

#[tokio::test]
async fn cancel_shows_no_more_than_its_reader_may_see() {
    let server = Server::with_blueprint().await;
    let operation = waiting_for(&server, 1, true).await;
    let eve = with_eve(&server).await;
    let path = operation["links"]["self"].as_str().expect("a path");
    let cancelled = by(&server, eve, Method::POST, &format!("{path}/cancel"), None).await;
    let shown = cancelled.json();
    assert_eq!((cancelled.status, &shown["plan"]), (202, &Value::Null), "{shown:#}");
}
