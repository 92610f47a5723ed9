//! Carrying a task: its files, its process, its health, its end.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};

use super::definition::{Container, Definition};
use super::health::Check;
use super::images::Image;
use super::scheduler::Message;
use super::task::{Health, StopCode, Task, TaskStatus};
use super::{Shared, TASK, lock};
use crate::error::chain;
use crate::ledger::LedgerError;
use crate::process::{Process, Program};
use crate::wire::AwsError;

/// What a task's `PATH` is unless its image or its definition sets one. Images are built with it too, so that what a build
/// installs is for the programs that run it.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How long a stopped task can be described; about as long as on AWS.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// The reason that AWS gives for a container that ended by itself.
const EXITED: &str = "Essential container in task exited";

/// Where a task reports its health: to the scheduler of its service.
pub(super) type Reports = Option<mpsc::UnboundedSender<Message>>;

/// A process that has been started, and how to see whether it is well.
struct Started {
    process: Process,
    check: Check,
    log: Option<(String, String)>,
    stop_timeout: std::time::Duration,
}

impl Shared {
    /// Carries a task in the background: from its start, or from its process on.
    pub(super) fn launch(self: &Arc<Self>, task: Task, process: Option<Process>, reports: Reports) {
        let (sender, stop) = watch::channel(task.is_to_stop);
        lock(&self.live).insert(task.key(), sender);
        let shared = self.clone();
        tokio::spawn(async move {
            let key = task.key();
            if let Err(error) = shared.carry(task, process, stop, reports.as_ref()).await {
                tracing::error!(task = key, error = chain(&error), "cannot record a task");
            }
            lock(&shared.live).remove(&key);
            if let Some(reports) = reports {
                // The scheduler ends only with its service or the server.
                let _ = reports.send(Message::Ended(key));
            }
        });
    }

    /// Notes that a task is to stop, and why, and interrupts it. `None` when there is no such task.
    pub(super) fn request_stop(&self, key: &str, code: StopCode, reason: &str) -> Result<Option<Task>, LedgerError> {
        let task = self.change(key, |task| {
            if !task.is_to_stop && !task.is_stopped() {
                task.is_to_stop = true;
                task.stop_code = Some(code);
                task.stopped_reason = Some(reason.to_owned());
                task.stopping_at = Some(Timestamp::now());
            }
        })?;
        if let Some(sender) = lock(&self.live).get(key) {
            sender.send_replace(true);
        }
        Ok(task)
    }

    /// Changes the record as it is in the ledger now, and says what AWS says of it on the bus.
    pub(super) fn change(&self, key: &str, change: impl FnOnce(&mut Task)) -> Result<Option<Task>, LedgerError> {
        let (task, is_new) = self.host.ledger.transaction(|ledger| {
            let Some(mut task) = ledger.get::<Task>(TASK, key)? else {
                return Ok::<_, LedgerError>((None, false));
            };
            let before = (task.status, task.is_to_stop);
            change(&mut task);
            task.version += 1;
            ledger.put(TASK, key, &task)?;
            let is_new = before != (task.status, task.is_to_stop);
            Ok((Some(task), is_new))
        })?;
        if let Some(task) = task.as_ref().filter(|_| is_new) {
            self.announce("ECS Task State Change", &task.arn(), &task.to_json());
        }
        Ok(task)
    }

    async fn carry(
        &self,
        task: Task,
        process: Option<Process>,
        mut stop: watch::Receiver<bool>,
        reports: Option<&mpsc::UnboundedSender<Message>>,
    ) -> Result<(), LedgerError> {
        let key = task.key();
        let started = tokio::select! {
            biased;
            () = stop_requested(&mut stop), if process.is_none() => {
                return self.record_end(&key, None, None);
            }
            started = self.start(&task, process) => started,
        };
        let started = match started {
            Ok(started) => started,
            Err(reason) => return self.record_end(&key, None, Some(reason)),
        };
        let process = &started.process;
        self.change(&key, |task| {
            task.status = task.status.max(TaskStatus::Running);
            task.started_at.get_or_insert_with(Timestamp::now);
        })?;
        let supervised = async {
            tokio::select! {
                ending = process.ended() => ending,
                never = self.watch_health(&key, &started.check, task.health, reports) => match never {},
                () = stop_requested(&mut stop) => {
                    let noted = self.change(&key, |task| task.status = TaskStatus::Stopping);
                    if let Err(error) = noted {
                        tracing::error!(task = key, error = chain(&error), "cannot record a task");
                    }
                    process.stop(started.stop_timeout).await
                }
            }
        };
        let (ending, ()) = tokio::join!(supervised, self.log(&started));
        process.end_rest().await;
        self.record_end(&key, Some(ending.code()), None)
    }

    async fn start(&self, task: &Task, process: Option<Process>) -> Result<Started, String> {
        let text = |error: AwsError| error.message;
        let revision = self.revision(&task.definition).map_err(text)?;
        let revision = revision.ok_or("the task definition no longer exists")?;
        let definition = revision.definition().map_err(text)?;
        let container = definition.container();
        let (repository, digest) = container.digest().ok_or("the image has no digest")?;
        let image = self
            .images
            .get(repository, digest)
            .await
            .map_err(|error| error.to_string())?;
        let folder = self.folders.tasks.join(&task.id);
        let work = folder.join("work");
        let mut port = task.port;
        let process = if let Some(process) = process {
            process
        } else {
            if let Some(mapping) = container.port_mappings.first() {
                let free = free_port().map_err(|error| format!("CannotStartContainerError: no free port: {error}"))?;
                port = Some((free, mapping.container_port));
            }
            // Noted before the start: a server that adopts the process needs it.
            self.change(&task.key(), |task| task.port = port)
                .map_err(|error| chain(&error))?;
            let environment = self.task_environment(task, container, &image, port, &work)?;
            self.make_work_folder(&work, &image, &definition, &task.cluster)?;
            let program = Program {
                argv: argv(task, container, &image, &work),
                environment,
                working_folder: work.clone(),
            };
            let process = self.host.supervisor.start(&folder, &program);
            process.map_err(|error| format!("CannotStartContainerError: {}", chain(&error)))?
        };
        let environment = self.task_environment(task, container, &image, port, &work)?;
        Ok(Started {
            process,
            check: Check::new(container, port.map(|(host, _)| host), environment, work),
            log: container.log_stream(&task.id),
            stop_timeout: container.stop_timeout(),
        })
    }

    /// All of a task's environment: what the definition says overrides the environment of every task.
    fn task_environment(
        &self,
        task: &Task,
        container: &Container,
        image: &Image,
        port: Option<(u16, u16)>,
        work: &Path,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut environment = self.environment.clone();
        environment.insert("HOME".to_owned(), work.display().to_string());
        environment.insert("PATH".to_owned(), PATH.to_owned());
        environment.extend(image.manifest.environment.clone());
        for pair in container.environment.iter().chain(&task.override_.environment) {
            environment.insert(pair.name.clone(), pair.value.clone());
        }
        for secret in &container.secrets {
            let value = self.secrets.resolve(&secret.value_from)?;
            environment.insert(secret.name.clone(), value);
        }
        environment.extend(port.map(|(host, _)| ("PORT".to_owned(), host.to_string())));
        Ok(environment)
    }

    /// Links to the image's files and, at their container paths, to the volumes.
    fn make_work_folder(
        &self,
        work: &Path,
        image: &Image,
        definition: &Definition,
        cluster: &str,
    ) -> Result<(), String> {
        let failed = |error: io::Error| format!("CannotCreateContainerError: the work folder: {error}");
        fs::create_dir_all(work).map_err(failed)?;
        for mount in &definition.container().mount_points {
            let inside = mount.container_path.trim_matches('/');
            let is_plain = !inside.is_empty()
                && Path::new(inside)
                    .components()
                    .all(|part| matches!(part, Component::Normal(_)));
            if !is_plain {
                return Err(format!(
                    "CannotCreateContainerError: containerPath {:?}",
                    mount.container_path
                ));
            }
            let volume = definition
                .volumes
                .iter()
                .find(|volume| volume.name == mount.source_volume);
            let source = volume.and_then(|volume| volume.host.source_path.as_ref());
            let target = match source {
                Some(path) => PathBuf::from(path),
                None => self.folders.volumes.join(cluster).join(&mount.source_volume),
            };
            // As the Docker daemon does for a host path.
            fs::create_dir_all(&target).map_err(failed)?;
            let link = work.join(inside);
            link.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
            symlink(&target, &link).map_err(failed)?;
        }
        for entry in fs::read_dir(&image.files).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let link = work.join(entry.file_name());
            // A volume hides what the image has at its place.
            if link.symlink_metadata().is_err() {
                symlink(entry.path(), link).map_err(failed)?;
            }
        }
        Ok(())
    }

    async fn log(&self, started: &Started) {
        let Some((group, stream)) = &started.log else {
            return;
        };
        let written = started.process.follow(|lines| {
            let lines = lines.into_iter().map(|line| line.text);
            if let Err(error) = self.host.logs.append(group, stream, lines) {
                tracing::error!(stream, error = chain(&error), "cannot keep a task's log");
            }
        });
        if let Err(error) = written.await {
            tracing::error!(stream, error = chain(&error), "cannot read a task's output");
        }
    }

    /// Watches the health of a task for ever, and reports each change.
    async fn watch_health(
        &self,
        key: &str,
        check: &Check,
        mut known: Health,
        reports: Option<&mpsc::UnboundedSender<Message>>,
    ) -> Infallible {
        loop {
            let now = match known {
                Health::Healthy => {
                    check.until_unhealthy().await;
                    Health::Unhealthy
                }
                Health::Unknown => match check.until_healthy().await {
                    Ok(()) => Health::Healthy,
                    Err(()) => Health::Unhealthy,
                },
                // One that recovers is too late for its scheduler, and nothing else acts on it.
                Health::Unhealthy => std::future::pending().await,
            };
            known = now;
            // Without a health check AWS knows nothing about a container's health.
            if check.is_configured()
                && let Err(error) = self.change(key, |task| task.health = now)
            {
                tracing::error!(task = key, error = chain(&error), "cannot record a task's health");
            }
            if let Some(reports) = reports {
                let _ = reports.send(match now {
                    Health::Healthy => Message::Healthy(key.to_owned()),
                    _ => Message::Unhealthy(key.to_owned()),
                });
            }
        }
    }

    /// Records the end of a task, and removes its folder: its lines are in the log.
    fn record_end(&self, key: &str, exit_code: Option<i32>, failed: Option<String>) -> Result<(), LedgerError> {
        let task = self.change(key, |task| {
            let now = Timestamp::now();
            task.status = TaskStatus::Stopped;
            task.stopping_at.get_or_insert(now);
            task.stopped_at = Some(now);
            task.exit_code = exit_code;
            if task.stop_code.is_none() {
                let (code, reason) = match failed {
                    Some(reason) => (StopCode::TaskFailedToStart, reason),
                    None => (StopCode::EssentialContainerExited, EXITED.to_owned()),
                };
                task.stop_code = Some(code);
                task.stopped_reason = Some(reason);
            }
        })?;
        let Some(task) = task else { return Ok(()) };
        let folder = self.folders.tasks.join(&task.id);
        if folder.exists()
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            tracing::warn!(folder = %folder.display(), %error, "cannot remove the folder of a stopped task");
        }
        self.forget_old_tasks(&task.cluster)
    }

    fn forget_old_tasks(&self, cluster: &str) -> Result<(), LedgerError> {
        let limit = Timestamp::now().saturating_sub(KEPT);
        let Ok(limit) = limit else { return Ok(()) };
        self.host.ledger.transaction(|ledger| {
            for (key, task) in ledger.list_under::<Task>(TASK, &format!("{cluster}/"))? {
                if task.stopped_at.is_some_and(|stopped| stopped < limit) {
                    ledger.delete(TASK, &key)?;
                }
            }
            Ok(())
        })
    }
}

async fn stop_requested(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|is_to_stop| *is_to_stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The entry point with its arguments, as Docker puts them together.
fn argv(task: &Task, container: &Container, image: &Image, work: &Path) -> Vec<OsString> {
    let entrypoint = container.entry_point.as_ref().unwrap_or(&image.manifest.entrypoint);
    let command = task.override_.command.as_ref().or(container.command.as_ref());
    // An entry point of the definition's own leaves the image's arguments out.
    let of_image = if container.entry_point.is_some() {
        &[][..]
    } else {
        &image.manifest.command
    };
    let command = command.map_or(of_image, Vec::as_slice);
    let mut argv: Vec<OsString> = entrypoint.iter().chain(command).map(OsString::from).collect();
    if let Some(program) = argv.first_mut() {
        // The image's root is the work folder.
        let inside = work.join(program.to_string_lossy().trim_start_matches('/'));
        if inside.is_file() {
            *program = inside.into_os_string();
        }
    }
    argv
}

/// A free port. The system hands ports out in turn, so it stays free for long enough.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
