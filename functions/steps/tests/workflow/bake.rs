//! Releases that become stable and do not stay so.

use asl_interpreter::simulate::Simulation;
use serde_json::{Value, json};
use slipway_model::operation::{OperationStatus, StepStatus};

use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{UPDATE, World, image};

/// A release that must not come through.
fn rolled_back(world: &mut World) -> Simulation {
    let before = images(world);
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run(&release);
    assert_eq!(failed(&run).0, "Slipway.Unhealthy");
    assert_eq!(world.operation(&release).status, OperationStatus::Failed);
    assert_eq!(images(world), before);
    let ended = world.operation(&release);
    let step = |name: &str| ended.steps.iter().find(|step| step.name == name).expect("a step");
    let (verify, restore) = (step("Verify"), step("Wait until restored: web"));
    assert!(
        verify.status == StepStatus::Failed && verify.ended_at.is_some_and(|end| end <= restore.started_at),
        "Verify ends before a service is restored: {:?}",
        ended.steps
    );
    run
}

/// A stopped task of the release; ECS lists it for an hour.
fn stopped(code: &str, deployment: &str) -> Value {
    json!({
        "taskArn": "arn:aws:ecs:us-east-1:000000000000:task/main/1", "startedBy": deployment, "stopCode": code,
        "stoppedReason": "Essential container in task exited", "stoppedAt": 4_000_000_000_u64,
        "containers": [{"name": "app", "exitCode": 3}],
    })
}

/// The function's own network has more than the internet: its runtime listens on loopback, credentials on link-local addresses.
#[test]
fn health_address_of_an_internal_network_is_rejected_before_the_rollout() {
    let mut world = provisioned();
    world.reconfigure([("SLIPWAY_HEALTH_LOOPBACK".to_owned(), "no".to_owned())]);
    let before = images(&world);
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(cause.contains("`health.url` leads to 127.0.0.1"), "{cause}");
    assert!(!run.visited().contains(&"Update service"), "{:?}", run.visited());
    assert_eq!(images(&world), before);
}

#[test]
fn one_good_answer_is_no_health() {
    let mut world = provisioned();
    let mut contract = World::wait(world.store.stack(&world.stack))
        .contract
        .expect("a contract");
    contract.bake_seconds = Some(1);
    let release = world.ask(UPDATE);
    World::wait(world.store.begin_operation(&release));
    World::wait(world.store.record_contract(&release, &contract));
    World::wait(
        world
            .store
            .finish_operation(&release, &slipway_store::finish::End::Succeeded),
    );

    world.aws().health = vec![200, 500];
    rolled_back(&mut world);
    world.aws().health = vec![200];
    let release = world.ask_release(&[("web", image(3)), ("worker", image(3))]);
    succeeded(&world.run(&release));
}

#[test]
fn release_whose_tasks_stop_is_rolled_back() {
    let mut world = provisioned();
    world.aws().stopped = vec![stopped("EssentialContainerExited", "ecs-svc/3")];
    let run = rolled_back(&mut world);
    let (_, cause) = failed(&run);
    assert!(cause.contains("(exit code 3)"), "{cause}");

    // ECS scales in, or it was the release before.
    for task in [
        stopped("ServiceSchedulerInitiated", "ecs-svc/5"),
        stopped("EssentialContainerExited", "ecs-svc/1"),
    ] {
        world.aws().stopped = vec![task];
        let release = world.ask_release(&[("web", image(3)), ("worker", image(3))]);
        succeeded(&world.run(&release));
    }
}

#[test]
fn stopped_task_is_reported_before_the_health_address() {
    let mut world = provisioned();
    world.aws().stopped = vec![stopped("EssentialContainerExited", "ecs-svc/3")];
    world.aws().health = vec![503];
    let run = rolled_back(&mut world);
    let (_, cause) = failed(&run);
    assert!(
        cause.contains("a task of the service `") && !cause.contains("503"),
        "{cause}"
    );
}

#[test]
fn release_without_all_of_its_tasks_is_rolled_back() {
    let mut world = provisioned();
    world.aws().running = Some(0);
    let run = rolled_back(&mut world);
    let (_, cause) = failed(&run);
    assert!(cause.contains("runs 0 of"), "{cause}");
}
