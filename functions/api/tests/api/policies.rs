//! Policies over HTTP: which route asks what, who is denied, and how policies are changed.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, header};
use serde_json::{Value, json};
use slipway_api::Caller;

use crate::support::{Answer, Server, admin, ann, id, image, request};

/// Every route with what it asks the policies, kept by hand: a route that is missing here, or asks something else, fails the test.
const ROUTES: [(&str, &str, Option<&str>); 67] = [
    ("GET", "/v1/blueprints", None),
    ("GET", "/v1/blueprints/{name}", Some("read")),
    ("GET", "/v1/blueprints/{name}/versions/{version}", Some("read")),
    ("PUT", "/v1/blueprints/{name}/versions/{version}", Some("publish")),
    ("DELETE", "/v1/blueprints/{name}/versions/{version}", Some("publish")),
    (
        "PUT",
        "/v1/blueprints/{name}/versions/{version}/deprecation",
        Some("publish"),
    ),
    (
        "DELETE",
        "/v1/blueprints/{name}/versions/{version}/deprecation",
        Some("publish"),
    ),
    ("POST", "/v1/uploads", Some("publish")),
    ("GET", "/v1/environments", None),
    ("GET", "/v1/environments/{name}", Some("read")),
    ("PUT", "/v1/environments/{name}", Some("configure")),
    ("DELETE", "/v1/environments/{name}", Some("configure")),
    ("GET", "/v1/dead-letters", Some("configure")),
    ("POST", "/v1/dead-letters/{id}/redrive", Some("configure")),
    ("GET", "/v1/source-accounts", Some("read")),
    ("GET", "/v1/source-accounts/{account}", Some("read")),
    ("PUT", "/v1/source-accounts/{account}", Some("configure")),
    ("DELETE", "/v1/source-accounts/{account}", Some("configure")),
    ("GET", "/v1/stacks", None),
    ("POST", "/v1/stacks", Some("request-create")),
    ("GET", "/v1/stacks/{id}", Some("list")),
    ("PATCH", "/v1/stacks/{id}", Some("request-update")),
    ("DELETE", "/v1/stacks/{id}", Some("request-destroy")),
    ("PUT", "/v1/stacks/{id}/owner", Some("operate")),
    ("POST", "/v1/stacks/{id}/preview", Some("request-preview")),
    ("POST", "/v1/stacks/{id}/drift", Some("operate")),
    ("POST", "/v1/stacks/{id}/tasks/{name}", Some("request-task")),
    ("POST", "/v1/stacks/{id}/rollback", Some("request-release")),
    ("GET", "/v1/stacks/{id}/releases", Some("read")),
    ("POST", "/v1/stacks/{id}/releases", Some("request-release")),
    ("GET", "/v1/stacks/{id}/releases/{number}", Some("read")),
    ("GET", "/v1/stacks/{id}/operations", Some("read")),
    ("GET", "/v1/stacks/{id}/services/{service}/logs", Some("read-logs")),
    ("GET", "/v1/operations", None),
    ("GET", "/v1/operations/{id}", Some("read")),
    ("GET", "/v1/operations/{id}/plan", Some("read")),
    ("GET", "/v1/operations/{id}/sheet", Some("read")),
    ("POST", "/v1/operations/{id}/approve", Some("approve")),
    ("POST", "/v1/operations/{id}/reject", Some("reject")),
    ("POST", "/v1/operations/{id}/cancel", Some("operate")),
    ("POST", "/v1/operations/{id}/continue", Some("operate")),
    ("POST", "/v1/operations/{id}/roll-back", Some("operate")),
    ("GET", "/v1/operations/{id}/logs", Some("read")),
    ("GET", "/v1/policies", Some("read")),
    ("PUT", "/v1/policies", Some("configure")),
    ("POST", "/v1/policy-tests", Some("read")),
    ("GET", "/v1/policies/{policy}", Some("read")),
    ("PUT", "/v1/policies/{policy}", Some("configure")),
    ("DELETE", "/v1/policies/{policy}", Some("configure")),
    ("GET", "/v1/notifications", None),
    ("GET", "/v1/webhooks", Some("configure")),
    ("GET", "/v1/webhooks/{name}", Some("configure")),
    ("PUT", "/v1/webhooks/{name}", Some("configure")),
    ("DELETE", "/v1/webhooks/{name}", Some("configure")),
    ("GET", "/v1/webhooks/{name}/deliveries", Some("configure")),
    (
        "POST",
        "/v1/webhooks/{name}/redeliver/{notification}",
        Some("configure"),
    ),
    ("GET", "/v1/audit", Some("audit")),
    ("GET", "/v1/audit/chains", Some("audit")),
    ("GET", "/v1/audit/chains/{chain}", Some("audit")),
    ("GET", "/v1/blueprints/{name}/versions/{version}/schema", Some("read")),
    ("GET", "/v1/blueprints/{name}/versions/{version}/readme", Some("read")),
    ("GET", "/schemas/{name}", None),
    ("GET", "/v1/can-i", None),
    ("GET", "/v1/permissions", None),
    ("GET", "/healthz", None),
    ("GET", "/v1/caller", None),
    ("GET", "/openapi.json", None),
];

pub async fn send(server: &Server, caller: Caller, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let method: Method = method.parse().expect("a method");
    let mut request = request(method, path, body);
    request.extensions_mut().insert(caller);
    server.send(request).await
}

pub async fn put(server: &Server, name: &str, text: &str) -> Answer {
    send(
        server,
        admin(),
        "PUT",
        &format!("/v1/policies/{name}"),
        Some(&json!({"text": text})),
    )
    .await
}

/// Callers of every kind, who own nothing.
const GUESTS: [&str; 4] = [
    "guest",
    "email:login.example.com:guest@example.com",
    "arn:aws:iam::111122223333:role/guest",
    "event:111122223333",
];

/// A server on which the guests may do everything, and a path for each route.
struct Routes {
    server: Server,
    stack: String,
    operation: String,
}

impl Routes {
    async fn start() -> Self {
        let server = Server::with_blueprint().await;
        let stack = server.ready("shop", &["web"]).await;
        let operations = server.get(&format!("{stack}/operations")).await.json();
        let operation = operations["items"][0]["links"]["self"].as_str();
        let operation = operation.expect("a path").to_owned();
        let everything =
            format!("permit (principal, action, resource) when {{ {GUESTS:?}.contains(principal.name) }};");
        assert_eq!(put(&server, "guests", &everything).await.status, 200);
        Self {
            server,
            stack,
            operation,
        }
    }

    /// Forbids the guests everything for which this holds.
    async fn forbid(&self, condition: &str) {
        let text = format!(
            "forbid (principal, action, resource) when {{ {GUESTS:?}.contains(principal.name) && {condition} }};"
        );
        assert_eq!(put(&self.server, "mine", &text).await.status, 200);
    }

    /// A guest's request.
    async fn send(&self, guest: &str, method: &str, route: &str) -> Answer {
        let create = json!({"name": "new", "blueprint": "web", "environment": "local", "variables": {"size": 1}});
        let body = (method == "POST" && route == "/v1/stacks").then_some(&create);
        let path = route
            .replacen("/v1/stacks/{id}", &self.stack, 1)
            .replacen("/v1/operations/{id}", &self.operation, 1)
            .replace("{name}", "web")
            .replace("{version}", "1.0.0")
            .replace("{account}", "111122223333")
            .replace("{number}", "1")
            .replace("{chain}", "0")
            .replace("{policy}", "mine");
        send(&self.server, Caller::named(guest, false), method, &path, body).await
    }
}

#[tokio::test]
async fn every_documented_route_is_in_the_list() {
    let server = Server::with_blueprint().await;
    let document = server.get("/openapi.json").await.json();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .filter(|(_, path)| path != "/docs")
        .collect();
    let listed: BTreeSet<(String, String)> = ROUTES
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(
        listed, documented,
        "a route has no entry in the list, or no longer exists"
    );
}

#[tokio::test]
async fn every_route_asks_what_the_list_says() {
    let routes = Routes::start().await;
    let actions: BTreeSet<&str> = ROUTES.iter().filter_map(|(_, _, action)| *action).collect();
    // The guests may do everything but one action.
    for denied in actions {
        routes.forbid(&format!("action == Action::\"{denied}\"")).await;
        for (method, route, action) in ROUTES {
            if action != Some(denied) {
                continue;
            }
            for guest in GUESTS {
                let answer = routes.send(guest, method, route).await;
                assert_eq!(
                    answer.status, 403,
                    "{method} {route} does not ask `{denied}` of {guest}: {answer:?}"
                );
                assert_eq!(answer.json()["policies"], json!(["mine"]), "{method} {route}");
            }
        }
    }
}

#[tokio::test]
async fn one_permitted_action_opens_the_routes_that_ask_it() {
    let routes = Routes::start().await;
    let mut passed: BTreeMap<&str, u32> = BTreeMap::new();
    for (permitted, guest) in ["read", "configure", "operate", "audit"].into_iter().zip(GUESTS) {
        routes.forbid(&format!("action != Action::\"{permitted}\"")).await;
        for (method, route, action) in ROUTES {
            let Some(action) = action else { continue };
            if action == permitted {
                // Other methods would change what the next requests need.
                if method == "GET" {
                    let answer = routes.send(guest, method, route).await;
                    assert_ne!(answer.status, 403, "{method} {route}: {answer:?}");
                    *passed.entry(permitted).or_default() += 1;
                }
                continue;
            }
            let answer = routes.send(guest, method, route).await;
            // These do not exist for a guest who may neither list nor read them. Changes of environments and blueprints are denied.
            let is_of = |start: &&str| route.starts_with(*start);
            let is_hidden = ["/v1/stacks/{id}", "/v1/operations/{id}"].iter().any(is_of)
                || method == "GET" && ["/v1/environments/{name}", "/v1/blueprints/{name}"].iter().any(is_of);
            let denied = if is_hidden && permitted != "read" { 404 } else { 403 };
            assert_eq!(answer.status, denied, "{method} {route}: {answer:?}");
        }
    }
    assert!(
        passed["read"] > 10 && passed["configure"] > 3 && passed["audit"] == 3,
        "{passed:?}"
    );
}

#[tokio::test]
async fn request_without_a_caller_is_rejected_on_every_route() {
    let server = Server::with_blueprint().await;
    for (method, route, _) in ROUTES {
        let mut request = request(method.parse().expect("a method"), route, None);
        request.extensions_mut().remove::<Caller>();
        let status = server.send(request).await.status;
        let expected = match route {
            "/healthz" | "/openapi.json" => 200,
            // Open, too: there is no schema of this name.
            "/schemas/{name}" => 404,
            _ => 401,
        };
        assert_eq!(status, expected, "{method} {route}");
    }
}

#[tokio::test]
async fn stacks_of_others_are_listed_and_their_variables_plans_and_logs_are_private() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let operations = server.get(&format!("{stack}/operations")).await.json();
    let operation = operations["items"][0]["links"]["self"]
        .as_str()
        .expect("a path")
        .to_owned();
    let eve = || Caller::named("eve", false);
    let listed = send(&server, eve(), "GET", "/v1/stacks", None).await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let shown = send(&server, eve(), "GET", &stack, None).await.json();
    assert_eq!(
        (&shown["owner"], &shown["variables"], &shown["applied"]),
        (&json!("ann"), &Value::Null, &Value::Null)
    );
    assert_eq!(server.get(&stack).await.json()["variables"]["size"], 1);
    for path in [
        format!("{stack}/operations"),
        format!("{stack}/releases"),
        operation.clone(),
        format!("{operation}/plan"),
        format!("{operation}/sheet"),
        format!("{operation}/logs"),
    ] {
        let answer = send(&server, eve(), "GET", &path, None).await;
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
        assert!(detail.contains("No policy permits eve to `read`"), "{detail}");
    }
    assert_eq!(
        put(
            &server,
            "open",
            "permit (principal, action == Action::\"read\", resource);"
        )
        .await
        .status,
        200
    );
    assert_eq!(
        send(&server, eve(), "GET", &operation, None).await.status,
        200,
        "it holds at once"
    );
    let hide =
        "forbid (principal, action == Action::\"list\", resource is Stack) unless { principal in resource.owner };";
    assert_eq!(put(&server, "hide", hide).await.status, 200);
    let listed = send(&server, eve(), "GET", "/v1/stacks", None).await.json();
    assert_eq!(listed["items"], json!([]));
}

/// The items of a list, as the caller sees it.
async fn items(server: &Server, caller: Caller, path: &str) -> Vec<Value> {
    let listed = send(server, caller, "GET", path, None).await;
    assert_eq!(listed.status, 200, "{path}: {listed:?}");
    listed.json()["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn list_shows_no_more_of_a_stack_than_the_caller_may_read() {
    let server = Server::with_blueprint().await;
    let content = json!({"endpoints": {"web": "https://shop.example/"}, "notes": {"database": "psql -h db.example"}});
    let stack = server.ready_with("shop", &["web"], &content).await;
    let whole = &items(&server, ann(), "/v1/stacks").await[0];
    assert_eq!(
        (&whole["endpoints"], &whole["notes"], &whole["services"]),
        (&content["endpoints"], &content["notes"], &json!(["web"]))
    );
    let eve = || Caller::named("eve", false);
    let listed = &items(&server, eve(), "/v1/stacks").await[0];
    let shown = send(&server, eve(), "GET", &stack, None).await.json();
    for seen in [listed, &shown] {
        assert!(!seen.to_string().contains(".example"), "{seen:#}");
        for empty in ["endpoints", "notes", "subscriptions"] {
            assert_eq!(seen[empty], json!({}), "{empty}");
        }
        for empty in ["services", "tasks"] {
            assert_eq!(seen[empty], json!([]), "{empty}");
        }
        assert_eq!((&seen["owner"], &seen["status"]), (&json!("ann"), &json!("ready")));
    }
}

#[tokio::test]
async fn lists_have_the_operations_that_the_caller_may_read() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let operations = format!("{stack}/operations");
    let path = items(&server, ann(), &operations).await[0]["links"]["self"].clone();
    let path = path.as_str().expect("a path").to_owned();
    let lists = [operations.as_str(), "/v1/operations?status=succeeded"];
    let notifications = "/v1/notifications?since=1970-01-01T00:00:00Z";
    let about_operations = async |caller: Caller| {
        let items = items(&server, caller, notifications).await;
        items.iter().filter(|item| item["operation"].is_object()).count()
    };
    assert!(about_operations(ann()).await > 0);
    let hide =
        "forbid (principal, action == Action::\"read\", resource is Operation) when { principal.name == \"ann\" };";
    assert_eq!(put(&server, "hide", hide).await.status, 200);
    assert_eq!(send(&server, ann(), "GET", &path, None).await.status, 403);
    for list in lists {
        assert_eq!(items(&server, ann(), list).await, Vec::<Value>::new(), "{list}");
        assert_eq!(items(&server, admin(), list).await.len(), 1, "{list}");
    }
    assert_eq!(about_operations(ann()).await, 0);
    assert!(about_operations(admin()).await > 0);
}

#[tokio::test]
async fn notifications_are_for_those_who_may_read_the_stack_now() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let notifications = "/v1/notifications?since=1970-01-01T00:00:00Z";
    let bob = || Caller {
        groups: ["payments".to_owned()].into(),
        ..Caller::named("bob", false)
    };
    let before = items(&server, ann(), notifications).await.len();
    assert_eq!(
        (before > 2, items(&server, bob(), notifications).await.len()),
        (true, 0)
    );
    let owner = json!({"owner": "team:payments"});
    let transferred = send(&server, ann(), "PUT", &format!("{stack}/owner"), Some(&owner)).await;
    assert_eq!(transferred.status, 200, "{transferred:?}");
    assert_eq!(items(&server, ann(), notifications).await.len(), 0);
    assert!(items(&server, bob(), notifications).await.len() >= before);
}

#[tokio::test]
async fn wrong_policies_and_those_that_lock_out_are_rejected() {
    let server = Server::with_blueprint().await;
    for (text, reason) in [
        (
            "permit (principal, action, resource)\nwhen { resource.colour == 1 };",
            "line 2",
        ),
        ("permit (principal, action == Action::\"fly\", resource);", "fly"),
        ("permit (", "line 1"),
        ("forbid (principal, action, resource);", "you could not configure"),
        (
            "forbid (principal, action == Action::\"configure\", resource) when { principal.name == \"root\" };",
            "you could not configure",
        ),
        (
            "forbid (principal, action == Action::\"configure\", resource is Installation);",
            "you could not configure",
        ),
    ] {
        let wrong = put(&server, "mine", text).await;
        assert_eq!(
            (wrong.status, wrong.fields()),
            (422, vec!["text".to_owned()]),
            "{text}: {wrong:?}"
        );
        let detail = wrong.json()["errors"][0]["detail"]
            .as_str()
            .expect("a detail")
            .to_owned();
        assert!(detail.contains(reason), "{detail}");
    }
}

#[tokio::test]
async fn only_administrators_change_who_configures_slipway() {
    let server = Server::with_blueprint().await;
    let bob = || Caller::named("bob", false);
    let as_bob = async |method: &str, name: &str, text: &str| {
        let body = json!({"text": text});
        let body = (method == "PUT").then_some(&body);
        send(&server, bob(), method, &format!("/v1/policies/{name}"), body).await
    };
    let delegates = "permit (principal == Person::\"bob\", action == Action::\"configure\", resource);";
    assert_eq!(put(&server, "delegate", delegates).await.status, 200);
    assert_eq!(
        put(
            &server,
            "other",
            "forbid (principal == Person::\"eve\", action, resource);"
        )
        .await
        .status,
        200
    );
    // Each spares its author, and who is no administrator of these.
    let forbid = "forbid (principal, action == Action::\"configure\", resource) unless { principal.name == \"bob\"";
    let permit = "permit (principal, action, resource) when { principal.administrator";
    for (name, text) in [
        ("lock", format!("{forbid} }};")),
        ("lock", format!("{forbid} || principal.name like \"sub:any:*\" }};")),
        ("lock", format!("{forbid} || !(principal in Team::\"everyone\") }};")),
        (
            "lock",
            format!("{forbid} || !(principal.name like \"*@example.com\") }};"),
        ),
        (
            "administrators",
            format!("{permit} && principal.name like \"sub:any:*\" }};"),
        ),
        (
            "lock",
            format!("{permit} && principal.name != \"bob\" && 9223372036854775807 + 1 > 0 }};"),
        ),
        ("other", "// off".to_owned()),
        ("eve", delegates.replace("bob", "eve")),
    ] {
        let wrong = as_bob("PUT", name, &text).await;
        assert_eq!((wrong.status, wrong.fields()), (422, vec!["text".to_owned()]), "{text}");
        let detail = wrong.json()["errors"][0]["detail"].to_string();
        assert!(detail.contains(&format!("the policy `{name}`")), "{detail}");
    }
    assert_eq!(as_bob("DELETE", "other", "").await.status, 422);
    for (name, text) in [
        (
            "stay",
            "forbid (principal, action == Action::\"request-destroy\", resource);",
        ),
        (
            "stacks",
            "permit (principal in Team::\"audit\", action, resource is Stack);",
        ),
        (
            "live",
            "forbid (principal, action == Action::\"configure\", resource == Environment::\"live\");",
        ),
    ] {
        let stored = as_bob("PUT", name, text).await;
        assert_eq!(stored.status, 200, "{text}: {stored:?}");
    }
    assert_eq!(as_bob("DELETE", "live", "").await.status, 204);
    assert_eq!(put(&server, "lock", "// an administrator may").await.status, 200);
}

#[tokio::test]
async fn policies_are_checked_versioned_and_protected_against_lockout() {
    let server = Server::with_blueprint().await;
    let before = server.get("/v1/policies").await;
    assert_eq!(
        (before.header("etag"), before.json()["items"].as_array().map(Vec::len)),
        ("\"0\"", Some(8))
    );
    assert!(
        before.json()["items"]
            .as_array()
            .expect("policies")
            .iter()
            .all(|policy| policy["default"] == true)
    );
    let denied = send(&server, ann(), "PUT", "/v1/policies/mine", Some(&json!({"text": ""}))).await;
    assert_eq!(denied.status, 403, "{denied:?}");
    let off = put(&server, "administrators", "// none").await;
    assert_eq!(off.status, 422, "{off:?}");
    assert_eq!(server.get("/v1/policies").await.header("etag"), "\"0\"");

    let mine = "@description(\"Stacks stay.\")\nforbid (principal, action == Action::\"request-destroy\", resource);";
    let put_mine = put(&server, "mine", mine).await;
    assert_eq!(
        (put_mine.status, put_mine.header("etag")),
        (200, "\"1\""),
        "{put_mine:?}"
    );
    let stack = server.ready("shop", &["web"]).await;
    let refused = server.delete(&stack).await;
    let detail = refused.json()["detail"].as_str().expect("a detail").to_owned();
    assert_eq!(refused.status, 403);
    assert!(detail.contains("`mine`") && detail.contains("Stacks stay."), "{detail}");

    let mut stale = request(Method::DELETE, "/v1/policies/mine", None);
    stale.extensions_mut().insert(admin());
    stale
        .headers_mut()
        .insert(header::IF_MATCH, "\"0\"".parse().expect("a value"));
    assert_eq!(server.send(stale).await.status, 412);
    assert_eq!(
        send(&server, admin(), "DELETE", "/v1/policies/owner", None)
            .await
            .status,
        409
    );
    assert_eq!(
        send(&server, admin(), "DELETE", "/v1/policies/none", None).await.status,
        404
    );
    assert_eq!(
        send(&server, admin(), "DELETE", "/v1/policies/mine", None).await.status,
        204
    );
    let audited = send(&server, admin(), "GET", "/v1/audit?action=put_policies", None).await;
    let audited = audited.json();
    let audited = audited["items"].as_array().expect("records");
    let shown: Vec<_> = audited
        .iter()
        .map(|one| {
            [
                &one["actor"],
                &one["before"]["policies.mine"],
                &one["after"]["policies.mine"],
            ]
        })
        .collect();
    let text = &json!(mine);
    let by = &audited[0]["actor"];
    assert_eq!(shown, [[by, text, &Value::Null], [by, &Value::Null, text]]);
    assert_eq!(audited[0]["after"]["revision"], 2);

    let earlier = server.get("/v1/policies?revision=1").await.json();
    assert_eq!(earlier["items"].as_array().map(Vec::len), Some(9));
    assert_eq!(server.get("/v1/policies").await.json()["revision"], 2);
    assert_eq!(server.get("/v1/policies?revision=9").await.status, 404);
    assert_eq!(server.delete(&stack).await.status, 202);
}

#[tokio::test]
async fn exported_policies_are_imported_as_they_were() {
    let server = Server::with_blueprint().await;
    let mine = "forbid (principal, action == Action::\"apply\", resource) when { context.plan.changes > 50 };";
    assert_eq!(put(&server, "mine", mine).await.status, 200);
    let off = put(&server, "everyone-lists-stacks", "// Teams see their own.\n").await;
    assert_eq!((off.status, &off.json()["effect"]), (200, &json!("off")));
    let all = server.get("/v1/policies").await.json();
    assert_eq!(all["judges_plans"], true);
    let parts = all["items"].as_array().expect("policies").iter();
    let parts: Vec<&str> = parts
        .map(|policy| policy["in_file"].as_str().expect("a text"))
        .collect();
    let file = json!({"text": parts.join("\n")});
    let imported = send(&server, admin(), "PUT", "/v1/policies", Some(&file)).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    let names = |policies: &Value| -> Vec<[String; 3]> {
        let items = policies["items"].as_array().expect("policies").iter();
        items
            .map(|policy| ["name", "default", "effect"].map(|field| policy[field].to_string()))
            .collect()
    };
    assert_eq!(
        server.get("/v1/policies/everyone-lists-stacks").await.json()["text"],
        "// Teams see their own.\n"
    );
    assert_eq!(names(&imported.json()), names(&all));
    let none = send(
        &server,
        admin(),
        "PUT",
        "/v1/policies",
        Some(&json!({"text": "// none"})),
    )
    .await;
    assert_eq!(
        none.json()["items"].as_array().map(Vec::len),
        Some(8),
        "the default policies hold"
    );
    let wrong = json!({"text": "permit (principal, action, resource);"});
    assert_eq!(
        send(&server, admin(), "PUT", "/v1/policies", Some(&wrong)).await.status,
        422
    );
}

#[tokio::test]
async fn tests_and_can_i_say_which_policy_decides() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let id = stack.rsplit('/').next().expect("an id");
    let may = async |caller: Caller, query: &str| {
        send(&server, caller, "GET", &format!("/v1/can-i?{query}"), None)
            .await
            .json()
    };
    let own = may(ann(), &format!("action=request-update&stack={id}")).await;
    assert_eq!(own, json!({"allowed": true, "policies": ["owner"], "reason": null}));
    let other = may(Caller::named("eve", false), &format!("action=read&stack={id}")).await;
    assert_eq!((&other["allowed"], &other["policies"]), (&json!(false), &json!([])));
    assert_eq!(may(ann(), "action=configure").await["allowed"], false);
    assert_eq!(may(admin(), "action=configure&environment=live").await["allowed"], true);
    assert_eq!(
        may(ann(), "action=request-create&environment=live&blueprint=web").await["allowed"],
        true
    );
    let permitted = async |caller: Caller, query: &str| {
        let path = format!("/v1/permissions?{query}");
        send(&server, caller, "GET", &path, None).await.json()["actions"].clone()
    };
    assert_eq!(
        permitted(ann(), &format!("stack={id}")).await,
        json!([
            "list",
            "read",
            "read-logs",
            "request-create",
            "request-update",
            "request-preview",
            "request-release",
            "request-destroy",
            "request-task",
            "operate"
        ])
    );
    assert_eq!(
        permitted(Caller::named("eve", false), &format!("stack={id}")).await,
        json!(["list"])
    );
    assert_eq!(permitted(ann(), "").await, json!(["list", "read"]));
    for wrong in ["", "action=fly", "action=read&stack=a&blueprint=b"] {
        assert_eq!(server.get(&format!("/v1/can-i?{wrong}")).await.status, 400, "{wrong}");
    }
    let place =
        json!({"owner": "team:payments", "blueprint": "web", "environment": {"name": "live", "protected": true}});
    let member = json!({"name": "ann", "groups": ["payments"]});
    let tests = json!({
        "text": "@id(\"small\") forbid (principal, action == Action::\"apply\", resource) when { context.plan.lost_types.contains(\"aws_s3_bucket\") };",
        "tests": [
            {"name": "member", "principal": member, "action": "request-update", "stack": place, "expect": "allow", "policy": "owner"},
            {"name": "own", "principal": member, "action": "approve", "stack": place, "operation": {"requester": "ann"}, "expect": "deny",
             "policy": "approver-is-not-the-requester"},
            {"name": "bucket", "principal": member, "action": "apply", "stack": place, "operation": {"requester": "ann"},
             "plan": {"types": {"aws_s3_bucket": {"delete": 1}}}, "expect": "deny", "policy": "small"},
            {"name": "wrong", "principal": member, "action": "read", "stack": place, "expect": "deny"},
        ],
    });
    let answer = send(&server, ann(), "POST", "/v1/policy-tests", Some(&tests)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let results = answer.json();
    assert_eq!(
        (&results["passed"], &results["failed"]),
        (&json!(3), &json!(1)),
        "{results:#}"
    );
    let odd = json!({"tests": [{"name": "x", "principal": {"name": "ann"}, "action": "read", "expect": "perhaps"}]});
    assert_eq!(
        send(&server, ann(), "POST", "/v1/policy-tests", Some(&odd))
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn repeated_request_gets_its_answer_also_after_the_permission_ended() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let transfer = || {
        let mut request = request(
            Method::PUT,
            &format!("{stack}/owner"),
            Some(&json!({"owner": "team:payments"})),
        );
        request
            .headers_mut()
            .insert("idempotency-key", "once".parse().expect("a value"));
        request
    };
    assert_eq!(server.send(transfer()).await.status, 200);
    let again = server.send(transfer()).await;
    assert_eq!(
        (again.status, again.header("idempotent-replayed")),
        (200, "true"),
        "{again:?}"
    );
    let other = server.patch(&stack, &json!({"variables": {"size": 2}})).await;
    assert_eq!(other.status, 403, "{other:?}");
}

#[tokio::test]
async fn operation_records_the_request_that_policies_permitted() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let member = Caller {
        groups: BTreeSet::from(["payments".to_owned()]),
        ..ann()
    };
    let repository = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web";
    let edit = json!({
        "version": "1.0.0", "variables": {"size": 2, "colour": null},
        "subscriptions": {"web": {"repository": repository, "tags": "v*"}},
    });
    let asked = send(&server, member, "PATCH", &stack, Some(&edit)).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let operation = server.store.operation(&id(&asked.json())).await.expect("the operation");
    let registry = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
    assert_eq!(
        serde_json::to_value(operation.permitted).expect("JSON"),
        json!({
            "principal": {"name": "ann", "groups": ["payments"]},
            "facts": {
                "variables": ["colour", "size"],
                "images": {"registries": [registry], "repositories": [format!("{registry}/shop/web")]},
                "version": "1.0.0",
            },
        })
    );
}

#[tokio::test]
async fn images_of_other_registries_are_denied_where_a_policy_says_so() {
    let server = Server::with_blueprint().await;
    let stack = server.ready("shop", &["web"]).await;
    let only = "forbid (principal, action in Action::\"request\", resource) unless { [\"registry.example.com\"].containsAll(context.registries) };";
    assert_eq!(put(&server, "registries", only).await.status, 200);
    let release = |image: String| json!({"images": {"web": image}});
    let path = format!("{stack}/releases");
    let denied = server.post(&path, &release(image("web"))).await;
    assert_eq!(
        (denied.status, &denied.json()["policies"]),
        (403, &json!(["registries"])),
        "{denied:?}"
    );
    let allowed = server.post(&path, &release(image("registry.example.com/web"))).await;
    assert_eq!(allowed.status, 202, "{allowed:?}");
}

#[tokio::test]
async fn images_of_rollbacks_and_subscriptions_are_those_of_the_request() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let evil = format!("evil/web@sha256:{}", "e".repeat(64));
    for image in [evil, image("good")] {
        let release = server
            .post(&format!("{path}/releases"), &json!({"images": {"web": image}}))
            .await;
        server.play(&release.json()).await;
    }
    let text = "forbid (principal, action in [Action::\"request-release\", Action::\"request-update\", Action::\"request-create\"], resource) \
                when { context.repositories.containsAny([\"evil/web\", \"999988887777.dkr.ecr.eu-west-1.amazonaws.com/evil/web\"]) };";
    assert_eq!(put(&server, "no-evil", text).await.status, 200);
    for body in [json!({}), json!({"release": 1})] {
        let back = send(&server, ann(), "POST", &format!("{path}/rollback"), Some(&body)).await;
        assert_eq!(
            (back.status, back.json()["policies"][0].clone()),
            (403, json!("no-evil")),
            "{back:?}"
        );
    }
    let evil = json!({"web": {"repository": "arn:aws:ecr:eu-west-1:999988887777:repository/evil/web", "tags": "v*"}});
    let stack = json!({"name": "other", "blueprint": "guestbook", "environment": "local", "subscriptions": evil});
    let created = send(&server, ann(), "POST", "/v1/stacks", Some(&stack)).await;
    let updated = send(&server, ann(), "PATCH", &path, Some(&json!({"subscriptions": evil}))).await;
    for denied in [created, updated] {
        assert_eq!(denied.status, 403, "{denied:?}");
    }
    let good = json!({"subscriptions": {"web": {"repository": "arn:aws:ecr:eu-west-1:999988887777:repository/web", "tags": "v*"}}});
    let updated = send(&server, ann(), "PATCH", &path, Some(&good)).await;
    assert_eq!(updated.status, 202, "{updated:?}");
}
