//! Which images a service gets when they are pushed.

use serde_json::{Value, json};
use slipway_model::operation::Failure;
use slipway_store::finish::End;

use crate::support::{Server, id, image};

fn follows(repository: &str, tags: &str) -> Value {
    json!({"repository": format!("arn:aws:ecr:eu-west-1:111122223333:repository/{repository}"), "tags": tags})
}

/// How many stacks would be considered for a push to the repository.
async fn subscribers(server: &Server, repository: &str) -> usize {
    let repository = follows(repository, "*")["repository"].as_str().expect("text").parse();
    let repository = repository.expect("a repository");
    server.store.subscribers(&repository).await.expect("a list").len()
}

#[tokio::test]
async fn a_stack_subscribes_when_it_is_made_and_changes_that_later() {
    let server = Server::with_blueprint().await;
    let body = json!({
        "name": "shop", "blueprint": "web", "environment": "local", "variables": {"size": 1},
        "subscriptions": {"web": follows("shop/web", "v*"), "worker": follows("shop/web", "v*")},
    });
    let created = server.post("/v1/stacks", &body).await;
    assert_eq!(created.status, 202, "{created:?}");
    let path = created.json()["links"]["stack"].as_str().expect("a link").to_owned();
    assert_eq!(server.get(&path).await.json()["subscriptions"], body["subscriptions"]);
    assert_eq!(subscribers(&server, "shop/web").await, 1);

    let change = |subscriptions: Value| {
        let (server, path) = (&server, &path);
        async move { server.patch(path, &json!({ "subscriptions": subscriptions })).await }
    };
    server.play(&created.json()).await;
    let moved = change(json!({"web": null, "cron": follows("shop/cron", "*")})).await;
    assert_eq!(moved.status, 202, "{moved:?}");
    server.play(&moved.json()).await;
    let left = json!({"worker": follows("shop/web", "v*"), "cron": follows("shop/cron", "*")});
    assert_eq!(server.get(&path).await.json()["subscriptions"], left);
    assert_eq!(
        (
            subscribers(&server, "shop/web").await,
            subscribers(&server, "shop/cron").await
        ),
        (1, 1)
    );
    let untouched = server.patch(&path, &json!({"variables": {"size": 2}})).await;
    assert_eq!(untouched.status, 202, "{untouched:?}");
    server.play(&untouched.json()).await;
    assert_eq!(server.get(&path).await.json()["subscriptions"], left);
    server.play(&change(json!({"worker": null})).await.json()).await;
    assert_eq!(
        (
            subscribers(&server, "shop/web").await,
            subscribers(&server, "shop/cron").await
        ),
        (0, 1)
    );

    let wrong = change(json!({"web": {"repository": "shop/web", "tag": 1}, "worker": [], "X": null})).await;
    let mut fields = wrong.fields();
    fields.sort();
    let expected = [
        "subscriptions.X",
        "subscriptions.web.repository",
        "subscriptions.web.tag",
        "subscriptions.web.tags",
        "subscriptions.worker",
    ];
    assert_eq!((wrong.status, fields), (422, expected.map(ToOwned::to_owned).to_vec()));
    let preview = server
        .post(&format!("{path}/preview"), &json!({"subscriptions": {"web": null}}))
        .await;
    assert_eq!(
        (preview.status, preview.fields()),
        (422, vec!["subscriptions".to_owned()])
    );
}

#[tokio::test]
async fn update_that_is_not_applied_changes_no_subscription() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web", "worker"]).await;
    let subscribe = |subscriptions: Value| {
        let (server, path) = (&server, &path);
        async move {
            let asked = server.patch(path, &json!({ "subscriptions": subscriptions })).await;
            assert_eq!(asked.status, 202, "{asked:?}");
            asked.json()
        }
    };
    let before = json!({"web": follows("shop/web", "v*")});
    server.play(&subscribe(before.clone()).await).await;
    assert_eq!(server.get(&path).await.json()["subscriptions"], before);
    let other = json!({"web": follows("shop/evil", "*"), "worker": follows("shop/evil", "*")});
    for name in [
        "Slipway.ApprovalRejected",
        "Slipway.ApprovalTimedOut",
        "Slipway.PlanRefused",
        "Slipway.PlanFailed",
        "Slipway.Cancelled",
    ] {
        for begins in [true, false] {
            let id = id(&subscribe(other.clone()).await);
            if begins {
                server.store.begin_operation(&id).await.expect("begun");
                server.store.begin_step(&id, "Plan").await.expect("a step");
            }
            assert_eq!(
                server.get(&path).await.json()["subscriptions"],
                before,
                "before the end"
            );
            let end = End::of(Failure {
                name: name.to_owned(),
                step: "Plan".to_owned(),
                message: "no".to_owned(),
                address: None,
            });
            server.store.finish_operation(&id, &end).await.expect("an end");
            assert_eq!(server.get(&path).await.json()["subscriptions"], before, "{name}");
            assert_eq!(subscribers(&server, "shop/evil").await, 0, "{name}");
            assert_eq!(subscribers(&server, "shop/web").await, 1, "{name}");
        }
    }
}

#[tokio::test]
async fn only_services_that_the_stack_has_subscribe() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let body = json!({"subscriptions": {"web": follows("a", "*"), "wep": follows("a", "*"), "old": null}});
    let unknown = server.patch(&path, &body).await;
    assert_eq!(
        (unknown.status, unknown.fields()),
        (422, vec!["subscriptions.wep".to_owned()]),
        "{unknown:?}"
    );
    assert!(
        unknown
            .json()
            .to_string()
            .contains("the services of this stack are: web")
    );
    assert_eq!(subscribers(&server, "a").await, 0);
}

#[tokio::test]
async fn a_stack_has_no_more_subscriptions_than_one_write_takes() {
    let server = Server::with_blueprint().await;
    let follow = |range: std::ops::Range<u8>, repositories: &str| -> Value {
        let one = |n: u8| (format!("s{n}"), follows(&format!("{repositories}-{n}"), "*"));
        range.map(one).collect::<serde_json::Map<_, _>>().into()
    };
    let create = |subscriptions: Value| {
        json!({"name": "shop", "blueprint": "web", "environment": "local", "variables": {"size": 1},
            "subscriptions": subscriptions})
    };
    let refused = server.post("/v1/stacks", &create(follow(0..21, "a"))).await;
    assert_eq!(
        (refused.status, refused.fields()),
        (422, vec!["subscriptions".to_owned()])
    );
    let created = server.post("/v1/stacks", &create(follow(0..20, "a"))).await.json();
    let path = created["links"]["stack"].as_str().expect("a path");
    let refused = server.patch(path, &json!({"subscriptions": follow(20..21, "a")})).await;
    assert_eq!(
        (refused.status, refused.fields()),
        (422, vec!["subscriptions".to_owned()])
    );
    // A request is judged as if those before it succeed, and their end is one write.
    server.play(&created).await;
    let nothing: serde_json::Map<_, _> = (0..20).map(|n| (format!("s{n}"), Value::Null)).collect();
    let none = server.patch(path, &json!({ "subscriptions": nothing })).await;
    let others = server.patch(path, &json!({"subscriptions": follow(20..40, "b")})).await;
    let refused = server.patch(path, &json!({"subscriptions": follow(0..1, "a")})).await;
    assert_eq!(
        (none.status, others.status, refused.status),
        (202, 202, 422),
        "{others:?}"
    );
    server.play(&none.json()).await;
    server.play(&others.json()).await;
    assert_eq!(server.get(path).await.json()["subscriptions"], follow(20..40, "b"));
}

#[tokio::test]
async fn queued_release_does_not_revert_the_one_before_it() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web", "worker"]).await;
    let releases = format!("{path}/releases");
    for images in [
        json!({"web": image("web-1"), "worker": image("worker-1")}),
        json!({"web": image("web-2")}),
        json!({"worker": image("worker-2")}),
    ] {
        let asked = server.post(&releases, &json!({ "images": images })).await;
        assert_eq!(asked.status, 202, "{asked:?}");
    }
    let third = server.get(&format!("{releases}/3")).await.json();
    assert_eq!(
        third["images"],
        json!({"web": image("web-2"), "worker": image("worker-2")})
    );
}
