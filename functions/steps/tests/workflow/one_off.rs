//! One-off tasks: migrations, backups and tasks, which the steps start, follow and stop.

use asl_interpreter::simulate::Answer;
use serde_json::json;
use slipway_control::rollout;
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::{Cancel, cancelled_by};
use slipway_model::operation::{OperationStatus, StepStatus};

use crate::aws::End;
use crate::kinds::{failed, images, provisioned, provisioned_with, succeeded};
use crate::world::{PREVIEW, RUNTIME, UPDATE, World, image};

fn release(world: &World) -> OperationId {
    world.ask_release(&[("web", image(2)), ("worker", image(2))])
}

/// The states that wait for a one-off task, and how often each was entered.
fn entered(run: &asl_interpreter::simulate::Simulation, state: &str) -> usize {
    run.tasks.iter().filter(|task| task.state == state).count()
}

#[test]
fn the_event_of_its_end_answers_the_step() {
    let mut world = provisioned();
    world.aws().tasks_end = Some(End::Later);
    let id = release(&world);
    let run = world.run(&id);
    succeeded(&run);
    assert_eq!(entered(&run, "Run migration"), 1);
    let run = world.operation(&id).task_run.expect("the task");
    assert_eq!((run.step.as_str(), run.token), ("Run migration: migrate", None));
}

#[test]
fn a_lost_event_is_made_up_for_within_a_minute() {
    let mut world = provisioned();
    world.contract.as_mut().expect("a contract")["migrations"][0]["timeout_seconds"] = 600.into();
    let update = world.ask(UPDATE);
    succeeded(&world.run(&update));
    world.aws().tasks_end = Some(End::Never);
    let id = release(&world);
    let aws = world.aws.clone();
    let mut waits = 0;
    let run = world.run_with(&id, |task| {
        waits += u32::from(task.state == "Run migration");
        if task.state == "Run migration" && waits == 3 {
            // It stops between two checks, and its event is lost.
            let mut aws = crate::aws::lock(&aws);
            let arn = aws.ran.last().expect("a task").1.clone();
            aws.end_task(&arn);
        }
        None
    });
    succeeded(&run);
    assert_eq!(entered(&run, "Run migration"), 3);
}

#[test]
fn one_that_does_not_end_in_time_is_stopped() {
    let mut world = provisioned();
    world.aws().tasks_end = Some(End::Never);
    let id = release(&world);
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.MigrationFailed");
    assert!(
        cause.contains("migration `migrate` did not end within 60 seconds, and was stopped"),
        "{cause}"
    );
    let aws = world.aws();
    let (_, arn) = aws.ran.last().expect("a task");
    assert_eq!(
        aws.stops[0],
        (arn.clone(), "Slipway: it did not end in time".to_owned())
    );
    drop(aws);
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
}

#[test]
fn a_repeated_step_starts_nothing_twice() {
    let mut world = provisioned();
    world.aws().tasks_end = Some(End::Later);
    let started = world.aws().ran.len();
    let id = release(&world);
    let steps = world.steps.clone();
    let mut attempts = 0;
    let run = world.run_with(&id, |task| {
        attempts += u32::from(task.state == "Run migration");
        if task.state != "Run migration" || attempts > 1 {
            return None;
        }
        // Its work is done, and its answer is lost.
        RUNTIME
            .block_on(steps.handle(task.arguments["Payload"].clone()))
            .expect("a task is started");
        Some(Answer::fail(
            "Lambda.ServiceException",
            "the invocation was interrupted",
        ))
    });
    succeeded(&run);
    assert_eq!(attempts, 2);
    assert_eq!(world.aws().ran.len(), started + 1);
}

/// The step ended between the answer of ECS and the write of the ARN.
#[test]
fn a_start_whose_arn_was_lost_finds_the_same_task() {
    let mut world = provisioned();
    world.aws().tasks_end = Some(End::Later);
    let started = world.aws().ran.len();
    let id = release(&world);
    let (steps, store) = (world.steps.clone(), world.store.clone());
    let mut attempts = 0;
    let run = world.run_with(&id, |task| {
        attempts += u32::from(task.state == "Run migration");
        if task.state != "Run migration" || attempts > 1 {
            return None;
        }
        RUNTIME
            .block_on(steps.handle(task.arguments["Payload"].clone()))
            .expect("a task is started");
        World::wait(store.update_operation(&id, |operation| {
            operation.task_run.as_mut().expect("a task").task = None;
            Ok(())
        }));
        Some(Answer::fail("Sandbox.Timedout", "the function took too long"))
    });
    succeeded(&run);
    assert_eq!((attempts, world.aws().ran.len()), (2, started + 1));
}

#[test]
fn a_task_for_which_there_is_no_room_is_asked_for_again() {
    let mut world = provisioned();
    world.aws().rejects = ["RESOURCE:MEMORY"; 3].into();
    let id = release(&world);
    let run = world.run(&id);
    succeeded(&run);
    assert_eq!(entered(&run, "Run migration"), 4);

    world.aws().rejects = ["RESOURCE:CPU"; 6].into();
    let id = release(&world);
    let run = world.run(&id);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.MigrationFailed");
    assert!(
        cause.starts_with("Run migration: migrate: migration `migrate` could not be started: RESOURCE:CPU"),
        "{cause}"
    );
    assert!(world.aws().rejects.is_empty());
}

/// The backup is the worker's, whose definition has the network mode that ECS takes for none. The migration is that of the service `web`.
#[test]
fn command_runs_on_what_its_service_runs_on() {
    let mut world = provisioned_with(|world| {
        let contract = world.contract.as_mut().expect("a contract");
        contract["services"]["web"]["task_definition"]["networkMode"] = "awsvpc".into();
    });
    let named = |service: &str| format!("{}-{service}", world.stack);
    let (web, worker) = (named("web"), named("worker"));
    let spot = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 1}]);
    let role = "arn:aws:iam::000000000000:role/slipway/volumes";
    let volume = |tags: &str| json!({"sizeInGiB": 20, "roleArn": role, "tagSpecifications": [{"resourceType": "volume", "propagateTags": tags}]});
    {
        let mut aws = world.aws();
        aws.services.get_mut(&web).expect("a service").runs_on = json!({"capacityProviderStrategy": spot});
        let worker = aws.services.get_mut(&worker).expect("a service");
        worker.runs_on = json!({"launchType": "EC2"});
        worker.volumes = json!([{"name": "data", "managedEBSVolume": volume("SERVICE")}]);
    }
    let release = world.ask_after_snapshot(2);
    succeeded(&world.run(&release));
    let ran: Vec<_> = world
        .aws()
        .ran
        .iter()
        .rev()
        .take(2)
        .map(|(asked, _)| asked.clone())
        .collect();
    let [migration, backup] = ran.as_slice() else {
        panic!("{ran:?}")
    };
    assert_eq!(migration["capacityProviderStrategy"], spot);
    assert!(migration.get("networkConfiguration").is_some());
    assert!(migration.get("launchType").is_none() && migration.get("volumeConfigurations").is_none());
    assert_eq!(backup["launchType"], "EC2");
    assert!(backup.get("capacityProviderStrategy").is_none() && backup.get("networkConfiguration").is_none());
    let mut expected = volume("TASK_DEFINITION");
    expected["terminationPolicy"] = json!({"deleteOnTermination": true});
    assert_eq!(
        backup["volumeConfigurations"],
        json!([{"name": "data", "managedEBSVolume": expected}])
    );
}

#[test]
fn command_of_a_service_that_no_longer_exists_fails_by_name() {
    let mut world = provisioned();
    let started = world.aws().ran.len();
    let web = format!("{}-web", world.stack);
    world.aws().services.remove(&web);
    let task = world.ask_task("load-dump");
    let run = world.run(&task);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.TaskFailed");
    assert!(
        cause.contains(&format!("its service `{web}` no longer exists")),
        "{cause}"
    );
    assert_eq!(world.aws().ran.len(), started);
}

#[test]
fn a_cancel_stops_the_task_and_ends_the_operation_as_cancelled() {
    for (state, step) in [
        ("Run backup", "Run backup: files"),
        ("Run migration", "Run migration: migrate"),
        ("Run task", "Run task: load-dump"),
    ] {
        let mut world = provisioned();
        world.aws().tasks_end = Some(End::Never);
        let id = match state {
            "Run backup" => world.ask_after_snapshot(2),
            "Run task" => world.ask_task("load-dump"),
            _ => release(&world),
        };
        let (store, sfn, steps) = (world.store.clone(), world.sfn.clone(), world.steps.clone());
        let aws = world.aws.clone();
        let run = world.run_with(&id, |task| {
            if task.state != state {
                return None;
            }
            RUNTIME
                .block_on(steps.handle(task.arguments["Payload"].clone()))
                .expect("a task is started");
            let operation = World::wait(store.operation(&id));
            assert_eq!(operation.cancelling(), Cancel::Unwind);
            let failure = cancelled_by("bob", step, None);
            let cancelled = RUNTIME.block_on(rollout::cancel(&store, &sfn, &id, &failure));
            assert!(cancelled.expect("recorded").is_some());
            let token = task.arguments["Payload"]["token"].as_str().expect("a token");
            let (error, cause) = crate::aws::lock(&aws).answered[token].clone().expect("a failure");
            Some(Answer::fail(&error, &cause))
        });
        let (error, cause) = failed(&run);
        assert_eq!(error, "Slipway.Cancelled", "{cause}");
        let operation = world.operation(&id);
        assert_eq!(operation.status, OperationStatus::Cancelled);
        let failure = operation.failure.expect("a failure");
        assert_eq!(failure.message, "bob cancelled the operation");
        let ended = operation.steps.iter().find(|known| known.name == step);
        assert_eq!(ended.map(|step| step.status), Some(StepStatus::Cancelled), "{step}");
        let aws = world.aws();
        let (_, arn) = aws.ran.last().expect("a task");
        assert_eq!(aws.tasks[arn]["lastStatus"], "STOPPED");
        assert_eq!(aws.stops.len(), 1, "{:?}", aws.stops);
        drop(aws);
        assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
    }
}

/// The cancel comes before the step has a token, and between two of its attempts.
#[test]
fn a_cancel_before_the_task_starts_starts_none() {
    let mut world = provisioned();
    let started = world.aws().ran.len();
    let id = release(&world);
    let (store, sfn) = (world.store.clone(), world.sfn.clone());
    let run = world.run_with(&id, |task| {
        if task.state == "Run migration" {
            let failure = cancelled_by("bob", "Run migration: migrate", None);
            RUNTIME
                .block_on(rollout::cancel(&store, &sfn, &id, &failure))
                .expect("recorded");
        }
        None
    });
    assert_eq!(failed(&run).0, "Slipway.Cancelled");
    assert_eq!(world.operation(&id).status, OperationStatus::Cancelled);
    assert_eq!(world.aws().ran.len(), started);
}

/// A cancel that was answered with 202 is never passed over, also where the command had succeeded by then.
#[test]
fn a_cancel_wins_over_a_task_that_has_just_ended() {
    let mut world = provisioned();
    let id = release(&world);
    let (store, sfn) = (world.store.clone(), world.sfn.clone());
    let run = world.run_with(&id, |task| {
        if task.state == "Check migration" {
            let failure = cancelled_by("bob", "Run migration: migrate", None);
            let cancelled = RUNTIME.block_on(rollout::cancel(&store, &sfn, &id, &failure));
            assert!(cancelled.expect("recorded").is_some());
        }
        None
    });
    assert_eq!(failed(&run).0, "Slipway.Cancelled");
    assert_eq!(images(&world), [image(1).to_string(), image(1).to_string()]);
}

#[test]
fn the_task_of_a_stopped_execution_is_stopped() {
    let mut world = provisioned();
    world.aws().tasks_end = Some(End::Never);
    let id = release(&world);
    let steps = world.steps.clone();
    world.run_with(&id, |task| {
        if task.state != "Run migration" {
            return None;
        }
        RUNTIME
            .block_on(steps.handle(task.arguments["Payload"].clone()))
            .expect("a task is started");
        Some(Answer::Abort)
    });
    let event = json!({
        "detail-type": "Step Functions Execution Status Change", "source": "aws.states",
        "detail": {"name": id, "status": "ABORTED"},
    });
    // EventBridge delivers at least once.
    for _ in 0..2 {
        RUNTIME.block_on(world.steps.handle(event.clone())).expect("handled");
    }
    let aws = world.aws();
    let (_, arn) = aws.ran.last().expect("a task").clone();
    assert_eq!(
        aws.stops,
        [(arn, "Slipway: the execution of its operation has ended".to_owned())]
    );
    drop(aws);
    // Of an operation that runs no task there is nothing to stop.
    let preview = world.ask(PREVIEW);
    let event = json!({"detail-type": "Step Functions Execution Status Change", "detail": {"name": preview}});
    RUNTIME.block_on(world.steps.handle(event)).expect("handled");
}

#[test]
fn snapshot_of_a_busy_database_is_retried() {
    let mut world = provisioned();
    world.aws().snapshot_refused = ["InvalidDBInstanceState"; 3].into();
    let id = world.ask_after_snapshot(2);
    let run = world.run(&id);
    succeeded(&run);
    assert_eq!(entered(&run, "Take snapshot"), 4);

    for (code, error) in [
        ("DBInstanceNotFound", "Slipway.SnapshotFailed"),
        ("AccessDenied", "Slipway.AccessDenied"),
    ] {
        world.aws().snapshot_refused = [code].into();
        let id = world.ask_after_snapshot(3);
        let run = world.run(&id);
        let (named, cause) = failed(&run);
        assert_eq!(named, error);
        assert!(cause.contains(code) && cause.contains("not now"), "{cause}");
    }
}
