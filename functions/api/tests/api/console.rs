//! The web console's files, and the configuration of its sign-in.

use axum::extract::Request;
use axum::http::{Method, header};
use serde_json::json;

use crate::support::{Answer, Server, ann};

async fn get(server: &Server, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
    let mut request = Request::builder().method(Method::GET).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    server.send(request.body("".into()).expect("a request")).await
}

/// The address of a file, as the page names it.
fn address(page: &Answer, file: &str) -> String {
    let text = String::from_utf8(page.body.to_vec()).expect("a text");
    let names = text.split('"').find(|part| part.ends_with(file));
    names.expect("the page names the file").to_owned()
}

#[tokio::test]
async fn anyone_gets_the_console_under_a_strict_policy() {
    let server = Server::start().await;
    for path in [
        "/",
        "/console",
        "/console/",
        "/console/stacks/lusab-babad",
        "/console/operations/op-1?x=y",
    ] {
        let page = get(&server, path, &[]).await;
        assert_eq!(
            (page.status, page.header("content-type"), page.header("cache-control")),
            (200, "text/html; charset=utf-8", "no-cache"),
            "{path}"
        );
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             require-trusted-types-for 'script'; trusted-types slipway; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(!String::from_utf8_lossy(&page.body).contains("{digest}"));
    }
}

#[tokio::test]
async fn files_are_immutable_compressed_and_of_one_version() {
    let server = Server::start().await;
    let page = get(&server, "/", &[]).await;
    let script = address(&page, "/app.js");
    let plain = get(&server, &script, &[]).await;
    assert_eq!(
        (
            plain.status,
            plain.header("content-type"),
            plain.header("cache-control")
        ),
        (
            200,
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable"
        )
    );
    let zipped = get(&server, &script, &[(header::ACCEPT_ENCODING, "gzip, br")]).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert!(zipped.body.len() < plain.body.len() / 2 && zipped.body.starts_with(&[0x1f, 0x8b]));
    let known = [(header::IF_NONE_MATCH, page.header("etag"))];
    let unchanged = get(&server, "/", &known).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    for wrong in [
        script.replace("app.js", "nothing.js"),
        script.replace("/app.js", "/../app.js"),
        "/console/assets/0123456789abcdef/app.js".to_owned(),
    ] {
        assert_eq!(get(&server, &wrong, &[]).await.status, 404, "{wrong}");
    }
    assert_eq!(
        server
            .send(Request::post("/").body("".into()).expect("a request"))
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn console_gets_the_caller_and_the_sign_in() {
    let mut server = Server::start().await;
    assert_eq!(
        server.get("/console/config.json").await.json(),
        json!({ "version": env!("CARGO_PKG_VERSION"), "sign_in": null })
    );
    let request = Request::get("/v1/caller").extension(ann()).body("".into());
    let caller = server.send(request.expect("a request")).await;
    assert_eq!(
        caller.json(),
        json!({ "name": ann().name, "admin": ann().admin, "groups": [] })
    );

    server.configure(&[
        ("SLIPWAY_OIDC_ISSUER", "https://id.example.com/pool"),
        ("SLIPWAY_CONSOLE_CLIENT_ID", "console"),
        ("SLIPWAY_CONSOLE_SCOPE", "openid slipway/use"),
        ("SLIPWAY_CONSOLE_ORIGINS", "https://login.example.com"),
    ]);
    let config = server.get("/console/config.json").await.json();
    assert_eq!(
        config["sign_in"],
        json!({ "issuer": "https://id.example.com/pool", "client_id": "console", "scope": "openid slipway/use" })
    );
    let policy = get(&server, "/", &[]).await;
    assert!(
        policy
            .header("content-security-policy")
            .contains("connect-src 'self' https://id.example.com https://login.example.com;"),
        "{policy:?}"
    );
}
