//! Releases: the services they name, and the images that stay.

use serde_json::{Value, json};

use crate::support::{Server, image, stack_id};

#[tokio::test]
async fn a_service_that_is_not_named_keeps_its_image() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web", "worker"]).await;
    let releases = format!("{path}/releases");
    let missing = server
        .post(&releases, &json!({"images": {"web": image("web-1")}}))
        .await;
    assert_eq!(
        (missing.status, missing.fields()),
        (422, vec!["images.worker".to_owned()]),
        "{missing:?}"
    );
    let unknown = json!({"images": {"web": image("a"), "worker": image("b"), "cron": image("c")}});
    let unknown = server.post(&releases, &unknown).await;
    assert_eq!(
        (unknown.status, unknown.fields()),
        (422, vec!["images.cron".to_owned()])
    );
    assert!(unknown.json().to_string().contains("web, worker"), "{unknown:?}");

    let both = json!({"images": {"web": image("web-1"), "worker": image("worker-1")}});
    let first = server.post(&releases, &both).await;
    assert_eq!(
        (first.status, first.json()["release"].clone()),
        (202, json!(1)),
        "{first:?}"
    );
    server.play(&first.json()).await;
    let second = server
        .post(&releases, &json!({"images": {"web": image("web-2")}}))
        .await;
    server.play(&second.json()).await;

    let shown = server.get(&format!("{releases}/2")).await.json();
    assert_eq!(
        shown["images"],
        json!({"web": image("web-2"), "worker": image("worker-1")})
    );
    assert_eq!(
        (&shown["status"], &shown["operation"]),
        (&json!("current"), &second.json()["id"])
    );
    let listed = server.get(&format!("{releases}?limit=1")).await.json();
    assert_eq!(listed["items"][0], shown);
    let next = listed["next"].as_str().expect("a cursor");
    let rest = server.get(&format!("{releases}?limit=1&cursor={next}")).await.json();
    assert_eq!(
        (&rest["items"][0]["number"], &rest["items"][0]["status"]),
        (&json!(1), &json!("superseded"))
    );
    assert_eq!(server.get(&path).await.json()["current_release"], 2);
    let none = server.get(&format!("{releases}/3")).await;
    assert_eq!(none.status, 404);
    assert!(
        none.json()["detail"].as_str().expect("a detail").contains("1 to 2"),
        "{none:?}"
    );
}

#[tokio::test]
async fn service_with_own_images_needs_none() {
    let server = Server::with_blueprint().await;
    let task = |container: Value| json!({"family": "f", "containerDefinitions": [container]});
    let service = |name: &str, task: Value| json!({"name": name, "task_definition": task, "desired_count": 1});
    let more = json!({"services": {
        "web": service("web", task(json!({"name": "main"}))),
        "redis": service("redis", task(json!({"name": "main", "image": image("redis")}))),
    }});
    let path = server.ready_with("shop", &[], &more).await;
    for release in ["web-1", "web-2"] {
        let released = server
            .post(&format!("{path}/releases"), &json!({"images": {"web": image(release)}}))
            .await;
        assert_eq!(released.status, 202, "{released:?}");
        server.play(&released.json()).await;
    }
    let back = server.post(&format!("{path}/rollback"), &json!({})).await;
    assert_eq!(
        (back.status, back.json()["release"].clone()),
        (202, json!(1)),
        "{back:?}"
    );
}

#[tokio::test]
async fn a_release_may_be_asked_for_before_the_stack_is_there() {
    let server = Server::with_blueprint().await;
    let body = json!({"name": "shop", "blueprint": "web", "environment": "local", "variables": {"size": 1},
        "images": {"web": image("web-1"), "worker": image("worker-1")}});
    let created = server.post("/v1/stacks", &body).await.json();
    assert_eq!(created["release"], 1);
    let path = created["links"]["stack"].as_str().expect("a path");
    let queued = server
        .post(&format!("{path}/releases"), &json!({"images": {"web": image("web-2")}}))
        .await
        .json();
    assert_eq!((&queued["status"], &queued["release"]), (&json!("queued"), &json!(2)));
    let release = server
        .store
        .release(&stack_id(&queued), slipway_model::id::ReleaseNumber(2))
        .await;
    assert_eq!(
        release.expect("a release").images.len(),
        2,
        "the worker keeps the requested image"
    );
}

#[tokio::test]
async fn images_that_cannot_be_released() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let before = server.items();
    for (body, field, says) in [
        (json!({}), "images", "names no service"),
        (json!({"images": {}}), "images", "names no service"),
        (json!({"images": "web:1"}), "images", "an object"),
        (json!({"images": {"web": "web:latest"}}), "images.web", "by digest"),
        (json!({"images": {"web": null}}), "images.web", "null"),
        (json!({"image": {}}), "image", "images"),
    ] {
        let answer = server.post(&format!("{path}/releases"), &body).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec![field.to_owned()]),
            "{body}: {}",
            answer.json()
        );
        assert!(answer.json().to_string().contains(says), "{body}: {}", answer.json());
    }
    let nothing = server.ready("empty", &[]).await;
    let answer = server
        .post(
            &format!("{nothing}/releases"),
            &json!({"images": {"web": image("web")}}),
        )
        .await;
    assert_eq!((answer.status, answer.fields()), (422, vec!["images.web".to_owned()]));
    let failed = server.create("half", "local", &json!({"size": 1})).await;
    let failure = slipway_model::operation::Failure {
        name: "Slipway.ApplyFailed".to_owned(),
        step: "Apply".to_owned(),
        message: "no".to_owned(),
        address: None,
    };
    let id = crate::support::id(&failed);
    server.store.begin_operation(&id).await.expect("begun");
    server.store.begin_step(&id, "Apply").await.expect("a step");
    let end = slipway_store::finish::End::Failed(failure);
    server.store.finish_operation(&id, &end).await.expect("finished");
    let releases = format!("{}/releases", failed["links"]["stack"].as_str().expect("a path"));
    let answer = server.post(&releases, &json!({"images": {"web": image("web")}})).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    let shown: Value = server
        .get(failed["links"]["self"].as_str().expect("a path"))
        .await
        .json();
    assert_eq!(shown["error"]["name"], "Slipway.ApplyFailed");
    assert_eq!(shown["error"]["log"], shown["links"]["logs"]);
    let requested = before.iter().filter(|item| item.contains("\"requested\"")).count();
    assert_eq!(requested, 0);
}
