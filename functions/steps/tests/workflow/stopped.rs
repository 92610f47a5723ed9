//! Executions that end from outside in a release: no state of the workflow restores the services then.

use std::collections::{BTreeMap, BTreeSet};

use asl_interpreter::simulate::Answer;
use slipway_control::orphan::{self, ExecutionEnd};
use slipway_model::environment::Approval;
use slipway_model::id::OperationId;
use slipway_model::operation::OperationStatus;
use slipway_model::stack::StackStatus;
use slipway_model::stack::Unsettled;

use crate::kinds::{images, provisioned, succeeded};
use crate::world::{DEFINITION, MACHINE_ARN, RUNTIME, UPDATE, World, deployed, image};

/// Where an execution is stopped: before or after the work of a state, in its nth run.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Before(&'static str, u32),
    After(&'static str, u32),
}

/// Releases `number`, stops the execution, and returns what the stack's record says then.
fn release_and_stop(world: &mut World, number: u8, stop: Stop) -> Option<Unsettled> {
    release_fail_and_stop(world, number, None, stop)
}

/// Likewise, where a state does its work and fails before.
fn release_fail_and_stop(world: &mut World, number: u8, fails: Option<&str>, stop: Stop) -> Option<Unsettled> {
    let release = world.ask_release(&[("web", image(number)), ("worker", image(number))]);
    run_fail_and_stop(world, &release, fails, stop);
    let ended = world.operation(&release);
    assert_eq!(ended.status, OperationStatus::Cancelled, "{stop:?}");
    let unsettled = world.stack().unsettled;
    let message = ended.failure.expect("a reason").message;
    let has_remedy = message.ends_with("may run release 2. Release again, or roll back.");
    assert_eq!(has_remedy, unsettled.is_some(), "{stop:?}: {message}");
    unsettled
}

/// Runs an operation, and stops its execution.
fn run_and_stop(world: &mut World, operation: &OperationId, stop: Stop) {
    run_fail_and_stop(world, operation, None, stop);
}

fn run_fail_and_stop(world: &mut World, operation: &OperationId, fails: Option<&str>, stop: Stop) {
    let (Stop::Before(state, nth) | Stop::After(state, nth)) = stop;
    let (steps, store, sfn) = (world.steps.clone(), world.store.clone(), world.sfn.clone());
    let (mut runs, mut is_stopped) = (0, false);
    world.run_with(operation, |task| {
        if is_stopped {
            return Some(Answer::fail("Slipway.Internal", "{}"));
        }
        let work = || {
            let done = RUNTIME.block_on(steps.handle(task.arguments["Payload"].clone()));
            done.expect("the state does its work");
        };
        if fails == Some(task.state.as_str()) {
            work();
            return Some(Answer::fail("Slipway.Internal", r#"{"errorMessage": "broken"}"#));
        }
        runs += u32::from(task.state == state);
        if task.state != state || runs < nth {
            return None;
        }
        is_stopped = true;
        if let Stop::After(..) = stop {
            work();
        }
        let aborted = ExecutionEnd::Aborted { cause: None };
        let ended = orphan::end(&store, &sfn, MACHINE_ARN, operation, None, aborted);
        RUNTIME.block_on(ended).expect("the operation ends");
        Some(Answer::fail("Slipway.Internal", "{}"))
    });
    assert!(is_stopped, "{stop:?} did not come");
}

#[test]
fn stop_before_a_rollout_leaves_the_stack_ready() {
    for stop in [
        Stop::After("Prepare release", 1),
        Stop::Before("Run migration", 1),
        Stop::Before("Update service", 1),
    ] {
        let mut world = provisioned();
        assert_eq!(release_and_stop(&mut world, 2, stop), None, "{stop:?}");
        assert_eq!(world.stack().status, StackStatus::Ready, "{stop:?}");
    }
}

#[test]
fn stop_in_a_rollout_is_recorded_until_a_release_succeeds() {
    for (stop, services, schedules) in [
        (Stop::After("Update service", 1), 1, false),
        (Stop::After("Update service", 2), 2, false),
        (Stop::After("Wait until stable", 2), 2, false),
        (Stop::Before("Verify", 1), 2, false),
        (Stop::After("Verify", 1), 2, false),
        (Stop::After("Point schedules", 1), 2, true),
        (Stop::Before("Complete", 1), 2, true),
    ] {
        let mut world = provisioned();
        let unsettled = release_and_stop(&mut world, 2, stop).expect("unsettled");
        assert_eq!(unsettled.release.0, 2);
        assert_eq!(
            (unsettled.services.len(), unsettled.schedules),
            (services, schedules),
            "{stop:?}"
        );
        assert_eq!(world.stack().status, StackStatus::Failed, "{stop:?}");

        let next = world.ask_release(&[("web", image(3)), ("worker", image(3))]);
        succeeded(&world.run(&next));
        let stack = world.stack();
        assert_eq!((stack.status, stack.unsettled), (StackStatus::Ready, None), "{stop:?}");
    }
}

/// Its Map state runs for all services side by side: the record names those that ECS has replaced.
#[test]
fn stop_anywhere_in_roll_out_services_is_recorded() {
    for state in ["Update service", "Wait until stable"] {
        for stop in [
            Stop::Before(state, 1),
            Stop::After(state, 1),
            Stop::Before(state, 2),
            Stop::After(state, 2),
        ] {
            let mut world = provisioned();
            let before = running(&world);
            let unsettled = release_and_stop(&mut world, 2, stop);
            let mut replaced = running(&world);
            replaced.retain(|service, definition| before[service] != *definition);
            let replaced: BTreeSet<String> = replaced.into_keys().collect();
            let recorded: BTreeSet<String> = unsettled.into_iter().flat_map(|left| left.services).collect();
            assert_eq!(recorded, replaced, "{stop:?}");
            let status = if recorded.is_empty() {
                StackStatus::Ready
            } else {
                StackStatus::Failed
            };
            assert_eq!(world.stack().status, status, "{stop:?}");
        }
    }
}

/// The task definitions that the services run, by their keys in the contract.
fn running(world: &World) -> BTreeMap<String, String> {
    let prefix = format!("{}-", world.stack);
    let aws = world.aws();
    let services = aws.services.iter();
    let key = |name: &String| name.strip_prefix(&prefix).expect("a service of the stack").to_owned();
    services
        .map(|(name, service)| (key(name), service.task_definition.clone()))
        .collect()
}

/// Some services are restored by then, and others still run the release.
#[test]
fn stop_while_services_are_restored_is_recorded() {
    for (fails, stop, left) in [
        (None, Stop::Before("Restore service", 1), Some((2, false))),
        (None, Stop::After("Restore service", 2), Some((2, false))),
        (None, Stop::Before("Wait until restored", 2), Some((1, false))),
        (None, Stop::After("Wait until restored", 2), None),
        (
            Some("Point schedules"),
            Stop::Before("Restore schedules", 1),
            Some((2, true)),
        ),
        (
            Some("Point schedules"),
            Stop::After("Restore schedules", 1),
            Some((2, false)),
        ),
    ] {
        let mut world = provisioned();
        if fails.is_none() {
            world.aws().health = vec![503];
        }
        let unsettled = release_fail_and_stop(&mut world, 2, fails, stop);
        let found = unsettled.map(|unsettled| (unsettled.services.len(), unsettled.schedules));
        assert_eq!(found, left, "{stop:?}");
        let status = if left.is_some() {
            StackStatus::Failed
        } else {
            StackStatus::Ready
        };
        assert_eq!(world.stack().status, status, "{stop:?}");

        world.aws().health = vec![200];
        let next = world.ask_release(&[("web", image(3)), ("worker", image(3))]);
        succeeded(&world.run(&next));
        let stack = world.stack();
        assert_eq!((stack.status, stack.unsettled), (StackStatus::Ready, None), "{stop:?}");
    }
}

#[test]
fn update_settles_a_stack_with_its_current_release() {
    let mut world = provisioned();
    let before = images(&world);
    release_and_stop(&mut world, 2, Stop::After("Wait until stable", 2)).expect("unsettled");
    assert_ne!(images(&world), before, "release 2 runs");
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    let stack = world.stack();
    assert_eq!((stack.status, stack.unsettled), (StackStatus::Ready, None));
    assert_eq!(images(&world), before);
}

/// Without a release that has succeeded, an update has none to roll out.
#[test]
fn update_leaves_a_first_release_that_was_stopped_to_the_next_release() {
    let (mut world, provision) = World::in_environment(Approval::Never, false);
    run_and_stop(&mut world, &provision, Stop::After("Wait until stable", 2));
    assert_eq!(world.stack().status, StackStatus::Failed);
    let message = world.operation(&provision).failure.expect("a reason").message;
    assert!(
        message.ends_with("may run release 1. Release again."),
        "there is nothing to roll back to: {message}"
    );
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    let stack = world.stack();
    assert_eq!(
        stack.status,
        StackStatus::Failed,
        "its services run release 1, which did not succeed"
    );
    assert_eq!(stack.unsettled.map(|left| left.services.len()), Some(2));

    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    succeeded(&world.run(&release));
    let stack = world.stack();
    assert_eq!((stack.status, stack.unsettled), (StackStatus::Ready, None));
}

#[test]
fn failed_restore_is_recorded() {
    let mut world = provisioned();
    world.aws().health = vec![503];
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    world.run_with(&release, |task| {
        (task.state == "Restore service").then(|| Answer::fail("Slipway.AccessDenied", r#"{"errorMessage": "denied"}"#))
    });
    let stack = world.stack();
    assert_eq!(stack.status, StackStatus::Failed);
    assert_eq!(stack.unsettled.expect("unsettled").services.len(), 2);
}

#[test]
fn restored_services_leave_a_stack_ready() {
    let mut world = provisioned();
    world.aws().health = vec![503];
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    world.run(&release);
    let stack = world.stack();
    assert_eq!((stack.status, stack.unsettled), (StackStatus::Ready, None));
}

/// An execution keeps the definition with which it began, while a deployment replaces the function.
#[test]
fn execution_of_earlier_state_names_restores_everything() {
    let mut world = provisioned();
    let before = images(&world);
    let mut earlier = DEFINITION.to_owned();
    for (now, then) in [
        ("Restore schedules", "Put back schedules"),
        ("restore_schedules", "put_back_schedules"),
        ("Restore service", "Put back service"),
        ("Wait until restored", "Wait until put back"),
    ] {
        assert!(earlier.contains(now), "{now}");
        earlier = earlier.replace(now, then);
    }
    world.machine = deployed(&earlier);
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run_with(&release, |task| {
        (task.state == "Point schedules").then(|| Answer::fail("Slipway.Internal", r#"{"errorMessage": "broken"}"#))
    });
    for state in ["Put back schedules", "Put back service", "Wait until put back"] {
        assert!(run.visited().contains(&state), "{state}");
    }
    let stack = world.stack();
    assert_eq!((stack.status, stack.unsettled), (StackStatus::Ready, None));
    assert_eq!(images(&world), before);
    let operation = world.operation(&release);
    for step in [
        "Restore schedules",
        "Wait until restored: web",
        "Wait until restored: worker",
    ] {
        assert!(operation.has_step(step), "{step}");
    }
}
