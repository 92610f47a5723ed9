//! What the workflow asks of code: one file a step, named as `statemachine/operation.asl.json` names it.
//!
//! ```text
//!  state machine ──{"step": "review_plan", "operation": "op-…", …}──► Steps::handle ──► review_plan.rs
//!        ▲                                                                 │  reads and writes the table, ECS, S3
//!        └──── what the next state needs, or an error by its name ◄────────┘
//! ```
//!
//! Every step may run twice (Lambda delivers at least once, and the workflow retries what is transient): each leaves after
//! the second time what it left after the first. [`StepError`] holds every error name that the workflow may see from here.

mod ask_approval;
mod autoscaling;
mod await_rollout;
mod aws;
mod bake;
mod begin;
mod capacity;
mod check_task;
mod commands;
mod complete;
mod error;
mod health;
mod judge_rollout;
mod lock_timeout;
mod log_line;
mod missing_image;
mod payload;
mod point_schedules;
mod prepare_release;
mod prepare_task;
mod progressive;
mod quiesce;
mod rds;
mod reconfigure;
mod record_failure;
mod record_outputs;
mod resume;
mod review_plan;
mod run_task;
mod services;
mod snapshot;
mod stack_account;
mod state;
mod stop_rollouts;
mod stopped_tasks;
mod task_definition;
mod tasks;
mod update_service;
mod verify;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use slipway_aws::{Lazy, MissingVariable, lazy, required};
use slipway_control::secrets::StackSecrets;
use slipway_model::error_chain::chain;
use slipway_model::id::OperationId;
use slipway_model::secret::Secrets;
use slipway_model::webhook::address::Reach;
use slipway_policy::Gate;
use slipway_store::Store;

use await_rollout::Waits;
use check_task::Ran;
pub use error::StepError;
use payload::{Event, Payload};
use stack_account::StackAccounts;

/// What the function knows from its environment.
#[derive(Debug, Clone)]
pub struct Config {
    table: String,
    artifacts_bucket: String,
    state_bucket: String,
    state_machine: String,
    s3_path_style: bool,
    /// Where health addresses may lead.
    health: Reach,
}

impl Config {
    /// Reads the function's environment variables.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, MissingVariable> {
        let var = |name| required(vars, name);
        Ok(Self {
            table: var("SLIPWAY_TABLE")?,
            artifacts_bucket: var("SLIPWAY_ARTIFACTS_BUCKET")?,
            state_bucket: var("SLIPWAY_STATE_BUCKET")?,
            state_machine: var("SLIPWAY_STATE_MACHINE_ARN")?,
            s3_path_style: slipway_aws::s3_path_style(vars),
            health: Reach::of_health(vars),
        })
    }
}

/// The steps, over the AWS clients that they use.
#[derive(Debug, Clone)]
pub struct Steps {
    config: Config,
    store: Store,
    secrets: StackSecrets,
    gate: Gate,
    accounts: StackAccounts,
    s3: Lazy<aws_sdk_s3::Client>,
    sfn: Lazy<aws_sdk_sfn::Client>,
    codebuild: Lazy<aws_sdk_codebuild::Client>,
}

impl Steps {
    /// The steps with clients of this configuration. Nothing is connected to before it is needed.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let by_path = config.s3_path_style;
        let s3 = move |sdk: &SdkConfig| {
            let s3 = aws_sdk_s3::config::Builder::from(sdk).force_path_style(by_path);
            aws_sdk_s3::Client::from_conf(s3.build())
        };
        let (store, s3) = (Store::new(sdk, config.table.clone()), lazy(sdk, s3));
        Self {
            secrets: StackSecrets::new(&store, &s3, &config.state_bucket),
            gate: Gate::new(&store),
            store,
            accounts: StackAccounts::new(sdk),
            s3,
            sfn: lazy(sdk, aws_sdk_sfn::Client::new),
            codebuild: lazy(sdk, aws_sdk_codebuild::Client::new),
            config,
        }
    }

    /// Runs the step that the payload names, and returns what the next state needs. An event of EventBridge says that an execution has
    /// ended without its workflow, or left something stopped.
    pub async fn handle(&self, payload: Value) -> Result<Value, StepError> {
        // On the heap: the futures of ten steps nested in each other are deeper than the compiler looks.
        let operation = payload["operation"].as_str().and_then(|id| id.parse().ok());
        match Box::pin(self.dispatch(payload)).await {
            Err(error) => Err(Box::pin(self.without_secrets(operation, error)).await),
            answer => answer,
        }
    }

    /// An error as people may see it: its text becomes the cause of the execution. It goes into the log likewise. Where nothing
    /// says what the secrets are, what others said is left out.
    async fn without_secrets(&self, operation: Option<OperationId>, error: StepError) -> StepError {
        let secrets = match (&operation, error.quotes()) {
            (Some(operation), true) => self.secrets_of(operation).await.ok(),
            _ => Some(Secrets::default()),
        };
        let Some(secrets) = secrets else {
            tracing::warn!(
                error = error.name(),
                "the text is left out: the secrets of the stack cannot be read"
            );
            return StepError::PassedOn {
                name: error.error_name(),
                text: "the text of this error is left out, because the secrets of the stack could not be read"
                    .to_owned(),
            };
        };
        tracing::warn!(error = error.name(), "{}", secrets.hide(&chain(&error)));
        let text = error.to_string();
        match secrets.hide(&text) {
            shown if shown == text => error,
            text => StepError::PassedOn {
                name: error.error_name(),
                text,
            },
        }
    }

    /// The secrets of the stack of an operation.
    async fn secrets_of(&self, operation: &OperationId) -> Result<Secrets, StepError> {
        let operation = self.store.operation(operation).await?;
        Ok(self.secrets.of_operation(&operation).await?)
    }

    async fn dispatch(&self, payload: Value) -> Result<Value, StepError> {
        if payload.get("detail-type").is_some() {
            let event = serde_json::from_value(payload).map_err(StepError::ReadPayload)?;
            return answer(&Box::pin(self.after_execution(&event)).await?);
        }
        match serde_json::from_value(payload).map_err(StepError::ReadPayload)? {
            Payload::Begin {
                operation,
                stack,
                execution,
            } => answer(&Box::pin(self.begin(&operation, stack.as_ref(), &execution)).await?),
            Payload::ReviewPlan { operation } => answer(&Box::pin(self.review_plan(&operation)).await?),
            Payload::AskApproval { operation, token } => {
                answer(&Box::pin(self.ask_approval(&operation, &token)).await?)
            }
            Payload::RecordOutputs(of) => answer(&Box::pin(self.record_outputs(&of)).await?),
            Payload::PrepareRelease { operation } => answer(&Box::pin(self.prepare_release(&operation)).await?),
            Payload::PrepareTask { operation } => answer(&Box::pin(self.prepare_task(&operation)).await?),
            Payload::RunTask(asked) => answer(&Box::pin(self.run_task(&asked)).await?),
            Payload::CheckTask {
                operation,
                entered,
                place,
                cluster,
                what,
                task,
            } => {
                let ran = Ran {
                    entered: entered.unwrap_or_else(Timestamp::now),
                    cluster,
                    what,
                    ended: task,
                };
                answer(&Box::pin(self.check_task(&operation, &place, &ran)).await?)
            }
            Payload::Quiesce {
                operation,
                place,
                cluster,
            } => answer(&Box::pin(self.quiesce(&operation, &place, &cluster)).await?),
            Payload::StopRollouts {
                operation,
                place,
                cluster,
                services,
            } => answer(&Box::pin(self.stop_rollouts(&operation, &place, &cluster, &services)).await?),
            Payload::Resume { operation, place } => answer(&Box::pin(self.resume(&operation, &place)).await?),
            Payload::UpdateService {
                operation,
                state,
                place,
                cluster,
                service,
            } => answer(&Box::pin(self.update_service(&operation, state, &place, &cluster, &service)).await?),
            Payload::AwaitRollout {
                operation,
                token,
                state,
                entered,
                place,
                cluster,
                rollout,
            } => {
                let waits = Waits {
                    token,
                    direction: state,
                    entered,
                    cluster,
                };
                answer(&Box::pin(self.await_rollout(&operation, &place, waits, &rollout)).await?)
            }
            Payload::TakeSnapshot {
                operation,
                place,
                snapshot,
            } => answer(&Box::pin(self.take_snapshot(&operation, &place, &snapshot)).await?),
            Payload::AwaitSnapshot {
                operation,
                token,
                place,
                snapshot,
            } => answer(&Box::pin(self.await_snapshot(&operation, &token, &place, &snapshot)).await?),
            Payload::Verify {
                operation,
                place,
                cluster,
            } => answer(&Box::pin(self.verify(&operation, &place, &cluster)).await?),
            Payload::PointSchedules { operation, place } => {
                answer(&Box::pin(self.point_schedules(&operation, &place)).await?)
            }
            Payload::RestoreSchedules { operation, place } => {
                answer(&Box::pin(self.restore_schedules(&operation, &place)).await?)
            }
            Payload::Complete(of) => answer(&Box::pin(self.complete(&of)).await?),
            Payload::RecordFailure { operation, failure } => {
                answer(&Box::pin(self.record_failure(&operation, &failure)).await?)
            }
        }
    }
}

impl Steps {
    /// Does what an execution left undone.
    async fn after_execution(&self, event: &Event) -> Result<Done, StepError> {
        match event {
            Event::ExecutionEnded { name } => {
                let stopped = self.stop_left_task(name).await;
                Box::pin(self.resume_left(name)).await?;
                stopped
            }
            Event::ResumeDue { operation } => Box::pin(self.resume_left(operation)).await,
        }
    }
}

/// What a step says whose end is all that the next state needs to know.
#[derive(Debug, Serialize)]
pub(crate) struct Done {}

fn answer(output: &impl Serialize) -> Result<Value, StepError> {
    serde_json::to_value(output).map_err(StepError::WriteAnswer)
}
