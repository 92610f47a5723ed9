//! `Credentials`: a task is called with a role that its state names.

mod common;

use asl_interpreter::simulate::Answer;
use asl_interpreter::{EventDetails, StateMachine};
use common::{failure, machine, output, run_with};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/slipway-release";

fn task(credentials: &Value) -> Value {
    json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ecs:updateService", "Arguments": {},
        "Credentials": credentials, "End": true})
}

#[test]
fn the_role_of_an_outer_variable_reaches_the_tasks_of_a_map() {
    let states = json!({
        "Prepare": {"Type": "Pass", "Assign": {"release": {"role": ROLE}}, "Next": "M"},
        "M": {"Type": "Map", "Items": [1, 2], "End": true, "ItemProcessor": {"StartAt": "T", "States": {
            "T": task(&json!({"RoleArn": "{% $release.role %}"}))}}},
    });
    let run = run_with(&states.to_string(), &json!({}), |task| {
        Answer::Succeed(json!(task.role))
    });
    assert_eq!(output(&run), &json!([ROLE, ROLE]));
    let scheduled = run.history.iter().filter_map(|event| match &event.details {
        Some(EventDetails::TaskScheduled(details)) => Some(json!(details)["taskCredentials"].clone()),
        _ => None,
    });
    assert_eq!(scheduled.collect::<Vec<_>>(), vec![json!({"roleArn": ROLE}); 2]);
}

#[test]
fn a_task_without_credentials_has_the_machines_own_role() {
    let states =
        r#"{"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {}, "End": true}}"#;
    let run = run_with(states, &json!({}), |_| Answer::Succeed(json!({})));
    assert_eq!(run.tasks[0].role, None);
}

/// AWS documents no error of its own for this: it is that of every field whose expression gives what it cannot have. What matters
/// is that a Catch of `States.ALL` takes it.
#[test]
fn what_is_no_roles_arn_fails_the_state_and_is_caught() {
    for (value, expected) in [
        (json!(null), "Expected 'string', but was 'null'"),
        (json!(7), "Expected 'string', but was 'number'"),
        (json!("slipway-release"), "Expected 'ARN of a role', but was 'string'"),
        (
            json!("arn:aws:iam::123456789012:user/someone"),
            "Expected 'ARN of a role'",
        ),
    ] {
        let mut states = json!({"T": task(&json!({"RoleArn": "{% $states.input.role %}"}))});
        let input = json!({"role": value});
        let run = run_with(&states.to_string(), &input, |_| panic!("nothing is called"));
        let (error, cause) = failure(&run);
        assert_eq!(error, "States.QueryEvaluationError");
        assert!(
            cause.contains("'Credentials/RoleArn'") && cause.contains(expected),
            "{cause}"
        );

        states["T"]["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Output": "caught", "Next": "End"}]);
        states["End"] = json!({"Type": "Succeed"});
        let run = run_with(&states.to_string(), &input, |_| panic!("nothing is called"));
        assert_eq!(output(&run), "caught");
    }
}

#[test]
fn credentials_are_a_role_and_nothing_else() {
    machine(&json!({"T": task(&json!({"RoleArn": ROLE}))}).to_string());
    for (credentials, problem) in [
        (json!(ROLE), "Expected value of type [OBJECT] at /States/T/Credentials"),
        (
            json!({}),
            "These fields are required: [RoleArn] at /States/T/Credentials",
        ),
        (
            json!({"RoleArn": ROLE, "ExternalId": "x"}),
            "Field 'ExternalId' is not supported at /States/T/Credentials",
        ),
        (
            json!({"RoleArn": "slipway-release"}),
            "Value is not the ARN of a role at /States/T/Credentials/RoleArn",
        ),
    ] {
        let definition = json!({"QueryLanguage": "JSONata", "StartAt": "T", "States": {"T": task(&credentials)}});
        let refused = StateMachine::parse(&definition.to_string()).expect_err("refused");
        assert_eq!(refused.0.len(), 1, "{refused}");
        assert_eq!(refused.0[0].to_string(), format!("SCHEMA_VALIDATION_FAILED: {problem}"));
    }
    let pass = json!({"P": {"Type": "Pass", "Credentials": {"RoleArn": ROLE}, "End": true}});
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": pass});
    assert!(StateMachine::parse(&definition.to_string()).is_err());
}
