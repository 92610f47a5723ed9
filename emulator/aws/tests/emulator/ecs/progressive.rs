//! Progressive deployments under load: shares of requests by timestamp, bad releases, pauses.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::machine::{Data, LIMIT, Machine, free_port};
use crate::support::{kill, server};

/// How long a minute is here: long enough for hundreds of requests.
const MINUTE: Duration = Duration::from_millis(600);

/// How long the front may take to follow a change of the weights.
const SETTLED: SignedDuration = SignedDuration::from_millis(20);

/// The clients that send requests side by side.
const CLIENTS: usize = 4;

/// How many bad releases are tried at each stage. A hundred take some minutes: `SLIPWAY_BAD_RELEASES=100`.
fn runs() -> usize {
    let runs = std::env::var("SLIPWAY_BAD_RELEASES").ok();
    runs.and_then(|runs| runs.parse().ok()).unwrap_or(2)
}

/// A request, and what came of it.
#[derive(Debug, Clone)]
struct Asked {
    began: Instant,
    ended: Instant,
    /// The same by the clock that ECS goes by.
    began_at: Timestamp,
    ended_at: Timestamp,
    /// The status and the release that answered; none where the connection failed.
    answer: Option<(u16, String)>,
}

impl Asked {
    fn is_by(&self, release: &str) -> bool {
        self.answer.as_ref().is_some_and(|(_, body)| body == release)
    }

    fn has_failed(&self) -> bool {
        self.answer.as_ref().is_none_or(|(status, _)| *status != 200)
    }
}

struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Asked>>>,
}

impl Load {
    /// Sends requests until it is stopped. The first answer of status 500 rings the alarm, as CloudWatch would.
    fn start(machine: &Machine, port: u16) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (over, cloudwatch) = (is_over.clone(), machine.cloudwatch.clone());
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let (began, began_at) = (Instant::now(), Timestamp::now());
                    let answer = ask(port).await;
                    let (ended, ended_at) = (Instant::now(), Timestamp::now());
                    if answer.as_ref().is_some_and(|(status, _)| *status == 500) {
                        let rings = json!({"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "5xx"});
                        cloudwatch.call("SetAlarmState", rings).unwrap();
                    }
                    asked.push(Asked {
                        began,
                        ended,
                        began_at,
                        ended_at,
                        answer,
                    });
                }
                asked
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { is_over, clients }
    }

    async fn stop(self) -> Vec<Asked> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for client in self.clients {
            all.extend(client.await.unwrap());
        }
        all.sort_by_key(|asked| asked.began);
        all
    }
}

async fn ask(port: u16) -> Option<(u16, String)> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
    let mut answer = vec![0; 1024];
    let count = connection.read(&mut answer).await.ok().filter(|count| *count > 0)?;
    let answer = String::from_utf8(answer[..count].to_vec()).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// A service of two tasks of release 1 with this configuration, and what its releases are.
struct Stage {
    machine: Machine,
    port: u16,
    bad: PathBuf,
}

impl Stage {
    async fn set(data: &Data, configuration: Value) -> Self {
        let machine = Machine::with_minute(data.path(), MINUTE).await;
        let port = free_port();
        machine.call("CreateCluster", json!({"clusterName": "c"})).await;
        let alarm = json!({"AlarmName": "errors", "Namespace": "AWS/ApplicationELB"});
        machine.cloudwatch.call("PutMetricAlarm", alarm).unwrap();
        let service = json!({"cluster": "c", "serviceName": "web", "desiredCount": 0,
            "loadBalancers": [{"containerName": "web", "containerPort": 8080}],
            "deploymentConfiguration": configuration});
        machine.call("CreateService", service).await;
        let stage = Self {
            machine,
            port,
            bad: data.path().join("bad"),
        };
        let first = stage.release("1").await;
        stage.machine.announced(&first, "SERVICE_DEPLOYMENT_COMPLETED").await;
        stage
    }

    /// Begins the deployment of a release.
    async fn release(&self, release: &str) -> String {
        let bad = if release == "1" {
            PathBuf::new()
        } else {
            self.bad.clone()
        };
        let container = json!({
            "portMappings": [{"containerPort": 8080, "hostPort": self.port}],
            "environment": [{"name": "RELEASE", "value": release}, {"name": "BAD", "value": bad}],
            "stopTimeout": 5,
        });
        let definition = self.machine.register("web", container).await;
        self.machine.update(&definition, 2).await
    }

    /// The newest deployment, as ECS describes it.
    async fn deployment(&self) -> Value {
        let list = json!({"cluster": "c", "service": "web"});
        let listed = self.machine.call("ListServiceDeployments", list).await;
        let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
        let describe = json!({"serviceDeploymentArns": [arn]});
        let mut described = self.machine.call("DescribeServiceDeployments", describe).await;
        described["serviceDeployments"][0].take()
    }

    /// Waits until ECS describes the newest deployment so.
    async fn until(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut changes = self.machine.ecs.service_changes();
        let reached = async {
            loop {
                let deployment = self.deployment().await;
                if is_it(&deployment) {
                    return deployment;
                }
                changes.changed().await.unwrap();
            }
        };
        if let Ok(deployment) = tokio::time::timeout(LIMIT, reached).await {
            return deployment;
        }
        panic!("{what}: {:#}", self.deployment().await)
    }

    /// Each share of the new tasks, and since when ECS says that it is so, until the deployment has ended.
    async fn shares(&self) -> Vec<(f64, Timestamp)> {
        let mut changes = self.machine.ecs.service_changes();
        let mut shares: Vec<(f64, Timestamp)> = Vec::new();
        loop {
            let deployment = self.deployment().await;
            if deployment["status"] != "IN_PROGRESS" {
                assert_eq!(deployment["status"], "SUCCESSFUL", "{deployment:#}");
                return shares;
            }
            let share = percent(&deployment);
            if shares.last().is_none_or(|(last, _)| !is(*last, share)) {
                let milliseconds = deployment["updatedAt"].as_f64().unwrap() * 1_000.0;
                let since = SignedDuration::from_secs_f64(milliseconds.floor() / 1_000.0);
                shares.push((share, Timestamp::UNIX_EPOCH + since));
            }
            tokio::time::timeout(LIMIT, changes.changed()).await.unwrap().unwrap();
        }
    }

    async fn decide(&self, deployment: &Value, action: &str) {
        let hook = &deployment["lifecycleHookDetails"][0]["hookId"];
        let arn = &deployment["serviceDeploymentArn"];
        let decision = json!({"serviceDeploymentArn": arn, "hookId": hook, "action": action});
        self.machine.call("ContinueServiceDeployment", decision).await;
    }

    /// The events of hooks so far.
    fn hooks(&self) -> Vec<String> {
        let events = self.machine.events.lock().unwrap();
        let names = events
            .iter()
            .map(|event| event["detail"]["eventName"].as_str().unwrap_or_default());
        names
            .filter(|name| name.starts_with("HOOK_"))
            .map(str::to_owned)
            .collect()
    }
}

/// Whether two shares are the same.
fn is(share: f64, other: f64) -> bool {
    (share - other).abs() < 1e-6
}

fn percent(deployment: &Value) -> f64 {
    deployment["targetServiceRevision"]["requestedProductionTrafficWeight"]
        .as_f64()
        .unwrap_or(0.0)
}

/// A number of requests, to reckon with shares.
fn count(requests: usize) -> f64 {
    u32::try_from(requests).map(f64::from).unwrap()
}

fn paused(deployment: &Value) -> bool {
    deployment["lifecycleHookDetails"][0]["status"] == "AWAITING_ACTION"
}

fn pause_at(stage: &str, minutes: u32) -> Value {
    json!([{"targetType": "PAUSE", "lifecycleStages": [stage],
            "timeoutConfiguration": {"timeoutInMinutes": minutes, "action": "ROLLBACK"}}])
}

fn with_alarm(mut configuration: Value) -> Value {
    configuration["alarms"] = json!({"alarmNames": ["errors"], "enable": true, "rollback": true});
    configuration
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_shift_by_the_weights_of_the_strategy() {
    for (configuration, expected) in [
        (
            json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}),
            vec![0.0, 100.0],
        ),
        (
            json!({"strategy": "CANARY", "bakeTimeInMinutes": 1,
                   "canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 1}}),
            vec![0.0, 12.5, 100.0],
        ),
        (
            json!({"strategy": "LINEAR", "bakeTimeInMinutes": 1,
                   "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 1}}),
            vec![0.0, 25.0, 50.0, 75.0, 100.0],
        ),
    ] {
        let data = Data::new();
        let stage = Stage::set(&data, configuration.clone()).await;
        let load = Load::start(&stage.machine, stage.port);
        stage.release("2").await;
        let shares = stage.shares().await;
        let end = Timestamp::now();
        let asked = load.stop().await;
        let seen: Vec<f64> = shares.iter().map(|(share, _)| *share).collect();
        assert_eq!(seen, expected, "{configuration}");
        assert_eq!(
            asked.iter().filter(|asked| asked.has_failed()).count(),
            0,
            "of {}",
            asked.len()
        );
        for (place, (share, from)) in shares.iter().enumerate() {
            let to = shares.get(place + 1).map_or(end, |(_, next)| *next);
            // ECS says when it began to change the weights: the requests of the next moment may have either.
            let from = *from + SETTLED;
            let within = asked
                .iter()
                .filter(|asked| asked.began_at >= from && asked.ended_at < to);
            let (all, new) = within.fold((0, 0), |(all, new), asked| {
                (all + 1, new + usize::from(asked.is_by("2")))
            });
            if is(*share, 0.0) {
                assert_eq!(new, 0, "{configuration}");
                continue;
            }
            assert!(all > 20, "{configuration}: {all} requests at {share} %");
            let expected = count(all) * share / 100.0;
            let tolerance = 2.0 + count(CLIENTS) * 2.0;
            assert!(
                (count(new) - expected).abs() <= tolerance,
                "{configuration}: {new} of {all} at {share} %"
            );
        }
        let service = stage.machine.service().await;
        assert_eq!(service["runningCount"], 2);
        assert_eq!(service["deployments"][0].get("rolloutState"), None);
        // This server goes on while the next one is tried, and would replace the tasks that end with their folder.
        stage.machine.ecs.shutdown().await;
    }
}

/// A release turns bad when it has come to a stage: where, its share there, and the configuration.
fn bad_at() -> Vec<(&'static str, f64, Value)> {
    let canary = json!({"strategy": "CANARY", "bakeTimeInMinutes": 50,
                        "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 50}});
    let linear = json!({"strategy": "LINEAR",
                        "linearConfiguration": {"stepPercent": 20.0, "stepBakeTimeInMinutes": 1}, "bakeTimeInMinutes": 50});
    let mut second = linear.clone();
    second["linearConfiguration"] = json!({"stepPercent": 40.0, "stepBakeTimeInMinutes": 3});
    vec![
        ("PRODUCTION_TRAFFIC_SHIFT", 10.0, canary),
        ("PRODUCTION_TRAFFIC_SHIFT", 40.0, second.clone()),
        ("PRODUCTION_TRAFFIC_SHIFT", 80.0, second),
        (
            "BAKE_TIME",
            100.0,
            json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 50}),
        ),
        ("BAKE_TIME", 100.0, linear),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_is_stopped_at_its_share() {
    for (at, share, configuration) in bad_at() {
        let data = Data::new();
        let stage = Stage::set(&data, with_alarm(configuration)).await;
        for run in 0..runs() {
            let load = Load::start(&stage.machine, stage.port);
            let deployment = stage.release(&format!("bad-{run}")).await;
            let reached = |deployment: &Value| {
                deployment["status"] == "IN_PROGRESS"
                    && deployment["lifecycleStage"] == at
                    && is(percent(deployment), share)
            };
            stage.until(at, reached).await;
            let turned = Instant::now();
            std::fs::write(&stage.bad, "").unwrap();
            stage.machine.announced(&deployment, "SERVICE_DEPLOYMENT_FAILED").await;
            let stopped = Instant::now();
            let ended = stage.until("the end", |it| it["status"] == "ROLLBACK_SUCCESSFUL").await;
            let settled = Instant::now();
            // Some requests more, of which none may fail.
            while settled.elapsed() < Duration::from_millis(50) {
                assert_eq!(ask(stage.port).await, Some((200, "1".to_owned())));
            }
            let asked = load.stop().await;
            let name = format!("{at}, {share} %, run {run}");
            let failed: Vec<&Asked> = asked.iter().filter(|asked| asked.has_failed()).collect();
            assert!(!failed.is_empty(), "{name}");
            assert!(failed.iter().all(|asked| asked.ended >= turned), "{name}");
            let later: Vec<&&Asked> = failed.iter().filter(|asked| asked.began > stopped).collect();
            assert!(
                later.is_empty(),
                "{name}: {} requests failed after the rollback: {later:?}",
                later.len()
            );
            let between = asked
                .iter()
                .filter(|asked| asked.began >= turned && asked.ended <= stopped)
                .count();
            let limit = count(between) * share / 100.0 + 2.0 * count(CLIENTS);
            assert!(
                count(failed.len()) <= limit,
                "{name}: {} of {between} failed",
                failed.len()
            );
            assert!(is(percent(&ended), 0.0), "{name}");
            assert!(
                ended["rollback"]["reason"].as_str().unwrap().contains("errors"),
                "{name}: {ended}"
            );
            std::fs::remove_file(&stage.bad).unwrap();
            let fine = json!({"AlarmName": "errors", "StateValue": "OK", "StateReason": "fixed"});
            stage.machine.cloudwatch.call("SetAlarmState", fine).unwrap();
        }
        // As above: tasks that end with their folder would be replaced.
        stage.machine.ecs.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_continued_rolled_back_and_times_out() {
    let data = Data::new();
    let mut configuration = json!({"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 0}});
    configuration["lifecycleHooks"] = pause_at("PRE_PRODUCTION_TRAFFIC_SHIFT", 1_000);
    let stage = Stage::set(&data, configuration.clone()).await;
    let load = Load::start(&stage.machine, stage.port);

    stage.release("2").await;
    for share in [0.0, 5.0] {
        let waits = stage.until("a pause", |it| paused(it) && is(percent(it), share)).await;
        assert_eq!(waits["lifecycleStage"], "PRE_PRODUCTION_TRAFFIC_SHIFT");
        assert_eq!(waits["lifecycleHookDetails"][0]["timeoutAction"], "ROLLBACK");
        stage.decide(&waits, "CONTINUE").await;
        let again = json!({"serviceDeploymentArn": waits["serviceDeploymentArn"],
                           "hookId": waits["lifecycleHookDetails"][0]["hookId"]});
        assert_eq!(
            stage.machine.code("ContinueServiceDeployment", again).await,
            "InvalidParameterException"
        );
    }
    stage.until("the end", |it| it["status"] == "SUCCESSFUL").await;

    stage.release("3").await;
    let waits = stage.until("a pause", paused).await;
    stage.decide(&waits, "ROLLBACK").await;
    let ended = stage.until("the end", |it| it["status"] == "ROLLBACK_SUCCESSFUL").await;
    assert!(ended["statusReason"].as_str().unwrap().contains("ROLLBACK"), "{ended}");

    configuration["lifecycleHooks"] = pause_at("POST_SCALE_UP", 1);
    let update = json!({"cluster": "c", "service": "web", "deploymentConfiguration": configuration});
    stage.machine.call("UpdateService", update).await;
    stage.release("4").await;
    let ended = stage.until("the end", |it| it["status"] == "ROLLBACK_SUCCESSFUL").await;
    assert!(
        ended["statusReason"]
            .as_str()
            .unwrap()
            .contains("timed out at POST_SCALE_UP"),
        "{ended}"
    );
    let mut expected = [
        "HOOK_AWAITING_ACTION",
        "HOOK_SUCCEEDED",
        "HOOK_AWAITING_ACTION",
        "HOOK_SUCCEEDED",
        "HOOK_AWAITING_ACTION",
        "HOOK_FAILED",
        "HOOK_AWAITING_ACTION",
        "HOOK_TIMED_OUT",
    ];
    let mut heard = stage.machine.heard.clone();
    while stage.hooks().len() < expected.len() {
        tokio::time::timeout(LIMIT, heard.changed()).await.unwrap().unwrap();
    }
    // EventBridge delivers in no order.
    let mut hooks = stage.hooks();
    hooks.sort();
    expected.sort_unstable();
    assert_eq!(hooks, expected);

    let asked = load.stop().await;
    assert!(asked.iter().all(|asked| !asked.has_failed()));
    assert!(
        !asked.iter().any(|asked| asked.is_by("3") || asked.is_by("4")),
        "no request reached them"
    );
}

#[test]
fn a_deployment_survives_a_killed_server_and_is_stopped() {
    let data = Data::new();
    let configuration = json!({"strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 50.0, "canaryBakeTimeInMinutes": 1_000}});
    let first = server();
    let (port, bad) = first.block_on(async {
        let stage = Stage::set(&data, configuration).await;
        stage.release("2").await;
        stage.until("the canary", |it| is(percent(it), 50.0)).await;
        (stage.port, stage.bad)
    });
    // Everything of the first server ends at once, as with a kill. Its tasks do not.
    kill(first);

    server().block_on(async {
        let machine = Machine::with_minute(data.path(), MINUTE).await;
        let stage = Stage { machine, port, bad };
        let deployment = stage.until("the canary", |it| is(percent(it), 50.0)).await;
        // The adopted tasks prove their health first.
        let mut answered = 0;
        while answered < 4 {
            answered = if ask(port).await.is_some() { answered + 1 } else { 0 };
        }
        let mut new = 0;
        for _ in 0..20 {
            new += u32::from(ask(port).await == Some((200, "2".to_owned())));
        }
        assert_eq!(new, 10, "the next server keeps the shares");
        let stop = json!({"serviceDeploymentArn": deployment["serviceDeploymentArn"], "stopType": "ROLLBACK"});
        stage.machine.call("StopServiceDeployment", stop.clone()).await;
        assert_eq!(ask(port).await, Some((200, "1".to_owned())));
        stage.until("the end", |it| it["status"] == "ROLLBACK_SUCCESSFUL").await;
        assert_eq!(
            stage.machine.code("StopServiceDeployment", stop).await,
            "InvalidParameterException"
        );
    });
}

#[tokio::test]
async fn an_alarm_keeps_its_state_until_it_is_deleted() {
    let data = Data::new();
    let machine = Machine::start(data.path()).await;
    let call = |action: &str, body: Value| machine.cloudwatch.call(action, body);
    let alarm = json!({"AlarmName": "errors", "Namespace": "AWS/ApplicationELB", "Threshold": 1.0});
    let state = || call("DescribeAlarms", json!({"AlarmNames": ["errors"]})).unwrap()["MetricAlarms"].take();
    let rings = json!({"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "5xx"});
    assert_eq!(
        call("SetAlarmState", rings.clone()).unwrap_err().code,
        "ResourceNotFound"
    );
    call("PutMetricAlarm", alarm.clone()).unwrap();
    assert_eq!(state()[0]["StateValue"], "INSUFFICIENT_DATA");
    call("SetAlarmState", rings).unwrap();
    call("PutMetricAlarm", alarm).unwrap();
    assert_eq!(state()[0]["StateValue"], "ALARM");
    call("DeleteAlarms", json!({"AlarmNames": ["errors"]})).unwrap();
    assert_eq!(state(), json!([]));
}
