//! Point schedules: EventBridge Scheduler runs the release from now on. Restore schedules: it runs the previous one again. Quiesce and
//! resume workers: a schedule is disabled and enabled.
//!
//! Terraform creates the schedule and owns its times and its target; releases own its task definition and whether it is enabled.
//! `UpdateSchedule` resets every field that a request omits, so the schedule is read first and sent back whole. The types of the SDK hold
//! what its version knows: a field that EventBridge Scheduler adds later is reset until the SDK here is updated.

use aws_sdk_scheduler::operation::get_schedule::{GetScheduleError, GetScheduleOutput};
use aws_sdk_scheduler::types::ScheduleState;
use jiff::Timestamp;
use slipway_model::contract::Schedule;
use slipway_model::id::OperationId;
use slipway_model::name::Name;
use slipway_model::operation::{Operation, ReleasedSchedule, ScheduleTarget, StepStatus};

use crate::stack_account::{Place, StackAccount};
use crate::{Done, StepError, Steps, aws, state};

impl Steps {
    pub(crate) async fn point_schedules(&self, operation: &OperationId, place: &Place) -> Result<Done, StepError> {
        let now = Timestamp::now();
        let begin = |operation: &mut Operation| {
            operation.end_running_steps(StepStatus::Succeeded, now);
            operation.begin_step(state::POINT_SCHEDULES, now);
            Ok(())
        };
        let noted = self.store.update_operation(operation, begin).await?;
        let account = self.stack_account(place, operation).await?;
        for schedule in &noted.schedules {
            let target = ScheduleTarget {
                task_definition: schedule.task_definition.clone(),
                enabled: true,
            };
            account.point(schedule, &target).await?;
        }
        let end = |operation: &mut Operation| {
            operation.end_step(state::POINT_SCHEDULES, StepStatus::Succeeded, Timestamp::now());
            // Every schedule is enabled now.
            operation.quiesced.schedules.clear();
            Ok(())
        };
        self.store.update_operation(operation, end).await?;
        Ok(Done {})
    }

    pub(crate) async fn restore_schedules(&self, operation: &OperationId, place: &Place) -> Result<Done, StepError> {
        let now = Timestamp::now();
        let begin = |operation: &mut Operation| {
            operation.give_up(now);
            operation.begin_step(state::RESTORE_SCHEDULES, now);
            Ok(())
        };
        let noted = self.store.update_operation(operation, begin).await?;
        let account = self.stack_account(place, operation).await?;
        for schedule in &noted.schedules {
            account.point(schedule, &schedule.previous).await?;
        }
        self.store
            .end_step(operation, state::RESTORE_SCHEDULES, StepStatus::Succeeded)
            .await?;
        Ok(Done {})
    }
}

impl StackAccount {
    /// What a schedule of the contract runs now.
    pub(crate) async fn scheduled(&self, key: &Name, schedule: &Schedule) -> Result<ScheduleTarget, StepError> {
        let Schedule { name, group, .. } = schedule;
        let Some(found) = self.schedule(name, group).await? else {
            return Err(StepError::ContractInvalid(format!(
                "there is no schedule `{name}` in the group `{group}`, which the blueprint's output names as `{key}`"
            )));
        };
        let task = found.target.and_then(|target| target.ecs_parameters);
        let Some(task) = task else {
            return Err(StepError::ContractInvalid(format!(
                "the schedule `{name}`, which the blueprint's output names as `{key}`, runs no ECS task"
            )));
        };
        Ok(ScheduleTarget {
            task_definition: task.task_definition_arn,
            enabled: found.state == Some(ScheduleState::Enabled),
        })
    }

    async fn schedule(&self, name: &str, group: &str) -> Result<Option<GetScheduleOutput>, StepError> {
        let found = self.scheduler.get_schedule().name(name).group_name(group).send();
        match found.await {
            Ok(found) => Ok(Some(found)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetScheduleError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(rejected(aws::failed(format!("read the schedule `{name}`"), error))),
        }
    }

    /// Makes a schedule run this, if it does not already.
    async fn point(&self, schedule: &ReleasedSchedule, target: &ScheduleTarget) -> Result<(), StepError> {
        let ReleasedSchedule { name, group, .. } = schedule;
        let gone =
            || StepError::ContractInvalid(format!("the schedule `{name}` in the group `{group}` no longer exists"));
        let mut found = self.schedule(name, group).await?.ok_or_else(gone)?;
        let state = state_of(target.enabled);
        let runs = found.target.as_mut().ok_or_else(gone)?;
        let task = runs.ecs_parameters.as_mut().ok_or_else(gone)?;
        if task.task_definition_arn == target.task_definition && found.state.as_ref() == Some(&state) {
            return Ok(());
        }
        task.task_definition_arn.clone_from(&target.task_definition);
        let doing = format!("point the schedule `{name}` at a task definition");
        self.update_schedule(name, group, found, state, doing).await
    }

    /// Enables or disables a schedule, if it exists.
    pub(crate) async fn enable_schedule(&self, name: &str, group: &str, enabled: bool) -> Result<(), StepError> {
        let state = state_of(enabled);
        match self.schedule(name, group).await? {
            Some(found) if found.state.as_ref() != Some(&state) => {
                let verb = if enabled { "enable" } else { "disable" };
                let doing = format!("{verb} the schedule `{name}`");
                self.update_schedule(name, group, found, state, doing).await
            }
            _ => Ok(()),
        }
    }

    /// Sends a schedule back as it was read, with this state.
    async fn update_schedule(
        &self,
        name: &str,
        group: &str,
        found: GetScheduleOutput,
        state: ScheduleState,
        doing: String,
    ) -> Result<(), StepError> {
        let update = self
            .scheduler
            .update_schedule()
            .name(name)
            .group_name(group)
            .set_schedule_expression(found.schedule_expression)
            .set_schedule_expression_timezone(found.schedule_expression_timezone)
            .set_start_date(found.start_date.filter(is_ahead))
            .set_end_date(found.end_date)
            .set_description(found.description)
            .set_kms_key_arn(found.kms_key_arn)
            .set_flexible_time_window(found.flexible_time_window)
            .set_action_after_completion(found.action_after_completion)
            .set_target(found.target)
            .state(state);
        let updated = update.send().await;
        updated.map(drop).map_err(|error| rejected(aws::failed(doing, error)))
    }
}

/// What EventBridge Scheduler rejects is the schedule of the blueprint: a release changes nothing else in it.
fn rejected(error: StepError) -> StepError {
    match error {
        StepError::Refused { doing, said, .. } => StepError::ContractInvalid(format!(
            "EventBridge Scheduler could not {doing}: {said}. Correct the schedule in the blueprint, update the stack, and release again"
        )),
        error => error,
    }
}

fn state_of(enabled: bool) -> ScheduleState {
    if enabled {
        ScheduleState::Enabled
    } else {
        ScheduleState::Disabled
    }
}

/// A start that is past is left out: the schedule ticks already, and EventBridge Scheduler rejects an update whose start is more than
/// five minutes past.
fn is_ahead(start: &aws_smithy_types::DateTime) -> bool {
    i128::from(Timestamp::now().as_second()) * 1_000_000_000 < start.as_nanos()
}
