//! Publishing, and reading what is published.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, MAIN_TF, Server, admin, request};

async fn publish(server: &Server, path: &str, body: &Value) -> Answer {
    let mut request = request(Method::PUT, &format!("/v1/blueprints/{path}"), Some(body));
    request.extensions_mut().insert(admin());
    server.send(request).await
}

/// The least that a blueprint is.
const OTHER_TF: &str = "output \"slipway\" { value = {} }\n";

#[tokio::test]
async fn a_version_is_published_once_and_never_changes() {
    let server = Server::start().await;
    let body =
        json!({"description": "A shop", "files": {"main.tf": MAIN_TF, "modules/a/main.tf": "variable \"x\" {}"}});
    let first = publish(&server, "shop/versions/1.0.0", &body).await;
    assert_eq!(
        (first.status, first.header("location")),
        (201, "/v1/blueprints/shop/versions/1.0.0"),
        "{first:?}"
    );
    let digest = first.json()["digest"].as_str().expect("a digest").to_owned();
    let stored = {
        let fakes = server.fakes.lock().expect("not poisoned");
        let key = format!("/artifacts/blueprints/{}.json", digest.replace(':', "-"));
        fakes.objects.get(&key).cloned().expect("the files are stored")
    };
    assert_eq!(
        slipway_model::name::Digest::of(&stored).as_str(),
        digest,
        "the digest is that of the stored bytes"
    );

    let again = publish(&server, "shop/versions/1.0.0", &body).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    let other = publish(&server, "shop/versions/1.0.0", &json!({"files": {"main.tf": OTHER_TF}})).await;
    assert_eq!(other.status, 409, "{other:?}");
    let shown = server.get("/v1/blueprints/shop/versions/1.0.0").await;
    assert_eq!(shown.json(), first.json());
    let variables = first.json()["variables"].as_array().expect("variables").clone();
    let named = |name: &str| {
        variables
            .iter()
            .find(|variable| variable["name"] == name)
            .expect("a variable")
            .clone()
    };
    assert_eq!(
        (named("size")["required"].clone(), named("size")["type"].clone()),
        (json!(true), json!("number"))
    );
    assert_eq!(named("colour")["default"], "red");
    assert_eq!(
        (named("password")["sensitive"].clone(), named("password").get("default")),
        (json!(true), None)
    );
    assert_eq!(variables.len(), 5, "only the root module's variables");
}

#[tokio::test]
async fn versions_come_the_highest_first_and_the_latest_is_shown() {
    let server = Server::start().await;
    for version in ["1.9.0", "1.10.0", "2.0.0-rc.1", "1.2.0"] {
        server.publish("shop", version, MAIN_TF).await;
    }
    let shown = server.get("/v1/blueprints/shop?limit=3").await.json();
    assert_eq!(
        (&shown["version"], &shown["versions"]),
        (&json!("1.10.0"), &json!(["2.0.0-rc.1", "1.10.0", "1.9.0"]))
    );
    let next = shown["next"].as_str().expect("a cursor");
    let rest = server.get(&format!("/v1/blueprints/shop?cursor={next}")).await.json();
    assert_eq!((&rest["versions"], &rest["next"]), (&json!(["1.2.0"]), &Value::Null));
    let listed = server.get("/v1/blueprints").await.json();
    assert_eq!(
        (&listed["items"][0]["name"], &listed["items"][0]["version"]),
        (&json!("shop"), &json!("1.10.0"))
    );
}

#[tokio::test]
async fn what_cannot_be_published() {
    let server = Server::start().await;
    let before = server.items();
    let file = |name: &str, text: &str| json!({"files": {name: text}});
    for (path, body, status, field) in [
        ("Shop/versions/1.0.0", file("main.tf", OTHER_TF), 422, "name"),
        ("shop/versions/1", file("main.tf", OTHER_TF), 422, "version"),
        ("shop/versions/1.0.0+a", file("main.tf", OTHER_TF), 422, "version"),
        ("shop/versions/1.0.0", json!({}), 422, "files"),
        ("shop/versions/1.0.0", file("readme.md", ""), 422, "files"),
        (
            "shop/versions/1.0.0",
            json!({"files": {"main.tf": 1}}),
            422,
            "files.main.tf",
        ),
        (
            "shop/versions/1.0.0",
            json!({"files": {"main.tf": OTHER_TF, "../x.tf": ""}}),
            422,
            "files.../x.tf",
        ),
        (
            "shop/versions/1.0.0",
            file("main.tf", "variable \"size\" {"),
            422,
            "files.main.tf",
        ),
        ("shop/versions/1.0.0", file("main.tf", "a\u{0}"), 422, "files.main.tf"),
        // What the runner or the workflow would refuse when a stack is made.
        ("shop/versions/1.0.0", file("main.tf", ""), 422, "files"),
        (
            "shop/versions/1.0.0",
            file("main.tf", "output \"slipway\" { value = [] }"),
            422,
            "files.main.tf",
        ),
        (
            "shop/versions/1.0.0",
            json!({"files": {"main.tf": OTHER_TF, "zz_override.tf": ""}}),
            422,
            "files.zz_override.tf",
        ),
        (
            "shop/versions/1.0.0",
            json!({"files": {"main.tf": OTHER_TF, "cloud.tf": "terraform {\n  cloud {}\n}"}}),
            422,
            "files.cloud.tf",
        ),
        (
            "shop/versions/1.0.0",
            json!({"files": {"main.tf": OTHER_TF, "more.tf": "module \"m\" {\n  source = \"../m\"\n}"}}),
            422,
            "files.more.tf",
        ),
        (
            "shop/versions/1.0.0",
            json!({"files": {"main.tf": OTHER_TF}, "root": "a"}),
            422,
            "files",
        ),
        (
            "shop/versions/1.0.0",
            json!({"files": {"main.tf": OTHER_TF}, "description": "d".repeat(2_000)}),
            422,
            "description",
        ),
        (
            "shop/versions/1.0.0",
            file("main.tf", &format!("{OTHER_TF}{}", "#".repeat(4_500_000))),
            422,
            "files",
        ),
    ] {
        let answer = publish(&server, path, &body).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (status, vec![field.to_owned()]),
            "{path}: {}",
            answer.json()
        );
    }
    let huge = publish(&server, "shop/versions/1.0.0", &file("main.tf", &"#".repeat(5_300_000))).await;
    assert_eq!(huge.status, 413, "{huge:?}");
    assert_eq!(server.items(), before);
    assert!(server.fakes.lock().expect("not poisoned").objects.is_empty());
}
