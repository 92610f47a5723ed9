//! The server processes: started, followed, started again when they end, and stopped.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slipway_model::error_chain::chain;
use tokio::sync::watch;

use super::cluster::Cluster;
use super::{PostgresError, installation};
use crate::logs::Logs;
use crate::process::{Process, Program, Supervisor};

/// What a server writes when it accepts connections.
const READY: &str = "database system is ready to accept connections";

/// How long a server may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(20);

/// How soon a server that ended by itself is started again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a server is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    /// It ended, with its last line. It is started again.
    Ended(String),
    Stopped,
}

struct Live {
    state: watch::Receiver<State>,
    stop: watch::Sender<bool>,
}

/// The servers that run.
#[derive(Clone)]
pub(super) struct Running {
    supervisor: Supervisor,
    logs: Logs,
    live: Arc<Mutex<HashMap<String, Live>>>,
}

/// One server, followed by a task of its own.
struct Follower {
    supervisor: Supervisor,
    logs: Logs,
    group: String,
    folder: PathBuf,
    program: Program,
    state: watch::Sender<State>,
}

impl Running {
    pub(super) fn new(supervisor: Supervisor, logs: Logs) -> Self {
        Self {
            supervisor,
            logs,
            live: Arc::default(),
        }
    }

    pub(super) fn start(
        &self,
        instance: &str,
        cluster: &Cluster<'_>,
        folder: PathBuf,
        port: u16,
    ) -> Result<(), PostgresError> {
        let program = cluster.program(port)?;
        let adopted = self.supervisor.adopt(&folder).map_err(PostgresError::Start)?;
        let adopted = adopted.filter(|process| process.ending().is_none());
        let is_ready = adopted.is_some() && cluster.is_ready();
        let (state, seen) = watch::channel(if is_ready { State::Ready } else { State::Starting });
        let (stop, stopped) = watch::channel(false);
        let live = Live { state: seen, stop };
        lock(&self.live).insert(instance.to_owned(), live);
        let follower = Follower {
            supervisor: self.supervisor.clone(),
            logs: self.logs.clone(),
            group: format!("/aws/rds/instance/{instance}/postgresql"),
            folder,
            program,
            state,
        };
        tokio::spawn(follower.follow(adopted, stopped));
        Ok(())
    }

    /// Waits until a server accepts connections, or has ended before it did.
    pub(super) async fn ready(&self, instance: &str) -> Result<(), PostgresError> {
        let state = lock(&self.live).get(instance).map(|live| live.state.clone());
        let ended = |reason: &str| PostgresError::Ended {
            reason: reason.to_owned(),
        };
        let Some(mut state) = state else {
            return Err(ended("it was stopped"));
        };
        let settled = state.wait_for(|state| *state != State::Starting).await;
        match settled.as_deref() {
            Ok(State::Ready) => Ok(()),
            Ok(State::Ended(reason)) => Err(ended(reason)),
            _ => Err(ended("it was stopped")),
        }
    }

    pub(super) fn status(&self, instance: &str) -> &'static str {
        let live = lock(&self.live);
        match live.get(instance).map(|live| live.state.borrow().clone()) {
            Some(State::Ready) => "available",
            Some(State::Starting) => "starting",
            Some(State::Ended(_)) => "failed",
            Some(State::Stopped) | None => "stopped",
        }
    }

    pub(super) async fn stop(&self, instance: &str) {
        let Some(live) = lock(&self.live).remove(instance) else {
            return;
        };
        live.stop.send_replace(true);
        let mut state = live.state;
        // The sender is gone only when the follower is, and then the process was stopped too.
        let _ = state.wait_for(|state| *state == State::Stopped).await;
    }

    pub(super) async fn stop_all(&self) {
        let instances: Vec<String> = lock(&self.live).keys().cloned().collect();
        let stops = instances.iter().map(|instance| self.stop(instance));
        futures::future::join_all(stops).await;
    }
}

impl Follower {
    async fn follow(self, mut adopted: Option<Process>, mut stop: watch::Receiver<bool>) {
        loop {
            let ended = match adopted.take().map_or_else(|| self.launch(), Ok) {
                Ok(process) => {
                    tokio::select! {
                        biased;
                        () = told(&mut stop) => {
                            process.interrupt(GRACE).await;
                            break;
                        }
                        last = self.log(&process) => last,
                    }
                }
                Err(error) => chain(&error),
            };
            tracing::error!(
                group = self.group,
                ended,
                "a database server ended and is started again"
            );
            self.state.send_replace(State::Ended(ended));
            tokio::select! {
                () = told(&mut stop) => break,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        self.state.send_replace(State::Stopped);
    }

    fn launch(&self) -> Result<Process, PostgresError> {
        // The folder of a process that has ended; a process needs a new one.
        super::cluster::remove(&self.folder)?;
        self.state.send_replace(State::Starting);
        let started = self.supervisor.start(&self.folder, &self.program);
        started.map_err(PostgresError::Start)
    }

    /// Keeps what the server writes until it ends; returns its last line.
    async fn log(&self, process: &Process) -> String {
        let mut last = String::new();
        let followed = process.follow(|lines| {
            if lines.iter().any(|line| line.text.contains(READY)) {
                self.state.send_replace(State::Ready);
            }
            if let Some(line) = lines.last() {
                installation::last_line(&line.text).clone_into(&mut last);
            }
            let lines = lines.into_iter().map(|line| line.text);
            if let Err(error) = self.logs.append(&self.group, "postgresql.log", lines) {
                tracing::error!(
                    group = self.group,
                    error = chain(&error),
                    "cannot keep a database's log"
                );
            }
        });
        if let Err(error) = followed.await {
            tracing::error!(
                group = self.group,
                error = chain(&error),
                "cannot read a database's output"
            );
            process.ended().await;
        }
        last
    }
}

async fn told(stop: &mut watch::Receiver<bool>) {
    // Gone with its sender: the data folder is given up, and the process outlives this server.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
