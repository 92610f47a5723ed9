//! Histories that AWS has written: their types, their chain, their details.
//!
//! Each case states what was recorded from Step Functions itself for a machine of this shape, not what this crate
//! happens to do.

mod common;

use asl_interpreter::simulate::Answer;
use common::{details, expect_history, failure, output, run, run_with};
use serde_json::json;

const BOOM: &str =
    r#"{"StartAt": "Boom", "States": {"Boom": {"Type": "Fail", "Error": "MyError", "Cause": "my cause"}}}"#;
const UNDEFINED: &str = r#"{"StartAt": "Undef", "States": {
    "Undef": {"Type": "Pass", "Output": {"v": "{% $states.input.missing %}"}, "End": true}}}"#;

#[test]
fn the_first_state_follows_nothing_and_a_pass_gives_its_input_on() {
    let run = run(r#"{"A": {"Type": "Pass", "End": true}}"#, &json!({"x": 1}));
    expect_history(
        &run,
        "ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded",
        &[0, 0, 2, 3],
    );
    assert_eq!(
        serde_json::to_value(&run.history[2]).expect("JSON")["stateExitedEventDetails"],
        json!({"name": "A", "output": "{\"x\":1}", "outputDetails": {"truncated": false}})
    );
}

#[test]
fn a_task_is_scheduled_started_and_succeeds() {
    let run = run_with(
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 1,
            "Arguments": {"FunctionName": "f", "Payload": {"foo": "{% 'foo' & 'bar' %}"}}, "End": true}}"#,
        &json!({}),
        |_| Answer::Succeed(json!({"Payload": {}, "StatusCode": 200})),
    );
    expect_history(
        &run,
        "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited ExecutionSucceeded",
        &[0, 0, 2, 3, 4, 5, 6],
    );
    let event = |id: usize| serde_json::to_value(&run.history[id - 1]).expect("JSON");
    assert_eq!(
        event(3)["taskScheduledEventDetails"],
        json!({
            "resourceType": "lambda", "resource": "invoke", "region": "us-east-1", "timeoutInSeconds": 1,
            "parameters": r#"{"FunctionName":"f","Payload":{"foo":"foobar"}}"#,
        })
    );
    assert_eq!(
        event(4)["taskStartedEventDetails"],
        json!({"resourceType": "lambda", "resource": "invoke"})
    );
}

#[test]
fn a_job_is_submitted_before_it_succeeds() {
    let run = run(
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true}}"#,
        &json!({}),
    );
    expect_history(
        &run,
        "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited \
         ExecutionSucceeded",
        &[0, 0, 2, 3, 4, 5, 6, 7],
    );
    let submitted = serde_json::to_value(&run.history[4]).expect("JSON");
    assert_eq!(submitted["taskSubmittedEventDetails"]["resource"], "runTask.sync");
}

#[test]
fn a_function_arn_has_events_of_its_own() {
    let states = r#"{"T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "TimeoutSeconds": 5, "End": true}}"#;
    let timed_out = run_with(states, &json!({"Payload": null}), |_| Answer::Never);
    expect_history(
        &timed_out,
        "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionTimedOut \
         ExecutionFailed",
        &[0, 0, 2, 3, 4, 5],
    );
    let event = |id: usize| serde_json::to_value(&timed_out.history[id - 1]).expect("JSON");
    assert_eq!(
        event(3)["lambdaFunctionScheduledEventDetails"],
        json!({
            "resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "timeoutInSeconds": 5,
            "input": "{\"Payload\":null}", "inputDetails": {"truncated": false},
        })
    );
    assert!(event(4).get("lambdaFunctionStartedEventDetails").is_none());
    assert_eq!(
        event(5)["lambdaFunctionTimedOutEventDetails"],
        json!({"error": "States.Timeout"})
    );
    assert_eq!(
        event(6)["executionFailedEventDetails"],
        json!({"error": "States.Timeout"})
    );
}

#[test]
fn a_missed_heartbeat_is_a_timeout_without_a_cause() {
    let run = run_with(
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "TimeoutSeconds": 600, "HeartbeatSeconds": 5,
            "Arguments": {"Token": "{% $states.context.Task.Token %}"}, "End": true}}"#,
        &json!({}),
        |_| Answer::Never,
    );
    expect_history(
        &run,
        "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskTimedOut ExecutionFailed",
        &[0, 0, 2, 3, 4, 5, 6],
    );
    let event = |id: usize| serde_json::to_value(&run.history[id - 1]).expect("JSON");
    assert_eq!(event(3)["taskScheduledEventDetails"]["heartbeatInSeconds"], 5);
    assert_eq!(
        event(6)["taskTimedOutEventDetails"],
        json!({"error": "States.Timeout", "resource": "sendMessage.waitForTaskToken", "resourceType": "sqs"})
    );
    assert_eq!(
        run.history[5].timestamp.as_second(),
        5,
        "the heartbeat's time, not the timeout's"
    );
}

#[test]
fn assigned_variables_are_recorded_as_json_text() {
    let run = run(
        r#"{"Init": {"Type": "Pass", "Assign": {"one": 1, "word": "{% $states.input.word %}", "list": [null, {}]},
            "Output": {"a": "{% $exists($one) %}"}, "Next": "Use"},
            "Use": {"Type": "Pass", "Output": "{% $word & $one %}", "End": true}}"#,
        &json!({"word": "w"}),
    );
    let exited = serde_json::to_value(&run.history[2]).expect("JSON");
    assert_eq!(
        exited["stateExitedEventDetails"],
        json!({
            "name": "Init", "output": "{\"a\":false}", "outputDetails": {"truncated": false},
            "assignedVariables": {"one": "1", "word": "\"w\"", "list": "[null,{}]"},
            "assignedVariablesDetails": {"truncated": false},
        })
    );
    assert_eq!(output(&run), &json!("w1"));
}

#[test]
fn branches_chain_on_their_own_and_the_exit_passes_succeeded_by() {
    let run = run(
        r#"{"P": {"Type": "Parallel", "Next": "After", "Branches": [
            {"StartAt": "A1", "States": {"A1": {"Type": "Pass", "Next": "A2"}, "A2": {"Type": "Pass", "End": true}}},
            {"StartAt": "B1", "States": {"B1": {"Type": "Pass", "Next": "B2"}, "B2": {"Type": "Pass", "End": true}}}]},
            "After": {"Type": "Pass", "End": true}}"#,
        &json!({"x": "a"}),
    );
    expect_history(
        &run,
        "ExecutionStarted ParallelStateEntered ParallelStateStarted \
         PassStateEntered PassStateExited PassStateEntered PassStateExited \
         PassStateEntered PassStateExited PassStateEntered PassStateExited \
         ParallelStateSucceeded ParallelStateExited PassStateEntered PassStateExited ExecutionSucceeded",
        &[0, 0, 2, 3, 4, 3, 6, 5, 8, 7, 10, 11, 11, 13, 14, 15],
    );
    assert_eq!(output(&run), &json!([{"x": "a"}, {"x": "a"}]));
}

#[test]
fn a_fail_state_in_a_branch_fails_the_parallel_with_its_own_error() {
    let run = run(
        &format!(r#"{{"P": {{"Type": "Parallel", "Branches": [{BOOM}], "End": true}}}}"#),
        &json!({}),
    );
    expect_history(
        &run,
        "ExecutionStarted ParallelStateEntered ParallelStateStarted FailStateEntered ParallelStateFailed \
         ExecutionFailed",
        &[0, 0, 2, 3, 4, 5],
    );
    assert_eq!(failure(&run), ("MyError", "my cause"));
}

#[test]
fn an_evaluation_that_fails_in_a_branch_can_be_caught_around_it() {
    let run = run(
        &format!(
            r#"{{"P": {{"Type": "Parallel", "Branches": [{UNDEFINED}], "End": true,
                "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "Handled"}}]}},
                "Handled": {{"Type": "Pass", "End": true}}}}"#
        ),
        &json!({"x": "a"}),
    );
    expect_history(
        &run,
        "ExecutionStarted ParallelStateEntered ParallelStateStarted PassStateEntered EvaluationFailed \
         ParallelStateFailed ParallelStateExited PassStateEntered PassStateExited ExecutionSucceeded",
        &[0, 0, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    let cause = "An error occurred while executing the state 'Undef' (entered at the event id #4). The JSONata \
                 expression '$states.input.missing' specified for the field 'Output/v' returned nothing (undefined).";
    assert_eq!(
        serde_json::to_value(details(&run, 5)).expect("JSON")["evaluationFailedEventDetails"],
        json!({"error": "States.QueryEvaluationError", "cause": cause, "location": "Output/v", "state": "Undef"})
    );
    assert_eq!(
        output(&run),
        &json!({"Error": "States.QueryEvaluationError", "Cause": cause})
    );
}

#[test]
fn a_retried_parallel_starts_again_from_where_it_failed() {
    let run = run(
        &format!(
            r#"{{"P": {{"Type": "Parallel", "Branches": [{BOOM}], "End": true,
                "Retry": [{{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 0}}]}}}}"#
        ),
        &json!({}),
    );
    expect_history(
        &run,
        "ExecutionStarted ParallelStateEntered ParallelStateStarted FailStateEntered ParallelStateStarted \
         FailStateEntered ParallelStateFailed ExecutionFailed",
        &[0, 0, 2, 3, 4, 5, 6, 7],
    );
}

#[test]
fn a_task_that_fails_its_branch_is_also_aborted() {
    let run = run_with(
        r#"{"P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "Send", "States": {
                "Send": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true}}}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Handled"}]},
            "Handled": {"Type": "Pass", "End": true}}"#,
        &json!({}),
        |_| Answer::fail("SQS.QueueDoesNotExistException", "The specified queue does not exist."),
    );
    expect_history(
        &run,
        "ExecutionStarted ParallelStateEntered ParallelStateStarted TaskStateEntered TaskScheduled TaskStarted \
         TaskFailed TaskStateAborted ParallelStateFailed ParallelStateExited PassStateEntered PassStateExited \
         ExecutionSucceeded",
        &[0, 0, 2, 3, 4, 5, 6, 7, 7, 9, 10, 11, 12],
    );
}

#[test]
fn iterations_start_together_and_the_map_follows_the_last() {
    let run = run(
        r#"{"M": {"Type": "Map", "Items": "{% $states.input.items %}", "Next": "After", "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}},
            "After": {"Type": "Pass", "End": true}}"#,
        &json!({"items": [1, 2]}),
    );
    expect_history(
        &run,
        "ExecutionStarted MapStateEntered MapStateStarted MapIterationStarted MapIterationStarted \
         PassStateEntered PassStateExited MapIterationSucceeded PassStateEntered PassStateExited MapIterationSucceeded \
         MapStateSucceeded MapStateExited PassStateEntered PassStateExited ExecutionSucceeded",
        &[0, 0, 2, 3, 3, 4, 6, 7, 5, 9, 10, 11, 11, 13, 14, 15],
    );
    assert_eq!(output(&run), &json!([1, 2]));
    let event = |id: usize| serde_json::to_value(&run.history[id - 1]).expect("JSON");
    assert_eq!(event(3)["mapStateStartedEventDetails"], json!({"length": 2}));
    assert_eq!(
        event(5)["mapIterationStartedEventDetails"],
        json!({"name": "M", "index": 1})
    );
}

#[test]
fn a_map_over_nothing_exits_from_its_start() {
    let run = run(
        r#"{"M": {"Type": "Map", "Items": [], "End": true,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}}"#,
        &json!({}),
    );
    expect_history(
        &run,
        "ExecutionStarted MapStateEntered MapStateStarted MapStateSucceeded MapStateExited ExecutionSucceeded",
        &[0, 0, 2, 3, 3, 5],
    );
}

#[test]
fn an_iteration_that_fails_leaves_failed_events_that_are_passed_by() {
    let run = run(
        &format!(
            r#"{{"M": {{"Type": "Map", "Items": "{{% $states.input.items %}}", "MaxConcurrency": 1, "End": true,
                "ItemProcessor": {UNDEFINED}}}}}"#
        ),
        &json!({"items": [1, 2]}),
    );
    expect_history(
        &run,
        "ExecutionStarted MapStateEntered MapStateStarted MapIterationStarted PassStateEntered EvaluationFailed \
         MapIterationFailed MapStateFailed ExecutionFailed",
        &[0, 0, 2, 3, 4, 5, 6, 6, 8],
    );
}

#[test]
fn iterations_that_are_stopped_are_aborted_one_by_one() {
    let run = run_with(
        r#"{"MapWait": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "Invoke", "States": {
            "Invoke": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 5,
                "End": true}}}}}"#,
        &json!([1, 2, 3]),
        |_| Answer::Never,
    );
    expect_history(
        &run,
        "ExecutionStarted MapStateEntered MapStateStarted \
         MapIterationStarted MapIterationStarted MapIterationStarted \
         TaskStateEntered TaskScheduled TaskStateEntered TaskScheduled TaskStateEntered TaskScheduled \
         TaskStarted TaskStarted TaskStarted TaskTimedOut \
         MapIterationFailed TaskStateAborted MapIterationAborted TaskStateAborted MapIterationAborted TaskStateAborted \
         MapStateFailed ExecutionFailed",
        &[
            0, 0, 2, 3, 3, 3, 4, 7, 5, 9, 6, 11, 8, 10, 12, 13, 16, 16, 16, 16, 16, 16, 16, 23,
        ],
    );
}

#[test]
fn each_attempt_records_its_own_evaluation_failure() {
    let run = run(
        r#"{"Send": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true,
            "Arguments": {"QueueUrl": "q", "MessageBody": "{% $states.input.missing %}"},
            "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 0}]}}"#,
        &json!({"x": "a"}),
    );
    expect_history(
        &run,
        "ExecutionStarted TaskStateEntered EvaluationFailed EvaluationFailed ExecutionFailed",
        &[0, 0, 2, 3, 4],
    );
    assert_eq!(
        failure(&run),
        (
            "States.QueryEvaluationError",
            "An error occurred while executing the state 'Send' (entered at the event id #2). The JSONata expression \
             '$states.input.missing' specified for the field 'Arguments/MessageBody' returned nothing (undefined)."
        )
    );
}

#[test]
fn a_map_without_items_fails_before_it_starts() {
    let run = run(
        r#"{"Fan": {"Type": "Map", "Items": "{% $states.input.missing %}", "End": true,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}}"#,
        &json!({}),
    );
    expect_history(
        &run,
        "ExecutionStarted MapStateEntered EvaluationFailed MapStateFailed ExecutionFailed",
        &[0, 0, 2, 3, 4],
    );
}

#[test]
fn a_failed_catcher_is_recorded_before_the_state_failure() {
    let run = run(
        &format!(
            r#"{{"P": {{"Type": "Parallel", "Branches": [{BOOM}], "End": true, "Catch": [
                {{"ErrorEquals": ["Other"], "Next": "Done"}},
                {{"ErrorEquals": ["States.ALL"], "Output": {{"v": "{{% $states.input.missing %}}"}}, "Next": "Done"}}]}},
                "Done": {{"Type": "Pass", "End": true}}}}"#
        ),
        &json!({}),
    );
    expect_history(
        &run,
        "ExecutionStarted ParallelStateEntered ParallelStateStarted FailStateEntered ParallelStateFailed \
         EvaluationFailed ParallelStateFailed ExecutionFailed",
        &[0, 0, 2, 3, 4, 4, 6, 7],
    );
    assert!(
        failure(&run)
            .1
            .contains("specified for the field 'Catch[1]/Output/v' returned nothing")
    );
}

#[test]
fn a_choice_without_a_match_points_nowhere() {
    let run = run(
        r#"{"C": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.x = 'never' %}", "Next": "Done"}]},
            "Done": {"Type": "Pass", "End": true}}"#,
        &json!({"x": "a"}),
    );
    expect_history(&run, "ExecutionStarted ChoiceStateEntered ExecutionFailed", &[0, 0, 2]);
    assert_eq!(
        failure(&run),
        (
            "States.Runtime",
            "An error occurred while executing the state 'C' (entered at the event id #2). Failed to transition out of \
             the state. The state does not point to a next state."
        )
    );
}

#[test]
fn the_twenty_five_thousandth_event_is_the_end() {
    let run = run(
        r#"{"Seed": {"Type": "Pass", "Next": "P"},
            "P": {"Type": "Parallel", "End": true,
                "Retry": [{"ErrorEquals": ["States.ALL"]}], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
                "Branches": [{"StartAt": "Tick", "States": {
                    "Tick": {"Type": "Pass", "Next": "Tock"},
                    "Tock": {"Type": "Choice", "Choices": [{"Condition": false, "Next": "Stop"}], "Default": "Tick"},
                    "Stop": {"Type": "Succeed"}}}]},
            "Done": {"Type": "Succeed"}}"#,
        &json!({}),
    );
    assert_eq!(run.history.len(), 25_000);
    assert_eq!(
        failure(&run),
        (
            "States.Runtime",
            "The execution reached the maximum number of history events (25000)."
        )
    );
    let last = run.history.last().expect("an event");
    assert_eq!((last.id, last.previous_event_id), (25_000, 24_999));
}
