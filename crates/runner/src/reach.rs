//! Patience with AWS while it cannot be reached.
//!
//! Local mode may be killed and started again while Terraform works; on AWS a zone may be gone for a while. Terraform's
//! work must not be lost for that: its result waits here until somebody takes it.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_sdk_s3::error::ConnectorError;
use tokio::time::{Instant, sleep};

/// How long an endpoint may be gone: long enough for a person to notice that `slipway up` has ended and to start it again.
/// A build costs a cent a minute meanwhile.
const PATIENCE: Duration = Duration::from_mins(5);

/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause: a server that is back is found within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Pauses that grow, until the patience is spent.
pub(crate) struct Pauses {
    until: Instant,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    /// The pauses of a call that nobody answers.
    pub(crate) fn usual() -> Self {
        Self::new(PATIENCE, LONGEST_PAUSE)
    }

    /// Pauses of at most `longest` each, `patience` together.
    pub(crate) fn new(patience: Duration, longest: Duration) -> Self {
        Self {
            until: Instant::now() + patience,
            longest,
            next: FIRST_PAUSE,
        }
    }

    /// Pauses; `false` at once where the patience is spent.
    pub(crate) async fn pause(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
        true
    }
}

/// Makes a call again and again while nobody answers it. Every other failure is returned at once.
pub(crate) async fn patiently<T, E: Error + 'static>(call: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let mut pauses = Pauses::usual();
    loop {
        match call().await {
            Err(error) if is_unreachable(&error) && pauses.pause().await => {}
            answer => return answer,
        }
    }
}

/// Whether a call failed because nobody answered it, by the errors below it.
pub(crate) fn is_unreachable(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(current) = error {
        if current.is::<ConnectorError>() {
            return true;
        }
        if let Some(io) = current.downcast_ref::<io::Error>() {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, TimedOut};
            return matches!(
                io.kind(),
                BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | TimedOut
            );
        }
        error = current.source();
    }
    false
}
