//! Creating, reading, listing and changing stacks.

use axum::extract::Request;
use axum::http::Method;
use serde_json::{Value, json};

use slipway_control::admission::Admission;
use slipway_model::operation::Failure;
use slipway_model::operation::work::Work;
use slipway_store::finish::End;

use crate::support::{Server, id, request, stack_id};

fn matching(method: Method, path: &str, body: Option<&Value>, name: &'static str, tag: &str) -> Request {
    let mut request = request(method, path, body);
    request.headers_mut().insert(name, tag.parse().expect("a tag"));
    request
}

#[tokio::test]
async fn a_stack_is_created_and_its_operation_started_at_once() {
    let server = Server::with_blueprint().await;
    let body = json!({
        "name": "shop", "blueprint": "web", "environment": "local",
        "variables": {"size": 1, "password": "hunter2", "colour": "${file(\"/etc/passwd\")}"}
    });
    let answer = server.post("/v1/stacks", &body).await;
    let operation = answer.json();
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(
        answer.header("location"),
        operation["links"]["self"].as_str().expect("a path")
    );
    assert_eq!(
        (&operation["kind"], &operation["status"]),
        (&json!("provision"), &json!("starting"))
    );
    assert_eq!(operation["blueprint"], json!({"name": "web", "version": "1.0.0"}));
    assert_eq!(operation["stack"]["name"], "shop");
    assert_eq!(
        (&operation["requested_by"], &operation["position"]),
        (&json!("ann"), &Value::Null)
    );
    for key in [
        "steps",
        "progress",
        "plan",
        "error",
        "release",
        "started_at",
        "ended_at",
        "execution_arn",
        "created_at",
    ] {
        assert!(operation.get(key).is_some(), "{key}");
    }
    let started = server.calls("StartExecution");
    assert_eq!((started.len(), &started[0]["name"]), (1, &operation["id"]));

    let stack = server.get(operation["links"]["stack"].as_str().expect("a path")).await;
    assert_eq!((stack.status, stack.header("etag")), (200, "\"1\""));
    let shown = stack.json();
    assert_eq!(
        shown["variables"],
        json!({"size": 1, "password": "(sensitive)", "colour": "${file(\"/etc/passwd\")}"})
    );
    let all = format!("{}{}", String::from_utf8_lossy(&answer.body), shown);
    assert!(!all.contains("hunter2"), "a sensitive value came back");

    let again = server.post("/v1/stacks", &body).await;
    assert_eq!(again.status, 409);
    let detail = again.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.starts_with("The name `shop` is taken"), "{detail}");
}

#[tokio::test]
async fn what_is_accepted_is_accepted_although_step_functions_is_away() {
    let server = Server::with_blueprint().await;
    server.refuse("StartExecution", "StateMachineDoesNotExist");
    let operation = server.create("shop", "local", &json!({"size": 1})).await;
    assert_eq!(operation["status"], "starting");
    assert!(server.store.operation(&id(&operation)).await.is_ok());
}

#[tokio::test]
async fn a_change_names_the_revision_that_its_caller_has_seen() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let tag = server.get(&path).await.header("etag").to_owned();
    for (sent, status) in [
        (tag.as_str(), 304),
        ("*", 304),
        ("\"0\", W/\"1\"", 200),
        ("\"999\"", 200),
    ] {
        let known = server
            .send(matching(Method::GET, &path, None, "if-none-match", sent))
            .await;
        assert_eq!((known.status, known.header("etag")), (status, tag.as_str()), "{sent}");
        assert_eq!(known.body.is_empty(), status == 304);
    }
    let edit = json!({"variables": {"size": 2}});
    let before = server.items();
    for (method, body) in [(Method::PATCH, Some(&edit)), (Method::DELETE, None)] {
        let stale = server
            .send(matching(method.clone(), &path, body, "if-match", "\"0\""))
            .await;
        assert_eq!(stale.status, 412, "{stale:?}");
        assert!(
            stale.json()["detail"].as_str().expect("a detail").contains(&tag),
            "{stale:?}"
        );
        let wrong = server.send(matching(method, &path, body, "if-match", "1")).await;
        assert_eq!((wrong.status, wrong.fields()), (400, vec!["If-Match".to_owned()]));
    }
    assert_eq!(server.items(), before);
    let right = server
        .send(matching(Method::PATCH, &path, Some(&edit), "if-match", &tag))
        .await;
    assert_eq!(right.status, 202, "{right:?}");
    let again = server
        .send(matching(Method::PATCH, &path, Some(&edit), "if-match", &tag))
        .await;
    assert_eq!(again.status, 412, "{again:?}");
}

#[tokio::test]
async fn patch_is_merged_and_builds_on_the_requests_before() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let edit = json!({"variables": {"size": 2, "colour": "blue"}});
    let update = server.patch(&path, &edit).await.json();
    assert_eq!(
        (&update["kind"], &update["status"]),
        (&json!("update"), &json!("starting"))
    );
    let shown = server.get(&path).await.json();
    assert_eq!(
        shown["variables"],
        json!({"size": 1, "password": "(sensitive)"}),
        "nothing is applied yet"
    );
    assert_eq!(shown["active_operation"], update["id"]);
    let stored = server.store.operation(&id(&update)).await.expect("an operation");
    assert_eq!(
        stored.configuration.variables["password"], "hunter2",
        "what is not named stays"
    );

    assert_eq!(stored.configuration.variables["size"], 2);

    // The next ones wait; each is judged as if the one before succeeded.
    let removed = server
        .patch(&path, &json!({"variables": {"colour": null}}))
        .await
        .json();
    assert_eq!(
        (&removed["status"], &removed["position"]),
        (&json!("queued"), &json!(1))
    );
    let nothing = server.patch(&path, &json!({})).await.json();
    assert_eq!(nothing["position"], 2);
    let stored = server.store.operation(&id(&nothing)).await.expect("an operation");
    assert_eq!(
        Value::from(stored.configuration.shown_variables()),
        json!({"size": 2, "password": "(sensitive)"})
    );
    let listed = server.get(&format!("{path}/operations")).await.json();
    let positions: Vec<&Value> = listed["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["position"])
        .collect();
    assert_eq!(positions, [&json!(2), &json!(1), &Value::Null, &Value::Null]);
    let shown = server
        .get(nothing["links"]["self"].as_str().expect("a path"))
        .await
        .json();
    assert_eq!(shown, nothing);

    let missing = server.patch(&path, &json!({"variables": {"size": null}})).await;
    assert_eq!(
        (missing.status, missing.fields()),
        (422, vec!["variables.size".to_owned()])
    );
    let hidden = server
        .patch(&path, &json!({"variables": {"password": "(sensitive)"}}))
        .await;
    assert_eq!(
        (hidden.status, hidden.fields()),
        (422, vec!["variables.password".to_owned()])
    );
}

#[tokio::test]
async fn patches_at_once_are_all_accepted() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let edits: Vec<Value> = (0..15).map(|size| json!({"variables": {"size": size}})).collect();
    let answers = futures::future::join_all(edits.iter().map(|edit| server.patch(&path, edit))).await;
    for answer in answers {
        assert_eq!(answer.status, 202, "{answer:?}");
    }
}

#[tokio::test]
async fn another_version_may_have_other_variables() {
    let server = Server::with_blueprint().await;
    server
        .publish(
            "web",
            "2.0.0",
            "variable \"size\" {\n  type = number\n}\noutput \"slipway\" { value = {} }\n",
        )
        .await;
    let path = server.create("shop", "local", &json!({"size": 1})).await["links"]["stack"].clone();
    assert_eq!(
        server.get(path.as_str().expect("a path")).await.json()["blueprint"]["version"],
        "2.0.0",
        "the latest"
    );
    let body = json!({"name": "old", "blueprint": "web", "version": "1.0.0", "environment": "local",
        "variables": {"size": 1, "colour": "blue"}});
    let created = server.post("/v1/stacks", &body).await.json();
    let path = created["links"]["stack"].as_str().expect("a path");
    let kept = server.patch(path, &json!({"version": "2.0.0"})).await;
    assert_eq!(
        (kept.status, kept.fields()),
        (422, vec!["variables.colour".to_owned()]),
        "{kept:?}"
    );
    assert!(
        kept.json().to_string().contains("null"),
        "the remedy says how to drop it"
    );
    let right = server
        .patch(path, &json!({"version": "2.0.0", "variables": {"colour": null}}))
        .await;
    assert_eq!(
        (right.status, right.json()["blueprint"]["version"].clone()),
        (202, json!("2.0.0"))
    );
    // The stack still has the value: an earlier request in the queue may fail.
    let again = server.patch(path, &json!({"variables": {"colour": null}})).await;
    assert_eq!(again.status, 202, "{again:?}");
    let unknown = server.patch(path, &json!({"version": "3.0.0"})).await;
    assert_eq!((unknown.status, unknown.fields()), (422, vec!["version".to_owned()]));
}

#[tokio::test]
async fn unset_of_an_unknown_variable_is_rejected() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let mistyped = json!({"variables": {"szie": null}});
    for answer in [
        server.patch(&path, &mistyped).await,
        server.post(&format!("{path}/preview"), &mistyped).await,
    ] {
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["variables.szie".to_owned()])
        );
        let text = answer.json().to_string();
        assert!(
            text.contains("has no such variable") && text.contains("use one of:"),
            "{text}"
        );
    }
    let default = server.patch(&path, &json!({"variables": {"colour": null}})).await;
    assert_eq!(default.status, 202, "declared, and not set: {default:?}");
}

#[tokio::test]
async fn a_preview_changes_nothing() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let before = server.get(&path).await.json();
    let preview = server
        .post(&format!("{path}/preview"), &json!({"variables": {"size": 9}}))
        .await;
    assert_eq!(
        (preview.status, preview.json()["kind"].clone()),
        (202, json!("preview"))
    );
    let stored = server
        .store
        .operation(&id(&preview.json()))
        .await
        .expect("an operation");
    assert_eq!(stored.configuration.variables["size"], 9);
    assert_eq!(server.get(&path).await.json()["variables"], before["variables"]);
}

#[tokio::test]
async fn a_destroyed_stack_is_left_alone() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let destroy = server.delete(&path).await;
    assert_eq!(
        (destroy.status, destroy.json()["kind"].clone()),
        (202, json!("destroy")),
        "{destroy:?}"
    );
    server.store.begin_operation(&id(&destroy.json())).await.expect("begun");
    let refused = |answer: crate::support::Answer, says: &str| {
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(
            answer.json()["detail"].as_str().expect("a detail").contains(says),
            "{answer:?}"
        );
    };
    refused(server.patch(&path, &json!({})).await, "is being destroyed");
    let end = End::Succeeded;
    server
        .store
        .finish_operation(&id(&destroy.json()), &end)
        .await
        .expect("finished");
    refused(server.patch(&path, &json!({})).await, "is destroyed");
    refused(server.delete(&path).await, "is destroyed");
    let releases = format!("{path}/releases");
    refused(
        server
            .post(&releases, &json!({"images": {"web": crate::support::image("web")}}))
            .await,
        "is destroyed",
    );
    assert_eq!(server.get(&path).await.json()["status"], "destroyed");
    assert_eq!(server.get("/v1/stacks").await.json()["items"], json!([]));
    // Its name is free again.
    server.create("shop", "local", &json!({"size": 1})).await;
}

#[tokio::test]
async fn destroyed_stack_has_no_endpoints() {
    let server = Server::with_blueprint().await;
    let content = json!({"endpoints": {"web": "https://shop.example/"}, "notes": {"database": "psql -h db.example"}});
    let path = server.ready_with("shop", &["web"], &content).await;
    assert_eq!(server.get(&path).await.json()["endpoints"], content["endpoints"]);
    let destroy = server.delete(&path).await;
    server.play(&destroy.json()).await;
    let listed = server.get("/v1/stacks?status=destroyed").await.json();
    for stack in [&server.get(&path).await.json(), &listed["items"][0]] {
        assert_eq!(stack["status"], "destroyed", "{stack:#}");
        for (field, empty) in [("endpoints", json!({})), ("notes", json!({})), ("tasks", json!([]))] {
            assert_eq!(stack[field], empty, "{field}");
        }
    }
}

#[tokio::test]
async fn a_protected_environment_keeps_its_stacks() {
    let server = Server::with_blueprint().await;
    let operation = server.create("shop", "live", &json!({"size": 1})).await;
    server.play(&operation).await;
    let before = server.items();
    let answer = server
        .delete(operation["links"]["stack"].as_str().expect("a path"))
        .await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(
        answer.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("protected"),
        "{answer:?}"
    );
    assert_eq!(server.items(), before);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let server = Server::with_blueprint().await;
    let mut ids = Vec::new();
    for index in 0..7 {
        let environment = if index % 2 == 0 { "local" } else { "live" };
        let operation = server
            .create(&format!("shop-{index}"), environment, &json!({"size": 1}))
            .await;
        ids.push(stack_id(&operation).to_string());
    }
    server.ready("other", &[]).await;
    ids.reverse();
    let local: Vec<&String> = ids.iter().step_by(2).collect();

    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let query = "/v1/stacks?environment=local&status=provisioning&owner=ann&blueprint=web&limit=2";
        let page = server.get(&format!("{query}{cursor}")).await.json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2);
        listed.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(listed.iter().collect::<Vec<_>>(), local, "the newest first, each once");

    let first = server.get("/v1/stacks?limit=1").await.json();
    assert!(first["items"][0].get("variables").is_none(), "{first}");
    let next = first["next"].as_str().expect("a cursor");
    let elsewhere = server.get(&format!("/v1/stacks?owner=ann&cursor={next}")).await;
    assert_eq!(
        (elsewhere.status, elsewhere.fields()),
        (400, vec!["cursor".to_owned()]),
        "a cursor is of its own list"
    );
    let unknown = server.get("/v1/stacks?owner=unknown").await.json();
    assert_eq!(unknown, json!({"items": [], "next": null}));
}

#[tokio::test]
async fn discarded_change_is_no_part_of_the_requests_after_it() {
    for (name, status) in [
        ("Slipway.ApprovalRejected", "discarded"),
        ("Slipway.ApprovalTimedOut", "discarded"),
        ("Slipway.PlanRefused", "discarded"),
        ("Slipway.PlanFailed", "failed"),
        ("Slipway.Cancelled", "cancelled"),
    ] {
        let server = Server::with_blueprint().await;
        let path = server.ready("shop", &[]).await;
        let before = server.get(&path).await.json();
        let first = server
            .patch(&path, &json!({"variables": {"size": 2, "colour": "blue"}}))
            .await
            .json();
        let second = server.patch(&path, &json!({"variables": {"size": 3}})).await.json();
        server.store.begin_operation(&id(&first)).await.expect("begun");
        let failure = Failure {
            name: name.to_owned(),
            step: "Wait for approval".to_owned(),
            message: "bob rejected the plan: no".to_owned(),
            address: None,
        };
        let end = End::of(failure);
        server.store.finish_operation(&id(&first), &end).await.expect("ended");
        let shown = server
            .get(first["links"]["self"].as_str().expect("a path"))
            .await
            .json();
        assert_eq!(shown["status"], status, "{name}");
        let stack = server.get(&path).await.json();
        assert_eq!(
            (&stack["status"], &stack["variables"]["size"]),
            (&json!("ready"), &json!(1))
        );
        for field in ["status", "variables", "applied", "version"] {
            assert_eq!(stack[field], before[field], "{name}: {field}");
        }

        let (begun, stack) = server.store.begin_operation(&id(&second)).await.expect("begun");
        let settled = Admission::by(&server.store)
            .settle(begun, &stack)
            .await
            .expect("it still fits");
        assert_eq!(
            Value::from(settled.configuration.shown_variables()),
            json!({"size": 3, "password": "(sensitive)"}),
            "the colour was not applied: {name}"
        );
    }
}

#[tokio::test]
async fn queued_change_that_does_not_fit_by_its_turn_names_the_field() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let update = server.patch(&path, &json!({"variables": {"size": 3}})).await.json();
    let (mut begun, stack) = server.store.begin_operation(&id(&update)).await.expect("begun");
    let Work::Update {
        patch: Some(wanted), ..
    } = &mut begun.work
    else {
        panic!("{:?}", begun.work)
    };
    wanted.variables.insert("size".to_owned(), "large".into());
    let refused = Admission::by(&server.store)
        .settle(begun, &stack)
        .await
        .expect_err("refused");
    assert!(format!("{refused:?}").contains("variables.size"), "{refused:?}");
}

#[tokio::test]
async fn cancelled_queued_change_is_in_no_later_request() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &[]).await;
    let running = server.patch(&path, &json!({"variables": {"size": 2}})).await.json();
    server.store.begin_operation(&id(&running)).await.expect("begun");
    let queued = server
        .patch(&path, &json!({"variables": {"colour": "blue"}}))
        .await
        .json();
    assert_eq!(queued["status"], "queued");
    let cancel = queued["links"]["cancel"].as_str().expect("a path");
    let cancelled = server.post(cancel, &json!({})).await;
    assert_eq!(cancelled.json()["status"], "cancelled", "{cancelled:?}");

    let later = server.patch(&path, &json!({"variables": {"size": 3}})).await.json();
    let stored = server.store.operation(&id(&later)).await.expect("an operation");
    assert_eq!(
        Value::from(stored.configuration.shown_variables()),
        json!({"size": 3, "password": "(sensitive)"}),
        "the colour was cancelled"
    );
}

/// Both configurations must have room in the record of the stack if the apply fails.
#[tokio::test]
async fn values_without_room_beside_the_applied_ones_are_rejected() {
    let server = Server::with_blueprint().await;
    let blob = |letter: &str, bytes: usize| json!({"size": 1, "labels": letter.repeat(bytes)});
    let created = server.create("shop", "local", &blob("a", 210_000)).await;
    let (begun, stack) = server.store.begin_operation(&id(&created)).await.expect("begun");
    let contract = slipway_model::contract::Contract::default();
    server
        .store
        .record_contract(&begun.id, &contract)
        .await
        .expect("recorded");
    server
        .store
        .finish_operation(&begun.id, &End::Succeeded)
        .await
        .expect("finished");
    let path = format!("/v1/stacks/{}", stack.id);
    let other = server.patch(&path, &json!({"variables": blob("b", 210_000)})).await;
    assert_eq!((other.status, other.fields()), (422, vec!["variables".to_owned()]));
    let detail = other.json()["errors"][0]["detail"].as_str().expect("a text").to_owned();
    assert!(detail.contains("has room for 380928"), "{detail}");
    for variables in [blob("a", 210_000), json!({"size": 2}), json!({"labels": "short"})] {
        let accepted = server.patch(&path, &json!({"variables": variables})).await;
        assert_eq!(accepted.status, 202, "{accepted:?}");
        server.play(&accepted.json()).await;
    }
}
