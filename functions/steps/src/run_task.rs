//! Run backup, Run migration, Run task: a one-off task of ECS, whose end answers the token of the state.
//!
//! The token is stored first, then the task is started, then its ARN is stored, and then the task is checked: one that stopped before
//! its ARN was there is seen here, one that stops later is seen by the function `events`, and none is missed between the two. The
//! workflow comes here again now and then, in case an event is lost, or none is sent from where the stack is.
//!
//! A command runs once, however often the step does: ECS knows a repeated start by its client token.

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, ContainerOverride, KeyValuePair, NetworkConfiguration, PropagateTags, Task,
    TaskOverride,
};
use jiff::{SignedDuration, Timestamp};
use slipway_control::{rollout, task_run, task_token};
use slipway_model::contract::Network;
use slipway_model::error_chain::chain;
use slipway_model::id::OperationId;
use slipway_model::operation::task_run::TaskRun;
use slipway_model::operation::{Operation, OperationEvent};

use crate::commands::PreparedCommand;
use crate::log_line::stream_of;
use crate::payload::RunTask;
use crate::stack_account::StackAccount;
use crate::{Done, StepError, Steps, aws, state};

/// How long ECS may not show a task that it has started. It shows one that has stopped for an hour.
const SHOWN: SignedDuration = SignedDuration::from_mins(5);

impl Steps {
    pub(crate) async fn run_task(&self, asked: &RunTask) -> Result<Done, StepError> {
        let step = state::of_item(asked.what.state(), &asked.command.name);
        let now = Timestamp::now();
        let waits = |operation: &mut Operation| {
            operation.status.after(OperationEvent::Begun)?;
            operation.wait_for_task(&step, &asked.cluster, &asked.token, now);
            Ok(())
        };
        let known = self.store.update_operation(&asked.operation, waits).await?;
        let Some(run) = known.running_task().filter(|run| run.step == step) else {
            // Another attempt has come to the end of this state.
            return Ok(Done {});
        };
        if let Some(cancelled) = known.cancel_requested() {
            let failed = task_token::fail(&self.sfn, &asked.token, rollout::CANCELLED, &cancelled.message).await;
            return answered(failed.map(drop));
        }
        let account = self.stack_account(&asked.place, &asked.operation).await?;
        let task = match &run.task {
            Some(task) => task.clone(),
            None => self.start_task(&account, asked, run).await?,
        };
        let waited = asked.command.since.map(|since| asked.entered.duration_since(since));
        let waited = waited.unwrap_or_default();
        let shown = account.shown_task(&asked.cluster, &task).await?;
        let is_over = shown.as_ref().map_or(waited > SHOWN, aws::is_stopped);
        let is_late = waited >= SignedDuration::from_secs(i64::from(asked.command.timeout_seconds));
        if is_late && !is_over {
            account
                .stop(&asked.cluster, &task, "Slipway: it did not end in time")
                .await?;
        }
        if is_over || is_late {
            let output = task_run::output(&task, (!is_over).then_some(task_run::TIMED_OUT));
            let ended = task_token::succeed(&self.sfn, &asked.token, &output).await;
            return answered(ended.map(drop));
        }
        Ok(Done {})
    }

    /// Starts the task, and keeps its ARN with the operation.
    async fn start_task(&self, account: &StackAccount, asked: &RunTask, run: &TaskRun) -> Result<String, StepError> {
        let step = &run.step;
        let command = &asked.command;
        // For its log while it runs. The check of the task reads it again, so that the task runs all the same.
        let container = account.container_of(&command.task_definition, &command.container).await;
        let container = container.unwrap_or_else(|error| {
            let error = chain(&error);
            tracing::warn!(operation = %asked.operation, step, error, "the log of a task is not shown before its end");
            None
        });
        let task = match account.start(asked, run).await? {
            Ok(task) => task,
            Err(reasons) => {
                let rejected = |operation: &mut Operation| {
                    operation.task_rejected(step);
                    Ok(())
                };
                self.store.update_operation(&asked.operation, rejected).await?;
                return Err(StepError::Busy(reasons));
            }
        };
        let log = container.and_then(|container| stream_of(&container, &task, step));
        let started = |operation: &mut Operation| {
            operation.task_started(step, &task);
            if let Some(log) = &log {
                operation.note_log(log.clone());
            }
            Ok(())
        };
        let known = self.store.update_operation(&asked.operation, started).await?;
        // A cancel that came in between did not find the task.
        if known.status.has_ended() || known.cancel_requested().is_some() {
            account
                .stop(&asked.cluster, &task, "Slipway: the operation was cancelled")
                .await?;
        }
        Ok(task)
    }

    /// Stops the task of an execution that ended without its own workflow, for example because it was stopped. No step waits for it.
    pub(crate) async fn stop_left_task(&self, operation: &OperationId) -> Result<Done, StepError> {
        let known = match self.store.operation(operation).await {
            Err(slipway_store::Error::NotFound { .. }) => return Ok(Done {}),
            known => known?,
        };
        let run = known.task_run.as_ref();
        if let Some((run, task)) = run.and_then(|run| Some((run, run.task.as_ref()?))) {
            let place = self.place_of(&self.store.stack(&known.stack).await?).await?;
            let account = self.stack_account(&place, operation).await?;
            let shown = account.shown_task(&run.cluster, task).await?;
            if shown.is_some_and(|shown| !aws::is_stopped(&shown)) {
                let reason = "Slipway: the execution of its operation has ended";
                account.stop(&run.cluster, task, reason).await?;
            }
        }
        Ok(Done {})
    }
}

impl StackAccount {
    /// `ecs:RunTask`: the ARN of the task, or why ECS has started none.
    async fn start(&self, asked: &RunTask, run: &TaskRun) -> Result<Result<String, String>, StepError> {
        let RunTask { what, command, .. } = asked;
        let capacity = Box::pin(self.capacity(asked)).await?;
        let container = ContainerOverride::builder()
            .name(&command.container)
            .set_command(Some(command.command.clone()))
            .set_environment(environment(command))
            .build();
        let own_network = asked.placement.network.as_ref().filter(|_| !command.shares_network);
        let request = self
            .ecs
            .run_task()
            .cluster(&asked.cluster)
            .task_definition(&command.task_definition)
            .client_token(run.client_token(&asked.operation))
            .started_by(asked.operation.as_str())
            // Cost allocation: the tags of the stack, and those of cluster and service.
            .propagate_tags(PropagateTags::TaskDefinition)
            .enable_ecs_managed_tags(true)
            .overrides(TaskOverride::builder().container_overrides(container).build())
            .set_launch_type(capacity.launch_type)
            .set_capacity_provider_strategy(capacity.strategy)
            .set_volume_configurations(capacity.volumes)
            .set_network_configuration(own_network.map(network).transpose()?);
        let doing = format!("start the {what} `{}`", command.name);
        let answer = request.send().await.map_err(|error| match aws::failed(doing, error) {
            StepError::Refused { said, .. } => what.failed(said),
            error => error,
        })?;
        let started = answer.tasks().iter().find_map(Task::task_arn);
        let reasons = answer.failures().iter().filter_map(|failure| failure.reason());
        Ok(started.map(str::to_owned).ok_or_else(|| {
            let reasons: Vec<&str> = reasons.collect();
            if reasons.is_empty() {
                "ECS gives no reason".to_owned()
            } else {
                reasons.join(", ")
            }
        }))
    }

    /// The task, where ECS shows it.
    pub(crate) async fn shown_task(&self, cluster: &str, task: &str) -> Result<Option<Task>, StepError> {
        let described = self.ecs.describe_tasks().cluster(cluster).tasks(task).send().await;
        let described = described.map_err(|error| aws::failed("read how a task ended", error))?;
        Ok(described.tasks.unwrap_or_default().into_iter().next())
    }

    /// Stops a task that is not waited for any more. One that ECS no longer knows has stopped.
    pub(crate) async fn stop(&self, cluster: &str, task: &str, reason: &str) -> Result<(), StepError> {
        let stopped = self
            .ecs
            .stop_task()
            .cluster(cluster)
            .task(task)
            .reason(reason)
            .send()
            .await;
        match stopped {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(aws_sdk_ecs::operation::stop_task::StopTaskError::is_invalid_parameter_exception) =>
            {
                Ok(())
            }
            stopped => stopped
                .map(drop)
                .map_err(|error| aws::failed("stop a task that is not waited for any more", error)),
        }
    }
}

/// The variables of a command besides those of its task definition.
fn environment(command: &PreparedCommand) -> Option<Vec<KeyValuePair>> {
    let pair = |(name, value): (&String, &String)| KeyValuePair::builder().name(name).value(value).build();
    let pairs: Vec<KeyValuePair> = command.environment.iter().map(pair).collect();
    (!pairs.is_empty()).then_some(pairs)
}

fn answered(answered: Result<(), slipway_control::Error>) -> Result<Done, StepError> {
    answered.map_err(|error| StepError::unanswered("answer the step that waits for a task", error))?;
    Ok(Done {})
}

fn network(network: &Network) -> Result<NetworkConfiguration, StepError> {
    let assigned = if network.assign_public_ip {
        AssignPublicIp::Enabled
    } else {
        AssignPublicIp::Disabled
    };
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(Some(network.security_groups.clone()))
        .assign_public_ip(assigned)
        .build();
    let vpc =
        vpc.map_err(|error| StepError::ContractInvalid(format!("`network` of the blueprint's output: {error}")))?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}
