//! A request that is wrong is refused by the name of the field, says what to do, and writes nothing.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use serde_json::{Value, json};

use crate::support::{Server, ann, image, request};

/// A request to be refused: what it is, the status, the fields that are named, and a part of what is said.
struct Case(&'static str, Request, u16, &'static [&'static str], &'static str);

fn raw(method: Method, path: &str, content_type: &str, body: impl Into<Body>) -> Request {
    let request = Request::builder().method(method).uri(path).extension(ann());
    request
        .header(header::CONTENT_TYPE, content_type)
        .body(body.into())
        .expect("a request")
}

fn post_text(body: impl Into<Body>) -> Request {
    raw(Method::POST, "/v1/stacks", "application/json", body)
}

/// A request for a stack that is right but for these fields.
fn stack(different: &Value) -> Value {
    let mut body = json!({"name": "shop", "blueprint": "web", "environment": "local", "variables": {"size": 1}});
    let fields = body.as_object_mut().expect("an object");
    for (name, value) in different.as_object().expect("an object") {
        fields.insert(name.clone(), value.clone());
    }
    body
}

fn post_stack(different: &Value) -> Request {
    request(Method::POST, "/v1/stacks", Some(&stack(different)))
}

fn get(path: &str) -> Request {
    request(Method::GET, path, None)
}

fn with_header(mut request: Request, name: &'static str, value: &str) -> Request {
    let value = value.parse().expect("a header value");
    request.headers_mut().append(name, value);
    request
}

async fn refuse(server: &Server, cases: Vec<Case>) {
    let before = server.items();
    for Case(name, request, status, fields, says) in cases {
        let answer = server.send(request).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        let (mut named, mut expected) = (answer.fields(), fields.to_vec());
        named.sort_unstable();
        expected.sort_unstable();
        assert_eq!(named, expected, "{name}: {}", answer.json());
        let text = answer.json().to_string();
        assert!(text.contains(says), "{name}: {text}");
        assert!(text.len() < 4_000, "{name}: the answer repeats the request");
    }
    assert_eq!(server.items(), before, "something was written");
    assert!(server.calls("StartExecution").is_empty());
}

#[tokio::test]
async fn first_hundred_of_many_problems_are_listed() {
    let server = Server::with_blueprint().await;
    let variables: serde_json::Map<_, _> = (0..20_000).map(|n| (format!("v{n}"), json!(1))).collect();
    let answer = server.send(post_stack(&json!({ "variables": variables }))).await;
    assert_eq!((answer.status, answer.fields().len()), (422, 100));
    let problem = answer.json();
    let detail = problem["detail"].as_str().expect("a detail");
    // The unknown ones, and the one that is missing.
    assert!(
        detail.starts_with("20001 fields are wrong, of which the first 100 are listed"),
        "{detail}"
    );
    assert!(problem.to_string().len() < 100_000);
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be() {
    let server = Server::with_blueprint().await;
    let long = json!({"name": "a".repeat(1_000_000)}).to_string();
    let nested = format!(
        "{{\"variables\": {{\"size\": {}1{}}}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let stream = Body::from_stream(futures::stream::iter(
        (0..40).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000])),
    ));
    let cases = vec![
        Case(
            "no body",
            request(Method::POST, "/v1/stacks", None),
            400,
            &[],
            "no body",
        ),
        Case(
            "no JSON",
            post_text("{\n  \"name\": shop}"),
            400,
            &[],
            "line 2, column 11",
        ),
        Case("half a body", post_text("{\"name\""), 400, &[], "line 1, column 7"),
        Case("two bodies", post_text("{} {}"), 400, &[], "line 1, column 4"),
        Case(
            "no UTF-8",
            post_text(&b"{\"name\": \"\xff\"}"[..]),
            400,
            &[],
            "not valid JSON",
        ),
        Case("a list", post_text("[]"), 400, &[], "a list"),
        Case(
            "twice",
            post_text("{\"name\": \"a\", \"name\": \"b\"}"),
            400,
            &[],
            "`name` stands here twice",
        ),
        Case(
            "twice inside",
            post_text("{\"variables\": {\"a\": 1, \"a\": 2}}"),
            400,
            &[],
            "`a` stands here twice",
        ),
        Case("deep", post_text(nested), 400, &[], "nested too deeply"),
        Case("1 MB", post_text(long), 413, &[], "262144 bytes"),
        Case("a long stream", post_text(stream), 413, &[], "262144 bytes"),
        Case(
            "a form",
            raw(Method::POST, "/v1/stacks", "text/plain", "{}"),
            415,
            &[],
            "application/json",
        ),
        Case(
            "no type",
            raw(Method::POST, "/v1/stacks", "", "{}"),
            415,
            &[],
            "application/json",
        ),
    ];
    refuse(&server, cases).await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn a_stack_that_cannot_be_made() {
    let server = Server::with_blueprint().await;
    let tagged = json!({"images": {"web": "web:1", "Wrong": image("web"), "worker": 3}});
    let everything = json!({
        "name": "Shop", "blueprint": "none", "environment": "moon", "version": "one", "variables": [], "images": {"web": 1},
        "colour": 1
    });
    let all = [
        "name",
        "version",
        "variables",
        "images.web",
        "colour",
        "environment",
        "blueprint",
    ];
    let all: &[&str] = Box::leak(Box::new(all));
    let cases = vec![
        Case(
            "nothing",
            post_text("{}"),
            422,
            &["name", "blueprint", "environment"],
            "is missing",
        ),
        Case("null", post_stack(&json!({"name": null})), 422, &["name"], "is missing"),
        Case(
            "everything",
            post_stack(&everything),
            422,
            all,
            "the environments are: live, local",
        ),
        Case(
            "a name",
            post_stack(&json!({"name": "../../x"})),
            422,
            &["name"],
            "lower-case",
        ),
        Case(
            "a dash",
            post_stack(&json!({"name": "-rf"})),
            422,
            &["name"],
            "lower-case",
        ),
        Case("a NUL", post_stack(&json!({"name": "a\u{0}"})), 422, &["name"], "NUL"),
        Case(
            "a number",
            post_stack(&json!({"name": 5})),
            422,
            &["name"],
            "is a number, not a text",
        ),
        Case(
            "a field",
            post_stack(&json!({"nmae": "x"})),
            422,
            &["nmae"],
            "name, blueprint, version, environment",
        ),
        Case(
            "a blueprint",
            post_stack(&json!({"blueprint": "no"})),
            422,
            &["blueprint"],
            "the blueprints are: web",
        ),
        Case(
            "a version",
            post_stack(&json!({"version": "9.0.0"})),
            422,
            &["version"],
            "the versions are: 1.0.0",
        ),
        Case(
            "no semver",
            post_stack(&json!({"version": "1"})),
            422,
            &["version"],
            "1.2.0",
        ),
        Case(
            "an image",
            post_stack(&tagged),
            422,
            &["images.Wrong", "images.web", "images.worker"],
            "by digest",
        ),
        Case(
            "a variable",
            post_stack(&json!({"variables": {}})),
            422,
            &["variables.size"],
            "is missing",
        ),
        Case(
            "two variables",
            post_stack(&json!({"variables": {"size": "${file(\"/etc/passwd\")}", "szie": 1}})),
            422,
            &["variables.szie", "variables.size"],
            "is a text, not a number",
        ),
        Case(
            "a NUL inside",
            post_stack(&json!({"variables": {"size": 1, "labels": {"a": ["b", "c\u{0}"]}}})),
            422,
            &["variables.labels.a[1]"],
            "NUL",
        ),
        Case(
            "the environment's",
            post_stack(&json!({"environment": "live", "variables": {"size": 1, "vpc": "vpc-2"}})),
            422,
            &["variables.vpc"],
            "the environment gives this value",
        ),
        Case(
            "what stands for a value",
            post_stack(&json!({"variables": {"size": 1, "password": "(sensitive)"}})),
            422,
            &["variables.password"],
            "it is not the value",
        ),
    ];
    refuse(&server, cases).await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn parameters_headers_methods_and_paths() {
    let server = Server::with_blueprint().await;
    let key = |value: &str| with_header(post_stack(&json!({})), "idempotency-key", value);
    let long = "k".repeat(256);
    let unknown = "/v1/stacks/lusab-babad";
    let cases = vec![
        Case("a limit", get("/v1/stacks?limit=0"), 400, &["limit"], "from 1 to 100"),
        Case(
            "a large limit",
            get("/v1/stacks?limit=101"),
            400,
            &["limit"],
            "from 1 to 100",
        ),
        Case(
            "no number",
            get("/v1/stacks?limit=many"),
            400,
            &["limit"],
            "whole number",
        ),
        Case("a cursor", get("/v1/stacks?cursor=%00%ff"), 400, &["cursor"], "next"),
        Case(
            "another cursor",
            get("/v1/blueprints?cursor=abc"),
            400,
            &["cursor"],
            "next",
        ),
        Case(
            "a status",
            get("/v1/stacks?status=happy"),
            400,
            &["status"],
            "provisioning, ready",
        ),
        Case(
            "all of them",
            get("/v1/stacks?status=happy&limit=x&colour=red"),
            400,
            &["status", "limit", "colour"],
            "owner",
        ),
        Case("twice", get("/v1/stacks?owner=a&owner=b"), 400, &["owner"], "once"),
        Case(
            "a parameter",
            get("/v1/environments/local?x=1"),
            400,
            &["x"],
            "no parameters",
        ),
        Case(
            "of a change",
            request(Method::POST, "/v1/stacks?x=1", Some(&stack(&json!({})))),
            400,
            &["x"],
            "no parameters",
        ),
        Case("a key", key(&long), 400, &["Idempotency-Key"], "1 to 255"),
        Case("no key", key(""), 400, &["Idempotency-Key"], "1 to 255"),
        Case("a foreign key", key("ö"), 400, &["Idempotency-Key"], "ASCII"),
        Case(
            "no stack",
            get(unknown),
            404,
            &[],
            r#""missing":{"kind":"stack","name":"lusab-babad"}"#,
        ),
        Case("no id", get("/v1/stacks/shop"), 404, &[], "looks like"),
        Case("no UTF-8", get("/v1/stacks/%ff"), 400, &["path"], "UTF-8"),
        Case("a delete", request(Method::DELETE, unknown, None), 404, &[], "no stack"),
        Case(
            "no operation",
            get("/v1/operations/op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
            404,
            &[],
            "operations",
        ),
        Case("no operation id", get("/v1/operations/12/logs"), 404, &[], "op-"),
        Case(
            "no environment",
            get("/v1/environments/moon"),
            404,
            &[],
            "the environments are: live, local",
        ),
        Case(
            "no blueprint",
            get("/v1/blueprints/none"),
            404,
            &[],
            "the blueprints are: web",
        ),
        Case(
            "no version",
            get("/v1/blueprints/web/versions/2.0.0"),
            404,
            &[],
            "the versions are: 1.0.0",
        ),
        Case(
            "no path",
            get("/v1/stack"),
            404,
            &[],
            "There is no path /v1/stack. Did you mean /v1/stacks? GET /openapi.json lists every path.",
        ),
        Case("a slash", get("/v1/stacks/"), 404, &[], "Did you mean /v1/stacks?"),
        Case(
            "no path like it",
            get("/v1/moon"),
            404,
            &[],
            "There is no path /v1/moon. GET /openapi.json lists every path.",
        ),
        Case(
            "a method",
            request(Method::PUT, "/v1/stacks", Some(&json!({}))),
            405,
            &[],
            "GET, HEAD, POST",
        ),
    ];
    refuse(&server, cases).await;
    let answer = server.send(request(Method::POST, unknown, None)).await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, "GET, HEAD, PATCH, DELETE")
    );
}

#[tokio::test]
async fn only_rejected_changes_say_that_nothing_was_changed() {
    let server = Server::with_blueprint().await;
    let reads = server.get("/v1/stacks?limit=0&colour=red").await;
    assert_eq!(reads.json()["detail"], "2 parameters are wrong.");
    let changes = server.post("/v1/stacks", &stack(&json!({"variables": {}}))).await;
    assert_eq!(changes.json()["detail"], "1 field is wrong; nothing was changed.");
}

#[tokio::test]
async fn long_poll_waits_at_most_25_seconds() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    let path = operation["links"]["self"].as_str().expect("a path");
    let answer = server.get(&format!("{path}?wait=26")).await;
    assert_eq!(
        (answer.status, answer.fields()),
        (400, vec!["wait".to_owned()]),
        "{answer:?}"
    );
    assert!(answer.json().to_string().contains("0 to 25"), "{answer:?}");
}
