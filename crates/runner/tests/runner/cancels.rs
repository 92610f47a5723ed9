//! Builds that have to end early, without a signal.

use serde_json::Value;
use slipway_model::environment::Approval;
use slipway_model::operation::cancel::Interruption;
use slipway_model::operation::{Failure, Operation, OperationStatus, StepStatus};
use slipway_store::cancel::Cancelled;
use slipway_store::finish::End;

use crate::endings::{addresses, failure, failure_of_the_workflow, provision, signal, slow};
use crate::support::{UPDATE, World};

const AT_WORK: &str = "terraform_data.slow: being created";

fn cancel(world: &World, operation: &Operation) -> Cancelled {
    world
        .wait(world.store.cancel_operation(&operation.id, "bob"))
        .expect("an answer")
}

/// What was made is in the state, nothing is locked, and the next update makes the rest.
fn nothing_is_lost(world: &World, operation: &Operation, failure: Failure) {
    assert_eq!(addresses(&world.state(operation)), ["a", "slow"]);
    assert!(!world.is_locked(operation));
    let stream = world.artifact(operation, "apply.jsonl").expect("a stream");
    assert!(
        stream.contains("Interrupt received") && !stream.contains("Two interrupts"),
        "{stream}"
    );
    world.end(operation, &End::Failed(failure));
    std::fs::write(world.path("switch"), "").expect("a file");
    let update = world.request(UPDATE, &world.stack(operation), None);
    world.succeed(&update, "plan", "other");
    world.succeed(&update, "apply", "again");
    assert_eq!(addresses(&world.state(&update)), ["a", "after", "slow"]);
}

/// A blueprint whose second resource takes long, until the switch is there.
fn blueprint(world: &World) -> String {
    slow(&format!("test -e '{}' || sleep 60", world.path("switch").display()))
}

#[test]
fn a_build_reads_that_it_is_cancelled_and_saves_the_state() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &blueprint(&world));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", AT_WORK);
    assert!(matches!(cancel(&world, &operation), Cancelled::Requested(_)));
    assert_eq!(build.wait().expect("an end").code(), Some(1));
    let recorded = world.operation(&operation);
    assert!(recorded.cancel.expect("a request").acknowledged_at.is_some());
    assert_eq!(recorded.steps[1].status, StepStatus::Cancelled);
    assert_eq!(recorded.status, OperationStatus::Running, "the workflow ends it");
    let failure = failure(&world, &operation);
    assert_eq!(
        (failure.name.as_str(), failure.step.as_str(), failure.message.as_str()),
        ("Slipway.Cancelled", "Apply", "bob cancelled the operation")
    );
    nothing_is_lost(&world, &operation, failure);
}

#[test]
fn cancel_of_one_build_saves_the_state() {
    let Some(world) = World::new() else { return };
    world.ask_approval(Approval::Never);
    let operation = provision(&world, &blueprint(&world));
    let mut build = world.start_until(&operation, "plan", "plan", AT_WORK);
    assert!(matches!(cancel(&world, &operation), Cancelled::Requested(_)));
    assert_eq!(build.wait().expect("an end").code(), Some(1));
    world.aws.end_build("runner:plan");
    let recorded = world.operation(&operation);
    assert_eq!(recorded.steps[2].status, StepStatus::Cancelled);
    let failure = failure(&world, &operation);
    assert_eq!(
        (failure.name.as_str(), failure.step.as_str()),
        ("Slipway.Cancelled", "Apply")
    );
    world.ask_approval(Approval::Always);
    nothing_is_lost(&world, &operation, failure);
}

/// The workflow waits for the second of two builds, since the answer about the first was lost.
#[test]
fn second_build_waits_for_the_one_that_applies() {
    let Some(world) = World::new() else { return };
    world.ask_approval(Approval::Never);
    let go = world.path("go");
    let waits = format!("while ! test -e '{}'; do sleep 0.1; done", go.display());
    let operation = provision(&world, &slow(&waits));
    let mut first = world.start_until(&operation, "plan", "plan", AT_WORK);
    let mut second = world.start_until(&operation, "plan", "other", "Another build of this operation");
    std::fs::write(&go, "").expect("a file");
    assert_eq!(first.wait().expect("an end").code(), Some(0));
    world.aws.end_build("runner:plan");
    assert_eq!(
        second.wait().expect("an end").code(),
        Some(0),
        "{}",
        world.printed("other")
    );
    assert_eq!(world.calls(), ["init", "plan", "show", "apply"]);
    let recorded = world.operation(&operation);
    assert!(recorded.steps.iter().all(|step| step.status == StepStatus::Succeeded));
    assert_eq!(recorded.failure, None);
}

#[test]
fn second_build_fails_where_the_first_died_in_its_apply() {
    let Some(world) = World::new() else { return };
    world.ask_approval(Approval::Never);
    let operation = provision(&world, &slow("sleep 2"));
    let mut first = world.start_until(&operation, "plan", "plan", AT_WORK);
    signal(&first, "KILL");
    first.wait().expect("an end");
    world.aws.end_build("runner:plan");
    let printed = world.fail(&operation, "plan", "other");
    assert!(printed.contains("ended without a result"), "{printed}");
    let failure = failure(&world, &operation);
    assert_eq!(
        (failure.name.as_str(), failure.step.as_str()),
        ("Slipway.ApplyFailed", "Apply")
    );
    assert_eq!(world.operation(&operation).steps[2].status, StepStatus::Failed);
    assert_eq!(world.calls(), ["init", "plan", "show", "apply"]);
}

/// Its execution was lost, for example: no step waits for the build any more.
#[test]
fn a_build_reads_that_its_operation_has_ended_and_saves_the_state() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &blueprint(&world));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", AT_WORK);
    world.end(&operation, &End::Failed(failure_of_the_workflow()));
    assert_eq!(build.wait().expect("an end").code(), Some(1));
    assert!(
        world
            .printed("apply")
            .contains("the operation has ended already: it is failed")
    );
    nothing_is_lost(&world, &operation, failure_of_the_workflow());
}

#[test]
fn a_build_ends_by_itself_before_codebuild_would_kill_it() {
    let Some(world) = World::new() else { return };
    let operation = provision(&world, &blueprint(&world));
    world.succeed(&operation, "plan", "plan");
    // As long as it takes on a busy machine until Terraform is at the slow resource.
    let mut build = world.build(&operation, "apply", "apply");
    build.env("SLIPWAY_DEADLINE_SECONDS", "20");
    assert_eq!(build.status().expect("a build").code(), Some(1));
    world.aws.end_build("runner:apply");
    let failure = failure(&world, &operation);
    assert_eq!(
        (failure.name.as_str(), failure.step.as_str()),
        ("Slipway.BuildTimedOut", "Apply"),
        "{}",
        failure.message
    );
    assert_eq!(world.operation(&operation).steps[1].status, StepStatus::Failed);
    nothing_is_lost(&world, &operation, failure);
}

#[test]
fn a_build_that_begins_after_its_cancel_does_nothing() {
    let Some(world) = World::new() else { return };
    // Before the runner has begun, a cancel ends the operation: no step waits for the build.
    let operation = provision(&world, &slow("true"));
    assert!(matches!(cancel(&world, &operation), Cancelled::Ended(_)));
    let printed = world.fail(&operation, "plan", "plan");
    assert!(
        printed.contains("the operation has ended already: it is cancelled"),
        "{printed}"
    );
    assert!(world.operation(&operation).steps.is_empty());

    // A second build of a step, the first of which died after its cancel.
    let operation = world.provision("two", world.blueprint(&[("main.tf", &slow("true"))], &Value::Null));
    let begun = world.wait(world.store.begin_step(&operation.id, "Plan"));
    begun.expect("begun");
    assert!(matches!(cancel(&world, &operation), Cancelled::Requested(_)));
    let printed = world.fail(&operation, "plan", "again");
    assert!(printed.contains("bob cancelled the operation"), "{printed}");
    assert_eq!(failure(&world, &operation).name, "Slipway.Cancelled");
    assert!(world.calls().is_empty(), "no Terraform ran: {:?}", world.calls());
    let interruption = world.wait(world.store.interruption(&operation.id)).expect("read");
    assert!(matches!(interruption, Some(Interruption::Requested(_))));
}
