//! What EventBridge tells about the services that the workflow uses.
//!
//! | event | what follows |
//! | --- | --- |
//! | `ECS Deployment State Change` | the step that waits for the deployment is answered |
//! | `Step Functions Execution Status Change` | an operation that its execution left behind ends, and the next one starts |
//!
//! EventBridge delivers at least once and in no order, and a rule may match more than is meant for this stack of functions:
//! what is known already and what is nobody's is passed over. An event of a type that is not in the table is an error, so
//! that it ends in the rule's dead-letter queue and is seen.

mod error;
mod event;
mod execution;
mod rollout;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use serde_json::Value;
use slipway_store::Store;
use slipway_store::aws::{Lazy, lazy};

pub use error::{EventError, MissingVariable};
use event::Event;

/// What the function knows from its environment.
#[derive(Debug, Clone)]
pub struct Config {
    table: String,
    state_machine: String,
}

impl Config {
    /// Reads the function's environment variables.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, MissingVariable> {
        let var = |name: &'static str| vars.get(name).cloned().ok_or(MissingVariable(name));
        Ok(Self {
            table: var("SLIPWAY_TABLE")?,
            state_machine: var("SLIPWAY_STATE_MACHINE_ARN")?,
        })
    }
}

/// The events, over the AWS clients that they use.
#[derive(Debug, Clone)]
pub struct Events {
    config: Config,
    store: Store,
    sfn: Lazy<aws_sdk_sfn::Client>,
}

impl Events {
    /// The events with clients of this configuration. Nothing is connected to before it is needed.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self {
            store: Store::new(sdk, config.table.clone()),
            sfn: lazy(sdk, aws_sdk_sfn::Client::new),
            config,
        }
    }

    /// Does what follows from an event. An error means that EventBridge should bring the event again.
    pub async fn handle(&self, event: Value) -> Result<(), EventError> {
        match Event::read(event)? {
            Event::Deployment(deployment) => self.deployment(deployment).await,
            Event::Execution(execution) => self.execution(execution).await,
        }
    }
}
