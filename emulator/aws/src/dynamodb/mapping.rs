//! The event source mapping between a stream and a function: batches of records that match a pattern.
//!
//! A batch on which the function fails is halved until one record is left. That one is tried again a number of times; then its
//! place in the stream goes to the queue of the destination. The records after it wait meanwhile, as on AWS:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::stream::{Record, Stream, StreamError};
use crate::error::chain;
use crate::events::{Invoke, Pattern};
use crate::functions::LambdaError;
use crate::sqs::Sqs;
use crate::wire::request_id;

/// How many records are read at once.
const READ: usize = 100;

/// The first pause before a record is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A mapping.
pub struct Mapping {
    /// The function's ARN.
    pub function: String,
    /// Calls the function.
    pub invoke: Invoke,
    /// Which records it gets: those that match one of these.
    pub patterns: Vec<Pattern>,
    /// The most records of a call.
    pub batch_size: NonZeroUsize,
    /// How often a record is tried again.
    pub retries: u32,
    /// The ARN of the queue that gets the place of a record that the function cannot handle.
    pub on_failure: Option<String>,
    /// The queues.
    pub sqs: Sqs,
}

impl Mapping {
    /// Hands the records of the stream over, until `stop`.
    pub fn start(self, stream: Stream, stop: CancellationToken) {
        let stream = Arc::new(stream);
        tokio::spawn(async move {
            loop {
                // Before the read: what is written after it ends this.
                let written = stream.written();
                let has_stopped = match self.hand_over(&stream, &stop).await {
                    Ok(true) => stop.is_cancelled(),
                    Ok(false) => stopped(written, &stop).await,
                    Err(error) => {
                        tracing::error!(error = %chain(&error), "a stream waits");
                        stopped(tokio::time::sleep(LONGEST_PAUSE), &stop).await
                    }
                };
                if has_stopped {
                    return;
                }
            }
        });
    }

    /// Hands over what there is; whether there was something.
    async fn hand_over(&self, stream: &Arc<Stream>, stop: &CancellationToken) -> Result<bool, StreamError> {
        let reader = Arc::clone(stream);
        let mut records = blocking(move || reader.next(READ)).await?;
        let Some(last) = records.last().map(|record| record.number) else {
            return Ok(false);
        };
        records.retain(|record| self.patterns.iter().any(|pattern| pattern.matches(&record.event)));
        let mut batches: Vec<&[Record]> = records.chunks(self.batch_size.get()).rev().collect();
        while let Some(batch) = batches.pop() {
            let Err(error) = (self.invoke)(event(batch)).await else {
                continue;
            };
            let (first, second) = batch.split_at(batch.len() / 2);
            if !first.is_empty() {
                batches.extend([second, first]);
            } else if !self.try_again(&second[0], error, stop).await {
                // The server stops; the next one hands the records over again.
                return Ok(false);
            }
        }
        let reader = Arc::clone(stream);
        blocking(move || reader.handled(last)).await?;
        Ok(true)
    }

    /// Tries a record again that failed; false if `stop` came first.
    async fn try_again(&self, record: &Record, first: LambdaError, stop: &CancellationToken) -> bool {
        let (mut error, mut pause) = (first, FIRST_PAUSE);
        for _ in 0..self.retries {
            tracing::warn!(error = error.message, "a record of a stream is tried again");
            if stopped(tokio::time::sleep(pause), stop).await {
                return false;
            }
            pause = LONGEST_PAUSE.min(pause * 2);
            match (self.invoke)(event(std::slice::from_ref(record))).await {
                Ok(()) => return true,
                Err(again) => error = again,
            }
        }
        tracing::error!(error = error.message, "a record of a stream was not handled");
        let failure = self.failure(record, &error);
        if let Some(Err(error)) = self
            .on_failure
            .as_deref()
            .map(|queue| self.sqs.send(queue, &failure, &[]))
        {
            tracing::error!(%error, "a queue did not take a record");
        }
        true
    }

    /// What a destination gets of a record: its place, and not its content.
    fn failure(&self, record: &Record, error: &LambdaError) -> Value {
        let sequence = &record.event["dynamodb"]["SequenceNumber"];
        json!({
            "version": "1.0",
            "timestamp": Timestamp::now().to_string(),
            "requestContext": {
                "requestId": request_id(),
                "functionArn": self.function,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": self.retries + 1,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorType": error.error_type, "errorMessage": error.message},
            "DDBStreamBatchInfo": {
                "startSequenceNumber": sequence,
                "endSequenceNumber": sequence,
                "batchSize": 1,
                "streamArn": record.event["eventSourceARN"],
            },
        })
    }
}

fn event(batch: &[Record]) -> Value {
    let records: Vec<&Value> = batch.iter().map(|record| &record.event).collect();
    json!({ "Records": records })
}

/// Waits; whether `stop` came.
async fn stopped(wait: impl Future<Output = ()>, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = wait => false,
        () = stop.cancelled() => true,
    }
}

/// SQLite's calls are short, but may wait for a commit of others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StreamError> + Send + 'static,
) -> Result<T, StreamError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
