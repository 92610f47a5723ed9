//! The time of an account.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The longest sleep: the system's clock may be set, and a machine that is suspended does not count its sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The time as the services of one account read it. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The clock of the system.
    #[default]
    System,
    /// A clock that a test sets.
    Set(SetClock),
}

/// A clock that stands still until it is advanced, so that who waits for a time waits for nothing else.
#[derive(Debug, Clone)]
pub struct SetClock(watch::Sender<Timestamp>);

impl Clock {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Set(clock) => *clock.0.borrow(),
        }
    }

    /// Waits until a time has come. It returns at once if it has.
    pub async fn sleep_until(&self, time: Timestamp) {
        match self {
            Self::System => {
                while let Ok(left) = Duration::try_from(Timestamp::now().duration_until(time))
                    && !left.is_zero()
                {
                    // A millisecond more: a timer of the system may end before the time has come.
                    tokio::time::sleep((left + Duration::from_millis(1)).min(LONGEST_SLEEP)).await;
                }
            }
            Self::Set(clock) => {
                // It has a sender as long as this clone of it lives.
                let _ = clock.0.subscribe().wait_for(|now| *now >= time).await;
            }
        }
    }
}

impl SetClock {
    /// A clock that stands at this time.
    pub fn at(time: Timestamp) -> Self {
        Self(watch::Sender::new(time))
    }

    /// Advances it, for everyone who reads it or waits for it.
    pub fn advance(&self, by: SignedDuration) {
        self.0
            .send_modify(|now| *now = now.saturating_add(by).unwrap_or(Timestamp::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleeper_wakes_when_its_time_has_come() {
        let hands = SetClock::at(Timestamp::UNIX_EPOCH);
        let clock = Clock::Set(hands.clone());
        let due = Timestamp::from_second(2).expect("a time");
        let mut sleep = std::pin::pin!(clock.sleep_until(due));
        for is_over in [false, true] {
            hands.advance(SignedDuration::from_secs(1));
            assert_eq!(futures::poll!(&mut sleep).is_ready(), is_over, "{}", clock.now());
        }
        clock.sleep_until(due).await;
        Clock::System.sleep_until(Timestamp::now()).await;
    }
}
