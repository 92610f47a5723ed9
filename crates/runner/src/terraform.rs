//! The Terraform or OpenTofu program: found, started with fixed arguments and a fixed environment, and followed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use slipway_model::operation::Operation;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::interval;

use crate::cancel::Cancel;
use crate::config::Config;
use crate::console::say;
use crate::error::Error;
use crate::isolation::Endpoint;
use crate::kept_stream;
use crate::progress::ProgressSender;
use crate::report::Report;
use crate::secrets;
use crate::stream::Tail;
use crate::user::User;
use crate::work_folder::WorkFolder;

/// The variables that Terraform inherits, and nothing else: a blueprint can read its process's environment (and
/// `TF_CLI_ARGS`, `TF_VAR_*` or `TF_LOG` in it would change what it does or print secrets).
const INHERITED: [&str; 22] = [
    "PATH",
    "HOME",
    "TMPDIR",
    // Where providers come from.
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
    // What the state and the AWS provider need. The region of resources is in the provider's configuration.
    // Credentials are not among it: an endpoint of the runner gives them.
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CA_BUNDLE",
    "AWS_STS_REGIONAL_ENDPOINTS",
    // How to reach anything at all.
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// The interval at which the stream is polled, for file systems that send no notifications.
const POLL: Duration = Duration::from_secs(1);

/// The program, and how it is started for one stack.
#[derive(Debug, Clone)]
pub(crate) struct Terraform {
    program: PathBuf,
    environment: BTreeMap<String, String>,
    /// The stack's workspace.
    workspace: String,
    /// Whom it runs as, where that is not the runner's user, and what it gets there.
    user: Option<User>,
    owned: Vec<PathBuf>,
    /// Whether a command of it has run, and so has named the program in the log.
    is_named: Arc<AtomicBool>,
}

/// A command of Terraform's, and where its output goes.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// The command's name.
    pub(crate) command: &'static str,
    /// Its other arguments.
    pub(crate) arguments: Vec<OsString>,
    /// The root module.
    pub(crate) folder: &'a Path,
    /// The file that the stream is written to.
    pub(crate) stream: &'a Path,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What it said.
    pub(crate) report: Report,
    /// How the process ended.
    pub(crate) status: ExitStatus,
    /// The end of what it wrote to standard error.
    pub(crate) complaint: String,
}

impl Terraform {
    /// Finds the program, for the stack's workspace.
    pub(crate) fn find(config: &Config, operation: &Operation) -> Result<Self, Error> {
        let program = find_program(config)?;
        let mut environment: BTreeMap<String, String> = INHERITED
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), config.vars.get(*name)?.clone())))
            .collect();
        let own = [
            ("TF_IN_AUTOMATION", "1"),
            ("TF_INPUT", "0"),
            ("CHECKPOINT_DISABLE", "1"),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(Self {
            program,
            environment,
            workspace: operation.stack.to_string(),
            user: config.terraform_user,
            owned: Vec::new(),
            is_named: Arc::default(),
        })
    }

    /// Has it get credentials from this endpoint.
    pub(crate) fn with_credentials(mut self, endpoint: &Endpoint) -> Self {
        let variables = endpoint.variables().map(|(name, value)| (name.to_owned(), value));
        self.environment.extend(variables);
        self
    }

    /// Has it write into this folder alone, where it is another user.
    pub(crate) fn in_folder(mut self, folder: &WorkFolder) -> Self {
        if self.user.is_some() {
            for (name, path) in [("HOME", folder.home()), ("TMPDIR", folder.tmp())] {
                let path = path.to_string_lossy().into_owned();
                self.environment.insert(name.to_owned(), path);
            }
            self.owned = folder.written_by_terraform().into();
        }
        self
    }

    /// Has it read this file for its own configuration.
    pub(crate) fn configure(&mut self, file: &Path) {
        let file = file.to_string_lossy().into_owned();
        self.environment.insert("TF_CLI_CONFIG_FILE".to_owned(), file);
        // It would copy what is linked.
        self.environment.remove("TF_PLUGIN_CACHE_DIR");
    }

    /// The program's file.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Runs a command to its end. Its lines are printed, and its progress is handed on, as they come.
    ///
    /// Its output goes to files, not pipes: Terraform that writes to a closed pipe dies and can lose a resource, and it may
    /// outlive the runner. It is the leader of a process group of its own: a signal to the runner's whole group must not
    /// reach it, because the runner passes the first one on, and a second one makes Terraform drop everything.
    pub(crate) async fn run(
        &self,
        run: &Run<'_>,
        cancel: &Cancel,
        progress: Option<&ProgressSender>,
    ) -> Result<Ended, Error> {
        cancel.check()?;
        let complaints = run.stream.with_extension("stderr");
        let stdout = create(run.stream)?;
        let grown = Arc::new(Notify::new());
        let _watch = watch(run.stream, Arc::clone(&grown));
        let mut tail = Tail::new(open(run.stream)?);
        let mut child = self.start(run, stdout, create(&complaints)?)?;
        let group = child.id();
        let mut report = Report::of_program(self.is_named.swap(true, Ordering::Relaxed));
        let status = follow(
            &mut child,
            &mut tail,
            &grown,
            cancel.clone(),
            &mut report,
            progress,
            &|line| say(line),
        )
        .await
        .map_err(|source| Error::File {
            action: "follow Terraform's output in",
            path: run.stream.to_owned(),
            source,
        })?;
        self.end_leftovers(group).await?;
        let rest = tail.rest().and_then(|line| report.take(line));
        rest.into_iter().for_each(say);
        report.errors.iter_mut().for_each(secrets::hide_in);
        Ok(Ended {
            report,
            status,
            complaint: kept_stream::complaint(&complaints),
        })
    }

    /// Writes what a saved plan holds into a file of the runner's own: every value is in clear there, and so it is not a stream that
    /// people get.
    pub(crate) async fn show(&self, folder: &WorkFolder, into: &Path, cancel: &Cancel) -> Result<(), Error> {
        cancel.check()?;
        let run = Run {
            command: "show",
            arguments: vec!["-json".into(), "-no-color".into(), folder.plan().into()],
            folder: folder.root(),
            stream: into,
        };
        let complaints = into.with_extension("stderr");
        let mut child = self.start(&run, create(into)?, create(&complaints)?)?;
        let (group, mut requested) = (child.id(), cancel.clone());
        let ended = tokio::select! {
            status = child.wait() => status,
            () = requested.requested() => {
                interrupt(&child);
                child.wait().await
            }
        };
        let status = ended.map_err(|source| Error::Start {
            program: self.program.clone(),
            source,
        })?;
        self.end_leftovers(group).await?;
        cancel.check()?;
        let ended = Ended {
            report: Report::default(),
            status,
            complaint: kept_stream::complaint(&complaints),
        };
        ended.success(run.command)
    }

    /// Starts a command.
    fn start(&self, run: &Run<'_>, stdout: File, stderr: File) -> Result<Child, Error> {
        let mut command = Command::new(&self.program);
        if let Some(user) = self.user {
            self.owned.iter().try_for_each(|path| user.own(path))?;
            user.runs(&mut command);
        }
        let child = command
            .arg(run.command)
            .args(&run.arguments)
            .current_dir(run.folder)
            .env_clear()
            .envs(&self.environment)
            .env("TF_WORKSPACE", &self.workspace)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn();
        child.map_err(|source| Error::Start {
            program: self.program.clone(),
            source,
        })
    }

    /// Ends what the blueprint left running.
    async fn end_leftovers(&self, group: Option<u32>) -> Result<(), Error> {
        if let Some(user) = self.user {
            return user.end_processes().await;
        }
        if let Some(group) = group.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            // Usually it is empty.
            let _ = kill_process_group(group, Signal::KILL);
        }
        Ok(())
    }
}

/// Prints and takes in what the child writes, until it has ended and everything is read.
async fn follow(
    child: &mut Child,
    tail: &mut Tail,
    grown: &Notify,
    mut cancel: Cancel,
    report: &mut Report,
    progress: Option<&ProgressSender>,
    say: &impl Fn(String),
) -> std::io::Result<ExitStatus> {
    let mut poll = interval(POLL);
    let mut interrupted = false;
    // Whether there may be more to read now. The log is written in between, and a cancel is heard.
    let mut more = false;
    loop {
        let ended = tokio::select! {
            status = child.wait() => Some(status?),
            () = yield_now(), if more => None,
            () = grown.notified(), if !more => None,
            _ = poll.tick() => None,
            () = cancel.requested(), if !interrupted => {
                interrupted = true;
                interrupt(child);
                None
            }
        };
        more = take_in(tail, report, say)?;
        if ended.is_some() {
            while more {
                yield_now().await;
                more = take_in(tail, report, say)?;
            }
        }
        if let Some(sender) = progress {
            sender.send(report);
        }
        if let Some(status) = ended {
            return Ok(status);
        }
    }
}

/// Takes in and prints the next part of the stream; `false` where there is no more of it now.
fn take_in(tail: &mut Tail, report: &mut Report, say: &impl Fn(String)) -> std::io::Result<bool> {
    let Some(lines) = tail.lines()? else {
        return Ok(false);
    };
    for line in lines {
        report.take(line).into_iter().for_each(say);
    }
    Ok(true)
}

/// Interrupts Terraform alone: it passes the signal on to its children as they need it.
fn interrupt(child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        // It may have ended by itself just now.
        let _ = kill_process(pid, Signal::INT);
    }
}

/// Notifies `grown` when a file is written to. Without a watcher, the file is polled.
fn watch(file: &Path, grown: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |_| grown.notify_one()).ok()?;
    watcher.watch(file, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

fn create(path: &Path) -> Result<File, Error> {
    crate::work_folder::private_file(path)
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::File {
        action: "open",
        path: path.to_owned(),
        source,
    })
}

/// The program that is named, or the first on `PATH`; Terraform before OpenTofu.
fn find_program(config: &Config) -> Result<PathBuf, Error> {
    if let Some(program) = &config.terraform {
        return runnable(program).ok_or_else(|| Error::NoTerraform {
            searched: format!(
                ": SLIPWAY_TERRAFORM names {}, which is not a program",
                program.display()
            ),
        });
    }
    let path = config.vars.get("PATH").map(String::as_str).unwrap_or_default();
    let found = ["terraform", "tofu"]
        .iter()
        .find_map(|name| std::env::split_paths(path).find_map(|folder| runnable(&folder.join(name))));
    found.ok_or_else(|| Error::NoTerraform {
        searched: format!(": neither `terraform` nor `tofu` is on PATH ({path})"),
    })
}

/// The file behind a path, if it is one that can be run.
fn runnable(path: &Path) -> Option<PathBuf> {
    let file = path.canonicalize().ok()?;
    let metadata = file.metadata().ok()?;
    (metadata.is_file() && metadata.mode() & 0o111 != 0).then_some(file)
}

impl Ended {
    /// Succeeds where Terraform did; otherwise the first error that it gave.
    pub(crate) fn success(&self, command: &'static str) -> Result<(), Error> {
        self.report.check_program()?;
        if self.status.success() {
            return Ok(());
        }
        if self.report.has_error("Saved plan is stale") {
            return Err(Error::PlanIsStale);
        }
        if let Some(diagnostic) = self.report.errors.first() {
            return Err(Error::Terraform {
                diagnostic: Box::new(diagnostic.clone()),
                others: self.report.errors.len() - 1,
            });
        }
        let exit = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or_default()),
        };
        let said = [self.complaint.as_str(), self.report.text.trim()];
        let output = said.into_iter().find(|text| !text.is_empty()).unwrap_or("nothing");
        Err(Error::TerraformSilent {
            command,
            exit,
            output: output.to_owned(),
        })
    }
}
