//! Application Auto Scaling: a worker follows its queue, to nothing and back. ECS is a record of one service.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_emulator::autoscaling::Autoscaling;
use aws_emulator::clock::{Clock, SetClock};
use aws_emulator::ledger::Ledger;
use aws_emulator::sqs::Sqs;
use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes: who waits for longer waits in vain.
const LIMIT: Duration = Duration::from_secs(20);
const URL: &str = "http://127.0.0.1:1/000000000000/work";

/// ECS with one service: how many tasks it is to have, and whether it has its first release.
#[derive(Clone)]
struct Service {
    desired: watch::Sender<u64>,
    is_released: Arc<Mutex<bool>>,
}

impl Service {
    fn answer(&self, action: &str, body: &Value) -> Value {
        match action {
            "UpdateService" => {
                assert_eq!((&body["cluster"], &body["service"]), (&json!("c"), &json!("worker")));
                self.desired
                    .send_replace(body["desiredCount"].as_u64().expect("a number"));
                json!({})
            }
            "DescribeServices" if body["services"] == json!(["worker"]) => {
                let is_released = *self.is_released.lock().expect("no panic");
                let definition = if is_released { json!("worker:1") } else { Value::Null };
                let desired = *self.desired.borrow();
                json!({"services": [{"status": "ACTIVE", "desiredCount": desired, "taskDefinition": definition}]})
            }
            _ => json!({"services": []}),
        }
    }

    /// Waits until the service is to have this many tasks.
    async fn has(&self, count: u64) {
        let mut desired = self.desired.subscribe();
        let reached = tokio::time::timeout(LIMIT, desired.wait_for(|desired| *desired == count)).await;
        reached
            .unwrap_or_else(|_| panic!("it never had {count}, but {}", *self.desired.borrow()))
            .expect("lives");
    }
}

struct World {
    scaling: Autoscaling,
    sqs: Sqs,
    clock: SetClock,
    service: Service,
    folder: TempDir,
    stop: CancellationToken,
}

impl World {
    async fn new() -> Self {
        let service = Service {
            desired: watch::Sender::new(0),
            is_released: Arc::new(Mutex::new(true)),
        };
        let world = Self::over(
            tempfile::tempdir().expect("a temporary folder"),
            SetClock::at(Timestamp::UNIX_EPOCH),
            service,
        );
        let create = json!({"QueueName": "work", "Attributes": {"VisibilityTimeout": "600"}});
        world.sqs.call("CreateQueue", create).await.expect("makes a queue");
        world
    }

    fn over(folder: TempDir, clock: SetClock, service: Service) -> Self {
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        let set = Clock::Set(clock.clone());
        let sqs = Sqs::new(ledger.clone(), set.clone(), "http://127.0.0.1:1").expect("opens");
        let asked = service.clone();
        let ecs = Arc::new(move |action: String, body: Value| {
            let answer = asked.answer(&action, &body);
            async move { Ok(answer) }.boxed()
        });
        let scaling = Autoscaling::new(ledger, set, ecs, service.desired.subscribe(), sqs.clone());
        let stop = CancellationToken::new();
        scaling.start(stop.clone());
        Self {
            scaling,
            sqs,
            clock,
            service,
            folder,
            stop,
        }
    }

    /// What a `kill -9` leaves is the ledger alone.
    fn crash(self) -> Self {
        self.stop.cancel();
        Self::over(self.folder, self.clock, self.service)
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        self.scaling.call(action, body).await.expect(action)
    }

    async fn follow(&self, least: u32, most: u32, cooldown: u32) {
        let bounds = json!({"MinCapacity": least, "MaxCapacity": most});
        self.call("RegisterScalableTarget", of_target(bounds)).await;
        let put = self.call("PutScalingPolicy", of_target(policy(cooldown))).await;
        assert_eq!(put["Alarms"], json!([]));
    }

    async fn send(&self, count: usize) {
        for _ in 0..count {
            let body = json!({"QueueUrl": URL, "MessageBody": "work"});
            self.sqs.call("SendMessage", body).await.expect("sends");
        }
    }

    /// Lets time pass until the service is to have this many tasks. Returns the seconds: nothing shows when the cooldown begins.
    async fn passes_until_it_has(&self, count: u64) -> u32 {
        let mut seconds = 0;
        let time = async {
            loop {
                tokio::task::yield_now().await;
                self.clock.advance(SignedDuration::from_secs(1));
                seconds += 1;
            }
        };
        tokio::select! {
            () = self.service.has(count) => {}
            () = time => {}
        }
        seconds
    }

    /// Receives and deletes a message.
    async fn work(&self) {
        let receive = self
            .sqs
            .call("ReceiveMessage", json!({"QueueUrl": URL}))
            .await
            .expect("receives");
        let handle = &receive["Messages"][0]["ReceiptHandle"];
        let body = json!({"QueueUrl": URL, "ReceiptHandle": handle});
        self.sqs.call("DeleteMessage", body).await.expect("deletes");
    }
}

fn of_target(members: Value) -> Value {
    let mut body = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/c/worker", "ScalableDimension": "ecs:service:DesiredCount",
    });
    if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
        body.extend(members);
    }
    body
}

/// Two messages for each task.
fn policy(cooldown: u32) -> Value {
    let dimension = |name: &str, value: &str| json!({"Name": name, "Value": value});
    let stat = |stat: &str, namespace: &str, name: &str, dimensions: Value| json!({"Stat": stat, "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}});
    let queue = json!([dimension("QueueName", "work")]);
    let service = json!([dimension("ClusterName", "c"), dimension("ServiceName", "worker")]);
    let metrics = json!([
        {"Id": "visible", "ReturnData": false,
            "MetricStat": stat("Maximum", "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue)},
        {"Id": "running", "ReturnData": false,
            "MetricStat": stat("Average", "ECS/ContainerInsights", "RunningTaskCount", service)},
        {"Id": "backlog", "Expression": "IF(FILL(running,0) > 0, visible / FILL(running,0), visible)"},
    ]);
    json!({
        "PolicyName": "backlog", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 2, "ScaleInCooldown": cooldown, "ScaleOutCooldown": 60,
            "CustomizedMetricSpecification": {"Metrics": metrics},
        },
    })
}

#[tokio::test]
async fn a_worker_grows_with_its_queue_at_once_and_shrinks_to_nothing_after_the_cooldown() {
    let world = World::new().await;
    world.follow(0, 3, 600).await;
    world.send(1).await;
    world.service.has(1).await;
    world.send(4).await;
    world.service.has(3).await;
    world.send(5).await;
    for _ in 0..8 {
        world.work().await;
    }
    assert_eq!(*world.service.desired.borrow(), 3, "not before the cooldown");
    assert!(world.passes_until_it_has(1).await >= 600);
    for _ in 0..2 {
        world.work().await;
    }
    assert!(world.passes_until_it_has(0).await >= 600);
}

#[tokio::test]
async fn bounds_hold_and_a_count_that_people_set_is_corrected() {
    let world = World::new().await;
    world.follow(1, 2, 600).await;
    world.service.has(1).await;
    world.send(100).await;
    world.service.has(2).await;
    world.service.desired.send_replace(0);
    world.service.has(2).await;

    let suspended = json!({"MaxCapacity": 4, "SuspendedState": {"DynamicScalingOutSuspended": true}});
    world.call("RegisterScalableTarget", of_target(suspended)).await;
    let shown = world
        .call("DescribeScalableTargets", json!({"ServiceNamespace": "ecs"}))
        .await;
    let shown = &shown["ScalableTargets"][0];
    assert_eq!((&shown["MinCapacity"], &shown["MaxCapacity"]), (&json!(1), &json!(4)));
    world.send(1).await;
    world.work().await;
    assert_eq!(*world.service.desired.borrow(), 2, "scaling out is suspended");
    world
        .call("RegisterScalableTarget", of_target(json!({"SuspendedState": {}})))
        .await;
    world.service.has(4).await;
}

#[tokio::test]
async fn a_service_is_left_alone_until_its_first_release() {
    let world = World::new().await;
    *world.service.is_released.lock().expect("no panic") = false;
    world.follow(0, 3, 600).await;
    world.send(4).await;
    world.work().await;
    assert_eq!(*world.service.desired.borrow(), 0);
    *world.service.is_released.lock().expect("no panic") = true;
    world.service.desired.send_replace(0);
    world.service.has(2).await;
}

#[tokio::test]
async fn targets_outlive_a_crash_and_policies_go_with_their_target() {
    let world = World::new().await;
    world.follow(0, 3, 600).await;
    let world = world.crash();
    world.send(3).await;
    world.service.has(2).await;

    let policies = world
        .call("DescribeScalingPolicies", json!({"ServiceNamespace": "ecs"}))
        .await;
    let shown = &policies["ScalingPolicies"][0];
    assert_eq!(
        (&shown["PolicyName"], &shown["PolicyType"]),
        (&json!("backlog"), &json!("TargetTrackingScaling"))
    );
    assert_eq!(shown["TargetTrackingScalingPolicyConfiguration"]["TargetValue"], 2);
    let deleted = world
        .scaling
        .call("DeleteScalingPolicy", of_target(json!({"PolicyName": "other"})))
        .await;
    assert_eq!(deleted.expect_err("there is none").code, "ObjectNotFoundException");
    world.call("DeregisterScalableTarget", of_target(json!({}))).await;
    let policies = world
        .call("DescribeScalingPolicies", json!({"ServiceNamespace": "ecs"}))
        .await;
    assert_eq!(policies["ScalingPolicies"], json!([]));
    for (action, members) in [("DeregisterScalableTarget", json!({})), ("PutScalingPolicy", policy(1))] {
        let refused = world.scaling.call(action, of_target(members)).await.expect_err(action);
        assert_eq!(refused.code, "ObjectNotFoundException", "{action}");
    }
}

#[tokio::test]
async fn unsupported_requests_are_rejected_by_name() {
    let world = World::new().await;
    let bounds = json!({"MinCapacity": 0, "MaxCapacity": 3});
    world.call("RegisterScalableTarget", of_target(bounds)).await;
    let changed = |place: &str, value: Value| {
        let mut policy = of_target(policy(1));
        *policy.pointer_mut(place).expect("a place") = value;
        policy
    };
    let configuration = "/TargetTrackingScalingPolicyConfiguration";
    let predefined = json!({"TargetValue": 50, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "ECSServiceAverageCPUUtilization"}});
    let absent = json!({"ResourceId": "service/c/gone", "MinCapacity": 0, "MaxCapacity": 3});
    for (action, body, said) in [
        (
            "PutScalingPolicy",
            changed("/PolicyType", json!("StepScaling")),
            "PolicyType",
        ),
        (
            "PutScalingPolicy",
            changed(configuration, predefined),
            "This emulator follows one metric",
        ),
        (
            "PutScalingPolicy",
            changed(&format!("{configuration}/TargetValue"), json!(0)),
            "TargetValue",
        ),
        (
            "PutScalingPolicy",
            changed("/ServiceNamespace", json!("ec2")),
            "ServiceNamespace",
        ),
        (
            "RegisterScalableTarget",
            of_target(absent),
            "ECS service doesn't exist: service/c/gone",
        ),
        (
            "RegisterScalableTarget",
            of_target(json!({"MinCapacity": 4})),
            "Maximum capacity",
        ),
        (
            "RegisterScalableTarget",
            of_target(json!({"ResourceId": "worker"})),
            "ResourceId `worker`",
        ),
        ("RegisterScalableTarget", of_target(json!({"Colour": "blue"})), "Colour"),
        ("PutScheduledAction", json!({}), "PutScheduledAction"),
    ] {
        let refused = world.scaling.call(action, body.clone()).await.expect_err(said);
        assert!(refused.message.contains(said), "{body}: {}", refused.message);
    }
}
