//! Step Functions: the wire API, and a durable driver over the interpreter of `asl_interpreter`.
//!
//! ```text
//!  StartExecution, SendTaskSuccess ...          CodeBuild, ECS, functions, clock
//!        │ (machines, executions, tokens)                  ▲        │
//!        ▼                                                 │        ▼
//!   ledger ◄── one transaction a turn ── driver ── effects ┘   Messages ──► driver
//! ```
//!
//! One actor drives each running execution (`driver`). It hands one event at a time to the interpreter, writes the
//! new state and the new history in one transaction, and only then carries out what the interpreter asked for. After
//! a `kill -9` [`StepFunctions::recover`] loads the state and takes the open tasks and timers up again. There is no
//! orderly end either: a server that stops just stops, so that the way that has to work is the only one.

mod arns;
mod driver;
mod executions;
mod integrations;
mod jobs;
mod key_case;
mod lambda;
mod machines;
mod pages;
mod progress;
mod records;
mod services;
mod supported;
mod tokens;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use services::Services;

use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError};
use crate::wire::{self, AwsError};
use driver::Mailbox;

/// The service. Clones share everything.
#[derive(Clone)]
pub struct StepFunctions {
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Ledger,
    clock: Clock,
    services: Services,
    /// The running executions by their ARNs.
    running: Mutex<HashMap<String, Mailbox>>,
    /// Definitions that were parsed, by machine and revision.
    definitions: Mutex<HashMap<String, Arc<asl_interpreter::StateMachine>>>,
    stopped: CancellationToken,
}

impl StepFunctions {
    /// The service over what the ledger holds. Nothing runs before [`Self::recover`].
    pub fn new(ledger: Ledger, clock: Clock, services: Services) -> Self {
        Self {
            shared: Arc::new(Shared {
                ledger,
                clock,
                services,
                running: Mutex::default(),
                definitions: Mutex::default(),
                stopped: CancellationToken::new(),
            }),
        }
    }

    /// One call of the wire API.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "CreateStateMachine" => self.create_state_machine(wire::input(body)?),
            "UpdateStateMachine" => self.update_state_machine(wire::input(body)?),
            "DescribeStateMachine" => self.describe_state_machine(&wire::input(body)?),
            "ListStateMachines" => self.list_state_machines(&wire::input(body)?),
            "DeleteStateMachine" => self.delete_state_machine(&wire::input(body)?).await,
            "ValidateStateMachineDefinition" => Self::validate_definition(&wire::input(body)?),
            "StartExecution" => self.start_execution(wire::input(body)?),
            "DescribeExecution" => self.describe_execution(&wire::input(body)?),
            "DescribeStateMachineForExecution" => self.describe_machine_of(&wire::input(body)?),
            "ListExecutions" => self.list_executions(&wire::input(body)?),
            "StopExecution" => self.stop_execution(wire::input(body)?).await,
            "GetExecutionHistory" => self.history(&wire::input(body)?),
            "SendTaskSuccess" => self.send_task_success(wire::input(body)?).await,
            "SendTaskFailure" => self.send_task_failure(wire::input(body)?).await,
            "SendTaskHeartbeat" => self.send_task_heartbeat(wire::input(body)?).await,
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    /// Goes on with every execution that was running, and with every job that was to be stopped. Call it once, when
    /// the functions are registered and CodeBuild and ECS have recovered.
    pub fn recover(&self) -> Result<(), LedgerError> {
        self.recover_executions()?;
        self.recover_stops()
    }

    /// Stops driving, at once and without a trace in the ledger, as a crash would.
    pub fn shutdown(&self) {
        self.shared.stopped.cancel();
        lock(&self.shared.running).clear();
    }

    /// Waits until an execution has ended and returns what `DescribeExecution` says of it.
    pub async fn ended(&self, execution_arn: &str) -> Result<Value, AwsError> {
        let mut changes = self.shared.ledger.changes(records::EXECUTION);
        loop {
            let execution = self.execution(execution_arn)?;
            if execution.stop_date.is_some() {
                return Ok(execution.description());
            }
            // The ledger lives as long as this service does.
            let _ = changes.changed().await;
        }
    }

    /// Runs something until it is done or driving stops.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
        let stopped = self.shared.stopped.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = stopped.cancelled() => {}
                () = work => {}
            }
        })
        .abort_handle()
    }
}

/// A panic while the lock was held cannot have left half a change: every change is one insertion or removal.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
