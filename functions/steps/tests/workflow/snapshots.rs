//! Releases with a snapshot.

use asl_interpreter::simulate::{Answer, Simulation};
use serde_json::json;
use slipway_control::cancel::{self, Outcome};
use slipway_model::operation::cancel::Cancel;
use slipway_model::operation::{OperationStatus, StepStatus};

use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{MACHINE_ARN, RUNTIME, SnapshotEvent, UPDATE, World, image};

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

/// RDS begins no snapshot of a database that is being changed, and Take snapshot repeats its request for a quarter of an hour.
#[test]
fn release_is_cancelled_while_its_database_is_busy() {
    for attempt in [1, 2] {
        let mut world = provisioned();
        world.aws().snapshot_refused = ["InvalidDBInstanceState"; 20].into();
        let release = world.ask_after_snapshot(2);
        let (store, sfn) = (world.store.clone(), world.sfn.clone());
        let mut attempts = 0;
        let run = world.run_with(&release, |task| {
            attempts += u32::from(task.state == "Take snapshot");
            if attempts < attempt {
                return None;
            }
            let asked = World::wait(store.operation(&release));
            assert_eq!(asked.cancelling(), Cancel::Stop);
            let cancelled = cancel::cancel(&store, &sfn, MACHINE_ARN, &asked, "bob");
            match RUNTIME.block_on(cancelled).expect("an outcome") {
                Outcome::Accepted(ended) => assert_eq!(ended.status, OperationStatus::Cancelled),
                other => panic!("{other:?}"),
            }
            Some(Answer::Abort)
        });
        assert_eq!(attempts, attempt);
        assert_eq!(count(&run, "Run migration"), 0);
        let operation = world.operation(&release);
        let last = operation.steps.last().expect("a step");
        assert_eq!(
            (last.name.as_str(), last.status),
            ("Wait for snapshot", StepStatus::Cancelled)
        );
        assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
        assert_eq!(world.stack().active_operation, None);
    }
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
