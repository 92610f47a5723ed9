//! Releases with a snapshot.

use asl_interpreter::simulate::Simulation;
use serde_json::json;
use slipway_model::operation::StepStatus;

use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{SnapshotEvent, UPDATE, World, image};

fn count(run: &Simulation, state: &str) -> usize {
    run.tasks.iter().filter(|task| task.state == state).count()
}

#[test]
fn a_snapshot_and_the_backups_come_before_the_first_migration() {
    for event in [SnapshotEvent::Early, SnapshotEvent::Later] {
        let mut world = provisioned();
        world.snapshot_event = event;
        let release = world.ask_after_snapshot(2);
        let run = world.run(&release);
        succeeded(&run);
        let visited = run.visited();
        let order = [
            "Prepare release",
            "Take snapshot",
            "Wait for snapshot",
            "Run backup",
            "Check backup",
            "Run migration",
            "Update service",
        ];
        let position = |name: &str| visited.iter().position(|visited| *visited == name).expect(name);
        assert!(order.is_sorted_by_key(|name| position(name)), "{visited:?}");
        assert_eq!(count(&run, "Wait for snapshot"), 1);

        let operation = world.operation(&release);
        let id = format!("{}-{release}", world.stack);
        let snapshot = operation.snapshot.as_ref().expect("a snapshot");
        assert_eq!(snapshot.id, id);
        assert!(snapshot.taken_at.is_some());
        let steps: Vec<&str> = operation.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(
            steps[..4],
            [
                "Prepare release",
                "Wait for snapshot",
                "Run backup: files",
                "Run migration: migrate"
            ]
        );
        assert!(operation.steps.iter().all(|step| step.status == StepStatus::Succeeded));
        let number = operation.release().expect("a release");
        let released = World::wait(world.store.release(&world.stack, number));
        assert_eq!(released.snapshot, Some(id));
    }
}

#[test]
fn a_word_of_rds_that_is_lost_is_no_loss() {
    let mut world = provisioned();
    world.snapshot_event = SnapshotEvent::Never;
    world.aws().snapshot_status = ["creating", "creating"].map(str::to_owned).into();
    let release = world.ask_after_snapshot(2);
    let run = world.run(&release);
    succeeded(&run);
    assert_eq!(count(&run, "Wait for snapshot"), 3);
    assert!(
        world
            .operation(&release)
            .snapshot
            .expect("a snapshot")
            .taken_at
            .is_some()
    );
}

#[test]
fn failed_snapshot_or_backup_ends_the_release_before_migrations() {
    let mut world = provisioned();
    world.snapshot_event = SnapshotEvent::Never;
    world.aws().snapshot_status = ["failed"].map(str::to_owned).into();
    let release = world.ask_after_snapshot(2);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.SnapshotFailed");
    assert!(cause.contains("of the database is failed"), "{cause}");
    assert_eq!(count(&run, "Run migration"), 0);
    let number = world.operation(&release).release().expect("a release");
    assert_eq!(World::wait(world.store.release(&world.stack, number)).snapshot, None);

    world.snapshot_event = SnapshotEvent::Later;
    world.exit_code = Some(7);
    let release = world.ask_after_snapshot(3);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.BackupFailed");
    assert!(
        cause.starts_with("Run backup: files: backup `files` exited with code 7"),
        "{cause}"
    );
    assert_eq!(count(&run, "Run migration"), 0);
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    // What was taken is there all the same.
    let number = world.operation(&release).release().expect("a release");
    assert!(
        World::wait(world.store.release(&world.stack, number))
            .snapshot
            .is_some()
    );
}

#[test]
fn where_there_is_nothing_to_keep_a_snapshot_is_refused() {
    let mut world = provisioned();
    let contract = world.contract.as_mut().expect("a contract");
    contract["database"] = json!(null);
    contract["backups"] = json!(null);
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    let release = world.ask_after_snapshot(2);
    let run = world.run(&release);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.ContractInvalid");
    assert!(cause.contains("neither a database nor backups"), "{cause}");
}
