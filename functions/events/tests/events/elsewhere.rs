//! Events from the accounts of environments: each is believed only about its own resources.

use serde_json::{Value, json};
use slipway_model::contract::{Database, DatabaseKind};
use slipway_model::operation::{Operation, Snapshot};
use slipway_store::rollout::Rollout;

use crate::fake::Fake;
use crate::support::{new_stack, table};
use crate::{SERVICE, dead_lettered, deployment, events, snapshot, takes, waiting};

/// The same event, put by another account.
fn from(account: &str, mut event: Value) -> Value {
    event["account"] = account.into();
    event
}

#[tokio::test]
async fn a_rollout_in_another_account_ends_by_that_accounts_word_alone() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    let there = SERVICE.replace("000000000000", "444455556666");
    let rollout = Rollout {
        service: there.clone(),
        ..waiting("ecs-svc/1")
    };
    table.store.put_rollout(&rollout).await.expect("kept");
    let mut event = deployment("SERVICE_DEPLOYMENT_COMPLETED", "ecs-svc/1");
    event["resources"] = json!([there]);

    // About a service of this account, and of another one: the events are forged.
    for liar in ["000000000000", "777788889999"] {
        events.handle(from(liar, event.clone())).await.expect("dead-lettered");
    }
    let of_ours = deployment("SERVICE_DEPLOYMENT_COMPLETED", "ecs-svc/1");
    events
        .handle(from("444455556666", of_ours))
        .await
        .expect("dead-lettered");
    let names: Vec<String> = dead_lettered(&fake).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Slipway.EventSpoofed"; 3]);
    assert_eq!(fake.count("SendTaskSuccess"), 0);

    // A service in that account that no operation waits for.
    let mut other = event.clone();
    other["detail"]["deploymentId"] = "ecs-svc/2".into();
    events.handle(from("444455556666", other)).await.expect("passed over");
    events.handle(from("444455556666", event)).await.expect("handled");
    assert_eq!(fake.count("SendTaskSuccess"), 1);
    assert_eq!(fake.count("SendMessage"), 3);
}

#[tokio::test]
async fn snapshot_is_reported_by_its_own_account_only() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    for (name, taken_in, liar, believed) in [
        ("elsewhere", Some("444455556666"), "000000000000", "444455556666"),
        ("here", None, "444455556666", "000000000000"),
    ] {
        let (stack, id) = table.provisioning(&new_stack(name)).await;
        let database = Database {
            kind: DatabaseKind::RdsInstance,
            id: "main".to_owned(),
        };
        let own = Snapshot {
            account: taken_in.map(|account| account.parse().expect("an account")),
            token: Some(name.to_owned()),
            ..Snapshot::new(&stack.id, &id, database)
        };
        let keep = |operation: &mut Operation| {
            operation.snapshot.get_or_insert(own.clone());
            Ok(())
        };
        table.store.update_operation(&id, keep).await.expect("kept");
        let event = snapshot("RDS-EVENT-0042", &own.id);
        // A snapshot there may have any name.
        for account in [liar, "777788889999"] {
            events.handle(from(account, event.clone())).await.expect("passed over");
        }
        let operation = table.store.operation(&id).await.expect("the operation");
        assert_eq!(operation.snapshot.expect("a snapshot").taken_at, None);
        let before = fake.count("SendTaskSuccess");
        events.handle(from(believed, event)).await.expect("handled");
        assert_eq!(fake.count("SendTaskSuccess"), before + 1);
        let operation = table.store.operation(&id).await.expect("the operation");
        assert!(operation.snapshot.expect("a snapshot").taken_at.is_some());
    }
}

#[tokio::test]
async fn a_task_is_answered_by_its_own_account_and_by_its_arn_alone() {
    let table = table().await;
    let fake = Fake::start(takes).await;
    let events = events(&table, &fake);
    let (_, id) = table.provisioning(&new_stack("shop")).await;
    let task = "arn:aws:ecs:eu-west-1:444455556666:task/main/0123";
    let runs = |operation: &mut Operation| {
        operation.wait_for_task("Run migration: migrate", "main", "migrating", jiff::Timestamp::now());
        operation.task_started("Run migration: migrate", task);
        Ok(())
    };
    table.store.update_operation(&id, runs).await.expect("it runs");
    let stopped = |task: &str, started_by: &str, status: &str| {
        json!({
            "id": "1", "detail-type": "ECS Task State Change", "source": "aws.ecs", "account": "444455556666",
            "region": "eu-west-1", "time": "2026-11-29T00:00:00Z", "resources": [task],
            "detail": {"taskArn": task, "startedBy": started_by, "lastStatus": status},
        })
    };
    let other = "arn:aws:ecs:eu-west-1:444455556666:task/main/4567";
    let unknown = slipway_model::id::OperationId::generate();
    for passed_over in [
        // Another task that says so, one that goes on, and those of no operation that there is.
        stopped(other, id.as_str(), "STOPPED"),
        stopped(task, id.as_str(), "RUNNING"),
        stopped(task, unknown.as_str(), "STOPPED"),
        stopped(task, "op-pearl", "STOPPED"),
        stopped(task, "ecs-svc/1", "STOPPED"),
    ] {
        events.handle(passed_over).await.expect("passed over");
    }
    let liar = from("777788889999", stopped(task, id.as_str(), "STOPPED"));
    events.handle(liar).await.expect("dead-lettered");
    assert_eq!(fake.count("SendTaskSuccess"), 0);
    let names: Vec<String> = dead_lettered(&fake).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Slipway.EventSpoofed"]);

    events
        .handle(stopped(task, id.as_str(), "STOPPED"))
        .await
        .expect("handled");
    assert_eq!(fake.count("SendTaskSuccess"), 1);
}
