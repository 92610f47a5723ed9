//! EventBridge Scheduler: which ticks run, and what is refused. ECS is a list of the calls that it got.

use std::sync::{Arc, Mutex};

use aws_emulator::clock::Clock;
use aws_emulator::ledger::Ledger;
use aws_emulator::scheduler::Scheduler;
use aws_emulator::sqs::Sqs;
use aws_emulator::wire::{AwsError, RestCall};
use futures::FutureExt as _;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOTHING: [Value; 0] = [];

struct World {
    scheduler: Scheduler,
    sqs: Sqs,
    runs: Arc<Mutex<Vec<Value>>>,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::over(tempfile::tempdir().expect("a temporary folder"))
    }

    fn over(folder: TempDir) -> Self {
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        let sqs = Sqs::new(ledger.clone(), Clock::System, "http://127.0.0.1:1").expect("opens");
        let runs: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = runs.clone();
        let ecs = Arc::new(move |action: String, body: Value| {
            assert_eq!(action, "RunTask");
            let outcome = if body["taskDefinition"] == "gone" {
                Err(AwsError::new("ClientException", "TaskDefinition is inactive"))
            } else {
                Ok(json!({}))
            };
            seen.lock().expect("no panic").push(body);
            async move { outcome }.boxed()
        });
        let scheduler = Scheduler::new(ledger, Clock::System, ecs, sqs.clone());
        Self {
            scheduler,
            sqs,
            runs,
            folder,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Value, AwsError> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = RestCall {
            headers: http::HeaderMap::new(),
            method,
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body,
        };
        self.scheduler.call(call).await
    }

    async fn create(&self, name: &str, changes: Value) {
        let created = self
            .ask(Method::POST, &format!("/schedules/{name}"), definition(changes))
            .await;
        assert_eq!(
            created.expect("is made")["ScheduleArn"],
            format!("arn:aws:scheduler:us-east-1:000000000000:schedule/default/{name}")
        );
    }

    /// What ran between two times.
    async fn ran(&self, from: Timestamp, to: Timestamp) -> Vec<Value> {
        self.scheduler.run_due(from, to).await.expect("runs");
        std::mem::take(&mut *self.runs.lock().expect("no panic"))
    }
}

/// A schedule for every full hour, with some members changed.
fn definition(changes: Value) -> Value {
    let mut definition = json!({
        "ScheduleExpression": "cron(0 * * * ? *)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c",
            "RoleArn": "arn:aws:iam::000000000000:role/schedules",
            "EcsParameters": {"TaskDefinitionArn": "web:1", "LaunchType": "FARGATE"},
            "Input": json!({"containerOverrides": [{"name": "web", "command": ["tick"]}]}).to_string(),
        },
    });
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    for (name, value) in changes {
        let (object, member) = name.rsplit_once('/').unwrap_or(("", &name));
        let object = definition.pointer_mut(object).and_then(Value::as_object_mut);
        let object = object.expect("a member");
        if value.is_null() {
            object.remove(member);
        } else {
            object.insert(member.to_owned(), value);
        }
    }
    definition
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[tokio::test]
async fn a_tick_is_one_run_with_a_token_of_its_own() {
    let world = World::new();
    world.create("hourly", json!({})).await;
    let (before, tick) = (at("2030-01-01T09:59:30Z"), at("2030-01-01T10:00:00Z"));
    assert_eq!(world.ran(before, at("2030-01-01T09:59:59Z")).await, NOTHING);
    let runs = world.ran(before, tick).await;
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(
        *run,
        json!({
            "cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/c",
            "taskDefinition": "web:1",
            "count": 1,
            "overrides": {"containerOverrides": [{"name": "web", "command": ["tick"]}]},
            "startedBy": "chronos-schedule/hourly",
            "clientToken": format!("hourly/{}", tick.as_millisecond()),
        })
    );
    assert_eq!(world.ran(tick, at("2030-01-01T10:59:59Z")).await, NOTHING);
    let world = World::over(world.folder);
    assert_eq!(
        world
            .ran(at("2030-01-01T10:59:59Z"), at("2030-01-01T11:00:01Z"))
            .await
            .len(),
        1
    );
    // The machine slept for some hours: only a tick of the last minute is run.
    assert_eq!(
        world
            .ran(at("2030-01-01T11:00:01Z"), at("2030-01-01T15:00:30Z"))
            .await
            .len(),
        1
    );
    assert_eq!(
        world.ran(at("2030-01-01T15:00:30Z"), at("2030-01-01T18:30:00Z")).await,
        NOTHING
    );
}

#[tokio::test]
async fn a_schedule_is_shown_changed_enabled_and_deleted() {
    let world = World::new();
    world
        .create("nightly", json!({"State": "DISABLED", "Description": "Every night"}))
        .await;
    let (before, after) = (at("2030-01-01T09:30:00Z"), at("2030-01-01T10:00:00Z"));
    assert_eq!(world.ran(before, after).await, NOTHING);
    let shown = world
        .ask(Method::GET, "/schedules/nightly?groupName=default", json!({}))
        .await
        .expect("is there");
    assert_eq!(
        (&shown["State"], &shown["ScheduleExpressionTimezone"]),
        (&json!("DISABLED"), &json!("UTC"))
    );
    assert_eq!(shown["Target"], definition(json!({}))["Target"]);

    // As the workflow does: what it got, with another task definition, enabled.
    let changes = json!({"/Target/EcsParameters/TaskDefinitionArn": "web:2", "State": "ENABLED"});
    let path = "/schedules/nightly";
    world
        .ask(Method::PUT, path, definition(changes))
        .await
        .expect("is changed");
    assert_eq!(world.ran(before, after).await[0]["taskDefinition"], "web:2");
    let shown = world.ask(Method::GET, path, json!({})).await.expect("is there");
    assert_eq!(shown["Description"], Value::Null, "an update says everything");

    let listed = world
        .ask(Method::GET, "/schedules?NamePrefix=night&State=ENABLED", json!({}))
        .await
        .expect("lists");
    assert_eq!(listed["Schedules"][0]["Name"], "nightly");
    let refused = world
        .ask(Method::POST, path, definition(json!({})))
        .await
        .expect_err("there is one");
    assert_eq!(
        (refused.code.as_ref(), refused.status.as_u16()),
        ("ConflictException", 409)
    );
    world.ask(Method::DELETE, path, json!({})).await.expect("is deleted");
    for (method, body) in [
        (Method::GET, json!({})),
        (Method::DELETE, json!({})),
        (Method::PUT, definition(json!({}))),
    ] {
        let refused = world.ask(method, path, body).await.expect_err("it no longer exists");
        assert_eq!(
            (refused.code.as_ref(), refused.status.as_u16()),
            ("ResourceNotFoundException", 404)
        );
    }
}

#[tokio::test]
async fn a_rate_begins_at_once_and_a_new_target_moves_no_tick() {
    let world = World::new();
    let before = Timestamp::now();
    world
        .create("often", json!({"ScheduleExpression": "rate(5 minutes)"}))
        .await;
    let made = Timestamp::now();
    assert_eq!(world.ran(before, made).await.len(), 1);
    let later = |minutes: i64| made + SignedDuration::from_mins(minutes);
    let new_target =
        json!({"ScheduleExpression": "rate(5 minutes)", "/Target/EcsParameters/TaskDefinitionArn": "web:2"});
    world
        .ask(Method::PUT, "/schedules/often", definition(new_target))
        .await
        .expect("is changed");
    assert_eq!(world.ran(made, later(4)).await, NOTHING);
    assert_eq!(world.ran(later(4), later(5)).await[0]["taskDefinition"], "web:2");
}

#[tokio::test]
async fn one_time_and_bounded_schedules_end() {
    let world = World::new();
    let once = json!({
        "ScheduleExpression": "at(2030-01-01T10:30:00)", "ScheduleExpressionTimezone": "Europe/Berlin",
        "ActionAfterCompletion": "DELETE",
    });
    world.create("once", once).await;
    #[allow(clippy::cast_precision_loss)]
    let seconds = |text: &str| at(text).as_second() as f64;
    let bounded = json!({"StartDate": seconds("2030-01-01T11:00:00Z"), "EndDate": seconds("2030-01-01T13:00:00Z")});
    world.create("bounded", bounded).await;
    let mut started = Vec::new();
    let mut now = at("2030-01-01T08:00:00Z");
    while now < at("2030-01-01T15:00:00Z") {
        let next = now + SignedDuration::from_secs(30);
        for run in world.ran(now, next).await {
            started.push((next.to_string(), run["startedBy"].as_str().expect("a text").to_owned()));
        }
        now = next;
    }
    let bounded = "chronos-schedule/bounded";
    let expected = [
        ("2030-01-01T09:30:00Z", "chronos-schedule/once"),
        ("2030-01-01T11:00:00Z", bounded),
        ("2030-01-01T12:00:00Z", bounded),
    ];
    assert_eq!(started, expected.map(|(time, name)| (time.to_owned(), name.to_owned())));
    let listed = world.ask(Method::GET, "/schedules", json!({})).await.expect("lists");
    assert_eq!(
        listed["Schedules"].as_array().map(Vec::len),
        Some(1),
        "the one that is over is deleted"
    );
}

#[tokio::test]
async fn what_cannot_run_goes_to_the_dead_letter_queue() {
    let world = World::new();
    world
        .sqs
        .ensure_queue("dead", std::collections::BTreeMap::new())
        .expect("makes a queue");
    let changes = json!({
        "/Target/DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"},
        "/Target/EcsParameters/TaskDefinitionArn": "gone",
    });
    world.create("broken", changes).await;
    world.create("whole", json!({})).await;
    let runs = world.ran(at("2030-01-01T09:30:00Z"), at("2030-01-01T10:00:00Z")).await;
    assert_eq!(runs.len(), 2, "one that cannot run holds up no other");
    let receive = json!({"QueueUrl": "http://127.0.0.1:1/000000000000/dead", "MessageAttributeNames": ["All"]});
    let message = world.sqs.call("ReceiveMessage", receive).await.expect("answers")["Messages"][0].take();
    assert_eq!(
        message["MessageAttributes"]["ERROR_CODE"]["StringValue"],
        "ClientException"
    );
    assert_eq!(
        message["MessageAttributes"]["SCHEDULE_ARN"]["StringValue"],
        "arn:aws:scheduler:us-east-1:000000000000:schedule/default/broken"
    );
}

#[tokio::test]
async fn unsupported_requests_are_rejected_by_name() {
    let world = World::new();
    for (changes, said) in [
        (json!({"ScheduleExpression": "rate(30 seconds)"}), "rate(30 seconds)"),
        (json!({"ScheduleExpressionTimezone": "Mars/Olympus"}), "Mars/Olympus"),
        (json!({"GroupName": "mine"}), "Schedule group mine does not exist."),
        (
            json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}),
            "MaximumWindowInMinutes",
        ),
        (json!({"FlexibleTimeWindow": null}), "FlexibleTimeWindow"),
        (json!({"Colour": "blue"}), "Colour"),
        (
            json!({"/Target/Arn": "arn:aws:sqs:us-east-1:000000000000:q"}),
            "ECS clusters",
        ),
        (json!({"/Target/RoleArn": "me"}), "Target.RoleArn"),
        (json!({"/Target/Input": "run"}), "Target.Input"),
        (json!({"/Target/EcsParameters/TaskCount": 11}), "TaskCount"),
        (json!({"/Target/EcsParameters/Colour": "blue"}), "EcsParameters.Colour"),
        (json!({"StartDate": 2, "EndDate": 1}), "StartDate"),
    ] {
        let refused = world
            .ask(Method::POST, "/schedules/a", definition(changes.clone()))
            .await
            .expect_err("refused");
        assert!(refused.message.contains(said), "{changes}: {}", refused.message);
        assert!(refused.status.is_client_error());
    }
    let body = definition(json!({}));
    assert!(world.ask(Method::POST, "/schedules/a%2Fb", body).await.is_err());
    assert!(
        world
            .ask(Method::GET, "/schedules?Colour=blue", json!({}))
            .await
            .is_err()
    );
    assert!(world.ask(Method::GET, "/schedule-groups", json!({})).await.is_err());
}
