//! What goes wrong, and how often. Each seed has a mix of its own: some have one kind of fault in plenty, some have all.

use std::time::Duration;

use crate::chance::Chance;

/// What happens to one call of an AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnWire {
    Nothing,
    /// It is rejected, and nothing is done.
    Throttled,
    /// The service fails before it does anything.
    Failed,
    /// It is done, and the answer does not arrive.
    Lost,
    /// It arrives twice; the caller gets the second answer.
    Twice,
}

/// What happens to one run of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRun {
    Nothing,
    /// It is not run.
    Rejected,
    /// It is dropped at the await that it is at after this time.
    Killed(Duration),
    /// It is run, and the caller does not get its answer.
    Lost,
}

/// How often each fault happens, in a thousand.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    throttled: u64,
    failed: u64,
    lost: u64,
    twice: u64,
    late: u64,
    rejected: u64,
    killed: u64,
    unanswered: u64,
    pub builds_die: u64,
    pub builds_twice: u64,
    pub events_lost: u64,
    pub events_twice: u64,
    pub stopped: u64,
}

impl Faults {
    pub const NONE: Self = Self {
        throttled: 0,
        failed: 0,
        lost: 0,
        twice: 0,
        late: 0,
        rejected: 0,
        killed: 0,
        unanswered: 0,
        builds_die: 0,
        builds_twice: 0,
        events_lost: 0,
        events_twice: 0,
        stopped: 0,
    };

    pub fn draw(chance: &mut Chance) -> Self {
        let mut often = |levels: [u64; 4]| levels[usize::try_from(chance.below(4)).unwrap_or(0)];
        Self {
            throttled: often([0, 0, 10, 80]),
            failed: often([0, 0, 10, 80]),
            lost: often([0, 10, 30, 120]),
            twice: often([0, 0, 10, 50]),
            late: often([0, 0, 10, 50]),
            rejected: often([0, 0, 20, 100]),
            killed: often([0, 20, 80, 250]),
            unanswered: often([0, 0, 30, 120]),
            builds_die: often([0, 0, 100, 300]),
            builds_twice: often([0, 0, 100, 300]),
            events_lost: often([0, 0, 200, 800]),
            events_twice: often([0, 0, 100, 500]),
            stopped: often([0, 0, 0, 100]),
        }
    }

    /// With so many lost answers that most requests are repeated: few seeds find what is wrong then.
    pub fn with_lost_answers(self) -> Self {
        Self {
            lost: 120,
            unanswered: 300,
            ..self
        }
    }

    pub fn on_wire(&self, chance: &mut Chance) -> OnWire {
        let at = chance.below(1_000);
        let kinds = [
            (self.throttled, OnWire::Throttled),
            (self.failed, OnWire::Failed),
            (self.lost, OnWire::Lost),
            (self.twice, OnWire::Twice),
        ];
        pick(at, kinds).unwrap_or(OnWire::Nothing)
    }

    pub fn on_run(&self, chance: &mut Chance) -> OnRun {
        let at = chance.below(1_000);
        let killed = OnRun::Killed(chance.millis(1, 600));
        let kinds = [
            (self.rejected, OnRun::Rejected),
            (self.killed, killed),
            (self.unanswered, OnRun::Lost),
        ];
        pick(at, kinds).unwrap_or(OnRun::Nothing)
    }

    /// How long a message is on its way.
    pub fn latency(&self, chance: &mut Chance) -> Duration {
        if chance.happens(self.late) {
            chance.seconds(1, 20)
        } else {
            chance.millis(1, 40)
        }
    }
}

/// The kind whose share of a thousand this number is in.
fn pick<T, const N: usize>(at: u64, kinds: [(u64, T); N]) -> Option<T> {
    let mut end = 0;
    kinds.into_iter().find_map(|(share, kind)| {
        end += share;
        (at < end).then_some(kind)
    })
}
