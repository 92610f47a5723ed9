//! An execution as a value. Its transition is the interpreter.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::driver::{Effect, ExecutionStart, Outcome, TaskId, TimerId};
use crate::random::Random;
use crate::thread::{Phase, Thread, ThreadId};

/// One run of a state machine.
///
/// All of it is data: save it after each [`Turn`](crate::Turn) and read it back to go on. It belongs to the definition that it was
/// started with, and goes on only with that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub(crate) start: ExecutionStart,
    pub(crate) started_at: Timestamp,
    pub(crate) random: Random,
    /// The id of the last history event.
    pub(crate) last_event: u64,
    /// The last number given to a task, timer or thread: an id never comes back.
    last_id: u64,
    pub(crate) threads: BTreeMap<ThreadId, Thread>,
    pub(crate) timers: BTreeMap<TimerId, Timer>,
    pub(crate) outcome: Option<Outcome>,
}

/// An open timer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timer {
    pub at: Timestamp,
    pub purpose: TimerPurpose,
}

/// Who waits for a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TimerPurpose {
    /// `TimeoutSeconds` of the machine.
    Execution,
    /// A Wait state.
    Wait(ThreadId),
    /// A state between two attempts.
    Retry(ThreadId),
    /// `TimeoutSeconds` of a task.
    Timeout(TaskId),
    /// `HeartbeatSeconds` of a task.
    Heartbeat(TaskId),
}

impl Execution {
    /// An execution that has not entered its first state. `seed` is the only source of randomness that it will have.
    pub(crate) fn new(start: ExecutionStart, now: Timestamp, seed: u64) -> Self {
        Self {
            start,
            started_at: now,
            random: Random::new(seed),
            last_event: 0,
            last_id: 0,
            threads: BTreeMap::new(),
            timers: BTreeMap::new(),
            outcome: None,
        }
    }

    /// Every task that has not answered and every timer that has not fired: what a driver takes up after a restart.
    pub fn pending(&self) -> Vec<Effect> {
        let tasks = self.threads.values().filter_map(|thread| match &thread.visit.phase {
            Phase::Running(task) => Some(Effect::StartTask(Box::new(task.request.clone()))),
            _ => None,
        });
        let timers = self.timers.iter().map(|(timer, open)| Effect::StartTimer {
            timer: *timer,
            at: open.at,
        });
        tasks.chain(timers).collect()
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What it was started with.
    pub fn started_with(&self) -> &ExecutionStart {
        &self.start
    }

    /// When it was started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
