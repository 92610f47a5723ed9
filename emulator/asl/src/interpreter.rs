//! One turn of an execution: from an event to everything that follows from it without waiting.
//!
//! Threads that can go on stand in a queue and each does one state before the next one's turn, as the histories of AWS
//! show branches side by side. A thread is taken out of the execution while it is worked on, and returned when it has
//! to wait; a finished thread is not returned.

mod branches;
mod evaluation;
mod failures;
mod tasks;
mod turn;

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::definition::MAX_SECONDS;
use crate::definition::StateMachine;
use crate::driver::{Effect, Event, ExecutionStart, Outcome, TimerId, Turn};
use crate::errors::{RUNTIME, StateError};
use crate::execution::{Execution, Timer, TimerPurpose};
use crate::history::{DataDetails, EventDetails, EventType, ExecutionStartedDetails, StateEnteredDetails};
use crate::jsonata::Field;
use crate::states::{ChoiceState, FailState, Kind, State, Transition, Wait};
use crate::thread::{Phase, Thread, ThreadId, Visit};
use crate::values;
use evaluation::{Known, text};
use failures::Failure;
pub(crate) use turn::{Ended, Flow};

impl Execution {
    /// Starts an execution. `seed` is the only source of randomness that it will have.
    pub fn start(machine: &StateMachine, start: ExecutionStart, now: Timestamp, seed: u64) -> (Self, Turn) {
        let mut execution = Self::new(start, now, seed);
        let turn = Interpreter::turn(machine, &mut execution, now, Interpreter::begin);
        (execution, turn)
    }

    /// Takes in one event. An event for a task or timer that is not open, or after the end, changes nothing.
    pub fn handle(&mut self, machine: &StateMachine, event: Event, now: Timestamp) -> Turn {
        if self.outcome().is_some() {
            return Turn::default();
        }
        Interpreter::turn(machine, self, now, |interpreter| interpreter.take_in(event))
    }
}

/// The interpreter of one turn.
pub(crate) struct Interpreter<'a> {
    machine: &'a StateMachine,
    execution: &'a mut Execution,
    now: Timestamp,
    turn: Turn,
    ready: VecDeque<ThreadId>,
}

impl<'a> Interpreter<'a> {
    /// Does something to an execution and lets every thread go as far as it can.
    fn turn(
        machine: &'a StateMachine,
        execution: &'a mut Execution,
        now: Timestamp,
        act: impl FnOnce(&mut Self) -> Flow,
    ) -> Turn {
        let mut interpreter = Self {
            machine,
            execution,
            now,
            turn: Turn::default(),
            ready: VecDeque::new(),
        };
        // An execution that ended in the middle of the turn has reported everything.
        let _: Flow = act(&mut interpreter).and_then(|()| interpreter.run());
        interpreter.turn
    }

    /// The first turn.
    fn begin(&mut self) -> Flow {
        let start = &self.execution.start;
        let details = EventDetails::ExecutionStarted(ExecutionStartedDetails {
            input: text(&start.input),
            input_details: DataDetails::default(),
            role_arn: start.role_arn.clone(),
        });
        let input = start.input.clone();
        self.record(0, EventType::ExecutionStarted, Some(details))?;
        if let Some(seconds) = self.machine.timeout_seconds() {
            self.start_timer(seconds, TimerPurpose::Execution);
        }
        let root = self.machine.root();
        let thread = Thread {
            id: ThreadId(self.execution.new_id()),
            parent: None,
            scope: root,
            // AWS lets the first state follow nothing, not the ExecutionStarted before it.
            previous_event: 0,
            variables: serde_json::Map::new(),
            visit: Visit::arriving(self.machine.start_at(root), input),
        };
        self.queue(thread);
        Ok(())
    }

    /// A later turn.
    fn take_in(&mut self, event: Event) -> Flow {
        match event {
            Event::TaskStarted { task } => self.task_started(task),
            Event::TaskSubmitted { task, output } => self.task_submitted(task, &output),
            Event::TaskSubmitFailed { task, error, cause } => {
                self.task_failed(task, EventType::TaskSubmitFailed, error, cause)
            }
            Event::TaskSucceeded { task, output } => self.task_succeeded(task, output),
            Event::TaskFailed { task, error, cause } => self.task_failed(task, EventType::TaskFailed, error, cause),
            Event::Heartbeat { task } => {
                self.heartbeat(task);
                Ok(())
            }
            Event::TimerFired { timer } => self.timer_fired(timer),
            Event::Abort { error, cause } => Err(self.end(0, Outcome::Aborted { error, cause })),
        }
    }

    fn timer_fired(&mut self, timer: TimerId) -> Flow {
        let Some(Timer { purpose, .. }) = self.execution.timers.remove(&timer) else {
            return Ok(());
        };
        match purpose {
            TimerPurpose::Execution => Err(self.end(0, Outcome::TimedOut)),
            TimerPurpose::Wait(thread) => match self.execution.threads.remove(&thread) {
                Some(thread) => self.wait_over(thread),
                None => Ok(()),
            },
            TimerPurpose::Retry(thread) => {
                if let Some(mut thread) = self.execution.threads.remove(&thread) {
                    thread.visit.phase = Phase::Ready;
                    self.queue(thread);
                }
                Ok(())
            }
            TimerPurpose::Timeout(task) => self.task_timed_out(task, false),
            TimerPurpose::Heartbeat(task) => self.task_timed_out(task, true),
        }
    }

    fn run(&mut self) -> Flow {
        while let Some(id) = self.ready.pop_front() {
            // A thread may have been aborted while it stood in the queue.
            if let Some(thread) = self.execution.threads.remove(&id) {
                self.step(thread)?;
            }
        }
        Ok(())
    }

    /// Enters a state, unless it is retried, and does what it does.
    fn step(&mut self, mut thread: Thread) -> Flow {
        let state = self.state(&thread)?;
        if thread.visit.phase == Phase::Arriving {
            let details = EventDetails::StateEntered(StateEnteredDetails {
                name: state.name.clone(),
                input: text(&thread.visit.input),
                input_details: DataDetails::default(),
            });
            let id = self.record(thread.previous_event, state.entered(), Some(details))?;
            thread.previous_event = id;
            thread.visit.entered_event = id;
            thread.visit.entered_at = self.now;
            thread.visit.retries = vec![0; state.handlers().retry.len()];
        }
        thread.visit.phase = Phase::Ready;
        match &state.kind {
            Kind::Task(task) => self.start_task(thread, state, task),
            Kind::Pass(transition) => self.complete(thread, state, None, transition),
            Kind::Wait(wait, _) => self.wait(thread, state, wait),
            Kind::Choice(choice) => self.choose(thread, state, choice),
            Kind::Succeed => self.complete(thread, state, None, &Transition::End),
            Kind::Fail(fail) => self.fail_as_defined(thread, state, fail),
            Kind::Parallel(parallel) => self.fork(thread, state, parallel),
            Kind::Map(map) => self.iterate(thread, state, map),
        }
    }

    fn wait(&mut self, mut thread: Thread, state: &State, wait: &Wait) -> Flow {
        let now = self.now;
        let due = self.evaluate(&thread, state, &Known::default(), |session| match wait {
            Wait::Seconds(seconds) => {
                let seconds = seconds.evaluate_whole(session, "Seconds", &(0..=MAX_SECONDS))?;
                Ok(later(now, SignedDuration::from_secs(bounded(seconds))))
            }
            Wait::Timestamp(at) => at.evaluate(session, "Timestamp", values::timestamp),
        });
        match due {
            Ok(due) => {
                let purpose = TimerPurpose::Wait(thread.id);
                let timer = self.start_timer_at(due, purpose);
                thread.visit.phase = Phase::Sleeping { timer };
                self.park(thread);
                Ok(())
            }
            Err(error) => self.fail(thread, state, Failure::evaluation(error)),
        }
    }

    fn wait_over(&mut self, thread: Thread) -> Flow {
        let state = self.state(&thread)?;
        match &state.kind {
            Kind::Wait(_, transition) => self.complete(thread, state, None, transition),
            _ => Err(self.wrong_machine(&thread)),
        }
    }

    /// The first rule whose condition is true; its `Assign` and `Output` are used, those of the state with `Default`.
    fn choose(&mut self, thread: Thread, state: &State, choice: &ChoiceState) -> Flow {
        let chosen = self.evaluate(&thread, state, &Known::default(), |session| {
            for (at, rule) in choice.rules.iter().enumerate() {
                let location = format!("Choices[{at}]/Condition");
                let condition = &rule.condition;
                if condition.evaluate(session, &location, values::boolean)? {
                    return Ok(Some((at, rule)));
                }
            }
            Ok(None)
        });
        match (chosen, &choice.default) {
            (Ok(Some((at, rule))), _) => {
                let transition = Transition::Next(rule.next.clone());
                let prefix = format!("Choices[{at}]/");
                self.leave(thread, state, &Known::default(), (&rule.exit, &prefix), &transition)
            }
            (Ok(None), Some(default)) => {
                let transition = Transition::Next(default.clone());
                self.complete(thread, state, None, &transition)
            }
            // The documentation calls this States.NoChoiceMatched; what AWS reports is this.
            (Ok(None), None) => {
                let cause = "Failed to transition out of the state. The state does not point to a next state.";
                let error = StateError::new(RUNTIME, cause.to_owned());
                self.fail(thread, state, Failure::in_state(error))
            }
            (Err(error), _) => self.fail(thread, state, Failure::evaluation(error)),
        }
    }

    fn fail_as_defined(&mut self, thread: Thread, state: &State, fail: &FailState) -> Flow {
        let defined = self.evaluate(&thread, state, &Known::default(), |session| {
            let mut text = |field: Option<&Field<String>>, location| {
                field
                    .map(|field| field.evaluate(session, location, values::string))
                    .transpose()
            };
            let name = text(fail.error.as_ref(), "Error")?;
            let cause = text(fail.cause.as_ref(), "Cause")?;
            Ok(StateError {
                name,
                cause,
                heartbeat: false,
            })
        });
        let failure = defined.map_or_else(Failure::evaluation, Failure::plain);
        self.fail(thread, state, failure)
    }

    /// A state has done its work: `Output`, `Assign`, exit, and on to where it leads.
    fn complete(&mut self, thread: Thread, state: &State, result: Option<Value>, transition: &Transition) -> Flow {
        let known = Known {
            result,
            error_output: None,
        };
        self.leave(thread, state, &known, (&state.exit, ""), transition)
    }

    /// Follows a transition with the output of the state before.
    fn go_on(&mut self, mut thread: Thread, output: Value, transition: &Transition) -> Flow {
        match transition {
            Transition::Next(next) => {
                thread.visit = Visit::arriving(next, output);
                self.queue(thread);
                Ok(())
            }
            Transition::End if thread.parent.is_some() => self.branch_succeeded(&thread, output),
            Transition::End => Err(self.end(thread.previous_event, Outcome::Succeeded { output })),
        }
    }

    /// The state that a thread is in.
    fn state(&mut self, thread: &Thread) -> Flow<&'a State> {
        match self.machine.state(thread.scope, &thread.visit.state) {
            Some(state) => Ok(state),
            None => Err(self.wrong_machine(thread)),
        }
    }

    /// The execution was handed a machine other than its own.
    fn wrong_machine(&mut self, thread: &Thread) -> Ended {
        let cause = format!(
            "The definition of the state machine does not fit the execution at the state '{}'",
            thread.visit.state
        );
        let outcome = Outcome::Failed {
            error: Some(RUNTIME.to_owned()),
            cause: Some(cause),
        };
        self.end(thread.previous_event, outcome)
    }

    /// Puts a thread where it waits for an event.
    fn park(&mut self, thread: Thread) {
        self.execution.threads.insert(thread.id, thread);
    }

    /// Puts a thread where it can go on in this turn.
    fn queue(&mut self, thread: Thread) {
        self.ready.push_back(thread.id);
        self.park(thread);
    }

    /// A timer over a definition's seconds.
    fn start_timer(&mut self, seconds: u64, purpose: TimerPurpose) -> TimerId {
        let at = later(self.now, SignedDuration::from_secs(bounded(seconds)));
        self.start_timer_at(at, purpose)
    }

    fn start_timer_at(&mut self, at: Timestamp, purpose: TimerPurpose) -> TimerId {
        let timer = TimerId(self.execution.new_id());
        self.execution.timers.insert(timer, Timer { at, purpose });
        self.turn.effects.push(Effect::StartTimer { timer, at });
        timer
    }

    fn cancel_timer(&mut self, timer: TimerId) {
        if self.execution.timers.remove(&timer).is_some() {
            self.turn.effects.push(Effect::CancelTimer { timer });
        }
    }
}

/// Past the end of representable time is as good as never.
fn later(now: Timestamp, after: SignedDuration) -> Timestamp {
    now.checked_add(after).unwrap_or(Timestamp::MAX)
}

fn bounded(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
