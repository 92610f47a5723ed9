//! Requests on a stack with releases: rollbacks, tasks, drift checks and snapshots.

use axum::http::Method;
use serde_json::{Value, json};
use slipway_model::id::ReleaseNumber;
use slipway_model::operation::quiesce::Quiesced;
use slipway_model::operation::{Failure, Operation, OperationStatus, StepStatus};
use slipway_model::plan::{Action, ResourceChange};
use slipway_store::finish::End;

use crate::support::{Answer, Server, id, image, request};

async fn release(server: &Server, path: &str, of: &str) -> Value {
    let body = json!({"images": {"web": image(of)}});
    let answer = server.post(&format!("{path}/releases"), &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()
}

fn failure() -> Failure {
    Failure {
        name: "Slipway.Internal".to_owned(),
        step: "Roll out services".to_owned(),
        message: "the execution failed".to_owned(),
        address: None,
    }
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().expect("a detail").to_owned()
}

#[tokio::test]
async fn stack_rolls_back_to_a_successful_release() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let rollback = format!("{path}/rollback");
    let nothing = server.post(&rollback, &json!({})).await;
    assert_eq!(nothing.status, 409);
    assert!(detail(&nothing).contains("nothing to go back from"), "{nothing:?}");
    server.play(&release(&server, &path, "one").await).await;
    let first = server.post(&rollback, &json!({})).await;
    assert_eq!(first.status, 409);
    assert!(
        detail(&first).contains("no release before it has succeeded"),
        "{first:?}"
    );

    let failed = release(&server, &path, "two").await;
    server.store.begin_operation(&id(&failed)).await.expect("begun");
    let failure = Failure {
        name: "Slipway.MigrationFailed".to_owned(),
        step: "Run migrations".to_owned(),
        message: "it failed".to_owned(),
        address: None,
    };
    let ended = server.store.finish_operation(&id(&failed), &End::Failed(failure)).await;
    ended.expect("an end");
    server.play(&release(&server, &path, "three").await).await;
    for (body, says) in [
        (json!({"release": 3}), "is what the stack runs"),
        (json!({"release": 2}), "has never succeeded"),
        (json!({"release": 9}), "its releases are 1 to 3"),
        (json!({"release": 0}), "a whole number from 1"),
        (json!({"release": "1"}), "is a text"),
    ] {
        let answer = server.post(&rollback, &body).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["release".to_owned()]),
            "{body}"
        );
        assert!(answer.json().to_string().contains(says), "{body}: {}", answer.json());
    }

    // The last successful one before the current one, not the one that failed.
    let back = server.post(&rollback, &json!({})).await;
    assert_eq!(back.status, 202, "{back:?}");
    let back = back.json();
    assert_eq!((&back["kind"], &back["release"]), (&json!("rollback"), &json!(1)));
    server.play(&back).await;
    let stack = server.get(&path).await.json();
    assert_eq!(
        (&stack["current_release"], &stack["last_release"]),
        (&json!(1), &json!(3))
    );
    let released = server.get(&format!("{path}/releases/1")).await.json();
    assert_eq!(
        (&released["status"], &released["operation"]),
        (&json!("current"), &back["id"])
    );
    // And forward again.
    let forward = server.post(&rollback, &json!({"release": 3})).await;
    assert_eq!(forward.json()["release"], 3);
}

#[tokio::test]
async fn rollbacks_and_releases_consider_operations_in_progress() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web", "worker"]).await;
    let (releases, rollback) = (format!("{path}/releases"), format!("{path}/rollback"));
    for of in ["1", "2", "3"] {
        let both = json!({"images": {"web": image(&format!("web-{of}")), "worker": image(&format!("worker-{of}"))}});
        server.play(&server.post(&releases, &both).await.json()).await;
    }

    // Release 4 is in progress: a rollback goes to 3, which the stack still runs.
    let fourth = server
        .post(&releases, &json!({"images": {"web": image("web-4")}}))
        .await
        .json();
    let third = server.post(&rollback, &json!({})).await.json();
    assert_eq!(third["release"], 3, "{third}");
    let again = server.post(&rollback, &json!({"release": 3})).await;
    assert_eq!(again.status, 422, "{again:?}");

    // Then the rollback to 2 waits: what is released after it keeps the images of 2.
    let second = server.post(&rollback, &json!({})).await.json();
    assert_eq!(second["release"], 2, "{second}");
    let part = json!({"images": {"worker": image("worker-5")}});
    let part = server.post(&releases, &part).await.json();
    let shown = server.get(&format!("{releases}/{}", part["release"])).await.json();
    assert_eq!(
        shown["images"],
        json!({"web": image("web-2"), "worker": image("worker-5")})
    );
    for operation in [fourth, third, second, part] {
        server.play(&operation).await;
    }
    assert_eq!(server.get(&path).await.json()["current_release"], 5);
}

#[tokio::test]
async fn a_task_runs_where_the_blueprint_has_it_and_a_release_is_out() {
    let server = Server::with_blueprint().await;
    let tasks = json!({"tasks": {"createsuperuser": {"service": "web", "command": ["./app", "createsuperuser"]}}});
    let path = server.ready_with("shop", &["web"], &tasks).await;
    assert_eq!(server.get(&path).await.json()["tasks"], json!(["createsuperuser"]));
    let task = format!("{path}/tasks/createsuperuser");
    let early = server.post(&task, &json!({})).await;
    assert_eq!(early.status, 409);
    assert!(detail(&early).contains("runs no release yet"), "{early:?}");
    server.play(&release(&server, &path, "one").await).await;
    for name in ["load-dump", "Load%20Dump"] {
        let unknown = server.post(&format!("{path}/tasks/{name}"), &json!({})).await;
        assert_eq!(unknown.status, 404, "{unknown:?}");
    }
    let unknown = server.post(&format!("{path}/tasks/load-dump"), &json!({})).await;
    assert!(
        detail(&unknown).contains("its tasks are: createsuperuser"),
        "{unknown:?}"
    );
    let more = server.post(&task, &json!({"password": "x"})).await;
    assert_eq!((more.status, more.fields()), (422, vec!["password".to_owned()]));

    let ran = server.post(&task, &json!({})).await;
    assert_eq!(
        (ran.status, ran.header("location")),
        (202, ran.json()["links"]["self"].as_str().expect("a path"))
    );
    assert_eq!(
        (&ran.json()["kind"], &ran.json()["task"]),
        (&json!("task"), &json!("createsuperuser"))
    );
}

/// The record decides, and not whether its execution could be stopped in time.
#[tokio::test]
async fn a_cancel_after_the_command_of_a_task_ends_the_record() {
    let server = Server::with_blueprint().await;
    let tasks = json!({"tasks": {"load": {"service": "web", "command": ["./app", "load"]}}});
    let path = server.ready_with("shop", &["web"], &tasks).await;
    server.play(&release(&server, &path, "one").await).await;
    server.refuse("StopExecution", "InternalFailure");
    let ran = async || {
        let task = server.post(&format!("{path}/tasks/load"), &json!({})).await.json();
        let id = id(&task);
        server.store.begin_operation(&id).await.expect("begun");
        server.store.begin_step(&id, "Run task: load").await.expect("begun");
        let ended = server
            .store
            .end_step(&id, "Run task: load", StepStatus::Succeeded)
            .await;
        ended.expect("ended");
        (id, task["links"]["self"].as_str().expect("a path").to_owned())
    };

    let (cancelled, link) = ran().await;
    for _ in 0..2 {
        let answer = server.post(&format!("{link}/cancel"), &json!({})).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (202, &json!("cancelled")),
            "{answer:?}"
        );
        let finished = server
            .store
            .finish_operation(&cancelled, &End::Succeeded)
            .await
            .expect("it");
        assert_eq!(finished.operation.status, OperationStatus::Cancelled);
    }
    let message = "ann cancelled the operation; the task had succeeded by then";
    assert_eq!(server.get(&link).await.json()["error"]["message"], message);

    let (succeeded, link) = ran().await;
    server
        .store
        .finish_operation(&succeeded, &End::Succeeded)
        .await
        .expect("finished");
    let late = server.post(&format!("{link}/cancel"), &json!({})).await;
    assert_eq!(late.status, 409, "{late:?}");
}

#[tokio::test]
async fn drift_is_shown_with_the_operation_and_the_stack() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    assert_eq!(server.get(&path).await.json()["drift"], json!(null));
    let looked = server.post(&format!("{path}/drift"), &json!({})).await;
    assert_eq!((looked.status, &looked.json()["kind"]), (202, &json!("drift")));
    let operation = looked.json();
    let id = id(&operation);
    server.store.begin_operation(&id).await.expect("begun");
    let change = |operation: &mut Operation| {
        let mut drift = slipway_model::plan::Drift::default();
        drift.add(ResourceChange {
            address: "aws_sqs_queue.jobs".to_owned(),
            action: Action::Delete,
        });
        operation.drift = Some(drift);
        Ok(())
    };
    server.store.update_operation(&id, change).await.expect("recorded");
    server
        .store
        .finish_operation(&id, &End::Succeeded)
        .await
        .expect("an end");
    let link = operation["links"]["self"].as_str().expect("a path");
    assert_eq!(
        server.get(link).await.json()["drift"],
        json!({"count": 1, "resources": [{"address": "aws_sqs_queue.jobs", "action": "delete"}]})
    );
    let seen = &server.get(&path).await.json()["drift"];
    assert_eq!(
        (&seen["count"], &seen["resources"], &seen["operation"]),
        (&json!(1), &json!(["aws_sqs_queue.jobs"]), &operation["id"])
    );
}

#[tokio::test]
async fn a_snapshot_is_taken_where_there_is_something_to_keep() {
    let server = Server::with_blueprint().await;
    let body = |snapshot: Value| json!({"images": {"web": image("one")}, "snapshot": snapshot});
    let path = server.ready("shop", &["web"]).await;
    let releases = format!("{path}/releases");
    for (snapshot, says) in [
        (json!(true), "neither a database nor backups"),
        (json!("yes"), "is a text"),
    ] {
        let answer = server.post(&releases, &body(snapshot)).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (422, vec!["snapshot".to_owned()]),
            "{answer:?}"
        );
        assert!(answer.json().to_string().contains(says), "{}", answer.json());
    }
    assert_eq!(server.post(&releases, &body(json!(false))).await.status, 202);

    let database = json!({"database": {"kind": "rds-instance", "id": "main"}});
    let path = server.ready_with("kept", &["web"], &database).await;
    let asked = server.post(&format!("{path}/releases"), &body(json!(true))).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let operation = server.store.operation(&id(&asked.json())).await.expect("the operation");
    assert!(operation.work.with_snapshot());
}

#[tokio::test]
async fn stack_shows_what_is_stopped_for_migrations() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    let asked = release(&server, &path, "one").await;
    let operation = id(&asked);
    server.store.begin_operation(&operation).await.expect("begun");
    let revision = server.get(&path).await.header("etag").to_owned();
    let worker = json!({"key": "worker", "name": "w", "cluster": "c", "desired_count": 2});
    let stop = |services: Value| {
        let quiesced: Quiesced = serde_json::from_value(json!({ "services": services })).expect("what is stopped");
        server.store.update_operation(&operation, move |operation| {
            operation.quiesced = quiesced.clone();
            Ok(())
        })
    };
    stop(json!([worker])).await.expect("recorded");

    // The revision of the stack is the same, and the answer is not.
    let mut again = request(Method::GET, &path, None);
    again
        .headers_mut()
        .insert("if-none-match", revision.parse().expect("a tag"));
    let shown = server.send(again).await;
    assert_eq!((shown.status, shown.header("etag")), (200, revision.as_str()));
    let stopped = &shown.json()["quiesced"];
    assert_eq!(
        (&stopped["services"], &stopped["schedules"], &stopped["operation"]),
        (&json!(["worker"]), &json!([]), &json!(operation.as_str()))
    );
    let message = |answer: &Value| answer["quiesced"]["message"].as_str().map(str::to_owned);
    let running = message(&shown.json()).expect("a sentence");
    assert!(running.contains("stopped while migrations run"), "{running}");

    server
        .store
        .finish_operation(&operation, &End::Failed(failure()))
        .await
        .expect("an end");
    let ended = message(&server.get(&path).await.json()).expect("a sentence");
    assert!(ended.contains("are still stopped"), "{ended}");
    let listed = server.get("/v1/stacks").await.json();
    assert_eq!(listed["items"][0]["quiesced"], Value::Null);

    stop(json!([])).await.expect("recorded");
    assert_eq!(server.get(&path).await.json()["quiesced"], Value::Null);
}

#[tokio::test]
async fn rollback_of_an_unsettled_stack_goes_to_its_current_release() {
    let server = Server::with_blueprint().await;
    let path = server.ready("shop", &["web"]).await;
    server.play(&release(&server, &path, "one").await).await;
    server.play(&release(&server, &path, "two").await).await;
    let third = release(&server, &path, "three").await;
    let (third, number) = (id(&third), ReleaseNumber(3));
    server.store.begin_operation(&third).await.expect("begun");
    server.store.begin_release(&third, number).await.expect("begun");
    server
        .store
        .begin_step(&third, "Wait until stable: web")
        .await
        .expect("a step");
    server
        .store
        .finish_operation(&third, &End::Failed(failure()))
        .await
        .expect("an end");

    let stack = server.get(&path).await.json();
    assert_eq!(
        (&stack["status"], &stack["current_release"]),
        (&json!("failed"), &json!(2))
    );
    assert_eq!(stack["unsettled"]["services"], json!(["web"]));
    let back = server.post(&format!("{path}/rollback"), &json!({})).await.json();
    assert_eq!(back["release"], 2, "the release that the stack should run");
    server.play(&back).await;
    let stack = server.get(&path).await.json();
    assert_eq!((&stack["status"], &stack["unsettled"]), (&json!("ready"), &Value::Null));
    let named = server.post(&format!("{path}/rollback"), &json!({"release": 2})).await;
    assert_eq!(named.status, 422, "a settled stack runs it already: {named:?}");
}

/// While the plan of an update waits, others run beside it, one at a time. Stacks wait for their own operations only.
#[tokio::test]
async fn operations_run_one_at_a_time_beside_a_plan_that_waits() {
    let server = Server::with_blueprint().await;
    let tasks = json!({"tasks": {"createsuperuser": {"service": "web", "command": ["./app", "createsuperuser"]}}});
    let mut stacks = Vec::new();
    for name in ["shop", "blog"] {
        let path = server.ready_with(name, &["web"], &tasks).await;
        server.play(&release(&server, &path, "one").await).await;
        stacks.push(path);
    }
    let (shop, blog) = (&stacks[0], &stacks[1]);
    let update = server.patch(shop, &json!({"variables": {"size": 2}})).await.json();
    server.store.begin_operation(&id(&update)).await.expect("begun");
    server
        .store
        .ask_approval(&id(&update), "a-task-token")
        .await
        .expect("asked");

    let requests = [
        ("releases", json!({"images": {"web": image("two")}})),
        ("tasks/createsuperuser", json!({})),
        ("preview", json!({"variables": {"size": 3}})),
        ("drift", json!({})),
    ];
    let mut asked = Vec::new();
    for (place, (what, body)) in requests.iter().enumerate() {
        let one = server.post(&format!("{shop}/{what}"), body).await.json();
        let expected = if place == 0 {
            (json!("starting"), Value::Null)
        } else {
            (json!("queued"), json!(place))
        };
        assert_eq!(
            (&one["status"], &one["position"]),
            (&expected.0, &expected.1),
            "{one:#}"
        );
        asked.push(one);
        let other = server.post(&format!("{blog}/{what}"), body).await.json();
        assert_eq!(
            (&other["status"], &other["position"]),
            (&json!("starting"), &Value::Null),
            "{other:#}"
        );
        server.play(&other).await;
    }
    let next = server.patch(shop, &json!({"variables": {"size": 4}})).await.json();
    assert_eq!(next["position"], 4, "{next:#}");
    let shown = server.get(shop).await.json();
    assert_eq!(
        (&shown["status"], &shown["active_operation"], &shown["operation_beside"]),
        (&json!("updating"), &update["id"], &asked[0]["id"])
    );
    for operation in &asked {
        server.play(operation).await;
    }
    let shown = server.get(shop).await.json();
    assert_eq!(
        (&shown["status"], &shown["current_release"], &shown["operation_beside"]),
        (&json!("updating"), &json!(2), &Value::Null)
    );
    let rejected = End::Discarded(failure());
    let ended = server.store.finish_operation(&id(&update), &rejected).await;
    let first = ended.expect("an end").next.expect("the first in the queue");
    assert_eq!(
        (first.id, &server.get(shop).await.json()["status"]),
        (id(&next), &json!("ready"))
    );
}
