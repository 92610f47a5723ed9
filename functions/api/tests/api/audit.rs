//! The audit log and hidden values, through the API.

use axum::extract::Request;
use axum::http::Method;
use serde_json::{Value, json};
use slipway_api::Caller;
use slipway_model::name::Digest;

use crate::support::{MAIN_TF, Server, admin, ann, request};

fn by(caller: Caller, method: Method, path: &str, body: Option<&Value>) -> Request {
    let mut request = request(method, path, body);
    request.extensions_mut().insert(caller);
    request
}

/// The records that satisfy a query, the oldest first.
async fn records(server: &Server, query: &str) -> Vec<Value> {
    let answer = server
        .send(by(admin(), Method::GET, &format!("/v1/audit?{query}"), None))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut items = answer.json()["items"].as_array().expect("items").clone();
    items.reverse();
    items
}

#[tokio::test]
async fn each_request_leaves_its_record() {
    let server = Server::with_blueprint().await;
    let published = records(&server, "action=publish").await;
    assert_eq!(
        (&published[0]["actor"], &published[0]["subject"]),
        (&json!("root"), &json!("blueprint/web"))
    );
    let shown = server.get("/v1/blueprints/web/versions/1.0.0").await.json();
    assert_eq!(shown["published_by"], "root");

    let operation = server
        .create("shop", "local", &json!({"size": 1, "password": "hunter2"}))
        .await;
    let stack = format!("stack/{}", operation["stack"]["id"].as_str().expect("an id"));
    let path = operation["links"]["stack"].as_str().expect("a path").to_owned();
    let bob = Caller::named("bob", false);
    let reads = json!({"text": "permit (principal, action == Action::\"read\", resource);"});
    let stored = server
        .send(by(
            Caller::named("root", true),
            Method::PUT,
            "/v1/policies/everyone-reads",
            Some(&reads),
        ))
        .await;
    assert_eq!(stored.status, 200, "{stored:?}");
    let denied = server
        .send(by(
            bob.clone(),
            Method::PATCH,
            &path,
            Some(&json!({"variables": {"size": 2}})),
        ))
        .await;
    assert_eq!(denied.status, 403);
    for _ in 0..2 {
        let read = server.send(by(bob.clone(), Method::GET, &path, None)).await;
        assert_eq!(read.status, 200);
    }
    server.get(&path).await;

    let of_stack = records(&server, &format!("subject={stack}")).await;
    let found: Vec<_> = of_stack
        .iter()
        .map(|record| (&record["actor"], &record["action"]))
        .collect();
    // Ann owns the stack, and Bob is recorded once.
    assert_eq!(
        found,
        [(&json!("ann"), &json!("provision")), (&json!("bob"), &json!("read"))]
    );
    assert_eq!(of_stack[0]["operation"], operation["id"]);
    assert_eq!(of_stack[0]["after"]["variables.password"], "(sensitive)");
    let denials = records(&server, "action=deny&actor=bob").await;
    assert_eq!(denials.len(), 1, "{denials:?}");
    assert_eq!(denials[0]["subject"], format!("PATCH {path}"));
    let reason = denials[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("belongs to ann"), "{reason}");
}

#[tokio::test]
async fn after_a_transfer_reads_of_the_former_owner_are_recorded() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    server.play(&operation).await;
    let reads = json!({"text": "permit (principal, action == Action::\"read\", resource);"});
    let path = "/v1/policies/everyone-reads";
    assert_eq!(
        server.send(by(admin(), Method::PUT, path, Some(&reads))).await.status,
        200
    );
    let stack = operation["links"]["stack"].as_str().expect("a path");
    let owner = json!({"owner": "sub:login.example.com:bob"});
    let path = format!("{stack}/owner");
    assert_eq!(
        server.send(by(admin(), Method::PUT, &path, Some(&owner))).await.status,
        200
    );
    let path = operation["links"]["self"].as_str().expect("a path");
    let bob = Caller::named("sub:login.example.com:bob", false);
    assert_eq!(server.send(by(bob, Method::GET, path, None)).await.status, 200);
    assert_eq!(server.get(path).await.status, 200);
    let readers = records(&server, "action=read").await;
    let readers: Vec<_> = readers.iter().map(|record| &record["actor"]).collect();
    // The answer to the transfer shows the stack to its administrator.
    assert_eq!(readers, [&json!("root"), &json!("ann")]);
}

#[tokio::test]
async fn list_records_the_stacks_of_other_owners_once() {
    let server = Server::with_blueprint().await;
    let shop = server.create("shop", "local", &json!({"size": 1})).await;
    let bob = Caller::named("bob", false);
    let lists = [
        "/v1/stacks",
        "/v1/operations?status=starting",
        "/v1/notifications?since=1970-01-01T00:00:00Z",
    ];
    let read_all = async |caller: &Caller| {
        for path in lists {
            let answer = server.send(by(caller.clone(), Method::GET, path, None)).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
    };
    // Callers who may not read the stack see that it exists.
    read_all(&bob).await;
    assert!(records(&server, "action=read").await.is_empty());
    let reads = json!({"text": "permit (principal, action == Action::\"read\", resource);"});
    let path = "/v1/policies/everyone-reads";
    let stored = server.send(by(admin(), Method::PUT, path, Some(&reads))).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    for _ in 0..2 {
        read_all(&bob).await;
    }
    // The owner is not recorded.
    read_all(&ann()).await;
    let found = records(&server, "action=read").await;
    let of_shop = json!({"stacks": [shop["stack"]["id"]]});
    let found: Vec<_> = found
        .iter()
        .map(|record| (record["actor"].as_str(), record["subject"].as_str(), &record["after"]))
        .collect();
    assert_eq!(
        found,
        [
            (Some("bob"), Some("GET /v1/stacks"), &of_shop),
            (Some("bob"), Some("GET /v1/operations"), &of_shop),
            (Some("bob"), Some("GET /v1/notifications"), &of_shop),
        ]
    );
    // A later record has what is new in the list.
    let blog = server.create("blog", "local", &json!({"size": 1})).await;
    server.send(by(bob, Method::GET, "/v1/stacks", None)).await;
    let found = records(&server, "action=read").await;
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[3]["after"], json!({"stacks": [blog["stack"]["id"]]}));
}

#[tokio::test]
async fn readme_added_to_a_published_version_is_recorded() {
    let server = Server::with_blueprint().await;
    assert!(records(&server, "action=add_readme").await.is_empty());
    let path = "/v1/blueprints/web/versions/1.0.0";
    for text in ["# First", "# Second"] {
        let body = json!({"files": {"main.tf": MAIN_TF}, "readme": text});
        let again = server.send(by(admin(), Method::PUT, path, Some(&body))).await;
        assert_eq!(again.status, 200, "{again:?}");
    }
    let found = records(&server, "action=add_readme").await;
    // The second one is not kept.
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["actor"], &found[0]["subject"]),
        (&json!("root"), &json!("blueprint/web"))
    );
    let digest = server.get(path).await.json()["digest"].clone();
    let readme = Digest::of(b"# First");
    assert_eq!(
        found[0]["after"],
        json!({"version": "1.0.0", "digest": digest, "readme": readme.as_str()})
    );
    assert_eq!(records(&server, "action=publish").await.len(), 1);
}

#[tokio::test]
async fn audit_log_is_for_administrators() {
    let server = Server::with_blueprint().await;
    for path in ["/v1/audit", "/v1/audit/chains", "/v1/audit/chains/0"] {
        assert_eq!(server.get(path).await.status, 403, "{path}");
        let answer = server.send(by(admin(), Method::GET, path, None)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for (path, status) in [
        ("/v1/audit?action=dance", 400),
        ("/v1/audit?cursor=x", 400),
        ("/v1/audit?subject=shop", 400),
        ("/v1/audit?subject=policies", 200),
        ("/v1/audit/chains/16", 404),
        ("/v1/audit/chains/x", 404),
    ] {
        let answer = server.send(by(admin(), Method::GET, path, None)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn environment_hides_values_of_sensitive_variables() {
    let server = Server::with_blueprint().await;
    let body =
        json!({"account": "000000000000", "region": "us-east-1", "variables": {"password": "hunter2", "vpc": "vpc-1"}});
    let put = async |body: &Value| {
        server
            .send(by(admin(), Method::PUT, "/v1/environments/new", Some(body)))
            .await
    };
    let created = put(&body).await;
    assert_eq!(created.status, 201, "{created:?}");
    let read = server.get("/v1/environments/new").await;
    let list = server.get("/v1/environments").await;
    for answer in [&created, &read, &list] {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            text.contains("(sensitive)") && text.contains("vpc-1") && !text.contains("hunter2"),
            "{text}"
        );
    }
    // What is shown can be sent back with a change.
    let mut again = body.clone();
    again["variables"] = read.json()["variables"].clone();
    again["protected"] = json!(true);
    let changed = put(&again).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let kept = server
        .store
        .environment(&"new".parse().expect("a name"))
        .await
        .expect("the environment");
    assert_eq!(
        (kept.variables["password"].as_str(), kept.protected),
        (Some("hunter2"), true)
    );
    let records = records(&server, "subject=environment/new").await;
    assert_eq!(records[1]["after"], json!({"protected": true}));
    assert!(!json!(records).to_string().contains("hunter2"));
    let other = server
        .send(by(admin(), Method::PUT, "/v1/environments/other", Some(&again)))
        .await;
    assert_eq!(
        (other.status, other.fields()),
        (422, vec!["variables.password".to_owned()])
    );
}

#[tokio::test]
async fn log_of_a_container_hides_secrets() {
    let server = Server::with_blueprint().await;
    let variables = json!({"size": 1, "password": "hunter2"});
    let operation = server.create("shop", "local", &variables).await;
    let id = crate::support::id(&operation);
    let stream = serde_json::from_value(
        json!({"step": "Run migration: migrate", "group": "/slipway/stacks/x", "stream": "app"}),
    );
    let stream: slipway_model::operation::LogStream = stream.expect("a stream");
    let with_log = |operation: &mut slipway_model::operation::Operation| {
        operation.logs.push(stream.clone());
        Ok(())
    };
    server.store.update_operation(&id, with_log).await.expect("written");
    let lines = [
        "connecting to postgres://app:hunter2@db",
        "Authorization: Basic YXBwOmh1bnRlcjI=",
        "generated-canary-5678",
        "ready",
    ];
    let list = format!("/state/stacks/{}/secrets.json", crate::support::stack_id(&operation));
    let lines = lines.map(str::to_owned).to_vec();
    {
        let mut fakes = server.fakes.lock().expect("not poisoned");
        fakes.streams.insert("app".to_owned(), lines);
        fakes.objects.insert(list, r#"["generated-canary-5678"]"#.into());
    }
    let log = server.get(&format!("/v1/operations/{id}/logs")).await;
    let text = String::from_utf8_lossy(&log.body).into_owned();
    assert!(text.contains("app:(sensitive)@db") && text.contains("ready"), "{text}");
    let leaks = ["hunter2", "h1bnRlcj", "canary"];
    assert!(leaks.iter().all(|leak| !text.contains(leak)), "{text}");
}

/// Another program that may write to the table.
#[tokio::test]
async fn forged_record_is_not_listed_and_names_itself_where_it_blocks() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let subject = format!("stack/{}", stack.rsplit('/').next().expect("an id"));
    let newest = records(&server, &format!("subject={subject}"))
        .await
        .pop()
        .expect("a record");
    let (chain, sequence) = (
        newest["chain"].as_u64().expect("a chain"),
        newest["sequence"].as_u64().expect("a number"),
    );
    let of_chain = async || {
        let path = format!("/v1/audit/chains/{chain}");
        server.send(by(admin(), Method::GET, &path, None)).await.json()
    };
    let stored = of_chain().await["items"]
        .as_array()
        .expect("items")
        .last()
        .expect("a record")
        .clone();
    let body = stored["body"].as_str().expect("a text");
    let body = body.replace(
        &format!("\"sequence\":{sequence}"),
        &format!("\"sequence\":{}", sequence + 1),
    );
    let mut item = json!({
        "pk": {"S": format!("audit#{chain:02}")}, "sk": {"S": format!("record#{:020}", sequence + 1)},
        "body": {"S": body}, "hash": {"S": Digest::of(body.as_bytes())},
    });
    for (attribute, value) in stored["index"].as_object().expect("attributes") {
        item[attribute] = json!({ "S": value });
    }
    server.write(&item);

    let listed = server
        .send(by(admin(), Method::GET, &format!("/v1/audit?subject={subject}"), None))
        .await
        .json();
    assert_eq!(listed["items"][0], newest, "{listed:#}");
    let forged = listed["forged"].as_array().expect("items");
    assert_eq!(forged.len(), 1, "{listed:#}");
    assert!(
        forged[0]["item"]
            .as_str()
            .is_some_and(|key| key.contains(&format!("audit#{chain:02}"))),
        "{listed:#}"
    );

    let blocked = server.patch(&stack, &json!({"variables": {"size": 2}})).await;
    let problem = blocked.json();
    assert_eq!(
        (blocked.status, &problem["type"]),
        (500, &json!("urn:slipway:problem:audit-log-blocked")),
        "{problem:#}"
    );
    let named = format!("Record {} of chain {chain}", sequence + 1);
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.contains(&named)),
        "{problem:#}"
    );
}
