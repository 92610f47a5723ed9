//! Fail every state once, repeat every state once.

use asl_interpreter::Outcome;
use asl_interpreter::simulate::Answer;
use slipway_model::operation::OperationStatus;
use slipway_model::release::ReleaseStatus;
use slipway_model::stack::StackStatus;

use crate::aws::End;
use crate::definition::states;
use crate::kinds::failed;
use crate::world::{SnapshotEvent, UPDATE, World, image};

/// A failure that is injected, and what the operation has to say of it.
struct Case {
    state: String,
    answer: Answer,
    error: &'static str,
    says: &'static str,
}

/// The states that check and wait again when nothing has answered them for a while.
const CHECKS_AGAIN: [&str; 6] = [
    "Run backup",
    "Run migration",
    "Run task",
    "Wait for snapshot",
    "Wait until stable",
    "Wait until restored",
];

/// The failures of CodeBuild. An error without a name of its own AWS names in one of the first two ways.
const OF_CODEBUILD: [(&str, &str); 5] = [
    ("CodeBuild.AWSCodeBuildException", "Rate exceeded"),
    ("CodeBuild.CodeBuildException", "Rate exceeded"),
    (
        "CodeBuild.AccountLimitExceededException",
        "Cannot have more than 50 builds in queue for the account",
    ),
    ("CodeBuild.ResourceNotFoundException", "no project"),
    ("States.DataLimitExceeded", "too large"),
];

/// The failures that each kind of Task can get.
fn cases(state: &str, resource: &str) -> Vec<Case> {
    let case = |answer, error, says| Case {
        state: state.to_owned(),
        answer,
        error,
        says,
    };
    let fails = |error, cause, says| case(Answer::fail(error, cause), error, says);
    let mut cases = Vec::new();
    if !CHECKS_AGAIN.contains(&state) {
        cases.push(case(Answer::Never, "States.Timeout", "did not end in time"));
    }
    match resource.replace("${Partition}", "aws").as_str() {
        "arn:aws:states:::lambda:invoke" | "arn:aws:states:::lambda:invoke.waitForTaskToken" => {
            let internal = r#"{"errorType": "Slipway.Internal", "errorMessage": "the disk is full"}"#;
            cases.push(fails("Slipway.Internal", internal, "the disk is full"));
            cases.push(fails("Slipway.Transient", "{}", "{}"));
            cases.push(fails(
                "Runtime.ExitError",
                r#"{"errorMessage": "exit status 1"}"#,
                "exit status 1",
            ));
        }
        "arn:aws:states:::codebuild:startBuild.sync" => {
            for (error, cause) in OF_CODEBUILD {
                cases.push(fails(error, cause, cause));
            }
        }
        other => panic!("no failures are known for {other}"),
    }
    match state {
        "Wait for approval" => {
            (cases[0].error, cases[0].says) = ("Slipway.ApprovalTimedOut", "the plan was not approved");
        }
        "Update service" => {
            cases[0].error = "Slipway.RolloutFailed";
            cases[0].says = "the rollout of service `web` failed: it was not stable in time";
        }
        "Run backup" => judged_next(&mut cases, "Slipway.BackupFailed"),
        "Run migration" => judged_next(&mut cases, "Slipway.MigrationFailed"),
        "Run task" => judged_next(&mut cases, "Slipway.TaskFailed"),
        "Check backup" => cases[0].says = "Run backups did not end in time",
        "Check migration" => cases[0].says = "Run migrations did not end in time",
        // These run because another state failed, whose error is the reported one.
        "Restore service" | "Wait until restored" => {
            for case in &mut cases {
                (case.error, case.says) = ("Slipway.Unhealthy", "The services could not be restored");
            }
        }
        "Stop rollouts" => {
            for case in &mut cases {
                (case.error, case.says) = ("Slipway.Unhealthy", "Deployments of ECS could not be stopped");
            }
        }
        "Resume workers" => {
            for case in &mut cases {
                (case.error, case.says) = ("Slipway.MigrationFailed", "Workers or schedules could not be resumed");
            }
        }
        "Restore schedules" => {
            for case in &mut cases {
                (case.error, case.says) = ("Slipway.Internal", "The schedules could not be restored");
            }
        }
        "Record failure" => cases
            .iter_mut()
            .for_each(|case| (case.error, case.says) = ("Slipway.Unhealthy", "answered 503")),
        _ => {}
    }
    cases
}

/// The state after a command judges everything that becomes of it.
fn judged_next(cases: &mut [Case], error: &'static str) {
    for case in cases {
        case.error = error;
    }
}

#[test]
fn every_state_failure_is_recorded_and_frees_the_stack() {
    let tasks = states().into_iter().filter(|(_, state)| state["Type"] == "Task");
    let cases: Vec<Case> = tasks
        .flat_map(|(name, state)| cases(&name, state["Resource"].as_str().expect("a resource")))
        .collect();
    assert!(cases.len() >= 65, "{}: a Task was passed over", cases.len());
    std::thread::scope(|scope| {
        for half in cases.chunks(cases.len().div_ceil(2)) {
            scope.spawn(|| half.iter().for_each(fail_once));
        }
    });
}

/// A failure of ours.
fn broken() -> Answer {
    Answer::fail("Slipway.Internal", r#"{"errorMessage": "it is broken"}"#)
}

fn fail_once(case: &Case) {
    let (mut world, mut id) = World::new();
    let state = case.state.as_str();
    if ["Restore service", "Wait until restored", "Record failure"].contains(&state) {
        world.aws().health = vec![503];
    }
    if ["Prepare task", "Run task", "Check task"].contains(&state) {
        world.run(&id);
        id = world.ask_task("load-dump");
    }
    if state.contains("workers") {
        world.quiesce();
        world.run(&id);
        id = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
        if state == "Resume workers" {
            world.exit_code = Some(1);
        }
    }
    if state == "Stop rollouts" {
        world.run(&id);
        world.aws().health = vec![503];
        id = world.ask_both(2, false);
    }
    if state.contains("snapshot") || state.contains("backup") {
        world.run(&id);
        id = world.ask_after_snapshot(2);
    }
    let run = world.run_with(&id, |task| match task.state.as_str() {
        reached if reached == state => Some(case.answer.clone()),
        "Point schedules" if state == "Restore schedules" => Some(broken()),
        _ => None,
    });
    let what = format!("{} with {:?}", case.state, case.answer);
    assert!(
        world.asked.contains_key(&case.state),
        "{what} was not reached: {:?}",
        run.visited()
    );
    let (error, text) = failed(&run);
    assert_eq!(error, case.error, "{what}: {text}");
    assert!(text.contains(case.says), "{what}: {text}");

    let operation = world.operation(&id);
    if case.state == "Record failure" {
        // The failure could not be recorded: the end of the execution is an event, and the sweeper polls as well.
        assert!(!operation.status.has_ended());
        return;
    }
    let status = if error == "Slipway.ApprovalTimedOut" {
        OperationStatus::Discarded
    } else if state == "Stop rollouts" {
        OperationStatus::NeedsAttention
    } else {
        OperationStatus::Failed
    };
    assert_eq!(operation.status, status, "{what}");
    let failure = operation.failure.expect("a failure");
    assert_eq!(failure.name, error, "{what}");
    assert!(
        text.contains(failure.message.trim_end_matches('.')),
        "{what}: {text} / {}",
        failure.message
    );
    assert!(text.ends_with(&format!("Log: `slipway logs {id}`")), "{what}: {text}");
    assert!(operation.steps.iter().all(|step| step.ended_at.is_some()), "{what}");
    assert_eq!(world.stack().active_operation, None, "{what}");
    let before_apply = ["Begin operation", "Plan", "Review plan", "Wait for approval"];
    if before_apply.contains(&state) {
        assert_eq!(world.stack().status, StackStatus::Destroyed, "{what}: nothing was made");
        return;
    }
    assert_ne!(world.stack().status, StackStatus::Destroyed, "{what}");
    // The next operation gets its turn.
    let next = world.ask(UPDATE);
    assert_eq!(world.operation(&next).status, OperationStatus::Starting, "{what}");
}

#[test]
fn every_state_may_be_repeated_and_nothing_is_done_twice() {
    for end in [End::AtOnce, End::Later] {
        let (mut world, provision) = World::new();
        world.twice = true;
        world.rollouts_end(&end);
        let run = world.run(&provision);
        assert!(matches!(run.outcome, Outcome::Succeeded { .. }), "{:?}", run.outcome);
        let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
        let run = world.run(&release);
        assert!(matches!(run.outcome, Outcome::Succeeded { .. }), "{:?}", run.outcome);

        // A failure's path is repeated as well; what a service ran before it was deregistered meanwhile.
        let running = world
            .aws()
            .services
            .values()
            .next()
            .expect("a service")
            .task_definition
            .clone();
        world.aws().deregister(&running);
        world.aws().health = vec![503];
        let broken = world.ask_release(&[("web", image(3)), ("worker", image(3))]);
        let run = world.run(&broken);
        assert!(matches!(run.outcome, Outcome::Failed { .. }), "{:?}", run.outcome);

        let (mut once, first) = World::new();
        once.run(&first);
        let steps = |operation: &slipway_model::operation::Operation| {
            operation.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>()
        };
        let repeated = world.operation(&provision);
        assert_eq!(repeated.status, OperationStatus::Succeeded);
        assert_eq!(steps(&repeated), steps(&once.operation(&first)));

        let stack = world.stack();
        assert_eq!(stack.current_release.map(|number| number.0), Some(2));
        assert_eq!(stack.active_operation, None);
        let releases = World::wait(world.store.releases(&stack.id, 10, None)).items;
        let status: Vec<_> = releases.iter().map(|release| release.status).collect();
        assert_eq!(
            status,
            [ReleaseStatus::Failed, ReleaseStatus::Current, ReleaseStatus::Superseded]
        );
        // One revision a release, and one more where the running one was deregistered.
        let aws = world.aws();
        assert_eq!(aws.revisions(&format!("{}-web", stack.id)), 4);
        assert_eq!(aws.revisions(&format!("{}-worker", stack.id)), 3);
    }
}

#[test]
fn the_paths_that_are_repeated_go_through_every_task() {
    let (mut world, provision) = World::new();
    world.quiesce();
    world.twice = true;
    world.run_with(&provision, |task| (task.state == "Point schedules").then(broken));
    for fails in ["", "Run migration"] {
        let release = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
        world.run_with(&release, |task| (task.state == fails).then(broken));
    }
    world.aws().health = vec![503];
    let broken = world.ask_both(4, false);
    world.run(&broken);
    world.aws().health = vec![200];
    let task = world.ask_task("load-dump");
    let run = world.run(&task);
    assert!(matches!(run.outcome, Outcome::Succeeded { .. }), "{:?}", run.outcome);
    for kind in ["rds-instance", "rds-cluster"] {
        world.contract.as_mut().expect("a contract")["database"]["kind"] = kind.into();
        let update = world.ask(UPDATE);
        world.run(&update);
        for event in [SnapshotEvent::Early, SnapshotEvent::Never] {
            world.snapshot_event = event;
            let release = world.ask_after_snapshot(3);
            let run = world.run(&release);
            assert!(matches!(run.outcome, Outcome::Succeeded { .. }), "{:?}", run.outcome);
        }
    }
    let missing: Vec<String> = states()
        .into_iter()
        .filter(|(name, state)| state["Type"] == "Task" && !world.asked.contains_key(name))
        .map(|(name, _)| name)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
