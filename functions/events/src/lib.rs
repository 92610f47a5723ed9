//! EventBridge events: from the AWS services that the workflow uses, and requests of other accounts.
//!
//! | event | from | effect |
//! | --- | --- | --- |
//! | `ECS Deployment State Change` | the account of the service | answers the step that waits for the deployment |
//! | `ECS Hook State Change` | the account of the service | wakes the step that waits for the deployment |
//! | `ECS Task State Change` | the account of the task | answers the step that runs the task |
//! | `Step Functions Execution Status Change` | this account | ends an orphaned operation, starts the next one, and reports the result |
//! | `RDS DB Snapshot Event`, `RDS DB Cluster Snapshot Event` | the account of the snapshot | answers the step that waits for the snapshot |
//! | `Slipway Result Due` | the sweeper | sends the result of an operation to the account that requested it |
//! | `Slipway Request` | other accounts | starts or queues an operation |
//! | `ECR Image Action` | other accounts | starts a release of each stack that subscribes to the image |
//!
//! EventBridge delivers at least once and in no order, and a rule may match more events than concern this installation.
//! Duplicates and events about other resources are ignored.
//!
//! An event that would fail again in the same way (unreadable, of an unknown type, not allowed, rejected) is dead-lettered at
//! once with the reason, and counts as handled. If a service does not answer, the function fails. Lambda then retries the event,
//! and finally dead-letters it, so no event blocks another.

mod dead_letter;
mod error;
mod event;
mod execution;
mod image;
mod permission;
mod request;
mod results;
mod rollout;
mod snapshot;
mod task;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use serde_json::Value;
use slipway_aws::{Lazy, MissingVariable, lazy, required};
use slipway_model::audit::{Action, Entry};
use slipway_model::error_chain::chain;
use slipway_policy::Gate;
use slipway_store::Store;
use slipway_store::audit::{InvalidRetention, Retention};

pub use error::{EventError, Refused};
use event::{Envelope, Lossy};

/// The type of the events by which other accounts request operations.
const REQUEST: &str = "Slipway Request";

/// The function's environment variables.
#[derive(Debug, Clone)]
pub struct Config {
    table: String,
    state_machine: String,
    unhandled_events: String,
    audit_retention: Retention,
}

/// Why the function cannot work with its environment variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// One that it needs is not set.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
    /// The retention of the audit log is no number.
    #[error(transparent)]
    AuditDays(#[from] InvalidRetention),
}

impl Config {
    /// Reads them.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, InvalidConfig> {
        let var = |name| required(vars, name);
        Ok(Self {
            table: var("SLIPWAY_TABLE")?,
            state_machine: var("SLIPWAY_STATE_MACHINE_ARN")?,
            unhandled_events: var("SLIPWAY_UNHANDLED_EVENTS_URL")?,
            audit_retention: Retention::from_vars(vars)?,
        })
    }

    /// The function's own account: the fifth part of an ARN.
    fn account(&self) -> &str {
        self.state_machine.split(':').nth(4).unwrap_or_default()
    }
}

/// The handlers of events, with their AWS clients.
#[derive(Debug, Clone)]
pub struct Events {
    config: Config,
    store: Store,
    gate: Gate,
    sfn: Lazy<aws_sdk_sfn::Client>,
    eventbridge: Lazy<aws_sdk_eventbridge::Client>,
    sqs: Lazy<aws_sdk_sqs::Client>,
}

impl Events {
    /// Handlers with clients of this configuration, which connect when they are first used.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let store = Store::new(sdk, config.table.clone()).keeping_audit(config.audit_retention);
        Self {
            gate: Gate::new(&store),
            store,
            sfn: lazy(sdk, aws_sdk_sfn::Client::new),
            eventbridge: lazy(sdk, aws_sdk_eventbridge::Client::new),
            sqs: lazy(sdk, aws_sdk_sqs::Client::new),
            config,
        }
    }

    /// Handles or dead-letters an event, as Lambda gets it. After an error, Lambda should retry it.
    ///
    /// A request is read as strictly as over HTTPS, where no number loses a digit and no field stands twice.
    pub async fn handle_text(&self, event: &str) -> Result<(), EventError> {
        let read: Value = serde_json::from_str(event).map_err(EventError::ReadEvent)?;
        let lossy = (read["detail-type"] == REQUEST).then(|| Lossy::of(event)).flatten();
        self.handle_read(read, lossy).await
    }

    /// Likewise, of an event that was read already.
    pub async fn handle(&self, event: Value) -> Result<(), EventError> {
        self.handle_read(event, None).await
    }

    async fn handle_read(&self, mut event: Value, lossy: Option<Lossy>) -> Result<(), EventError> {
        // On the heap: the futures of the clients, nested in each other, are deeper than the compiler looks.
        match Box::pin(self.follow(&event, lossy.as_ref())).await {
            Err(error) if error.is_final() => {
                if error.is_denial() {
                    Box::pin(self.record_denial(&event, &error)).await?;
                }
                if let Some(lossy) = lossy {
                    // As it was written: a redriven event must not be accepted without what was lost.
                    event["detail"] = lossy.detail.into();
                }
                self.dead_letter(event, &error).await
            }
            outcome => outcome,
        }
    }

    /// Records in the audit log that an account tried what it may not do.
    async fn record_denial(&self, event: &Value, error: &EventError) -> Result<(), EventError> {
        let field = |name: &str| event[name].as_str().unwrap_or_default();
        let actor = format!("event:{}", field("account"));
        let subject = format!("event/{}", field("detail-type"));
        let entry = Entry::new(actor, Action::Deny, subject).because(Some(&chain(error)));
        let recorded = self.store.record_audit(&entry).await;
        recorded.map_err(EventError::table("record a denial"))
    }

    async fn follow(&self, event: &Value, lossy: Option<&Lossy>) -> Result<(), EventError> {
        let mut envelope = Envelope::read(event)?;
        envelope.lossy = lossy.cloned();
        let is_own = envelope.account.as_str() == self.config.account();
        match (envelope.detail_type.as_str(), envelope.source.as_str()) {
            ("ECS Deployment State Change", "aws.ecs") => self.deployment(&envelope).await,
            ("ECS Hook State Change", "aws.ecs") => self.hook(&envelope).await,
            ("ECS Task State Change", "aws.ecs") => self.task(&envelope).await,
            ("Step Functions Execution Status Change", "aws.states") if is_own => {
                self.execution(envelope.detail()?).await
            }
            ("RDS DB Snapshot Event" | "RDS DB Cluster Snapshot Event", "aws.rds") => self.snapshot(&envelope).await,
            ("Slipway Result Due", "slipway") if is_own => self.due(envelope.detail()?).await,
            ("ECR Image Action", "aws.ecr") => self.image(&envelope).await,
            // Requesters choose their own source, but only AWS may use `aws.`, and no AWS service sends requests.
            (REQUEST, source) if !source.starts_with("aws.") => self.request(&envelope).await,
            (
                "ECS Deployment State Change"
                | "ECS Hook State Change"
                | "ECS Task State Change"
                | "Step Functions Execution Status Change"
                | "RDS DB Snapshot Event"
                | "RDS DB Cluster Snapshot Event"
                | "Slipway Result Due"
                | "ECR Image Action"
                | REQUEST,
                _,
            ) => Err(envelope.spoofed()),
            (unknown, _) => Err(EventError::UnknownType(unknown.to_owned())),
        }
    }
}
