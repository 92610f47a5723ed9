//! One line of states: the machine's own, a branch of a Parallel, an iteration of a Map.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::driver::{TaskRequest, TimerId};
use crate::states::ScopeId;

/// Names a thread of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ThreadId(pub u64);

/// A thread is in exactly one state at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thread {
    pub id: ThreadId,
    /// The thread whose Parallel or Map state it belongs to, and which branch or iteration it is.
    pub parent: Option<Parent>,
    pub scope: ScopeId,
    /// What the next history event of this thread follows.
    pub previous_event: u64,
    /// The variables assigned in this thread. It also reads those of the threads around it.
    pub variables: Map<String, Value>,
    pub visit: Visit,
}

/// Where a thread belongs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parent {
    pub thread: ThreadId,
    pub index: usize,
    /// The item of a Map, as `$states.context.Map.Item` shows it.
    pub item: Option<Value>,
}

/// A thread's stay in one state, retries included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub state: String,
    pub input: Value,
    pub entered_event: u64,
    pub entered_at: Timestamp,
    /// How often each retrier has retried.
    pub retries: Vec<u64>,
    /// The token of the current attempt of a `.waitForTaskToken` task.
    pub token: Option<String>,
    pub phase: Phase,
}

impl Visit {
    /// On the way into a state.
    pub fn arriving(state: &str, input: Value) -> Self {
        Self {
            state: state.to_owned(),
            input,
            entered_event: 0,
            entered_at: Timestamp::UNIX_EPOCH,
            retries: Vec::new(),
            token: None,
            phase: Phase::Arriving,
        }
    }
}

/// How far the stay has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Not entered yet. Only within a turn.
    Arriving,
    /// Entered, to be executed or retried. Only within a turn.
    Ready,
    /// A Wait state, or the delay before a retry.
    Sleeping { timer: TimerId },
    /// A Task state whose task is open.
    Running(Box<RunningTask>),
    /// A Parallel or Map state whose threads are not all done.
    Joining(Join),
}

/// An open task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningTask {
    pub request: TaskRequest,
    pub started: bool,
    pub timeout: Option<TimerId>,
    pub heartbeat: Option<Heartbeat>,
}

/// The timer that each heartbeat puts off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heartbeat {
    pub timer: TimerId,
    pub seconds: u64,
}

/// The threads of a Parallel or Map state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Join {
    /// The input of each branch or iteration.
    pub inputs: Vec<Value>,
    /// The items of a Map, before `ItemSelector`; none for a Parallel.
    pub items: Option<Vec<Value>>,
    /// How many have been started.
    pub started: usize,
    /// How many may run at once.
    pub limit: usize,
    /// The threads that are not done.
    pub running: BTreeMap<usize, ThreadId>,
    /// The output of each that is.
    pub results: BTreeMap<usize, Value>,
}
