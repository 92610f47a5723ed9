//! Retriers: which error they take and how long they wait.

use jiff::SignedDuration;

use crate::errors::StateError;
use crate::random::Random;

/// AWS bounds `MaxDelaySeconds` by a year and a day; no retry waits longer.
const LONGEST_DELAY_SECONDS: f64 = 31_622_400.0;

/// `JitterStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// `NONE`: wait the whole delay.
    None,
    /// `FULL`: wait a random part of the delay.
    Full,
}

/// One entry of `Retry`, with AWS's defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub error_equals: Vec<String>,
    /// `IntervalSeconds`, 1 by default: the delay before the first retry.
    pub interval_seconds: u64,
    /// `MaxAttempts`, 3 by default.
    pub max_attempts: u64,
    /// `BackoffRate`, 2.0 by default: by what each further delay is multiplied.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`: the delay never grows beyond it.
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy`, `NONE` by default.
    pub jitter: Jitter,
}

impl Retrier {
    /// Whether this retrier is the one for the error.
    pub fn takes(&self, error: &StateError) -> bool {
        self.error_equals.iter().any(|pattern| error.matches(pattern))
    }

    /// How long to wait before a retry, when this retrier has already retried `done` times.
    #[allow(clippy::cast_precision_loss, reason = "seconds of a definition are below 2^53")]
    pub fn delay(&self, done: u64, random: &mut Random) -> SignedDuration {
        let exponent = i32::try_from(done).unwrap_or(i32::MAX);
        let grown = self.interval_seconds as f64 * self.backoff_rate.powi(exponent);
        let longest = self
            .max_delay_seconds
            .map_or(LONGEST_DELAY_SECONDS, |seconds| seconds as f64);
        // `f64::min` also turns an overflow to infinity into the longest delay.
        let seconds = grown.min(longest);
        let seconds = match self.jitter {
            Jitter::None => seconds,
            Jitter::Full => seconds * random.fraction(),
        };
        SignedDuration::from_secs_f64(seconds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn retrier(interval_seconds: u64, backoff_rate: f64) -> Retrier {
        Retrier {
            error_equals: vec!["States.ALL".to_owned()],
            interval_seconds,
            max_attempts: 3,
            backoff_rate,
            max_delay_seconds: None,
            jitter: Jitter::None,
        }
    }

    #[test]
    fn delays_grow_by_the_rate() {
        let retrier = retrier(3, 1.5);
        let delays: Vec<f64> = (0..4)
            .map(|done| retrier.delay(done, &mut Random::new(0)).as_secs_f64())
            .collect();
        assert_eq!(delays, [3.0, 4.5, 6.75, 10.125]);
    }

    proptest! {
        #[test]
        fn a_delay_never_passes_its_limit_nor_shrinks(
            interval in 1_u64..10_000, rate in 1.0_f64..10.0, limit in 1_u64..100_000, done in 0_u64..2_000,
        ) {
            let retrier = Retrier { max_delay_seconds: Some(limit), ..retrier(interval, rate) };
            let mut random = Random::new(0);
            let (this, next) = (retrier.delay(done, &mut random), retrier.delay(done + 1, &mut random));
            prop_assert!(this <= next);
            prop_assert!(next <= SignedDuration::from_secs(i64::try_from(limit).unwrap_or(i64::MAX)));
        }

        #[test]
        fn full_jitter_stays_within_the_delay_and_repeats_with_its_seed(
            interval in 1_u64..10_000, done in 0_u64..8, seed: u64,
        ) {
            let steady = retrier(interval, 2.0);
            let jittered = Retrier { jitter: Jitter::Full, ..steady.clone() };
            let delay = jittered.delay(done, &mut Random::new(seed));
            prop_assert!(!delay.is_negative() && delay <= steady.delay(done, &mut Random::new(seed)));
            prop_assert_eq!(delay, jittered.delay(done, &mut Random::new(seed)));
        }
    }
}
