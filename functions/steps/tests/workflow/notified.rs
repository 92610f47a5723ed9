//! Every status that an operation or its stack has in the workflow is notified once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_model::environment::Approval;
use slipway_model::id::OperationId;
use slipway_model::notification::Notification;
use slipway_model::operation::Failure;
use slipway_model::operation::work::Work;
use slipway_store::notification::{NotificationFilter, Position};

use crate::kinds::provisioned;
use crate::world::{Build, People, World, image};

/// The statuses of each subject, by their numbers, which have no gaps.
fn notified(world: &World) -> BTreeMap<String, Vec<String>> {
    let position = Position::after(Timestamp::UNIX_EPOCH);
    let all = World::wait(
        world
            .store
            .notifications_after(&NotificationFilter::default(), &position, 100),
    );
    let mut subjects: BTreeMap<String, Vec<Notification>> = BTreeMap::new();
    for one in all.notifications {
        subjects.entry(one.subject.to_string()).or_default().push(one);
    }
    let statuses = |(subject, mut all): (String, Vec<Notification>)| {
        all.sort_by_key(|one| one.sequence);
        for (number, one) in (1..).zip(&all) {
            assert_eq!(one.sequence, number, "{subject}");
        }
        let previous = all.iter().map(|one| one.previous.clone()).skip(1);
        let before = all.iter().map(|one| Some(one.status.clone()));
        assert!(previous.eq(before.take(all.len() - 1)), "{all:?}");
        (subject, all.into_iter().map(|one| one.status).collect())
    };
    subjects.into_iter().map(statuses).collect()
}

fn of(world: &World, id: &OperationId) -> String {
    notified(world)[id.as_str()].join(" ")
}

fn of_stack(world: &World) -> String {
    notified(world)[world.stack.as_str()].join(" ")
}

#[test]
fn approved_provision_is_notified_status_by_status() {
    for twice in [false, true] {
        let (mut world, id) = World::in_environment(Approval::Always, false);
        world.twice = twice;
        world.run(&id);
        assert_eq!(
            of(&world, &id),
            "starting running waiting_for_approval running succeeded"
        );
        assert_eq!(of_stack(&world), "provisioning ready");
    }
}

#[test]
fn rejected_and_failed_operations_are_notified() {
    let (mut world, id) = World::in_environment(Approval::Always, false);
    world.people = People::Reject;
    world.run(&id);
    assert_eq!(of(&world, &id), "starting running waiting_for_approval discarded");

    let failure = Failure {
        name: "Slipway.ApplyFailed".to_owned(),
        step: "Apply".to_owned(),
        message: "no such subnet".to_owned(),
        address: None,
    };
    // A build that never came to Terraform leaves the stack as it was.
    for (build, status) in [(Build::Dies, "ready"), (Build::Fails(failure), "failed")] {
        let mut world = provisioned();
        world.apply_build = build;
        let id = world.ask(Work::Destroy);
        world.run(&id);
        assert_eq!(of(&world, &id), "starting running failed");
        assert!(
            of_stack(&world).ends_with(&format!("ready destroying {status}")),
            "{}",
            of_stack(&world)
        );
    }
}

#[test]
fn queue_and_failed_release_are_notified() {
    let mut world = provisioned();
    world.exit_code = Some(1);
    let images = [("web", image(2)), ("worker", image(2))];
    let release = world.ask_release(&images);
    let queued = world.ask(Work::Drift);
    world.run(&release);
    assert_eq!(of(&world, &queued), "queued starting");
    assert_eq!(of(&world, &release), "starting running failed");
    assert!(
        of_stack(&world).ends_with("ready releasing ready"),
        "{}",
        of_stack(&world)
    );
    world.exit_code = Some(0);
    world.run(&queued);
    assert_eq!(of(&world, &queued), "queued starting running succeeded");
}
