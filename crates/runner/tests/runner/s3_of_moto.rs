//! The state and its lock on an independent S3.

use serde_json::json;
use slipway_model::operation::StepStatus;
use slipway_model::operation::work::Work;
use slipway_store::finish::End;

use crate::aws::Aws;
use crate::endings::{failure_of_the_workflow, kill_with_terraform, provision, slow};
use crate::moto::Moto;
use crate::support::{STATES, UPDATE, World, earlier_state_key, state_key, terraform};

fn world() -> Option<World> {
    Some(World::on(Aws::with_s3_of(Moto::start()?), &terraform()?))
}

/// Every apply leaves a version of the state; no lock is left, and there was one each time.
#[test]
fn the_versions_of_a_state_stay() {
    let Some(world) = world() else { return };
    let operation = provision(&world, &slow("true"));
    let state = state_key(&operation);
    let lock = format!("{state}.tflock");
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    let (first, deleted) = world.aws.versions(STATES, &state);
    assert!(first >= 1 && deleted == 0, "{first} versions, {deleted} deletions");
    world.end(&operation, &End::Succeeded);

    let destroy = world.request(Work::Destroy, &world.stack(&operation), None);
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
    world.until("the second sees the first", || {
        world
            .printed("other")
            .contains("Another build of this operation applies the plan")
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
        Some(0),
        "{}",
        world.printed("other")
    );
    // The workflow may wait for either of them.
    let recorded = world.operation(&operation);
    assert!(recorded.steps.iter().all(|step| step.status == StepStatus::Succeeded));
    assert_eq!(recorded.failure, None);
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
        UPDATE,
        &world.stack(&operation),
        Some(world.blueprint(&[("main.tf", &slow("true"))], &json!({}))),
    );
    let printed = world.succeed(&update, "plan", "again");
    assert!(printed.contains("the lock is released"), "{printed}");
    world.succeed(&update, "apply", "other");
    assert!(!world.is_locked(&update));
}

/// A stack that an earlier version of Slipway made: its state is found, moved once, and stays as a version at its old key.
#[test]
fn state_of_the_earlier_layout_is_moved_once() {
    let Some(world) = world() else { return };
    let operation = provision(&world, &slow("true"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let (key, earlier) = (state_key(&operation), earlier_state_key(&operation));
    let state = world.aws.object(STATES, &key).expect("a state");
    world.aws.moto().delete(STATES, &key);
    world.aws.put(STATES, &earlier, state);

    let update = world.request(
        UPDATE,
        &world.stack(&operation),
        Some(world.blueprint(&[("main.tf", &slow("echo again"))], &json!({}))),
    );
    let printed = world.succeed(&update, "plan", "again");
    assert!(printed.contains("The state was moved"), "{printed}");
    // Nothing to make: the resources of the moved state are known.
    assert_eq!(world.operation(&update).plan.expect("a plan").add, 0);
    let printed = world.succeed(&update, "apply", "other");
    assert!(!printed.contains("The state was moved"), "{printed}");
    assert_eq!(world.state(&update)["resources"].as_array().map(Vec::len), Some(3));
    assert_eq!(world.aws.object(STATES, &earlier), None);
    assert_eq!(world.aws.versions(STATES, &earlier), (1, 1), "versioning keeps it");
    assert_eq!(world.aws.object(STATES, &format!("{earlier}.tflock")), None);
}

/// Two states that differ are for a person to judge: neither is touched.
#[test]
fn two_states_that_differ_are_refused() {
    let Some(world) = world() else { return };
    let operation = provision(&world, &slow("true"));
    world.succeed(&operation, "plan", "plan");
    let (key, earlier) = (state_key(&operation), earlier_state_key(&operation));
    let state = world.aws.object(STATES, &key).expect("a state");
    // The copy of a build that died before it could delete is no second state.
    world.aws.put(STATES, &earlier, state.clone());
    world.forget_plan(&operation);
    world.succeed(&operation, "plan", "again");
    assert_eq!(world.aws.object(STATES, &earlier), None);
    world.forget_plan(&operation);
    world.aws.put(STATES, &earlier, "{\"version\": 4, \"serial\": 7}");
    let printed = world.fail(&operation, "plan", "other");
    assert!(printed.contains(&key) && printed.contains(&earlier), "{printed}");
    assert_eq!(world.aws.object(STATES, &key), Some(state));
    assert!(world.aws.object(STATES, &earlier).is_some());
}

/// An earlier version's Terraform still writes the state: the move waits for its lock.
#[test]
fn a_lock_at_the_earlier_key_is_waited_for() {
    let Some(world) = world() else { return };
    let operation = provision(&world, &slow("true"));
    let lock = format!("{}.tflock", earlier_state_key(&operation));
    let info = json!({
        "ID": "1", "Operation": "OperationTypeApply", "Info": "", "Who": "root@box", "Version": "1.11.4",
        "Created": "2999-01-01T00:00:00Z", "Path": "x",
    });
    world.aws.put(STATES, &lock, info.to_string());
    let mut plan = world.start_until(&operation, "plan", "plan", "no build of Slipway made it");
    world.aws.moto().delete(STATES, &lock);
    assert_eq!(
        plan.wait().expect("an end").code(),
        Some(0),
        "{}",
        world.printed("plan")
    );
}

/// What Terraform asks of S3 is about its own stack: no key and no list of another.
#[test]
fn every_request_of_terraform_is_about_its_own_stack() {
    let Some(world) = world() else { return };
    let operation = provision(&world, &slow("true"));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    let key = state_key(&operation);
    let mut asked = 0;
    for request in world.aws.moto().requests() {
        if !request.header("user-agent").contains("Terraform") {
            continue;
        }
        asked += 1;
        let (_, path) = request.url.split_once(&format!("/{STATES}")).expect("the bucket");
        let list = path.contains(&format!("prefix=stacks/{}/", operation.stack));
        let own = [key.clone(), format!("{key}.tflock")]
            .iter()
            .any(|key| path.split('?').next() == Some(&format!("/{key}")));
        assert!(list || own, "{path}");
        // The key is the bucket's, which may be one of KMS.
        assert_eq!(request.header("x-amz-server-side-encryption"), "", "{path}");
    }
    assert!(asked > 10, "{asked} requests");
}
