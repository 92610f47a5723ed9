//! Reasons to stop a build early: its operation is cancelled or has ended, its deadline passes, or a signal.
//!
//! CodeBuild sends no documented signal before it ends a build. So the runner polls its operation's record, and it has a deadline
//! that leaves Terraform time to end. Signals are for people and for local mode.

use std::sync::Arc;
use std::time::Duration;

use slipway_model::error_chain::chain;
use slipway_model::id::OperationId;
use slipway_model::operation::cancel::Interruption;
use slipway_store::Store;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::console::say;
use crate::error::Error;
use crate::reach::patiently;

/// How often the record is read.
const POLL: Duration = Duration::from_secs(3);

/// Why a build stops.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    Interruption(Interruption),
    Deadline(Duration),
    Signal,
}

/// Whether the build is to stop, and why. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Cancel(Arc<watch::Sender<Option<Why>>>);

impl Cancel {
    /// A cancel by the signals that stop a process. Further signals have no effect: after one interrupt Terraform saves its state,
    /// after two it would drop everything.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let cancel = Self::never();
        let by_signal = cancel.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                by_signal.request(Why::Signal);
            }
        });
        Ok(cancel)
    }

    /// A cancel that never comes, for work that a cancel has to wait for.
    pub(crate) fn never() -> Self {
        Self(Arc::new(watch::channel(None).0))
    }

    /// Requests the cancel when the deadline passes or the operation's record says so, and acknowledges it on the record. Returns
    /// only then.
    pub(crate) async fn watch(self, store: Store, operation: OperationId, deadline: Option<(Instant, Duration)>) {
        let passed = async {
            match deadline {
                Some((start, time)) => {
                    tokio::time::sleep_until(start + time).await;
                    Why::Deadline(time)
                }
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            why = passed => why,
            interruption = poll(&store, &operation) => Why::Interruption(interruption),
        };
        self.request(why);
        if self.is_cancelled()
            && let Err(error) = Box::pin(patiently(async || store.acknowledge_cancel(&operation).await)).await
        {
            say(format_args!("The cancel could not be acknowledged: {}", chain(&error)));
        }
    }

    /// The first reason stays.
    fn request(&self, why: Why) {
        self.0.send_if_modified(|known| {
            if known.is_some() {
                return false;
            }
            let reason = why.error();
            say(format_args!(
                "Interrupted: {reason}. Terraform finishes what it has begun and saves the state."
            ));
            *known = Some(why);
            true
        });
    }

    /// Whether the build stops because its operation was cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(&*self.0.borrow(), Some(Why::Interruption(Interruption::Requested(_))))
    }

    /// Waits until the build is to stop.
    pub(crate) async fn requested(&mut self) {
        if self.0.subscribe().wait_for(Option::is_some).await.is_err() {
            // The sender is in `self`.
            std::future::pending::<()>().await;
        }
    }

    /// Fails where the build is to stop: asked between steps.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.0.borrow().as_ref().map_or(Ok(()), |why| Err(why.error()))
    }
}

/// Reads the record until it has something to stop for.
async fn poll(store: &Store, operation: &OperationId) -> Interruption {
    let mut complained = false;
    loop {
        tokio::time::sleep(POLL).await;
        match store.interruption(operation).await {
            Ok(Some(interruption)) => return interruption,
            Ok(None) => complained = false,
            // Terraform continues: as far as is known, its work is wanted. The next poll may succeed.
            Err(error) if !complained => {
                complained = true;
                say(format_args!(
                    "Whether the operation is cancelled is not known: {}",
                    chain(&error)
                ));
            }
            Err(_) => {}
        }
    }
}

impl Why {
    fn error(&self) -> Error {
        match self {
            Self::Interruption(interruption) => Error::from(interruption.clone()),
            Self::Deadline(time) => Error::Deadline {
                minutes: time.as_secs() / 60,
            },
            Self::Signal => Error::Stopped,
        }
    }
}

impl From<Interruption> for Error {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Requested(request) => Self::Cancelled {
                requester: request.requested_by,
            },
            Interruption::Ended(status) => Self::Ended(status),
        }
    }
}
