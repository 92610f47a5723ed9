//! Executions: start, describe, list, stop, history; and taking them up again after a restart.

use std::sync::Arc;
use std::time::Duration;

use asl_interpreter::ExecutionStart;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::driver::{self, Message};
use super::progress::Progress;
use super::records::{self, EXECUTION, Execution, HISTORY, RUNNING, Status};
use super::{StepFunctions, arns, lock, pages};
use crate::error::chain;
use crate::ledger::LedgerError;
use crate::wire::{AwsError, epoch_seconds, request_id};

/// AWS allows 1,000,000 open executions; a machine that starts them in a loop would end this one long before.
const MAX_RUNNING: usize = 10_000;
/// How long a caller waits until a stop is written.
const WRITTEN: Duration = Duration::from_secs(5);
/// The quota of an execution's input.
const MAX_INPUT_BYTES: usize = 262_144;

/// The input of `StartExecution`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartExecution {
    state_machine_arn: String,
    name: Option<String>,
    input: Option<String>,
}

/// The input of the actions that take an execution alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfExecution {
    execution_arn: String,
}

/// The input of `StopExecution`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopExecution {
    execution_arn: String,
    error: Option<String>,
    cause: Option<String>,
}

/// The input of `ListExecutions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListExecutions {
    state_machine_arn: Option<String>,
    status_filter: Option<Status>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// The input of `GetExecutionHistory`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetExecutionHistory {
    execution_arn: String,
    #[serde(default)]
    reverse_order: bool,
    include_execution_data: Option<bool>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl StepFunctions {
    /// Starts an execution. The same name and input again, while it runs, is the same execution.
    pub(super) fn start_execution(&self, input: StartExecution) -> Result<Value, AwsError> {
        let machine = self.machine_or_alias(&input.state_machine_arn)?;
        let name = input.name.unwrap_or_else(request_id);
        arns::check_name(&name)?;
        let text = input.input.unwrap_or_else(|| "{}".to_owned());
        let value = parse_input(&text)?;
        let definition = self.definition(&machine.arn, machine.revision)?;
        let now = self.shared.clock.now();
        let execution = records::new_execution(&machine, name, text, now);
        let start = ExecutionStart {
            arn: execution.arn.clone(),
            name: execution.name.clone(),
            role_arn: self.revision(&machine.arn, machine.revision)?.role_arn,
            state_machine_arn: machine.arn.clone(),
            state_machine_name: machine.name.clone(),
            input: value,
        };
        let (progress, step) = Progress::start(&definition, start, now, rand::random());

        // Held across the write, so that no reader finds an execution in the ledger without its driver.
        let mut running = lock(&self.shared.running);
        let limit_reached = running.len() >= MAX_RUNNING;
        let existing = self.shared.ledger.transaction(|transaction| {
            if let Some(existing) = transaction.get::<Execution>(EXECUTION, &execution.arn)? {
                return same(&existing, &execution).map(Some);
            }
            if limit_reached {
                let message = format!("The number of running executions is limited to {MAX_RUNNING}.");
                return Err(AwsError::new("ExecutionLimitExceeded", message));
            }
            transaction.put(EXECUTION, &execution.arn, &execution)?;
            driver::write(transaction, &execution.arn, &progress, &step, now)?;
            Ok(None)
        })?;
        let start_date = existing.unwrap_or_else(|| {
            let driver = self.driver(&execution.arn, definition, progress);
            if step.outcome.is_none() {
                running.insert(execution.arn.clone(), driver.mailbox.clone());
            }
            drop(running);
            self.announce_start(&execution);
            self.spawn(driver.run(step));
            execution.start_date
        });
        Ok(json!({"executionArn": execution.arn, "startDate": epoch_seconds(start_date)}))
    }

    pub(super) fn describe_execution(&self, input: &OfExecution) -> Result<Value, AwsError> {
        Ok(self.execution(&input.execution_arn)?.description())
    }

    pub(super) fn describe_machine_of(&self, input: &OfExecution) -> Result<Value, AwsError> {
        let execution = self.execution(&input.execution_arn)?;
        let revision = self.revision(&execution.machine_arn, execution.revision)?;
        Ok(json!({
            "stateMachineArn": execution.machine_arn,
            "name": execution.machine_name,
            "definition": revision.definition,
            "roleArn": revision.role_arn,
            "updateDate": epoch_seconds(revision.updated),
        }))
    }

    /// The executions of a machine, the latest first.
    pub(super) fn list_executions(&self, input: &ListExecutions) -> Result<Value, AwsError> {
        let machine_arn = input.state_machine_arn.as_deref().ok_or_else(|| {
            AwsError::validation(
                "1 validation error detected: this emulator lists by stateMachineArn, which is missing.",
            )
        })?;
        let machine = self.machine(machine_arn)?;
        let size = pages::size(input.max_results)?;
        let after: Option<(i64, String)> = input.next_token.as_deref().map(pages::place).transpose()?;
        let place = |execution: &Execution| (execution.start_date.as_millisecond(), execution.name.clone());
        let all = self
            .shared
            .ledger
            .list_under::<Execution>(EXECUTION, &arns::executions_of(&machine.name))?;
        let mut executions: Vec<Execution> = all
            .into_iter()
            .map(|(_, execution)| execution)
            .filter(|it| input.status_filter.is_none_or(|status| status == it.status))
            .filter(|it| after.as_ref().is_none_or(|after| place(it) < *after))
            .collect();
        executions.sort_by_key(|execution| std::cmp::Reverse(place(execution)));
        let more = executions.len() > size;
        executions.truncate(size);
        let mut answer = json!({"executions": executions.iter().map(Execution::list_item).collect::<Vec<_>>()});
        if let Some(last) = executions.last().filter(|_| more) {
            answer["nextToken"] = json!(pages::token(&place(last))?);
        }
        Ok(answer)
    }

    /// Stops an execution. One that has ended stays as it is.
    pub(super) async fn stop_execution(&self, input: StopExecution) -> Result<Value, AwsError> {
        self.execution(&input.execution_arn)?;
        self.abort(&input.execution_arn, input.error, input.cause).await;
        let execution = self.execution(&input.execution_arn)?;
        // A running execution without a driver, or whose driver cannot write.
        let stopped = execution.stop_date.ok_or_else(|| {
            let message = "The emulator is stopping, or the disk under its data folder is full: its log says.";
            AwsError::new("ServiceUnavailable", message).with_status(http::StatusCode::SERVICE_UNAVAILABLE)
        })?;
        Ok(json!({"stopDate": epoch_seconds(stopped)}))
    }

    /// Waits until an abort has been written, if there is something to abort.
    pub(super) async fn abort(&self, arn: &str, error: Option<String>, cause: Option<String>) {
        let mailbox = lock(&self.shared.running).get(arn).cloned();
        let (reply, done) = oneshot::channel();
        if let Some(mailbox) = mailbox
            && mailbox.send(Message::Abort { error, cause, reply }).is_ok()
        {
            // No reply: it ended by itself before the message was read, or it cannot be written that it is to end.
            let _ = tokio::time::timeout(WRITTEN, done).await;
        }
    }

    pub(super) fn history(&self, input: &GetExecutionHistory) -> Result<Value, AwsError> {
        let execution = self.execution(&input.execution_arn)?;
        let size = pages::size(input.max_results)?;
        let after: Option<u64> = input.next_token.as_deref().map(pages::place).transpose()?;
        let from = if input.reverse_order { 0 } else { after.unwrap_or(0) + 1 };
        let mut events = self.shared.ledger.entries::<Value>(HISTORY, &execution.arn, from)?;
        if input.reverse_order {
            events.retain(|(number, _)| after.is_none_or(|after| *number < after));
            events.reverse();
        }
        let more = events.len() > size;
        events.truncate(size);
        let next = events.last().map(|(number, _)| *number).filter(|_| more);
        let with_data = input.include_execution_data.unwrap_or(true);
        let shown = events
            .into_iter()
            .map(|(_, event)| if with_data { event } else { without_data(event) });
        let mut answer = json!({"events": shown.collect::<Vec<_>>()});
        if let Some(next) = next {
            answer["nextToken"] = json!(pages::token(&next)?);
        }
        Ok(answer)
    }

    /// An execution that has to be there.
    pub(super) fn execution(&self, arn: &str) -> Result<Execution, AwsError> {
        arns::check_execution(arn)?;
        self.shared
            .ledger
            .get(EXECUTION, arn)?
            .ok_or_else(|| AwsError::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'")))
    }

    /// Takes up every execution that was running. One whose records this version cannot read ends with a reason, and so does its
    /// operation.
    pub(super) fn recover_executions(&self) -> Result<(), LedgerError> {
        for arn in self.shared.ledger.ids(RUNNING)? {
            let progress = match self.shared.ledger.get::<Progress>(RUNNING, &arn) {
                Ok(Some(progress)) => progress,
                Ok(None) => continue,
                Err(LedgerError::Decode { source, .. }) => {
                    self.end_unreadable(&arn, &source.to_string())?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.definition_of(&arn) {
                Ok(definition) => {
                    let driver = self.driver(&arn, definition, progress);
                    lock(&self.shared.running).insert(arn, driver.mailbox.clone());
                    self.spawn(driver.resume());
                }
                Err(error) => self.end_unreadable(&arn, &error.to_string())?,
            }
        }
        Ok(())
    }

    /// The definition that an execution was started with.
    fn definition_of(&self, arn: &str) -> Result<Arc<asl_interpreter::StateMachine>, AwsError> {
        let execution = self.execution(arn)?;
        self.definition(&execution.machine_arn, execution.revision)
    }

    fn end_unreadable(&self, arn: &str, reason: &str) -> Result<(), LedgerError> {
        tracing::error!(execution = arn, reason, "cannot go on with an execution");
        let (error, now) = ("States.Runtime", self.shared.clock.now());
        let cause = format!("This version of the emulator cannot go on with the execution: {reason}");
        self.shared.ledger.transaction(|transaction| {
            transaction.delete(RUNNING, arn)?;
            let known = transaction.readable::<Execution>(EXECUTION, arn)?;
            let Some(mut execution) = known.or_else(|| records::lost_execution(arn, now)) else {
                return Ok(());
            };
            let last = transaction.last(HISTORY, arn)?;
            let event = json!({
                "timestamp": epoch_seconds(now),
                "type": "ExecutionFailed",
                "id": last + 1,
                "previousEventId": last,
                "executionFailedEventDetails": {"error": error, "cause": cause},
            });
            transaction.append(HISTORY, arn, &event)?;
            let outcome = asl_interpreter::Outcome::Failed {
                error: Some(error.to_owned()),
                cause: Some(cause.clone()),
            };
            execution.end(&outcome, now);
            transaction.put(EXECUTION, arn, &execution)
        })?;
        self.announce(arn);
        Ok(())
    }

    fn announce_start(&self, execution: &Execution) {
        let detail_type = "Step Functions Execution Status Change";
        let (arn, events) = (&execution.arn, &self.shared.services.events);
        if let Err(error) = events.put(
            "aws.states",
            detail_type,
            std::slice::from_ref(arn),
            &execution.event_detail(),
        ) {
            tracing::error!(execution = arn, error = %chain(&error), "cannot announce an execution's start");
        }
    }
}

/// Whether a second start is the first one again.
fn same(existing: &Execution, new: &Execution) -> Result<Timestamp, AwsError> {
    if existing.status == Status::Running && existing.input == new.input {
        return Ok(existing.start_date);
    }
    let message = format!("Execution Already Exists: '{}'", existing.arn);
    Err(AwsError::new("ExecutionAlreadyExists", message))
}

fn parse_input(text: &str) -> Result<Value, AwsError> {
    if text.len() > MAX_INPUT_BYTES {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less \
             than or equal to {MAX_INPUT_BYTES}"
        )));
    }
    serde_json::from_str(text).map_err(|error| {
        AwsError::new(
            "InvalidExecutionInput",
            format!("Invalid State Machine Execution Input: '{error}'"),
        )
    })
}

/// An event without inputs and outputs.
fn without_data(mut event: Value) -> Value {
    for (_, details) in event.as_object_mut().into_iter().flatten() {
        if let Some(details) = details.as_object_mut() {
            details.retain(|name, _| {
                !name.starts_with("input") && !name.starts_with("output") && !name.starts_with("assignedVariables")
            });
            if details.contains_key("parameters") {
                details.insert("parameters".to_owned(), json!(""));
            }
        }
    }
    event
}
