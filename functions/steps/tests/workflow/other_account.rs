//! Releases in environments of other accounts: every call there is made with the environment's release role.

use std::collections::BTreeSet;

use asl_interpreter::simulate::Answer;
use slipway_model::operation::OperationStatus;

use crate::kinds::{failed, images, provisioned, succeeded};
use crate::sts::{ASSUMED, Assumption};
use crate::world::{MACHINE_ARN, World, image, name};

const ROLE: &str = "arn:aws:iam::444455556666:role/slipway-release-production";

/// A stack in an environment that is in another account, whose release role trusts Slipway.
fn elsewhere() -> World {
    let mut world = provisioned();
    let role = "arn:aws:iam::444455556666:role/slipway-environment-production";
    let mut environment = World::wait(world.store.environment(&name("live")));
    environment.account = "444455556666".parse().expect("an account");
    environment.role = Some(role.parse().expect("a role"));
    environment.external_id = Some("0123456789abcdef".parse().expect("an external id"));
    World::wait(world.store.put_environment(&environment));
    world.account = Some(environment.account);
    let mut aws = world.aws();
    aws.sts.trusting.insert(ROLE.to_owned());
    aws.sts.seconds = 3600;
    aws.sts.calls.clear();
    drop(aws);
    world
}

fn assumed_for(operation: &impl ToString) -> Assumption {
    Assumption {
        role: ROLE.to_owned(),
        external_id: MACHINE_ARN.to_owned(),
        session: operation.to_string(),
    }
}

#[test]
fn release_uses_the_release_role_for_every_call() {
    let mut world = elsewhere();
    let release = world.ask_after_snapshot(2);
    let run = world.run(&release);
    succeeded(&run);
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);

    let aws = world.aws();
    // Once, however many steps there are.
    assert_eq!(aws.sts.assumed, [assumed_for(&release)]);
    assert_eq!(
        aws.sts.called_with(ASSUMED),
        BTreeSet::from(["ecs", "rds", "scheduler"])
    );
    assert_eq!(aws.sts.called_with("test"), BTreeSet::from(["sts", "states"]));
    drop(aws);
    let snapshot = world.operation(&release).snapshot.expect("a snapshot");
    assert_eq!(snapshot.account, world.account);
}

#[test]
fn remote_migration_log_is_read_in_a_session_of_the_operation() {
    let mut world = elsewhere();
    world.exit_code = Some(3);
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.MigrationFailed");
    assert!(cause.contains("no such table: guests"), "{cause}");
    assert!(world.aws().sts.called_with(ASSUMED).contains("logs"));

    world.exit_code = Some(0);
    let task = world.ask_task("load-dump");
    succeeded(&world.run(&task));
    assert_eq!(world.aws().sts.assumed, [assumed_for(&release), assumed_for(&task)]);
}

#[test]
fn a_word_of_ecs_that_is_lost_is_no_loss() {
    let mut world = elsewhere();
    let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    // ECS ends both rollouts, and their events are lost. Ten minutes later each state checks by itself.
    let mut waits = 0;
    let run = world.run_with(&release, |task| {
        waits += u32::from(task.state == "Wait until stable");
        (task.state == "Wait until stable" && waits <= 2).then_some(Answer::Never)
    });
    succeeded(&run);
    assert_eq!(waits, 4);
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
}

#[test]
fn credentials_that_are_about_to_end_are_not_used() {
    let mut world = elsewhere();
    world.aws().sts.seconds = 200;
    let task = world.ask_task("load-dump");
    succeeded(&world.run(&task));
    assert_eq!(world.aws().sts.assumed, vec![assumed_for(&task); 3]);
}

#[test]
fn failed_assume_role_names_the_environment_and_the_remedy() {
    let mut world = elsewhere();
    world.aws().sts.trusting.clear();
    for operation in [
        world.ask_release(&[("web", image(2)), ("worker", image(2))]),
        world.ask_task("load-dump"),
    ] {
        let run = world.run(&operation);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.RoleRefused");
        for part in ["`live`", ROLE, "AccessDenied", "aws/target-account"] {
            assert!(cause.contains(part), "{part}: {cause}");
        }
        assert_eq!(world.operation(&operation).status, OperationStatus::Failed);
    }
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
}

/// Moves the environment to a Region that is not Slipway's.
fn in_another_region(world: &World) {
    let mut environment = World::wait(world.store.environment(&name("live")));
    environment.region = "eu-west-1".parse().expect("a region");
    World::wait(world.store.put_environment(&environment));
    world.aws().sts.calls.clear();
}

/// What a release and a task ask of the account of the stack.
const OF_STACKS: [&str; 3] = ["ecs", "rds", "scheduler"];

#[test]
fn release_in_another_region_calls_that_region_only() {
    let mut world = elsewhere();
    in_another_region(&world);
    let release = world.ask_after_snapshot(2);
    succeeded(&world.run(&release));
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    let task = world.ask_task("load-dump");
    succeeded(&world.run(&task));

    let aws = world.aws();
    assert_eq!(aws.sts.called_in("eu-west-1"), BTreeSet::from(OF_STACKS));
    assert_eq!(aws.sts.called_with(ASSUMED), BTreeSet::from(OF_STACKS));
    assert_eq!(aws.sts.called_in("us-east-1"), BTreeSet::from(["sts", "states"]));
    assert_eq!(aws.sts.assumed, [assumed_for(&release), assumed_for(&task)]);
}

#[test]
fn release_in_another_region_of_slipways_account_needs_no_role() {
    let mut world = provisioned();
    in_another_region(&world);
    let release = world.ask_after_snapshot(2);
    succeeded(&world.run(&release));
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    let aws = world.aws();
    assert_eq!(aws.sts.called_in("eu-west-1"), BTreeSet::from(OF_STACKS));
    assert_eq!(aws.sts.called_in("us-east-1"), BTreeSet::from(["states"]));
}

#[test]
fn a_permission_that_is_missing_there_is_named_with_the_remedy() {
    for (action, state, of) in [
        ("RunTask", "Run migration", "start the migration `migrate`"),
        ("UpdateService", "Roll out services", "update the service `web`"),
    ] {
        let mut world = elsewhere();
        in_another_region(&world);
        world.aws().denied = Some(action);
        let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
        let run = world.run(&release);
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.AccessDenied", "{cause}");
        for part in [state, of, "AccessDeniedException", "aws/target-account"] {
            assert!(cause.contains(part), "{part}: {cause}");
        }
        assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    }
}

#[test]
fn without_a_role_nothing_is_assumed_by_the_steps() {
    let mut world = provisioned();
    world.aws().sts.calls.clear();
    let release = world.ask_after_snapshot(2);
    succeeded(&world.run(&release));
    assert!(world.aws().sts.assumed.is_empty());
    let services = BTreeSet::from(["ecs", "rds", "scheduler", "states"]);
    assert_eq!(world.aws().sts.called_with("test"), services);
}
