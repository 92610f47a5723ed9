//! A supervised process that outlives the server and is adopted by the next one.
//!
//! Every process has a folder of its own. `/bin/sh` runs a short constant script there ([`SUPERVISE`]) in a new
//! session; the script runs the program, which it gets as an argument, and writes down how it ended. The server
//! only watches, so its death changes nothing:
//!
//! ```text
//! alive    locked while the supervising shell lives      pid     of the shell, which leads the process group
//! group    locked while any process of the program lives exit    the exit code, once the program has ended
//! output   what the program wrote to stdout and stderr   read    how much of `output` has been handed on
//! begun    there once the program gets the signals of its group
//! ```
//!
//! The locks (`flock`) sit on descriptors that the processes inherit, so the kernel gives them up when the last
//! holder ends, however it ends. The next holder of `alive` knows that the shell has ended, and `exit` says how: without
//! that file it was killed, and then the program has ended when `group` is free. That is the same for the server
//! that started the process and for one that found it, needs no polling, and no process id that has been given to
//! a stranger is ever signalled. `output` is a file because a program whose pipe is closed dies of it.

mod follow;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use process_wrap::tokio::{CommandWrap, ProcessSession};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::watch;

pub use follow::Line;
use follow::Watcher;

/// The supervising script.
const SUPERVISE: &str = include_str!("process/supervise.sh");

/// What a shell reports for a program that SIGKILL ended, and what container runtimes report too.
const KILLED: i32 = 128 + 9;

/// How soon a session that was killed is checked again: a process may have started another one at that moment.
const KILL_AGAIN: Duration = Duration::from_millis(20);

/// How often it is. A process that the kernel does not end is not waited for.
const KILLS: u32 = 250;

/// How long a signal waits for the program to begin. One that an earlier version of this crate started does not say when it has.
const BEGINS_WITHIN: Duration = Duration::from_secs(1);

/// An operation on a process that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The files of a process could not be made.
    #[error("cannot prepare the process folder {}", folder.display())]
    Prepare {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program does not exist, or is not a file that can be run.
    #[error("there is no program `{program}`: not in {searched}")]
    NoProgram {
        /// As the command names it.
        program: String,
        /// The search path.
        searched: String,
    },
    /// The process could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operating system does not report changes of files.
    #[error("cannot watch files for changes")]
    Watch(#[source] notify::Error),
}

/// What to run. Nothing of the server's own environment is added.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program and its arguments. A name without a slash is searched on the `PATH` of `environment`.
    pub argv: Vec<OsString>,
    /// The folder that it starts in.
    pub working_folder: PathBuf,
    /// All of its environment.
    pub environment: BTreeMap<String, String>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code; 128 + n for a signal n.
    Exited(i32),
    /// Killed together with the shell that watched it: by [`Process::stop`], by another program, or with the machine.
    Killed,
}

impl Ending {
    /// The exit code as a container runtime would give it.
    pub fn code(self) -> i32 {
        match self {
            Self::Exited(code) => code,
            Self::Killed => KILLED,
        }
    }
}

/// Starts and adopts processes.
#[derive(Clone)]
pub struct Supervisor {
    watcher: Arc<Watcher>,
}

impl Supervisor {
    /// A supervisor with the one watch on files that all its processes share.
    pub fn new() -> Result<Self, ProcessError> {
        let watcher = Watcher::new().map_err(ProcessError::Watch)?;
        Ok(Self {
            watcher: Arc::new(watcher),
        })
    }

    /// Starts a program under supervision in a folder that no other process has used. Needs a tokio runtime.
    pub fn start(&self, folder: &Path, program: &Program) -> Result<Process, ProcessError> {
        let prepared = |source| ProcessError::Prepare {
            folder: folder.to_owned(),
            source,
        };
        // The shell runs in another folder than the server.
        let folder = &std::path::absolute(folder).map_err(prepared)?;
        let argv = resolve(program)?;
        let files = Files::create(folder).map_err(prepared)?;
        let name = argv[0].to_string_lossy().into_owned();
        let mut command = CommandWrap::with_new("/bin/sh", |command| {
            // Without its comments, so that a list of processes stays readable.
            let script: Vec<&str> = SUPERVISE.lines().filter(|line| !line.starts_with('#')).collect();
            command
                .args(["-c", &script.join("\n")])
                .arg(folder)
                .args(&argv)
                .current_dir(&program.working_folder)
                .env_clear()
                .envs(&program.environment)
                .stdin(files.alive)
                .stdout(files.output)
                .stderr(files.group);
        });
        let child = command
            .wrap(ProcessSession)
            .spawn()
            .map_err(|source| ProcessError::Start { program: name, source })?;
        // The command holds the locked descriptors as well; from here on the processes alone hold them.
        drop(command);
        let pid = child.id();
        // So that no zombie stays. How the process ended is learnt from its files, as it is after a restart.
        tokio::spawn(async move { child.into_inner().wait().await });
        self.supervise(folder, pid)
    }

    /// The process that an earlier server started in this folder, running or ended; `None` if none was started.
    pub fn adopt(&self, folder: &Path) -> Result<Option<Process>, ProcessError> {
        let prepared = |source| ProcessError::Prepare {
            folder: folder.to_owned(),
            source,
        };
        if !folder.join("alive").exists() || never_began(folder).map_err(prepared)? {
            return Ok(None);
        }
        self.supervise(folder, None).map(Some)
    }

    fn supervise(&self, folder: &Path, pid: Option<u32>) -> Result<Process, ProcessError> {
        let (sender, ended) = watch::channel(None);
        let thread_folder = folder.to_owned();
        // A thread and not a task: the runtime waits for its blocking tasks at the end, and this one may take hours.
        std::thread::Builder::new()
            .name("process".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || sender.send_replace(Some(wait_for_end(&thread_folder))))
            .map_err(|source| ProcessError::Prepare {
                folder: folder.to_owned(),
                source,
            })?;
        Ok(Process {
            folder: folder.into(),
            pid,
            ended,
            changes: self.watcher.watch(folder).map_err(ProcessError::Watch)?,
        })
    }
}

/// A process under supervision. Dropping it does nothing to the process.
#[derive(Clone)]
pub struct Process {
    folder: Arc<Path>,
    /// Known at once for a process of our own; the shell writes it down for those who come later.
    pid: Option<u32>,
    ended: watch::Receiver<Option<Ending>>,
    changes: follow::Changes,
}

impl Process {
    /// The folder with the process's files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits for the end of the process.
    pub async fn ended(&self) -> Ending {
        let mut ended = self.ended.clone();
        let ending = ended.wait_for(Option::is_some).await.map(|ending| *ending);
        match ending {
            Ok(ending) => ending.unwrap_or(Ending::Killed),
            // The thread that watches was lost, which only the end of this server does.
            Err(_) => std::future::pending().await,
        }
    }

    /// How the process ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        *self.ended.borrow()
    }

    /// Ends the process: SIGTERM to its group, and SIGKILL to what is left after `grace`.
    pub async fn stop(&self, grace: Duration) -> Ending {
        self.end_by(Signal::TERM, grace).await
    }

    /// As [`Self::stop`], with SIGINT, which some programs take for "end now, in order", as PostgreSQL does.
    pub async fn interrupt(&self, grace: Duration) -> Ending {
        self.end_by(Signal::INT, grace).await
    }

    async fn end_by(&self, signal: Signal, grace: Duration) -> Ending {
        // The shell outlives these signals: one that came before the program has begun would be lost, and the grace be waited for.
        let _ = tokio::time::timeout(BEGINS_WITHIN, self.clone().begun()).await;
        self.signal(signal);
        if let Ok(ending) = tokio::time::timeout(grace, self.ended()).await {
            return ending;
        }
        self.signal(Signal::KILL);
        self.ended().await
    }

    /// Ends the process without a signal that it could handle: SIGKILL to everything in its session. It and all that it
    /// started are in there, also a program that leads a process group of its own. Then [`Self::end_rest`].
    pub async fn kill(&self) -> Ending {
        let is_held = |file| is_locked(&self.folder.join(file));
        while self.ending().is_none() && (is_held("alive") || is_held("group")) {
            if let Some(leader) = self.pid.or_else(|| read_pid(&self.folder)) {
                session::kill(leader, is_held("alive"));
            }
            let _ = tokio::time::timeout(KILL_AGAIN, self.ended()).await;
        }
        let ending = self.ended().await;
        self.end_rest().await;
        ending
    }

    /// Kills what an ended program has left running outside of its session (`setsid`), as the end of a container does. Linux alone
    /// says which processes those are: they have the lock of `group`. Not for the end of a build: its Terraform may have to save its
    /// work.
    pub async fn end_rest(&self) {
        let Ok(group) = fs::canonicalize(self.folder.join("group")) else {
            return;
        };
        let mut known = BTreeSet::new();
        for _ in 0..KILLS {
            if !is_locked(&group) {
                return;
            }
            let holders = session::holders(&group);
            // Twice: a process that this one is just starting has its open files for a moment, too.
            session::kill_all(known.intersection(&holders).copied());
            known = holders;
            tokio::time::sleep(KILL_AGAIN).await;
        }
    }

    async fn begun(mut self) {
        while self.ending().is_none() && !self.folder.join("begun").exists() {
            self.changed().await;
        }
    }

    /// Waits until a file in the process's folder may have changed since the last call, or the process has ended.
    pub async fn changed(&mut self) {
        let mut ended = self.ended.clone();
        tokio::select! {
            () = self.changes.changed() => {}
            _ = ended.wait_for(Option::is_some) => {}
        }
    }

    fn signal(&self, signal: Signal) {
        if self.ending().is_none() && is_locked(&self.folder.join("group")) {
            signal_group(self.pid.or_else(|| read_pid(&self.folder)), signal);
        }
    }
}

/// The files that a process begins with, the first two locked.
struct Files {
    alive: Stdio,
    group: Stdio,
    output: Stdio,
}

impl Files {
    /// A server that died before the process began may have left some of them: without a lock.
    fn create(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        if folder.join("pid").exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let locked = |name: &str| {
            let file = OpenOptions::new().create(true).append(true).open(folder.join(name))?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            Ok::<_, io::Error>(Stdio::from(file))
        };
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("output"))?;
        Ok(Self {
            group: locked("group")?,
            alive: locked("alive")?,
            output: output.into(),
        })
    }
}

/// Whether the folder has the files of a process that never began: the shell holds their locks from its start, and first of all
/// writes down its ID.
fn never_began(folder: &Path) -> io::Result<bool> {
    let alive = File::open(folder.join("alive"))?;
    let is_free = flock(&alive, FlockOperation::NonBlockingLockExclusive).is_ok();
    Ok(is_free && !folder.join("pid").exists())
}

/// The command with the full path of its program, so that the shell takes no name for one of its own commands.
fn resolve(program: &Program) -> Result<Vec<OsString>, ProcessError> {
    let name = program.argv.first().cloned().unwrap_or_default();
    let shown = name.to_string_lossy().into_owned();
    let folders: Vec<PathBuf> = if shown.contains('/') {
        vec![program.working_folder.clone()]
    } else {
        let path = program.environment.get("PATH");
        path.map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default()
    };
    let found = folders
        .iter()
        .map(|folder| folder.join(&name))
        .find(|path| !shown.is_empty() && is_program(path));
    let Some(found) = found.and_then(|path| std::path::absolute(path).ok()) else {
        let searched: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
        return Err(ProcessError::NoProgram {
            program: shown,
            searched: searched.join(", "),
        });
    };
    let mut argv = program.argv.clone();
    argv[0] = found.into_os_string();
    Ok(argv)
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Blocks until the process has ended.
fn wait_for_end(folder: &Path) -> Ending {
    wait_for_lock(&folder.join("alive"));
    let code = fs::read_to_string(folder.join("exit"))
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if let Some(code) = code {
        return Ending::Exited(code);
    }
    // The shell was killed. Its remaining processes are ended, since their result cannot be known.
    if is_locked(&folder.join("group")) && signal_group(read_pid(folder), Signal::TERM) {
        wait_for_lock(&folder.join("group"));
    }
    Ending::Killed
}

/// Blocks until the file's lock is free. A missing file belongs to a process that has ended.
fn wait_for_lock(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    while flock(&file, FlockOperation::LockShared) == Err(Errno::INTR) {}
}

/// Whether the process that was started in this folder runs, or any that it started.
pub fn is_running(folder: &Path) -> bool {
    is_locked(&folder.join("alive")) || is_locked(&folder.join("group"))
}

fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}

fn read_pid(folder: &Path) -> Option<u32> {
    fs::read_to_string(folder.join("pid")).ok()?.trim().parse().ok()
}

/// Says whether there was a process to signal.
fn signal_group(pid: Option<u32>, signal: Signal) -> bool {
    pid.and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw)
        .is_some_and(|group| kill_process_group(group, signal).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_process_that_never_began_are_used_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        // The server dies after it made the first file, then after it made all.
        fs::write(folder.join("group"), "").expect("a file");
        drop(Files::create(folder).expect("files"));
        assert!(never_began(folder).expect("an answer"));

        let files = Files::create(folder).expect("files");
        assert!(!never_began(folder).expect("an answer"), "it holds the lock");
        assert!(Files::create(folder).is_err(), "one process in a folder");
        fs::write(folder.join("pid"), "1").expect("a file");
        drop(files);
        assert!(!never_began(folder).expect("an answer"), "it has ended");
        assert!(Files::create(folder).is_err(), "it does not run twice");
    }
}
