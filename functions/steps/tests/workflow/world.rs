//! A world for the shipped state machine: the real steps over an embedded DynamoDB and small AWS services, with CodeBuild,
//! ECS and people played by the test.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use asl_interpreter::simulate::{Answer, Simulation, simulate};
use asl_interpreter::{StateMachine, TaskRequest};
use aws_sdk_ecs::config::SharedHttpClient;
use serde_json::{Value, json};
use slipway_control::admission::{Admission, Asking, Change};
use slipway_control::rollout::{self, Ended};
use slipway_model::account::AccountId;
use slipway_model::artifact;
use slipway_model::environment::Approval;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::{Digest, Image, Name};
use slipway_model::operation::cancel::{Cancel, WAIT_UNTIL_STABLE};
use slipway_model::operation::one_build::{AfterPlan, NewPlan, PlanMade};
use slipway_model::operation::work::Work;
use slipway_model::operation::{Failure, LogStream, Operation, OperationKind, Progress, StepStatus};
use slipway_model::plan::{Action, Drift, PlanSummary, ResourceChange, Verdict};
use slipway_model::policy::{PolicyRevision, StoredPolicy};
use slipway_model::release::NewRelease;
use slipway_model::stack::Stack;
use slipway_recording::recorded;
use slipway_steps::{Config, Steps};
use slipway_store::Store;
use slipway_store::create::NewOperation;
use tokio::runtime::Runtime;

use crate::aws::{self, Aws, End, Shared};
use crate::ground::{answer, contract, created, dynamodb, provision, serve};
use crate::pauses::AtPause;

pub const DEFINITION: &str = include_str!("../../../../statemachine/operation.asl.json");
/// An update and a preview without a patch: they apply what the stack has.
pub const UPDATE: Work = Work::update(None);
pub const PREVIEW: Work = Work::Preview { patch: None };
pub const MACHINE_ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:slipway-operation";

/// All worlds share one runtime and one HTTP client: making its TLS settings is most of the making of a world.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static HTTP: LazyLock<SharedHttpClient> = LazyLock::new(|| {
    let config = slipway_aws::sdk_config(&BTreeMap::new());
    config.http_client().expect("a client")
});

/// Bob approves the plan of an operation; whether that counts.
pub fn approve(store: &Store, id: &OperationId) -> bool {
    let approved = RUNTIME.block_on(async {
        let read = store.operation(id).await?;
        store.try_approve(&read, "bob".into()).await
    });
    approved.is_ok_and(|approved| approved.is_some())
}

/// The shipped machine, as deployed.
pub fn machine() -> StateMachine {
    deployed(DEFINITION)
}

/// A definition, as deployed.
pub fn deployed(definition: &str) -> StateMachine {
    let definition = definition
        .replace("${Partition}", "aws")
        .replace(
            "${StepsFunctionArn}",
            "arn:aws:lambda:us-east-1:000000000000:function:slipway-steps",
        )
        .replace("${CodeBuildProject}", "slipway-runner");
    StateMachine::parse(&definition).expect("a definition that AWS accepts")
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub fn image(n: u8) -> Image {
    format!("app@sha256:{}", format!("{n:x}").repeat(64))
        .parse()
        .expect("an image")
}

/// What people do when they are asked to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    Approve,
    Reject,
    /// They cancel the operation while its services are rolled out.
    Cancel,
    /// They do nothing from now on.
    Away,
}

/// When RDS says that a snapshot is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotEvent {
    /// Before a step waits for it.
    Early,
    Later,
    Never,
}

/// How a phase of the runner ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Build {
    Succeeds,
    /// The runner recorded this failure.
    Fails(Failure),
    /// Its rules refused the plan before it began, and the runner recorded this.
    Refuses(Failure),
    /// CodeBuild ended it, and the runner could say nothing.
    Dies,
}

/// The world, and how it behaves.
pub struct World {
    pub machine: StateMachine,
    pub store: Store,
    pub steps: Steps,
    pub aws: Shared,
    pub stack: StackId,
    /// The environment variables of the function.
    pub vars: BTreeMap<String, String>,
    pub people: People,
    pub plan: PlanSummary,
    pub plan_build: Build,
    pub apply_build: Build,
    /// Whether the plan needs no approval, so that the build of Plan applies it.
    pub one_build: bool,
    /// The result of a drift check.
    pub drift: Drift,
    /// When RDS says that a snapshot is there.
    pub snapshot_event: SnapshotEvent,
    /// The account that RDS speaks from, where that is not Slipway's own.
    pub account: Option<AccountId>,
    pub sfn: aws_sdk_sfn::Client,
    /// What the blueprint's output says; none for a blueprint without it.
    pub contract: Option<Value>,
    /// The exit code of migrations; none when a task ends without one.
    pub exit_code: Option<i32>,
    /// Every task is done twice.
    pub twice: bool,
    /// How pauses end.
    pub at_pause: AtPause,
    /// The states that had a task, and how often.
    pub asked: BTreeMap<String, u32>,
}

impl World {
    /// A world with an environment in which plans wait for an approval, and a stack whose provision was requested with images.
    pub fn new() -> (Self, OperationId) {
        Self::in_environment(Approval::Always, false)
    }

    pub fn in_environment(approval: Approval, protected: bool) -> (Self, OperationId) {
        let aws = Shared::default();
        let endpoint = RUNTIME.block_on(serve(&aws));
        let dynamodb = RUNTIME.block_on(dynamodb());
        let vars: BTreeMap<String, String> = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb),
            ("SLIPWAY_TABLE", "slipway"),
            ("SLIPWAY_ARTIFACTS_BUCKET", "artifacts"),
            ("SLIPWAY_STATE_BUCKET", "state"),
            ("SLIPWAY_STATE_MACHINE_ARN", MACHINE_ARN),
            ("SLIPWAY_HEALTH_LOOPBACK", "yes"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let sdk = slipway_aws::sdk_config(&vars).into_builder();
        let sdk = sdk.http_client(HTTP.clone()).build();
        let store = Store::new(&sdk, "slipway");
        let (stack, operation) = RUNTIME.block_on(provision(&store, approval, protected));
        aws::lock(&aws).health = vec![200];
        for service in ["web", "worker"] {
            aws::lock(&aws).add_service(&format!("{stack}-{service}"), 0);
        }
        aws::lock(&aws).add_schedule(&format!("{stack}-tick"));
        let contract = contract(&stack, &endpoint);
        let mut plan = PlanSummary::default();
        plan.add_change(ResourceChange {
            address: "aws_ecs_cluster.this".to_owned(),
            action: Action::Create,
        });
        let world = Self {
            steps: Steps::new(
                Config::from_vars(&vars).expect("a whole environment"),
                &recorded("StepsFunction", &sdk),
            ),
            machine: machine(),
            store,
            aws,
            stack,
            vars,
            people: People::Approve,
            plan,
            plan_build: Build::Succeeds,
            apply_build: Build::Succeeds,
            one_build: false,
            drift: Drift::default(),
            snapshot_event: SnapshotEvent::Later,
            account: None,
            sfn: aws_sdk_sfn::Client::new(&sdk),
            contract: Some(contract),
            exit_code: Some(0),
            twice: false,
            at_pause: AtPause::Nothing,
            asked: BTreeMap::new(),
        };
        (world, operation)
    }

    /// Gives the function other environment variables.
    pub fn reconfigure(&mut self, vars: impl IntoIterator<Item = (String, String)>) {
        self.vars.extend(vars);
        let sdk = slipway_aws::sdk_config(&self.vars).into_builder();
        let sdk = sdk.http_client(HTTP.clone()).build();
        self.steps = Steps::new(Config::from_vars(&self.vars).expect("a whole environment"), &sdk);
    }

    /// Has the worker and the schedule stop while migrations run, from the next apply on.
    pub fn quiesce(&mut self) {
        let contract = self.contract.as_mut().expect("a contract");
        contract["services"]["worker"]["quiesce"] = true.into();
        contract["schedules"]["tick"]["quiesce"] = true.into();
    }

    pub fn aws(&self) -> std::sync::MutexGuard<'_, Aws> {
        aws::lock(&self.aws)
    }

    pub fn operation(&self, id: &OperationId) -> Operation {
        RUNTIME.block_on(self.store.operation(id)).expect("the operation")
    }

    /// Stores a policy, as the API does.
    pub fn store_policy(&self, name: &str, text: &str) {
        let policy = StoredPolicy {
            name: name.parse().expect("a name"),
            text: text.to_owned(),
            updated_by: "root".to_owned(),
            updated_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let revision = PolicyRevision {
            revision: 1,
            policies: vec![policy],
            judges_plans: true,
            changed_by: "root".to_owned(),
            changed_at: Some(jiff::Timestamp::UNIX_EPOCH),
        };
        assert!(Self::wait(
            self.store.put_policies(&PolicyRevision::default(), &revision)
        ));
    }

    pub fn stack(&self) -> Stack {
        RUNTIME.block_on(self.store.stack(&self.stack)).expect("the stack")
    }

    /// Waits for a call of the store.
    pub fn wait<T>(future: impl Future<Output = Result<T, slipway_store::Error>>) -> T {
        RUNTIME.block_on(future).expect("the store")
    }

    /// Asks for another operation of the stack.
    pub fn ask(&self, work: Work) -> OperationId {
        let new = NewOperation::new(work, self.stack(), "ann");
        created(Self::wait(self.store.create_operation(&new, None, |_| answer())))
    }

    /// Asks for a release of these images.
    pub fn ask_release(&self, images: &[(&str, Image)]) -> OperationId {
        let images = images.iter().map(|(service, image)| (name(service), image.clone()));
        self.ask(Work::release_of(self.stack().next_release(images.collect()), true))
    }

    /// Requests a release of one service, as the API does.
    pub fn request_release(&self, service: &str, number: u8) -> OperationId {
        let asking = Asking {
            requested_by: "ann",
            permitted: None,
            origin: None,
            idempotency: None,
        };
        let change = Change::Release(BTreeMap::from([(name(service), image(number))]).into());
        let admission = Admission::by(&self.store);
        let asked = admission.request_change(self.stack(), &change, None, asking, |_| answer());
        created(RUNTIME.block_on(asked).expect("an outcome"))
    }

    /// Asks for a task of the stack.
    pub fn ask_task(&self, task: &str) -> OperationId {
        self.ask(Work::Task { task: name(task) })
    }

    /// Asks for a release of this image for both services, after a snapshot.
    pub fn ask_after_snapshot(&self, number: u8) -> OperationId {
        self.ask(Work::Release {
            release: self.both(number),
            compatible_with_previous: true,
            with_snapshot: true,
        })
    }

    /// The next release: this image for both services.
    pub fn both(&self, number: u8) -> NewRelease {
        let images = ["web", "worker"].map(|service| (name(service), image(number)));
        self.stack().next_release(images.into())
    }

    /// Asks for a release of this image for both services, with which the previous release works, or not.
    pub fn ask_both(&self, number: u8, compatible_with_previous: bool) -> OperationId {
        self.ask(Work::Release {
            release: self.both(number),
            compatible_with_previous,
            with_snapshot: false,
        })
    }

    /// Makes the rollouts of every service end like this.
    pub fn rollouts_end(&self, end: &End) {
        for service in self.aws().services.values_mut() {
            service.end = end.clone();
        }
    }

    /// Runs the execution of an operation in this world.
    pub fn run(&mut self, id: &OperationId) -> Simulation {
        self.run_with(id, |_| None)
    }

    /// Runs it, and lets `inject` answer in the place of the world.
    pub fn run_with(&mut self, id: &OperationId, mut inject: impl FnMut(&TaskRequest) -> Option<Answer>) -> Simulation {
        // A simulated execution draws the same tokens as the one before it.
        self.aws().answered.clear();
        self.aws().outputs.clear();
        let machine = self.machine.clone();
        let stack = self.operation(id).stack;
        simulate(&machine, json!({"operation": id, "stack_id": stack}), |task| {
            *self.asked.entry(task.state.clone()).or_default() += 1;
            if let Some(answer) = inject(task) {
                return answer;
            }
            let first = self.answer(id, task);
            if self.twice { self.answer(id, task) } else { first }
        })
    }

    pub fn answer(&self, id: &OperationId, task: &TaskRequest) -> Answer {
        let resource = format!(
            "{}:{}",
            task.resource.resource_type(),
            task.resource.action_with_pattern()
        );
        match resource.as_str() {
            "lambda:invoke" => {
                let payload = &task.arguments["Payload"];
                let answer = self.invoke(payload);
                if payload["step"] == "take_snapshot" && self.snapshot_event == SnapshotEvent::Early {
                    self.send_snapshot_event(payload["snapshot"]["id"].as_str().expect("an identifier"));
                }
                answer
            }
            "lambda:invoke.waitForTaskToken" => match self.invoke(&task.arguments["Payload"]) {
                Answer::Succeed(_) => self.token_answer(id, task),
                failed => failed,
            },
            "codebuild:startBuild.sync" => self.build(id, &task.arguments),
            other => panic!("the world has no {other}"),
        }
    }

    fn invoke(&self, payload: &Value) -> Answer {
        self.aws().exit_code = self.exit_code;
        self.aws().snapshots_take_long = self.snapshot_event != SnapshotEvent::Never;
        match RUNTIME.block_on(self.steps.handle(payload.clone())) {
            Ok(answer) => Answer::Succeed(json!({"StatusCode": 200, "Payload": answer})),
            Err(error) => {
                let cause = json!({"errorType": error.name(), "errorMessage": error.text()});
                Answer::fail(error.name(), &cause.to_string())
            }
        }
    }

    /// What comes of a token: from the step itself, from people, or from the event of ECS.
    fn token_answer(&self, id: &OperationId, task: &TaskRequest) -> Answer {
        let payload = &task.arguments["Payload"];
        let token = payload["token"].as_str().expect("a token");
        let answered = self.aws().answered.get(token).cloned();
        if let Some(answered) = answered {
            return match answered {
                None => Answer::Succeed(self.aws().outputs.get(token).cloned().unwrap_or(json!({}))),
                Some((error, cause)) => Answer::fail(&error, &cause),
            };
        }
        if payload["step"] == "run_task" {
            return self.end_task(id, token);
        }
        if payload["step"] == "ask_approval" {
            return self.decide(id);
        }
        if payload["step"] == "await_snapshot" {
            if self.snapshot_event == SnapshotEvent::Never {
                return Answer::Never;
            }
            let waits = self.operation(id).snapshot.expect("a snapshot");
            assert_eq!(waits.token.as_deref(), Some(token));
            self.send_snapshot_event(&waits.id);
            assert!(self.aws().answered.contains_key(token));
            return Answer::Succeed(json!({}));
        }
        let rollout = &payload["rollout"];
        let (service, deployment) = (&rollout["service"], &rollout["deployment"]);
        if rollout["progressive"] == true {
            return self.progressive_answer(id, token, service.as_str().expect("an ARN"));
        }
        let waiting = self
            .store
            .rollout(service.as_str().expect("an ARN"), deployment.as_str().expect("an id"));
        let waiting = Self::wait(waiting).expect("the token that waits for the event");
        assert_eq!(waiting.token, token);
        let service = service.as_str().and_then(|arn| arn.rsplit('/').next()).expect("a name");
        if self.aws().services[service].end == End::Never {
            return Answer::Never;
        }
        if self.people == People::Cancel && waiting.step.starts_with(WAIT_UNTIL_STABLE) {
            return self.cancel_rollout(id, token);
        }
        // The event of ECS.
        let ended = rollout::end(&self.store, &self.sfn, &waiting, &Ended::Completed);
        RUNTIME.block_on(ended).expect("the step is answered");
        Answer::Succeed(json!({}))
    }

    /// What comes of a one-off task that ECS has not ended when the step looked.
    fn end_task(&self, id: &OperationId, token: &str) -> Answer {
        if self.aws().tasks_end == Some(End::Never) {
            return Answer::Never;
        }
        let operation = self.operation(id);
        let run = operation.task_run.expect("a one-off task");
        assert_eq!(run.token.as_deref(), Some(token));
        let is_its_own = |log: &LogStream| log.step == run.step;
        assert!(operation.logs.iter().any(is_its_own), "its log is read while it runs");
        let arn = run.task.expect("an ARN");
        self.aws().end_task(&arn);
        let stopped = slipway_control::task_run::stopped(&self.store, &self.sfn, id, &arn);
        assert!(RUNTIME.block_on(stopped).expect("the step is answered"));
        Answer::Succeed(self.aws().outputs[token].clone())
    }

    /// What the API does when an operation is cancelled during its rollout.
    pub fn cancel_rollout(&self, id: &OperationId, token: &str) -> Answer {
        assert_eq!(self.operation(id).cancelling(), Cancel::Unwind);
        let failure = Failure {
            name: rollout::CANCELLED.to_owned(),
            step: WAIT_UNTIL_STABLE.to_owned(),
            message: "bob cancelled the operation".to_owned(),
            address: None,
        };
        let cancelled = rollout::cancel(&self.store, &self.sfn, id, &failure);
        let cancelled = RUNTIME.block_on(cancelled).expect("the steps are answered");
        assert!(cancelled.is_some(), "a step waits for the rollout");
        let (error, cause) = self.aws().answered[token].clone().expect("a failure");
        Answer::fail(&error, &cause)
    }

    /// What RDS says of the snapshot of an operation: `events` hears it.
    fn send_snapshot_event(&self, snapshot: &str) {
        let operation = slipway_model::operation::Snapshot::operation(snapshot).expect("an operation");
        let taken =
            slipway_control::snapshot::taken(&self.store, &self.sfn, &operation, snapshot, self.account.as_ref());
        RUNTIME.block_on(taken).expect("the step is answered");
    }

    fn decide(&self, id: &OperationId) -> Answer {
        match self.people {
            People::Approve | People::Cancel => {
                assert!(approve(&self.store, id));
                Answer::Succeed(json!({}))
            }
            People::Reject => {
                let failure = Failure {
                    name: "Slipway.ApprovalRejected".to_owned(),
                    step: "Wait for approval".to_owned(),
                    message: "bob rejected the plan: not on a Friday".to_owned(),
                    address: None,
                };
                Self::wait(self.store.reject(id, "ada", &failure));
                Answer::fail(&failure.name, &failure.message)
            }
            People::Away => Answer::Never,
        }
    }

    /// What the runner does in a build.
    fn build(&self, id: &OperationId, arguments: &Value) -> Answer {
        let variables = arguments["EnvironmentVariablesOverride"].as_array().expect("variables");
        let variable = |name: &str| {
            let found = variables.iter().find(|variable| variable["Name"] == name);
            found.and_then(|variable| variable["Value"].as_str()).expect(name)
        };
        let phase = variable("SLIPWAY_PHASE");
        assert_eq!(variable("SLIPWAY_STACK"), self.operation(id).stack.as_str());
        let (step, end) = match phase {
            "plan" => ("Plan", &self.plan_build),
            _ => ("Apply", &self.apply_build),
        };
        let arn = format!("arn:aws:codebuild:us-east-1:000000000000:build/slipway-runner:{phase}");
        let failed = json!({"Build": {"Arn": arn, "BuildStatus": "FAILED"}}).to_string();
        if *end == Build::Dies {
            let contexts = json!([{"statusCode": "INTERNAL", "message": "no capacity"}]);
            let phases = json!([{"phaseType": "QUEUED"}, {"phaseType": "PROVISIONING", "contexts": contexts}]);
            self.aws()
                .builds
                .insert(arn, json!({"buildStatus": "FAULT", "phases": phases}));
            return Answer::fail("States.TaskFailed", &failed);
        }
        if let Build::Refuses(failure) = end {
            Self::wait(self.store.record_failure(id, failure));
            return Answer::fail("States.TaskFailed", &failed);
        }
        let begun = |operation: &mut Operation| {
            operation.begin_build(step, jiff::Timestamp::now());
            Ok(())
        };
        Self::wait(self.store.update_operation(id, begun));
        if let Build::Fails(failure) = end {
            Self::wait(self.store.record_failure(id, failure));
            return Answer::fail("States.TaskFailed", &failed);
        }
        if phase == "plan" && self.one_build {
            return self.one_build(id, &arn, &failed);
        }
        if phase == "plan" && self.operation(id).kind() == OperationKind::Drift {
            let looked = |operation: &mut Operation| {
                operation.drift = Some(self.drift.clone());
                Ok(())
            };
            Self::wait(self.store.update_operation(id, looked));
        } else if phase == "plan" {
            let planned = |operation: &mut Operation| {
                operation.plan = Some(self.plan.clone());
                Ok(())
            };
            Self::wait(self.store.update_operation(id, planned));
        } else {
            self.keep_outputs(id);
        }
        Self::wait(self.store.end_step(id, step, StepStatus::Succeeded));
        Answer::Succeed(json!({"Build": {"Arn": arn, "BuildStatus": "SUCCEEDED"}}))
    }

    fn keep_outputs(&self, id: &OperationId) {
        let outputs = match &self.contract {
            Some(contract) => json!({"slipway": contract}),
            None => json!({}),
        };
        let outputs = outputs.to_string();
        let digest = Digest::of(outputs.as_bytes());
        let recorded = self.store.update_operation(id, |operation| {
            operation.outputs = Some(digest.clone());
            Ok(())
        });
        let key = artifact::of_operation(&Self::wait(recorded), artifact::OUTPUTS);
        self.aws().objects.insert(key, outputs);
    }

    /// What the runner does in a build that also applies.
    fn one_build(&self, id: &OperationId, arn: &str, failed: &str) -> Answer {
        let now = jiff::Timestamp::now();
        let planned = |operation: &mut Operation| {
            let new = NewPlan {
                made: PlanMade {
                    build: arn.to_owned(),
                    archive: None,
                },
                plan: Some(self.plan.clone()),
                binding: None,
                drift: None,
                verdict: Some(Verdict::Apply),
            };
            assert_eq!(operation.end_plan(new, now), AfterPlan::Apply);
            Ok(())
        };
        Self::wait(self.store.update_operation(id, planned));
        let ended = match &self.apply_build {
            Build::Succeeds => Ok(()),
            Build::Fails(failure) | Build::Refuses(failure) => Err(failure.clone()),
            Build::Dies => {
                let began = |operation: &mut Operation| {
                    operation.progress = Some(Progress {
                        done: 1,
                        total: 3,
                        running: 1,
                        current: Some("aws_lb.this".to_owned()),
                    });
                    Ok(())
                };
                Self::wait(self.store.update_operation(id, began));
                return Answer::fail("States.TaskFailed", failed);
            }
        };
        let is_applied = ended.is_ok();
        let applied = |operation: &mut Operation| {
            let _ = operation.end_build("Apply", ended.clone(), now);
            Ok(())
        };
        Self::wait(self.store.update_operation(id, applied));
        if !is_applied {
            return Answer::fail("States.TaskFailed", failed);
        }
        self.keep_outputs(id);
        Answer::Succeed(json!({"Build": {"Arn": arn, "BuildStatus": "SUCCEEDED"}}))
    }
}
