//! Writing history, and the end of an execution.

use super::Interpreter;
use crate::driver::{Effect, Outcome};
use crate::errors::{RUNTIME, TIMEOUT};
use crate::history::{DataDetails, ErrorDetails, EventDetails, EventType, HistoryEvent, MAX_EVENTS, OutputDetails};
use crate::interpreter::evaluation::text;
use crate::thread::Phase;

/// The execution has ended, and nothing may follow. Passed up with `?`.
#[derive(Debug)]
pub(crate) struct Ended;

/// What everything that may end the execution returns.
pub(crate) type Flow<T = ()> = Result<T, Ended>;

impl Interpreter<'_> {
    /// Writes an event and gives its id. The last event that AWS leaves room for reports that there is no more room.
    pub(super) fn record(&mut self, previous: u64, event_type: EventType, details: Option<EventDetails>) -> Flow<u64> {
        if self.execution.last_event + 1 < MAX_EVENTS {
            return Ok(self.write(previous, event_type, details));
        }
        let cause = format!("The execution reached the maximum number of history events ({MAX_EVENTS}).");
        let outcome = Outcome::Failed {
            error: Some(RUNTIME.to_owned()),
            cause: Some(cause),
        };
        let last = self.execution.last_event;
        Err(self.end(last, outcome))
    }

    fn write(&mut self, previous: u64, event_type: EventType, details: Option<EventDetails>) -> u64 {
        self.execution.last_event += 1;
        let id = self.execution.last_event;
        self.turn.history.push(HistoryEvent {
            timestamp: self.now,
            event_type,
            id,
            previous_event_id: previous,
            details,
        });
        id
    }

    /// Ends the execution: everything that is still open is cancelled, and the last event written. The end from outside,
    /// by `StopExecution` or the machine's own timeout, follows nothing (0) and writes no event for what it stops.
    pub(super) fn end(&mut self, previous: u64, outcome: Outcome) -> Ended {
        for thread in std::mem::take(&mut self.execution.threads).into_values() {
            if let Phase::Running(running) = thread.visit.phase {
                let task = running.request.task;
                self.turn.effects.push(Effect::CancelTask { task });
            }
        }
        for timer in std::mem::take(&mut self.execution.timers).into_keys() {
            self.turn.effects.push(Effect::CancelTimer { timer });
        }
        self.ready.clear();
        let (event_type, details) = last_event(&outcome);
        self.write(previous, event_type, Some(details));
        self.execution.outcome = Some(outcome.clone());
        self.turn.outcome = Some(outcome);
        Ended
    }
}

fn last_event(outcome: &Outcome) -> (EventType, EventDetails) {
    let details = |error: &Option<String>, cause: &Option<String>| ErrorDetails {
        error: error.clone(),
        cause: cause.clone(),
    };
    match outcome {
        Outcome::Succeeded { output } => {
            let details = OutputDetails {
                output: text(output),
                output_details: DataDetails::default(),
            };
            (EventType::ExecutionSucceeded, EventDetails::ExecutionSucceeded(details))
        }
        Outcome::Failed { error, cause } => (
            EventType::ExecutionFailed,
            EventDetails::ExecutionFailed(details(error, cause)),
        ),
        Outcome::TimedOut => (
            EventType::ExecutionTimedOut,
            EventDetails::ExecutionTimedOut(details(&Some(TIMEOUT.to_owned()), &None)),
        ),
        Outcome::Aborted { error, cause } => (
            EventType::ExecutionAborted,
            EventDetails::ExecutionAborted(details(error, cause)),
        ),
    }
}
