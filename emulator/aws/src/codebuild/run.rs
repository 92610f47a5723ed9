//! Carrying builds out: their turn, their process, their end.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::build::{Build, Status, Stop};
use super::{BUILD, CodeBuild, CodeBuildError, InProgress, Live, Options, Shared, lock};
use crate::error::chain;
use crate::folders;
use crate::ledger::LedgerError;
use crate::process::{Ending, Process, ProcessError, Program};
use crate::wire::REGION;

/// How long a build may take that is asked to end because the emulator does: Terraform finishes what it is creating and writes
/// its state.
const GRACE: Duration = Duration::from_mins(5);

/// How long to wait before a write that failed is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// What a build's `PATH` has after the tools when the options give none.
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A process that ran before the server did, with its place among those that may run at a time, where there was one.
pub(super) type Adopted = (Process, Option<OwnedSemaphorePermit>);

/// How a build left its queue.
enum Turn {
    Start(OwnedSemaphorePermit),
    End(Stop),
    /// The server is shutting down; the build waits in the ledger.
    Later,
}

impl CodeBuild {
    /// Takes over the builds that an earlier server left: running ones are watched again, those that ended meanwhile
    /// are recorded, queued ones are queued.
    pub fn recover(&self) -> Result<(), CodeBuildError> {
        let mut builds = self.shared.host.ledger.list::<Build>(BUILD)?;
        // What an earlier version left, or a server that died when a build had ended.
        for (uuid, _) in builds.iter().filter(|(_, build)| build.is_complete()) {
            self.shared.remove_folder(uuid);
        }
        builds.retain(|(_, build)| !build.is_complete());
        builds.sort_by_key(|(_, build)| build.start);
        let mut queued = Vec::new();
        for (_, build) in builds {
            let folder = self.shared.folder(&build.uuid);
            let process = self.shared.host.supervisor.adopt(&folder);
            let process = process.map_err(|source| CodeBuildError::Adopt {
                build: build.id(),
                source,
            })?;
            match process {
                // It runs already: it counts against the limit where there is room, before any that waits, and never waits itself.
                Some(process) => {
                    let permit = self.shared.permits.clone().try_acquire_owned().ok();
                    self.shared.carry_out(build, Some((process, permit)));
                }
                None => queued.push(build),
            }
        }
        for build in queued {
            self.shared.carry_out(build, None);
        }
        Ok(())
    }

    /// Asks all running builds to stop and waits until they have. Queued ones stay queued in the ledger.
    ///
    /// This is the end of the emulator and not a call of CodeBuild's: AWS has nothing like it, so it may be as polite as it
    /// likes, and no state is lost.
    pub async fn shutdown(&self) {
        self.shared.permits.close();
        let live: Vec<String> = lock(&self.shared.live).keys().cloned().collect();
        for uuid in live {
            let Ok(Some(build)) = self.shared.host.ledger.get::<Build>(BUILD, &uuid) else {
                continue;
            };
            // A build without a process has not begun, and begins when the next server starts.
            if self.shared.folder(&uuid).join("alive").exists() {
                let id = build.id();
                if self.shared.request_stop(build, Stop::Shutdown).is_ok() {
                    let _ = self.finished(&id).await;
                }
            }
        }
    }
}

impl Shared {
    pub(super) fn folder(&self, uuid: &str) -> PathBuf {
        self.options.folder.join(uuid)
    }

    /// Carries a build out in the background: from its queue, or from its process on.
    pub(super) fn carry_out(self: &Arc<Self>, build: Build, adopted: Option<Adopted>) {
        let stop = Self::enter(&mut lock(&self.live), &build);
        self.carry_out_entered(build, adopted, stop);
    }

    /// Counts a build as one in progress. Returns how it hears that it is to stop.
    pub(super) fn enter(live: &mut Live, build: &Build) -> watch::Receiver<Option<Stop>> {
        let (sender, stop) = watch::channel(build.stop);
        live.insert(
            build.uuid.clone(),
            InProgress {
                project: build.project.clone(),
                stop: sender,
            },
        );
        stop
    }

    /// See [`Shared::carry_out`]; the build is one of those in progress already.
    pub(super) fn carry_out_entered(
        self: &Arc<Self>,
        build: Build,
        adopted: Option<Adopted>,
        stop: watch::Receiver<Option<Stop>>,
    ) {
        let shared = self.clone();
        tokio::spawn(async move {
            let id = build.id();
            let uuid = build.uuid.clone();
            if let Err(error) = shared.carry(build, adopted, stop).await {
                tracing::error!(build = id, error = chain(&error), "cannot record a build");
            }
            lock(&shared.live).remove(&uuid);
        });
    }

    /// Notes that a build is to stop, and interrupts it.
    pub(super) fn request_stop(&self, build: Build, why: Stop) -> Result<Build, LedgerError> {
        let build = self.host.ledger.transaction(|ledger| {
            // Read again: it may have gone on since.
            let mut build = ledger.get::<Build>(BUILD, &build.uuid)?.unwrap_or(build);
            if !build.is_complete() && build.stop.is_none() {
                build.stop = Some(why);
                ledger.put(BUILD, &build.uuid, &build)?;
            }
            Ok::<_, LedgerError>(build)
        })?;
        if let Some(in_progress) = lock(&self.live).get(&build.uuid) {
            in_progress.stop.send_replace(build.stop);
        }
        Ok(build)
    }

    async fn carry(
        &self,
        mut build: Build,
        adopted: Option<Adopted>,
        mut stop: watch::Receiver<Option<Stop>>,
    ) -> Result<(), LedgerError> {
        let (process, _permit) = if let Some(adopted) = adopted {
            adopted
        } else {
            let permit = match self.turn(&build, &mut stop).await {
                Turn::Start(permit) => permit,
                Turn::Later => return Ok(()),
                Turn::End(why) => return self.end(build, ended_by(why), None).await,
            };
            build = self
                .change(build, |build| {
                    build.end_phase(Status::Succeeded, Timestamp::now(), None);
                    build.begin("PROVISIONING", Timestamp::now());
                })
                .await?;
            match self.start(&build) {
                Ok(process) => (process, Some(permit)),
                Err(error) => {
                    let context = ("CLIENT_ERROR".to_owned(), chain(&error));
                    return self.end(build, Status::Failed, Some(context)).await;
                }
            }
        };
        let (build, ending) = self.watch(build, &process, stop).await?;
        let (status, context) = verdict(&build, ending);
        self.end(build, status, context).await
    }

    /// Waits until the build may start, is stopped or has waited too long.
    async fn turn(&self, build: &Build, stop: &mut watch::Receiver<Option<Stop>>) -> Turn {
        let minutes = self
            .projects
            .get(&build.project)
            .map_or(0, |(project, _)| project.queued_timeout_minutes);
        let waited = elapsed(build.start);
        let patience = Duration::from_secs(60 * u64::from(minutes)).saturating_sub(waited);
        tokio::select! {
            biased;
            why = requested(stop) => Turn::End(why),
            permit = self.permits.clone().acquire_owned() => permit.map_or(Turn::Later, Turn::Start),
            () = tokio::time::sleep(patience) => Turn::End(Stop::Timeout),
        }
    }

    fn start(&self, build: &Build) -> Result<Process, ProcessError> {
        let folder = self.folder(&build.uuid);
        let prepared = |source| ProcessError::Prepare {
            folder: folder.clone(),
            source,
        };
        let work = source_folder(&folder);
        std::fs::create_dir_all(&work).map_err(prepared)?;
        let Some((_, spec)) = self.projects.get(&build.project) else {
            let gone = format!("the project {} is no longer in the template", build.project);
            return Err(prepared(io::Error::other(gone)));
        };
        let script = folder.join("build.sh");
        std::fs::write(&script, spec.script(&folder)).map_err(prepared)?;
        let program = Program {
            argv: vec![spec.shell().into(), script.into()],
            environment: self.environment(build, &folder, &work),
            working_folder: work,
        };
        self.host.supervisor.start(&folder, &program)
    }

    /// All of a build's environment.
    fn environment(&self, build: &Build, folder: &Path, work: &Path) -> BTreeMap<String, String> {
        let path = self.options.environment.get("PATH").map_or(SYSTEM_PATH, String::as_str);
        let path = format!("{}:{path}", self.options.tools.display());
        let log_group = self.projects.get(&build.project).map(|(project, _)| &project.log_group);
        let standard = [
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("CODEBUILD_BUILD_ARN", build.arn()),
            ("CODEBUILD_BUILD_ID", build.id()),
            ("CODEBUILD_BUILD_IMAGE", super::project::IMAGE.to_owned()),
            ("CODEBUILD_BUILD_NUMBER", build.number.to_string()),
            ("CODEBUILD_BUILD_SUCCEEDING", "1".to_owned()),
            ("CODEBUILD_CI", "true".to_owned()),
            ("CODEBUILD_INITIATOR", super::build::INITIATOR.to_owned()),
            ("CODEBUILD_LOG_PATH", build.uuid.clone()),
            ("CODEBUILD_SRC_DIR", work.display().to_string()),
            ("CODEBUILD_START_TIME", build.start.as_millisecond().to_string()),
            ("HOME", folder.display().to_string()),
        ];
        let standard = standard.map(|(name, value)| (name.to_owned(), value));
        let mut environment = BTreeMap::from(standard);
        environment.extend(log_group.map(|group| ("CODEBUILD_LOG_GROUP".to_owned(), group.clone())));
        environment.extend(self.options.environment.clone());
        environment.extend(build.variables.clone());
        // Last: which program a build runs is not its caller's choice.
        environment.insert("PATH".to_owned(), path);
        environment
    }

    /// Follows a process to its end: its lines to the log, its phases to the record, a stop to the process.
    async fn watch(
        &self,
        mut build: Build,
        process: &Process,
        mut stop: watch::Receiver<Option<Stop>>,
    ) -> Result<(Build, Ending), LedgerError> {
        let timeout = self
            .projects
            .get(&build.project)
            .map_or(0, |(project, _)| project.timeout_minutes);
        let running_since = build
            .phases
            .iter()
            .find(|phase| phase.name == "PROVISIONING")
            .map_or(build.start, |phase| phase.start);
        let left = Duration::from_secs(60 * u64::from(timeout)).saturating_sub(elapsed(running_since));
        let stopping = async {
            let requested = tokio::select! {
                why = requested(&mut stop) => why,
                () = tokio::time::sleep(left) => Stop::Timeout,
            };
            // Noted first, so that a server that starts after a crash knows why the process ended.
            if let Err(error) = self.request_stop(build.clone(), requested) {
                tracing::error!(
                    build = build.id(),
                    error = chain(&error),
                    "cannot note that a build is to stop"
                );
            }
            match requested {
                Stop::Shutdown => process.stop(GRACE).await,
                // AWS documents no signal to a build that is stopped or times out
                // (https://docs.aws.amazon.com/codebuild/latest/userguide/stop-build.html), and AWS's own engineers found none:
                // "Codebuild just stops the instance" (https://github.com/aws/aws-lc/pull/1233).
                Stop::Requested | Stop::Timeout => process.kill().await,
            }
        };
        let logging = self.log(&build, process);
        let phases = self.follow_phases(&build, process);
        let supervised = async {
            tokio::select! {
                ending = process.ended() => ending,
                ending = stopping => ending,
            }
        };
        let (ending, (), ()) = tokio::join!(supervised, logging, phases);
        let folder = self.folder(&build.uuid);
        build = self
            .change(build, |build| {
                build.read_marks(&folder);
            })
            .await?;
        Ok((build, ending))
    }

    async fn follow_phases(&self, build: &Build, process: &Process) {
        let folder = self.folder(&build.uuid);
        let (mut seen, mut process) = (build.clone(), process.clone());
        while process.ending().is_none() {
            if seen.read_marks(&folder) {
                let changed = self
                    .change(seen.clone(), |build| {
                        build.read_marks(&folder);
                    })
                    .await;
                if let Err(error) = changed {
                    tracing::error!(
                        build = seen.id(),
                        error = chain(&error),
                        "cannot record a build's phase"
                    );
                }
            }
            process.changed().await;
        }
    }

    async fn log(&self, build: &Build, process: &Process) {
        let Some((project, _)) = self.projects.get(&build.project) else {
            return;
        };
        let written = process.follow(|lines| {
            let lines = lines.into_iter().map(|line| line.text);
            if let Err(error) = self.host.logs.append(&project.log_group, &build.uuid, lines) {
                tracing::error!(build = build.id(), error = chain(&error), "cannot keep a build's log");
            }
        });
        if let Err(error) = written.await {
            tracing::error!(
                build = build.id(),
                error = chain(&error),
                "cannot read a build's output"
            );
        }
    }

    /// Changes the record as it is in the ledger now. What has happened cannot be undone, so where there is no space
    /// for it, it is written once there is.
    async fn change(&self, build: Build, change: impl Fn(&mut Build)) -> Result<Build, LedgerError> {
        loop {
            let changed = self.host.ledger.transaction(|ledger| {
                let mut build = ledger
                    .get::<Build>(BUILD, &build.uuid)?
                    .unwrap_or_else(|| build.clone());
                change(&mut build);
                ledger.put(BUILD, &build.uuid, &build)?;
                Ok(build)
            });
            match changed {
                Err(error @ LedgerError::DiskFull(_)) => {
                    tracing::error!(build = build.id(), error = chain(&error), "cannot record a build");
                    tokio::time::sleep(WRITE_AGAIN).await;
                }
                changed => return changed,
            }
        }
    }

    /// A build that has ended stays as it is, even if its end is reported twice.
    async fn end(&self, build: Build, status: Status, context: Option<(String, String)>) -> Result<(), LedgerError> {
        let end = |build: &mut Build| {
            if !build.is_complete() {
                build.complete(status, context.clone());
            }
        };
        let build = self.change(build, end).await?;
        self.announce(&build);
        self.remove_folder(&build.uuid);
        Ok(())
    }

    /// Removes what is left of a build that has ended: its log is kept elsewhere.
    fn remove_folder(&self, uuid: &str) {
        if let Err(error) = folders::remove(&self.folder(uuid)) {
            tracing::warn!(
                build = uuid,
                error = chain(&error),
                "failed to remove the folder of a build that has ended"
            );
        }
    }

    pub(super) fn announce(&self, build: &Build) {
        let Some((project, _)) = self.projects.get(&build.project) else {
            return;
        };
        let detail = build.event_detail(project);
        let put = self
            .host
            .events
            .put("aws.codebuild", "CodeBuild Build State Change", &[build.arn()], &detail);
        if let Err(error) = put {
            tracing::error!(
                build = build.id(),
                error = chain(&error),
                "cannot publish a build's state"
            );
        }
    }
}

/// Waits until the build is to stop.
async fn requested(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    let why = stop.wait_for(Option::is_some).await.map(|why| *why);
    match why {
        Ok(why) => why.unwrap_or(Stop::Requested),
        Err(_) => std::future::pending().await,
    }
}

fn ended_by(why: Stop) -> Status {
    match why {
        Stop::Requested | Stop::Shutdown => Status::Stopped,
        Stop::Timeout => Status::TimedOut,
    }
}

/// How the build as a whole ended, and what to say about the phase that it ended in.
fn verdict(build: &Build, ending: Ending) -> (Status, Option<(String, String)>) {
    if let Some(why) = build.stop {
        return (ended_by(why), None);
    }
    match ending {
        Ending::Killed => {
            let message = "The build's process was killed from outside, or this machine was restarted.";
            (Status::Fault, Some(("INTERNAL_ERROR".to_owned(), message.to_owned())))
        }
        // A phase without an end: a command ended the shell itself, so what follows it did not run.
        Ending::Exited(code) if build.phases.last().is_some_and(|phase| phase.end.is_none()) => {
            let message = format!("A command ended the shell of the build with exit status {code}");
            (Status::Failed, Some(("COMMAND_EXECUTION_ERROR".to_owned(), message)))
        }
        Ending::Exited(0) => (Status::Succeeded, None),
        Ending::Exited(_) => (Status::Failed, None),
    }
}

/// Where a build's source is: below a folder with a name that no other build has, as on AWS
/// (`/codebuild/output/src965005462/src/s3/00`), so that nothing can rely on the path.
fn source_folder(folder: &Path) -> PathBuf {
    let random = rand::random::<u32>();
    folder.join(format!("codebuild/output/src{random}/src/s3/00"))
}

fn elapsed(since: Timestamp) -> Duration {
    since.duration_until(Timestamp::now()).try_into().unwrap_or_default()
}

/// Makes the folder of links by which builds find the programs.
pub(super) fn make_tools(options: &Options) -> io::Result<()> {
    std::fs::create_dir_all(&options.tools)?;
    for (name, program) in &options.programs {
        // Made aside and moved over, because a build of the last run may be searching for it right now.
        let (link, fresh) = (options.tools.join(name), options.tools.join(format!(".{name}")));
        let _ = std::fs::remove_file(&fresh);
        std::os::unix::fs::symlink(program, &fresh)?;
        std::fs::rename(&fresh, &link)?;
    }
    Ok(())
}
