//! One build of one operation: what both phases need, and what is recorded about them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde_json::{Map, Value};
use slipway_model::artifact;
use slipway_model::environment::Environment;
use slipway_model::name::Digest;
use slipway_model::operation::build::{APPLY, PLAN};
use slipway_model::operation::one_build::{AfterPlan, NewPlan, go_on_from_plan};
use slipway_model::operation::{Failure, LogStream, Operation, Progress};
use slipway_model::plan::{PlanSummary, Refusal, Verdict};
use slipway_model::stack::Stack;
use slipway_model::terraform::LOCK_FILE;
use slipway_store::Store;
use tokio::time::Instant;

use crate::archive;
use crate::cancel::Cancel;
use crate::config::Config;
use crate::console::say;
use crate::error::Error;
use crate::isolation::{self, Endpoint};
use crate::kept_stream;
use crate::lock::StateLock;
use crate::objects::Bucket;
use crate::phase::Phase;
use crate::progress::ProgressSender;
use crate::reach::{Pauses, patiently};
use crate::record::Record;
use crate::references;
use crate::state;
use crate::terraform::{Ended, Run, Terraform};
use crate::work_folder::WorkFolder;
use slipway_model::error_chain::chain;

/// How long a Terraform of an earlier build of this stack is waited for, which outlived its runner on this machine.
const OUTLIVED: Duration = Duration::from_mins(5);

/// The longest pause between two tries to get the work folder from it.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How many times Terraform is started again when it could not begin: each time after waiting for what it lacked.
const STARTS: u32 = 5;

/// The part of a build's time that its plan may take if the build is to apply it: one in so many. Terraform's apply needs the rest.
const TIME_FOR_PLAN: u32 = 4;

/// What a build ended with.
#[derive(Debug)]
pub(crate) enum Done {
    /// With a plan, which is on the record.
    Planned,
    /// With nothing: another build of the operation was first.
    Elsewhere,
    /// With an apply.
    Applied(Applied),
}

/// What is recorded of an apply that succeeded.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    /// How far it came.
    pub(crate) progress: Option<Progress>,
    /// The digest of its outputs.
    pub(crate) outputs: Digest,
}

/// One build of one operation.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) config: Config,
    /// The phase that it is in: it may begin with Plan and end with Apply.
    phase: Cell<Phase>,
    /// Why nothing is applied.
    refused: RefCell<Option<Refusal>>,
    /// Whether it is certain that no build has run Terraform's apply of the plan.
    unapplied: Cell<bool>,
    pub(crate) store: Store,
    pub(crate) record: Record,
    pub(crate) artifacts: Bucket,
    pub(crate) state: Bucket,
    pub(crate) cancel: Cancel,
    /// With the credentials of the build itself, which sessions are made with and nothing else.
    build: SdkConfig,
    /// With those of the runner's session.
    sdk: SdkConfig,
    pub(crate) started: Instant,
}

impl Session {
    /// Connects to nothing yet: clients connect at their first call.
    pub(crate) fn new(config: Config, cancel: Cancel) -> Self {
        let build = slipway_aws::sdk_config(&config.vars);
        let sdk = isolation::Session::of_runner(&build, &config).sdk(&build);
        let store = Store::new(&sdk, &config.table);
        Self {
            phase: Cell::new(config.phase),
            refused: RefCell::default(),
            unapplied: Cell::new(false),
            record: Record::new(store.clone(), config.operation.clone()),
            store,
            artifacts: Bucket::new(&sdk, config.own_endpoint, &config.artifacts_bucket),
            state: Bucket::new(&sdk, config.own_endpoint, &config.state_bucket),
            cancel,
            build,
            sdk,
            started: Instant::now(),
            config,
        }
    }

    /// The phase that the build is in.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Loads the operation and records, in the same write, that its step runs and where it prints to. Where the operation has
    /// ended, is being cancelled, has the plan of another build or is applied by one, nothing begins.
    pub(crate) async fn begin(&self) -> Result<Operation, Error> {
        let phase = self.phase();
        if phase == Phase::Apply {
            *self.refused.borrow_mut() = self.refusal().await?;
        }
        let operation = self
            .update("begin the step on", |operation| {
                let is_first = match phase {
                    Phase::Plan => operation.planned_by.is_none(),
                    Phase::Apply => operation.other_apply(&self.config.build.name).is_none(),
                };
                if !is_first || operation.interruption().is_some() || self.refused.borrow().is_some() {
                    // What an attempt found whose write did not come through holds no longer.
                    self.unapplied.set(false);
                    return;
                }
                match phase {
                    Phase::Plan => operation.begin_build(PLAN, Timestamp::now()),
                    Phase::Apply => {
                        // A repeated write finds what the first one left.
                        let is_first = self.unapplied.get() || !operation.has_begun_apply();
                        self.unapplied.set(is_first);
                        operation.begin_apply(&self.config.build.name, Timestamp::now());
                    }
                }
                self.note_log(operation);
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
            operation.kind(),
            operation.stack_name,
            operation.stack,
            configuration.blueprint,
            configuration.version,
            operation.environment,
        ));
        Ok(operation)
    }

    /// Records where the build prints to.
    pub(crate) fn note_log(&self, operation: &mut Operation) {
        if let Some((group, stream)) = &self.config.build.log {
            operation.note_log(LogStream {
                step: self.phase().step().to_owned(),
                group: group.clone(),
                stream: stream.clone(),
                in_segments: true,
            });
        }
    }

    /// The verdict with which this build applies the plan that it made; none if the plan is left to the workflow.
    ///
    /// The rules of the environment are read after the plan, as `Review plan` does.
    pub(crate) async fn verdict(&self, operation: &Operation, plan: &PlanSummary) -> Result<Option<Verdict>, Error> {
        let is_late = |deadline| self.started.elapsed() > deadline / TIME_FOR_PLAN;
        if operation.kind().only_looks() || self.config.deadline.is_some_and(is_late) {
            return Ok(None);
        }
        let rules = patiently(async || self.store.environment_and_policy_head(&operation.environment).await).await;
        let (environment, policies) = rules.map_err(|source| Error::Store {
            action: "read the environment and the revision of the policies for",
            source,
        })?;
        Ok(go_on_from_plan(operation, plan, &environment, policies))
    }

    /// Records a plan. A cancel that was requested until then is an error.
    pub(crate) async fn end_plan(&self, new: NewPlan) -> Result<AfterPlan, Error> {
        let (after, now) = (Cell::new(AfterPlan::Leave), Timestamp::now());
        let end = |operation: &mut Operation| after.set(operation.end_plan(new.clone(), now));
        let recorded = self.update("end the step on", end).await?;
        match (after.get(), recorded.interruption()) {
            (AfterPlan::Leave, Some(interruption)) => return Err(interruption.into()),
            (AfterPlan::Apply, _) => {
                self.phase.set(Phase::Apply);
                self.unapplied.set(true);
            }
            _ => {}
        }
        Ok(after.get())
    }

    /// Records that there is no plan; `false` if another build has recorded one.
    pub(crate) async fn fail_plan(&self, error: &Error) -> Result<bool, Error> {
        let (recorded, now) = (Cell::new(true), Timestamp::now());
        let fail = |operation: &mut Operation| {
            let planned_by = operation.planned_by.as_ref();
            // This build's own plan is there if a cancel came before it.
            let is_own = planned_by.is_some_and(|made| made.build == self.config.build.name);
            recorded.set(operation.fail_plan(error.failure(Phase::Plan), now) || is_own);
        };
        self.update("end the step on", fail).await?;
        Ok(recorded.get())
    }

    /// Terraform's apply runs from here on, or ran in an earlier build.
    pub(crate) fn note_apply(&self) {
        self.unapplied.set(false);
    }

    /// Records that the plan was applied, with the digest of its outputs.
    pub(crate) async fn record_outputs(&self, outputs: &Digest) -> Result<(), Error> {
        let record = |operation: &mut Operation| {
            if !operation.status.has_ended() {
                operation.outputs = Some(outputs.clone());
            }
        };
        self.update("record the outputs on", record).await.map(drop)
    }

    /// Records how Apply ended. A cancel that was requested until then is an error too.
    pub(crate) async fn end_apply(&self, ended: &Result<Applied, Failure>) -> Result<(), Error> {
        let now = Timestamp::now();
        let recorded = self.update("end the step on", |operation| match ended {
            Ok(applied) => {
                // What the record says of the end is read below.
                let _ = operation.end_build(Phase::Apply.step(), Ok(()), now);
                operation.progress.clone_from(&applied.progress);
                operation.outputs = Some(applied.outputs.clone());
            }
            Err(failure) if self.unapplied.get() => {
                operation.fail_before_apply(&self.config.build.name, failure.clone(), now);
            }
            Err(failure) => {
                let _ = operation.end_build(Phase::Apply.step(), Err(failure.clone()), now);
            }
        });
        match recorded.await?.interruption() {
            Some(interruption) if ended.is_ok() => Err(interruption.into()),
            _ => Ok(()),
        }
    }

    /// Changes the operation's record.
    pub(crate) async fn update(
        &self,
        action: &'static str,
        change: impl Fn(&mut Operation),
    ) -> Result<Operation, Error> {
        let updated = self.record.update(change).await;
        updated.map_err(|source| Error::Store { action, source })
    }

    /// Reads the operation's record.
    pub(crate) async fn read(&self) -> Result<Operation, Error> {
        let action = "read";
        self.record
            .read()
            .await
            .map_err(|source| Error::Store { action, source })
    }

    /// Why the rules refuse the plan that was reviewed: the environment may be protected since, or require an approval that the plan
    /// does not have, because builds wait in the queue of the account for hours. None where a build has begun to apply it.
    async fn refusal(&self) -> Result<Option<Refusal>, Error> {
        let operation = self.read().await?;
        let has_begun = operation.status_of(APPLY).is_some();
        let Some(plan) = operation.plan.as_ref().filter(|_| !has_begun) else {
            return Ok(None);
        };
        let environment = patiently(async || self.store.environment(&operation.environment).await).await;
        let environment = environment.map_err(|source| Error::Store {
            action: "read the environment of",
            source,
        })?;
        Ok(match operation.review(plan, &environment) {
            Verdict::Refused(refusal) => Some(refusal),
            Verdict::ApprovalNeeded => operation.refusal_without_approval(plan, &environment),
            Verdict::ShownOnly | Verdict::NothingToChange | Verdict::Apply => None,
        })
    }

    /// The refusal that [`Session::begin`] found.
    pub(crate) fn take_refusal(&self) -> Option<Refusal> {
        self.refused.borrow_mut().take()
    }

    /// The operation's stack and environment as they were before, and the endpoint with Terraform's credentials in that environment.
    pub(crate) async fn places(&self, operation: &Operation) -> Result<(Stack, Environment, Endpoint), Error> {
        let (stack, environment) = (&operation.stack, &operation.environment);
        let read = patiently(async || self.store.stack_and_environment(stack, environment).await).await;
        let (stack, environment) = read.map_err(|source| Error::Store {
            action: "read the stack and the environment of",
            source,
        })?;
        let session = isolation::Session::of_terraform(&self.build, &self.config, &environment);
        // A role that cannot be assumed is reported before Terraform runs.
        session.credentials().await?;
        Ok((stack, environment, Endpoint::serve(session).await?))
    }

    /// The values that the environment references, of variables that the blueprint declares.
    pub(crate) async fn references(
        &self,
        operation: &Operation,
        (environment, endpoint): (&Environment, &Endpoint),
        declared: &BTreeSet<String>,
    ) -> Result<Map<String, Value>, Error> {
        let terraform = endpoint.session().sdk(&self.build);
        references::read(&terraform, operation, environment, declared).await
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
            state::claim(lock, &self.cancel).await?;
            starts += 1;
        }
    }

    /// Uploads the stream of a command that failed. It is for people, who find everything else in the plan and the log: a failure is
    /// reported and has no further effect.
    pub(crate) async fn keep_stream(&self, operation: &Operation, folder: &WorkFolder, name: &str) {
        let file = folder.path().join(name);
        if !file.exists() {
            return;
        }
        let key = artifact::of_operation(operation, name);
        let kept = async { self.artifacts.put(&key, kept_stream::read(&file)?).await };
        if let Err(error) = kept.await {
            say(format_args!("The stream could not be kept: {}", chain(&error)));
        }
    }

    /// Whether `init` has to run before a command.
    pub(crate) fn needs_init(folder: &WorkFolder) -> bool {
        archive::needs_init(folder.root())
    }
}
