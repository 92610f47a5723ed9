//! The state and its lock on an S3 that nobody here wrote.

use serde_json::json;
use slipway_model::operation::OperationKind;
use slipway_store::finish::End;

use crate::aws::Aws;
use crate::endings::{failure_of_the_workflow, kill_with_terraform, provision, slow};
use crate::moto::Moto;
use crate::support::{STATES, World, terraform};

fn world() -> Option<World> {
    Some(World::on(Aws::with_s3_of(Moto::start()?), &terraform()?))
}

/// Every apply leaves a version of the state; no lock is left, and there was one each time.
#[test]
fn the_versions_of_a_state_stay() {
    let Some(world) = world() else { return };
    let operation = provision(&world, &slow("true"));
    let state = format!("stacks/{}/terraform.tfstate", operation.stack);
    let lock = format!("{state}.tflock");
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    let (first, deleted) = world.aws.versions(STATES, &state);
    assert!(first >= 1 && deleted == 0, "{first} versions, {deleted} deletions");
    world.end(&operation, &End::Succeeded);

    let destroy = world.request(OperationKind::Destroy, &world.stack(&operation), None);
    world.succeed(&destroy, "plan", "again");
    world.succeed(&destroy, "apply", "other");
    let (versions, deleted) = world.aws.versions(STATES, &state);
    assert!(
        versions > first && deleted == 0,
        "{versions} versions, {deleted} deletions"
    );
    let (locked, unlocked) = world.aws.versions(STATES, &lock);
    assert!(
        locked >= 2 && locked == unlocked,
        "{locked} locks, {unlocked} of them released"
    );
}

/// Two builds, as if on two machines, apply the same plan at the same time: one does, and the other finds it done.
#[test]
fn two_applies_at_once_make_everything_once() {
    let Some(world) = world() else { return };
    let made = world.path("made");
    let operation = provision(&world, &slow(&format!("echo made >>'{}'; sleep 2", made.display())));
    world.succeed(&operation, "plan", "plan");
    let elsewhere = world.path("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a folder");
    let mut one = world.start_until(&operation, "apply", "apply", "terraform_data.slow: being created");
    let mut two = world.build(&operation, "apply", "other");
    let mut two = two.env("TMPDIR", &elsewhere).spawn().expect("a build");
    world.until("the second sees the lock", || {
        world.printed("other").contains("its build still runs")
    });
    assert_eq!(
        one.wait().expect("an end").code(),
        Some(0),
        "{}",
        world.printed("apply")
    );
    world.aws.end_build("runner:apply");
    assert_eq!(
        two.wait().expect("an end").code(),
        Some(1),
        "{}",
        world.printed("other")
    );
    let printed = world.printed("other");
    assert!(
        printed.contains("the state has changed since this plan was made"),
        "{printed}"
    );
    assert_eq!(std::fs::read_to_string(made).expect("a file"), "made\n");
    assert!(!world.is_locked(&operation));
}

/// The lock of a killed build is released by the next operation, on the condition that it is still that one.
#[test]
fn the_lock_of_a_killed_build_is_released() {
    let Some(world) = world() else { return };
    let operation = provision(&world, &slow("sleep 60"));
    world.succeed(&operation, "plan", "plan");
    let mut build = world.start_until(&operation, "apply", "apply", "terraform_data.slow: being created");
    kill_with_terraform(&mut build);
    assert!(world.is_locked(&operation));
    world.aws.end_build("runner:apply");
    world.end(&operation, &End::Failed(failure_of_the_workflow()));

    let update = world.request(
        OperationKind::Update,
        &world.stack(&operation),
        Some(world.blueprint(&[("main.tf", &slow("true"))], &json!({}))),
    );
    let printed = world.succeed(&update, "plan", "again");
    assert!(printed.contains("the lock is released"), "{printed}");
    world.succeed(&update, "apply", "other");
    assert!(!world.is_locked(&update));
}
