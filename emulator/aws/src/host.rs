//! What the services of one account share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::events::EventBus;
use crate::ledger::Ledger;
use crate::logs::Logs;
use crate::process::{ProcessError, Supervisor};
use crate::sqs::Sqs;

/// The shared parts of one account on one data folder. Clones share everything.
#[derive(Clone)]
pub struct Host {
    /// The data folder.
    pub data: PathBuf,
    pub ledger: Ledger,
    pub logs: Logs,
    pub events: EventBus,
    pub supervisor: Supervisor,
    /// How long a minute of a bake time or a pause of ECS is: shorter where people and tests watch it.
    pub minute: Duration,
}

impl Host {
    /// A host whose event bus dead-letters to the queues of `sqs`.
    ///
    /// # Errors
    /// If the system cannot watch files, which is how ends of processes are noticed.
    pub fn new(data: &Path, ledger: Ledger, sqs: Sqs) -> Result<Self, ProcessError> {
        Ok(Self {
            data: data.to_owned(),
            logs: Logs::new(ledger.clone()),
            events: EventBus::new(ledger.clone(), sqs),
            supervisor: Supervisor::new()?,
            minute: Duration::from_mins(1),
            ledger,
        })
    }
}
