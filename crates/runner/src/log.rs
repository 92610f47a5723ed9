//! The build's log in the artifacts bucket, a segment every few seconds while it grows. See [`slipway_model::log`].
//!
//! People read this; the build does not depend on it. What could not be written in the end is in CloudWatch Logs.

use std::time::Duration;

use slipway_model::artifact;
use slipway_model::error_chain::chain;
use slipway_model::log::{Line, SEGMENT_BYTES, Segment};
use slipway_model::operation::Operation;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::console;
use crate::error::Error;
use crate::objects::Bucket;

/// The time between two segments: about as long as CloudWatch Logs takes to show a line.
const BETWEEN: Duration = Duration::from_secs(2);

/// How long the last segment may take.
const LAST: Duration = Duration::from_secs(10);

/// Writes the log until it is finished.
pub(crate) struct LogWriter {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl LogWriter {
    /// Starts with what was printed since [`console::keep`].
    pub(crate) fn start(bucket: Bucket, operation: Operation, stream: String) -> Self {
        let (finish, mut finished) = oneshot::channel();
        let task = tokio::task::spawn_local(async move {
            let mut log = Log {
                bucket,
                operation,
                stream,
                segments: 0,
                unwritten: Vec::new(),
            };
            loop {
                tokio::select! {
                    // What S3 does not take now it gets with the next lines.
                    () = sleep(BETWEEN) => drop(log.write(false).await),
                    _ = &mut finished => break,
                }
            }
            match timeout(LAST, log.write(true)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => console::say(format_args!("failed to keep the end of the log: {}", chain(&error))),
                Err(_elapsed) => console::say("failed to keep the end of the log: S3 did not answer in time"),
            }
        });
        Self { finish, task }
    }

    /// Writes the last segment.
    pub(crate) async fn finish(self) {
        let _ = self.finish.send(());
        let _ = self.task.await;
    }
}

struct Log {
    bucket: Bucket,
    operation: Operation,
    stream: String,
    segments: u32,
    /// What S3 has not taken yet.
    unwritten: Vec<Line>,
}

impl Log {
    /// Writes what was printed, if anything was, or if it is the last time.
    async fn write(&mut self, last: bool) -> Result<(), Error> {
        let mut takes = true;
        loop {
            // What S3 does not take now waits where there is a limit to it.
            if takes && first_segment(&self.unwritten) == self.unwritten.len() {
                self.unwritten.extend(console::take());
                takes = last;
            }
            if self.unwritten.is_empty() && !last {
                return Ok(());
            }
            let count = first_segment(&self.unwritten);
            let segment = Segment {
                lines: self.unwritten[..count].to_vec(),
                last: last && count == self.unwritten.len(),
            };
            let key = artifact::log_segment(&self.operation, &self.stream, self.segments + 1);
            let bytes = serde_json::to_vec(&segment).unwrap_or_default();
            self.bucket.put_at_once(&key, bytes).await?;
            self.segments += 1;
            self.unwritten.drain(..count);
            if segment.last {
                return Ok(());
            }
        }
    }
}

/// How many lines the first segment has.
fn first_segment(lines: &[Line]) -> usize {
    let mut bytes = 0;
    let fits = lines.iter().take_while(|line| {
        bytes += line.message.len();
        bytes <= SEGMENT_BYTES
    });
    fits.count()
}
