//! A state has failed: `Retry`, then `Catch`, then the thread fails.

use serde_json::json;

use super::evaluation::Known;
use super::{Ended, Flow, Interpreter, later};
use crate::driver::Outcome;
use crate::errors::{QUERY_EVALUATION_ERROR, RUNTIME, StateError};
use crate::execution::TimerPurpose;
use crate::history::{EvaluationFailedDetails, EventDetails, EventType};
use crate::jsonata::EvaluationError;
use crate::states::{Catcher, State, Transition};
use crate::thread::{Phase, Thread};

/// How a state failed, and how that is reported.
pub(super) struct Failure {
    error: StateError,
    /// The expression that failed, which `EvaluationFailed` names.
    location: Option<String>,
    /// Whether the cause begins with the state: AWS does so for errors of its own.
    names_state: bool,
}

impl Failure {
    /// An error as it is: of a task, of a Fail state, of a branch.
    pub fn plain(error: StateError) -> Self {
        Self {
            error,
            location: None,
            names_state: false,
        }
    }

    /// An error of the interpreter at a state.
    pub fn in_state(error: StateError) -> Self {
        Self {
            names_state: true,
            ..Self::plain(error)
        }
    }

    /// An expression failed.
    pub fn evaluation(error: EvaluationError) -> Self {
        Self {
            error: StateError::new(QUERY_EVALUATION_ERROR, error.message),
            location: Some(error.location),
            names_state: true,
        }
    }
}

impl Interpreter<'_> {
    /// A thread's state has failed.
    pub(super) fn fail(&mut self, mut thread: Thread, state: &State, failure: Failure) -> Flow {
        let error = self.report(&mut thread, state, failure)?;
        if error.name.as_deref() == Some(RUNTIME) {
            return Err(self.end_failed(&thread, error));
        }
        if self.schedule_retry(&mut thread, state, &error) {
            self.park(thread);
            return Ok(());
        }
        let before = thread.previous_event;
        self.record_state_failed(&mut thread, state)?;
        let mut catchers = state.handlers().catch.iter().enumerate();
        match catchers.find(|(_, catcher)| catcher.takes(&error)) {
            Some((at, catcher)) => self.caught(thread, state, &error, (at, catcher), before),
            None => self.thread_failed(&thread, state, error),
        }
    }

    /// Writes `EvaluationFailed` for an expression, and completes the cause.
    fn report(&mut self, thread: &mut Thread, state: &State, failure: Failure) -> Flow<StateError> {
        let mut error = failure.error;
        if failure.names_state {
            let cause = error.cause.unwrap_or_default();
            error.cause = Some(format!(
                "An error occurred while executing the state '{}' (entered at the event id #{}). {cause}",
                state.name, thread.visit.entered_event
            ));
        }
        if let Some(location) = failure.location {
            let details = EventDetails::EvaluationFailed(EvaluationFailedDetails {
                error: error.name.clone().unwrap_or_default(),
                cause: error.cause.clone().unwrap_or_default(),
                location,
                state: state.name.clone(),
            });
            let previous = thread.previous_event;
            thread.previous_event = self.record(previous, EventType::EvaluationFailed, Some(details))?;
        }
        Ok(error)
    }

    /// The first retrier that takes the error decides; when it has no attempts left, nothing retries.
    fn schedule_retry(&mut self, thread: &mut Thread, state: &State, error: &StateError) -> bool {
        let mut retriers = state.handlers().retry.iter().enumerate();
        let Some((at, retrier)) = retriers.find(|(_, retrier)| retrier.takes(error)) else {
            return false;
        };
        let Some(done) = thread.visit.retries.get_mut(at) else {
            return false;
        };
        if *done >= retrier.max_attempts {
            return false;
        }
        let delay = retrier.delay(*done, &mut self.execution.random);
        *done += 1;
        let timer = self.start_timer_at(later(self.now, delay), TimerPurpose::Retry(thread.id));
        thread.visit.phase = Phase::Sleeping { timer };
        true
    }

    /// `ParallelStateFailed` or `MapStateFailed`, once nothing is retried any more.
    fn record_state_failed(&mut self, thread: &mut Thread, state: &State) -> Flow {
        if let Some(event_type) = state.failed() {
            thread.previous_event = self.record(thread.previous_event, event_type, None)?;
        }
        Ok(())
    }

    /// Goes on from a catcher. If an expression of the catcher fails, that is reported from `before`, where the state stood
    /// before it had failed, and nothing catches it.
    fn caught(
        &mut self,
        mut thread: Thread,
        state: &State,
        error: &StateError,
        (at, catcher): (usize, &Catcher),
        before: u64,
    ) -> Flow {
        // AWS puts an empty string where there is no name or cause.
        let error_output = json!({
            "Error": error.name.as_deref().unwrap_or_default(),
            "Cause": error.cause.as_deref().unwrap_or_default(),
        });
        let known = Known {
            result: None,
            error_output: Some(error_output),
        };
        let prefix = format!("Catch[{at}]/");
        let exit = self.evaluate_exit(&thread, state, &known, &catcher.exit, &prefix);
        match exit {
            Ok(exit) => {
                let transition = Transition::Next(catcher.next.clone());
                self.exit(thread, state, exit, &transition)
            }
            Err(failure) => {
                thread.previous_event = before;
                let error = self.report(&mut thread, state, failure)?;
                self.record_state_failed(&mut thread, state)?;
                self.thread_failed(&thread, state, error)
            }
        }
    }

    fn thread_failed(&mut self, thread: &Thread, state: &State, error: StateError) -> Flow {
        if thread.parent.is_some() {
            self.branch_failed(thread, state, error)
        } else {
            Err(self.end_failed(thread, error))
        }
    }

    fn end_failed(&mut self, thread: &Thread, error: StateError) -> Ended {
        let outcome = Outcome::Failed {
            error: error.name,
            cause: error.cause,
        };
        self.end(thread.previous_event, outcome)
    }
}
