//! Step Functions with the real client in front of it: the wire API, its errors, the integrations, and crashes.

#[path = "stepfunctions/world.rs"]
mod world;

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEventType};
use serde_json::{Value, json};
use world::{ROLE, World, code};

const LAMBDA: &str = "arn:aws:states:::lambda:invoke";
const ASK: &str = "arn:aws:states:::lambda:invoke.waitForTaskToken";
const BUILD: &str = "arn:aws:states:::codebuild:startBuild.sync";
const TASK: &str = "arn:aws:states:::ecs:runTask.sync";

fn pass() -> Value {
    json!({"Pass it on": {"Type": "Pass", "End": true}})
}

fn build() -> Value {
    json!({"Plan": {"Type": "Task", "Resource": BUILD, "Arguments": {"ProjectName": "runner"}, "End": true}})
}

fn ask() -> Value {
    json!({"Ask": {
        "Type": "Task",
        "Resource": ASK,
        "Arguments": {"FunctionName": "ask", "Payload": {"token": "{% $states.context.Task.Token %}"}},
        "End": true,
    }})
}

/// One state, with more fields.
fn task(resource: &str, arguments: &Value) -> Value {
    json!({"Do": {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": true}})
}

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
         arn:aws:states:::sqs:sendMessage is not offered by Slipway's local mode. at /States/Do/Resource'"
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
async fn a_token_is_answered_once_and_wrong_ones_are_told_apart() {
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

/// Every kind of waiting, one after the other.
fn every_wait() -> Value {
    json!({
        "Plan": {"Type": "Task", "Resource": BUILD, "Arguments": {"ProjectName": "runner"}, "Next": "Ask"},
        "Ask": {
            "Type": "Task",
            "Resource": ASK,
            "Arguments": {"FunctionName": "ask", "Payload": {"token": "{% $states.context.Task.Token %}"}},
            "TimeoutSeconds": 600,
            "HeartbeatSeconds": 300,
            "Next": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Migrate"},
        "Migrate": {
            "Type": "Map",
            "Items": [1, 2],
            "MaxConcurrency": 1,
            "ItemProcessor": {"StartAt": "Run", "States": {
                "Run": {"Type": "Task", "Resource": TASK, "Arguments": {"TaskDefinition": "t"}, "End": true},
            }},
            "Next": "Update",
        },
        "Update": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:ecs:updateService",
            "Arguments": {"Service": "web"},
            "End": true,
        },
    })
}

/// When the server crashes: while a call is on its way or its answer is, while a job runs, while a token or a timer
/// waits.
const BEFORE_THE_TOKEN: [(&str, usize); 3] = [("StartBuild called", 1), ("StartBuild done", 1), ("build", 1)];
const AFTER_THE_TOKEN: [(&str, usize); 8] = [
    ("RunTask called", 1),
    ("RunTask done", 1),
    ("task", 1),
    ("RunTask called", 2),
    ("RunTask done", 2),
    ("task", 2),
    ("UpdateService called", 1),
    ("UpdateService done", 1),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Crash {
    Never,
    BeforeTheToken(&'static str, usize),
    AtTheToken,
    AtTheTimer,
    AfterTheToken(&'static str, usize),
}

/// Runs the machine above with one crash; what the history and output are, and how many jobs were started.
async fn run(crash: Crash) -> (Vec<(i64, i64, String)>, Value, usize) {
    let mut world = World::new().await;
    let machine = world.machine("m", &every_wait()).await;
    if let Crash::BeforeTheToken(point, time) | Crash::AfterTheToken(point, time) = crash {
        world.outside.hold(point, time);
    }
    let execution = world.start(&machine, "op-1").await;
    if let Crash::BeforeTheToken(point, time) = crash {
        world.outside.reached(point, time).await;
        world.crash().await;
    }
    let token = world.outside.token(0).await;
    if crash == Crash::AtTheToken {
        while world
            .outline(&execution)
            .await
            .iter()
            .filter(|(_, _, event)| event == "TaskSubmitted")
            .count()
            < 2
        {
            world
                .ledger
                .changes("sfn-history")
                .changed()
                .await
                .expect("the ledger exists");
        }
        world.crash().await;
    }
    world
        .client
        .send_task_success()
        .task_token(token)
        .output("{}")
        .send()
        .await
        .expect("is open");
    if crash == Crash::AtTheTimer {
        world.crash().await;
    }
    if let Crash::AfterTheToken(point, time) = crash {
        world.outside.reached(point, time).await;
        world.crash().await;
    }
    let ended = world.ended(&execution).await;
    (
        world.outline(&execution).await,
        ended["output"].clone(),
        world.outside.jobs(),
    )
}

#[tokio::test]
async fn a_crash_at_any_turn_leaves_no_trace_and_starts_nothing_twice() {
    let undisturbed = run(Crash::Never).await;
    assert_eq!(
        undisturbed.1,
        json!({"Service": {"ServiceName": "web", "CreatedAt": "2023-11-14T22:13:20.5Z"}}).to_string()
    );
    assert_eq!(undisturbed.2, 3, "one build and two tasks");
    let mut crashes = vec![Crash::AtTheToken, Crash::AtTheTimer];
    crashes.extend(BEFORE_THE_TOKEN.map(|(point, time)| Crash::BeforeTheToken(point, time)));
    crashes.extend(AFTER_THE_TOKEN.map(|(point, time)| Crash::AfterTheToken(point, time)));
    let runs = crashes.iter().map(|crash| run(*crash));
    for (crash, disturbed) in crashes.iter().zip(futures::future::join_all(runs).await) {
        assert_eq!(disturbed, undisturbed, "{crash:?}");
    }
}

#[tokio::test]
async fn a_function_that_a_crash_interrupts_fails_as_lambda_does_and_is_retried() {
    let mut world = World::new().await;
    let mut states = task(LAMBDA, &json!({"FunctionName": "steps", "Payload": {"step": "begin"}}));
    let retry = json!([{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 1}]);
    states["Do"]["Retry"] = retry;
    let machine = world.machine("m", &states).await;
    world.outside.hold("steps", 1);
    let execution = world.start(&machine, "op-1").await;
    world.outside.reached("steps", 1).await;
    world.crash().await;
    let ended = world.ended(&execution).await;
    let output: Value = serde_json::from_str(ended["output"].as_str().expect("succeeds")).expect("JSON");
    assert_eq!(
        (&output["Payload"]["was"]["step"], &output["StatusCode"]),
        (&json!("begin"), &json!(200))
    );
    let history = world.history(&execution).await;
    let failed = history
        .iter()
        .find_map(|event| event.task_failed_event_details.as_ref())
        .expect("failed once");
    assert_eq!(failed.error(), Some("Lambda.ServiceException"));
    assert_eq!(world.outside.count("steps"), 2);
}

#[tokio::test]
async fn stopping_an_execution_stops_its_build_even_across_a_crash() {
    // While the build runs; while the call that starts it is on its way; with a crash before the build is stopped.
    for (held, crash) in [("build", false), ("StartBuild done", false), ("build", true)] {
        let mut world = World::new().await;
        let machine = world.machine("m", &build()).await;
        world.outside.hold(held, 1);
        let execution = world.start(&machine, "op-1").await;
        world.outside.reached(held, 1).await;
        if held == "build" {
            world.written(&execution, "TaskSubmitted").await;
        }
        if crash {
            world.outside.hold("StopBuild called", 1);
        }
        let stop = world
            .client
            .stop_execution()
            .execution_arn(&execution)
            .error("Slipway.Cancelled")
            .cause("enough");
        let stopped = stop.send().await.expect("is stopped");
        let described = world
            .client
            .describe_execution()
            .execution_arn(&execution)
            .send()
            .await
            .expect("is there");
        assert_eq!(
            (&described.status, described.stop_date),
            (&ExecutionStatus::Aborted, Some(stopped.stop_date))
        );
        assert_eq!(
            (described.error(), described.cause()),
            (Some("Slipway.Cancelled"), Some("enough"))
        );
        if crash {
            world.outside.reached("StopBuild called", 1).await;
            world.crash().await;
            world.outside.reached("StopBuild done", 1).await;
        }
        world.outside.release();
        world.outside.reached("StopBuild done", 1).await;
        assert_eq!(world.outside.body("StopBuild"), json!({"id": "job-1"}));
        let last = world.history(&execution).await.pop().expect("a history");
        assert_eq!(last.r#type, HistoryEventType::ExecutionAborted);
        let again = world
            .client
            .stop_execution()
            .execution_arn(&execution)
            .send()
            .await
            .expect("stays as it is");
        assert_eq!(again.stop_date, stopped.stop_date);
    }
    let world = World::new().await;
    let unknown = "arn:aws:states:us-east-1:000000000000:execution:m:x";
    assert_eq!(
        code(world.client.stop_execution().execution_arn(unknown).send().await),
        "ExecutionDoesNotExist"
    );
}

#[tokio::test]
async fn a_task_that_takes_too_long_stops_its_job_and_deleting_a_machine_its_executions() {
    let world = World::new().await;
    let mut states = task(TASK, &json!({"TaskDefinition": "t", "Cluster": "c"}));
    states["Do"]["TimeoutSeconds"] = json!(1);
    let machine = world.machine("m", &states).await;
    world.outside.hold("task", 1);
    let execution = world.start(&machine, "op-1").await;
    assert_eq!(world.ended(&execution).await["error"], "States.Timeout");
    world.outside.reached("StopTask done", 1).await;
    assert_eq!(
        (
            &world.outside.body("StopTask")["cluster"],
            &world.outside.body("StopTask")["task"]
        ),
        (&json!("c"), &json!("job-1"))
    );

    let machine = world.machine("n", &ask()).await;
    let execution = world.start(&machine, "op-1").await;
    world
        .client
        .delete_state_machine()
        .state_machine_arn(&machine)
        .send()
        .await
        .expect("is deleted");
    assert_eq!(world.ended(&execution).await["status"], "ABORTED");
}

/// The error of an execution of one task, and its cause.
async fn failure(world: &World, name: &str, resource: &str, arguments: Value) -> (String, String) {
    let machine = world.machine(name, &task(resource, &arguments)).await;
    let ended = world.ended(&world.start(&machine, "op-1").await).await;
    let text = |name: &str| ended[name].as_str().unwrap_or_default().to_owned();
    (text("error"), text("cause"))
}

#[tokio::test]
async fn failures_have_the_names_and_causes_of_aws() {
    let world = World::new().await;
    let outside = &world.outside;
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("the cause is JSON");

    let payload = json!({"FunctionName": "steps", "Payload": {"fail": true}});
    let (error, cause) = failure(&world, "a", LAMBDA, payload).await;
    assert_eq!(error, "Slipway.PlanFailed");
    assert_eq!(
        json(&cause),
        json!({"errorType": "Slipway.PlanFailed", "errorMessage": "no plan"})
    );

    outside.end(
        "build",
        json!({"id": "b", "buildStatus": "FAILED", "endTime": 1.5, "phases": [{"phaseType": "BUILD"}]}),
    );
    let (error, cause) = failure(&world, "b", BUILD, json!({"ProjectName": "runner"})).await;
    assert_eq!(error, "States.TaskFailed");
    let build = json!({"Id": "b", "BuildStatus": "FAILED", "EndTime": 1500, "Phases": [{"PhaseType": "BUILD"}]});
    assert_eq!(json(&cause), json!({"Build": build}));

    for (name, task, failed) in [
        (
            "c-1",
            json!({"taskArn": "t", "containers": [{"exitCode": 0}, {"exitCode": 3}]}),
            "\"ExitCode\":3",
        ),
        (
            "c-2",
            json!({"taskArn": "t", "containers": [{"name": "web"}]}),
            "\"Name\":\"web\"",
        ),
        (
            "c-3",
            json!({"taskArn": "t", "stopCode": "TaskFailedToStart", "containers": []}),
            "TaskFailedToStart",
        ),
    ] {
        outside.end("task", task);
        let (error, cause) = failure(&world, name, TASK, json!({})).await;
        assert_eq!(error, "States.TaskFailed");
        assert!(cause.contains(failed) && cause.starts_with("{\"TaskArn\""), "{cause}");
    }

    outside.end(
        "RunTask",
        json!({"tasks": [], "failures": [{"reason": "RESOURCE:CPU"}]}),
    );
    let (error, cause) = failure(&world, "d", TASK, json!({})).await;
    assert_eq!(error, "AmazonECS.Unknown");
    assert_eq!(
        json(&cause),
        json!({"Tasks": [], "Failures": [{"Reason": "RESOURCE:CPU"}]})
    );

    outside.end("error", json!("ServiceNotFoundException"));
    let update = "arn:aws:states:::aws-sdk:ecs:updateService";
    let (error, cause) = failure(&world, "e", update, json!({"Service": "web"})).await;
    assert_eq!(error, "Ecs.ServiceNotFoundException");
    assert!(
        cause.starts_with("as the test asked (Service: Ecs, Status Code: 400, Request ID: "),
        "{cause}"
    );
    let (error, cause) = failure(&world, "f", TASK, json!({})).await;
    assert_eq!(error, "ECS.ServiceNotFoundException");
    assert!(
        cause.contains("Service: AmazonECS; Status Code: 400; Error Code: ServiceNotFoundException"),
        "{cause}"
    );
    let describe = "arn:aws:states:::aws-sdk:sfn:describeExecution";
    let unknown = json!({"ExecutionArn": "arn:aws:states:us-east-1:000000000000:execution:m:x"});
    assert_eq!(
        failure(&world, "g", describe, unknown).await.0,
        "Sfn.ExecutionDoesNotExistException"
    );
    let bad = json!({"Entries": [{"Source": "aws.ecs", "DetailType": "x", "Detail": {}}]});
    assert_eq!(
        failure(&world, "h", "arn:aws:states:::events:putEvents", bad).await.0,
        "EventBridge.FailedEntry"
    );
}

#[tokio::test]
async fn a_refused_start_of_a_job_is_a_submit_that_failed() {
    let world = World::new().await;
    world.outside.end("error", json!("ResourceNotFoundException"));
    let machine = world.machine("m", &build()).await;
    let execution = world.start(&machine, "op-1").await;
    assert_eq!(
        world.ended(&execution).await["error"],
        "CodeBuild.ResourceNotFoundException"
    );
    world.written(&execution, "TaskSubmitFailed").await;
}

#[tokio::test]
async fn status_changes_and_events_of_a_state_go_to_the_bus() {
    let world = World::new().await;
    let entry = json!({"Source": "slipway.test", "DetailType": "Hello", "Detail": {"n": "{% $states.input.n %}"}});
    let machine = world
        .machine(
            "m",
            &task("arn:aws:states:::events:putEvents", &json!({"Entries": [entry]})),
        )
        .await;
    let execution = world.start(&machine, "op-1").await;
    world.ended(&execution).await;
    let mut events = world.outside.events.subscribe();
    let events = events
        .wait_for(|events| events.len() == 3)
        .await
        .expect("the world exists")
        .clone();
    let find = |what: &str| {
        events
            .iter()
            .find(|event| event["detail"]["status"] == what || event["detail-type"] == what)
    };
    assert_eq!(find("Hello").expect("is there")["detail"], json!({"n": 1}));
    assert_eq!(find("RUNNING").expect("is there")["detail"]["stopDate"], Value::Null);
    let ended = find("SUCCEEDED").expect("is there");
    assert_eq!(ended["detail-type"], "Step Functions Execution Status Change");
    assert_eq!(
        (&ended["resources"], &ended["detail"]["executionArn"]),
        (&json!([execution]), &json!(execution))
    );
}

#[tokio::test]
async fn an_execution_that_this_version_cannot_read_ends_with_the_reason() {
    let mut world = World::new().await;
    let machine = world.machine("m", &ask()).await;
    let execution = world.start(&machine, "op-1").await;
    world.written(&execution, "TaskSubmitted").await;
    world.service.shutdown();
    world
        .ledger
        .put("sfn-running", &execution, &json!({"execution": "of another time"}))
        .expect("is written");
    world.crash().await;
    let ended = world.ended(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("FAILED"), &json!("States.Runtime"))
    );
    assert!(
        ended["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("cannot go on"))
    );
    world.written(&execution, "ExecutionFailed").await;
}
