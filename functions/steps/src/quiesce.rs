//! Quiesce workers: the services and schedules that a blueprint marks stop while migrations run.
//!
//! What is about to be stopped is on the operation's record first ([`slipway_model::operation::quiesce`]). The workflow repeats the
//! step until no task of them runs.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{DesiredStatus, Task};
use jiff::Timestamp;
use slipway_model::contract::{Contract, Service};
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Name;
use slipway_model::operation::quiesce::{Quiesced, QuiescedSchedule, QuiescedService, Suspended};
use slipway_model::operation::{Operation, OperationEvent, StepStatus};
use slipway_model::stack::Stack;

use crate::stack_account::{Place, StackAccount};
use crate::tasks::Of;
use crate::verify::require_wanted;
use crate::{Done, StepError, Steps, aws, state};

/// What EventBridge Scheduler writes before the name of a schedule as `startedBy` of its tasks. ECS may cut what follows.
const BY_SCHEDULE: &str = "chronos-schedule/";

/// Whether a release stops anything for its migrations. A stack without a current release runs nothing yet.
pub(crate) fn quiesces(contract: &Contract, released: &BTreeSet<Name>) -> bool {
    let mut services = contract.services.iter();
    services.any(|(key, service)| service.quiesce && released.contains(key))
        || contract
            .schedules
            .values()
            .any(|schedule| schedule.quiesce && released.contains(&schedule.run.service))
}

impl Steps {
    pub(crate) async fn quiesce(
        &self,
        operation: &OperationId,
        place: &Place,
        cluster: &str,
    ) -> Result<Done, StepError> {
        let now = Timestamp::now();
        let has_ended = |operation: &Operation| {
            let mut steps = operation.steps.iter();
            steps.any(|step| step.name == state::QUIESCE && step.status == StepStatus::Succeeded)
        };
        let note = |operation: &mut Operation| {
            operation.status.after(OperationEvent::Begun)?;
            if !has_ended(operation) {
                operation.begin_step(state::QUIESCE, now);
            }
            Ok(())
        };
        let known = self.store.update_operation(operation, note).await?;
        if has_ended(&known) {
            // Another attempt has come to the end of this state.
            return Ok(Done {});
        }
        require_wanted(&known)?;
        let account = self.stack_account(place, operation).await?;
        let mut stopped = Quiesced::default();
        let quiesced = Box::pin(self.quiesce_in(&account, known, cluster, &mut stopped)).await;
        let latest = self.store.operation(operation).await?;
        if latest.status.has_ended() || !latest.quiesced.includes(&stopped) {
            // The execution was stopped, and what resumed its workers was faster than this attempt.
            account.resume(&stopped, self.restorer(&latest)).await?;
        }
        quiesced
    }

    /// Stops what the contract marks, and checks that it has stopped. `stopped` is what this attempt stops.
    async fn quiesce_in(
        &self,
        account: &StackAccount,
        known: Operation,
        cluster: &str,
        stopped: &mut Quiesced,
    ) -> Result<Done, StepError> {
        let operation = known.id.clone();
        let stack = self.store.stack(&known.stack).await?;
        let released = self.released_services(&stack).await?;
        let contract = stack.contract.unwrap_or_default();
        let stop = self.stop_marked(account, known, cluster, (&contract, &released), stopped);
        Box::pin(stop).await?;
        let running = account.running_tasks(&stack.id, cluster, &contract, stopped).await?;

        let first = contract.migrations.first();
        let next = first.map(|first| state::of_item(state::RUN_MIGRATION, &first.name));
        let end = |operation: &mut Operation| {
            if running.is_empty() {
                operation.end_quiesce(next.as_deref(), Timestamp::now());
            }
            Ok(())
        };
        require_wanted(&self.store.update_operation(&operation, end).await?)?;
        if running.is_empty() {
            return Ok(Done {});
        }
        Err(StepError::NotQuiesced(format!(
            "tasks still run that have to stop before migrations: {}",
            running.join(", ")
        )))
    }

    /// The services that run the stack's current release.
    pub(crate) async fn released_services(&self, stack: &Stack) -> Result<BTreeSet<Name>, StepError> {
        let (Some(current), Some(contract)) = (stack.current_release, &stack.contract) else {
            return Ok(BTreeSet::new());
        };
        let images = self.store.release(&stack.id, current).await?.images;
        Ok(contract.ready_for(&images).services.into_keys().collect())
    }

    /// Stops what the contract marks of the released services.
    async fn stop_marked(
        &self,
        account: &StackAccount,
        mut known: Operation,
        cluster: &str,
        (contract, released): (&Contract, &BTreeSet<Name>),
        stopped: &mut Quiesced,
    ) -> Result<(), StepError> {
        let runs = |key: &Name| released.contains(key);
        let services = contract.services.iter();
        for (key, service) in services.filter(|(key, service)| service.quiesce && runs(key)) {
            if known.quiesced.service(key).is_none() {
                let Some(found) = account.to_quiesce(cluster, key, service).await? else {
                    continue;
                };
                known = self
                    .record(known, |operation| operation.quiesce_service(&found))
                    .await?;
            }
            if let Some(recorded) = known.quiesced.service(key) {
                stopped.services.push(recorded.clone());
                account.stop_service(recorded).await?;
            }
        }
        let schedules = contract.schedules.iter();
        for (key, schedule) in schedules.filter(|(_, schedule)| schedule.quiesce && runs(&schedule.run.service)) {
            let found = QuiescedSchedule {
                key: key.clone(),
                name: schedule.name.clone(),
                group: schedule.group.clone(),
            };
            if !known.quiesced.has_schedule(key) {
                if !account.scheduled(key, schedule).await?.enabled {
                    continue;
                }
                known = self
                    .record(known, |operation| operation.quiesce_schedule(&found))
                    .await?;
            }
            stopped.schedules.push(found);
            account.enable_schedule(&schedule.name, &schedule.group, false).await?;
        }
        Ok(())
    }

    /// Records what is about to be stopped. An operation that has ended stops nothing more.
    async fn record(&self, known: Operation, change: impl Fn(&mut Operation)) -> Result<Operation, StepError> {
        let note = |operation: &mut Operation| {
            operation.status.after(OperationEvent::Begun)?;
            change(operation);
            Ok(())
        };
        Ok(self.store.update_known_operation(known, note).await?)
    }
}

impl StackAccount {
    /// What is to be recorded of a service before it is stopped; none if it is not there, or stopped for good.
    async fn to_quiesce(
        &self,
        cluster: &str,
        key: &Name,
        service: &Service,
    ) -> Result<Option<QuiescedService>, StepError> {
        let Some(desired_count) = self.desired_count(cluster, &service.name).await? else {
            return Ok(None);
        };
        let scaling = self.scaling.suspended(cluster, &service.name).await?;
        if desired_count == 0 && scaling.is_none() {
            return Ok(None);
        }
        Ok(Some(QuiescedService {
            key: key.clone(),
            name: service.name.clone(),
            cluster: cluster.to_owned(),
            desired_count,
            scaling,
        }))
    }

    /// The desired count of a service; none if it no longer exists.
    pub(crate) async fn desired_count(&self, cluster: &str, name: &str) -> Result<Option<i32>, StepError> {
        let service = self
            .service(cluster, name, &format!("read the service `{name}`"))
            .await?;
        let active = service.filter(|service| service.status() == Some("ACTIVE"));
        Ok(active.map(|service| service.desired_count()))
    }

    /// The autoscaler first: it raises a count below its minimum.
    async fn stop_service(&self, service: &QuiescedService) -> Result<(), StepError> {
        let QuiescedService { name, cluster, .. } = service;
        if service.scaling.is_some() {
            self.scaling.suspend(cluster, name, Suspended::ALL).await?;
        }
        self.set_desired_count(cluster, name, 0).await
    }

    pub(crate) async fn set_desired_count(&self, cluster: &str, name: &str, count: i32) -> Result<(), StepError> {
        let update = self.ecs.update_service().cluster(cluster).service(name);
        let updated = update.desired_count(count).send().await;
        updated.map(drop).map_err(|error| {
            aws::failed(
                format!("set the desired count of the service `{name}` to {count}"),
                error,
            )
        })
    }

    /// What still runs of the quiesced, in words.
    async fn running_tasks(
        &self,
        stack: &StackId,
        cluster: &str,
        contract: &Contract,
        quiesced: &Quiesced,
    ) -> Result<Vec<String>, StepError> {
        let mut running = Vec::new();
        for service in &quiesced.services {
            let count = self.count_tasks(cluster, Of::Service(&service.name), |_| true).await?;
            if count > 0 {
                running.push(format!("{count} of the service `{}`", service.key));
            }
        }
        for schedule in &quiesced.schedules {
            let Some(marked) = contract.schedules.get(&schedule.key) else {
                continue;
            };
            let family = format!("{stack}-{}", marked.run.service);
            let is_its = |task: &Task| {
                let name = task.started_by().and_then(|by| by.strip_prefix(BY_SCHEDULE));
                name.is_some_and(|name| !name.is_empty() && schedule.name.starts_with(name))
            };
            let count = self.count_tasks(cluster, Of::Family(&family), is_its).await?;
            if count > 0 {
                running.push(format!("{count} of the schedule `{}`", schedule.key));
            }
        }
        Ok(running)
    }

    /// How many tasks have not stopped. ECS counts a task that is stopping as stopped, and it may still hold locks.
    async fn count_tasks(
        &self,
        cluster: &str,
        of: Of<'_>,
        is_counted: impl Fn(&Task) -> bool,
    ) -> Result<usize, StepError> {
        let mut count = 0;
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let tasks = self.tasks(cluster, of, status).await?;
            let left = tasks.iter().filter(|task| !aws::is_stopped(task));
            count += left.filter(|task| is_counted(task)).count();
        }
        Ok(count)
    }
}
