//! `SendTaskSuccess`, `SendTaskFailure` and `SendTaskHeartbeat`: answers of the holder of a task token.

use asl_interpreter::{Event, TaskId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::driver::Message;
use super::records::{Status, TOKEN, Token};
use super::{StepFunctions, lock};
use crate::wire::AwsError;

/// The quota of a task's output.
const MAX_OUTPUT_BYTES: usize = 262_144;
/// How long the tokens are that the interpreter makes.
const TOKEN_LENGTH: usize = 64;

/// The input of `SendTaskSuccess`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendTaskSuccess {
    task_token: String,
    output: String,
}

/// The input of `SendTaskFailure`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendTaskFailure {
    task_token: String,
    error: Option<String>,
    cause: Option<String>,
}

/// The input of `SendTaskHeartbeat`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendTaskHeartbeat {
    task_token: String,
}

impl StepFunctions {
    pub(super) async fn send_task_success(&self, input: SendTaskSuccess) -> Result<Value, AwsError> {
        if input.output.len() > MAX_OUTPUT_BYTES {
            return Err(AwsError::validation(format!(
                "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length \
                 less than or equal to {MAX_OUTPUT_BYTES}"
            )));
        }
        let output: Value = serde_json::from_str(&input.output)
            .map_err(|error| AwsError::new("InvalidOutput", format!("Invalid Output: '{error}'")))?;
        self.answer(&input.task_token, |task| Event::TaskSucceeded { task, output })
            .await
    }

    pub(super) async fn send_task_failure(&self, input: SendTaskFailure) -> Result<Value, AwsError> {
        let SendTaskFailure {
            task_token,
            error,
            cause,
        } = input;
        self.answer(&task_token, |task| Event::TaskFailed { task, error, cause })
            .await
    }

    pub(super) async fn send_task_heartbeat(&self, input: SendTaskHeartbeat) -> Result<Value, AwsError> {
        self.answer(&input.task_token, |task| Event::Heartbeat { task }).await
    }

    async fn answer(&self, token: &str, event: impl FnOnce(TaskId) -> Event) -> Result<Value, AwsError> {
        let known = self.shared.ledger.get::<Token>(TOKEN, token)?;
        let Token { execution, task } = known.ok_or_else(|| unknown(token))?;
        let task = TaskId(task);
        let mailbox = lock(&self.shared.running).get(&execution).cloned();
        let (reply, open) = oneshot::channel();
        let message = Message::Token {
            task,
            event: event(task),
            reply,
        };
        let sent = mailbox.is_some_and(|mailbox| mailbox.send(message).is_ok());
        match open.await {
            Ok(true) if sent => Ok(json!({})),
            Err(_) if self.execution(&execution)?.status == Status::Running => Err(undriven()),
            Ok(_) | Err(_) => Err(AwsError::new(
                "TaskTimedOut",
                "Task Timed Out: 'Provided task does not exist anymore'",
            )),
        }
    }
}

/// The execution runs, and its driver is not there: the server is starting or stopping. That its task is over must not be said.
fn undriven() -> AwsError {
    let message = "The emulator is starting or stopping: send the answer again.";
    AwsError::new("ServiceUnavailable", message).with_status(StatusCode::SERVICE_UNAVAILABLE)
}

/// A text that could be a token names a task that never was; any other is no token.
fn unknown(token: &str) -> AwsError {
    if token.len() == TOKEN_LENGTH && token.chars().all(|c| c.is_ascii_hexdigit()) {
        AwsError::new(
            "TaskDoesNotExist",
            "Task does not exist: 'Provided task does not exist'",
        )
    } else {
        AwsError::new("InvalidToken", "Invalid Token: 'Invalid token'")
    }
}
