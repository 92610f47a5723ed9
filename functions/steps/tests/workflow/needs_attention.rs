//! Releases whose migrations the previous release does not work with.

use slipway_model::operation::OperationStatus;
use slipway_model::operation::compatibility::WayKind;
use slipway_model::operation::work::Work;
use slipway_model::release::ReleaseStatus;
use slipway_model::stack::StackStatus;

use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{People, UPDATE, World, image};

#[test]
fn services_stay_after_migrations_that_the_previous_release_lacks() {
    let mut world = provisioned();
    world.aws().health = vec![503];
    let id = world.ask_both(2, false);
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.Unhealthy");
    assert!(
        cause.contains("does not work with") && cause.contains("Release forward, or roll back"),
        "{cause}"
    );
    assert!(
        !run.visited().iter().any(|state| state.starts_with("Restore")),
        "{:?}",
        run.visited()
    );
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);

    let operation = world.operation(&id);
    assert_eq!(operation.status, OperationStatus::NeedsAttention);
    let ways: Vec<WayKind> = operation.ways().iter().map(|way| way.way).collect();
    assert_eq!(ways, [WayKind::ReleaseForward, WayKind::RollBack]);
    let stack = world.stack();
    assert_eq!(
        (stack.status, stack.active_operation.is_none()),
        (StackStatus::Failed, true)
    );
    let unsettled = stack.unsettled.expect("services that may run release 2");
    assert_eq!((unsettled.migrated, unsettled.services.len()), (true, 2));
    let releases = World::wait(world.store.releases(&stack.id, 10, None)).items;
    assert_eq!(releases[0].status, ReleaseStatus::Failed);
}

/// Its request names one service. The other one would run code that does not work with the database any more.
#[test]
fn waiting_release_takes_no_service_back() {
    let mut world = provisioned();
    let incompatible = world.ask_both(2, false);
    let waiting = world.request_release("web", 3);
    world.aws().health = vec![503];
    failed(&world.run(&incompatible));
    world.aws().health = vec![200];
    succeeded(&world.run(&waiting));
    assert_eq!(images(&world), [image(3).to_string(), image(2).to_string()]);
}

#[test]
fn both_ways_lead_on() {
    for forward in [true, false] {
        let mut world = provisioned();
        world.aws().health = vec![503];
        let id = world.ask_both(2, false);
        failed(&world.run(&id));
        world.aws().health = vec![200];
        let (next, runs) = if forward {
            (world.ask_both(3, false), image(3))
        } else {
            let release = world.stack().current_release.expect("a release");
            (world.ask(Work::Rollback { release }), image(1))
        };
        succeeded(&world.run(&next));
        assert_eq!(images(&world), [runs.to_string(), runs.to_string()]);
        let stack = world.stack();
        assert_eq!((stack.status, stack.unsettled), (StackStatus::Ready, None), "{forward}");
    }
}

/// Only a person decides whether the services go forward or back.
#[test]
fn update_after_a_release_that_needs_attention_releases_nothing() {
    let mut world = provisioned();
    world.aws().health = vec![503];
    let id = world.ask_both(2, false);
    failed(&world.run(&id));
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    let stack = world.stack();
    assert_eq!(stack.status, StackStatus::Failed);
    assert!(stack.unsettled.is_some_and(|left| left.migrated));
}

#[test]
fn update_takes_the_declaration_of_the_blueprint_that_it_applied() {
    for compatible in [true, false] {
        let mut world = provisioned();
        let contract = world.contract.as_mut().expect("a contract");
        contract["compatible_with_previous"] = compatible.into();
        contract["services"]["web"]["task_definition"]["cpu"] = "512".into();
        world.aws().health = vec![503];
        let id = world.ask(UPDATE);
        let run = world.run(&id);
        assert_eq!(failed(&run).0, "Slipway.Unhealthy");
        let cpu = {
            let aws = world.aws();
            let web = &aws.services[&format!("{}-web", world.stack)];
            let definition = aws.definition(&web.task_definition).expect("a definition");
            definition["taskDefinition"]["cpu"].clone()
        };
        assert_eq!(cpu == "512", !compatible, "{cpu}");
        let operation = world.operation(&id);
        let (status, ways) = if compatible {
            (OperationStatus::Failed, 0)
        } else {
            (OperationStatus::NeedsAttention, 2)
        };
        assert_eq!((operation.status, operation.ways().len()), (status, ways));
        let unsettled = world.stack().unsettled;
        assert_eq!(unsettled.is_some_and(|left| left.migrated), !compatible);
    }
}

#[test]
fn services_roll_back_before_a_migration_has_succeeded() {
    let mut world = provisioned();
    world.exit_code = Some(1);
    let id = world.ask_both(2, false);
    assert_eq!(failed(&world.run(&id)).0, "Slipway.MigrationFailed");
    assert_eq!(world.operation(&id).status, OperationStatus::Failed);
    assert_eq!(world.stack().status, StackStatus::Ready);
}

#[test]
fn compatible_release_rolls_back_after_its_migrations() {
    let mut world = provisioned();
    world.aws().health = vec![503];
    let id = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    failed(&world.run(&id));
    assert_eq!(world.operation(&id).status, OperationStatus::Failed);
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
}

#[test]
fn cancelled_release_needs_attention_after_its_migrations() {
    let mut world = provisioned();
    world.people = People::Cancel;
    world.rollouts_end(&crate::aws::End::Later);
    let id = world.ask_both(2, false);
    failed(&world.run(&id));
    let operation = world.operation(&id);
    assert_eq!(operation.status, OperationStatus::NeedsAttention);
    assert!(operation.failure.expect("a failure").message.contains("bob cancelled"));
}
