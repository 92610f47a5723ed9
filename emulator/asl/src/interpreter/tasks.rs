//! Task states: from the schedule to the answer, or to the time that is over.

use serde_json::Value;

use super::evaluation::{Known, check_size, text};
use super::failures::Failure;
use super::{Flow, Interpreter};
use crate::definition::MAX_SECONDS;
use crate::driver::{Effect, TaskId, TaskRequest};
use crate::errors::StateError;
use crate::execution::TimerPurpose;
use crate::history::{
    DataDetails, ErrorDetails, EventDetails, EventType, LambdaFunctionScheduledDetails, OutputDetails, TaskCredentials,
    TaskDetails, TaskErrorDetails, TaskOutputDetails, TaskScheduledDetails,
};
use crate::resource::{IntegrationPattern, Resource};
use crate::states::{Kind, State, TaskState};
use crate::thread::{Heartbeat, Phase, RunningTask, Thread};
use crate::values::role_arn;

/// What an attempt starts with.
struct Attempt {
    arguments: Value,
    role: Option<String>,
    timeout: Option<u64>,
    heartbeat: Option<u64>,
}

impl Interpreter<'_> {
    /// Schedules a task: each attempt evaluates its fields anew.
    pub(super) fn start_task(&mut self, mut thread: Thread, state: &State, task: &TaskState) -> Flow {
        if task.resource.pattern() == IntegrationPattern::WaitForTaskToken {
            thread.visit.token = Some(self.execution.random.token());
        }
        let attempt = match self.evaluate_attempt(&thread, state, task) {
            Ok(attempt) => attempt,
            Err(failure) => return self.fail(thread, state, failure),
        };
        let scheduled = self.scheduled(&task.resource, &attempt);
        let previous = thread.previous_event;
        thread.previous_event = self.record(previous, scheduled.0, Some(scheduled.1))?;

        let id = TaskId(self.execution.new_id());
        let request = TaskRequest {
            task: id,
            state: state.name.clone(),
            resource: task.resource.clone(),
            role: attempt.role,
            arguments: attempt.arguments,
            token: thread.visit.token.clone(),
        };
        self.turn.effects.push(Effect::StartTask(Box::new(request.clone())));
        let timeout = attempt
            .timeout
            .map(|seconds| self.start_timer(seconds, TimerPurpose::Timeout(id)));
        let heartbeat = attempt.heartbeat.map(|seconds| Heartbeat {
            timer: self.start_timer(seconds, TimerPurpose::Heartbeat(id)),
            seconds,
        });
        thread.visit.phase = Phase::Running(Box::new(RunningTask {
            request,
            started: false,
            timeout,
            heartbeat,
        }));
        self.park(thread);
        Ok(())
    }

    fn evaluate_attempt(&mut self, thread: &Thread, state: &State, task: &TaskState) -> Result<Attempt, Failure> {
        let input = &thread.visit.input;
        let attempt = self.evaluate(thread, state, &Known::default(), |session| {
            let arguments = match &task.arguments {
                Some(arguments) => arguments.evaluate(session, "Arguments")?,
                None => input.clone(),
            };
            let role = task.role.as_ref();
            let role = role.map(|role| role.evaluate(session, "Credentials/RoleArn", role_arn));
            let role = role.transpose()?;
            let timeout = task.timeout_seconds.as_ref();
            let timeout = timeout.map(|seconds| seconds.evaluate_whole(session, "TimeoutSeconds", &(0..=MAX_SECONDS)));
            let timeout = timeout.transpose()?;
            let heartbeat = task.heartbeat_seconds.as_ref();
            let heartbeat =
                heartbeat.map(|seconds| seconds.evaluate_whole(session, "HeartbeatSeconds", &(0..=MAX_SECONDS)));
            Ok(Attempt {
                arguments,
                role,
                timeout,
                heartbeat: heartbeat.transpose()?,
            })
        });
        let attempt = attempt.map_err(Failure::evaluation)?;
        check_size(&attempt.arguments, &state.name).map_err(Failure::plain)?;
        Ok(attempt)
    }

    fn scheduled(&self, resource: &Resource, attempt: &Attempt) -> (EventType, EventDetails) {
        if let Resource::LambdaFunction { arn } = resource {
            let details = LambdaFunctionScheduledDetails {
                resource: arn.clone(),
                input: text(&attempt.arguments),
                input_details: DataDetails::default(),
                timeout_in_seconds: attempt.timeout,
            };
            return (
                EventType::LambdaFunctionScheduled,
                EventDetails::LambdaFunctionScheduled(details),
            );
        }
        let machine = &self.execution.start.state_machine_arn;
        let details = TaskScheduledDetails {
            resource_type: resource.resource_type().to_owned(),
            resource: resource.action_with_pattern(),
            region: machine.split(':').nth(3).unwrap_or_default().to_owned(),
            parameters: text(&attempt.arguments),
            task_credentials: attempt.role.clone().map(|role_arn| TaskCredentials { role_arn }),
            timeout_in_seconds: attempt.timeout,
            heartbeat_in_seconds: attempt.heartbeat,
        };
        (EventType::TaskScheduled, EventDetails::TaskScheduled(details))
    }

    /// The call is on its way.
    pub(super) fn task_started(&mut self, task: TaskId) -> Flow {
        self.progress(task, Self::note_started)
    }

    /// The service has accepted the job or the token.
    pub(super) fn task_submitted(&mut self, task: TaskId, output: &Value) -> Flow {
        self.progress(task, |interpreter, thread, running| {
            interpreter.note_started(thread, running)?;
            let details = task_output(&running.request.resource, output);
            let details = EventDetails::TaskSubmitted(details);
            let previous = thread.previous_event;
            thread.previous_event = interpreter.record(previous, EventType::TaskSubmitted, Some(details))?;
            Ok(())
        })
    }

    /// Writes that a task has gone further and leaves it open, unless the history is full.
    fn progress(&mut self, task: TaskId, write: impl FnOnce(&mut Self, &mut Thread, &mut RunningTask) -> Flow) -> Flow {
        let Some((mut thread, mut running)) = self.take_running(task) else {
            return Ok(());
        };
        match write(self, &mut thread, &mut running) {
            Ok(()) => self.suspend(thread, running),
            Err(ended) => {
                self.turn.effects.push(Effect::CancelTask { task });
                return Err(ended);
            }
        }
        Ok(())
    }

    /// A heartbeat puts off its timer.
    pub(super) fn heartbeat(&mut self, task: TaskId) {
        let Some((thread, mut running)) = self.take_running(task) else {
            return;
        };
        if let Some(heartbeat) = &mut running.heartbeat {
            self.cancel_timer(heartbeat.timer);
            heartbeat.timer = self.start_timer(heartbeat.seconds, TimerPurpose::Heartbeat(task));
        }
        self.suspend(thread, running);
    }

    /// The task has its result.
    pub(super) fn task_succeeded(&mut self, task: TaskId, output: Value) -> Flow {
        let Some((mut thread, mut running)) = self.take_running(task) else {
            return Ok(());
        };
        self.close(&running);
        self.note_started(&mut thread, &mut running)?;
        let resource = &running.request.resource;
        if let Err(error) = check_size(&output, subject(resource)) {
            return self.attempt_failed(thread, resource, EventType::TaskFailed, error);
        }
        let (event_type, details) = if is_function(resource) {
            let details = OutputDetails {
                output: text(&output),
                output_details: DataDetails::default(),
            };
            (
                EventType::LambdaFunctionSucceeded,
                EventDetails::LambdaFunctionSucceeded(details),
            )
        } else {
            let details = task_output(resource, &output);
            (EventType::TaskSucceeded, EventDetails::TaskSucceeded(details))
        };
        thread.previous_event = self.record(thread.previous_event, event_type, Some(details))?;
        let state = self.state(&thread)?;
        match &state.kind {
            Kind::Task(kind) => self.complete(thread, state, Some(output), &kind.transition),
            _ => Err(self.wrong_machine(&thread)),
        }
    }

    /// The task has failed, or its call was refused.
    pub(super) fn task_failed(
        &mut self,
        task: TaskId,
        event_type: EventType,
        name: Option<String>,
        cause: Option<String>,
    ) -> Flow {
        let Some((mut thread, mut running)) = self.take_running(task) else {
            return Ok(());
        };
        self.close(&running);
        self.note_started(&mut thread, &mut running)?;
        let error = StateError {
            name,
            cause,
            heartbeat: false,
        };
        self.attempt_failed(thread, &running.request.resource, event_type, error)
    }

    /// `TimeoutSeconds` or `HeartbeatSeconds` is over.
    pub(super) fn task_timed_out(&mut self, task: TaskId, heartbeat: bool) -> Flow {
        let Some((thread, running)) = self.take_running(task) else {
            return Ok(());
        };
        self.close(&running);
        self.turn.effects.push(Effect::CancelTask { task });
        let error = StateError::timeout(heartbeat);
        let resource = &running.request.resource;
        self.attempt_failed(thread, resource, EventType::TaskTimedOut, error)
    }

    fn attempt_failed(
        &mut self,
        mut thread: Thread,
        resource: &Resource,
        event_type: EventType,
        error: StateError,
    ) -> Flow {
        let (event_type, details) = failed(resource, event_type, &error);
        thread.previous_event = self.record(thread.previous_event, event_type, Some(details))?;
        let state = self.state(&thread)?;
        self.fail(thread, state, Failure::plain(error))
    }

    /// Writes that the task was started, once. A task that has gone further must have been.
    fn note_started(&mut self, thread: &mut Thread, running: &mut RunningTask) -> Flow {
        if running.started {
            return Ok(());
        }
        running.started = true;
        let resource = &running.request.resource;
        let (event_type, details) = if is_function(resource) {
            (EventType::LambdaFunctionStarted, None)
        } else {
            let details = EventDetails::TaskStarted(TaskDetails {
                resource_type: resource.resource_type().to_owned(),
                resource: resource.action_with_pattern(),
            });
            (EventType::TaskStarted, Some(details))
        };
        thread.previous_event = self.record(thread.previous_event, event_type, details)?;
        Ok(())
    }

    /// Takes out the thread of an open task. A task that is not open any more has none.
    fn take_running(&mut self, task: TaskId) -> Option<(Thread, RunningTask)> {
        let is_it = |thread: &Thread| match &thread.visit.phase {
            Phase::Running(running) => running.request.task == task,
            _ => false,
        };
        let threads = &mut self.execution.threads;
        let id = threads.values().find(|thread| is_it(thread))?.id;
        let mut thread = threads.remove(&id)?;
        match std::mem::replace(&mut thread.visit.phase, Phase::Ready) {
            Phase::Running(running) => Some((thread, *running)),
            _ => None,
        }
    }

    fn suspend(&mut self, mut thread: Thread, running: RunningTask) {
        thread.visit.phase = Phase::Running(Box::new(running));
        self.park(thread);
    }

    /// Cancels the timers of a task that is over.
    pub(super) fn close(&mut self, running: &RunningTask) {
        let heartbeat = running.heartbeat.as_ref().map(|heartbeat| heartbeat.timer);
        for timer in running.timeout.into_iter().chain(heartbeat) {
            self.cancel_timer(timer);
        }
    }
}

fn is_function(resource: &Resource) -> bool {
    matches!(resource, Resource::LambdaFunction { .. })
}

/// What AWS names in a task's size error: the function, or the service.
fn subject(resource: &Resource) -> &str {
    match resource {
        Resource::LambdaFunction { arn } => arn,
        Resource::Integration { service, .. } => service,
    }
}

fn task_output(resource: &Resource, output: &Value) -> TaskOutputDetails {
    TaskOutputDetails {
        resource_type: resource.resource_type().to_owned(),
        resource: resource.action_with_pattern(),
        output: text(output),
        output_details: DataDetails::default(),
    }
}

fn failed(resource: &Resource, event_type: EventType, error: &StateError) -> (EventType, EventDetails) {
    let (name, cause) = (error.name.clone(), error.cause.clone());
    if is_function(resource) {
        let details = ErrorDetails { error: name, cause };
        return match event_type {
            EventType::TaskTimedOut => (
                EventType::LambdaFunctionTimedOut,
                EventDetails::LambdaFunctionTimedOut(details),
            ),
            _ => (
                EventType::LambdaFunctionFailed,
                EventDetails::LambdaFunctionFailed(details),
            ),
        };
    }
    let details = TaskErrorDetails {
        resource_type: resource.resource_type().to_owned(),
        resource: resource.action_with_pattern(),
        error: name,
        cause,
    };
    let details = match event_type {
        EventType::TaskTimedOut => EventDetails::TaskTimedOut(details),
        EventType::TaskSubmitFailed => EventDetails::TaskSubmitFailed(details),
        _ => EventDetails::TaskFailed(details),
    };
    (event_type, details)
}
