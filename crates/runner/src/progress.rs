//! How far an apply is, written to the table while it runs.

use std::time::Duration;

use slipway_model::operation::Progress;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::record::Record;

/// The least time between two writes: quick enough for eyes, and a write a second at most. It also passes before the first one,
/// because a run that is shorter records all that it did at its end.
const BETWEEN: Duration = Duration::from_secs(1);

/// Where progress is handed in.
#[derive(Debug)]
pub(crate) struct ProgressSender(watch::Sender<Option<Progress>>);

impl ProgressSender {
    /// Hands in how far the apply is. What is not written in time is replaced by what comes after it.
    pub(crate) fn send(&self, progress: Progress) {
        self.0.send_if_modified(|last| {
            let changed = last.as_ref() != Some(&progress);
            if changed {
                *last = Some(progress);
            }
            changed
        });
    }
}

/// The writer. It ends with the sender.
#[derive(Debug)]
pub(crate) struct ProgressWriter(JoinHandle<()>);

/// Starts to write the progress of an operation.
pub(crate) fn start(record: Record) -> (ProgressSender, ProgressWriter) {
    let (sender, mut receiver) = watch::channel(None::<Progress>);
    let writer = tokio::task::spawn_local(async move {
        loop {
            sleep(BETWEEN).await;
            if receiver.changed().await.is_err() {
                return;
            }
            let Some(progress) = receiver.borrow_and_update().clone() else {
                continue;
            };
            // A failure does not matter: the end of the step is recorded in any case.
            let _ = record
                .update(|operation| operation.progress = Some(progress.clone()))
                .await;
        }
    });
    (ProgressSender(sender), ProgressWriter(writer))
}

impl ProgressWriter {
    /// Stops writing: what is recorded after this must not be overtaken by it.
    pub(crate) async fn stop(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}
