//! Database servers of this machine as processes: started, followed, started again when they end, and stopped.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::chain;
use tokio::sync::watch;

use crate::folders::{self, FolderError};
use crate::host::Host;
use crate::logs::Logs;
use crate::process::{Process, ProcessError, Program, Supervisor};

/// How long a server may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(20);

/// How soon a server that ended by itself is started again.
const AGAIN: Duration = Duration::from_secs(1);

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The process could not be started.
    #[error("failed to start the server process")]
    Start(#[source] ProcessError),
    /// The folder of an earlier process could not be removed.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The server ended before it accepted connections.
    #[error("failed to start the server: {0}")]
    Ended(String),
}

/// A server to run.
pub(crate) struct Daemon {
    pub(crate) program: Program,
    /// The folder of its process, below the data folder.
    pub(crate) folder: PathBuf,
    /// The log group and the stream of what it writes.
    pub(crate) log: (String, &'static str),
    /// What it writes when it accepts connections.
    pub(crate) ready: &'static str,
}

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

/// The servers of one kind that run, by name. Clones share everything.
#[derive(Clone)]
pub(crate) struct Daemons {
    supervisor: Supervisor,
    logs: Logs,
    live: Arc<Mutex<HashMap<String, Live>>>,
}

/// One server, followed by a task of its own.
struct Follower {
    supervisor: Supervisor,
    logs: Logs,
    daemon: Daemon,
    state: watch::Sender<State>,
}

impl Daemons {
    pub(crate) fn new(host: &Host) -> Self {
        Self {
            supervisor: host.supervisor.clone(),
            logs: host.logs.clone(),
            live: Arc::default(),
        }
    }

    /// Starts a server in the background, or takes over the process of an earlier start; `is_ready` says whether such a process
    /// accepts connections already.
    pub(crate) fn start(&self, name: &str, daemon: Daemon, is_ready: impl FnOnce() -> bool) -> Result<(), DaemonError> {
        let adopted = self.supervisor.adopt(&daemon.folder).map_err(DaemonError::Start)?;
        let adopted = adopted.filter(|process| process.ending().is_none());
        let is_ready = adopted.is_some() && is_ready();
        let (state, seen) = watch::channel(if is_ready { State::Ready } else { State::Starting });
        let (stop, stopped) = watch::channel(false);
        let live = Live { state: seen, stop };
        lock(&self.live).insert(name.to_owned(), live);
        let follower = Follower {
            supervisor: self.supervisor.clone(),
            logs: self.logs.clone(),
            daemon,
            state,
        };
        tokio::spawn(follower.follow(adopted, stopped));
        Ok(())
    }

    /// Waits until a server accepts connections, or has ended before it did.
    pub(crate) async fn ready(&self, name: &str) -> Result<(), DaemonError> {
        let state = lock(&self.live).get(name).map(|live| live.state.clone());
        let ended = |reason: &str| DaemonError::Ended(reason.to_owned());
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

    /// What a server is doing, in the words of RDS and ElastiCache.
    pub(crate) fn status(&self, name: &str) -> &'static str {
        let live = lock(&self.live);
        match live.get(name).map(|live| live.state.borrow().clone()) {
            Some(State::Ready) => "available",
            Some(State::Starting) => "starting",
            Some(State::Ended(_)) => "failed",
            Some(State::Stopped) | None => "stopped",
        }
    }

    pub(crate) async fn stop(&self, name: &str) {
        let Some(live) = lock(&self.live).remove(name) else {
            return;
        };
        live.stop.send_replace(true);
        let mut state = live.state;
        // The sender is dropped only with the follower, and then the process was stopped too.
        let _ = state.wait_for(|state| *state == State::Stopped).await;
    }

    pub(crate) async fn stop_all(&self) {
        let names: Vec<String> = lock(&self.live).keys().cloned().collect();
        let stops = names.iter().map(|name| self.stop(name));
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
                        () = requested(&mut stop) => {
                            process.interrupt(GRACE).await;
                            break;
                        }
                        last = self.log(&process) => last,
                    }
                }
                Err(error) => chain(&error),
            };
            tracing::error!(
                log = self.daemon.log.0,
                ended,
                "a database server ended and is started again"
            );
            self.state.send_replace(State::Ended(ended));
            tokio::select! {
                () = requested(&mut stop) => break,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        self.state.send_replace(State::Stopped);
    }

    fn launch(&self) -> Result<Process, DaemonError> {
        // The folder of a process that has ended; a process needs a new one.
        let folder = &self.daemon.folder;
        folders::remove(folder)?;
        self.state.send_replace(State::Starting);
        let started = self.supervisor.start(folder, &self.daemon.program);
        started.map_err(DaemonError::Start)
    }

    /// Keeps what the server writes until it ends; returns its last line.
    async fn log(&self, process: &Process) -> String {
        let mut last = "it printed nothing".to_owned();
        let (group, stream) = &self.daemon.log;
        let followed = process.follow(|lines| {
            if lines.iter().any(|line| line.text.contains(self.daemon.ready)) {
                self.state.send_replace(State::Ready);
            }
            if let Some(line) = lines.last() {
                line.text.trim_end().clone_into(&mut last);
            }
            let lines = lines.into_iter().map(|line| line.text);
            if let Err(error) = self.logs.append(group, stream, lines) {
                tracing::error!(group, error = chain(&error), "cannot keep a database's log");
            }
        });
        if let Err(error) = followed.await {
            tracing::error!(group, error = chain(&error), "cannot read a database's output");
            process.ended().await;
        }
        last
    }
}

async fn requested(stop: &mut watch::Receiver<bool>) {
    // Gone with its sender: the data folder is given up, and the process outlives this server.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
