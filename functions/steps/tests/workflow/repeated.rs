//! What was decided while a step is being repeated: the next attempt has another task token, and answers it with the decision.

use asl_interpreter::simulate::{Answer, Simulation};
use serde_json::Value;
use slipway_control::rollout;
use slipway_model::id::OperationId;
use slipway_model::operation::{Failure, OperationStatus};
use slipway_store::Store;

use crate::aws::{self, End, Shared};
use crate::failed_writes::{self, Fault};
use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{self, People, RUNTIME, World, image};

/// What the API reaches.
struct Outside {
    store: Store,
    sfn: aws_sdk_sfn::Client,
    aws: Shared,
}

impl Outside {
    /// Step Functions rejects the token of this attempt from now on.
    fn reject_token_of(&self, payload: &Value) {
        if let Some(token) = payload["token"].as_str() {
            aws::lock(&self.aws).answered.insert(token.to_owned(), None);
        }
    }
}

/// What people do between the first attempt of a state and its second one.
type Between<'a> = &'a dyn Fn(&Outside, &OperationId);

/// Runs an operation whose first attempt of `state` does its work and is then lost; `between` happens before the next one.
fn run_repeating(world: &mut World, id: &OperationId, state: &str, between: Between<'_>) -> Simulation {
    let steps = world.steps.clone();
    run_with_first(world, id, state, |outside, payload| {
        let answer = RUNTIME.block_on(steps.handle(payload.clone()));
        answer.expect("the first attempt does its work");
        outside.reject_token_of(payload);
        between(outside, id);
        Answer::fail("Lambda.ServiceException", "the invocation was interrupted")
    })
}

/// Runs an operation whose first attempt of `state` is this one, which fails.
fn run_with_first(
    world: &mut World,
    id: &OperationId,
    state: &str,
    first: impl Fn(&Outside, &Value) -> Answer,
) -> Simulation {
    let outside = Outside {
        store: world.store.clone(),
        sfn: world.sfn.clone(),
        aws: world.aws.clone(),
    };
    let mut attempts = 0;
    world.run_with(id, |task| {
        attempts += usize::from(task.state == state);
        let is_first = task.state == state && attempts == 1;
        is_first.then(|| first(&outside, &task.arguments["Payload"]))
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
    assert!(world::approve(&outside.store, id));
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

/// A write whose answer is lost has asked for the decision, which then comes before the next attempt. A throttled write has not.
#[test]
fn failed_write_of_the_approval_step_loses_no_decision() {
    for fault in [Fault::Throttled, Fault::AnswerLost] {
        let (run, world, id) = run_with_failed_write(fault, People::Approve, &approve);
        succeeded(&run);
        assert_eq!(world.operation(&id).approved_by.as_deref(), Some("bob"), "{fault:?}");

        let (run, world, id) = run_with_failed_write(fault, People::Reject, &reject);
        assert_eq!(failed(&run).0, "Slipway.ApprovalRejected", "{fault:?}");
        assert_eq!(world.operation(&id).status, OperationStatus::Discarded, "{fault:?}");
        assert!(!world.asked.contains_key("Apply"), "{fault:?}");
    }
}

/// Runs an operation whose approval step fails over its first write. `people` decide in the second attempt, or before it by `decide`.
fn run_with_failed_write(fault: Fault, people: People, decide: Between<'_>) -> (Simulation, World, OperationId) {
    let (mut world, id) = World::new();
    world.people = match fault {
        Fault::Throttled => people,
        Fault::AnswerLost => People::Away,
    };
    let steps = failed_writes::steps(&world, fault);
    let run = run_with_first(&mut world, &id, "Wait for approval", |outside, payload| {
        let failed = RUNTIME.block_on(steps.handle(payload.clone()));
        let error = failed.expect_err("its write failed");
        assert_eq!(error.name(), "Slipway.Transient", "{fault:?}: {error}");
        outside.reject_token_of(payload);
        if fault == Fault::AnswerLost {
            decide(outside, &id);
        }
        Answer::fail(error.name(), "{}")
    });
    assert_eq!(world.asked["Wait for approval"], 2, "{fault:?}");
    (run, world, id)
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
