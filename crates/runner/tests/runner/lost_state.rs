//! A stack whose Terraform state is lost, or replaced.

use serde_json::{Value, json};
use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_store::finish::End;

use crate::incomplete::{instead_of, made, provision, undo};
use crate::support::{PREVIEW, STATES, UPDATE, World, state_key};

/// Has a plan be refused, ends its operation, and returns the reason.
fn refused(world: &World, operation: &Operation) -> String {
    // Also in a second build of the operation.
    for build in ["plan", "again"] {
        world.fail(operation, "plan", build);
    }
    let failure = world.operation(operation).failure.expect("a failure");
    assert_eq!(failure.name, "Slipway.PlanFailed");
    let message = failure.message.clone();
    world.end(operation, &End::of(failure));
    message
}

#[test]
fn lost_state_is_refused_by_every_operation() {
    let Some(world) = World::new() else { return };
    let operation = made(&world);
    let (stack, key) = (world.stack(&operation), state_key(&operation));
    let state = world.aws.object(STATES, &key).expect("a state");
    world.aws.remove(STATES, &key);
    let calls = world.calls().len();
    let same = || Some(stack.configuration.clone());
    for (work, configuration) in [
        (UPDATE, same()),
        (PREVIEW, same()),
        (Work::Drift, None),
        (Work::Destroy, None),
    ] {
        let lost = world.request(work, &stack, configuration);
        let message = refused(&world, &lost);
        assert!(
            message.contains(&key) && message.contains("it is missing") && message.contains("Restore the version"),
            "{message}"
        );
        assert_eq!(world.aws.object(STATES, &key), None, "no empty state takes its place");
    }
    assert_eq!(world.calls().len(), calls, "Terraform does not run");

    world.aws.put(STATES, &key, state);
    let destroy = world.request(Work::Destroy, &stack, None);
    world.succeed(&destroy, "plan", "plan");
    assert_eq!(world.operation(&destroy).plan.expect("a plan").destroy, 3);
    // Between the plan and its apply.
    world.aws.remove(STATES, &key);
    let printed = world.fail(&destroy, "apply", "apply");
    assert!(printed.contains("it is missing"), "{printed}");
    assert_eq!(world.aws.object(STATES, &key), None);
}

#[test]
fn state_that_is_not_the_stacks_is_refused() {
    let Some(world) = World::new() else { return };
    let operation = made(&world);
    let (stack, key) = (world.stack(&operation), state_key(&operation));
    let check = world.request(Work::Drift, &stack, None);
    world.succeed(&check, "plan", "plan");
    world.end(&check, &End::Succeeded);

    let state = world.state(&operation);
    let with = |changes: Value| {
        let mut changed = state.clone();
        let fields = changed.as_object_mut().expect("a state");
        fields.extend(changes.as_object().expect("fields").clone());
        changed.to_string()
    };
    for (changed, expected) in [
        (
            with(json!({"lineage": "another"})),
            "with the lineage another instead of",
        ),
        (with(json!({"serial": 0, "resources": []})), "before the first apply"),
        ("{}".to_owned(), "with the lineage none"),
    ] {
        world.aws.put(STATES, &key, changed);
        let destroy = world.request(Work::Destroy, &stack, None);
        let message = refused(&world, &destroy);
        assert!(message.contains(expected), "{message}");
    }
    // An earlier version of the state, as the runbook has people restore it.
    world.aws.put(STATES, &key, with(json!({"serial": 1})));
    let destroy = world.request(Work::Destroy, &stack, None);
    world.succeed(&destroy, "plan", "plan");
}

/// The table knows of the contract what it may no longer know of the state.
#[test]
fn contract_proves_that_there_was_a_state() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, 1);
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    let contract = slipway_model::contract::Contract::parse(&world.outputs(&operation)["slipway"]);
    let contract = contract.expect("a contract");
    world
        .wait(world.store.record_contract(&operation.id, &contract))
        .expect("a record");
    world.end(&operation, &End::Succeeded);

    // The apply recorded the empty version that it began with.
    let (key, mut first) = (state_key(&operation), world.state(&operation));
    first["serial"] = 0.into();
    first["resources"] = json!([]);
    world.aws.put(STATES, &key, first.to_string());
    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
    let message = refused(&world, &destroy);
    assert!(message.contains("before the first apply"), "{message}");
}

#[test]
fn state_that_a_killed_build_did_not_create_is_no_loss() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, 1);
    instead_of(&world, "plan", "exit 1");
    world.fail(&operation, "plan", "plan");
    // It died between the record and the object.
    world.aws.remove(STATES, &state_key(&operation));
    undo(&world);
    world.succeed(&operation, "plan", "again");
    world.succeed(&operation, "apply", "apply");
    assert_eq!(world.state(&operation)["resources"].as_array().map(Vec::len), Some(1));
}
