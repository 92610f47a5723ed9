//! Prepare task: what a command of the stack's runs with, which is what the current release runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::id::OperationId;

use crate::commands::PreparedCommand;
use crate::prepare_release::{Placement, placement, release_tags};
use crate::stack_account::Place;
use crate::{StepError, Steps, state, task_definition};

/// What the workflow carries of a task.
#[derive(Debug, Serialize)]
pub(crate) struct PreparedTask {
    place: Place,
    cluster: String,
    placement: Placement,
    command: PreparedCommand,
}

impl Steps {
    pub(crate) async fn prepare_task(&self, operation: &OperationId) -> Result<PreparedTask, StepError> {
        let began = Timestamp::now();
        let asked = self.store.operation(operation).await?;
        let stack = self.store.stack(&asked.stack).await?;
        let place = self.place_of(&stack).await?;
        let (Some(contract), Some(current), Some(name)) =
            (stack.contract, stack.current_release, asked.work.task().cloned())
        else {
            return Err(StepError::ContractInvalid(
                "the stack has no release whose images the task could run with".to_owned(),
            ));
        };
        let run = contract.tasks.get(&name);
        let service = run.and_then(|run| contract.services.get(&run.service));
        let (Some(run), Some(shape)) = (run, service) else {
            return Err(StepError::ContractInvalid(format!(
                "the blueprint's output has no task `{name}` any more"
            )));
        };
        let release = self.store.release(&stack.id, current).await?;
        let family = format!("{}-{}", stack.id, run.service);
        let image = release.images.get(&run.service);
        let definition = task_definition::with_image(&family, &run.service, shape, image)?;
        let tags = release_tags(&release, &run.service);
        let account = self.stack_account(&place, operation).await?;
        let prepared = PreparedTask {
            place,
            cluster: contract.cluster.clone().unwrap_or_default(),
            placement: placement(&contract),
            command: PreparedCommand {
                task_definition: account.ensure_registered(&definition, &tags).await?,
                container: task_definition::container(shape).unwrap_or_default().to_owned(),
                service: Some(shape.name.clone()),
                shares_network: task_definition::shares_network(shape),
                command: run.command.clone(),
                timeout_seconds: run.timeout_seconds,
                next: None,
                since: None,
                environment: BTreeMap::new(),
                lock_retries: 0,
                name,
            },
        };
        let runs = state::of_item(state::RUN_TASK, &prepared.command.name);
        self.note(asked, state::PREPARE_TASK, began, |operation| {
            operation.begin_step(&runs, Timestamp::now());
        })
        .await?;
        Ok(prepared)
    }
}
