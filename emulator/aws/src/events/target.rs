//! Where a rule sends its events: a function, how often it is tried, and where what it cannot handle is kept.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::functions::LambdaError;
use crate::wire::{arn, request_id};

/// How often AWS tries again what says nothing of it.
const RETRIES: u32 = 2;
/// AWS waits a minute before the first retry and two before the second. A minute is half a second here.
const MINUTE: Duration = Duration::from_millis(500);

/// Calls the function with an event.
pub type Invoke = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<(), LambdaError>> + Send + Sync>;

/// Where a rule sends its events.
#[derive(Clone)]
pub struct Target {
    /// The function's ARN.
    pub arn: String,
    /// Calls it.
    pub invoke: Invoke,
    /// Whether it reads its events itself: it gets them as texts, with the detail as it was put.
    pub takes_text: bool,
    /// How often it is called again when it fails (`MaximumRetryAttempts`).
    pub retries: u32,
    /// The ARN of the queue that gets what it could not handle (`OnFailure`).
    pub on_failure: Option<String>,
    /// The ARN of the queue that gets what could not be brought to it (`DeadLetterConfig`).
    pub dead_letter: Option<String>,
}

impl Target {
    /// A function that is tried as often as AWS does when nothing is said of it, and whose failures are not kept.
    pub fn new(name: &str, invoke: Invoke) -> Self {
        Self {
            arn: arn("lambda", &format!("function:{name}")),
            invoke,
            takes_text: false,
            retries: RETRIES,
            on_failure: None,
            dead_letter: None,
        }
    }

    /// How long to wait after this many calls.
    pub(super) fn wait(calls: u32) -> Duration {
        MINUTE.saturating_mul(calls)
    }

    /// The record of an event that the function could not handle, as Lambda sends it to a destination.
    pub(super) fn failure(&self, event: &Value, calls: u32, error: &LambdaError) -> Value {
        json!({
            "version": "1.0",
            "timestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "requestContext": {
                "requestId": request_id(),
                "functionArn": format!("{}:$LATEST", self.arn),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": calls,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorType": error.error_type, "errorMessage": error.message},
        })
    }
}
