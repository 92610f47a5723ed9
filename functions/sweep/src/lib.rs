//! Operations that were left behind: written and never started, or without the execution that should run them.
//!
//! Everything else is pushed. Pushes get lost: a function may end between the write of an operation and its start, and Step
//! Functions' events are best effort. So this looks, on a schedule, at the operations whose execution should run and at those
//! whose result is owed, and at nothing else: how long it takes depends on what goes on, not on what there is.
//!
//! | operation | execution | what is done |
//! | --- | --- | --- |
//! | `starting` for a while | | it is started; that is harmless where it was |
//! | any that should run | runs | a decision about its plan that was recorded and not delivered is delivered |
//! | any that should run | has ended, or is gone | the operation ends, the next one starts; a build that is left finds that and ends by itself |
//! | is being cancelled, and its build has not answered for ten minutes | runs | execution and build are stopped, the operation ends |
//! | has ended, was asked for by event | | who asked is told, for a day, if that has not happened |

mod build;
mod error;
mod operation;
mod report;
mod results;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use serde::Deserialize;
use serde_json::Value;
use slipway_store::Store;
use slipway_store::aws::{Lazy, MissingVariable, lazy, required};

pub use error::SweepError;
pub use report::{Healed, Healing, Problem, Report};

/// For how long an operation may be `starting`, where the event does not say.
const STARTING: Duration = Duration::from_mins(1);

/// What the function knows from its environment.
#[derive(Debug, Clone)]
pub struct Config {
    table: String,
    state_machine: String,
}

impl Config {
    /// Reads the function's environment variables.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, MissingVariable> {
        let var = |name| required(vars, name);
        Ok(Self {
            table: var("SLIPWAY_TABLE")?,
            state_machine: var("SLIPWAY_STATE_MACHINE_ARN")?,
        })
    }
}

/// The event of the schedule, or of whoever wants it done now. A schedule's own fields are passed over.
#[derive(Debug, Deserialize)]
struct Event {
    /// Operations that have been `starting` for longer are started.
    #[serde(default)]
    older_than_seconds: Option<u64>,
}

/// The sweeper, over the AWS clients that it uses.
#[derive(Debug, Clone)]
pub struct Sweep {
    config: Config,
    store: Store,
    sfn: Lazy<aws_sdk_sfn::Client>,
    codebuild: Lazy<aws_sdk_codebuild::Client>,
    eventbridge: Lazy<aws_sdk_eventbridge::Client>,
}

impl Sweep {
    /// The sweeper with clients of this configuration. Nothing is connected to before it is needed.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self {
            store: Store::new(sdk, config.table.clone()),
            sfn: lazy(sdk, aws_sdk_sfn::Client::new),
            codebuild: lazy(sdk, aws_sdk_codebuild::Client::new),
            eventbridge: lazy(sdk, aws_sdk_eventbridge::Client::new),
            config,
        }
    }

    /// Sweeps once. The report is the answer; an operation that could not be healed makes it an error, so that it is seen in
    /// the function's metrics, after all the others were looked at.
    pub async fn handle(&self, event: Value) -> Result<Value, SweepError> {
        let event: Event = serde_json::from_value(event).map_err(SweepError::ReadEvent)?;
        let older_than = event.older_than_seconds.map_or(STARTING, Duration::from_secs);
        // On the heap: the futures of the clients, nested in each other, are deeper than the compiler looks.
        let report = Box::pin(self.run(older_than)).await;
        match report.problems.len() {
            0 => serde_json::to_value(&report).map_err(SweepError::WriteReport),
            left => Err(SweepError::Left(left)),
        }
    }
}
