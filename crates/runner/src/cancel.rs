//! A cancel: SIGTERM or SIGINT to the build.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::console::say;
use crate::error::Error;

/// Whether the build was told to stop. Clones see the same.
#[derive(Debug, Clone)]
pub(crate) struct Cancel(watch::Receiver<bool>);

impl Cancel {
    /// Listens for the signals that stop a build. Further ones change nothing: Terraform, told once, saves its state; told
    /// twice, it would drop everything.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if !sender.send_replace(true) {
                    say("The operation is called off: Terraform finishes what it has begun and saves the state.");
                }
            }
        });
        Ok(Self(receiver))
    }

    /// A cancel that never comes, for work that a cancel has to wait for.
    pub(crate) fn never() -> Self {
        let (_, receiver) = watch::channel(false);
        Self(receiver)
    }

    /// Waits until the build is told to stop.
    pub(crate) async fn requested(&mut self) {
        if self.0.wait_for(|requested| *requested).await.is_err() {
            // The listener lives as long as the process.
            std::future::pending::<()>().await;
        }
    }

    /// Fails where the build was told to stop: asked between steps.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if *self.0.borrow() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }
}
