//! What executions do to the services behind them, and what they make of the answers.

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEventType};
use serde_json::{Value, json};

use super::states::{BUILD, LAMBDA, TASK, ask, build, task};
use super::world::{World, code};

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
            world.written(&execution, "TaskSubmitted", 1).await;
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
    world.outside.reached("task", 1).await;
    world.pass_a_second();
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
    world.written(&execution, "TaskSubmitFailed", 1).await;
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
