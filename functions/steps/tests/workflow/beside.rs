//! Operations that run beside an update whose plan waits for its approval.

use std::cell::Cell;
use std::collections::BTreeMap;

use asl_interpreter::simulate::Answer;
use serde_json::json;
use slipway_model::id::{OperationId, ReleaseNumber};
use slipway_model::operation::work::Work;
use slipway_model::operation::{Failure, OperationStatus};
use slipway_model::stack::StackStatus;
use slipway_store::finish::End;

use crate::kinds::{failed, images, succeeded};
use crate::world::{self, RUNTIME, UPDATE, World, image, machine};

/// A stack with a release, in an environment in which plans wait for an approval.
fn provisioned() -> World {
    let (mut world, id) = World::new();
    succeeded(&world.run(&id));
    world
}

/// The same world for another execution, at the same time.
fn beside(world: &World) -> World {
    World {
        machine: machine(),
        store: world.store.clone(),
        steps: world.steps.clone(),
        aws: world.aws.clone(),
        stack: world.stack.clone(),
        vars: world.vars.clone(),
        people: world.people,
        plan: world.plan.clone(),
        plan_build: world.plan_build.clone(),
        apply_build: world.apply_build.clone(),
        one_build: world.one_build,
        drift: world.drift.clone(),
        snapshot_event: world.snapshot_event,
        account: world.account.clone(),
        sfn: world.sfn.clone(),
        contract: world.contract.clone(),
        exit_code: world.exit_code,
        twice: world.twice,
        at_pause: world.at_pause,
        asked: BTreeMap::new(),
    }
}

fn approve(world: &World, id: &OperationId) -> bool {
    world::approve(&world.store, id)
}

#[test]
fn release_runs_while_a_plan_waits_and_again_after_its_apply() {
    let mut world = provisioned();
    let update = world.ask(UPDATE);
    let release = world.request_release("web", 2);
    assert_eq!(world.operation(&release).status, OperationStatus::Queued);
    let mut other = beside(&world);
    let run = world.run_with(&update, |task| {
        if task.state != "Wait for approval" {
            return None;
        }
        let asked = RUNTIME.block_on(other.steps.handle(task.arguments["Payload"].clone()));
        asked.expect("the plan waits");
        assert_eq!(other.operation(&release).status, OperationStatus::Starting);
        assert_eq!(other.aws().started, [release.as_str()]);
        assert!(!approve(&other, &update), "the release is about to begin");
        succeeded(&other.run(&release));
        // Both executions draw the same tokens.
        other.aws().answered.clear();
        other.aws().outputs.clear();
        let stack = other.stack();
        assert_eq!(
            (stack.status, stack.current_release),
            (StackStatus::Updating, Some(ReleaseNumber(2)))
        );
        assert!(approve(&other, &update));
        Some(Answer::Succeed(json!({})))
    });
    succeeded(&run);
    let updated = world.operation(&update);
    assert_eq!(
        (updated.status, updated.release()),
        (OperationStatus::Succeeded, Some(ReleaseNumber(2)))
    );
    assert_eq!(images(&world), [image(2).to_string(), image(1).to_string()]);
    let stack = world.stack();
    assert_eq!((stack.status, stack.active_operation), (StackStatus::Ready, None));
}

/// Its migrations have succeeded, and only a person decides whether the services go forward or back.
#[test]
fn update_leaves_a_release_that_needs_attention_beside_its_plan() {
    let mut world = provisioned();
    let update = world.ask(UPDATE);
    let release = world.ask_both(2, false);
    world.aws().health = vec![503];
    let mut other = beside(&world);
    let run = world.run_with(&update, |task| {
        if task.state != "Wait for approval" {
            return None;
        }
        let asked = RUNTIME.block_on(other.steps.handle(task.arguments["Payload"].clone()));
        asked.expect("the plan waits");
        failed(&other.run(&release));
        // Both executions draw the same tokens.
        other.aws().answered.clear();
        other.aws().outputs.clear();
        assert!(approve(&other, &update));
        Some(Answer::Succeed(json!({})))
    });
    succeeded(&run);
    let updated = world.operation(&update);
    assert_eq!((updated.status, updated.release()), (OperationStatus::Succeeded, None));
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    let stack = world.stack();
    assert_eq!(
        (stack.status, stack.current_release),
        (StackStatus::Failed, Some(ReleaseNumber(1)))
    );
    assert!(stack.unsettled.is_some_and(|left| left.migrated));
}

#[test]
fn release_beside_a_plan_goes_on_after_its_rejection() {
    let mut world = provisioned();
    let update = world.ask(UPDATE);
    World::wait(world.store.begin_operation(&update));
    World::wait(world.store.ask_approval(&update, "token"));
    let release = world.request_release("web", 2);
    let drift = world.ask(Work::Drift);
    let store = world.store.clone();
    let waits = Cell::new(true);
    let run = world.run_with(&release, |task| {
        if task.state == "Update service" && waits.replace(false) {
            let rejected = End::Discarded(Failure {
                name: "Slipway.ApprovalRejected".to_owned(),
                step: "Wait for approval".to_owned(),
                message: "bob rejected the plan: not on a Friday".to_owned(),
                address: None,
            });
            let finished = World::wait(store.finish_operation(&update, &rejected));
            assert!(finished.next.is_none(), "the release runs already");
        }
        None
    });
    succeeded(&run);
    let stack = world.stack();
    assert_eq!(
        (stack.status, stack.current_release, stack.active_operation),
        (StackStatus::Ready, Some(ReleaseNumber(2)), Some(drift.clone()))
    );
    assert_eq!(world.aws().started, [drift.as_str()]);
    assert_eq!(images(&world), [image(2).to_string(), image(1).to_string()]);
}
