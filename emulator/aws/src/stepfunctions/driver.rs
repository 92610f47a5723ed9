//! One actor for each running execution.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use asl_interpreter::{Event, Outcome, StateMachine, TaskId, TimerId};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::integrations::TaskRun;
use super::jobs::Job;
use super::progress::{Pending, Progress, Step};
use super::records::{self, EXECUTION, HISTORY, RUNNING, STOP, TOKEN};
use super::{StepFunctions, lock};
use crate::error::chain;
use crate::ledger::{LedgerError, Transaction};

/// Where messages to a driver go.
pub type Mailbox = mpsc::UnboundedSender<Message>;

/// How long to wait before a write that failed (a full disk) is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Something that a driver has to know.
pub enum Message {
    /// An event of a task or timer.
    Event(Event),
    /// The call of a `.sync` or `.waitForTaskToken` task was accepted.
    Submitted {
        task: TaskId,
        output: Value,
        job: Option<Job>,
    },
    /// A caller uses a task token. The reply says whether the task was still open.
    Token {
        task: TaskId,
        event: Event,
        reply: oneshot::Sender<bool>,
    },
    /// `StopExecution`. The reply comes when it has been written.
    Abort {
        error: Option<String>,
        cause: Option<String>,
        reply: oneshot::Sender<()>,
    },
}

/// The driver of one execution.
pub struct Driver {
    pub service: StepFunctions,
    pub arn: String,
    pub machine: Arc<StateMachine>,
    pub progress: Progress,
    pub mailbox: Mailbox,
    pub inbox: mpsc::UnboundedReceiver<Message>,
    pub timers: HashMap<TimerId, AbortHandle>,
}

impl Driver {
    /// Carries out what has been written already, then takes messages until the execution has ended.
    pub async fn run(mut self, first: Step) {
        let mut ended = first.outcome.is_some();
        self.carry_out(first);
        while !ended {
            let Some(message) = self.inbox.recv().await else { break };
            let (step, reply) = self.step(message);
            if !step.is_empty() {
                self.write(&step).await;
            }
            reply();
            ended = step.outcome.is_some();
            self.carry_out(step);
        }
        self.stop_late_comers();
    }

    /// Takes up after a restart.
    pub async fn resume(self) {
        let Pending { tasks, timers } = self.progress.pending();
        for (request, open) in tasks {
            self.task(request).resume(open);
        }
        self.run(Step {
            timers,
            ..Step::default()
        })
        .await;
    }

    fn step(&mut self, message: Message) -> (Step, Box<dyn FnOnce() + Send>) {
        let now = self.service.shared.clock.now();
        // A caller that has gone away needs no reply.
        match message {
            Message::Event(event) => (self.progress.take(&self.machine, event, now), Box::new(|| {})),
            Message::Submitted { task, output, job } => (
                self.progress.submitted(&self.machine, task, output, job, now),
                Box::new(|| {}),
            ),
            Message::Token { task, event, reply } => {
                let open = self.progress.is_open(task);
                let step = if open {
                    self.progress.take(&self.machine, event, now)
                } else {
                    Step::default()
                };
                (step, Box::new(move || _ = reply.send(open)))
            }
            Message::Abort { error, cause, reply } => {
                let step = self.progress.take(&self.machine, Event::Abort { error, cause }, now);
                (step, Box::new(move || _ = reply.send(())))
            }
        }
    }

    /// Writes until it succeeds: what has happened outside cannot be undone.
    async fn write(&self, step: &Step) {
        while let Err(error) = self.service.write(&self.arn, &self.progress, step) {
            tracing::error!(execution = self.arn, error = %chain(&error), "cannot write an execution's turn");
            tokio::time::sleep(WRITE_AGAIN).await;
        }
    }

    fn carry_out(&mut self, step: Step) {
        for (task, job) in step.stops {
            self.service.stop(&self.arn, task, job);
        }
        for (timer, at) in step.timers {
            if let Some(old) = self.timers.remove(&timer) {
                old.abort();
            }
            if let Some(at) = at {
                self.timers.insert(timer, self.set(timer, at));
            }
        }
        for request in step.starts {
            self.task(request).start();
        }
        if let Some(outcome) = step.outcome {
            self.end(&outcome);
        }
    }

    fn task(&self, request: asl_interpreter::TaskRequest) -> TaskRun {
        TaskRun {
            service: self.service.clone(),
            execution: self.arn.clone(),
            request,
            mailbox: self.mailbox.clone(),
        }
    }

    fn set(&self, timer: TimerId, at: Timestamp) -> AbortHandle {
        let mailbox = self.mailbox.clone();
        let clock = self.service.shared.clock.clone();
        self.service.spawn(async move {
            clock.sleep_until(at).await;
            // The execution has ended when the channel is closed.
            let _ = mailbox.send(Message::Event(Event::TimerFired { timer }));
        })
    }

    fn end(&mut self, outcome: &Outcome) {
        for (_, timer) in self.timers.drain() {
            timer.abort();
        }
        lock(&self.service.shared.running).remove(&self.arn);
        tracing::debug!(execution = self.arn, ?outcome, "an execution ended");
        self.service.announce(&self.arn);
    }

    /// Jobs whose start was accepted after the execution had ended.
    fn stop_late_comers(&mut self) {
        self.inbox.close();
        while let Ok(message) = self.inbox.try_recv() {
            if let Message::Submitted {
                task, job: Some(job), ..
            } = message
            {
                self.service.stop_unwritten(&self.arn, task, job);
            }
        }
    }
}

impl StepFunctions {
    /// Writes one turn of an execution: all of it or nothing.
    pub(super) fn write(&self, arn: &str, progress: &Progress, step: &Step) -> Result<(), LedgerError> {
        let now = self.shared.clock.now();
        self.shared
            .ledger
            .transaction(|transaction| write(transaction, arn, progress, step, now))
    }

    /// Starts the actor of an execution.
    pub(super) fn driver(&self, arn: &str, machine: Arc<StateMachine>, progress: Progress) -> Driver {
        let (mailbox, inbox) = mpsc::unbounded_channel();
        Driver {
            service: self.clone(),
            arn: arn.to_owned(),
            machine,
            progress,
            mailbox,
            inbox,
            timers: HashMap::new(),
        }
    }

    /// Puts "Step Functions Execution Status Change" on the bus. As on AWS this is best effort: a crash at this very
    /// moment loses it, and the sweep finds the operation.
    pub(super) fn announce(&self, arn: &str) {
        let put = || -> Result<(), LedgerError> {
            let Some(execution) = self.shared.ledger.get::<records::Execution>(EXECUTION, arn)? else {
                return Ok(());
            };
            let detail_type = "Step Functions Execution Status Change";
            self.shared
                .services
                .events
                .put("aws.states", detail_type, &[arn.to_owned()], &execution.event_detail())
        };
        if let Err(error) = put() {
            tracing::error!(execution = arn, error = %chain(&error), "cannot announce an execution's status");
        }
    }
}

/// See [`StepFunctions::write`].
pub fn write(
    transaction: &Transaction<'_>,
    arn: &str,
    progress: &Progress,
    step: &Step,
    now: Timestamp,
) -> Result<(), LedgerError> {
    for event in &step.history {
        transaction.append(HISTORY, arn, event)?;
    }
    for (token, task) in &step.tokens {
        transaction.put(
            TOKEN,
            token,
            &records::Token {
                execution: arn.to_owned(),
                task: task.0,
            },
        )?;
    }
    for (task, job) in &step.stops {
        transaction.put(STOP, &stop_id(arn, *task), job)?;
    }
    let Some(outcome) = &step.outcome else {
        return transaction.put(RUNNING, arn, progress);
    };
    transaction.delete(RUNNING, arn)?;
    if let Some(mut execution) = transaction.get::<records::Execution>(EXECUTION, arn)? {
        execution.end(outcome, now);
        transaction.put(EXECUTION, arn, &execution)?;
    }
    Ok(())
}

/// The id of a job to be stopped.
pub fn stop_id(execution: &str, task: TaskId) -> String {
    format!("{execution}#{}", task.0)
}
