//! What a caller may not see: neither answers nor cursors reveal it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use slipway_api::Caller;

use crate::policies::{put, send};
use crate::support::{MAIN_TF, Server, admin, ann};

/// An ID that no stack has, and one that no operation has.
const NO_STACK: &str = "lusab-babad";
const NO_OPERATION: &str = "op-01kaj3v9mz5x0q8r2t4w6y7z9a";

fn eve() -> Caller {
    Caller::named("eve", false)
}

fn bob() -> Caller {
    Caller::named("bob", false)
}

/// Stacks are listed to their owners alone.
async fn hide_stacks(server: &Server) {
    let off = put(server, "everyone-lists-stacks", "// Teams see their own.").await;
    assert_eq!(off.status, 200, "{off:?}");
}

/// The path and the ID of the first operation of a stack.
async fn operation_of(server: &Server, stack: &str) -> (String, String) {
    let operations = server.get(&format!("{stack}/operations")).await.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let operation = &operations["items"][0];
    (text(&operation["links"]["self"]), text(&operation["id"]))
}

fn detail(answer: &Value) -> &str {
    answer["detail"].as_str().expect("a detail")
}

#[tokio::test]
async fn hidden_stack_is_answered_like_a_missing_one() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let id = stack.rsplit('/').next().expect("an id");
    let (operation, operation_id) = operation_of(&server, &stack).await;
    hide_stacks(&server).await;
    let (empty, size) = (json!({}), json!({"variables": {"size": 2}}));
    let (owner, sheet, reason) = (json!({"owner": "eve"}), json!({"sheet": "x"}), json!({"reason": "no"}));
    let can_i = format!("/v1/can-i?action=read&stack={id}");
    let can_i_approve = format!("/v1/can-i?action=approve&operation={operation_id}");
    let permissions = format!("/v1/permissions?stack={id}");
    let of_stack = |path: &str| format!("{stack}{path}");
    let of_operation = |path: &str| format!("{operation}{path}");
    for (method, path, body) in [
        ("GET", of_stack(""), None),
        ("GET", of_stack("/operations"), None),
        ("GET", of_stack("/releases"), None),
        ("GET", of_stack("/services/web/logs"), None),
        ("PATCH", of_stack(""), Some(&size)),
        ("DELETE", of_stack(""), None),
        ("PUT", of_stack("/owner"), Some(&owner)),
        ("POST", of_stack("/rollback"), Some(&empty)),
        ("POST", of_stack("/tasks/load"), None),
        ("POST", of_stack("/drift"), None),
        ("GET", of_operation(""), None),
        ("GET", of_operation("/plan"), None),
        ("GET", of_operation("/logs"), None),
        ("POST", of_operation("/approve"), Some(&sheet)),
        ("POST", of_operation("/reject"), Some(&reason)),
        ("POST", of_operation("/cancel"), None),
        ("GET", can_i, None),
        ("GET", can_i_approve, None),
        ("GET", permissions, None),
    ] {
        let hidden = send(&server, eve(), method, &path, body).await;
        assert_eq!(hidden.status, 404, "{method} {path}: {hidden:?}");
        let missing = path.replace(id, NO_STACK).replace(&operation_id, NO_OPERATION);
        let missing = send(&server, eve(), method, &missing, body).await;
        let hidden = hidden.json().to_string();
        let hidden = hidden.replace(id, NO_STACK).replace(&operation_id, NO_OPERATION);
        assert_eq!(hidden, missing.json().to_string(), "{method} {path}");
    }
    assert_eq!(server.get(&stack).await.status, 200);
    assert_eq!(server.get(&operation).await.status, 200);
    // Auditors read what was denied, and why.
    let denials = send(
        &server,
        admin(),
        "GET",
        "/v1/audit?action=deny&actor=eve&limit=100",
        None,
    )
    .await;
    let denials = denials.json();
    let denials = denials["items"].as_array().expect("records");
    assert_eq!(denials.len(), 16);
    let reason = denials[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("belongs to ann"), "{reason}");
}

#[tokio::test]
async fn caller_who_may_list_a_stack_learns_why_a_request_is_denied() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let (operation, _) = operation_of(&server, &stack).await;
    for path in [format!("{stack}/releases"), operation] {
        let denied = send(&server, eve(), "GET", &path, None).await;
        assert_eq!(denied.status, 403, "{denied:?}");
    }
    // A stack that the caller may change, and neither list nor read.
    hide_stacks(&server).await;
    let tasks = "permit (principal == Person::\"bob\", action == Action::\"request-task\", resource is Stack);";
    assert_eq!(put(&server, "tasks", tasks).await.status, 200);
    let id = stack.rsplit('/').next().expect("an id");
    let path = format!("/v1/can-i?action=request-task&stack={id}");
    let decision = send(&server, bob(), "GET", &path, None).await;
    assert_eq!(decision.json()["allowed"], true, "{decision:?}");
    assert_eq!(send(&server, bob(), "GET", &stack, None).await.status, 404);
}

/// The bytes of a cursor.
fn bytes(cursor: &Value) -> Vec<u8> {
    let text = cursor.as_str().expect("a cursor");
    URL_SAFE_NO_PAD.decode(text).expect("Base64")
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn cursors_do_not_name_what_is_hidden() {
    let server = Server::with_blueprint().await;
    let mut ids = Vec::new();
    for name in ["shop", "blog"] {
        let stack = server.ready(name, &[]).await;
        ids.push(stack.rsplit('/').next().expect("an id").to_owned());
    }
    let hide_live = "forbid (principal == Person::\"ann\", action, resource == Environment::\"live\");";
    assert_eq!(put(&server, "hide-live", hide_live).await.status, 200);
    for list in [
        "/v1/stacks?limit=1",
        "/v1/operations?status=succeeded&limit=1",
        "/v1/environments?limit=1",
    ] {
        let page = send(&server, ann(), "GET", list, None).await.json();
        assert_eq!(page["items"].as_array().expect("items").len(), 1, "{list}");
        let bytes = bytes(&page["next"]);
        for text in ids
            .iter()
            .map(String::as_str)
            .chain(["live", "local", "stack", "operation"])
        {
            assert!(!contains(&bytes, text), "{list}: {text}");
        }
        let next = page["next"].as_str().expect("a cursor");
        let rest = send(&server, ann(), "GET", &format!("{list}&cursor={next}"), None).await;
        assert_eq!(rest.status, 200, "{list}: {rest:?}");
        if list.starts_with("/v1/environments") {
            assert_eq!(page["items"][0]["name"], "local");
        }
    }
    let notifications = "/v1/notifications?since=1970-01-01T00:00:00Z";
    hide_stacks(&server).await;
    let page = send(&server, eve(), "GET", notifications, None).await.json();
    assert_eq!(page["items"], json!([]));
    assert!(!contains(&bytes(&page["position"]), "seen"));
}

/// Stacks of two owners in turn, the first and the last of ann. Each owner sees the own ones alone.
async fn stacks_of_two_owners() -> Server {
    let server = Server::with_blueprint().await;
    for (name, caller) in [("a", ann()), ("b", bob()), ("c", ann()), ("d", bob()), ("e", ann())] {
        let body = json!({"name": name, "blueprint": "web", "environment": "local", "variables": {"size": 1}});
        let created = send(&server, caller, "POST", "/v1/stacks", Some(&body)).await;
        assert_eq!(created.status, 202, "{created:?}");
    }
    hide_stacks(&server).await;
    server
}

/// The lengths of the pages of a list, which continues with `field` of a page as `parameter`. The last one has no items, or no next page.
async fn lengths_of_pages(server: &Server, list: &str, parameter: &str, field: &str) -> Vec<usize> {
    let (mut lengths, mut path) = (Vec::new(), list.to_owned());
    loop {
        let page = send(server, bob(), "GET", &path, None).await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        let page = page.json();
        let length = page["items"].as_array().expect("items").len();
        lengths.push(length);
        match page[field].as_str() {
            Some(next) if length > 0 => path = format!("{list}&{parameter}={next}"),
            _ => return lengths,
        }
    }
}

#[tokio::test]
async fn length_of_a_page_does_not_depend_on_what_is_hidden() {
    let server = stacks_of_two_owners().await;
    for list in [
        "/v1/stacks?",
        "/v1/stacks?owner=bob&",
        "/v1/operations?status=starting&",
    ] {
        for (limit, lengths) in [(1, vec![1, 1, 0]), (2, vec![2, 0]), (3, vec![2])] {
            let list = format!("{list}limit={limit}");
            let found = lengths_of_pages(&server, &list, "cursor", "next").await;
            assert_eq!(found, lengths, "{list}");
        }
    }
    let hide_live = "forbid (principal == Person::\"bob\", action, resource == Environment::\"live\");";
    assert_eq!(put(&server, "hide-live", hide_live).await.status, 200);
    let hide_web = "forbid (principal == Person::\"bob\", action, resource == Blueprint::\"web\");";
    assert_eq!(put(&server, "hide-web", hide_web).await.status, 200);
    server.publish("zoo", "1.0.0", MAIN_TF).await;
    for list in ["/v1/environments?limit=1", "/v1/blueprints?limit=1"] {
        let found = lengths_of_pages(&server, list, "cursor", "next").await;
        assert_eq!(found, [1, 0], "{list}");
    }
}

#[tokio::test]
async fn hidden_notifications_neither_shorten_a_page_nor_end_a_wait() {
    let server = stacks_of_two_owners().await;
    let position = |page: &Value| page["position"].as_str().expect("a position").to_owned();
    let mut path = "/v1/notifications?since=1970-01-01T00:00:00Z&limit=1".to_owned();
    // Each of the two stacks has two.
    for length in [1, 1, 1, 1, 0] {
        let page = send(&server, bob(), "GET", &path, None).await.json();
        assert_eq!(page["items"].as_array().expect("items").len(), length, "{page}");
        path = format!("/v1/notifications?limit=1&position={}", position(&page));
    }
    path.push_str("&wait=1");
    let begun = Instant::now();
    let variables = json!({"size": 1});
    let (waited, _) = tokio::join!(
        send(&server, bob(), "GET", &path, None),
        server.create("f", "local", &variables)
    );
    assert_eq!(waited.json()["items"], json!([]));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn cursor_that_a_caller_wrote_is_rejected() {
    let server = Server::with_blueprint().await;
    let after = json!({"pk": "environments", "sk": "lima"});
    let forged = URL_SAFE_NO_PAD.encode(json!({"list": "table environments ", "after": after}).to_string());
    for _ in 0..2 {
        let answer = server.get(&format!("/v1/environments?cursor={forged}")).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (400, vec!["cursor".to_owned()]),
            "{answer:?}"
        );
        // The first cursor makes the key.
        assert_eq!(server.get("/v1/environments?limit=1").await.status, 200);
    }
    // A position is no cursor.
    let position = server.get("/v1/notifications").await.json()["position"].clone();
    let position = position.as_str().expect("a position");
    let answer = server.get(&format!("/v1/environments?cursor={position}")).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[tokio::test]
async fn taken_name_does_not_name_its_stack() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &[]).await;
    hide_stacks(&server).await;
    let body = json!({"name": "shop", "blueprint": "web", "environment": "local", "variables": {"size": 1}});
    for caller in [eve(), ann()] {
        let taken = send(&server, caller, "POST", "/v1/stacks", Some(&body)).await;
        assert_eq!(taken.status, 409, "{taken:?}");
        let problem = taken.json();
        assert!(detail(&problem).contains("The name `shop` is taken"), "{problem}");
        let id = stack.rsplit('/').next().expect("an id");
        assert!(!problem.to_string().contains(id), "{problem}");
    }
}

#[tokio::test]
async fn environment_in_use_counts_the_stacks_that_are_hidden() {
    let server = Server::with_blueprint().await;
    server.ready("shop", &[]).await;
    hide_stacks(&server).await;
    let configure =
        "permit (principal == Person::\"bob\", action == Action::\"configure\", resource == Environment::\"local\");";
    assert_eq!(put(&server, "local", configure).await.status, 200);
    let moved = json!({"account": "111122223333", "region": "us-east-1"});
    let refused = async |method: &str, body: Option<&Value>| {
        let answer = send(&server, bob(), method, "/v1/environments/local", body).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        let problem = answer.json();
        assert!(!problem.to_string().contains("shop"), "{problem}");
        detail(&problem).to_owned()
    };
    for (method, body) in [("DELETE", None), ("PUT", Some(&moved))] {
        let said = refused(method, body).await;
        assert!(said.contains("has 1 live stack that you may not see"), "{said}");
    }
    let own = json!({"name": "mine", "blueprint": "web", "environment": "local", "variables": {"size": 1}});
    let created = send(&server, bob(), "POST", "/v1/stacks", Some(&own)).await;
    assert_eq!(created.status, 202, "{created:?}");
    let said = refused("DELETE", None).await;
    assert!(
        said.contains("2 live stacks: mine (") && said.contains("), 1 that you may not see"),
        "{said}"
    );
}

#[tokio::test]
async fn late_rejection_shows_only_readers_what_was_decided() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &[]).await;
    let (operation, _) = operation_of(&server, &stack).await;
    let reject = "permit (principal == Person::\"bob\", action == Action::\"reject\", resource);";
    assert_eq!(put(&server, "reject", reject).await.status, 200);
    let late = async |caller: Caller| {
        let body = json!({"reason": "no"});
        let answer = send(&server, caller, "POST", &format!("{operation}/reject"), Some(&body)).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        detail(&answer.json()).to_owned()
    };
    assert!(late(ann()).await.contains("`succeeded`"));
    assert_eq!(
        late(bob()).await,
        "Nothing was changed: the plan does not wait for a decision."
    );
}

#[tokio::test]
async fn problems_list_only_names_that_the_caller_may_read() {
    let server = Server::with_blueprint().await;
    server.publish("zoo", "1.0.0", MAIN_TF).await;
    for (name, hidden) in [("live", "Environment::\"live\""), ("zoo", "Blueprint::\"zoo\"")] {
        let hide = format!("forbid (principal == Person::\"bob\", action, resource == {hidden});");
        assert_eq!(put(&server, name, &hide).await.status, 200);
    }
    let body = json!({"name": "shop", "blueprint": "no", "environment": "no", "variables": {"size": 1}});
    for (method, path, body) in [
        ("POST", "/v1/stacks", Some(&body)),
        ("GET", "/v1/environments/no", None),
        ("GET", "/v1/blueprints/no", None),
        ("GET", "/v1/blueprints/no/versions/1.0.0", None),
        ("GET", "/v1/blueprints/no/versions/1.0.0/readme", None),
    ] {
        let problem = send(&server, bob(), method, path, body).await.json().to_string();
        assert!(
            !problem.contains("live") && !problem.contains("zoo"),
            "{path}: {problem}"
        );
        let lists = problem.contains("the environments are: local") || problem.contains("the blueprints are: web");
        assert!(lists, "{path}: {problem}");
        let all = send(&server, ann(), method, path, body).await.json().to_string();
        assert!(all.contains("live") || all.contains("zoo"), "{path}: {all}");
    }
}

#[tokio::test]
async fn hidden_environment_or_blueprint_is_answered_like_a_missing_one() {
    let server = Server::with_blueprint().await;
    for (name, hidden) in [("live", "Environment::\"live\""), ("web", "Blueprint::\"web\"")] {
        let hide = format!("forbid (principal == Person::\"bob\", action, resource == {hidden});");
        assert_eq!(put(&server, name, &hide).await.status, 200);
    }
    let (place, text) = (
        json!({"account": "111122223333", "region": "us-east-1"}),
        json!({"files": {}}),
    );
    for (status, method, path, body) in [
        (404, "GET", "/v1/environments/live", None),
        (404, "GET", "/v1/can-i?action=read&environment=live", None),
        (404, "GET", "/v1/can-i?action=configure&environment=live", None),
        (404, "GET", "/v1/permissions?environment=live", None),
        (404, "GET", "/v1/blueprints/web", None),
        (404, "GET", "/v1/blueprints/web/versions/1.0.0", None),
        (404, "GET", "/v1/blueprints/web/versions/1.0.0/readme", None),
        (404, "GET", "/v1/can-i?action=read&blueprint=web", None),
        (404, "GET", "/v1/permissions?blueprint=web", None),
        // One that does not exist could be created, by callers who may.
        (403, "PUT", "/v1/environments/live", Some(&place)),
        (403, "DELETE", "/v1/environments/live", None),
        (403, "PUT", "/v1/blueprints/web/versions/1.0.1", Some(&text)),
    ] {
        let unnamed = |text: &str| text.replace("live", "missing").replace("web", "missing");
        let hidden = send(&server, bob(), method, path, body).await;
        assert_eq!(hidden.status, status, "{method} {path}: {hidden:?}");
        let missing = send(&server, bob(), method, &unnamed(path), body).await;
        let missing = missing.json().to_string();
        assert_eq!(unnamed(&hidden.json().to_string()), missing, "{method} {path}");
    }
    assert_eq!(server.get("/v1/environments/live").await.status, 200);
    let may = send(
        &server,
        admin(),
        "GET",
        "/v1/can-i?action=configure&environment=new",
        None,
    )
    .await;
    assert_eq!(may.json()["allowed"], true, "{may:?}");

    let new = json!({"name": "shop", "blueprint": "web", "version": "9.9.9", "environment": "local"});
    for (caller, lists) in [(ann(), true), (bob(), false)] {
        let problem = send(&server, caller, "POST", "/v1/stacks", Some(&new)).await;
        assert_eq!(problem.fields(), ["version"], "{problem:?}");
        assert_eq!(problem.json().to_string().contains("1.0.0"), lists, "{problem:?}");
    }
}
