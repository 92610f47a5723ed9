//! Resume workers: what was stopped for migrations runs again, whatever ended them, and services deploy as before.
//!
//! The workflow resumes after a failure. If its execution was stopped or timed out, or if resuming failed, the end of the execution
//! does, then the sweeper, and the next release before it begins. All of them read the operation's record. One that is late must not
//! undo what the next release has stopped or changed since, so each checks [`Restorer::may`] just before a call that changes something.

use jiff::Timestamp;
use slipway_model::id::OperationId;
use slipway_model::operation::quiesce::{Quiesced, QuiescedSchedule, QuiescedService, Suspended};
use slipway_model::operation::{Operation, StepStatus};
use slipway_model::stack::StackStatus;

use crate::stack_account::{Place, StackAccount};
use crate::{Done, StepError, Steps, state};

impl Steps {
    pub(crate) async fn resume(&self, operation: &OperationId, place: &Place) -> Result<Done, StepError> {
        let now = Timestamp::now();
        let begin = |operation: &mut Operation| {
            operation.give_up(now);
            operation.begin_step(state::RESUME, now);
            Ok(())
        };
        let recorded = self.store.update_operation(operation, begin).await?;
        Box::pin(self.resume_recorded(recorded, place)).await?;
        self.store
            .end_step(operation, state::RESUME, StepStatus::Succeeded)
            .await?;
        Ok(Done {})
    }

    /// Resumes what an operation left stopped whose execution has ended.
    pub(crate) async fn resume_left(&self, operation: &OperationId) -> Result<Done, StepError> {
        let known = match self.store.operation(operation).await {
            Err(slipway_store::Error::NotFound { .. }) => return Ok(Done {}),
            known => known?,
        };
        if known.quiesced.is_empty() {
            return Ok(Done {});
        }
        let stack = self.store.stack(&known.stack).await?;
        if stack.status == StackStatus::Destroyed {
            let forget = |operation: &mut Operation| {
                operation.quiesced = Quiesced::default();
                Ok(())
            };
            self.store.update_known_operation(known, forget).await?;
            return Ok(Done {});
        }
        if !self.restorer(&known).may().await? {
            return Ok(Done {});
        }
        let place = self.place_of(&stack).await?;
        Box::pin(self.resume_recorded(known, &place)).await?;
        Ok(Done {})
    }

    /// Resumes everything on the record. Each item leaves the record once it runs; one that fails does not keep the others.
    pub(crate) async fn resume_recorded(&self, mut known: Operation, place: &Place) -> Result<Operation, StepError> {
        if known.quiesced.is_empty() {
            return Ok(known);
        }
        let account = self.stack_account(place, &known.id).await?;
        let mut failed = None;
        let Quiesced {
            services,
            schedules,
            configurations,
        } = known.quiesced.clone();
        for service in &services {
            match account.resume_service(service, self.restorer(&known)).await {
                Ok(()) => known = self.resumed(known, |it| it.service_resumed(&service.key)).await?,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for schedule in &schedules {
            match account.resume_schedule(schedule, self.restorer(&known)).await {
                Ok(()) => known = self.resumed(known, |it| it.schedule_resumed(&schedule.key)).await?,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for service in &configurations {
            match account.configure_as_before(service, self.restorer(&known)).await {
                Ok(()) => known = self.resumed(known, |it| it.configured_as_before(&service.key)).await?,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let (services, schedules, configurations) = (services.len(), schedules.len(), configurations.len());
        tracing::info!(operation = %known.id, services, schedules, configurations, "resumed");
        Ok(known)
    }

    /// What asks whether an operation may still restore what it has stopped or changed.
    pub(crate) fn restorer<'a>(&'a self, operation: &'a Operation) -> Restorer<'a> {
        Restorer { steps: self, operation }
    }

    async fn resumed(&self, known: Operation, change: impl Fn(&mut Operation)) -> Result<Operation, StepError> {
        let note = |operation: &mut Operation| {
            change(operation);
            Ok(())
        };
        Ok(self.store.update_known_operation(known, note).await?)
    }
}

/// An operation that restores what it has stopped or changed, for as long as it may.
#[derive(Clone, Copy)]
pub(crate) struct Restorer<'a> {
    steps: &'a Steps,
    operation: &'a Operation,
}

impl Restorer<'_> {
    /// Whether no other release has begun. A release resumes what is left before it begins; what it has stopped since must not start.
    pub(crate) async fn may(self) -> Result<bool, StepError> {
        let store = &self.steps.store;
        let stack = store.stack(&self.operation.stack).await?;
        for other in stack.in_progress().filter(|other| **other != self.operation.id) {
            if store.operation(other).await?.has_step(state::PREPARE_RELEASE) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl StackAccount {
    /// Resumes all of it, without a record.
    pub(crate) async fn resume(&self, quiesced: &Quiesced, restorer: Restorer<'_>) -> Result<(), StepError> {
        for service in &quiesced.services {
            self.resume_service(service, restorer).await?;
        }
        for schedule in &quiesced.schedules {
            self.resume_schedule(schedule, restorer).await?;
        }
        Ok(())
    }

    /// A service that no longer exists has nothing to resume.
    async fn resume_service(&self, service: &QuiescedService, restorer: Restorer<'_>) -> Result<(), StepError> {
        let QuiescedService { name, cluster, .. } = service;
        let Some(count) = self.desired_count(cluster, name).await? else {
            return Ok(());
        };
        if !restorer.may().await? {
            return Ok(());
        }
        // Otherwise an earlier attempt, or a rollout, has set the count.
        if count == 0 {
            self.set_desired_count(cluster, name, service.desired_count).await?;
        }
        let scaling = self.changed_scaling(service).await?;
        if restorer.may().await? {
            self.restore_scaling(service, scaling).await?;
        }
        Ok(())
    }

    /// Restores the activities of a service's autoscaler, once the service has its count.
    pub(crate) async fn resume_scaling(&self, service: &QuiescedService) -> Result<(), StepError> {
        let scaling = self.changed_scaling(service).await?;
        self.restore_scaling(service, scaling).await
    }

    /// The suspended activities before, if those of now are others. Terraform may have destroyed the autoscaler since.
    async fn changed_scaling(&self, service: &QuiescedService) -> Result<Option<Suspended>, StepError> {
        let Some(before) = service.scaling else {
            return Ok(None);
        };
        let now = self.scaling.suspended(&service.cluster, &service.name).await?;
        Ok(now.filter(|now| *now != before).map(|_| before))
    }

    async fn restore_scaling(&self, service: &QuiescedService, scaling: Option<Suspended>) -> Result<(), StepError> {
        match scaling {
            Some(before) => self.scaling.suspend(&service.cluster, &service.name, before).await,
            None => Ok(()),
        }
    }

    async fn resume_schedule(&self, schedule: &QuiescedSchedule, restorer: Restorer<'_>) -> Result<(), StepError> {
        if !restorer.may().await? {
            return Ok(());
        }
        self.enable_schedule(&schedule.name, &schedule.group, true).await
    }
}
