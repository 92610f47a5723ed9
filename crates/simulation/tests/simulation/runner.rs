//! The runner in a build, as `crates/runner` does it, around a Terraform of which only the time and the state are left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use slipway_model::artifact;
use slipway_model::error_name::ErrorName;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Digest;
use slipway_model::operation::one_build::{AfterPlan, NewPlan, PlanMade, Planned, go_on_from_plan};
use slipway_model::operation::{Failure, Operation, OperationKind, StepStatus};
use slipway_model::plan::{PlanSummary, Verdict, pages, show};
use slipway_store::lock::{LockHolder, Runner as Holder};
use slipway_store::{Error, Store};
use tokio::time::{Instant, sleep};

use crate::ecs;
use crate::world::{World, lock};

/// For how long the runner repeats what AWS does not answer, and waits for a lock.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often it reads the record.
const POLL: Duration = Duration::from_secs(3);

/// What a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Plan,
    Apply,
}

impl Phase {
    fn step(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Apply => "Apply",
        }
    }
}

/// The runner of one build.
#[derive(Clone)]
pub struct Runner {
    pub world: Arc<World>,
    pub store: Store,
    pub build: String,
    pub operation: OperationId,
    pub stack: StackId,
}

/// Why a build fails: a failure for the record, or nothing that could be recorded.
type Failed = Option<Failure>;

/// What a plan was made with.
#[derive(Debug, Clone, Copy)]
struct Plan {
    serial: u64,
    destroys: bool,
}

impl Runner {
    /// Runs a phase; whether the build succeeds.
    pub async fn run(&self, phase: Phase) -> bool {
        let unapplied = Mutex::new(false);
        let begun = self.update(|operation| {
            if operation.interruption().is_some() {
                return;
            }
            match phase {
                Phase::Plan if operation.planned_by.is_some() => {}
                Phase::Plan => operation.begin_build(phase.step(), Timestamp::now()),
                Phase::Apply => {
                    let is_first = *lock(&unapplied) || !operation.has_begun_apply();
                    *lock(&unapplied) = is_first;
                    operation.begin_apply(&self.build, Timestamp::now());
                }
            }
        });
        match (begun.await, phase) {
            (Err(_), _) => false,
            (Ok(operation), Phase::Plan) => self.plan(&operation).await,
            (Ok(operation), Phase::Apply) => {
                let took_over = operation.other_apply(&self.build).is_some();
                let operation = match Box::pin(self.follow_apply(operation)).await {
                    Ok(operation) => operation,
                    Err(followed) => return followed,
                };
                let applied = self.apply_kept(&operation).await;
                let unapplied = *lock(&unapplied) && !took_over;
                self.end_apply(applied, unapplied).await
            }
        }
    }

    async fn plan(&self, operation: &Operation) -> bool {
        let planned = if operation.interruption().is_some() {
            Err(Some(cancelled()))
        } else if operation.planned_by.is_some() {
            return self.follow().await;
        } else {
            self.make_plan(operation).await
        };
        match planned {
            Ok((AfterPlan::Leave, _)) => true,
            Ok((AfterPlan::Drop, _)) => self.follow().await,
            Ok((AfterPlan::Apply, plan)) => {
                let applied = self.apply(operation, plan).await;
                self.end_apply(applied, true).await
            }
            Err(failed) => self.fail_plan(failed).await,
        }
    }

    /// Records that there is no plan, unless another build has recorded one.
    async fn fail_plan(&self, failed: Failed) -> bool {
        let Some(failure) = failed else { return false };
        let failure = Failure {
            step: Phase::Plan.step().to_owned(),
            ..failure
        };
        let (recorded, now) = (Mutex::new(true), Timestamp::now());
        let fail = |operation: &mut Operation| {
            let is_own = operation
                .planned_by
                .as_ref()
                .is_some_and(|made| made.build == self.build);
            *lock(&recorded) = operation.fail_plan(failure.clone(), now) || is_own;
        };
        match self.update(fail).await {
            Ok(_) if !*lock(&recorded) => self.follow().await,
            _ => false,
        }
    }

    async fn make_plan(&self, operation: &Operation) -> Result<(AfterPlan, Plan), Failed> {
        self.claim(operation).await?;
        self.lock_state().await?;
        let cut = self.work(operation, 5, 60).await;
        let state = self.world.states().of(self.stack.as_str()).clone();
        self.unlock_state();
        cut?;
        let plan = Plan {
            serial: state.serial,
            destroys: operation.kind() == OperationKind::Destroy,
        };
        let summary = self.keep_plan(operation, plan);
        let verdict = self.verdict(operation, &summary).await?;
        let keeps = verdict.is_none() && !operation.kind().only_looks();
        let looks_for_drift = operation.kind() == OperationKind::Drift;
        let new = NewPlan {
            made: PlanMade {
                build: self.build.clone(),
                archive: keeps.then(|| Digest::of(self.build.as_bytes())),
            },
            plan: (!looks_for_drift).then_some(summary),
            binding: None,
            drift: looks_for_drift.then(Default::default),
            verdict,
        };
        self.world
            .keep_object(&self.plan_key(&self.build), plan.serial.to_string().into_bytes());
        let (after, now) = (Mutex::new(AfterPlan::Leave), Timestamp::now());
        let recorded = self
            .update(|operation| *lock(&after) = operation.end_plan(new.clone(), now))
            .await?;
        let after = *lock(&after);
        if after == AfterPlan::Leave && recorded.interruption().is_some() {
            return Err(Some(cancelled()));
        }
        Ok((after, plan))
    }

    fn plan_key(&self, build: &str) -> String {
        format!("simulated-plans/{}/{build}", self.operation)
    }

    /// Keeps the pages that the approval sheet is made from.
    fn keep_plan(&self, operation: &Operation, plan: Plan) -> PlanSummary {
        let action = match plan {
            Plan { destroys: true, .. } => "delete",
            Plan { serial: 0, .. } => "create",
            _ => "update",
        };
        let object = json!({"name": "one"});
        let (before, after) = match action {
            "create" => (json!(null), object),
            "delete" => (object, json!(null)),
            _ => (object, json!({"name": format!("after {}", plan.serial)})),
        };
        let shown = json!({
            "format_version": "1.2", "applyable": true, "complete": true, "errored": false,
            "resource_changes": [{"address": "aws_sqs_queue.q", "type": "aws_sqs_queue", "change": {
                "actions": [action], "before": before, "after": after, "after_unknown": {},
            }}],
        });
        let shown = show::read(shown.to_string().as_bytes(), &str::to_owned).expect("a plan");
        let (summary, objects) = pages::of(shown);
        for (name, object) in objects.named() {
            let key = artifact::of_operation(operation, &name);
            self.world.keep_object(&key, object);
        }
        summary
    }

    /// The verdict with which this build applies its plan; none if it is left to the workflow.
    async fn verdict(&self, operation: &Operation, plan: &PlanSummary) -> Result<Option<Verdict>, Failed> {
        if operation.kind().only_looks() {
            return Ok(None);
        }
        let environment = self.patiently(|| self.store.environment(&operation.environment));
        let environment = environment.await?;
        let policies = self.patiently(|| self.store.policy_head()).await?;
        Ok(go_on_from_plan(operation, plan, &environment, policies))
    }

    /// Waits while another build applies its plan, and ends as that does.
    async fn follow(&self) -> bool {
        let mut has_ended = false;
        loop {
            let read = self.patiently(|| self.store.operation(&self.operation));
            let Ok(operation) = read.await else { return false };
            if operation.interruption().is_some() {
                return false;
            }
            let Some(other) = &operation.planned_by else {
                return true;
            };
            match operation.planned() {
                Some(Planned::Applies) if has_ended => {
                    let gone = failure(Phase::Apply, "the other build is gone");
                    let now = Timestamp::now();
                    let record = self.update(|operation| {
                        if operation.planned() == Some(Planned::Applies) {
                            // What is recorded is this error, or a cancel that came first.
                            let _ = operation.end_build("Apply", Err(gone.clone()), now);
                        }
                    });
                    let _ = record.await;
                    return false;
                }
                Some(Planned::Applies) => {}
                Some(Planned::Failed) => return false,
                Some(Planned::Left | Planned::Applied) | None => return true,
            }
            has_ended = !self.world.builds().is_running(&other.build);
            sleep(POLL).await;
        }
    }

    /// Waits while another build of Apply applies the plan. The record if this build is the one that applies, otherwise whether the other
    /// one succeeds.
    async fn follow_apply(&self, begun: Operation) -> Result<Operation, bool> {
        let mut operation = begun;
        loop {
            if operation.interruption().is_some() {
                return Ok(operation);
            }
            let Some(other) = operation.other_apply(&self.build).map(str::to_owned) else {
                return Ok(operation);
            };
            match operation.status_of("Apply") {
                Some(StepStatus::Succeeded) => return Err(true),
                Some(StepStatus::Failed | StepStatus::Cancelled) => return Err(false),
                Some(StepStatus::Running) | None => {}
            }
            let read = if self.world.builds().is_running(&other) {
                sleep(POLL).await;
                self.patiently(|| self.store.operation(&self.operation)).await
            } else {
                self.update(|operation| {
                    if operation.applied_by.as_ref() == Some(&other) && operation.building() == Some("Apply") {
                        operation.applied_by = None;
                        operation.begin_apply(&self.build, Timestamp::now());
                    }
                })
                .await
            };
            let Ok(read) = read else { return Err(false) };
            operation = read;
        }
    }

    /// A build of Apply.
    async fn apply_kept(&self, operation: &Operation) -> Result<Digest, Failed> {
        if operation.interruption().is_some() {
            return Err(Some(cancelled()));
        }
        if !operation.may_apply() {
            return Err(Some(failure(Phase::Apply, "there is no verdict")));
        }
        let made = operation.planned_by.as_ref().map(|made| made.build.clone());
        let kept = made.and_then(|build| self.world.object(&self.plan_key(&build)));
        let serial = kept.and_then(|kept| String::from_utf8(kept).ok()?.parse().ok());
        let Some(serial) = serial else {
            return Err(Some(failure(Phase::Apply, "there is no plan")));
        };
        if let Some(recorded) = &operation.outputs {
            return self.applied_before(operation, recorded, serial);
        }
        self.claim(operation).await?;
        let plan = Plan {
            serial,
            destroys: operation.kind() == OperationKind::Destroy,
        };
        self.apply(operation, plan).await
    }

    /// Another build applied the plan and recorded the digest of its outputs. If it did not keep them, this one makes them again.
    fn applied_before(&self, operation: &Operation, recorded: &Digest, serial: u64) -> Result<Digest, Failed> {
        let key = outputs(operation);
        let is_recorded = |object: &Vec<u8>| Digest::of(object) == *recorded;
        if !self.world.object(&key).as_ref().is_some_and(is_recorded) {
            let contract = self.contract(serial);
            if !is_recorded(&contract) {
                return Err(Some(failure(Phase::Apply, "the outputs differ")));
            }
            self.world.keep_object(&key, contract);
        }
        Ok(recorded.clone())
    }

    /// The outputs of the apply of a plan.
    fn contract(&self, serial: u64) -> Vec<u8> {
        let contract = json!({"slipway": ecs::contract(self.stack.as_str(), serial)});
        contract.to_string().into_bytes()
    }

    /// `terraform apply` of a plan: only where the state is the one that it was made with.
    async fn apply(&self, operation: &Operation, plan: Plan) -> Result<Digest, Failed> {
        self.lock_state().await?;
        let serial = self.world.states().of(self.stack.as_str()).serial;
        if serial != plan.serial {
            self.unlock_state();
            return Err(Some(failure(Phase::Apply, "saved plan is stale")));
        }
        self.world.begin_apply(&self.stack, &self.operation);
        if !plan.destroys {
            self.world.ecs().make(self.stack.as_str());
        }
        let cut = self.work(operation, 10, 240).await;
        self.world
            .states()
            .end_apply(self.stack.as_str(), cut.is_ok(), plan.destroys);
        if plan.destroys && cut.is_ok() {
            self.world.ecs().destroy(self.stack.as_str());
        }
        self.unlock_state();
        cut?;
        let contract = self.contract(plan.serial);
        let digest = Digest::of(&contract);
        if operation.planned_by.is_some() {
            // A build of Apply, which another one may take over from.
            let record = |operation: &mut Operation| {
                if !operation.status.has_ended() {
                    operation.outputs = Some(digest.clone());
                }
            };
            Box::pin(self.update(record)).await?;
        }
        self.world.keep_object(&outputs(operation), contract);
        Ok(digest)
    }

    /// Records how Apply ended. Where no build began before this one (`unapplied`), a failure before Terraform ran applied nothing.
    async fn end_apply(&self, applied: Result<Digest, Failed>, unapplied: bool) -> bool {
        let outcome = match applied {
            Ok(outputs) => Ok(outputs),
            Err(Some(failure)) => Err(Failure {
                step: "Apply".to_owned(),
                ..failure
            }),
            Err(None) => return false,
        };
        let now = Timestamp::now();
        let unapplied = unapplied && self.world.states().applies(self.operation.as_str()) == 0;
        let recorded = self.update(|operation| match &outcome {
            Ok(outputs) => {
                // What the record says of the end is read below.
                let _ = operation.end_build("Apply", Ok(()), now);
                operation.outputs = Some(outputs.clone());
            }
            Err(failure) if unapplied => operation.fail_before_apply(&self.build, failure.clone(), now),
            Err(failure) => {
                let _ = operation.end_build("Apply", Err(failure.clone()), now);
            }
        });
        let recorded = recorded.await;
        outcome.is_ok() && recorded.is_ok_and(|recorded| recorded.interruption().is_none())
    }

    /// Terraform works for some seconds. An interrupt ends it early, and the cancel is acknowledged.
    async fn work(&self, operation: &Operation, from: u64, to: u64) -> Result<(), Failed> {
        let time = self.world.chance(|chance| chance.seconds(from, to));
        let ends = Instant::now() + time;
        while Instant::now() < ends {
            sleep(POLL).await;
            if let Ok(Some(_)) = self.store.interruption(&operation.id).await {
                let _ = self.patiently(|| self.store.acknowledge_cancel(&operation.id)).await;
                return Err(Some(cancelled()));
            }
        }
        Ok(())
    }

    /// Waits until the state is not locked, and records that this build is about to lock it.
    async fn claim(&self, operation: &Operation) -> Result<(), Failed> {
        let until = Instant::now() + PATIENCE;
        while let Some(holder) = self.lock() {
            if self.is_abandoned(operation, &holder).await? {
                self.world.release_lock(&self.stack, &holder);
                continue;
            }
            if Instant::now() > until {
                return Err(Some(failure(Phase::Plan, "the state is locked")));
            }
            sleep(POLL).await;
            if let Ok(Some(_)) = self.store.interruption(&operation.id).await {
                return Err(Some(cancelled()));
            }
        }
        let runner = Holder {
            build: Some(self.build.clone()),
            machine: self.build.clone(),
        };
        let record = || {
            self.store
                .record_lock_holder(&self.stack, &self.operation, runner.clone(), None)
        };
        self.patiently(record).await
    }

    fn lock(&self) -> Option<String> {
        self.world.states().of(self.stack.as_str()).lock.clone()
    }

    /// Whether the build that locked the state has ended, by the proof that the real runner asks for.
    async fn is_abandoned(&self, operation: &Operation, lock: &str) -> Result<bool, Failed> {
        let holder = self.patiently(|| self.store.lock_holder(&self.stack)).await?;
        let is_maker = |holder: &LockHolder| holder.runner.build.as_deref() == Some(lock);
        let Some(holder) = holder.filter(is_maker) else {
            return Ok(false);
        };
        if holder.operation != operation.id {
            let stack = self.patiently(|| self.store.stack(&self.stack)).await?;
            if stack.place(&operation.id).is_none() || stack.place(&holder.operation).is_some() {
                return Ok(false);
            }
        }
        Ok(!self.world.builds().is_running(lock))
    }

    async fn lock_state(&self) -> Result<(), Failed> {
        let until = Instant::now() + PATIENCE;
        loop {
            {
                let mut states = self.world.states();
                let state = states.of(self.stack.as_str());
                if state.lock.is_none() {
                    state.lock = Some(self.build.clone());
                    return Ok(());
                }
            }
            if Instant::now() > until {
                return Err(Some(failure(Phase::Plan, "the state is locked")));
            }
            sleep(POLL).await;
        }
    }

    fn unlock_state(&self) {
        let mut states = self.world.states();
        let state = states.of(self.stack.as_str());
        if state.lock.take().as_deref() != Some(&self.build) {
            drop(states);
            self.world
                .violate(format!("{} lost the lock of {}", self.build, self.stack));
        }
    }

    async fn update(&self, change: impl Fn(&mut Operation)) -> Result<Operation, Failed> {
        let change = |operation: &mut Operation| {
            change(operation);
            Ok(())
        };
        self.patiently(|| self.store.update_operation(&self.operation, &change))
            .await
    }

    /// Makes a call until AWS answers it. What AWS answers with an error cannot be recorded either.
    async fn patiently<T, F>(&self, call: impl Fn() -> F) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let until = Instant::now() + PATIENCE;
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_transient() && Instant::now() < until => sleep(POLL).await,
                Err(error) => {
                    self.world.note(&format!("{} gives up: {error}", self.build));
                    return Err(None);
                }
            }
        }
    }
}

fn failure(phase: Phase, message: &str) -> Failure {
    let name = match phase {
        Phase::Plan => ErrorName::PlanFailed,
        Phase::Apply => ErrorName::ApplyFailed,
    };
    Failure {
        name: name.to_string(),
        step: phase.step().to_owned(),
        message: message.to_owned(),
        address: None,
    }
}

fn cancelled() -> Failure {
    Failure {
        name: ErrorName::Cancelled.to_string(),
        step: String::new(),
        message: "the build was interrupted".to_owned(),
        address: None,
    }
}

fn outputs(operation: &Operation) -> String {
    artifact::of_operation(operation, artifact::OUTPUTS)
}
