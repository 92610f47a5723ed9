//! The sweeper: repairs operations that were recorded and never started, or whose execution no longer exists.
//!
//! Everything else is pushed, and a push may be lost: a function may die between the write of an operation and its start, and
//! Step Functions delivers events on a best-effort basis. On a schedule, the sweeper checks the operations that should have a
//! running execution and those whose result was not reported. Its duration depends on these, not on the size of the table.
//!
//! | operation | execution | repair |
//! | --- | --- | --- |
//! | `starting` for a while | | start it; a second start has no effect |
//! | should be running | runs | deliver a decision about its plan that was recorded and not delivered |
//! | should be running | ended, or no longer exists | end the operation and start the next one; a remaining build notices that and ends itself |
//! | is being cancelled, and its build has not answered for ten minutes | runs | stop execution and build, end the operation |
//! | ended, with workers or schedules that were stopped for migrations | | have the steps function resume them, until they run |
//! | ended, requested by event | | report the result, for up to a day |
//! | waits for an approval | runs | start the operation in the queue that may run beside it |
//! | waits for an approval for long | runs | remind the approvers |

mod build;
mod error;
mod notifications;
mod operation;
mod report;
mod request;
mod results;
mod resumes;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use serde::Deserialize;
use serde_json::Value;
use slipway_aws::{Lazy, MissingVariable, lazy, required};
use slipway_store::Store;

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

/// The event of the schedule, or of a manual invocation. The schedule's own fields are ignored.
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

    /// Sweeps once and returns the report. Operations that could not be repaired make it an error, which shows in the function's
    /// metrics, after all others were checked.
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
