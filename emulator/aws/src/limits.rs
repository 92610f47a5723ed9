//! The limits of an AWS account that a machine does not have. None holds unless it is set.
//!
//! | limit | over it | AWS documents it in |
//! | --- | --- | --- |
//! | concurrent executions of Lambda | `Lambda.TooManyRequestsException`; an asynchronous event waits; HTTP 503 | <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html> |
//! | `GetLogEvents` a second | `ThrottlingException` | <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html> |
//! | `StartExecution` a second | `ThrottlingException` | <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html> |
//! | `RunTask` a second | `ThrottlingException` | <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html> |
//! | `StartBuild` a second | `ThrottlingException` | <https://docs.aws.amazon.com/codebuild/latest/APIReference/CommonErrors.html> |

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::wire::AwsError;

/// An action that can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// CloudWatch Logs.
    GetLogEvents,
    /// Amazon ECS.
    RunTask,
    /// CodeBuild.
    StartBuild,
    /// Step Functions.
    StartExecution,
}

impl Action {
    const ALL: [Self; 4] = [
        Self::GetLogEvents,
        Self::RunTask,
        Self::StartBuild,
        Self::StartExecution,
    ];

    /// Its name in the API of its service. No other service here has an action of this name.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetLogEvents => "GetLogEvents",
            Self::RunTask => "RunTask",
            Self::StartBuild => "StartBuild",
            Self::StartExecution => "StartExecution",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// The limits of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many invocations of functions run at once, of all functions together.
    pub concurrent_executions: Option<usize>,
    /// Requests a second, by action.
    pub rates: BTreeMap<Action, u32>,
}

/// One limit as a text: `ConcurrentExecutions=10` or `GetLogEvents=25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Of Lambda.
    ConcurrentExecutions(u32),
    /// Of an action, a second.
    Rate(Action, u32),
}

/// A text that is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected NAME=NUMBER with a number from 1 and one of the names ConcurrentExecutions, {}",
    Actions
)]
pub struct InvalidLimit;

struct Actions;

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Action::ALL.map(Action::name).join(", "))
    }
}

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let (name, number) = text.split_once('=').ok_or(InvalidLimit)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or(InvalidLimit)?;
        if name == "ConcurrentExecutions" {
            return Ok(Self::ConcurrentExecutions(number));
        }
        let action = Action::named(name).ok_or(InvalidLimit)?;
        Ok(Self::Rate(action, number))
    }
}

impl FromIterator<Limit> for Limits {
    fn from_iter<I: IntoIterator<Item = Limit>>(limits: I) -> Self {
        let mut all = Self::default();
        for limit in limits {
            match limit {
                Limit::ConcurrentExecutions(number) => all.concurrent_executions = Some(number as usize),
                Limit::Rate(action, number) => drop(all.rates.insert(action, number)),
            }
        }
        all
    }
}

/// Refuses requests above the rates of the account. Clones share what is left.
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    buckets: Arc<BTreeMap<Action, Mutex<Bucket>>>,
}

/// A token bucket, as AWS describes its throttling: it holds the requests of one second and is refilled all the time.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
#[derive(Debug)]
struct Bucket {
    rate: f64,
    left: f64,
    filled: Instant,
}

impl Throttle {
    /// A throttle for these limits.
    pub fn new(limits: &Limits) -> Self {
        let bucket = |(action, rate): (&Action, &u32)| {
            let rate = f64::from(*rate);
            let bucket = Bucket {
                rate,
                left: rate,
                filled: Instant::now(),
            };
            (*action, Mutex::new(bucket))
        };
        Self {
            buckets: Arc::new(limits.rates.iter().map(bucket).collect()),
        }
    }

    /// Lets a request for an action in, or refuses it.
    pub fn admit(&self, action: &str) -> Result<(), AwsError> {
        let bucket = Action::named(action).and_then(|action| self.buckets.get(&action));
        let Some(bucket) = bucket else { return Ok(()) };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if bucket.take(Instant::now()) {
            Ok(())
        } else {
            Err(AwsError::new("ThrottlingException", "Rate exceeded"))
        }
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = (self.left + since * self.rate).min(self.rate);
        self.filled = now;
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_holds_one_second_and_refills() {
        let start = Instant::now();
        let mut bucket = Bucket {
            rate: 2.0,
            left: 2.0,
            filled: start,
        };
        let taken = |bucket: &mut Bucket, millis| bucket.take(start + Duration::from_millis(millis));
        assert_eq!([0, 0, 0].map(|at| taken(&mut bucket, at)), [true, true, false]);
        assert_eq!([500, 500].map(|at| taken(&mut bucket, at)), [true, false]);
        assert_eq!(
            [60_000, 60_000, 60_000].map(|at| taken(&mut bucket, at)),
            [true, true, false]
        );
    }

    #[test]
    fn only_limited_actions_are_refused() {
        let limits: Limits = ["GetLogEvents=1", "ConcurrentExecutions=10"]
            .map(|text| text.parse::<Limit>().expect(text))
            .into_iter()
            .collect();
        assert_eq!(limits.concurrent_executions, Some(10));
        let throttle = Throttle::new(&limits);
        throttle.admit("GetLogEvents").expect("the first");
        assert_eq!(
            throttle.admit("GetLogEvents").expect_err("the second").code,
            "ThrottlingException"
        );
        for other in ["StartBuild", "PutLogEvents"] {
            throttle.admit(other).expect("no limit");
        }
    }

    #[test]
    fn a_limit_is_a_known_name_and_a_number() {
        for wrong in [
            "",
            "GetLogEvents",
            "GetLogEvents=0",
            "GetLogEvents=-1",
            "PutLogEvents=3",
            "concurrentexecutions=3",
        ] {
            assert_eq!(wrong.parse::<Limit>(), Err(InvalidLimit), "{wrong}");
        }
    }
}
