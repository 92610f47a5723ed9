//! Resume workers: what was stopped for migrations runs again, whatever ended them, and services deploy as before.
//!
//! The workflow resumes after a failure. If its execution was stopped or timed out, or if resuming failed, the end of the execution
//! does, then the sweeper, and the next release before it begins. All of them read the operation's record.

use slipway_model::id::OperationId;
use slipway_model::operation::quiesce::{Quiesced, QuiescedSchedule, QuiescedService};
use slipway_model::operation::{Operation, StepStatus};
use slipway_model::stack::StackStatus;

use crate::stack_account::{Place, StackAccount};
use crate::{Done, StepError, Steps, state};

impl Steps {
    pub(crate) async fn resume(&self, operation: &OperationId, place: &Place) -> Result<Done, StepError> {
        let begun = self.store.begin_step(operation, state::RESUME).await?;
        self.resume_recorded(begun, place).await?;
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
        if let Some(active) = stack.active_operation.as_ref().filter(|active| *active != operation) {
            let active = self.store.operation(active).await?;
            // A release resumes before it begins. What it has stopped since must not start now.
            if active.steps.iter().any(|step| step.name == state::PREPARE_RELEASE) {
                return Ok(Done {});
            }
        }
        let place = self.place_of(&stack).await?;
        self.resume_recorded(known, &place).await?;
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
            match account.resume_service(service).await {
                Ok(()) => known = self.resumed(known, |it| it.service_resumed(&service.key)).await?,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for schedule in &schedules {
            match account.resume_schedule(schedule).await {
                Ok(()) => known = self.resumed(known, |it| it.schedule_resumed(&schedule.key)).await?,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for service in &configurations {
            match account.configure_as_before(service).await {
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

    async fn resumed(&self, known: Operation, change: impl Fn(&mut Operation)) -> Result<Operation, StepError> {
        let note = |operation: &mut Operation| {
            change(operation);
            Ok(())
        };
        Ok(self.store.update_known_operation(known, note).await?)
    }
}

impl StackAccount {
    /// Resumes all of it, without a record.
    pub(crate) async fn resume(&self, quiesced: &Quiesced) -> Result<(), StepError> {
        for service in &quiesced.services {
            self.resume_service(service).await?;
        }
        for schedule in &quiesced.schedules {
            self.resume_schedule(schedule).await?;
        }
        Ok(())
    }

    /// A service that no longer exists has nothing to resume.
    async fn resume_service(&self, service: &QuiescedService) -> Result<(), StepError> {
        let QuiescedService { name, cluster, .. } = service;
        match self.desired_count(cluster, name).await? {
            None => return Ok(()),
            Some(0) => self.set_desired_count(cluster, name, service.desired_count).await?,
            // An earlier attempt, or a rollout, has set the count.
            Some(_) => {}
        }
        self.resume_scaling(service).await
    }

    /// Restores the activities of a service's autoscaler, once the service has its count. Terraform may have destroyed the autoscaler
    /// since.
    pub(crate) async fn resume_scaling(&self, service: &QuiescedService) -> Result<(), StepError> {
        let QuiescedService { name, cluster, .. } = service;
        let Some(before) = service.scaling else {
            return Ok(());
        };
        match self.scaling.suspended(cluster, name).await? {
            Some(now) if now != before => self.scaling.suspend(cluster, name, before).await,
            _ => Ok(()),
        }
    }

    async fn resume_schedule(&self, schedule: &QuiescedSchedule) -> Result<(), StepError> {
        self.enable_schedule(&schedule.name, &schedule.group, true).await
    }
}
