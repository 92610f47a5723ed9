//! Patience with AWS while it cannot be reached, or throttles.
//!
//! Local mode may be killed and started again while Terraform works; on AWS a zone may be gone for a while, and a throttle may
//! last longer than the three attempts of the SDK. Terraform's work must not be lost for that: its result waits here.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};
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
    /// The pauses between attempts of a call without response.
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

/// A failure that may pass: the same call may succeed later, and repeating it is harmless.
pub(crate) trait MayPass {
    fn may_pass(&self) -> bool;
}

impl<E: ProvideErrorMetadata + Error + 'static> MayPass for SdkError<E, HttpResponse> {
    fn may_pass(&self) -> bool {
        let status = self.raw_response().map(|response| response.status().as_u16());
        let answered = status.is_some_and(|status| status == 429 || status >= 500);
        answered || ProvideErrorMetadata::code(self).is_some_and(is_throttle) || is_unreachable(self)
    }
}

impl MayPass for slipway_store::Error {
    fn may_pass(&self) -> bool {
        self.is_unanswered() || self.code().is_some_and(is_throttle)
    }
}

/// Makes a call again and again while its failure may pass. Every other failure is returned at once.
pub(crate) async fn patiently<T, E: MayPass>(call: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let mut pauses = Pauses::usual();
    loop {
        match call().await {
            Err(error) if error.may_pass() && pauses.pause().await => {}
            answer => return answer,
        }
    }
}

/// Whether a service throttles or failed: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>,
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>.
pub(crate) fn is_throttle(code: &str) -> bool {
    matches!(
        code,
        "SlowDown"
            | "ServiceUnavailable"
            | "InternalError"
            | "InternalServerError"
            | "RequestTimeout"
            | "Throttling"
            | "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
    )
}

/// Whether a call failed without a response, by the causes of its error.
fn is_unreachable(error: &(dyn Error + 'static)) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttle_may_pass_and_refusal_does_not() {
        for code in [
            "SlowDown",
            "ProvisionedThroughputExceededException",
            "InternalError",
            "Throttling",
        ] {
            assert!(is_throttle(code), "{code}");
        }
        for code in ["AccessDenied", "NoSuchKey", "ConditionalCheckFailedException"] {
            assert!(!is_throttle(code), "{code}");
        }
    }
}
