//! Migrations that get no lock in time.

use serde_json::json;
use slipway_model::id::OperationId;
use slipway_model::operation::{OperationStatus, StepStatus};

use crate::aws::{Shared, lock};
use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{UPDATE, World, image};

/// A world whose migration has a lock timeout and two retries.
fn world() -> World {
    let mut world = provisioned();
    let migration = &mut world.contract.as_mut().expect("a contract")["migrations"][0];
    migration["lock_timeout"] = "2s".into();
    migration["statement_timeout"] = "5min".into();
    migration["lock_retries"] = 2.into();
    migration["timeout_seconds"] = 600.into();
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    world.aws().ran.clear();
    world
}

fn release(world: &World) -> OperationId {
    world.ask_release(&[("web", image(2)), ("worker", image(2))])
}

/// The last task ended with this exit code, after it printed this.
pub fn ends(aws: &Shared, code: i32, line: &str) {
    let mut aws = lock(aws);
    let arn = aws.ran.last().expect("a task").1.clone();
    aws.tasks.get_mut(&arn).expect("a task")["containers"][0]["exitCode"] = code.into();
    let (_, task) = arn.rsplit_once('/').expect("an ID");
    aws.logs.insert(format!("app/app/{task}"), vec![line.to_owned()]);
}

/// Runs a release whose first tasks end so.
fn run(world: &mut World, first: &[(i32, &str)]) -> (OperationId, asl_interpreter::simulate::Simulation) {
    let id = release(world);
    let aws = world.aws.clone();
    let mut checks = 0;
    let run = world.run_with(&id, |task| {
        if task.state == "Check migration" {
            if let Some((code, line)) = first.get(checks) {
                ends(&aws, *code, line);
            }
            checks += 1;
        }
        None
    });
    (id, run)
}

const TIMED_OUT: (i32, &str) = (3, "psql:002.sql:1: ERROR:  canceling statement due to lock timeout");

#[test]
fn migration_without_its_locks_runs_again_and_then_once() {
    let mut world = world();
    let (id, run) = run(&mut world, &[TIMED_OUT, (75, "no lock")]);
    succeeded(&run);
    assert_eq!(world.aws().ran.len(), 3);
    let operation = world.operation(&id);
    let step = operation
        .steps
        .iter()
        .find(|step| step.name == "Run migration: migrate");
    assert_eq!(step.map(|step| step.status), Some(StepStatus::Succeeded));
    assert_eq!(
        operation
            .logs
            .iter()
            .filter(|log| log.step == "Run migration: migrate")
            .count(),
        3
    );
    assert_eq!(operation.task_run.expect("a task").lock_timeouts.len(), 2);
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);

    let aws = world.aws();
    let requests: Vec<_> = aws
        .ran
        .iter()
        .map(|(request, _)| &request["overrides"]["containerOverrides"][0])
        .collect();
    let variables = json!([
        {"name": "PGOPTIONS", "value": "-c lock_timeout=2000 -c statement_timeout=300000"},
        {"name": "SLIPWAY_LOCK_TIMEOUT_MS", "value": "2000"},
        {"name": "SLIPWAY_STATEMENT_TIMEOUT_MS", "value": "300000"},
    ]);
    assert!(
        requests.iter().all(|request| request["environment"] == variables),
        "{requests:#?}"
    );
}

#[test]
fn retries_of_a_migration_end() {
    let mut world = world();
    let (id, run) = run(&mut world, &[TIMED_OUT; 3]);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.MigrationFailed");
    assert!(cause.contains("exited with code 3 after 3 lock timeouts"), "{cause}");
    assert_eq!(world.aws().ran.len(), 3);
    assert_eq!(world.operation(&id).status, OperationStatus::Failed);
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
}

#[test]
fn migration_that_fails_otherwise_runs_once() {
    let mut world = world();
    let (_, run) = run(
        &mut world,
        &[(1, "ERROR:  column \"note\" of relation \"orders\" already exists")],
    );
    assert_eq!(failed(&run).0, "Slipway.MigrationFailed");
    assert_eq!(world.aws().ran.len(), 1);
}

#[test]
fn repeated_check_of_a_lock_timeout_starts_one_task() {
    let mut world = world();
    world.twice = true;
    let (_, run) = run(&mut world, &[TIMED_OUT]);
    succeeded(&run);
    assert_eq!(world.aws().ran.len(), 2);
}
