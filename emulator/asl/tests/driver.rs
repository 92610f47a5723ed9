//! What a driver relies on: late answers are harmless, pending work can be taken up, a replay is exact.

mod common;

use std::collections::BTreeSet;

use asl_interpreter::simulate::{Answer, simulate, simulate_observed};
use asl_interpreter::{Effect, Event, Execution, ExecutionStart, Outcome, StateMachine, TaskId, TimerId, Turn};
use common::{machine, types};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

const WAITING: &str = r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "TimeoutSeconds": 60, "HeartbeatSeconds": 10, "Next": "Done",
    "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]},
    "Late": {"Type": "Wait", "Seconds": 30, "Next": "Done"}, "Done": {"Type": "Succeed"}}"#;

fn start(machine: &StateMachine) -> (Execution, Turn) {
    let start = ExecutionStart {
        arn: "arn:aws:states:eu-west-1:123456789012:execution:m:e".to_owned(),
        name: "e".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/r".to_owned(),
        state_machine_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        input: json!({}),
    };
    Execution::start(machine, start, Timestamp::UNIX_EPOCH, 1)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn task(turn: &Turn) -> TaskId {
    let mut tasks = turn.effects.iter().filter_map(|effect| match effect {
        Effect::StartTask(request) => Some(request.task),
        _ => None,
    });
    tasks.next().expect("a task is started")
}

fn timers(turn: &Turn) -> Vec<(TimerId, i64)> {
    let timers = turn.effects.iter().filter_map(|effect| match effect {
        Effect::StartTimer { timer, at } => Some((*timer, at.as_second())),
        _ => None,
    });
    timers.collect()
}

#[test]
fn a_task_that_answers_after_its_time_changes_nothing() {
    let machine = machine(WAITING);
    let (mut execution, turn) = start(&machine);
    let task = task(&turn);
    let [(_, 60), (heartbeat, 10)] = timers(&turn)[..] else {
        panic!("a timeout and a heartbeat: {:?}", turn.effects);
    };
    let turn = execution.handle(&machine, Event::TimerFired { timer: heartbeat }, at(10));
    assert!(
        turn.effects.contains(&Effect::CancelTask { task }),
        "{:?}",
        turn.effects
    );
    let before = execution.clone();
    for event in [
        Event::TaskStarted { task },
        Event::TaskSucceeded {
            task,
            output: json!({}),
        },
        Event::TaskFailed {
            task,
            error: None,
            cause: None,
        },
        Event::Heartbeat { task },
        Event::TimerFired { timer: heartbeat },
        Event::TimerFired { timer: TimerId(999) },
    ] {
        assert_eq!(execution.handle(&machine, event, at(11)), Turn::default());
    }
    assert_eq!(execution, before);
}

#[test]
fn a_heartbeat_puts_its_timer_off_but_not_the_timeout() {
    let machine = machine(WAITING);
    let (mut execution, turn) = start(&machine);
    let heartbeat = timers(&turn)[1].0;
    let turn = execution.handle(&machine, Event::Heartbeat { task: task(&turn) }, at(9));
    assert_eq!(turn.effects[0], Effect::CancelTimer { timer: heartbeat });
    assert_eq!(timers(&turn).iter().map(|(_, at)| *at).collect::<Vec<_>>(), [19]);
    assert!(turn.history.is_empty());
    let pending: BTreeSet<_> = execution
        .pending()
        .iter()
        .map(|effect| match effect {
            Effect::StartTask(request) => request.state.clone(),
            Effect::StartTimer { at, .. } => at.as_second().to_string(),
            other => panic!("{other:?} is not pending work"),
        })
        .collect();
    assert_eq!(
        pending,
        BTreeSet::from(["19".to_owned(), "60".to_owned(), "T".to_owned()])
    );
}

#[test]
fn an_answer_without_a_start_is_recorded_in_full() {
    let machine = machine(WAITING);
    let (mut execution, turn) = start(&machine);
    let event = Event::TaskSucceeded {
        task: task(&turn),
        output: json!({}),
    };
    let turn = execution.handle(&machine, event, at(1));
    assert_eq!(
        types(&turn.history)[..3],
        ["TaskStarted", "TaskSucceeded", "TaskStateExited"]
    );
    assert_eq!(turn.outcome, Some(Outcome::Succeeded { output: json!({}) }));
    assert!(execution.pending().is_empty());
}

#[test]
fn a_machine_lists_its_calls() {
    let machine = machine(WAITING);
    let tasks: Vec<_> = machine
        .tasks()
        .map(|(state, resource)| (state, resource.to_string()))
        .collect();
    assert_eq!(
        tasks,
        [("T", "arn:aws:states:::sqs:sendMessage.waitForTaskToken".to_owned())]
    );
}

#[test]
fn an_abort_stops_all_that_is_open() {
    let machine = machine(WAITING);
    let (mut execution, turn) = start(&machine);
    let task = task(&turn);
    let abort = Event::Abort {
        error: Some("Stopped".to_owned()),
        cause: None,
    };
    let turn = execution.handle(&machine, abort.clone(), at(1));
    assert_eq!(turn.effects.len(), 3, "{:?}", turn.effects);
    assert!(turn.effects.contains(&Effect::CancelTask { task }));
    let event = serde_json::to_value(&turn.history).expect("JSON");
    assert_eq!(
        event,
        json!([{"timestamp": 1.0, "type": "ExecutionAborted", "id": 4, "previousEventId": 0,
            "executionAbortedEventDetails": {"error": "Stopped"}}])
    );
    assert_eq!(execution.handle(&machine, abort, at(2)), Turn::default());
}

#[test]
fn a_refused_submission_is_a_failed_task() {
    let machine =
        machine(r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::codebuild:startBuild.sync", "End": true}}"#);
    let (mut execution, turn) = start(&machine);
    let event = Event::TaskSubmitFailed {
        task: task(&turn),
        error: Some("CodeBuild.ResourceNotFoundException".to_owned()),
        cause: Some("no such project".to_owned()),
    };
    let turn = execution.handle(&machine, event, at(1));
    assert_eq!(
        types(&turn.history),
        ["TaskStarted", "TaskSubmitFailed", "ExecutionFailed"]
    );
}

#[test]
fn another_machine_fails_the_execution_and_does_not_panic() {
    let (mut execution, turn) = start(&machine(WAITING));
    let other = machine(r#"{"Other": {"Type": "Succeed"}}"#);
    let event = Event::TaskSucceeded {
        task: task(&turn),
        output: json!({}),
    };
    let turn = execution.handle(&other, event, at(1));
    assert!(matches!(turn.outcome, Some(Outcome::Failed { error: Some(error), .. }) if error == "States.Runtime"));
}

/// A machine with everything in it that takes turns: branches, iterations, retries, waits, randomness.
const BUSY: &str = r#"{
    "Fan": {"Type": "Parallel", "Next": "Each", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sum up"}],
        "Assign": {"branches": "{% $states.result %}"}, "Output": [1, 2, 3],
        "Branches": [
            {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "TimeoutSeconds": 5, "End": true,
                "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "JitterStrategy": "FULL"}]}}},
            {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 2, "Next": "Roll"},
                "Roll": {"Type": "Pass", "Output": {"id": "{% $uuid() %}", "roll": "{% $random() %}"}, "End": true}}}]},
    "Each": {"Type": "Map", "MaxConcurrency": 2, "Next": "Sum up",
        "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 3}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sum up"}],
        "ItemProcessor": {"StartAt": "Build", "States": {"Build": {"Type": "Task", "HeartbeatSeconds": 4,
            "Resource": "arn:aws:states:::codebuild:startBuild.sync", "Output": "{% $shuffle([1, 2, 3]) %}",
            "End": true}}}},
    "Sum up": {"Type": "Pass", "End": true}}"#;

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = prop_oneof![
        4 => (0..100_i32).prop_map(|n| Answer::Succeed(json!(n))),
        1 => Just(Answer::fail("Again", "try again")),
        1 => Just(Answer::fail("Broken", "for good")),
        1 => Just(Answer::Never),
    ];
    prop::collection::vec(answer, 1..12)
}

proptest! {
    // A case runs a whole machine twice.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn saving_and_reading_back_between_turns_changes_nothing(answers in answers()) {
        let machine = machine(BUSY);
        let script = || {
            let mut answers = answers.iter().cycle().cloned();
            move |_: &_| answers.next().unwrap_or(Answer::Never)
        };
        let straight = simulate(&machine, json!({}), script());
        let saved = simulate_observed(&machine, json!({}), script(), |execution| {
            let text = serde_json::to_string(&execution).expect("an execution serialises");
            let read: Execution = serde_json::from_str(&text).expect("and reads back");
            assert_eq!(read, execution);
            read
        });
        prop_assert_eq!(&straight, &saved);
        // Whatever happened, ids have no gaps and nothing follows what comes later.
        for (event, id) in straight.history.iter().zip(1..) {
            prop_assert_eq!(event.id, id);
            prop_assert!(event.previous_event_id < id);
        }
        prop_assert_ne!(straight.outcome, Outcome::TimedOut);
    }

    #[test]
    fn every_task_that_is_not_waited_for_any_more_is_cancelled(answers in answers()) {
        let machine = machine(BUSY);
        let mut answers = answers.iter().cycle().cloned();
        let mut last = None;
        simulate_observed(&machine, json!({}), |_| answers.next().unwrap_or(Answer::Never), |execution| {
            last = Some(execution.clone());
            execution
        });
        if let Some(execution) = last.filter(|execution| execution.outcome().is_some()) {
            prop_assert!(execution.pending().is_empty());
        }
    }
}
