//! The scheduler of one service: it owns the service's record, its tasks and its port, and does what
//! [`super::rollout::plan`] says until there is nothing left to do.

mod changes;
mod deployments;
mod progressive;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::load_balancer::LoadBalancer;
use super::rollout::{Member, Phase, Step, plan};
use super::service::{DeploymentConfiguration, Service, ServiceStatus};
use super::strategy::HookAction;
use super::task::{Health, StopCode, Task, TaskStatus};
use super::{EcsError, SERVICE, Shared, TASK, invalid_parameter, lock};
use crate::cloudwatch::ALARM;
use crate::error::chain;
use crate::ledger::LedgerError;
use crate::wire::AwsError;

/// The wait before a task that failed is replaced: it doubles with every failure until none has happened for a while.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
const CALM: Duration = Duration::from_mins(1);

type Reply = oneshot::Sender<Result<Service, AwsError>>;

/// The messages of a scheduler.
pub(super) enum Message {
    Update(Box<Update>, Reply),
    Delete {
        force: bool,
        reply: Reply,
    },
    /// Ends a pause of a deployment.
    EndPause {
        deployment: String,
        hook: String,
        action: HookAction,
        reply: Reply,
    },
    /// Rolls a deployment in progress back.
    Stop {
        deployment: String,
        reply: Reply,
    },
    /// The server ends: stop all tasks and leave the service as it is.
    Shutdown(oneshot::Sender<()>),
    /// A task of this key is healthy, is not, or has stopped.
    Healthy(String),
    Unhealthy(String),
    Ended(String),
}

/// A change to a service.
#[derive(Default)]
pub(super) struct Update {
    pub(super) desired: Option<u32>,
    /// The ARN of a revision, and the port that it asks for.
    pub(super) definition: Option<(String, Option<u16>)>,
    pub(super) force: bool,
    pub(super) configuration: Option<DeploymentConfiguration>,
}

/// What is left to do before the scheduler ends.
enum Ending {
    Not,
    Delete(Vec<Reply>),
    Shutdown(oneshot::Sender<()>),
}

pub(super) struct Scheduler {
    shared: Arc<Shared>,
    service: Service,
    members: Vec<Member>,
    front: Option<LoadBalancer>,
    sender: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    ending: Ending,
    /// No task is started before this.
    not_before: Option<Instant>,
    backoff: Duration,
    last_failure: Option<Instant>,
    /// When a bake time or a pause ends.
    deadline: Option<Instant>,
    /// Moves with every change of an alarm.
    alarms: watch::Receiver<u64>,
}

impl Scheduler {
    /// Begins to schedule a service, with the tasks that an earlier server left it.
    pub(super) async fn start(shared: &Arc<Shared>, service: Service, tasks: Vec<Task>) -> Result<(), EcsError> {
        let (sender, inbox) = mpsc::unbounded_channel();
        let mut scheduler = Self {
            shared: shared.clone(),
            front: None,
            members: Vec::new(),
            sender: sender.clone(),
            inbox,
            ending: Ending::Not,
            not_before: None,
            backoff: FIRST_BACKOFF,
            last_failure: None,
            deadline: None,
            alarms: shared.host.ledger.changes(ALARM),
            service,
        };
        let is_draining = scheduler.service.status == ServiceStatus::Draining;
        if let Some(port) = scheduler.service.port.filter(|_| !is_draining) {
            let opened = LoadBalancer::open(port).await;
            scheduler.front = Some(opened.map_err(|source| EcsError::Port {
                service: scheduler.service.name.clone(),
                port,
                source,
            })?);
        }
        scheduler.split();
        for task in tasks {
            scheduler.adopt(task)?;
        }
        if is_draining {
            scheduler.ending = Ending::Delete(Vec::new());
            scheduler.stop_all("The service was deleted");
        }
        lock(&shared.schedulers).insert(scheduler.service.key(), sender);
        tokio::spawn(scheduler.run());
        Ok(())
    }

    fn adopt(&mut self, mut task: Task) -> Result<(), EcsError> {
        let key = task.key();
        let folder = self.shared.folders.tasks.join(&task.id);
        let process = self.shared.adopt(&task)?;
        let is_leaving = task.is_to_stop || task.status >= TaskStatus::Deactivating;
        let phase = match (is_leaving, task.health, task.port) {
            (true, ..) => Phase::Leaving,
            (false, Health::Healthy, port) if process.is_some() => {
                if let (Some(front), Some((port, _))) = (&self.front, port) {
                    front.add(&key, task.started_by.as_deref().unwrap_or_default(), port);
                }
                Phase::Healthy
            }
            (false, ..) => {
                task.health = Health::Unknown;
                Phase::Starting
            }
        };
        if process.is_none() {
            // It was prepared and never started.
            let _ = fs::remove_dir_all(folder);
        }
        self.members.push(Member {
            key: key.clone(),
            deployment: task.started_by.clone().unwrap_or_default(),
            phase,
        });
        self.shared.launch(task, process, Some(self.sender.clone()));
        if is_leaving {
            self.stop_now(&key, "Scaling activity");
        }
        Ok(())
    }

    async fn run(mut self) {
        loop {
            if matches!(self.ending, Ending::Not) {
                self.reconcile();
            } else if self.members.is_empty() {
                return self.finish();
            }
            self.save();
            let (not_before, deadline) = (self.not_before, self.deadline);
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.handle(message).await,
                    None => return,
                },
                () = async { sleep_until(not_before.unwrap_or_else(Instant::now)).await }, if not_before.is_some() => {
                    self.not_before = None;
                }
                () = async { sleep_until(deadline.unwrap_or_else(Instant::now)).await }, if deadline.is_some() => {}
                // The ledger outlives its services.
                Ok(()) = self.alarms.changed() => {}
            }
        }
    }

    async fn handle(&mut self, message: Message) {
        match message {
            Message::Update(update, reply) => {
                let result = self.update(*update).await;
                self.save();
                let _ = reply.send(result.map(|()| self.service.clone()));
            }
            Message::Delete { force, reply } => self.delete(force, reply),
            Message::EndPause {
                deployment,
                hook,
                action,
                reply,
            } => {
                let result = self.end_pause(&deployment, &hook, action);
                self.save();
                let _ = reply.send(result.map(|()| self.service.clone()));
            }
            Message::Stop { deployment, reply } => {
                let result = self.stop_deployment(&deployment);
                self.save();
                let _ = reply.send(result.map(|()| self.service.clone()));
            }
            Message::Shutdown(reply) => {
                self.ending = Ending::Shutdown(reply);
                self.front = None;
                self.stop_all("The local server was shut down");
            }
            Message::Healthy(key) => self.is_healthy(&key),
            Message::Unhealthy(key) => self.is_unhealthy(&key),
            Message::Ended(key) => self.has_ended(&key),
        }
    }

    /// Does what is to be done now.
    fn reconcile(&mut self) {
        loop {
            let mut has_changed = self.advance();
            for step in plan(&self.service, &self.members) {
                match step {
                    Step::Start(_) | Step::Replace(..) if self.not_before.is_some() => {}
                    Step::Start(count) => {
                        let primary = self.service.primary().map(|primary| primary.id.clone());
                        has_changed |= primary.is_some_and(|primary| (0..count).all(|_| self.start_task(&primary)));
                    }
                    Step::Replace(deployment, count) => {
                        has_changed |= (0..count).all(|_| self.start_task(&deployment));
                    }
                    Step::Stop(key) => {
                        self.leave(&key, "Scaling activity initiated by the deployment");
                        has_changed = true;
                    }
                    Step::Complete => {
                        self.complete();
                        has_changed = true;
                    }
                }
            }
            if !has_changed {
                return;
            }
        }
    }

    /// Starts a task of a deployment. Says whether it could.
    fn start_task(&mut self, deployment: &str) -> bool {
        let mut deployments = self.service.deployments.iter();
        let Some(primary) = deployments.find(|known| known.id == deployment) else {
            return false;
        };
        let made = self.shared.revision(&primary.definition).and_then(|revision| {
            let revision = revision.ok_or_else(|| invalid_parameter("The task definition no longer exists."))?;
            let definition = revision.definition()?;
            let group = format!("service:{}", self.service.name);
            let mut task = Task::new(&self.service.cluster, revision.arn(), group, definition.container());
            task.started_by = Some(primary.id.clone());
            task.service = Some(self.service.name.clone());
            self.shared.host.ledger.put(TASK, &task.key(), &task)?;
            Ok(task)
        });
        match made {
            Ok(task) => {
                self.members.push(Member {
                    key: task.key(),
                    deployment: primary.id.clone(),
                    phase: Phase::Starting,
                });
                self.shared.launch(task, None, Some(self.sender.clone()));
                true
            }
            Err(error) => {
                self.service
                    .say(&format!("was unable to start a task: {}", error.message));
                self.wait_before_next();
                false
            }
        }
    }

    fn is_healthy(&mut self, key: &str) {
        let Some(member) = self
            .members
            .iter_mut()
            .find(|it| it.key == key && it.phase == Phase::Starting)
        else {
            return;
        };
        member.phase = Phase::Healthy;
        let deployment = member.deployment.clone();
        let task = self.shared.host.ledger.get::<Task>(TASK, key);
        if let (
            Some(front),
            Ok(Some(Task {
                port: Some((port, _)), ..
            })),
        ) = (&self.front, task)
        {
            front.add(key, &deployment, port);
        }
        if let Some(deployment) = self.service.deployments.iter_mut().find(|it| it.id == deployment) {
            deployment.failures_in_a_row = 0;
        }
    }

    fn is_unhealthy(&mut self, key: &str) {
        let found = self
            .members
            .iter()
            .find(|it| it.key == key && it.phase != Phase::Leaving);
        if let Some(member) = found.cloned() {
            let reason = self.why_unhealthy(key);
            self.leave(key, &reason);
            self.has_failed(&member);
        }
    }

    /// Why ECS stops a task that is not well. Only a health check of its definition gives a task a known health.
    fn why_unhealthy(&self, key: &str) -> String {
        match self.shared.host.ledger.get::<Task>(TASK, key) {
            Ok(Some(Task {
                health: Health::Unknown,
                port: Some((port, _)),
                ..
            })) => format!("Task failed ELB health checks in (port {port})"),
            _ => "Task failed container health checks".to_owned(),
        }
    }

    fn has_ended(&mut self, key: &str) {
        let Some(place) = self.members.iter().position(|it| it.key == key) else {
            return;
        };
        let member = self.members.remove(place);
        if member.phase != Phase::Leaving {
            if let Some(front) = &self.front {
                drop(front.remove(key));
            }
            self.has_failed(&member);
        }
    }

    fn wait_before_next(&mut self) {
        let now = Instant::now();
        if self.last_failure.is_none_or(|last| now.duration_since(last) > CALM) {
            self.backoff = FIRST_BACKOFF;
        }
        self.last_failure = Some(now);
        self.not_before = Some(now + self.backoff);
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
    }

    /// Takes a task out of the front at once, and stops it when its connections are done.
    fn leave(&mut self, key: &str, reason: &str) {
        let Some(member) = self.members.iter_mut().find(|it| it.key == key) else {
            return;
        };
        member.phase = Phase::Leaving;
        let Some(drained) = self.front.as_ref().map(|front| front.remove(key)) else {
            return self.stop_now(key, reason);
        };
        let (shared, key, reason) = (self.shared.clone(), key.to_owned(), reason.to_owned());
        let noted = shared.change(&key, |task| {
            // Its process may have ended by itself a moment ago.
            if task.status < TaskStatus::Deactivating {
                task.status = TaskStatus::Deactivating;
            }
        });
        log_failure(noted);
        tokio::spawn(async move {
            drained.await;
            log_failure(shared.request_stop(&key, StopCode::ServiceSchedulerInitiated, &reason));
        });
    }

    fn stop_now(&self, key: &str, reason: &str) {
        log_failure(
            self.shared
                .request_stop(key, StopCode::ServiceSchedulerInitiated, reason),
        );
    }

    fn stop_all(&mut self, reason: &str) {
        for member in &mut self.members {
            member.phase = Phase::Leaving;
        }
        for member in &self.members {
            self.stop_now(&member.key, reason);
        }
    }

    /// The last task has ended.
    fn finish(mut self) {
        lock(&self.shared.schedulers).remove(&self.service.key());
        match std::mem::replace(&mut self.ending, Ending::Not) {
            Ending::Delete(replies) => {
                self.service.status = ServiceStatus::Inactive;
                self.save();
                for reply in replies {
                    let _ = reply.send(Ok(self.service.clone()));
                }
            }
            Ending::Shutdown(reply) => {
                let _ = reply.send(());
            }
            Ending::Not => {}
        }
    }

    fn save(&self) {
        log_failure(self.shared.host.ledger.put(SERVICE, &self.service.key(), &self.service));
    }
}

fn log_failure<T>(result: Result<T, LedgerError>) {
    if let Err(error) = result {
        tracing::error!(error = chain(&error), "cannot record what a service does");
    }
}
