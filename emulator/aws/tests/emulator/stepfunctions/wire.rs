//! The wire API: each action, its errors, pages and names.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};

use super::states::{LAMBDA, ask, build, pass, task};
use super::world::{ROLE, World, code};

#[tokio::test]
async fn a_machine_is_created_once_and_described_updated_listed_and_deleted() {
    let world = World::new().await;
    let client = &world.client;
    let arn = world.machine("operation", &pass()).await;
    assert_eq!(arn, "arn:aws:states:us-east-1:000000000000:stateMachine:operation");
    assert_eq!(
        world.machine("operation", &pass()).await,
        arn,
        "the same machine again is the same machine"
    );
    let create = |name: &str, definition: &str| {
        client
            .create_state_machine()
            .name(name)
            .role_arn(ROLE)
            .definition(definition)
    };
    let definition =
        json!({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let definition = definition.to_string();
    assert_eq!(
        code(create("operation", &definition).send().await),
        "StateMachineAlreadyExists"
    );
    assert_eq!(code(create("a b", &definition).send().await), "InvalidName");
    assert_eq!(
        code(create("x", &definition).role_arn("role").send().await),
        "InvalidArn"
    );
    assert_eq!(code(create("x", "{").send().await), "InvalidDefinition");
    let express = create("x", &definition).r#type(aws_sdk_sfn::types::StateMachineType::Express);
    assert_eq!(code(express.send().await), "StateMachineTypeNotSupported");
    assert_eq!(
        code(create("x", &definition).publish(true).send().await),
        "ValidationException"
    );

    let update = client.update_state_machine().state_machine_arn(&arn);
    assert_eq!(code(update.clone().send().await), "MissingRequiredParameter");
    update.definition(&definition).send().await.expect("is updated");
    let described = client
        .describe_state_machine()
        .state_machine_arn(&arn)
        .send()
        .await
        .expect("is there");
    assert_eq!(
        (described.definition(), described.role_arn()),
        (definition.as_str(), ROLE)
    );

    for name in ["a", "b"] {
        create(name, &definition).send().await.expect("is created");
    }
    let first = client.list_state_machines().max_results(2).send().await.expect("lists");
    let second = client
        .list_state_machines()
        .max_results(2)
        .set_next_token(first.next_token.clone());
    let second = second.send().await.expect("lists");
    let names = [first.state_machines, second.state_machines]
        .concat()
        .into_iter()
        .map(|it| it.name);
    assert_eq!(names.collect::<Vec<_>>(), ["a", "b", "operation"]);
    assert_eq!(second.next_token, None);
    assert_eq!(
        code(client.list_state_machines().next_token("x").send().await),
        "InvalidToken"
    );

    for _ in 0..2 {
        client
            .delete_state_machine()
            .state_machine_arn(&arn)
            .send()
            .await
            .expect("is deleted, or is so already");
    }
    let gone = client.describe_state_machine().state_machine_arn(&arn).send().await;
    assert_eq!(code(gone), "StateMachineDoesNotExist");
    assert_eq!(
        code(client.describe_state_machine().state_machine_arn("x").send().await),
        "InvalidArn"
    );
}

#[tokio::test]
async fn a_definition_is_refused_with_its_reasons() {
    let world = World::new().await;
    let definition = |states: Value| json!({"QueryLanguage": "JSONata", "StartAt": "Do", "States": states}).to_string();
    let unknown = definition(task("arn:aws:states:::sqs:sendMessage", &json!({})));
    let create = world
        .client
        .create_state_machine()
        .name("x")
        .role_arn(ROLE)
        .definition(&unknown)
        .send()
        .await;
    assert_eq!(
        create.expect_err("refused").into_service_error().to_string(),
        "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The resource provided \
         arn:aws:states:::sqs:sendMessage of the state 'Do' is not supported by this emulator. at \
         /States/Do/Resource'"
    );
    let validate = |definition: String| {
        world
            .client
            .validate_state_machine_definition()
            .definition(definition)
            .send()
    };
    let refused = validate(unknown).await.expect("an answer");
    assert_eq!((refused.result.as_str(), refused.diagnostics.len()), ("FAIL", 1));
    let good = validate(definition(task(LAMBDA, &json!({"FunctionName": "steps"}))))
        .await
        .expect("an answer");
    assert_eq!((good.result.as_str(), good.diagnostics.len()), ("OK", 0));
    let long = definition(json!({"Do": {"Type": "Pass", "Comment": "x".repeat(1_048_576), "End": true}}));
    assert_eq!(code(validate(long).await), "ValidationException");
}

#[tokio::test]
async fn an_execution_is_started_once_and_its_name_is_kept() {
    let mut world = World::new().await;
    let machine = world.machine("m", &build()).await;
    world.outside.hold("build", 1);
    let start = |name: &str, input: &str| {
        world
            .client
            .start_execution()
            .state_machine_arn(&machine)
            .name(name)
            .input(input)
            .send()
    };
    let first = start("op-1", "{\"n\": 1}").await.expect("starts");
    let again = start("op-1", "{\"n\": 1}").await.expect("is the same one");
    assert_eq!(
        first.execution_arn,
        "arn:aws:states:us-east-1:000000000000:execution:m:op-1"
    );
    assert_eq!(
        (&first.execution_arn, first.start_date),
        (&again.execution_arn, again.start_date)
    );
    assert_eq!(code(start("op-1", "{\"n\": 2}").await), "ExecutionAlreadyExists");
    assert_eq!(code(start("op-2", "{n}").await), "InvalidExecutionInput");
    assert_eq!(code(start("op 2", "{}").await), "InvalidName");
    assert_eq!(
        code(start("op-2", &format!("\"{}\"", "x".repeat(262_144))).await),
        "ValidationException"
    );
    let other = world
        .client
        .start_execution()
        .state_machine_arn(format!("{machine}-2"))
        .send()
        .await;
    assert_eq!(code(other), "StateMachineDoesNotExist");
    let through = |alias: &str| {
        let start = world.client.start_execution().name("op-1").input("{\"n\": 1}");
        start.state_machine_arn(format!("{machine}:{alias}")).send()
    };
    assert_eq!(code(through("live").await), "StateMachineDoesNotExist");
    world.service.ensure_alias(&machine, "live").expect("is made");
    let aliased = through("live").await.expect("is the same one");
    assert_eq!(aliased.execution_arn, first.execution_arn, "an alias is no part of it");
    assert_eq!(code(through("lives").await), "StateMachineDoesNotExist");
    world.outside.release();
    let ended = world.ended(&first.execution_arn).await;
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(code(start("op-1", "{\"n\": 1}").await), "ExecutionAlreadyExists");
    let unnamed = world
        .client
        .start_execution()
        .state_machine_arn(&machine)
        .send()
        .await
        .expect("starts");
    assert_eq!(world.ended(&unnamed.execution_arn).await["input"], "{}");
    assert_eq!(world.outside.jobs(), 2);
    let unknown = world.client.create_activity().name("x").send().await;
    assert_eq!(code(unknown), "UnknownOperationException");
    world.crash().await;
    let described = world
        .client
        .describe_execution()
        .execution_arn(&first.execution_arn)
        .send()
        .await;
    assert_eq!(described.expect("is kept").status, ExecutionStatus::Succeeded);
}

#[tokio::test]
async fn executions_are_described_and_listed_by_pages_with_the_definition_they_were_started_with() {
    let world = World::new().await;
    let machine = world.machine("m", &build()).await;
    world.outside.end("build", json!({"id": "b", "buildStatus": "FAILED"}));
    let mut started = Vec::new();
    for name in ["op-1", "op-2", "op-3"] {
        started.push(world.start(&machine, name).await);
        world.ended(&started[started.len() - 1]).await;
    }
    let list = || world.client.list_executions().state_machine_arn(&machine);
    let first = list().max_results(2).send().await.expect("lists");
    let second = list()
        .max_results(2)
        .set_next_token(first.next_token.clone())
        .send()
        .await
        .expect("lists");
    let listed: Vec<String> = [first.executions, second.executions]
        .concat()
        .into_iter()
        .map(|it| it.execution_arn)
        .collect();
    assert_eq!(listed, started.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(second.next_token, None);
    let succeeded = list()
        .status_filter(ExecutionStatus::Succeeded)
        .send()
        .await
        .expect("lists");
    assert_eq!(succeeded.executions.len(), 0);
    assert_eq!(code(list().next_token("!").send().await), "InvalidToken");
    assert_eq!(
        code(list().state_machine_arn(format!("{machine}x")).send().await),
        "StateMachineDoesNotExist"
    );

    let update = world.client.update_state_machine().state_machine_arn(&machine);
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Pass it on", "States": pass()}).to_string();
    update.definition(&definition).send().await.expect("is updated");
    let of = world
        .client
        .describe_state_machine_for_execution()
        .execution_arn(&started[0])
        .send()
        .await;
    assert!(of.expect("is kept").definition().contains("startBuild"));
    let described = world
        .client
        .describe_execution()
        .execution_arn(&started[0])
        .send()
        .await
        .expect("is there");
    assert_eq!(
        (&described.status, described.input()),
        (&ExecutionStatus::Failed, Some("{\"n\": 1}"))
    );
    assert_eq!(described.error(), Some("States.TaskFailed"));
    assert!(described.stop_date >= Some(described.start_date));
    let unknown = world
        .client
        .describe_execution()
        .execution_arn(format!("{}x", started[0]))
        .send()
        .await;
    assert_eq!(code(unknown), "ExecutionDoesNotExist");
    assert_eq!(
        code(world.client.describe_execution().execution_arn(&machine).send().await),
        "InvalidArn"
    );
}

#[tokio::test]
async fn a_history_is_read_in_both_directions_by_pages_and_without_data() {
    let world = World::new().await;
    let machine = world.machine("m", &pass()).await;
    let execution = world.start(&machine, "op-1").await;
    assert_eq!(world.ended(&execution).await["output"], "{\"n\":1}");
    let page = |reverse: bool, token: Option<String>| {
        let history = world
            .client
            .get_execution_history()
            .execution_arn(&execution)
            .max_results(3);
        history.reverse_order(reverse).set_next_token(token).send()
    };
    for reverse in [false, true] {
        let first = page(reverse, None).await.expect("a page");
        let second = page(reverse, first.next_token.clone()).await.expect("a page");
        assert_eq!(second.next_token, None);
        let mut ids: Vec<i64> = [first.events, second.events]
            .concat()
            .iter()
            .map(|event| event.id)
            .collect();
        if reverse {
            ids.reverse();
        }
        assert_eq!(ids, [1, 2, 3, 4]);
    }
    let started = &world.history(&execution).await[0];
    let details = started.execution_started_event_details.as_ref().expect("details");
    assert_eq!((details.input(), details.role_arn()), (Some("{\"n\":1}"), Some(ROLE)));
    let bare = world
        .client
        .get_execution_history()
        .execution_arn(&execution)
        .include_execution_data(false);
    let bare = bare.send().await.expect("a page");
    assert!(bare.events.iter().all(|event| {
        event
            .state_entered_event_details
            .as_ref()
            .is_none_or(|details| details.input.is_none())
            && event
                .execution_succeeded_event_details
                .as_ref()
                .is_none_or(|details| details.output.is_none())
    }));
}

#[tokio::test]
async fn a_token_is_answered_once_and_wrong_ones_are_rejected() {
    let world = World::new().await;
    let machine = world.machine("m", &ask()).await;
    let client = &world.client;
    let execution = world.start(&machine, "op-1").await;
    let token = world.outside.token(0).await;
    let succeed = |token: &str, output: &str| client.send_task_success().task_token(token).output(output).send();
    assert_eq!(code(succeed("x", "{}").await), "InvalidToken");
    assert_eq!(code(succeed(&"0".repeat(64), "{}").await), "TaskDoesNotExist");
    assert_eq!(code(succeed(&token, "{").await), "InvalidOutput");
    client
        .send_task_heartbeat()
        .task_token(&token)
        .send()
        .await
        .expect("is open");
    succeed(&token, "{\"approved\": true}").await.expect("is open");
    assert_eq!(world.ended(&execution).await["output"], "{\"approved\":true}");
    assert_eq!(code(succeed(&token, "{}").await), "TaskTimedOut");
    assert_eq!(
        code(client.send_task_heartbeat().task_token(&token).send().await),
        "TaskTimedOut"
    );

    let execution = world.start(&machine, "op-2").await;
    let fail = client.send_task_failure().task_token(world.outside.token(1).await);
    fail.error("Slipway.ApprovalRejected")
        .cause("not today")
        .send()
        .await
        .expect("is open");
    let ended = world.ended(&execution).await;
    assert_eq!(
        (&ended["error"], &ended["cause"]),
        (&json!("Slipway.ApprovalRejected"), &json!("not today"))
    );
}

#[tokio::test]
async fn a_token_may_be_answered_before_the_call_that_carried_it_returns() {
    let world = World::new().await;
    let machine = world.machine("m", &ask()).await;
    world.outside.hold("ask", 1);
    let execution = world.start(&machine, "op-1").await;
    let answer = world
        .client
        .send_task_success()
        .task_token(world.outside.token(0).await);
    answer.output("1").send().await.expect("is open");
    assert_eq!(world.ended(&execution).await["output"], "1");
    world.outside.release();
}
