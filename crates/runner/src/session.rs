//! One phase of one operation: what both phases need, and what is recorded about them.

use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use slipway_model::artifact;
use slipway_model::environment::Environment;
use slipway_model::operation::{LogStream, Operation, Progress};
use slipway_model::plan::{Drift, PlanSummary};
use slipway_model::terraform::LOCK_FILE;
use slipway_store::Store;
use tokio::time::Instant;

use crate::archive;
use crate::cancel::Cancel;
use crate::config::{Config, Phase};
use crate::console::{self, say};
use crate::error::Error;
use crate::isolation::{self, Endpoint};
use crate::lock::StateLock;
use crate::log::LogWriter;
use crate::objects::Bucket;
use crate::progress::ProgressSender;
use crate::reach::{Pauses, patiently};
use crate::terraform::{Ended, Run, Terraform};
use crate::work_folder::WorkFolder;
use slipway_model::error_chain::chain;

/// How long a Terraform of an earlier build of this stack is waited for, which outlived its runner on this machine.
const OUTLIVED: Duration = Duration::from_mins(5);

/// The longest pause between two tries to get the work folder from it.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How many times Terraform is started again when it could not begin: each time after waiting for what it lacked.
const STARTS: u32 = 5;

/// What a step ended with, for the operation's record.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What Terraform would change.
    pub(crate) plan: Option<PlanSummary>,
    /// What was changed outside Terraform.
    pub(crate) drift: Option<Drift>,
    /// How far it came.
    pub(crate) progress: Option<Progress>,
}

/// One phase of one operation.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) artifacts: Bucket,
    pub(crate) state: Bucket,
    pub(crate) cancel: Cancel,
    /// With the credentials of the build itself, which sessions are made with and nothing else.
    build: SdkConfig,
    /// With those of the runner's session.
    sdk: SdkConfig,
    started: Instant,
}

impl Session {
    /// Connects to nothing yet: clients connect at their first call.
    pub(crate) fn new(config: Config, cancel: Cancel) -> Self {
        let build = slipway_store::aws::sdk_config(&config.vars);
        let sdk = isolation::Session::of_runner(&build, &config).sdk(&build);
        Self {
            store: Store::new(&sdk, &config.table),
            artifacts: Bucket::new(&sdk, config.own_endpoint, &config.artifacts_bucket),
            state: Bucket::new(&sdk, config.own_endpoint, &config.state_bucket),
            cancel,
            build,
            sdk,
            started: Instant::now(),
            config,
        }
    }

    /// The key of one of the operation's artifacts.
    pub(crate) fn artifact(&self, name: &str) -> String {
        artifact::of_operation(&self.config.operation, name)
    }

    /// Loads the operation and records, in the same write, that its step runs and where it prints to. Where the operation has
    /// ended or is being cancelled, nothing begins.
    pub(crate) async fn begin(&self) -> Result<Operation, Error> {
        let phase = self.config.phase;
        let operation = self
            .update("begin the step on", |operation| {
                if operation.interruption().is_some() {
                    return;
                }
                operation.begin_build(phase.step(), Timestamp::now());
                if let Some((group, stream)) = &self.config.build.log {
                    let log = LogStream {
                        step: phase.step().to_owned(),
                        group: group.clone(),
                        stream: stream.clone(),
                        in_segments: true,
                    };
                    if !operation.logs.contains(&log) {
                        operation.logs.push(log);
                    }
                }
            })
            .await?;
        if operation.stack != self.config.stack {
            return Err(Error::OtherStack {
                found: operation.stack,
                expected: self.config.stack.clone(),
            });
        }
        let configuration = &operation.configuration;
        say(format_args!(
            "{} of operation {}: {} of {} ({}), blueprint {}@{}, environment {}",
            phase.step(),
            operation.id,
            operation.kind,
            operation.stack_name,
            operation.stack,
            configuration.blueprint,
            configuration.version,
            operation.environment,
        ));
        Ok(operation)
    }

    /// Records how the step ended. A cancel that was requested until then is an error too.
    pub(crate) async fn end(&self, ended: &Result<Done, Error>) -> Result<(), Error> {
        let phase = self.config.phase;
        let now = Timestamp::now();
        let recorded = self.update("end the step on", |operation| {
            let outcome = ended.as_ref().map(|_| ()).map_err(|error| error.failure(phase));
            // What the record says of the end is read below.
            let _ = operation.end_build(phase.step(), outcome, now);
            if let Ok(done) = ended {
                if let Some(plan) = &done.plan {
                    operation.plan = Some(plan.clone());
                }
                if let Some(drift) = &done.drift {
                    operation.drift = Some(drift.clone());
                }
                operation.progress.clone_from(&done.progress);
            }
        });
        match recorded.await?.interruption() {
            Some(interruption) if ended.is_ok() => Err(interruption.into()),
            _ => Ok(()),
        }
    }

    async fn update(&self, action: &'static str, change: impl Fn(&mut Operation)) -> Result<Operation, Error> {
        let update = async || {
            let change = |operation: &mut Operation| {
                change(operation);
                Ok(())
            };
            self.store.update_operation(&self.config.operation, change).await
        };
        patiently(update)
            .await
            .map_err(|source| Error::Store { action, source })
    }

    /// The operation's environment, and the endpoint with Terraform's credentials in it.
    pub(crate) async fn environment(&self, operation: &Operation) -> Result<(Environment, Endpoint), Error> {
        let environment = patiently(async || self.store.environment(&operation.environment).await).await;
        let environment = environment.map_err(|source| Error::Store {
            action: "read the environment of",
            source,
        })?;
        let session = isolation::Session::of_terraform(&self.build, &self.config, &environment);
        // A role that cannot be assumed is told before Terraform runs.
        session.credentials().await?;
        Ok((environment, Endpoint::serve(session).await?))
    }

    /// The work folder of the stack, once no earlier build's Terraform is at work in it.
    pub(crate) async fn work_folder(&self) -> Result<WorkFolder, Error> {
        let mut pauses = Pauses::new(OUTLIVED, LONGEST_PAUSE);
        loop {
            match WorkFolder::create(&self.config.stack, &self.config.operation, self.config.terraform_user) {
                Err(Error::StillRuns(_)) if pauses.pause().await => self.cancel.check()?,
                other => return other,
            }
        }
    }

    /// The lock of the operation's state.
    pub(crate) fn lock<'a>(&'a self, operation: &'a Operation) -> StateLock<'a> {
        StateLock {
            config: &self.config,
            sdk: &self.sdk,
            store: &self.store,
            state: &self.state,
            stack: &operation.stack,
        }
    }

    /// Runs `init`. The lock file is only read where there is one: what it pins is what runs.
    pub(crate) async fn init(
        &self,
        terraform: &Terraform,
        folder: &WorkFolder,
        lock: &StateLock<'_>,
    ) -> Result<(), Error> {
        let mut arguments = vec!["-json".into(), "-input=false".into(), "-no-color".into()];
        if folder.root().join(LOCK_FILE).is_file() {
            arguments.push("-lockfile=readonly".into());
        }
        let stream = folder.path().join("init.jsonl");
        let mut run = Run {
            command: "init",
            arguments,
            folder: folder.root(),
            stream: &stream,
        };
        let mut ended = self.run(terraform, &run, lock, None).await?;
        if ended.complaint.contains("-json") && ended.report.errors.is_empty() && !ended.status.success() {
            // A program that knows the flag for other commands only.
            run.arguments.remove(0);
            ended = self.run(terraform, &run, lock, None).await?;
        }
        if !ended.status.success() {
            self.cancel.check()?;
        }
        ended.success("init")
    }

    /// Runs a command whose folder was prepared by an earlier `init`, and `init` first where that does not fit after all.
    pub(crate) async fn run_prepared(
        &self,
        terraform: &Terraform,
        run: &Run<'_>,
        folder: &WorkFolder,
        lock: &StateLock<'_>,
        progress: Option<&ProgressSender>,
    ) -> Result<Ended, Error> {
        let ended = self.run(terraform, run, lock, progress).await?;
        let unprepared = [
            "Backend initialization required",
            "Inconsistent dependency lock file",
            "Required plugins are not installed",
            "Module not installed",
            "Failed to load plugin schemas",
        ];
        if ended.report.touched || !unprepared.iter().any(|summary| ended.report.has_error(summary)) {
            return Ok(ended);
        }
        say("The prepared folder does not fit this machine: initialising it again.");
        self.init(terraform, folder, lock).await?;
        self.run(terraform, run, lock, progress).await
    }

    /// Runs a command. Where Terraform did not begin because the state was locked or its store was away, it is run again once
    /// that is over.
    async fn run(
        &self,
        terraform: &Terraform,
        run: &Run<'_>,
        lock: &StateLock<'_>,
        progress: Option<&ProgressSender>,
    ) -> Result<Ended, Error> {
        let mut starts = 1;
        loop {
            let ended = terraform.run(run, &self.cancel, progress).await?;
            if ended.status.success() || ended.report.touched || starts == STARTS || self.cancel.check().is_err() {
                return Ok(ended);
            }
            let locked = ended.report.has_error("Error acquiring the state lock");
            if !locked && !ended.report.lost_the_state_store() {
                return Ok(ended);
            }
            // Waits until the store answers, and until the lock is free.
            lock.claim(&self.cancel).await?;
            starts += 1;
        }
    }

    /// Uploads a stream. It is for people: a failure to keep it is told and changes nothing.
    pub(crate) async fn keep_stream(&self, folder: &WorkFolder, name: &str) {
        let file = folder.path().join(name);
        if !file.exists() {
            return;
        }
        if let Err(error) = self.artifacts.put_file(&self.artifact(name), &file).await {
            say(format_args!("The stream could not be kept: {}", chain(&error)));
        }
    }

    /// Whether `init` has to run before a command.
    pub(crate) fn needs_init(folder: &WorkFolder) -> bool {
        archive::needs_init(folder.root())
    }
}

/// How a phase ended whose log says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Failed,
}

/// Does one phase, records how it ended, and keeps its log.
pub(crate) async fn run(config: Config, cancel: Cancel) -> Result<Outcome, Error> {
    let session = Session::new(config, cancel);
    console::keep();
    let operation = session.begin().await?;
    let log = session
        .config
        .build
        .log
        .as_ref()
        .map(|(_group, stream)| LogWriter::start(session.artifacts.clone(), operation.id.clone(), stream.clone()));
    let outcome = match do_phase(&session, &operation).await {
        Ok(()) => Outcome::Succeeded,
        Err(error) => {
            say(format_args!("Error: {}", chain(&error)));
            Outcome::Failed
        }
    };
    if let Some(log) = log {
        log.finish().await;
    }
    Ok(outcome)
}

async fn do_phase(session: &Session, operation: &Operation) -> Result<(), Error> {
    let ended = match operation.interruption() {
        Some(interruption) => Err(interruption.into()),
        None => work(session, operation).await,
    };
    let recorded = session.end(&ended).await;
    match (ended, recorded) {
        (Err(error), Err(unrecorded)) => {
            say(format_args!(
                "The failure could not be recorded: {}",
                chain(&unrecorded)
            ));
            Err(error)
        }
        (ended, recorded) => ended.map(|_| ()).and(recorded),
    }
}

/// Does the phase, while the operation's record and the clock are watched.
async fn work(session: &Session, operation: &Operation) -> Result<Done, Error> {
    let deadline = session.config.deadline.map(|time| (session.started, time));
    let cancel = session.cancel.clone();
    let watch = tokio::task::spawn_local(cancel.watch(session.store.clone(), operation.id.clone(), deadline));
    let ended = match session.config.phase {
        Phase::Plan => Box::pin(crate::plan::plan(session, operation)).await,
        Phase::Apply => Box::pin(crate::apply::apply(session, operation)).await,
    };
    watch.abort();
    ended
}
