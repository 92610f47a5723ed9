//! Decisions at the pauses of a release.

use axum::http::Method;
use serde_json::{Value, json};
use slipway_model::operation::Operation;
use slipway_model::operation::rollouts::{Pause, PauseAction, ServiceRollout};
use slipway_store::pause::PROGRESSIVE;
use slipway_store::rollout::Rollout;

use crate::support::{Server, admin, id, request};

const SERVICE: &str = "arn:aws:ecs:us-east-1:000000000000:service/shop/web";

/// An operation whose rollout of `web` is paused, and its path.
async fn paused(server: &Server) -> (Value, String) {
    let stack = server.ready("shop", &[]).await;
    let running = server.patch(&stack, &json!({"variables": {"size": 2}})).await.json();
    let id = id(&running);
    server.store.begin_operation(&id).await.expect("begun");
    let rollout = Rollout {
        service: SERVICE.to_owned(),
        deployment: PROGRESSIVE.to_owned(),
        token: "a-token".to_owned(),
        operation: id.clone(),
        step: "Wait until stable: web".to_owned(),
    };
    server.store.put_rollout(&rollout).await.expect("kept");
    let path = format!("/v1/operations/{id}");
    (running, path)
}

async fn pause(server: &Server, operation: &Value, hook: &str) {
    let paused = ServiceRollout {
        service: "web".parse().expect("a name"),
        arn: SERVICE.to_owned(),
        strategy: "CANARY".to_owned(),
        stage: Some("POST_SCALE_UP".to_owned()),
        percent: Some(12.5),
        pause: Some(Pause {
            hook: hook.to_owned(),
            expires_at: None,
            at_expiry: PauseAction::RollBack,
            decision: None,
        }),
    };
    let note = |operation: &mut Operation| {
        operation.note_rollout(paused.clone());
        Ok(())
    };
    let noted = server.store.update_operation(&id(operation), note).await;
    noted.expect("noted");
}

#[tokio::test]
async fn a_pause_is_shown_and_the_first_decision_counts() {
    let server = Server::with_blueprint().await;
    let (operation, path) = paused(&server).await;
    let early = server.post(&format!("{path}/continue"), &json!({})).await;
    assert_eq!(early.status, 409, "{early:?}");
    assert!(
        early.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("no rollout of the operation is paused")
    );

    pause(&server, &operation, "one").await;
    let shown = server.get(&path).await.json();
    let rollout = json!({
        "service": "web", "strategy": "CANARY", "stage": "POST_SCALE_UP", "percent": 12.5,
        "pause": {"expires_at": null, "at_expiry": "roll_back", "decision": null, "decided_by": null},
    });
    assert_eq!(shown["rollouts"], json!([rollout]));
    assert_eq!(shown["links"]["continue"], json!(format!("{path}/continue")));
    assert_eq!(shown["links"]["roll_back"], json!(format!("{path}/roll-back")));

    let continued = server.post(&format!("{path}/continue"), &json!({})).await;
    assert_eq!(continued.status, 202, "{continued:?}");
    let pause_of = |answer: &Value| answer["rollouts"][0]["pause"].clone();
    assert_eq!(pause_of(&continued.json())["decision"], "continue");
    assert_eq!(pause_of(&continued.json())["decided_by"], "ann");
    assert_eq!(continued.json()["links"].get("continue"), None);
    let woken = json!([{"taskToken": "a-token", "error": "Slipway.CheckAgain", "cause": "the rollout has changed"}]);
    assert_eq!(json!(server.calls("SendTaskFailure")), woken);

    let again = server.post(&format!("{path}/continue"), &json!({})).await;
    assert_eq!(
        (again.status, &again.json()["revision"]),
        (202, &continued.json()["revision"])
    );
    let other = server.post(&format!("{path}/roll-back"), &json!({})).await;
    assert_eq!(other.status, 409, "{other:?}");
    assert!(
        other.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("ann has decided already: continue")
    );

    pause(&server, &operation, "two").await;
    let back = server.post(&format!("{path}/roll-back"), &json!({})).await;
    assert_eq!(
        (back.status, &pause_of(&back.json())["decision"]),
        (202, &json!("roll_back"))
    );
    let wrong = server
        .post(&format!("{path}/roll-back"), &json!({"service": "web"}))
        .await;
    assert_eq!(wrong.status, 422, "{wrong:?}");

    let mut asked = request(Method::GET, "/v1/audit?limit=100", None);
    asked.extensions_mut().insert(admin());
    let records = server.send(asked).await.json();
    let items = records["items"].as_array().expect("records").iter();
    let actions = items.filter_map(|record| record["action"].as_str());
    let actions: Vec<&str> = actions.filter(|action| action.ends_with("_rollout")).collect();
    assert_eq!(actions, ["roll_back_rollout", "continue_rollout"]);
}
