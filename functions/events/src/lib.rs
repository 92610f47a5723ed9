//! What EventBridge tells: about the services that the workflow uses, and what other accounts ask for.
//!
//! | event | from | what follows |
//! | --- | --- | --- |
//! | `ECS Deployment State Change` | the account of the service | the step that waits for the deployment is answered |
//! | `ECS Task State Change` | the account of the task | the step that runs the task is answered |
//! | `Step Functions Execution Status Change` | this account | an operation that its execution left behind ends, and the next one starts; who asked by event is told |
//! | `RDS DB Snapshot Event`, `RDS DB Cluster Snapshot Event` | the account that the snapshot is taken in | the step that waits for the snapshot is answered |
//! | `Slipway Result Due` | the sweeper | who asked for the operation by event is told how it ended |
//! | `Slipway Request` | other accounts | an operation |
//! | `ECR Image Action` | other accounts | a release of each stack that subscribes to the image |
//!
//! EventBridge delivers at least once and in no order, and a rule may match more than is meant for this stack of functions:
//! what is known already and what is nobody's is passed over.
//!
//! An event that would fail in the same way however often it came (unreadable, of no known type, not allowed, refused) is set
//! aside at once, with its reason, and counts as handled. What failed because a service did not answer is an error, and Lambda
//! brings the event again, and sets it aside itself when that does not help. So no event stands in the way of another.

mod error;
mod event;
mod execution;
mod image;
mod request;
mod results;
mod rollout;
mod set_aside;
mod snapshot;
mod task;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use serde_json::Value;
use slipway_store::Store;
use slipway_store::aws::{Lazy, MissingVariable, lazy, required};

pub use error::{EventError, Refused};
use event::Envelope;

/// What the function knows from its environment.
#[derive(Debug, Clone)]
pub struct Config {
    table: String,
    state_machine: String,
    unhandled_events: String,
}

impl Config {
    /// Reads the function's environment variables.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, MissingVariable> {
        let var = |name| required(vars, name);
        Ok(Self {
            table: var("SLIPWAY_TABLE")?,
            state_machine: var("SLIPWAY_STATE_MACHINE_ARN")?,
            unhandled_events: var("SLIPWAY_UNHANDLED_EVENTS_URL")?,
        })
    }

    /// The account that this function runs in: the fifth part of an ARN.
    fn account(&self) -> &str {
        self.state_machine.split(':').nth(4).unwrap_or_default()
    }
}

/// The events, over the AWS clients that they use.
#[derive(Debug, Clone)]
pub struct Events {
    config: Config,
    store: Store,
    sfn: Lazy<aws_sdk_sfn::Client>,
    eventbridge: Lazy<aws_sdk_eventbridge::Client>,
    sqs: Lazy<aws_sdk_sqs::Client>,
}

impl Events {
    /// The events with clients of this configuration. Nothing is connected to before it is needed.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self {
            store: Store::new(sdk, config.table.clone()),
            sfn: lazy(sdk, aws_sdk_sfn::Client::new),
            eventbridge: lazy(sdk, aws_sdk_eventbridge::Client::new),
            sqs: lazy(sdk, aws_sdk_sqs::Client::new),
            config,
        }
    }

    /// Does what follows from an event, or sets it aside. An error means that the event should be brought again.
    pub async fn handle(&self, event: Value) -> Result<(), EventError> {
        // On the heap: the futures of the clients, nested in each other, are deeper than the compiler looks.
        match Box::pin(self.follow(&event)).await {
            Err(error) if error.is_final() => self.set_aside(event, &error).await,
            outcome => outcome,
        }
    }

    async fn follow(&self, event: &Value) -> Result<(), EventError> {
        let envelope = Envelope::read(event)?;
        let is_own = envelope.account.as_str() == self.config.account();
        match (envelope.detail_type.as_str(), envelope.source.as_str()) {
            ("ECS Deployment State Change", "aws.ecs") => self.deployment(&envelope).await,
            ("ECS Task State Change", "aws.ecs") => self.task(&envelope).await,
            ("Step Functions Execution Status Change", "aws.states") if is_own => {
                self.execution(envelope.detail()?).await
            }
            ("RDS DB Snapshot Event" | "RDS DB Cluster Snapshot Event", "aws.rds") => self.snapshot(&envelope).await,
            ("Slipway Result Due", "slipway") if is_own => self.due(envelope.detail()?).await,
            ("ECR Image Action", "aws.ecr") => self.image(&envelope).await,
            // Whoever asks names its own source. `aws.` is AWS's alone, and no service of AWS asks for anything.
            ("Slipway Request", source) if !source.starts_with("aws.") => self.request(&envelope).await,
            (
                "ECS Deployment State Change"
                | "ECS Task State Change"
                | "Step Functions Execution Status Change"
                | "RDS DB Snapshot Event"
                | "RDS DB Cluster Snapshot Event"
                | "Slipway Result Due"
                | "ECR Image Action"
                | "Slipway Request",
                _,
            ) => Err(envelope.spoofed()),
            (unknown, _) => Err(EventError::UnknownType(unknown.to_owned())),
        }
    }
}
