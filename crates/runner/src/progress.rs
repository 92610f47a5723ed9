//! How far an apply is, written while it runs: its progress to the table, and what it created beside the state.

use std::time::Duration;

use slipway_model::id::StackId;
use slipway_model::operation::Progress;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::created::{Reported, importable};
use crate::created_list;
use crate::objects::Bucket;
use crate::record::Record;
use crate::report::Report;

/// The least time between two writes: quick enough for eyes, and a write a second at most. It also passes before the first one,
/// because a run that is shorter records all that it did at its end.
const BETWEEN: Duration = Duration::from_secs(1);

/// The least time between two writes of what was created: each is a version of the object.
const BETWEEN_CREATED: Duration = Duration::from_secs(2);

/// How long the last write of what was created may take. What was not written is compared with the state at the end.
const LAST: Duration = Duration::from_secs(10);

/// Where it is handed in.
#[derive(Debug)]
pub(crate) struct ProgressSender {
    progress: watch::Sender<Option<Progress>>,
    created: watch::Sender<Reported>,
}

impl ProgressSender {
    /// Hands in how far the apply is. What is not written in time is replaced by what comes after it.
    pub(crate) fn send(&self, report: &Report) {
        if let Some(progress) = report.progress() {
            self.progress.send_if_modified(|last| {
                let changed = last.as_ref() != Some(&progress);
                if changed {
                    *last = Some(progress);
                }
                changed
            });
        }
        self.created.send_if_modified(|last| {
            let changed = *last != report.created;
            if changed {
                last.clone_from(&report.created);
            }
            changed
        });
    }
}

/// The writers.
#[derive(Debug)]
pub(crate) struct ProgressWriter {
    progress: JoinHandle<()>,
    created: JoinHandle<()>,
    finish: oneshot::Sender<()>,
}

/// Starts to write how far the apply of an operation is.
pub(crate) fn start(record: Record, states: Bucket, stack: StackId) -> (ProgressSender, ProgressWriter) {
    let (progress, receiver) = watch::channel(None::<Progress>);
    let (created, reported) = watch::channel(Reported::new());
    let (finish, finished) = oneshot::channel();
    let writer = ProgressWriter {
        progress: tokio::task::spawn_local(write_progress(record, receiver)),
        created: tokio::task::spawn_local(write_created(states, stack, reported, finished)),
        finish,
    };
    (ProgressSender { progress, created }, writer)
}

async fn write_progress(record: Record, mut receiver: watch::Receiver<Option<Progress>>) {
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
}

/// Records what may have to be imported if this process is killed together with Terraform.
async fn write_created(
    states: Bucket,
    stack: StackId,
    mut reported: watch::Receiver<Reported>,
    mut finished: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            () = sleep(BETWEEN_CREATED) => {}
            _ = &mut finished => return,
        }
        if !reported.has_changed().unwrap_or(false) {
            continue;
        }
        let created = importable(&reported.borrow_and_update());
        // What was not written comes with the next, or with the end of the apply.
        let _ = created_list::add(&states, &stack, created).await;
    }
}

impl ProgressWriter {
    /// Stops writing: what is recorded after this must not be overtaken by it.
    pub(crate) async fn stop(mut self) {
        self.progress.abort();
        let _ = self.progress.await;
        let _ = self.finish.send(());
        // A write that S3 has begun to take ends first: aborted, it could still come through later.
        if timeout(LAST, &mut self.created).await.is_err() {
            self.created.abort();
        }
    }
}
