//! The OpenAPI document, the page that shows it, and the service itself.

use std::collections::BTreeSet;

use axum::extract::Request;
use axum::http::{Method, header};
use serde_json::Value;

use crate::support::{Server, ann};

async fn document(server: &Server) -> Value {
    let answer = server.get("/openapi.json").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    answer.json()
}

/// Every operation of the document: path, method, and what is said of it.
fn operations(document: &Value) -> Vec<(String, Method, Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().expect("methods").iter().map(|(method, operation)| {
                let method = method.to_uppercase().parse().expect("a method");
                (path.clone(), method, operation.clone())
            })
        })
        .collect()
}

/// Every `$ref` in the document.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn schemas_are_whole() {
    let server = Server::start().await;
    for name in [
        "blueprint",
        "contract",
        "environment",
        "image",
        "release",
        "source-account",
        "stack",
        "stack-update",
    ] {
        let answer = server.get(&format!("/schemas/{name}.json")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/schema+json"),
            "{name}"
        );
        let schema = answer.json();
        assert_eq!(schema["additionalProperties"], false, "{name}");
        assert!(
            schema["$schema"]
                .as_str()
                .is_some_and(|draft| draft.contains("2020-12")),
            "{name}"
        );
        assert_eq!(
            schema["properties"].get("$schema").is_some(),
            name != "contract",
            "{name}"
        );
        let mut found = BTreeSet::new();
        references(&schema, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(schema.pointer(pointer).is_some(), "{name}: {reference} leads nowhere");
        }
    }
    let missing = server.get("/schemas/none.json").await;
    assert_eq!(missing.status, 404);
    assert!(missing.json()["detail"].to_string().contains("contract.json"));
}

#[tokio::test]
async fn the_document_is_whole() {
    let server = Server::start().await;
    let document = document(&server).await;
    assert!(
        document["openapi"].as_str().expect("a version").starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let what = format!("{method} {path}");
        assert!(
            operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{what} has no summary"
        );
        assert!(
            tags.contains(operation["tags"][0].as_str().expect("a tag")),
            "{what} has no tag of the document"
        );
        for (status, response) in operation["responses"].as_object().expect("responses") {
            assert!(
                response["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{what} {status}"
            );
        }
        let placeholders = path.matches('{').count();
        let parameters = operation["parameters"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        assert_eq!(
            parameters.iter().filter(|parameter| parameter["in"] == "path").count(),
            placeholders,
            "{what}"
        );
        assert!(
            parameters.iter().all(|parameter| parameter["description"].is_string()),
            "{what}"
        );
        let id = operation["operationId"].as_str().expect("an id").to_owned();
        assert!(ids.insert(id), "{what} has the id of another operation");
    }
    assert_eq!(ids.len(), 68, "{ids:#?}");
}

/// Path and method of each operation lead to a handler, and every handler under `/v1` asks who is calling. That there is no
/// route beside the document is so because both come from one list.
#[tokio::test]
async fn every_path_of_the_document_is_served_to_callers_only() {
    let server = Server::start().await;
    for (path, method, operation) in operations(&document(&server).await) {
        let address = path
            .replace(
                "{id}",
                if path.contains("operations/") {
                    "op-01kaj3v9mz5x0q8r2t4w6y7z9a"
                } else {
                    "lusab-babad"
                },
            )
            .replace("/schemas/{name}", "/schemas/stack.json")
            .replace("{name}", "web")
            .replace("{account}", "111122223333")
            .replace("{version}", "1.0.0")
            .replace("{number}", "1")
            .replace("{policy}", "owner");
        let request = Request::builder().method(method.clone()).uri(&address).body("".into());
        let answer = server.send(request.expect("a request")).await;
        let expected = match path.as_str() {
            "/docs" => 308,
            path if path.starts_with("/v1/") => 401,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{method} {path}: {answer:?}");
        assert!(
            operation["responses"].get(expected.to_string()).is_some(),
            "{method} {path}"
        );
    }
}

/// The examples of the document are requests that are at least understood.
#[tokio::test]
async fn the_examples_have_only_fields_that_there_are() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("example", &["web"]).await;
    let document = document(&server).await;
    let mut sent = 0;
    for (path, method, operation) in operations(&document) {
        let content = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(name) = content["$ref"]
            .as_str()
            .and_then(|reference| reference.rsplit('/').next())
        else {
            continue;
        };
        let Some(example) = document["components"]["schemas"][name].get("example") else {
            continue;
        };
        let address = path
            .replace("/v1/stacks/{id}", &stack)
            .replace("{name}", "example")
            .replace("{account}", "111122223333")
            .replace("{version}", "1.0.0")
            .replace("{policy}", "example");
        let mut caller = ann();
        caller.admin = true;
        let request = Request::builder()
            .method(method.clone())
            .uri(address.replace("{id}", "op-01kaj3v9mz5x0q8r2t4w6y7z9a"));
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .extension(caller);
        let answer = server
            .send(request.body(example.to_string().into()).expect("a request"))
            .await;
        let unknown = "there is no such field in this request";
        assert!(
            !String::from_utf8_lossy(&answer.body).contains(unknown),
            "{method} {path}: {answer:?}"
        );
        sent += 1;
    }
    assert_eq!(
        sent, 16,
        "create, transfer, update, preview, release, approve, reject, publish, deprecate, upload, three that configure, three of policies"
    );
}

#[tokio::test]
async fn the_explorer_loads_nothing_from_elsewhere() {
    let server = Server::start().await;
    let start = server.get("/docs").await;
    assert_eq!((start.status, start.header("location")), (308, "/docs/index.html"));
    let page = server.get("/docs/index.html").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"),
        "{policy}"
    );
    let text = String::from_utf8(page.body.to_vec()).expect("a text");
    let files: Vec<&str> = text
        .split(['"', '\''])
        .filter_map(|part| part.strip_prefix("./"))
        .collect();
    assert!(files.contains(&"swagger-ui-bundle.js"), "{text}");
    for file in files {
        assert_eq!(server.get(&format!("/docs/{file}")).await.status, 200, "{file}");
    }
    let settings = server.get("/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&settings.body).contains("\"/openapi.json\""));
    assert_eq!(server.get("/docs/nothing.js").await.status, 404);
    let health = server.get("/healthz").await;
    assert_eq!((health.status, health.header("cache-control")), (200, "no-store"));
    assert_eq!(
        health.json(),
        serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})
    );
}
