//! What was decided while a step is being repeated: the next attempt has another task token, and answers it with the decision.

use asl_interpreter::simulate::{Answer, Simulation};
use slipway_control::rollout;
use slipway_model::id::OperationId;
use slipway_model::operation::{Failure, OperationStatus};
use slipway_store::Store;

use crate::aws::{self, End, Shared};
use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{People, RUNTIME, World, image};

/// What the API reaches.
struct Outside {
    store: Store,
    sfn: aws_sdk_sfn::Client,
    aws: Shared,
}

/// What people do between the first attempt of a state and its second one.
type Between<'a> = &'a dyn Fn(&Outside, &OperationId);

/// Runs an operation whose first attempt of `state` does its work and is then lost; `between` happens before the next one.
fn run_repeating(world: &mut World, id: &OperationId, state: &str, between: Between<'_>) -> Simulation {
    let steps = world.steps.clone();
    let outside = Outside {
        store: world.store.clone(),
        sfn: world.sfn.clone(),
        aws: world.aws.clone(),
    };
    let mut attempts = 0;
    world.run_with(id, |task| {
        attempts += usize::from(task.state == state);
        if task.state != state || attempts > 1 {
            return None;
        }
        let payload = &task.arguments["Payload"];
        let answer = RUNTIME.block_on(steps.handle(payload.clone()));
        answer.expect("the first attempt does its work");
        if let Some(token) = payload["token"].as_str() {
            // Step Functions rejects its token from here on.
            aws::lock(&outside.aws).answered.insert(token.to_owned(), None);
        }
        between(&outside, id);
        Some(Answer::fail(
            "Lambda.ServiceException",
            "the invocation was interrupted",
        ))
    })
}

fn failure(name: &str, message: &str) -> Failure {
    Failure {
        name: name.to_owned(),
        step: "Wait for approval".to_owned(),
        message: message.to_owned(),
        address: None,
    }
}

fn approve(outside: &Outside, id: &OperationId) {
    World::wait(outside.store.approve(id, "bob"));
}

fn reject(outside: &Outside, id: &OperationId) {
    World::wait(outside.store.reject(
        id,
        "bob",
        &failure("Slipway.ApprovalRejected", "bob rejected the plan: no"),
    ));
}

fn cancel(outside: &Outside, id: &OperationId) {
    let failure = failure(rollout::CANCELLED, "bob cancelled the operation");
    let cancelled = rollout::cancel(&outside.store, &outside.sfn, id, &failure);
    let cancelled = RUNTIME.block_on(cancelled).expect("recorded");
    assert!(cancelled.is_some(), "a step runs that the cancel ends");
}

fn release(world: &World) -> OperationId {
    world.ask_release(&[("web", image(2)), ("worker", image(2))])
}

#[test]
fn repeated_approval_step_goes_on_with_the_decision() {
    let (mut world, id) = World::new();
    world.people = People::Away;
    succeeded(&run_repeating(&mut world, &id, "Wait for approval", &approve));
    assert_eq!(world.operation(&id).approved_by.as_deref(), Some("bob"));

    let (mut world, id) = World::new();
    world.people = People::Away;
    let run = run_repeating(&mut world, &id, "Wait for approval", &reject);
    assert_eq!(failed(&run).0, "Slipway.ApprovalRejected");
    assert_eq!(world.operation(&id).status, OperationStatus::Discarded);
    assert!(!world.asked.contains_key("Apply"));
}

#[test]
fn repeated_rollout_step_goes_on_with_the_cancel() {
    let mut world = provisioned();
    let before = images(&world);
    let id = release(&world);
    world.rollouts_end(&End::Later);
    let run = run_repeating(&mut world, &id, "Wait until stable", &cancel);
    assert_eq!(failed(&run).0, "Slipway.Cancelled");
    assert_eq!(world.operation(&id).status, OperationStatus::Cancelled);
    assert_eq!(images(&world), before);
}

/// The event of ECS that a rollout is complete may come after the cancel.
#[test]
fn rollout_that_ends_after_a_cancel_does_not_undo_it() {
    let mut world = provisioned();
    let before = images(&world);
    let id = release(&world);
    world.rollouts_end(&End::Later);
    let run = run_repeating(&mut world, &id, "Wait until stable", &|outside, id| {
        cancel(outside, id);
        for service in aws::lock(&outside.aws).services.values_mut() {
            service.end = End::AtOnce;
        }
    });
    assert_eq!(failed(&run).0, "Slipway.Cancelled");
    assert_eq!(images(&world), before);
}

#[test]
fn cancel_in_verify_restores_the_services() {
    let mut world = provisioned();
    let before = images(&world);
    let id = release(&world);
    let first = std::cell::Cell::new(true);
    let (store, sfn) = (world.store.clone(), world.sfn.clone());
    let run = world.run_with(&id, |task| {
        // After the first answer that is not healthy.
        if task.state != "Verify" || !first.replace(false) {
            return None;
        }
        World::wait(store.begin_step(&id, "Verify"));
        let failure = failure(rollout::CANCELLED, "bob cancelled the operation");
        let cancelled = RUNTIME.block_on(rollout::cancel(&store, &sfn, &id, &failure));
        assert!(cancelled.expect("recorded").is_some());
        Some(Answer::fail("Slipway.Unhealthy", "it answered 500"))
    });
    assert_eq!(failed(&run).0, "Slipway.Cancelled");
    let operation = world.operation(&id);
    assert_eq!(operation.status, OperationStatus::Cancelled);
    assert_eq!(
        operation.failure.expect("a reason").message,
        "bob cancelled the operation. The services run release 1 again."
    );
    assert_eq!(images(&world), before);
}
