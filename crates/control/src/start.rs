//! Starting the execution of an operation: the one place for `api`, `steps`, `events` and `sweep`.
//!
//! An execution's name is its operation's id, so starting twice is harmless: an execution that is open answers with the same
//! ARN, and one that has been (`ExecutionAlreadyExists`) is not run again.

use std::time::Duration;

use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use serde_json::{Value, json};
use slipway_model::error_chain::chain;
use slipway_model::id::OperationId;
use slipway_model::operation::{Operation, OperationStatus};

use crate::Error;

/// How long an answer waits for Step Functions.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the execution of an operation that has its stack's slot. Returns the execution's ARN, which its first step records.
///
/// For an operation whose execution has ended it returns the ARN as well; callers who need to know check the execution.
pub async fn start(sfn: &aws_sdk_sfn::Client, state_machine: &str, operation: &Operation) -> Result<String, Error> {
    let id = &operation.id;
    let input = input(operation).to_string();
    let request = sfn.start_execution().state_machine_arn(state_machine);
    match request.name(id.as_str()).input(input).send().await {
        Ok(started) => Ok(started.execution_arn),
        Err(error) => match error.as_service_error() {
            Some(StartExecutionError::ExecutionAlreadyExists(_)) => Ok(execution_arn(state_machine, id)),
            _ => Err(Error::Start {
                operation: id.clone(),
                source: Box::new(error.into()),
            }),
        },
    }
}

/// What the console shows of an execution first. The workflow reads only `operation` and `stack_id`.
///
/// It is the same text each time: an open execution of this name is the same one only if its input is.
fn input(operation: &Operation) -> Value {
    let Operation { id, configuration, .. } = operation;
    json!({
        "operation": id,
        "kind": operation.kind(),
        "stack": operation.stack_name,
        "stack_id": operation.stack,
        "environment": operation.environment,
        "blueprint": format!("{}@{}", configuration.blueprint, configuration.version),
        "requester": operation.requested_by,
        "show": format!("slipway operation show {id}"),
        "link": format!("/v1/operations/{id}"),
    })
}

/// Starts the execution of an operation that may have got its stack's slot. If this fails, or Step Functions does not answer in
/// time, the sweeper starts it later from the record, and the requester does not wait for it.
pub async fn start_or_leave(sfn: &aws_sdk_sfn::Client, state_machine: &str, operation: &Operation) {
    if operation.status != OperationStatus::Starting {
        return;
    }
    let id = &operation.id;
    // On the heap: the future of every caller would contain this.
    let start = Box::pin(start(sfn, state_machine, operation));
    match tokio::time::timeout(PATIENCE, start).await {
        Ok(Ok(_arn)) => {}
        Ok(Err(error)) => {
            let error = chain(&error);
            tracing::error!(operation = %id, error, "not started: it waits for the sweeper");
        }
        Err(_) => {
            tracing::error!(operation = %id, "not started, Step Functions does not answer: it waits for the sweeper");
        }
    }
}

/// The ARN of an operation's execution: the state machine's, with `execution` and the name. Executions that were started
/// through an alias or a version do not have it in their names.
pub fn execution_arn(state_machine: &str, operation: &OperationId) -> String {
    let machine = unqualified(state_machine);
    format!("{}:{operation}", machine.replacen(":stateMachine:", ":execution:", 1))
}

/// The ARN of the machine itself, where this is the ARN of one of its aliases or versions.
pub fn unqualified(state_machine: &str) -> &str {
    // arn:aws:states:REGION:ACCOUNT:stateMachine:NAME, and `:QUALIFIER` after it.
    let qualifier = state_machine.match_indices(':').nth(6);
    qualifier.map_or(state_machine, |(at, _)| &state_machine[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_an_execution_follows_from_its_machine_and_name() {
        let machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:slipway-operation";
        let id: OperationId = "op-01kaj3v9mz5x0q8r2t4w6y7z9a".parse().expect("an id");
        for started_by in [machine, &format!("{machine}:live"), &format!("{machine}:7")] {
            assert_eq!(unqualified(started_by), machine);
            assert_eq!(
                execution_arn(started_by, &id),
                "arn:aws:states:eu-west-1:111122223333:execution:slipway-operation:op-01kaj3v9mz5x0q8r2t4w6y7z9a"
            );
        }
    }
}
