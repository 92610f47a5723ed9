//! The AWS services that the steps call, as small as the steps need them: one axum handler on a loopback port.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::sts::{self, Sts};

/// How a rollout ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is done before anybody looks.
    AtOnce,
    /// It is done after the step has looked: an event says so.
    Later,
    /// It goes on for as long as the test does.
    Never,
}

/// What kind of service it is, as far as ECS speaks of it in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rolling,
    /// Rolling, behind a Classic Load Balancer: its deployments have no `rolloutState`.
    Classic,
    /// One of the other strategies of the ECS controller: the same.
    Strategy(&'static str),
    /// A controller that is not ECS.
    Controller(&'static str),
    Daemon,
}

/// An ECS service.
#[derive(Debug, Clone)]
pub struct Service {
    pub task_definition: String,
    pub desired_count: i64,
    pub deployment: u32,
    pub end: End,
    pub kind: Kind,
    /// The service deployments: the number of each, its task definition, and its status where that is not how the rollout ends.
    pub history: Vec<(u32, String, Option<&'static str>)>,
    /// Whether ECS shows a new deployment only after it has answered the call that began it.
    pub shows_late: bool,
    /// What it ran before its newest deployment.
    pub before: String,
    /// How often a deployment to this image has yet to pause.
    pub pauses: Option<(String, u32)>,
    /// Its `deploymentConfiguration`, where that is more than a strategy.
    pub configuration: Option<Value>,
    /// The members of `DescribeServices` that say what its tasks run on.
    pub runs_on: Value,
    /// The `volumeConfigurations` of its deployments.
    pub volumes: Value,
}

impl Service {
    fn configuration(&self) -> Value {
        match (&self.configuration, self.kind) {
            (Some(configuration), _) => configuration.clone(),
            (None, Kind::Strategy(name)) => json!({"strategy": name}),
            (None, _) => json!({}),
        }
    }
}

/// A call that waits until the test goes on.
#[derive(Debug, Clone, Default)]
pub struct Hold {
    pub action: &'static str,
    pub reached: Arc<Notify>,
    pub go_on: Arc<Notify>,
}

/// What the services hold.
#[derive(Debug, Default)]
pub struct Aws {
    pub services: BTreeMap<String, Service>,
    /// The revisions of each family, as `DescribeTaskDefinition` answers.
    pub task_definitions: BTreeMap<String, Vec<Value>>,
    pub tasks: BTreeMap<String, Value>,
    pub logs: BTreeMap<String, Vec<String>>,
    pub builds: BTreeMap<String, Value>,
    pub objects: BTreeMap<String, String>,
    /// What was answered to task tokens: nothing for a success, or the error and its cause.
    pub answered: BTreeMap<String, Option<(String, String)>>,
    /// The outputs of those that were answered with a success.
    pub outputs: BTreeMap<String, Value>,
    /// The requests that started a one-off task, with the ARN of the task.
    pub ran: Vec<(Value, String)>,
    /// The deployment configurations that services were updated to, in turn.
    pub configured: Vec<Value>,
    /// Why ECS starts no task, in turn.
    pub rejects: VecDeque<&'static str>,
    /// When one-off tasks stop.
    pub tasks_end: Option<End>,
    /// The exit code of one-off tasks; none when a task ends without one.
    pub exit_code: Option<i32>,
    /// The tasks that were stopped from outside, and why.
    pub stops: Vec<(String, String)>,
    pub started: Vec<String>,
    pub sts: Sts,
    /// The snapshots of RDS, by name.
    pub snapshots: BTreeSet<String>,
    /// RDS's answers to `Describe…` of a snapshot, in turn; then it is available.
    pub snapshot_status: VecDeque<String>,
    /// Whether a snapshot is there only when its event says so.
    pub snapshots_take_long: bool,
    /// The error with which RDS refuses to begin a snapshot, in turn.
    pub snapshot_refused: VecDeque<&'static str>,
    /// The schedules of EventBridge Scheduler, as `GetSchedule` answers.
    pub schedules: BTreeMap<String, Value>,
    /// Tasks with this image never become healthy.
    pub broken_image: Option<String>,
    /// How pauses and deployments were ended, in order.
    pub ended_pauses: Vec<String>,
    /// ECS's reason of a rollback, where that is not a broken image.
    pub rolled_back_because: Option<&'static str>,
    /// The call that waits, once.
    pub hold: Option<Hold>,
    /// The action that a permission is missing for.
    pub denied: Option<&'static str>,
    /// Whether the cluster of the stack is in another Region.
    pub has_no_cluster: bool,
    /// The status that the health address answers, in turn; the last one stays.
    pub health: Vec<u16>,
    /// How many tasks each service runs, where that is not what it should.
    pub running: Option<i64>,
    /// The suspended activities of autoscalers, by resource ID.
    pub scalable: BTreeMap<String, Value>,
    /// How often ECS still shows a running task when it is asked for those of a service.
    pub lingers: u32,
    /// Stopped tasks of services, as `DescribeTasks` answers.
    pub stopped: Vec<Value>,
    /// The events of every service, as `DescribeServices` answers.
    pub events: Vec<Value>,
}

pub type Shared = Arc<Mutex<Aws>>;

pub fn lock(aws: &Shared) -> MutexGuard<'_, Aws> {
    aws.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn router(aws: Shared) -> Router {
    Router::new()
        .route("/", axum::routing::post(call))
        .route("/schedules/{name}", axum::routing::get(schedule).put(update_schedule))
        .route("/healthz", axum::routing::get(health))
        .route("/artifacts/{*key}", axum::routing::get(object))
        .route("/state/{*key}", axum::routing::get(object))
        .layer(middleware::from_fn_with_state(aws.clone(), sts::note_caller))
        .with_state(aws)
}

async fn health(State(aws): State<Shared>) -> StatusCode {
    let mut aws = lock(&aws);
    let status = aws.health[0];
    if aws.health.len() > 1 {
        aws.health.remove(0);
    }
    StatusCode::from_u16(status).expect("a status")
}

async fn schedule(State(aws): State<Shared>, Path(name): Path<String>) -> Response {
    match lock(&aws).schedules.get(&name) {
        Some(schedule) => axum::Json(schedule.clone()).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            [("x-amzn-errortype", "ResourceNotFoundException")],
            r#"{"Message": "it is not there"}"#,
        )
            .into_response(),
    }
}

/// As on AWS, omitted fields are reset, and a start or an end in the past is rejected.
async fn update_schedule(State(aws): State<Shared>, Path(name): Path<String>, body: Bytes) -> Response {
    let mut schedule: Value = serde_json::from_slice(&body).expect("JSON");
    let earliest = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5);
    let is_past = |field: &str| {
        let time = schedule[field].as_f64();
        time.is_some_and(|time| time < earliest.as_duration().as_secs_f64())
    };
    if is_past("StartDate") || is_past("EndDate") {
        return (
            StatusCode::BAD_REQUEST,
            [("x-amzn-errortype", "ValidationException")],
            r#"{"Message": "The StartDate or EndDate you specify cannot be earlier than 5 minutes ago."}"#,
        )
            .into_response();
    }
    schedule["Name"] = name.as_str().into();
    schedule.as_object_mut().expect("an object").remove("ClientToken");
    lock(&aws).schedules.insert(name, schedule);
    axum::Json(json!({"ScheduleArn": "arn"})).into_response()
}

async fn object(State(aws): State<Shared>, Path(key): Path<String>) -> Response {
    match lock(&aws).objects.get(&key) {
        Some(body) => body.clone().into_response(),
        None => (
            StatusCode::NOT_FOUND,
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>",
        )
            .into_response(),
    }
}

async fn call(State(aws): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    // STS and RDS speak another protocol.
    let Some(target) = headers.get("x-amz-target") else {
        let is_sts = body.windows(10).any(|part| part == b"AssumeRole");
        let mut aws = lock(&aws);
        return if is_sts { aws.sts.assume(&body) } else { aws.rds(&body) };
    };
    let target = target.to_str().expect("a target").to_owned();
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let (_, action) = target.split_once('.').expect("a service and an action");
    let hold = lock(&aws).hold.take_if(|hold| hold.action == action);
    if let Some(hold) = hold {
        hold.reached.notify_one();
        hold.go_on.notified().await;
    }
    match lock(&aws).answer(action, &body) {
        Ok(answer) => ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response(),
        Err(code) => {
            let body = json!({"__type": code, "message": "it is not there"}).to_string();
            (
                StatusCode::BAD_REQUEST,
                [("content-type", "application/x-amz-json-1.1")],
                body,
            )
                .into_response()
        }
    }
}

impl Aws {
    /// A service whose task definition was not registered by Slipway.
    pub fn add_service(&mut self, name: &str, desired_count: i64) {
        let task_definition = self.register(
            &json!({"family": format!("made-{name}"), "containerDefinitions": [{"name": "app", "image": "made"}]}),
        );
        let service = Service {
            task_definition,
            desired_count,
            deployment: 1,
            end: End::AtOnce,
            kind: Kind::Rolling,
            history: Vec::new(),
            shows_late: false,
            before: String::new(),
            pauses: None,
            configuration: None,
            runs_on: json!({"launchType": "FARGATE"}),
            volumes: json!([]),
        };
        self.services.insert(name.to_owned(), service);
    }

    /// A schedule that Terraform made: it does not tick, and names a task definition that is none.
    pub fn add_schedule(&mut self, name: &str) {
        let schedule = json!({
            "Name": name, "GroupName": "default", "State": "DISABLED", "Description": "every hour",
            "ScheduleExpression": "rate(1 hour)", "ScheduleExpressionTimezone": "Europe/Vienna",
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}, "ActionAfterCompletion": "NONE",
            "StartDate": 4_000_000_000_u64, "EndDate": 5_000_000_000_u64, "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/1",
            "Target": {
                "Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/main", "RoleArn": "arn:aws:iam::000000000000:role/slipway/tick",
                "Input": "{\"containerOverrides\": []}", "RetryPolicy": {"MaximumRetryAttempts": 0},
                "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"},
                "EcsParameters": {
                    "TaskDefinitionArn": "placeholder", "TaskCount": 1, "LaunchType": "FARGATE", "Group": "ticks",
                    "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "DISABLED"}},
                },
            },
        });
        self.schedules.insert(name.to_owned(), schedule);
    }

    /// What a schedule runs, and whether it ticks.
    pub fn scheduled(&self, name: &str) -> (String, bool) {
        let schedule = &self.schedules[name];
        let definition = &schedule["Target"]["EcsParameters"]["TaskDefinitionArn"];
        let definition = definition.as_str().expect("an ARN").to_owned();
        (definition, schedule["State"] == "ENABLED")
    }

    /// How many task definitions were registered that are still active.
    pub fn revisions(&self, family: &str) -> usize {
        self.task_definitions.get(family).map_or(0, Vec::len)
    }

    pub fn definition(&self, arn: &str) -> Option<&Value> {
        let mut all = self.task_definitions.values().flatten();
        all.find(|definition| definition["taskDefinition"]["taskDefinitionArn"] == arn)
    }

    pub fn deregister(&mut self, arn: &str) {
        let mut all = self.task_definitions.values_mut().flatten();
        let found = all.find(|definition| definition["taskDefinition"]["taskDefinitionArn"] == arn);
        found.expect("a task definition")["taskDefinition"]["status"] = "INACTIVE".into();
    }

    fn update_service(&mut self, arguments: &Value) -> Result<Value, &'static str> {
        let name = arguments["service"].as_str().expect("a service");
        let service = self.services.get_mut(name).ok_or("ServiceNotFoundException")?;
        let unchanged = service.task_definition.clone();
        let definition = arguments["taskDefinition"].as_str().unwrap_or(&unchanged);
        if service.task_definition != definition {
            service.deployment += 1;
            service.before.clone_from(&service.task_definition);
            definition.clone_into(&mut service.task_definition);
            let begun = (service.deployment, definition.to_owned(), None);
            service.history.push(begun);
        }
        if let Some(count) = arguments.get("desiredCount") {
            service.desired_count = count.as_i64().expect("a number");
        }
        if let Some(configuration) = arguments.get("deploymentConfiguration") {
            service.configuration = Some(configuration.clone());
            self.configured.push(configuration.clone());
        }
        let deployments = if service.shows_late {
            json!([{"id": "ecs-svc/0", "status": "PRIMARY", "taskDefinition": "another"}])
        } else {
            json!([
                {"id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": "another"},
                {"id": format!("ecs-svc/{}", service.deployment), "status": "PRIMARY", "taskDefinition": definition},
            ])
        };
        Ok(json!({"service": {
            "serviceArn": service_arn(name), "deployments": deployments,
            "deploymentConfiguration": service.configuration(),
        }}))
    }

    fn register(&mut self, body: &Value) -> String {
        let family = body["family"].as_str().expect("a family").to_owned();
        let revisions = self.task_definitions.entry(family.clone()).or_default();
        let mut definition = body.clone();
        let tags = definition.as_object_mut().expect("an object").remove("tags");
        let arn = format!(
            "arn:aws:ecs:us-east-1:000000000000:task-definition/{family}:{}",
            revisions.len() + 1
        );
        definition["taskDefinitionArn"] = arn.as_str().into();
        definition["revision"] = (revisions.len() + 1).into();
        definition["status"] = "ACTIVE".into();
        revisions.push(json!({"taskDefinition": definition, "tags": tags.unwrap_or(json!([]))}));
        arn
    }

    fn answer(&mut self, action: &str, body: &Value) -> Result<Value, &'static str> {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        if action == "DescribeServices" && self.has_no_cluster {
            return Err("ClusterNotFoundException");
        }
        if self.denied == Some(action) {
            return Err("AccessDeniedException");
        }
        match action {
            "RegisterTaskDefinition" => {
                let arn = self.register(body);
                Ok(self.definition(&arn).expect("what was registered").clone())
            }
            "DescribeTaskDefinition" => self
                .describe_task_definition(&text("taskDefinition"))
                .ok_or("ClientException"),
            "DescribeServices" => Ok(self.describe_services(body)),
            "ListServiceDeployments" => {
                let name = text("service").rsplit('/').next().expect("a name").to_owned();
                let service = self.services.get(&name).ok_or("ServiceNotFoundException")?;
                let newest_first = service.history.iter().rev();
                let briefs = newest_first.map(|(number, ..)| self.service_deployment(&format!("{name}/{number}")));
                let asked = body["status"].as_array().cloned().unwrap_or_default();
                let briefs = briefs.filter(|brief| asked.is_empty() || asked.contains(&brief["status"]));
                Ok(json!({"serviceDeployments": briefs.collect::<Vec<_>>()}))
            }
            "DescribeServiceDeployments" => {
                let asked = |arn: &Value| self.service_deployment(arn.as_str().expect("an ARN"));
                let arns = body["serviceDeploymentArns"].as_array().expect("ARNs");
                Ok(json!({"serviceDeployments": arns.iter().map(asked).collect::<Vec<_>>(), "failures": []}))
            }
            "DescribeServiceRevisions" => {
                let revision = |arn: &Value| {
                    let (_, definition, _) = self.begun(arn.as_str().expect("an ARN"));
                    json!({"serviceRevisionArn": arn, "taskDefinition": definition})
                };
                let arns = body["serviceRevisionArns"].as_array().expect("ARNs");
                Ok(json!({"serviceRevisions": arns.iter().map(revision).collect::<Vec<_>>(), "failures": []}))
            }
            "ContinueServiceDeployment" | "StopServiceDeployment" => self.end_pause(action, body),
            "UpdateService" => self.update_service(body),
            "RunTask" => Ok(self.run_task(body)),
            "StopTask" => {
                self.stops.push((text("task"), text("reason")));
                let task = self.tasks.get_mut(&text("task")).ok_or("InvalidParameterException")?;
                task["lastStatus"] = "STOPPED".into();
                task["stoppedReason"] = text("reason").into();
                Ok(json!({"task": task}))
            }
            "DescribeTasks" => Ok(self.describe_tasks(body)),
            "ListTasks" => Ok(self.list_tasks(body)),
            "DescribeScalableTargets" => Ok(self.describe_scalable_targets(body)),
            "RegisterScalableTarget" => self.register_scalable_target(body),
            "GetLogEvents" => {
                let lines = self
                    .logs
                    .get(&text("logStreamName"))
                    .ok_or("ResourceNotFoundException")?;
                Ok(
                    json!({"events": lines.iter().map(|line| json!({"timestamp": 0, "message": line})).collect::<Vec<_>>()}),
                )
            }
            "BatchGetBuilds" => {
                let ids = body["ids"].as_array().expect("ids").iter();
                let known = ids.filter_map(|id| self.builds.get(id.as_str()?)).cloned();
                Ok(json!({"builds": known.collect::<Vec<_>>()}))
            }
            "SendTaskSuccess" => {
                let output = serde_json::from_str(&text("output")).expect("JSON");
                self.token_answered(text("taskToken"), None).inspect(|_| {
                    self.outputs.insert(text("taskToken"), output);
                })
            }
            "SendTaskFailure" => self.token_answered(text("taskToken"), Some((text("error"), text("cause")))),
            "StopExecution" => Ok(json!({"stopDate": 0})),
            "StartExecution" => {
                self.started.push(text("name"));
                let arn = format!(
                    "{}:{}",
                    text("stateMachineArn").replace("stateMachine", "execution"),
                    text("name")
                );
                Ok(json!({"executionArn": arn, "startDate": 0}))
            }
            other => panic!("unexpected call: {other}"),
        }
    }

    fn token_answered(&mut self, token: String, answer: Option<(String, String)>) -> Result<Value, &'static str> {
        if self.answered.contains_key(&token) {
            return Err("TaskTimedOut");
        }
        self.answered.insert(token, answer);
        Ok(json!({}))
    }

    fn describe_task_definition(&self, name: &str) -> Option<Value> {
        if name.starts_with("arn:") {
            return self.definition(name).cloned();
        }
        if let Some((family, revision)) = name.split_once(':') {
            let index: usize = revision.parse().ok()?;
            return self.task_definitions.get(family)?.get(index - 1).cloned();
        }
        let mut newest_first = self.task_definitions.get(name)?.iter().rev();
        newest_first
            .find(|definition| definition["taskDefinition"]["status"] == "ACTIVE")
            .cloned()
    }

    /// How often a deployment of a service to this task definition has yet to pause.
    fn paused(&self, service: &Service, definition: &str) -> u32 {
        service.pauses.as_ref().map_or(0, |(image, left)| {
            let definition = self.definition(definition).map(Value::to_string).unwrap_or_default();
            if definition.contains(image) { *left } else { 0 }
        })
    }

    fn is_broken(&self, definition: &str) -> bool {
        let definition = self.definition(definition).map(Value::to_string).unwrap_or_default();
        self.broken_image
            .as_ref()
            .is_some_and(|image| definition.contains(image))
    }

    fn describe_services(&self, body: &Value) -> Value {
        let names = body["services"].as_array().expect("services").iter();
        let names = names.map(|name| name.as_str().expect("a name").rsplit('/').next().expect("a name"));
        let known = names.filter_map(|name| Some((name, self.services.get(name)?)));
        let described = known.map(|(name, service)| {
            let (state, reason) = match &service.end {
                _ if self.is_broken(&service.task_definition) => ("FAILED", "tasks failed to start."),
                End::AtOnce => ("COMPLETED", "done"),
                End::Later | End::Never => ("IN_PROGRESS", "in progress"),
            };
            let mut deployment = json!({
                "id": format!("ecs-svc/{}", service.deployment), "status": "PRIMARY",
                "taskDefinition": service.task_definition, "volumeConfigurations": service.volumes,
                "desiredCount": service.desired_count, "runningCount": self.running.unwrap_or(service.desired_count),
            });
            if matches!(service.kind, Kind::Rolling | Kind::Daemon) {
                deployment["rolloutState"] = state.into();
                deployment["rolloutStateReason"] = reason.into();
            }
            let mut described = json!({
                "serviceName": name, "serviceArn": service_arn(name), "status": "ACTIVE",
                "taskDefinition": service.task_definition, "desiredCount": service.desired_count,
                "runningCount": service.desired_count, "deploymentController": {"type": "ECS"},
                "deploymentConfiguration": service.configuration(), "schedulingStrategy": "REPLICA",
                "deployments": [deployment], "events": self.events,
            });
            let runs_on = service.runs_on.as_object().cloned().expect("members");
            described.as_object_mut().expect("an object").extend(runs_on);
            if self.paused(service, &service.task_definition) > 0 {
                let before = json!({"id": "ecs-svc/before", "status": "ACTIVE", "taskDefinition": service.before, "runningCount": 1});
                described["deployments"].as_array_mut().expect("a list").push(before);
            }
            match service.kind {
                Kind::Rolling | Kind::Classic | Kind::Strategy(_) => {}
                Kind::Controller(name) => described["deploymentController"]["type"] = name.into(),
                Kind::Daemon => described["schedulingStrategy"] = "DAEMON".into(),
            }
            described
        });
        let described: Vec<Value> = described.collect();
        let asked = body["services"].as_array().expect("services").len();
        let failures = vec![json!({"arn": "one of them", "reason": "MISSING"}); asked - described.len()];
        json!({"services": described, "failures": failures})
    }

    /// The service and the service deployment that `NAME/NUMBER` names.
    fn begun(&self, arn: &str) -> &(u32, String, Option<&'static str>) {
        let (name, number) = arn.split_once('/').expect("a name and a number");
        let mut history = self.services[name].history.iter();
        let found = history.find(|(begun, ..)| begun.to_string() == number);
        found.expect("a service deployment")
    }

    /// ECS continues, or restores what the service ran before.
    fn end_pause(&mut self, action: &str, body: &Value) -> Result<Value, &'static str> {
        let arn = body["serviceDeploymentArn"].as_str().expect("an ARN");
        let (name, _) = arn.split_once('/').expect("a name");
        self.ended_pauses.push(format!(
            "{action} {}",
            body["action"].as_str().or(body["stopType"].as_str()).expect("how")
        ));
        if action == "ContinueServiceDeployment" {
            let hook = &self.service_deployment(arn)["lifecycleHookDetails"][0];
            if hook["hookId"] != body["hookId"] {
                return Err("ClientException");
            }
        }
        if body["action"] != "CONTINUE" {
            self.roll_back(name, "a person stopped it");
        } else if let Some((_, left)) = &mut self.services.get_mut(name).expect("a service").pauses {
            *left -= 1;
        }
        Ok(json!({"serviceDeploymentArn": arn}))
    }

    /// ECS rolls the newest deployment of a service back.
    pub fn roll_back(&mut self, name: &str, reason: &'static str) {
        let service = self.services.get_mut(name).expect("a service");
        service.task_definition.clone_from(&service.before);
        service.history.last_mut().expect("a deployment").2 = Some("ROLLBACK_SUCCESSFUL");
        self.rolled_back_because = Some(reason);
    }

    fn service_deployment(&self, arn: &str) -> Value {
        let (number, definition, status) = self.begun(arn);
        let (name, _) = arn.split_once('/').expect("a name");
        let service = &self.services[name];
        let is_newest = *number == service.deployment;
        let paused = if is_newest { self.paused(service, definition) } else { 0 };
        let hooks = if paused > 0 && status.is_none() {
            json!([{"hookId": format!("{arn}/{paused}"), "targetType": "PAUSE", "status": "AWAITING_ACTION",
                    "expiresAt": 4_000_000_000_u64, "timeoutAction": "ROLLBACK"}])
        } else {
            json!([])
        };
        let by_end = match service.end {
            _ if paused > 0 => "IN_PROGRESS",
            _ if self.is_broken(definition) => "ROLLBACK_SUCCESSFUL",
            End::AtOnce => "SUCCESSFUL",
            End::Later | End::Never => "IN_PROGRESS",
        };
        json!({
            "serviceDeploymentArn": arn, "createdAt": number, "targetServiceRevisionArn": arn,
            "targetServiceRevision": {"arn": arn, "requestedProductionTrafficWeight": 10.0},
            "lifecycleStage": "PRE_PRODUCTION_TRAFFIC_SHIFT", "lifecycleHookDetails": hooks,
            "status": status.unwrap_or(by_end), "statusReason": self.rolled_back_because.unwrap_or("tasks failed to start."),
        })
    }
}

fn service_arn(name: &str) -> String {
    format!("arn:aws:ecs:us-east-1:000000000000:service/main/{name}")
}
