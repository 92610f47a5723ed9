//! What `CreateStateMachine` refuses, with AWS's classes, words and places.

mod common;

use asl_interpreter::StateMachine;
use serde_json::{Value, json};

/// Every problem of a definition, as AWS writes them.
fn problems(definition: &str) -> Vec<String> {
    match StateMachine::parse(definition) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
    }
}

/// The problems of a `JSONata` machine with one state `X`, and a state `Y` that ends.
fn problems_of(state: &str) -> Vec<String> {
    let state: Value = serde_json::from_str(state).expect("a state");
    let states = json!({"X": state, "Y": {"Type": "Succeed"}});
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "X", "States": states});
    problems(&definition.to_string())
}

#[test]
fn what_is_not_a_definition() {
    let not_an_object = "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null";
    assert_eq!(problems(""), [not_an_object]);
    assert_eq!(problems("[]"), [not_an_object]);
    assert!(problems("not a definition")[0].starts_with("INVALID_JSON_DESCRIPTION: "));
    assert_eq!(
        problems("{}"),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"]
    );
}

#[test]
fn all_problems_come_at_once_in_the_sentence_of_the_api() {
    let definition = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "Extra": 1, "States": {
        "A": {"Type": "Pass", "Next": "Nowhere", "Output": "{% 1 + %}"}, "B": {"Type": "Succeed"}}}"#;
    let errors = StateMachine::parse(definition).expect_err("four problems");
    assert_eq!(
        errors.to_string(),
        "Invalid State Machine Definition: '\
         SCHEMA_VALIDATION_FAILED: Field 'Extra' is not supported at /, \
         INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/A/Output, \
         MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere at /States/A/Next, \
         MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B'"
    );
}

#[test]
fn scopes_are_checked_as_a_graph() {
    let loops = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}}"#;
    assert_eq!(
        problems(loops),
        ["MISSING_END_STATE: Workflow has no terminal state at null"]
    );
    let dangling = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [{"Condition": true, "Next": "B"}], "Default": "C"},
        "D": {"Type": "Pass", "Next": "D"}}}"#;
    assert_eq!(
        problems(dangling),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/A/Default",
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Choices[0]/Next",
            "MISSING_END_STATE: Workflow has no terminal state at null",
        ]
    );
    let out_of_a_branch = r#"{"Type": "Parallel", "Next": "Y", "Branches": [
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "Y"}, "C": {"Type": "Pass", "End": true}}}]}"#;
    assert_eq!(
        problems_of(out_of_a_branch),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/X/Branches[0]/States/B/Next",
            "MISSING_TRANSITION_TARGET: State \"C\" is not reachable. at /States/X/Branches[0]/States/C",
        ]
    );
    let nowhere = r#"{"QueryLanguage": "JSONata", "StartAt": "Z", "States": {"A": {"Type": "Succeed"}}}"#;
    assert_eq!(
        problems(nowhere),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /StartAt",
            "MISSING_TRANSITION_TARGET: State \"A\" is not reachable. at /States/A",
        ]
    );
    let empty = r#"{"QueryLanguage": "JSONata", "StartAt": "First", "States": {}}"#;
    assert_eq!(
        problems(empty),
        [
            "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States",
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: First at /StartAt",
            "MISSING_END_STATE: Workflow has no terminal state at null",
        ]
    );
}

#[test]
fn names_are_unique_where_aws_wants_them_unique() {
    let same_name = r#"{"Type": "Parallel", "Next": "Y", "Branches": [
        {"StartAt": "Y", "States": {"Y": {"Type": "Succeed"}}}]}"#;
    assert_eq!(problems_of(same_name).len(), 1);
    assert!(problems_of(same_name)[0].starts_with("DUPLICATE_STATE_NAME: Duplicate State name: Y at "));

    let outer_variable = r#"{"Type": "Parallel", "Next": "Y", "Assign": {"v": 1}, "Branches": [
        {"StartAt": "B", "States": {"B": {"Type": "Pass", "Assign": {"v": 2, "w": 3}, "End": true}}},
        {"StartAt": "C", "States": {"C": {"Type": "Pass", "Assign": {"w": 4}, "End": true}}}]}"#;
    assert_eq!(
        problems_of(outer_variable),
        [
            "DUPLICATE_VARIABLE_NAME: The variable name 'v' was already defined in a parent scope. at \
          /States/X/Branches[0]/States/B/Assign/v"
        ]
    );
    for name in ["1st", "a-b", "", "states"] {
        let state = json!({"Type": "Pass", "Assign": {name: 1}, "Next": "Y"});
        assert_eq!(problems_of(&state.to_string()).len(), 1, "{name}");
    }
    assert_eq!(
        problems_of(r#"{"Type": "Pass", "Assign": {"states": 1, "a-b": 1}, "Next": "Y"}"#),
        [
            "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. at /States/X/Assign/states",
            "INVALID_VARIABLE_NAME: Invalid variable name 'a-b': the variable name contains invalid characters. at \
             /States/X/Assign/a-b",
        ]
    );
}

#[test]
fn jsonpath_is_refused_in_every_shape() {
    let machine = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    assert!(problems(machine)[0].contains("The QueryLanguage 'JSONPath' is not supported here"));
    let one_state = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed", "QueryLanguage": "JSONata"}}}"#;
    assert_eq!(problems(one_state), Vec::<String>::new());
    assert_eq!(
        problems_of(r#"{"Type": "Pass", "QueryLanguage": "JSONPath", "InputPath": "$", "Next": "Y"}"#),
        [
            "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine \
          at /States/X"
        ]
    );
    for field in [
        "InputPath",
        "Parameters",
        "ResultSelector",
        "ResultPath",
        "OutputPath",
        "Result",
    ] {
        let mut state = json!({"Type": "Pass", "Next": "Y"});
        state[field] = json!("$");
        let expected = format!(
            "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field '{field}' is only supported \
             for the 'JSONPath' QueryLanguage at /States/X"
        );
        assert_eq!(problems_of(&state.to_string()), [expected]);
    }
    let comparison = r#"{"Type": "Choice", "Choices": [{"Variable": "$.x", "IsNull": true, "Next": "Y"}]}"#;
    assert!(
        problems_of(comparison)[0]
            .contains("field 'Variable' is only supported for the 'JSONPath' QueryLanguage at /States/X/Choices[0]")
    );
}

#[test]
fn a_map_may_have_its_processor_under_the_older_name() {
    let map = |iterator: &str| {
        format!(
            r#"{{"Type": "Map", "Next": "Y", "Iterator": {{"StartAt": "I", {iterator}
                "States": {{"I": {{"Type": "Succeed"}}}}}}}}"#
        )
    };
    assert_eq!(problems_of(&map("")), Vec::<String>::new());
    assert_eq!(
        problems_of(&map(r#""QueryLanguage": "JSONata","#)),
        ["SCHEMA_VALIDATION_FAILED: Field 'QueryLanguage' is not supported at /States/X/Iterator"]
    );
}

#[test]
fn what_is_not_supported_says_so() {
    let processor = |config: &str| {
        format!(
            r#"{{"Type": "Map", "Next": "Y", "ItemProcessor": {{"ProcessorConfig": {config},
                "StartAt": "I", "States": {{"I": {{"Type": "Succeed"}}}}}}}}"#
        )
    };
    assert_eq!(problems_of(&processor(r#"{"Mode": "INLINE"}"#)), Vec::<String>::new());
    assert_eq!(
        problems_of(&processor(r#"{"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}"#)),
        [
            "SCHEMA_VALIDATION_FAILED: Distributed Map is not supported here: use the Mode 'INLINE' at \
          /States/X/ItemProcessor/ProcessorConfig/Mode"
        ]
    );
    for field in ["ItemReader", "ItemBatcher", "ResultWriter", "Label"] {
        let mut state: Value = serde_json::from_str(&processor(r#"{"Mode": "INLINE"}"#)).expect("a state");
        state[field] = json!({});
        let expected = format!(
            "SCHEMA_VALIDATION_FAILED: Field '{field}' belongs to a Distributed Map, which is not supported here at \
             /States/X/{field}"
        );
        assert_eq!(problems_of(&state.to_string()), [expected]);
    }
    for (field, value, refused) in [
        ("ToleratedFailureCount", json!("{% 0 %}"), false),
        ("ToleratedFailurePercentage", json!(100), false),
        ("ToleratedFailurePercentage", json!(101), true),
    ] {
        let mut state: Value = serde_json::from_str(&processor(r#"{"Mode": "INLINE"}"#)).expect("a state");
        state[field] = value;
        assert_eq!(!problems_of(&state.to_string()).is_empty(), refused, "{state}");
    }
    let activity = r#"{"Type": "Task", "Next": "Y",
        "Resource": "arn:aws:states:us-east-1:123456789012:activity:paint"}"#;
    assert!(problems_of(activity)[0].contains("is an activity, which is not supported"));
}

/// The members of a Task state that is right so far.
const TASK: &str = r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Y""#;

fn expect_problems(cases: &[(String, &str)]) {
    for (state, problem) in cases {
        assert_eq!(
            problems_of(state),
            [format!("SCHEMA_VALIDATION_FAILED: {problem}")],
            "{state}"
        );
    }
}

#[test]
fn each_state_takes_only_what_its_type_has() {
    expect_problems(&[
        (
            r#"{"Next": "Y"}"#.to_owned(),
            "The field 'Type' is required at /States/X",
        ),
        (
            r#"{"Type": "Loop", "Next": "Y"}"#.to_owned(),
            "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] \
             at /States/X/Type",
        ),
        (
            r#"{"Type": "Pass", "Catch": [], "Next": "Y"}"#.to_owned(),
            "Field 'Catch' is not supported at /States/X",
        ),
        (
            r#"{"Type": "Pass", "next": "Y", "Next": "Y"}"#.to_owned(),
            "Field 'next' is not supported at /States/X",
        ),
        (
            r#"{"Type": "Task", "Next": "Y"}"#.to_owned(),
            "These fields are required: [Resource] at /States/X",
        ),
        (
            r#"{"Type": "Task", "Resource": "steps", "Next": "Y"}"#.to_owned(),
            "Value is not a valid resource ARN at /States/X/Resource",
        ),
        (
            r#"{"Type": "Pass", "Next": "Y", "End": true}"#.to_owned(),
            "There should only be one of the following fields: [Next, End] at /States/X",
        ),
        (
            r#"{"Type": "Wait", "Seconds": 1, "Timestamp": "2030-01-01T00:00:00Z", "Next": "Y"}"#.to_owned(),
            "There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] at \
             /States/X",
        ),
        (
            r#"{"Type": "Wait", "Timestamp": "tomorrow", "Next": "Y"}"#.to_owned(),
            "String does not match RFC3339 timestamp at /States/X/Timestamp",
        ),
    ]);
}

#[test]
fn numbers_and_retriers_are_within_their_bounds() {
    expect_problems(&[
        (
            r#"{"Type": "Wait", "Seconds": -1, "Next": "Y"}"#.to_owned(),
            "Minimum value is 0 at /States/X/Seconds",
        ),
        (
            r#"{"Type": "Wait", "Next": "Y"}"#.to_owned(),
            "This object should have only one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] \
             at /States/X",
        ),
        (
            r#"{"Type": "Wait", "Seconds": 1.5, "Next": "Y"}"#.to_owned(),
            "Expected value of type Integer at /States/X/Seconds",
        ),
        (
            r#"{"Type": "Wait", "Seconds": "1", "Next": "Y"}"#.to_owned(),
            "Expected value of type Integer at /States/X/Seconds",
        ),
        (
            format!(r#"{{{TASK}, "TimeoutSeconds": 0}}"#),
            "Minimum value is 1 at /States/X/TimeoutSeconds",
        ),
        (
            format!(r#"{{{TASK}, "TimeoutSeconds": 100000000}}"#),
            "Maximum value is 99999999 at /States/X/TimeoutSeconds",
        ),
        (
            format!(r#"{{{TASK}, "Retry": [{{"ErrorEquals": ["a"], "MaxDelaySeconds": 31622401}}]}}"#),
            "Maximum value is 31622400 at /States/X/Retry[0]/MaxDelaySeconds",
        ),
        (
            format!(r#"{{{TASK}, "Retry": [{{"ErrorEquals": ["a"], "MaxAttempts": -1}}]}}"#),
            "Minimum value is 0 at /States/X/Retry[0]/MaxAttempts",
        ),
        (
            r#"{"Type": "Map", "Next": "Y"}"#.to_owned(),
            "This object should have only one of the following fields: [ItemProcessor, Iterator] at /States/X",
        ),
        (
            r#"{"Type": "Choice", "Choices": [{"Next": "Y"}]}"#.to_owned(),
            "The object must have only one of the following fields, [And, Or, Not, Variable, Condition] at \
             /States/X/Choices[0]",
        ),
        (
            format!(r#"{{{TASK}, "TimeoutSeconds": 5, "HeartbeatSeconds": 5}}"#),
            "The value of 'HeartbeatSeconds' must be smaller than that of 'TimeoutSeconds' at \
             /States/X/HeartbeatSeconds",
        ),
        (
            format!(r#"{{{TASK}, "Retry": [{{"ErrorEquals": []}}]}}"#),
            "Value cannot be empty at /States/X/Retry[0]/ErrorEquals",
        ),
        (
            format!(r#"{{{TASK}, "Retry": [{{"MaxAttempts": 1}}]}}"#),
            "These fields are required: [ErrorEquals] at /States/X/Retry[0]",
        ),
        (
            format!(r#"{{{TASK}, "Retry": [{{"ErrorEquals": ["a"], "BackoffRate": 0.5}}]}}"#),
            "Minimum value is 1 at /States/X/Retry[0]/BackoffRate",
        ),
        (
            format!(r#"{{{TASK}, "Retry": [{{"ErrorEquals": ["States.ALL"]}}, {{"ErrorEquals": ["a"]}}]}}"#),
            "States.ALL must appear alone and at end of list at /States/X/Retry[0]/ErrorEquals[0]",
        ),
        (
            format!(r#"{{{TASK}, "Catch": [{{"ErrorEquals": ["States.ALL", "a"], "Next": "Y"}}]}}"#),
            "States.ALL must appear alone and at end of list at /States/X/Catch[0]/ErrorEquals[0]",
        ),
        (
            format!(r#"{{{TASK}, "Catch": [{{"ErrorEquals": ["a"]}}]}}"#),
            "These fields are required: [Next] at /States/X/Catch[0]",
        ),
        (
            r#"{"Type": "Choice", "Choices": [], "Default": "Y"}"#.to_owned(),
            "Value cannot be empty at /States/X/Choices",
        ),
        (
            r#"{"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "Y"}]}"#.to_owned(),
            "Expected a boolean or a JSONata expression at /States/X/Choices[0]/Condition",
        ),
    ]);
}

#[test]
fn expressions_are_checked_wherever_they_stand() {
    let output = |text: &str| problems_of(&json!({"Type": "Pass", "Output": text, "Next": "Y"}).to_string());
    assert_eq!(
        output("{% phone %}"),
        ["UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/X/Output"]
    );
    assert_eq!(
        output("{% $states.errorOutput %}"),
        ["UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist. at /States/X/Output"]
    );
    assert!(output("{% 1 %} ")[0].contains("JSONata string must start with {% and end with %}"));
    // What only looks like a path or an expression is a literal.
    for literal in ["$.x", " {% phone %} ", "States.Format('{}', 1)", "$states.input"] {
        assert_eq!(output(literal), Vec::<String>::new(), "{literal}");
    }
    let deep = r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Y",
        "Arguments": {"Payload": {"list": [1, "{% x %}"]}},
        "Retry": [{"ErrorEquals": ["a"]}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.result %}", "Next": "Y"}]}"#;
    assert_eq!(
        problems_of(deep),
        [
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'x' at the top level is not supported. at \
             /States/X/Arguments/Payload/list[1]",
            "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. at /States/X/Catch[0]/Output",
        ]
    );
}
