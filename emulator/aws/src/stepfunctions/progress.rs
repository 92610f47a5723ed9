//! How far a running execution is: the interpreter's state, and what was started for it.

use std::collections::BTreeMap;

use asl_interpreter::{
    Effect, Event, Execution, ExecutionStart, HistoryEvent, Outcome, StateMachine, TaskId, TaskRequest,
};
use asl_interpreter::{TimerId, Turn};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::jobs::Job;

/// The state of a running execution, as the ledger keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    execution: Execution,
    /// The tasks that have not answered.
    open: BTreeMap<TaskId, Open>,
}

/// A task that has not answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Open {
    /// Whether the service has accepted the call of a `.sync` or `.waitForTaskToken` task.
    pub submitted: bool,
    /// The build or ECS task that a `.sync` task waits for.
    pub job: Option<Job>,
}

/// What is taken up after a restart.
pub struct Pending {
    /// The open tasks.
    pub tasks: Vec<(TaskRequest, Open)>,
    /// The open timers.
    pub timers: Vec<TimerChange>,
}

/// A timer to set (a time), or to remove (none).
pub type TimerChange = (TimerId, Option<Timestamp>);

/// What one message brings about: first to be written, then to be carried out.
#[derive(Debug, Default)]
pub struct Step {
    /// New history.
    pub history: Vec<HistoryEvent>,
    /// New task tokens.
    pub tokens: Vec<(String, TaskId)>,
    /// Jobs that no task waits for any more.
    pub stops: Vec<(TaskId, Job)>,
    /// Tasks to start.
    pub starts: Vec<TaskRequest>,
    /// Timers, in order.
    pub timers: Vec<TimerChange>,
    /// How the execution ended.
    pub outcome: Option<Outcome>,
}

impl Step {
    /// Whether the message changed nothing: it came too late.
    pub fn is_empty(&self) -> bool {
        self.history.is_empty()
            && self.stops.is_empty()
            && self.starts.is_empty()
            && self.timers.is_empty()
            && self.outcome.is_none()
    }
}

impl Progress {
    /// The first turn of an execution.
    pub fn start(machine: &StateMachine, start: ExecutionStart, now: Timestamp, seed: u64) -> (Self, Step) {
        let (execution, turn) = Execution::start(machine, start, now, seed);
        let mut progress = Self {
            execution,
            open: BTreeMap::new(),
        };
        let mut step = Step::default();
        progress.absorb(machine, turn, now, &mut step);
        (progress, step)
    }

    /// One more turn.
    pub fn take(&mut self, machine: &StateMachine, event: Event, now: Timestamp) -> Step {
        if let Event::TaskSucceeded { task, .. }
        | Event::TaskFailed { task, .. }
        | Event::TaskSubmitFailed { task, .. } = &event
        {
            self.close(*task);
        }
        let turn = self.execution.handle(machine, event, now);
        let mut step = Step::default();
        self.absorb(machine, turn, now, &mut step);
        step
    }

    /// A `.sync` or `.waitForTaskToken` task was accepted. When no task waits for it any more its job is stopped.
    pub fn submitted(
        &mut self,
        machine: &StateMachine,
        task: TaskId,
        output: Value,
        job: Option<Job>,
        now: Timestamp,
    ) -> Step {
        let Some(open) = self.open.get_mut(&task) else {
            return Step {
                stops: job.map(|job| (task, job)).into_iter().collect(),
                ..Step::default()
            };
        };
        *open = Open { submitted: true, job };
        self.take(machine, Event::TaskSubmitted { task, output }, now)
    }

    /// Whether a task has not answered yet.
    pub fn is_open(&self, task: TaskId) -> bool {
        self.open.contains_key(&task)
    }

    /// What has to be taken up again after a restart: open tasks with how far they were, and timers.
    pub fn pending(&self) -> Pending {
        let (mut tasks, mut timers) = (Vec::new(), Vec::new());
        for effect in self.execution.pending() {
            match effect {
                Effect::StartTask(request) => {
                    let open = self.open.get(&request.task).cloned().unwrap_or_default();
                    tasks.push((*request, open));
                }
                Effect::StartTimer { timer, at } => timers.push((timer, Some(at))),
                Effect::CancelTask { .. } | Effect::CancelTimer { .. } => {}
            }
        }
        Pending { tasks, timers }
    }

    /// A task that is to be started counts as started in the same turn: the call is the next thing that happens, and
    /// a turn less is a write less.
    fn absorb(&mut self, machine: &StateMachine, turn: Turn, now: Timestamp, step: &mut Step) {
        step.history.extend(turn.history);
        let ended = turn.outcome.is_some();
        step.outcome = step.outcome.take().or(turn.outcome);
        for effect in turn.effects {
            match effect {
                Effect::StartTask(request) => {
                    let task = request.task;
                    self.open.insert(task, Open::default());
                    step.tokens.extend(request.token.clone().map(|token| (token, task)));
                    step.starts.push(*request);
                    let turn = self.execution.handle(machine, Event::TaskStarted { task }, now);
                    self.absorb(machine, turn, now, step);
                }
                Effect::CancelTask { task } => {
                    step.starts.retain(|request| request.task != task);
                    step.stops.extend(self.close(task));
                }
                Effect::StartTimer { timer, at } => step.timers.push((timer, Some(at))),
                Effect::CancelTimer { timer } => step.timers.push((timer, None)),
            }
        }
        if ended {
            let open: Vec<TaskId> = self.open.keys().copied().collect();
            step.stops.extend(open.into_iter().filter_map(|task| self.close(task)));
        }
    }

    fn close(&mut self, task: TaskId) -> Option<(TaskId, Job)> {
        self.open.remove(&task)?.job.map(|job| (task, job))
    }
}
