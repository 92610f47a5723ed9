//! Operations that are cancelled while a build of theirs is at work.

use asl_interpreter::simulate::Answer;
use jiff::Timestamp;
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::cancelled_by;
use slipway_model::operation::{OperationStatus, StepStatus};
use slipway_store::Store;
use slipway_store::cancel::Cancelled;

use crate::kinds::{failed, provisioned};
use crate::world::{UPDATE, World};

/// What a build comes to whose operation is cancelled: its runner ends the step, or dies before it could.
fn cancelled_build(store: &Store, id: &OperationId, step: &str, dies: bool) -> Answer {
    World::wait(store.begin_step(id, step));
    let cancelled = World::wait(store.cancel_operation(id, "bob"));
    assert!(matches!(cancelled, Cancelled::Requested(_)), "{cancelled:?}");
    if !dies {
        World::wait(store.update_operation(id, |operation| {
            let ended = operation.end_build(step, Err(cancelled_by("signal", step, None)), Timestamp::now());
            assert_eq!(ended.expect_err("cancelled").message, "bob cancelled the operation");
            Ok(())
        }));
    }
    Answer::fail("States.TaskFailed", "{}")
}

#[test]
fn a_cancelled_build_ends_its_operation_as_cancelled_and_says_why() {
    for step in ["Plan", "Apply"] {
        for dies in [false, true] {
            let mut world = provisioned();
            let update = world.ask(UPDATE);
            let store = world.store.clone();
            let run = world.run_with(&update, |task| {
                (task.state == step).then(|| cancelled_build(&store, &update, step, dies))
            });
            let (error, cause) = failed(&run);
            assert_eq!(error, "Slipway.Cancelled", "{cause}");
            let operation = world.operation(&update);
            assert_eq!(operation.status, OperationStatus::Cancelled);
            let failure = operation.failure.expect("a reason");
            let more = if dies { "; the build of" } else { "" };
            let expected = format!("bob cancelled the operation{more}");
            assert!(failure.message.starts_with(&expected), "{}", failure.message);
            assert_eq!(
                (failure.step.as_str(), dies || failure.message == expected),
                (step, true)
            );
            let status = operation
                .steps
                .iter()
                .find(|known| known.name == step)
                .map(|step| step.status);
            assert_eq!(status, Some(StepStatus::Cancelled));
        }
    }
}
