//! Deployment configurations that are others while a release runs: what ECS gets, and that each service deploys as before afterwards.

use serde_json::{Value, json};
use slipway_model::id::OperationId;
use slipway_model::operation::OperationStatus;

use crate::aws::{Hold, Kind};
use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{RUNTIME, World, image};

/// A stack whose services deploy in this way. A release ran.
fn world(strategy: &'static str, configuration: &Value) -> World {
    let world = provisioned();
    for service in world.aws().services.values_mut() {
        service.kind = if strategy == "ROLLING" {
            Kind::Rolling
        } else {
            Kind::Strategy(strategy)
        };
        service.configuration = Some(configuration.clone());
    }
    world
}

fn canary() -> Value {
    json!({
        "strategy": "CANARY", "bakeTimeInMinutes": 15, "maximumPercent": 200, "minimumHealthyPercent": 100,
        "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10},
        "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true},
        "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}],
    })
}

fn rolling() -> Value {
    json!({
        "strategy": "ROLLING", "maximumPercent": 200, "minimumHealthyPercent": 100,
        "deploymentCircuitBreaker": {"enable": true, "rollback": true},
        "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true},
    })
}

fn assert_as_before(world: &World, before: &Value) {
    for (name, service) in &world.aws().services {
        assert_eq!(service.configuration.as_ref(), Some(before), "{name}");
    }
}

#[test]
fn restored_service_gets_all_requests_at_once() {
    let mut world = world("CANARY", &canary());
    world.aws().health = vec![503];
    let id = world.ask_both(2, true);
    assert_eq!(failed(&world.run(&id)).0, "Slipway.Unhealthy");
    let configured = world.aws().configured.clone();
    // Each of the two services: at once, and then as before.
    assert_eq!(configured.len(), 4, "{configured:#?}");
    let mut at_once = canary();
    at_once["strategy"] = "BLUE_GREEN".into();
    at_once["bakeTimeInMinutes"] = 0.into();
    at_once
        .as_object_mut()
        .expect("an object")
        .remove("canaryConfiguration");
    assert_eq!(
        configured.iter().filter(|it| **it == at_once).count(),
        2,
        "{configured:#?}"
    );
    assert_as_before(&world, &canary());
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    let operation = world.operation(&id);
    assert!(operation.quiesced.is_empty(), "{:?}", operation.quiesced);
    assert_eq!(world.stack().quiesced_by, None);
}

#[test]
fn service_with_a_hook_that_calls_a_function_keeps_its_configuration() {
    let mut hooked = canary();
    hooked["lifecycleHooks"] = json!([{"targetType": "AWS_LAMBDA", "hookTargetArn": "arn", "roleArn": "arn",
                                       "lifecycleStages": ["POST_SCALE_UP"]}]);
    let mut world = world("CANARY", &hooked);
    world.aws().health = vec![503];
    let id = world.ask_both(2, true);
    failed(&world.run(&id));
    assert_eq!(world.aws().configured, Vec::<Value>::new());
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
}

#[test]
fn ecs_restores_no_service_of_an_incompatible_release() {
    for does_fail in [false, true] {
        let mut world = world("ROLLING", &rolling());
        if does_fail {
            world.aws().broken_image = Some(image(2).to_string());
        }
        let id = world.ask_both(2, false);
        let run = world.run(&id);
        let mut without = rolling();
        without["deploymentCircuitBreaker"]["rollback"] = false.into();
        without["alarms"]["rollback"] = false.into();
        let configured = world.aws().configured.clone();
        assert_eq!(configured, [without.clone(), without, rolling(), rolling()]);
        assert_as_before(&world, &rolling());
        assert!(world.operation(&id).quiesced.is_empty());
        if does_fail {
            failed(&run);
            assert_eq!(world.operation(&id).status, OperationStatus::NeedsAttention);
        } else {
            succeeded(&run);
        }
    }
}

#[test]
fn compatible_release_keeps_the_circuit_breaker() {
    let mut world = world("ROLLING", &rolling());
    let id = world.ask_both(2, true);
    succeeded(&world.run(&id));
    world.aws().health = vec![503];
    let id = world.ask_both(3, true);
    failed(&world.run(&id));
    assert_eq!(world.aws().configured, Vec::<Value>::new());
}

/// A release whose services are restored at once, and whose own configurations it could not restore.
fn left() -> (World, OperationId) {
    let mut world = world("CANARY", &canary());
    world.aws().health = vec![503];
    let id = world.ask_both(2, true);
    let aws = world.aws.clone();
    failed(&world.run_with(&id, |task| {
        crate::aws::lock(&aws).denied = (task.state == "Record failure").then_some("UpdateService");
        None
    }));
    assert_eq!(world.operation(&id).quiesced.configurations.len(), 2);
    assert_eq!(world.stack().quiesced_by, Some(id.clone()));
    world.aws().denied = None;
    (world, id)
}

fn due(id: &OperationId) -> Value {
    json!({"detail-type": "Slipway Resume Due", "detail": {"operation": id}})
}

#[test]
fn denied_configuration_is_left_to_the_sweeper() {
    let (world, id) = left();
    let handled = RUNTIME.block_on(world.steps.handle(due(&id)));
    handled.expect("the services deploy as before");
    assert_as_before(&world, &canary());
    assert!(world.operation(&id).quiesced.is_empty());
}

#[test]
fn late_restore_leaves_a_newer_configuration() {
    let (world, id) = left();
    let mut newer = canary();
    newer["canaryConfiguration"]["canaryPercent"] = 20.0.into();
    for service in world.aws().services.values_mut() {
        service.configuration = Some(newer.clone());
    }
    let handled = RUNTIME.block_on(world.steps.handle(due(&id)));
    handled.expect("nothing to restore");
    assert_as_before(&world, &newer);
    assert!(world.operation(&id).quiesced.is_empty());
}

#[test]
fn late_restore_leaves_what_the_next_release_has_changed() {
    let (mut world, id) = left();
    let hold = Hold {
        action: "DescribeServices",
        ..Hold::default()
    };
    world.aws().hold = Some(hold.clone());
    let (steps, aws) = (world.steps.clone(), world.aws.clone());
    let mut late = Some(RUNTIME.spawn(async move { steps.handle(due(&id)).await }));
    RUNTIME.block_on(hold.reached.notified());
    let next = world.ask_both(3, true);
    failed(&world.run_with(&next, |task| {
        if task.state == "Wait until restored"
            && let Some(late) = late.take()
        {
            let strategies = || {
                let aws = crate::aws::lock(&aws);
                let services = aws.services.values();
                let configurations = services.map(|service| service.configuration.clone().expect("one"));
                configurations
                    .map(|configuration| configuration["strategy"].clone())
                    .collect::<Vec<_>>()
            };
            let restoring = strategies();
            hold.go_on.notify_one();
            let late = RUNTIME.block_on(late).expect("no panic");
            late.expect("nothing to restore");
            assert!(restoring.contains(&json!("BLUE_GREEN")), "{restoring:?}");
            assert_eq!(strategies(), restoring);
        }
        None
    }));
    assert!(late.is_none(), "no service was restored");
    assert_as_before(&world, &canary());
}
