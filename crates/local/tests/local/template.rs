//! What local mode reads out of the shipped template, and what it refuses.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use slipway_local::template::{TEMPLATE, Template, TemplateError};

const DEFINITION: &str = r#"{"Function": "${StepsFunctionArn}", "Project": "${CodeBuildProject}", "Price": "$5 {}"}"#;

fn shipped() -> Template {
    Template::parse(TEMPLATE, DEFINITION)
        .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

/// The shipped template with one text replaced, which has to be there.
fn with(old: &str, new: &str) -> Result<Template, TemplateError> {
    assert!(TEMPLATE.contains(old), "the template has no {old:?}");
    Template::parse(&TEMPLATE.replacen(old, new, 1), DEFINITION)
}

fn refusal(old: &str, new: &str) -> String {
    let error = with(old, new).expect_err("refused");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    [Some(error.to_string()), source]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn names_and_references_of_the_shipped_template_become_local_ones() {
    let template = shipped();
    let steps = &template.functions["StepsFunction"];
    assert_eq!(steps.name, "slipway-steps");
    assert_eq!(
        steps.arn,
        "arn:aws:lambda:us-east-1:000000000000:function:slipway-steps"
    );
    assert_eq!(
        steps.timeout_seconds, 60,
        "the function's own timeout wins over the global one"
    );
    assert_eq!(template.functions["ApiFunction"].timeout_seconds, 29);
    for (id, function) in &template.functions {
        let mut environment = function.environment.clone();
        let admins = environment.remove("SLIPWAY_ADMINS");
        let waits = environment.remove("SLIPWAY_CONCURRENT_WAITS");
        assert_eq!(admins.as_deref(), (id == "ApiFunction").then_some("slipway-admin"));
        assert_eq!(
            waits.as_deref(),
            (id == "ApiFunction").then_some("5"),
            "a number is a text"
        );
        let audits = ["ApiFunction", "EventsFunction"].contains(&id.as_str());
        let audit = environment.remove("SLIPWAY_AUDIT_DAYS");
        assert_eq!(audit.as_deref(), audits.then_some("0"), "{id}");
        let console: BTreeMap<_, _> = environment
            .extract_if(.., |name, _| {
                name.starts_with("SLIPWAY_CONSOLE_") || name.starts_with("SLIPWAY_OIDC_")
            })
            .collect();
        assert_eq!(!console.is_empty(), id == "ApiFunction", "{console:?}");
        let unhandled = environment.remove("SLIPWAY_UNHANDLED_EVENTS_URL");
        let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/slipway-unhandled-events";
        let reads = ["ApiFunction", "EventsFunction"].contains(&id.as_str());
        assert_eq!(unhandled.as_deref(), reads.then_some(queue), "{id}");
        let undelivered = environment.remove("SLIPWAY_UNDELIVERED_EVENTS_URL");
        let queue = queue.replace("unhandled", "undelivered");
        assert_eq!(undelivered, (id == "ApiFunction").then_some(queue));
        let function = environment.remove("SLIPWAY_EVENTS_FUNCTION");
        assert_eq!(function.as_deref(), (id == "ApiFunction").then_some("slipway-events"));
        let bus = environment.remove("SLIPWAY_EVENT_BUS");
        assert_eq!(bus.as_deref(), (id == "NotifyFunction").then_some("slipway"));
        assert_eq!(
            json!(environment),
            json!({
                "SLIPWAY_TABLE": "slipway",
                "SLIPWAY_STATE_BUCKET": "slipway-state-000000000000-us-east-1",
                "SLIPWAY_ARTIFACTS_BUCKET": "slipway-artifacts-000000000000-us-east-1",
                "SLIPWAY_CODEBUILD_PROJECT": "slipway-runner",
                "SLIPWAY_LOG_GROUP": "/slipway/builds",
                "SLIPWAY_STATE_MACHINE_ARN": format!("{}:live", template.state_machine.arn),
            })
        );
    }
    let machine = &template.state_machine;
    assert_eq!(
        machine.arn,
        "arn:aws:states:us-east-1:000000000000:stateMachine:slipway-operation"
    );
    assert_eq!(machine.role_arn, "arn:aws:iam::000000000000:role/slipway-OperationRole");
    assert_eq!(
        serde_json::from_str::<Value>(&machine.definition).expect("JSON"),
        json!({"Function": steps.arn, "Project": "slipway-runner", "Price": "$5 {}"})
    );
}

#[test]
fn the_resources_of_the_shipped_template_are_typed() {
    let template = shipped();
    assert_eq!(template.table.name, "slipway");
    assert_eq!(template.table.ttl_attribute.as_deref(), Some("expires_at"));
    let table = serde_json::to_value(&template.table.create_table).expect("serialises");
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(
        table["KeySchema"],
        json!([{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}])
    );
    let queues: Vec<_> = template.queues.iter().map(|queue| queue.name.as_str()).collect();
    let expected = [
        "slipway-undelivered-events",
        "slipway-unhandled-events",
        "slipway-unhandled-notifications",
    ];
    assert_eq!(queues, expected);
    assert_eq!(template.queues[0].attributes["MessageRetentionPeriod"], "1209600");
    assert_eq!(template.buses, ["slipway"]);
    assert!(template.buckets.len() == 2 && template.buckets.iter().all(|bucket| bucket.versioned));
    assert!(
        template
            .log_groups
            .iter()
            .any(|group| group.name == template.project.log_group)
    );
    assert_eq!(
        template.project.arn,
        "arn:aws:codebuild:us-east-1:000000000000:project/slipway-runner"
    );
    assert!(template.project.buildspec.contains("- slipway-runner"));
    assert_eq!(
        template.project.environment_type, "ARM_CONTAINER",
        "the branch that holds"
    );
    let table_variable = &template.project.environment_variables[0];
    assert_eq!(
        (table_variable.name.as_str(), table_variable.value.as_str()),
        ("SLIPWAY_TABLE", "slipway")
    );
    let [schedule] = &template.schedules[..] else {
        panic!("one schedule")
    };
    assert_eq!(
        (schedule.function.as_str(), schedule.expression.as_str()),
        ("SweepFunction", "rate(5 minutes)")
    );
    let ended = template
        .rules
        .iter()
        .find(|rule| rule.name == "EventsFunctionExecutionEnded")
        .expect("a rule");
    assert_eq!(ended.function, "EventsFunction");
    let queue = |name: &str| Some(format!("arn:aws:sqs:us-east-1:000000000000:slipway-{name}-events"));
    assert_eq!(ended.dead_letter, queue("undelivered"));
    let function = &template.functions["EventsFunction"];
    assert_eq!((function.retries, &function.on_failure), (2, &queue("unhandled")));
    assert_eq!(template.functions["SweepFunction"].retries, 0);
    let [mapping] = &template.mappings[..] else {
        panic!("one mapping of the table's stream")
    };
    assert_eq!(
        (mapping.function.as_str(), mapping.batch_size.get()),
        ("NotifyFunction", 10)
    );
    assert_eq!(
        mapping.on_failure,
        "arn:aws:sqs:us-east-1:000000000000:slipway-unhandled-notifications"
    );
    assert_eq!(
        ended.pattern["detail"]["stateMachineArn"],
        json!([template.state_machine.arn])
    );
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (old, new, expected) in [
        (
            "AWS::Logs::LogGroup",
            "AWS::SSM::Parameter",
            r#"Resources.FunctionLogs.Type: local mode does not know the resource type "AWS::SSM::Parameter""#,
        ),
        (
            "      BillingMode:",
            "      TableClass: STANDARD\n      BillingMode:",
            "unknown field `TableClass`",
        ),
        (
            "AttributeName: pk, AttributeType: S",
            "AttributeName: pk, AttributeKind: S",
            "Resources.Table.Properties.AttributeDefinitions[0].AttributeKind: unknown field `AttributeKind`",
        ),
        (
            "- { Name: SLIPWAY_TABLE, Value: !Ref Table }",
            "- { Name: SLIPWAY_TABLE, Value: x, Type: PARAMETER_STORE }",
            "unknown field `Type`",
        ),
        (
            "SLIPWAY_TABLE: !Ref Table",
            "SLIPWAY_TABLE: !ImportValue table",
            "Globals.Function.Environment.Variables.SLIPWAY_TABLE: local mode does not know the intrinsic function \
             !ImportValue",
        ),
        (
            "SLIPWAY_TABLE: !Ref Table",
            "SLIPWAY_TABLE: { Fn::Select: [A, B, C] }",
            "local mode does not know the intrinsic function Fn::Select",
        ),
        (
            "SLIPWAY_TABLE: !Ref Table",
            "SLIPWAY_TABLE: !Ref Tabel",
            "cannot resolve Tabel",
        ),
        (
            "SLIPWAY_TABLE: !Ref Table",
            "SLIPWAY_TABLE: !GetAtt Table.Stream",
            "cannot resolve Table.Stream",
        ),
        (
            "TableName: !Sub ${AWS::StackName}",
            "TableName: !Sub ${Table}",
            "Table refers to itself",
        ),
        (
            "Name: !Sub ${AWS::StackName}-runner",
            "",
            "cannot resolve Builds, which has no Name",
        ),
        (
            "    DeletionPolicy: Retain",
            "    Condition: Production",
            "Resources.Table.Condition: local mode cannot resolve Production",
        ),
        (
            "OnArm: !Equals [!Ref Architecture, arm64]",
            "OnArm: !Or [!Condition WithTokens, !Condition WithTokens]",
            "local mode does not know the intrinsic function !Condition",
        ),
        (
            "OnArm: !Equals [!Ref Architecture, arm64]",
            "OnArm: { Fn::Contains: [[a], a] }",
            "Conditions.OnArm: local mode cannot resolve",
        ),
        (
            "!Ref StepsFunction.Version",
            "!Ref ApiFunction.Version",
            "cannot resolve ApiFunction.Version",
        ),
        (
            "Outputs:",
            "Mappings:",
            r#"Mappings: local mode does not know "Mappings""#,
        ),
        ("Type: STANDARD", "Type: EXPRESS", "unknown variant `EXPRESS`"),
        (
            "            Type: SQS",
            "            Type: SNS",
            "unknown variant `SNS`",
        ),
        ("Type: ScheduleV2", "Type: Schedule", "unknown variant `Schedule`"),
        ("Type: S3\n", "Type: GITHUB\n", "unknown variant `GITHUB`"),
        ("Status: ENABLED", "Status: DISABLED", "unknown variant `DISABLED`"),
        (
            "CodeBuildProject: !Ref Builds",
            "Other: x",
            "${CodeBuildProject} is not among the DefinitionSubstitutions",
        ),
    ] {
        let refusal = refusal(old, new);
        assert!(refusal.contains(expected), "{refusal}\nshould contain {expected}");
    }
    assert!(matches!(Template::parse("a: [", "{}"), Err(TemplateError::Syntax(_))));
    assert!(matches!(
        Template::parse("Resources: {}", "{}"),
        Err(TemplateError::Count { found: 0, .. })
    ));
}

#[test]
fn the_table_is_the_one_that_the_store_is_written_for() {
    let table = shipped().table;
    let mut definition = serde_json::to_value(&table.create_table).expect("serialises");
    definition["TimeToLiveSpecification"] = json!({"AttributeName": table.ttl_attribute, "Enabled": true});
    let removed = definition
        .as_object_mut()
        .and_then(|members| members.remove("TableName"));
    assert_eq!(removed, Some(json!("slipway")));
    let stream = definition
        .as_object_mut()
        .and_then(|members| members.remove("StreamSpecification"));
    assert_eq!(
        stream,
        Some(json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"})),
        "keys alone: records have variables"
    );
    assert_eq!(definition, slipway_store::table::definition());
}

#[test]
fn the_shipped_definition_has_all_its_substitutions() {
    let machine = Template::embedded().expect("is understood").state_machine;
    assert!(!machine.definition.contains("${"));
    asl_interpreter::StateMachine::parse(&machine.definition).expect("is a machine");
}

/// Terraform has to end, and to save its state, before anything ends it. AWS does not say whether the time in the queue counts
/// against a build's timeout, so the timeout has room for both.
#[test]
fn every_timeout_is_longer_than_what_it_waits_for() {
    const TO_SAVE_THE_STATE: u32 = 8 * 60;
    let project = shipped().project;
    let variable = |name: &str| {
        project
            .environment_variables
            .iter()
            .find(|variable| variable.name == name)
    };
    let deadline = variable("SLIPWAY_DEADLINE_SECONDS")
        .expect("a deadline")
        .value
        .parse::<u32>();
    let deadline = deadline.expect("a number");
    let (timeout, queued) = (project.timeout_in_minutes * 60, project.queued_timeout_in_minutes * 60);
    assert!(timeout >= queued + deadline + TO_SAVE_THE_STATE);
    assert_eq!(project.concurrent_build_limit, None, "at such a limit builds fail");
    let definition: Value = serde_json::from_str(slipway_local::template::DEFINITION).expect("JSON");
    for state in ["Plan", "Apply"] {
        let seconds = definition["States"][state]["TimeoutSeconds"]
            .as_u64()
            .expect("a number");
        assert!(seconds >= u64::from(timeout + queued) + 300, "{state}");
    }
}
