//! Publishing, and reading what is published.

use axum::http::Method;
use serde_json::{Value, json};
use slipway_control::admission::Admission;
use slipway_model::environment::Environment;
use slipway_model::id::OperationId;
use slipway_model::name::Digest;

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
        Digest::of(&stored).as_str(),
        digest,
        "the digest is that of the stored bytes"
    );

    let again = publish(&server, "shop/versions/1.0.0", &body).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    let other = publish(&server, "shop/versions/1.0.0", &json!({"files": {"main.tf": OTHER_TF}})).await;
    assert_eq!(other.status, 409, "{other:?}");
    let detail = other.json()["detail"].to_string();
    assert!(
        detail.contains("Raise `version` in blueprint.json, or the version after `--as`."),
        "{detail}"
    );
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
async fn a_version_has_the_readme_of_its_publication() {
    let server = Server::start().await;
    let readme = |version: &str| format!("/v1/blueprints/shop/versions/{version}/readme");
    let files = json!({"main.tf": OTHER_TF});
    let body = json!({"files": files, "readme": "# Shop\n"});
    assert_eq!(publish(&server, "shop/versions/1.0.0", &body).await.status, 201);
    let shown = server.get(&readme("1.0.0")).await;
    assert_eq!(
        (shown.status, shown.header("content-type"), &*shown.body),
        (200, "text/markdown; charset=utf-8", b"# Shop\n".as_slice())
    );

    // It is added where there is none, and does not change.
    let without = publish(&server, "shop/versions/1.1.0", &json!({"files": files})).await;
    assert_eq!(without.status, 201);
    let missing = server.get(&readme("1.1.0")).await;
    assert_eq!(missing.status, 404, "{missing:?}");
    for text in ["first", "second"] {
        let again = publish(&server, "shop/versions/1.1.0", &json!({"files": files, "readme": text})).await;
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(&*server.get(&readme("1.1.0")).await.body, b"first");
    }

    let among_files =
        json!({"root": "a", "files": {"a/main.tf": OTHER_TF, "a/README.md": "of the root", "README.md": "other"}});
    assert_eq!(publish(&server, "shop/versions/2.0.0", &among_files).await.status, 201);
    assert_eq!(&*server.get(&readme("2.0.0")).await.body, b"of the root");

    let long = json!({"files": files, "readme": "x".repeat(200_001)});
    let long = publish(&server, "shop/versions/3.0.0", &long).await;
    assert_eq!((long.status, long.fields()), (422, vec!["readme".to_owned()]));
    for path in ["9.9.9", "none"] {
        assert_eq!(server.get(&readme(path)).await.status, 404, "{path}");
    }
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
        ("shop/versions/1.0.0", file("main.tf", ""), 422, "files.main.tf"),
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
    ] {
        let answer = publish(&server, path, &body).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (status, vec![field.to_owned()]),
            "{path}: {}",
            answer.json()
        );
    }
    let huge = publish(&server, "shop/versions/1.0.0", &file("main.tf", &"#".repeat(3_000_000))).await;
    assert_eq!(huge.status, 413, "{huge:?}");
    assert_eq!(server.items(), before);
    assert!(server.fakes.lock().expect("not poisoned").objects.is_empty());
}

/// As `slipway publish` does with what is too long for a request.
#[tokio::test]
async fn a_blueprint_of_four_mebibytes_is_published_by_an_upload() {
    let server = Server::start().await;
    // Quotes are two bytes each in the event of the function.
    let main = format!("{MAIN_TF}\n# {}\n", "\"".repeat(4 * 1024 * 1024 - MAIN_TF.len() - 10));
    let document = json!({"files": {"main.tf": main}}).to_string();
    let as_admin = |method, path: &str, body: &Value| {
        let mut request = request(method, path, Some(body));
        request.extensions_mut().insert(admin());
        request
    };
    let version = "/v1/blueprints/large/versions/1.0.0";
    let whole: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(server.send(as_admin(Method::PUT, version, &whole)).await.status, 413);

    let digest = Digest::of(document.as_bytes()).to_string();
    let by_upload = json!({"upload": digest});
    let early = server.send(as_admin(Method::PUT, version, &by_upload)).await;
    assert_eq!(
        (early.status, early.fields()),
        (422, vec!["upload".to_owned()]),
        "{early:?}"
    );
    let asked = json!({"digest": digest, "bytes": document.len()});
    let upload = server.send(as_admin(Method::POST, "/v1/uploads", &asked)).await;
    assert_eq!(upload.status, 201, "{upload:?}");
    let upload = upload.json();
    let url = upload["url"].as_str().expect("an address");
    assert!(
        url.contains("x-amz-checksum-sha256") && url.contains("content-length"),
        "both are signed: {url}"
    );
    let key = url
        .split_once("/artifacts/")
        .expect("the bucket")
        .1
        .split('?')
        .next()
        .expect("a key")
        .to_owned();

    let put = |bytes: Vec<u8>| {
        let mut fakes = server.fakes.lock().expect("not poisoned");
        fakes.objects.insert(format!("/artifacts/{key}"), bytes.into());
    };
    put(b"{}".to_vec());
    let other = server.send(as_admin(Method::PUT, version, &by_upload)).await;
    assert_eq!(
        (other.status, other.fields()),
        (422, vec!["upload".to_owned()]),
        "{other:?}"
    );
    put(document.clone().into_bytes());
    let published = server.send(as_admin(Method::PUT, version, &by_upload)).await;
    assert_eq!(published.status, 201, "{published:?}");
    assert_eq!(published.json()["name"], "large");

    // More than a blueprint may have.
    let larger = json!({"files": {"main.tf": format!("{main}{}", "#".repeat(100))}}).to_string();
    let digest = Digest::of(larger.as_bytes());
    let key = slipway_model::artifact::upload(&digest);
    server
        .fakes
        .lock()
        .expect("not poisoned")
        .objects
        .insert(format!("/artifacts/{key}"), larger.into());
    let path = "/v1/blueprints/large/versions/1.0.1";
    let refused = server
        .send(as_admin(Method::PUT, path, &json!({"upload": digest})))
        .await;
    assert_eq!(
        (refused.status, refused.fields()),
        (422, vec!["files".to_owned()]),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_upload_is_an_administrators_and_has_a_length_and_a_digest() {
    let server = Server::start().await;
    let digest = Digest::of(b"").to_string();
    assert_eq!(
        server
            .post("/v1/uploads", &json!({"digest": digest, "bytes": 1}))
            .await
            .status,
        403
    );
    for (body, field) in [
        (json!({"digest": digest}), "bytes"),
        (json!({"digest": digest, "bytes": 0}), "bytes"),
        (json!({"digest": digest, "bytes": 1_000_000_000}), "bytes"),
        (json!({"digest": "sha256:0", "bytes": 1}), "digest"),
        (json!({"bytes": 1}), "digest"),
    ] {
        let mut request = request(Method::POST, "/v1/uploads", Some(&body));
        request.extensions_mut().insert(admin());
        let answer = server.send(request).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec![field.to_owned()]),
            "{body}"
        );
    }
}

#[tokio::test]
async fn deprecated_version_shows_its_message_and_stays_usable() {
    let server = Server::with_blueprint().await;
    server.publish("web", "1.1.0", MAIN_TF).await;
    let version = "/v1/blueprints/web/versions/1.0.0";
    let path = format!("{version}/deprecation");
    let send = |method: Method, body: Option<Value>| {
        let mut request = request(method, &path, body.as_ref());
        request.extensions_mut().insert(admin());
        server.send(request)
    };
    for wrong in [
        json!({}),
        json!({"message": " "}),
        json!({"message": "x".repeat(1_001)}),
    ] {
        let answer = send(Method::PUT, Some(wrong)).await;
        assert_eq!((answer.status, answer.fields()), (422, vec!["message".to_owned()]));
    }
    let message = json!({"message": "Use 1.1.0: this version has public buckets"});
    assert_eq!(
        send(Method::PUT, Some(json!({"message": "Use 1.1.0"}))).await.status,
        200
    );
    let deprecated = send(Method::PUT, Some(message.clone())).await.json();
    assert_eq!(deprecated["deprecation"]["message"], message["message"]);
    assert_eq!(deprecated["deprecation"]["by"], "root");
    let shown = server.get("/v1/blueprints/web").await.json();
    assert_eq!(shown["versions"], json!(["1.1.0", "1.0.0"]));
    let marks: Vec<&Value> = shown["history"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|one| &one["deprecated"])
        .collect();
    assert_eq!(marks, [&Value::Null, &message["message"]]);

    // It can be used, and is published all the same.
    let create = json!({"name": "old", "blueprint": "web", "version": "1.0.0", "environment": "local", "variables": {"size": 1}});
    assert_eq!(server.post("/v1/stacks", &create).await.status, 202);
    server.create("new", "local", &json!({"size": 1})).await;
    for (version, names) in [("1.0.0", json!(["old"])), ("1.1.0", json!(["new"]))] {
        let users = server
            .get(&format!("/v1/stacks?blueprint=web&version={version}"))
            .await
            .json();
        let found: Vec<&Value> = users["items"]
            .as_array()
            .expect("stacks")
            .iter()
            .map(|one| &one["name"])
            .collect();
        assert_eq!(json!(found), names, "{version}");
    }

    assert_eq!(send(Method::DELETE, None).await.status, 204);
    assert_eq!(send(Method::DELETE, None).await.status, 204, "nothing is left to end");
    assert_eq!(server.get(version).await.json()["deprecation"], Value::Null);
    let mut audit = request(Method::GET, "/v1/audit?action=deprecate", None);
    audit.extensions_mut().insert(admin());
    let records = server.send(audit).await.json();
    let changes: Vec<(&Value, &Value)> = records["items"]
        .as_array()
        .expect("records")
        .iter()
        .map(|one| (&one["before"]["deprecated"], &one["after"]["deprecated"]))
        .collect();
    assert_eq!(
        changes,
        [
            (&message["message"], &Value::Null),
            (&Value::Null, &message["message"]),
            (&Value::Null, &json!("Use 1.1.0"))
        ]
    );
}

#[tokio::test]
async fn drafts_are_for_sandboxes_and_never_the_latest() {
    let server = Server::with_blueprint().await;
    let sandbox = json!({"name": "play", "account": "000000000000", "region": "us-east-1", "sandbox": true});
    let sandbox: Environment = serde_json::from_value(sandbox).expect("an environment");
    server.store.put_environment(&sandbox).await.expect("written");
    let files = |text: &str, draft: bool| json!({"files": {"main.tf": format!("{MAIN_TF}# {text}\n")}, "draft": draft});
    let body = |environment: &str, blueprint: &str, version: Option<&str>| {
        let mut body =
            json!({"name": "trial", "blueprint": blueprint, "environment": environment, "variables": {"size": 1}});
        if let Some(version) = version {
            body["version"] = version.into();
        }
        body
    };
    let draft = "web/versions/2.0.0";
    let first = publish(&server, draft, &files("first", true)).await;
    assert_eq!((first.status, &first.json()["draft"]), (201, &json!(true)));
    let second = publish(&server, draft, &files("second", true)).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(second.json()["digest"], first.json()["digest"], "a draft is replaced");

    let shown = server.get("/v1/blueprints/web").await.json();
    assert_eq!((&shown["version"], &shown["draft"]), (&json!("1.0.0"), &json!(false)));
    let history = shown["history"].as_array().expect("versions");
    let marks: Vec<(&Value, &Value)> = history.iter().map(|one| (&one["version"], &one["draft"])).collect();
    assert_eq!(
        marks,
        [(&json!("2.0.0"), &json!(true)), (&json!("1.0.0"), &json!(false))]
    );

    let refused = server.post("/v1/stacks", &body("local", "web", Some("2.0.0"))).await;
    assert_eq!((refused.status, refused.fields()), (422, vec!["version".to_owned()]));
    let error = refused.json()["errors"][0].to_string();
    assert!(
        error.contains("is not a sandbox") && error.contains("without `--draft`"),
        "{error}"
    );
    let created = server.post("/v1/stacks", &body("play", "web", Some("2.0.0"))).await;
    assert_eq!(created.status, 202, "{created:?}");
    let stack = server.ready("shop", &[]).await;
    let update = server.patch(&stack, &json!({"version": "2.0.0"})).await;
    assert_eq!((update.status, update.fields()), (422, vec!["version".to_owned()]));

    // The environment is no sandbox any more when the operation begins, and when its plan is judged.
    let id: OperationId = created.json()["id"].as_str().expect("an ID").parse().expect("an ID");
    let (begun, made) = server.store.begin_operation(&id).await.expect("begun");
    let settle = async || {
        let settled = Admission::by(&server.store).settle(begun.clone(), &made).await;
        settled.map(|_| ()).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(settle().await, Ok(()));
    let mut closed = sandbox.clone();
    closed.sandbox = false;
    server.store.put_environment(&closed).await.expect("written");
    let refused = settle().await.expect_err("no sandbox");
    assert!(refused.contains("web@2.0.0 is a draft"), "{refused}");
    assert!(begun.draft_refusal(&closed).is_some());
    server.store.put_environment(&sandbox).await.expect("written");

    // Where there are only drafts, the newest is shown, and not taken by itself.
    publish(&server, "new/versions/0.1.0", &files("new", true)).await;
    let only = server.get("/v1/blueprints").await.json();
    let listed = only["items"].as_array().expect("blueprints").iter();
    let listed: Vec<(&Value, &Value)> = listed.map(|one| (&one["name"], &one["draft"])).collect();
    assert_eq!(listed, [(&json!("new"), &json!(true)), (&json!("web"), &json!(false))]);
    let unnamed = server.post("/v1/stacks", &body("play", "new", None)).await;
    assert_eq!((unnamed.status, unnamed.fields()), (422, vec!["version".to_owned()]));

    // Published for good, it is the latest and does not change.
    let published = publish(&server, draft, &files("second", false)).await;
    assert_eq!((published.status, &published.json()["draft"]), (200, &json!(false)));
    assert_eq!(server.get("/v1/blueprints/web").await.json()["version"], "2.0.0");
    for body in [files("second", true), files("third", false)] {
        assert_eq!(publish(&server, draft, &body).await.status, 409);
    }
}
