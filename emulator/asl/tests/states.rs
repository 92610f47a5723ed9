//! What each state does with data: a table of machines, inputs and task answers against outputs and failures.

mod common;

use asl_interpreter::simulate::Answer;
use common::{failure, output, run, run_with, types};
use serde_json::{Value, json};

/// Runs a machine whose tasks succeed with `{}` and expects the output.
fn expect_output(states: &str, input: &Value, expected: &Value) {
    assert_eq!(output(&run(states, input)), expected, "{states}");
}

/// Runs a machine and expects an evaluation failure at this field.
fn expect_evaluation_failure(states: &str, input: &Value, message: &str) {
    let run = run(states, input);
    let (error, cause) = failure(&run);
    assert_eq!(error, "States.QueryEvaluationError", "{states}");
    assert!(cause.ends_with(message), "{cause}");
}

#[test]
fn variables_are_read_as_they_were_on_entry() {
    expect_output(
        r#"{"Seed": {"Type": "Pass", "Assign": {"x": 3, "a": 6}, "Next": "Swap"},
            "Swap": {"Type": "Pass", "Assign": {"x": "{% $a %}", "nextX": "{% $x %}"},
                "Output": {"seen": "{% $x %}"}, "Next": "Look"},
            "Look": {"Type": "Pass", "End": true,
                "Output": {"seen": "{% $states.input.seen %}", "x": "{% $x %}", "nextX": "{% $nextX %}"}}}"#,
        &json!({}),
        &json!({"seen": 3, "x": 6, "nextX": 3}),
    );
}

#[test]
fn branches_read_outer_variables_and_keep_their_own() {
    expect_output(
        r#"{"Seed": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "P"},
            "P": {"Type": "Parallel", "Next": "After", "Branches": [
                {"StartAt": "A", "States": {
                    "A": {"Type": "Pass", "Assign": {"inner": "{% $outer + 1 %}"}, "Next": "A2"},
                    "A2": {"Type": "Pass", "Output": "{% $inner %}", "End": true}}},
                {"StartAt": "B", "States": {
                    "B": {"Type": "Pass", "Assign": {"inner": "{% $outer + 10 %}"}, "Next": "B2"},
                    "B2": {"Type": "Pass", "Output": "{% $inner %}", "End": true}}}]},
            "After": {"Type": "Pass", "End": true,
                "Output": {"branches": "{% $states.input %}", "leaked": "{% $exists($inner) %}"}}}"#,
        &json!({}),
        &json!({"branches": [2, 11], "leaked": false}),
    );
}

#[test]
fn a_map_selects_items_and_shows_each_in_the_context() {
    expect_output(
        r#"{"M": {"Type": "Map", "Items": "{% $states.input.items %}", "End": true,
            "ItemSelector": {"at": "{% $states.context.Map.Item.Index %}",
                "item": "{% $states.context.Map.Item.Value %}", "all": "{% $count($states.input.items) %}"},
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true,
                "Output": "{% $states.input.item & $states.context.Map.Item.Index & $states.input.all %}"}}}}}"#,
        &json!({"items": ["a", "b"]}),
        &json!(["a02", "b12"]),
    );
    // An array in the definition may hold expressions; without Items the input is the array.
    expect_output(
        r#"{"M": {"Type": "Map", "Items": [1, "{% $states.input.two %}"], "End": true,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}}}"#,
        &json!({"two": 2}),
        &json!([1, 2]),
    );
    expect_output(
        r#"{"M": {"Type": "Map", "End": true, "Output": "{% $count($states.result) %}",
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}}}"#,
        &json!([7, 8, 9]),
        &json!(3),
    );
}

#[test]
fn a_map_runs_no_more_iterations_than_it_may() {
    let states = |limit: &str| {
        format!(
            r#"{{"M": {{"Type": "Map", "MaxConcurrency": {limit}, "End": true, "ItemProcessor": {{"StartAt": "I",
                "States": {{"I": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}}}}}}}}"#
        )
    };
    let input: Value = (0..50).collect::<Vec<_>>().into();
    // AWS allows 40 iterations of an inline Map at once, whatever the definition says.
    for (limit, expected) in [("3", 3), ("\"{% 2 %}\"", 2), ("0", 40), ("1000", 40)] {
        let run = run_with(&states(limit), &input, |_| Answer::Succeed(json!({})));
        let (mut running, mut most) = (0, 0);
        for event in types(&run.history) {
            match event.as_str() {
                "MapIterationStarted" => running += 1,
                "MapIterationSucceeded" => running -= 1,
                _ => {}
            }
            most = most.max(running);
        }
        assert_eq!(most, expected, "MaxConcurrency {limit}");
        assert_eq!(output(&run).as_array().map(Vec::len), Some(50));
    }
}

#[test]
fn a_choice_takes_the_first_rule_that_holds_with_its_own_exit() {
    let states = r#"{"C": {"Type": "Choice", "Default": "Other", "Output": "default", "Assign": {"by": "default"},
            "Choices": [
                {"Condition": "{% $states.input.n > 10 %}", "Next": "Big", "Output": "big", "Assign": {"by": "rule"}},
                {"Condition": "{% $states.input.n > 5 %}", "Next": "Big"},
                {"Condition": "{% $states.input.missing %}", "Next": "Other"}]},
        "Big": {"Type": "Pass", "Output": ["{% $states.input %}", "{% $exists($by) ? $by : 'none' %}"], "End": true},
        "Other": {"Type": "Pass", "Output": ["{% $states.input %}", "{% $by %}"], "End": true}}"#;
    expect_output(states, &json!({"n": 11}), &json!(["big", "rule"]));
    expect_output(states, &json!({"n": 6}), &json!([{"n": 6}, "none"]));
    expect_output(
        states,
        &json!({"n": 1, "missing": false}),
        &json!(["default", "default"]),
    );
    expect_evaluation_failure(
        states,
        &json!({"n": 1}),
        "specified for the field 'Choices[2]/Condition' returned nothing (undefined).",
    );
    expect_evaluation_failure(
        states,
        &json!({"n": 1, "missing": "yes"}),
        "specified for the field 'Choices[2]/Condition' returned an unexpected result type. Expected 'boolean', but was \
         'string' for value: \"yes\"",
    );
}

#[test]
fn fields_name_the_place_of_what_they_lack() {
    let missing = "{% $states.input.missing %}";
    for (state, location) in [
        (json!({"Type": "Pass", "Output": missing, "End": true}), "Output"),
        (
            json!({"Type": "Pass", "Output": {"a": [1, {"b": missing}]}, "End": true}),
            "Output/a[1]/b",
        ),
        (
            json!({"Type": "Pass", "Assign": {"x": missing}, "End": true}),
            "Assign/x",
        ),
        (json!({"Type": "Wait", "Seconds": missing, "End": true}), "Seconds"),
        (json!({"Type": "Wait", "Timestamp": missing, "End": true}), "Timestamp"),
        (json!({"Type": "Fail", "Error": missing}), "Error"),
        (json!({"Type": "Fail", "Error": "E", "Cause": missing}), "Cause"),
        (
            json!({"Type": "Choice", "Default": "Z", "Choices": [
                {"Condition": true, "Assign": {"x": missing}, "Next": "Z"}]}),
            "Choices[0]/Assign/x",
        ),
        (
            json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": missing, "End": true}),
            "TimeoutSeconds",
        ),
        (
            json!({"Type": "Map", "Items": [1], "MaxConcurrency": missing, "End": true,
                "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}}),
            "MaxConcurrency",
        ),
    ] {
        let mut states = json!({"X": state});
        if location.starts_with("Choices") {
            states["Z"] = json!({"Type": "Succeed"});
        }
        let message = format!(
            "An error occurred while executing the state 'X' (entered at the event id #2). The JSONata expression \
             '$states.input.missing' specified for the field '{location}' returned nothing (undefined)."
        );
        expect_evaluation_failure(&states.to_string(), &json!({}), &message);
    }
}

/// Recorded from AWS for `TimeoutSeconds`.
#[test]
fn an_invalid_number_is_reported_by_its_field() {
    let task = |timeout: &str| {
        json!({"T": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity", "Arguments": {},
            "TimeoutSeconds": timeout, "End": true}})
        .to_string()
    };
    let prefix = "An error occurred while executing the state 'T' (entered at the event id #2). ";
    for (timeout, message) in [
        ("{% -1 %}", "TimeoutSeconds must be between 0 and 99999999 but was: -1"),
        (
            "{% 1.6 %}",
            "The TimeoutSeconds field cannot be parsed as an integer: 1.6",
        ),
        (
            "{% '3' %}",
            "The JSONata expression ''3'' specified for the field 'TimeoutSeconds' returned an unexpected result type. \
             Expected 'number', but was 'string' for value: \"3\"",
        ),
    ] {
        let run = run(&task(timeout), &json!({}));
        assert_eq!(
            failure(&run),
            ("States.QueryEvaluationError", format!("{prefix}{message}").as_str())
        );
    }
}

#[test]
fn fail_states_report_their_error_and_cause() {
    let failed = run(
        r#"{"F": {"Type": "Fail", "Error": "{% $states.input.name %}", "Cause": "{% 'because of ' & $states.input.name %}"}}"#,
        &json!({"name": "Bad"}),
    );
    assert_eq!(failure(&failed), ("Bad", "because of Bad"));
    expect_evaluation_failure(
        r#"{"F": {"Type": "Fail", "Error": "{% 1 %}"}}"#,
        &json!({}),
        "specified for the field 'Error' returned an unexpected result type. Expected 'string', but was 'number' for \
         value: 1",
    );
    let silent = run(r#"{"F": {"Type": "Fail"}}"#, &json!({}));
    let last = serde_json::to_value(silent.history.last()).expect("JSON");
    assert_eq!(last["executionFailedEventDetails"], json!({}));
}

#[test]
fn a_wait_state_waits_for_its_time() {
    for (field, seconds) in [
        (json!({"Seconds": 7}), 7),
        (json!({"Seconds": "{% $states.input.n * 2 %}"}), 10),
        (json!({"Timestamp": "1970-01-01T00:01:00Z"}), 60),
        (json!({"Timestamp": "{% $fromMillis(90000) %}"}), 90),
        (json!({"Timestamp": "1969-01-01T00:00:00Z"}), 0),
    ] {
        let mut state = json!({"Type": "Wait", "End": true});
        state
            .as_object_mut()
            .expect("an object")
            .extend(field.as_object().expect("an object").clone());
        let run = run(&json!({"W": state}).to_string(), &json!({"n": 5}));
        assert_eq!(output(&run), &json!({"n": 5}));
        assert_eq!(
            run.history.last().map(|event| event.timestamp.as_second()),
            Some(seconds),
            "{field}"
        );
    }
}

#[test]
fn the_context_object_is_complete() {
    let run = run_with(
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
            "Arguments": "{% $states.context %}", "Output": "{% $states.result %}"}}"#,
        &json!({"in": 1}),
        |task| Answer::Succeed(json!({"arguments": task.arguments, "token": task.token})),
    );
    let output = output(&run);
    assert_eq!(
        output["arguments"],
        json!({
            "Execution": {
                "Id": "arn:aws:states:us-east-1:123456789012:execution:simulated:run", "Input": {"in": 1},
                "StartTime": "1970-01-01T00:00:00.000Z", "Name": "run",
                "RoleArn": "arn:aws:iam::123456789012:role/simulated", "RedriveCount": 0,
            },
            "StateMachine": {
                "Id": "arn:aws:states:us-east-1:123456789012:stateMachine:simulated", "Name": "simulated",
            },
            "State": {"Name": "T", "EnteredTime": "1970-01-01T00:00:00.000Z", "RetryCount": 0},
            "Task": {"Token": output["token"]},
        })
    );
    assert_eq!(output["token"].as_str().map(str::len), Some(64));
}

#[test]
fn each_retrier_counts_for_itself_and_the_first_that_matches_decides() {
    let states = r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Arguments": "{% $states.context.State.RetryCount %}",
        "Retry": [{"ErrorEquals": ["A", "B"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 2},
                  {"ErrorEquals": ["C"], "IntervalSeconds": 5}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]},
        "Z": {"Type": "Pass", "End": true}}"#;
    let mut errors = ["A", "B", "C", "B"].into_iter();
    let run = run_with(states, &json!({}), |_| {
        Answer::fail(errors.next().expect("four attempts"), "boom")
    });
    assert_eq!(output(&run), &json!({"Error": "B", "Cause": "boom"}));
    let counts: Vec<_> = run.tasks.iter().map(|task| task.arguments.clone()).collect();
    assert_eq!(counts, [0, 1, 2, 3]);
    let failed: Vec<_> = run
        .history
        .iter()
        .filter(|event| format!("{:?}", event.event_type) == "TaskFailed")
        .map(|event| event.timestamp.as_second())
        .collect();
    assert_eq!(failed, [0, 1, 3, 8], "waits of 1, 2 and 5 seconds");
}

#[test]
fn a_retry_follows_the_failure_and_does_not_enter_again() {
    let mut attempts = 0;
    let run = run_with(
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
            "Retry": [{"ErrorEquals": ["States.TaskFailed"]}]}}"#,
        &json!({}),
        |_| {
            attempts += 1;
            if attempts == 1 {
                Answer::fail("E", "c")
            } else {
                Answer::Succeed(json!(attempts))
            }
        },
    );
    common::expect_history(
        &run,
        "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskFailed TaskScheduled TaskStarted \
         TaskSucceeded TaskStateExited ExecutionSucceeded",
        &[0, 0, 2, 3, 4, 5, 6, 7, 8, 9],
    );
}

#[test]
fn what_a_wildcard_catches() {
    let states = |pattern: &str| {
        format!(
            r#"{{"T": {{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 9,
                "HeartbeatSeconds": 3, "Next": "Z", "Catch": [{{"ErrorEquals": ["{pattern}"], "Next": "Caught"}}]}},
                "Caught": {{"Type": "Pass", "Output": "caught", "End": true}}, "Z": {{"Type": "Succeed"}}}}"#
        )
    };
    let big = "x".repeat(262_144);
    let answers: [(&str, Answer); 4] = [
        ("error", Answer::fail("E", "c")),
        ("timeout", Answer::Never),
        ("data", Answer::Succeed(json!(big))),
        ("runtime", Answer::fail("States.Runtime", "c")),
    ];
    for (pattern, caught) in [
        ("States.ALL", [true, true, false, false]),
        ("States.TaskFailed", [true, false, false, false]),
        ("States.Timeout", [false, true, false, false]),
        ("States.HeartbeatTimeout", [false, true, false, false]),
        ("States.DataLimitExceeded", [false, false, true, false]),
        ("States.Runtime", [false, false, false, false]),
        ("E", [true, false, false, false]),
    ] {
        for ((what, answer), caught) in answers.iter().zip(caught) {
            let run = run_with(&states(pattern), &json!({}), |_| answer.clone());
            let is_caught = run.visited().contains(&"Caught");
            assert_eq!(is_caught, caught, "{pattern} and {what}");
        }
    }
}

#[test]
fn a_catcher_assigns_and_gives_on_what_it_says() {
    let run = run_with(
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::codebuild:startBuild.sync", "Next": "Z",
            "Assign": {"result": "{% $states.result %}"},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z",
                "Assign": {"failure": "{% $states.errorOutput.Error & ' in ' & $states.context.State.Name %}"},
                "Output": {"input": "{% $states.input %}", "cause": "{% $states.errorOutput.Cause %}"}}]},
            "Z": {"Type": "Pass", "Output": ["{% $failure %}", "{% $states.input %}", "{% $exists($result) %}"],
                "End": true}}"#,
        &json!({"x": 1}),
        |_| Answer::fail("States.TaskFailed", "the build"),
    );
    assert_eq!(
        output(&run),
        &json!(["States.TaskFailed in T", {"input": {"x": 1}, "cause": "the build"}, false])
    );
    // A timeout has no cause: AWS binds an empty string.
    let timed_out = run_with(
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 1, "Next": "Z",
            "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Z"}]}, "Z": {"Type": "Succeed"}}"#,
        &json!({}),
        |_| Answer::Never,
    );
    assert_eq!(output(&timed_out), &json!({"Error": "States.Timeout", "Cause": ""}));
}

#[test]
fn data_has_a_limit_in_bytes() {
    // With its quotes the string is exactly as long as the limit, then one byte longer.
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    let states =
        r#"{"P": {"Type": "Pass", "Output": "{% $states.input & $states.context.State.Name %}", "End": true}}"#;
    assert_eq!(output(&run(states, &text(262_143))), &json!("x".repeat(262_141) + "P"));
    let over = run(states, &text(262_144));
    assert_eq!(
        failure(&over),
        (
            "States.DataLimitExceeded",
            "The state/task 'P' returned a result with a size exceeding the maximum number of bytes service limit."
        )
    );
    let task = r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}"#;
    let over = run_with(task, &json!({}), |_| Answer::Succeed(text(262_145)));
    assert_eq!(types(&over.history)[4], "TaskFailed");
    assert!(
        failure(&over)
            .1
            .starts_with("The state/task 'lambda' returned a result")
    );
    let assign = r#"{"P": {"Type": "Pass", "Output": 1, "End": true,
        "Assign": {"a": "{% $states.input %}", "b": "{% $states.input %}"}}}"#;
    assert_eq!(
        failure(&run(assign, &text(131_074))),
        (
            "States.DataLimitExceeded",
            "The Assign field exceeds the maximum variable assignment size by 4 bytes."
        )
    );
}

#[test]
fn the_machine_itself_can_run_out_of_time() {
    let machine = common::parse(
        r#"{"QueryLanguage": "JSONata", "StartAt": "W", "TimeoutSeconds": 5, "States": {
            "W": {"Type": "Wait", "Seconds": 60, "End": true}}}"#,
    );
    let run = asl_interpreter::simulate::simulate(&machine, json!({}), |_| Answer::Never);
    assert_eq!(run.outcome, asl_interpreter::Outcome::TimedOut);
    common::expect_history(&run, "ExecutionStarted WaitStateEntered ExecutionTimedOut", &[0, 0, 0]);
    let last = serde_json::to_value(run.history.last()).expect("JSON");
    assert_eq!(
        last["executionTimedOutEventDetails"],
        json!({"error": "States.Timeout"})
    );
}
