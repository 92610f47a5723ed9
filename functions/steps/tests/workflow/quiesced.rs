//! Workers and schedules that stop while migrations run: whatever ends the release, they run again.

use asl_interpreter::simulate::{Answer, Simulation};
use serde_json::{Value, json};
use slipway_control::orphan::{self, ExecutionEnd};
use slipway_control::rollout;
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::cancelled_by;
use slipway_model::operation::work::Work;
use slipway_model::operation::{OperationStatus, StepStatus};

use crate::aws::Hold;
use crate::kinds::{failed, images, provisioned_with, succeeded};
use crate::world::{MACHINE_ARN, RUNTIME, World, image};

/// How many tasks the autoscaler of the worker wants when a release begins.
const COUNT: i64 = 4;

/// A stack whose worker, with an autoscaler, and whose schedule stop for migrations. A release ran.
fn world() -> World {
    let world = provisioned_with(|world| {
        world.quiesce();
        let contract = world.contract.as_mut().expect("a contract");
        contract["services"]["worker"]["scaling"] = json!({"min": 1, "max": 5});
    });
    let worker = worker(&world);
    let mut aws = world.aws();
    aws.services.get_mut(&worker).expect("the worker").desired_count = COUNT;
    aws.scalable.insert(format!("service/main/{worker}"), before());
    drop(aws);
    world
}

fn worker(world: &World) -> String {
    format!("{}-worker", world.stack)
}

/// What is suspended of the autoscaler between releases.
fn before() -> Value {
    json!({"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": true})
}

/// The count of the worker, whether its autoscaler is as before, and whether the schedule is enabled.
fn runs(world: &World) -> (i64, bool, bool) {
    let worker = worker(world);
    let aws = world.aws();
    let is_as_before = aws.scalable[&format!("service/main/{worker}")] == before();
    let (_, enabled) = aws.scheduled(&format!("{}-tick", world.stack));
    (aws.services[&worker].desired_count, is_as_before, enabled)
}

fn assert_resumed(world: &World, id: &OperationId, what: &str) {
    assert_eq!(runs(world), (COUNT, true, true), "{what}");
    assert!(world.operation(id).quiesced.is_empty(), "{what}");
}

/// The event of an execution that has ended without its workflow.
fn execution_ended(id: &OperationId) -> Value {
    json!({"detail-type": "Step Functions Execution Status Change", "detail": {"name": id}})
}

fn broken() -> Answer {
    Answer::fail("Slipway.Internal", r#"{"errorMessage": "it is broken"}"#)
}

fn count(run: &Simulation, state: &str) -> usize {
    run.tasks.iter().filter(|task| task.state == state).count()
}

/// The tasks of a release from the first stopped worker to the last resumed schedule.
const BETWEEN: [&str; 7] = [
    "Quiesce workers",
    "Run migration",
    "Check migration",
    "Update service",
    "Wait until stable",
    "Verify",
    "Point schedules",
];

#[test]
fn workers_and_schedules_stop_only_while_migrations_run() {
    let mut world = world();
    world.aws().lingers = 2;
    let id = world.ask_both(2, true);
    let (aws, worker, tick) = (world.aws.clone(), worker(&world), format!("{}-tick", world.stack));
    let run = world.run_with(&id, |task| {
        if task.state == "Run migration" {
            let aws = crate::aws::lock(&aws);
            assert_eq!(aws.services[&worker].desired_count, 0);
            assert!(!aws.scheduled(&tick).1, "the schedule is enabled");
            let suspended = aws.scalable[&format!("service/main/{worker}")]
                .as_object()
                .expect("flags");
            assert!(suspended.values().all(|flag| *flag == true), "{suspended:?}");
            assert_eq!(aws.lingers, 0, "a task still runs");
        }
        None
    });
    succeeded(&run);
    assert_eq!((count(&run, "Quiesce workers"), count(&run, "Run migration")), (3, 1));
    assert_resumed(&world, &id, "after a release");
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    let steps = world.operation(&id).steps;
    assert_eq!(steps[1].name, "Quiesce workers");
    assert!(
        steps.iter().all(|step| step.status == StepStatus::Succeeded),
        "{steps:?}"
    );
}

#[test]
fn release_without_migrations_or_current_release_stops_nothing() {
    let mut world = world();
    let asked = |world: &World| world.asked.get("Quiesce workers").copied().unwrap_or_default();
    assert_eq!(asked(&world), 0, "the first release");
    let release = world.stack().current_release.expect("a release");
    let id = world.ask(Work::Rollback { release });
    succeeded(&world.run(&id));
    assert_eq!(asked(&world), 0, "a rollback");
    assert_resumed(&world, &id, "a rollback");
}

#[test]
fn failure_in_every_state_resumes() {
    for (compatible, does_its_work) in [(true, false), (true, true), (false, true)] {
        for state in BETWEEN {
            let mut world = world();
            let id = world.ask_both(2, compatible);
            let steps = world.steps.clone();
            let run = world.run_with(&id, |task| {
                if task.state != state {
                    return None;
                }
                if does_its_work {
                    // The function dies when its work is done.
                    let _ = RUNTIME.block_on(steps.handle(task.arguments["Payload"].clone()));
                }
                Some(broken())
            });
            let what = format!("{state}, {does_its_work}, {compatible}");
            assert_resumed(&world, &id, &what);
            assert!(count(&run, "Run migration") <= 1, "{what}");
            if state == "Run migration" && does_its_work {
                // The migration ran: the next state finds that.
                succeeded(&run);
                continue;
            }
            failed(&run);
            let expected = if compatible || state == "Quiesce workers" {
                OperationStatus::Failed
            } else {
                OperationStatus::NeedsAttention
            };
            assert_eq!(world.operation(&id).status, expected, "{what}");
        }
    }
}

#[test]
fn stopped_execution_resumes_in_every_state() {
    let failing = [
        "Resume workers",
        "Restore schedules",
        "Restore service",
        "Wait until restored",
    ];
    for state in BETWEEN.into_iter().chain(failing) {
        for does_its_work in [false, true] {
            let mut world = world();
            let id = world.ask_both(2, true);
            let (steps, store, sfn) = (world.steps.clone(), world.store.clone(), world.sfn.clone());
            let mut is_stopped = false;
            world.run_with(&id, |task| {
                if is_stopped {
                    return Some(broken());
                }
                if task.state != state {
                    let fails = match state {
                        "Resume workers" => task.state == "Run migration",
                        state if failing.contains(&state) => task.state == "Point schedules",
                        _ => false,
                    };
                    return fails.then(broken);
                }
                is_stopped = true;
                if does_its_work {
                    let _ = RUNTIME.block_on(steps.handle(task.arguments["Payload"].clone()));
                }
                let end = ExecutionEnd::Aborted { cause: None };
                let ended = orphan::end(&store, &sfn, MACHINE_ARN, &id, None, end);
                RUNTIME.block_on(ended).expect("the operation ends");
                Some(broken())
            });
            let what = format!("{state}, {does_its_work}");
            assert!(is_stopped, "{what} did not come");
            assert_eq!(world.operation(&id).status, OperationStatus::Cancelled, "{what}");
            let handled = RUNTIME.block_on(world.steps.handle(execution_ended(&id)));
            handled.expect("everything runs");
            assert_resumed(&world, &id, &what);
        }
    }
}

#[test]
fn step_of_a_stopped_execution_resumes_what_it_stops_late() {
    for ends_first in [true, false] {
        let mut world = world();
        let id = world.ask_both(2, true);
        let (steps, store, sfn) = (world.steps.clone(), world.store.clone(), world.sfn.clone());
        let aws = world.aws.clone();
        world.run_with(&id, |task| {
            if task.state != "Quiesce workers" {
                return Some(broken()).filter(|_| task.state == "Resume workers");
            }
            let hold = Hold {
                action: "UpdateService",
                ..Hold::default()
            };
            crate::aws::lock(&aws).hold = Some(hold.clone());
            let (late, payload) = (steps.clone(), task.arguments["Payload"].clone());
            let late = RUNTIME.spawn(async move { late.handle(payload).await });
            RUNTIME.block_on(hold.reached.notified());
            // The events function ends the operation, and the steps function resumes, in any order.
            let end = || {
                let how = ExecutionEnd::Aborted { cause: None };
                let ended = orphan::end(&store, &sfn, MACHINE_ARN, &id, None, how);
                RUNTIME.block_on(ended).expect("the operation ends")
            };
            let ended = ends_first.then(end);
            let resumed = RUNTIME.block_on(steps.handle(execution_ended(&id)));
            resumed.expect("everything runs");
            // Only now the worker stops.
            hold.go_on.notify_one();
            let late = RUNTIME.block_on(late).expect("no panic");
            if ended.is_none() {
                end();
            } else {
                assert_eq!(late.expect_err("an ended operation").name(), "Slipway.Cancelled");
            }
            Some(broken())
        });
        let (count, is_as_before, _) = runs(&world);
        assert_eq!((count, is_as_before), (COUNT, true), "{ends_first}");
        // What was recorded after that is due.
        RUNTIME
            .block_on(world.steps.handle(execution_ended(&id)))
            .expect("everything runs");
        assert_resumed(&world, &id, "late");
    }
}

#[test]
fn late_resume_starts_no_worker_of_the_next_release() {
    let mut world = world();
    world.exit_code = Some(1);
    let first = world.ask_both(2, true);
    let aws = world.aws.clone();
    failed(&world.run_with(&first, |task| {
        crate::aws::lock(&aws).denied = (task.state == "Resume workers").then_some("UpdateService");
        None
    }));
    assert!(!world.operation(&first).quiesced.is_empty(), "the worker runs");
    (world.exit_code, world.aws().denied) = (Some(0), None);

    let hold = Hold {
        action: "DescribeServices",
        ..Hold::default()
    };
    world.aws().hold = Some(hold.clone());
    let (steps, ended) = (world.steps.clone(), execution_ended(&first));
    let mut late = Some(RUNTIME.spawn(async move { steps.handle(ended).await }));
    RUNTIME.block_on(hold.reached.notified());
    let next = world.ask_both(3, true);
    let worker = worker(&world);
    let run = world.run_with(&next, |task| {
        if task.state == "Run migration"
            && let Some(late) = late.take()
        {
            hold.go_on.notify_one();
            let late = RUNTIME.block_on(late).expect("no panic");
            late.expect("nothing is left to resume");
            let aws = crate::aws::lock(&aws);
            assert_eq!(aws.services[&worker].desired_count, 0, "it runs beside the migration");
            assert_ne!(aws.scalable[&format!("service/main/{worker}")], before());
        }
        None
    });
    succeeded(&run);
    assert!(late.is_none(), "no migration ran");
    assert_resumed(&world, &next, "the next release");
    assert!(world.operation(&first).quiesced.is_empty());
}

#[test]
fn cancel_while_tasks_stop_resumes() {
    let mut world = world();
    world.aws().lingers = 9;
    let id = world.ask_both(2, true);
    let (store, sfn) = (world.store.clone(), world.sfn.clone());
    let mut attempts = 0;
    let run = world.run_with(&id, |task| {
        attempts += u32::from(task.state == "Quiesce workers");
        if attempts == 2 && task.state == "Quiesce workers" {
            let failure = cancelled_by("bob", task.state.as_str(), None);
            let cancelled = RUNTIME.block_on(rollout::cancel(&store, &sfn, &id, &failure));
            assert!(cancelled.expect("recorded").is_some(), "it can be cancelled");
        }
        None
    });
    assert_eq!(failed(&run).0, "Slipway.Cancelled");
    assert_eq!((attempts, count(&run, "Run migration")), (2, 0));
    assert_eq!(world.operation(&id).status, OperationStatus::Cancelled);
    assert_resumed(&world, &id, "cancelled");
}

#[test]
fn tasks_that_never_stop_keep_migrations_from_running() {
    let mut world = world();
    world.aws().lingers = u32::MAX;
    let id = world.ask_both(2, true);
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.NotQuiesced");
    assert!(cause.contains("of the service `worker`"), "{cause}");
    assert_eq!(count(&run, "Run migration"), 0);
    assert_resumed(&world, &id, "never stopped");
}

#[test]
fn failed_resume_is_reported_and_due_until_it_succeeds() {
    let mut world = world();
    let id = world.ask_both(2, true);
    let aws = world.aws.clone();
    let run = world.run_with(&id, |task| {
        (task.state == "Run migration").then(|| {
            crate::aws::lock(&aws).denied = Some("UpdateService");
            broken()
        })
    });
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.MigrationFailed");
    assert!(
        cause.contains("could not be resumed: Slipway.AccessDenied") && cause.contains("-worker"),
        "{cause}"
    );
    // The schedule does not wait for the worker.
    assert_eq!(runs(&world), (0, false, true));
    let due = |world: &World| {
        World::wait(world.store.operations_with_resume_due(10, None))
            .items
            .len()
    };
    assert_eq!((due(&world), world.stack().quiesced_by), (1, Some(id.clone())));

    world.aws().denied = None;
    let event = json!({"detail-type": "Slipway Resume Due", "detail": {"operation": id}});
    RUNTIME.block_on(world.steps.handle(event)).expect("handled");
    assert_resumed(&world, &id, "denied at first");
    assert_eq!(due(&world), 0);
}

#[test]
fn next_release_resumes_first() {
    let mut world = world();
    let first = world.ask_both(2, true);
    let aws = world.aws.clone();
    world.run_with(&first, |task| {
        (task.state == "Run migration").then(|| {
            crate::aws::lock(&aws).denied = Some("UpdateService");
            broken()
        })
    });
    assert!(!world.operation(&first).quiesced.is_empty());
    world.aws().denied = None;
    let next = world.ask_both(3, true);
    let run = world.run_with(&next, |task| (task.state == "Check migration").then(broken));
    assert_eq!(failed(&run).0, "Slipway.Internal");
    assert_resumed(&world, &first, "the first");
    assert_resumed(&world, &next, "the next");
    let last = world.ask_both(4, true);
    succeeded(&world.run(&last));
    assert_eq!(world.stack().quiesced_by, None);
}

#[test]
fn what_no_longer_exists_is_resumed() {
    let mut world = world();
    let id = world.ask_both(2, true);
    let aws = world.aws.clone();
    let (worker, tick) = (worker(&world), format!("{}-tick", world.stack));
    let run = world.run_with(&id, |task| {
        (task.state == "Run migration").then(|| {
            let mut aws = crate::aws::lock(&aws);
            aws.services.remove(&worker);
            aws.schedules.remove(&tick);
            broken()
        })
    });
    let (_, cause) = failed(&run);
    assert!(!cause.contains("could not be resumed"), "{cause}");
    assert!(world.operation(&id).quiesced.is_empty());
}
