//! Which images a service gets when they are pushed.

use serde_json::{Value, json};

use crate::support::{Server, image};

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
    let moved = change(json!({"web": null, "cron": follows("shop/cron", "*")})).await;
    assert_eq!(moved.status, 202, "{moved:?}");
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
    assert_eq!(server.get(&path).await.json()["subscriptions"], left);
    assert_eq!(change(json!({"worker": null})).await.status, 202);
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
    let all_others = server.patch(path, &json!({"subscriptions": follow(0..20, "b")})).await;
    assert_eq!(all_others.status, 202, "{all_others:?}");
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
