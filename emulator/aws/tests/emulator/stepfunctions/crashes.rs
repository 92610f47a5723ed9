//! What a crash leaves, and what it must not do.

use serde_json::{Value, json};

use super::states::{ASK, BUILD, LAMBDA, TASK, ask, task};
use super::world::World;

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
        world.written(&execution, "TaskSubmitted", 2).await;
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
    world.written(&execution, "WaitStateEntered", 1).await;
    if crash == Crash::AtTheTimer {
        world.crash().await;
    }
    world.pass_a_second();
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
    world.written(&execution, "TaskFailed", 1).await;
    world.pass_a_second();
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

/// An answer to a token while the server starts or stops must be sent again.
#[tokio::test]
async fn token_of_a_running_execution_never_timed_out() {
    let mut world = World::new().await;
    let machine = world.machine("m", &ask()).await;
    let execution = world.start(&machine, "op-1").await;
    world.written(&execution, "TaskSubmitted", 1).await;
    let token = world.outside.token(0).await;
    world.service.shutdown();
    for action in ["SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"] {
        let body = json!({"taskToken": token, "output": "{}"});
        let refused = world.service.call(action, body).await.expect_err("it has no driver");
        assert_eq!(
            (&*refused.code, refused.status.as_u16()),
            ("ServiceUnavailable", 503),
            "{action}"
        );
    }
    world.crash().await;
    let again = world.client.send_task_success().task_token(&token).output("{}");
    again.send().await.expect("is open");
    assert_eq!(world.ended(&execution).await["status"], "SUCCEEDED");
}

/// Its operation ends with it: the sweep reads the execution, and an event says so.
#[tokio::test]
async fn execution_with_a_damaged_record_ends_with_the_reason() {
    for damaged in ["sfn-execution", "sfn-revision", "sfn-running"] {
        let mut world = World::new().await;
        let machine = world.machine("m", &ask()).await;
        let execution = world.start(&machine, "op-1").await;
        world.written(&execution, "TaskSubmitted", 1).await;
        world.service.shutdown();
        for id in world.ledger.ids(damaged).expect("ids") {
            world.ledger.put(damaged, &id, "damaged").expect("is written");
        }
        world.crash().await;
        let ended = world.ended(&execution).await;
        assert_eq!(
            (&ended["status"], &ended["error"], &ended["name"]),
            (&json!("FAILED"), &json!("States.Runtime"), &json!("op-1")),
            "{damaged}"
        );
        world.written(&execution, "ExecutionFailed", 1).await;
    }
}

#[tokio::test]
async fn an_execution_that_this_version_cannot_read_ends_with_the_reason() {
    let mut world = World::new().await;
    let machine = world.machine("m", &ask()).await;
    let execution = world.start(&machine, "op-1").await;
    world.written(&execution, "TaskSubmitted", 1).await;
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
    world.written(&execution, "ExecutionFailed", 1).await;
}
