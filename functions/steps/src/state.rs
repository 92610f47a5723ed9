//! The states of the workflow under whose names the operation's steps are recorded, and the recording.

use jiff::Timestamp;
use serde::Deserialize;
use slipway_model::name::Name;
use slipway_model::operation::{
    Operation, OperationEvent, StepStatus, approval, build, cancel, one_build, quiesce, task_run, unsettled,
};
use slipway_store::IllegalTransition;

use crate::{StepError, Steps};

pub(crate) const PLAN: &str = build::PLAN;
pub(crate) const REVIEW_PLAN: &str = one_build::REVIEW_PLAN;
pub(crate) const WAIT_FOR_APPROVAL: &str = approval::WAIT_FOR_APPROVAL;
pub(crate) const APPLY: &str = build::APPLY;
pub(crate) const RECORD_OUTPUTS: &str = "Record outputs";
pub(crate) const PREPARE_RELEASE: &str = cancel::PREPARE_RELEASE;
pub(crate) const TAKE_SNAPSHOT: &str = "Take snapshot";
pub(crate) const WAIT_FOR_SNAPSHOT: &str = cancel::WAIT_FOR_SNAPSHOT;
pub(crate) const RUN_BACKUPS: &str = "Run backups";
pub(crate) const RUN_BACKUP: &str = task_run::RUN_BACKUP;
pub(crate) const QUIESCE: &str = quiesce::QUIESCE;
pub(crate) const RESUME: &str = quiesce::RESUME;
pub(crate) const RUN_MIGRATIONS: &str = "Run migrations";
pub(crate) const RUN_MIGRATION: &str = task_run::RUN_MIGRATION;
pub(crate) const ROLL_OUT_SERVICES: &str = "Roll out services";
pub(crate) const WAIT_UNTIL_STABLE: &str = cancel::WAIT_UNTIL_STABLE;
pub(crate) const WAIT_UNTIL_RESTORED: &str = cancel::WAIT_UNTIL_RESTORED;
pub(crate) const VERIFY: &str = cancel::VERIFY;
pub(crate) const POINT_SCHEDULES: &str = unsettled::POINT_SCHEDULES;
pub(crate) const RESTORE_SCHEDULES: &str = unsettled::RESTORE_SCHEDULES;
pub(crate) const PREPARE_TASK: &str = "Prepare task";
pub(crate) const RUN_TASK: &str = task_run::RUN_TASK;
pub(crate) const CHECK_TASK: &str = "Check task";

/// Where a rollout takes a service: to the release, or back to what it ran before. Each has a state that begins the rollout and
/// one that waits for its end, and both send their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Direction {
    #[serde(rename = "Update service", alias = "Wait until stable")]
    Release,
    #[serde(rename = "Restore service", alias = "Wait until restored")]
    // Executions that began with an earlier version have the earlier names.
    #[serde(alias = "Put back service", alias = "Wait until put back")]
    Restore,
}

impl Direction {
    /// The step under which the rollout of a service is recorded, from its beginning to its end.
    pub(crate) fn step_of(self, service: &Name) -> String {
        let state = match self {
            Self::Release => WAIT_UNTIL_STABLE,
            Self::Restore => WAIT_UNTIL_RESTORED,
        };
        of_item(state, service)
    }
}

/// The name of a step that belongs to one item of a Map: `Run migration: migrate`.
pub(crate) fn of_item(state: &str, item: impl std::fmt::Display) -> String {
    format!("{state}: {item}")
}

impl Steps {
    /// Notes a state that ran from `began` until now together with what came of it, in one write. `known` is the operation as the
    /// state read it.
    pub(crate) async fn note(
        &self,
        known: Operation,
        state: &str,
        began: Timestamp,
        change: impl Fn(&mut Operation),
    ) -> Result<Operation, StepError> {
        let now = Timestamp::now();
        let noted = |operation: &mut Operation| noted(operation, state, began, now, &change);
        Ok(Box::pin(self.store.update_known_operation(known, noted)).await?)
    }
}

/// The change of an operation by a state that ran from `began` until `now`.
pub(crate) fn noted(
    operation: &mut Operation,
    state: &str,
    began: Timestamp,
    now: Timestamp,
    change: impl Fn(&mut Operation),
) -> Result<(), IllegalTransition> {
    // Only a running operation: one that was cancelled meanwhile keeps its end.
    operation.status = operation.status.after(OperationEvent::Begun)?;
    operation.begin_step(state, began);
    // The workflow is past every other one.
    operation.end_running_steps(StepStatus::Succeeded, now);
    change(operation);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_recorded_under_names_of_states() {
        let machine = include_str!("../../../statemachine/operation.asl.json");
        let names = [
            PLAN,
            REVIEW_PLAN,
            WAIT_FOR_APPROVAL,
            APPLY,
            RECORD_OUTPUTS,
            PREPARE_RELEASE,
            TAKE_SNAPSHOT,
            WAIT_FOR_SNAPSHOT,
            RUN_BACKUPS,
            RUN_BACKUP,
            QUIESCE,
            RESUME,
            RUN_MIGRATIONS,
            RUN_MIGRATION,
            ROLL_OUT_SERVICES,
            WAIT_UNTIL_STABLE,
            WAIT_UNTIL_RESTORED,
            VERIFY,
            POINT_SCHEDULES,
            RESTORE_SCHEDULES,
            PREPARE_TASK,
            RUN_TASK,
            CHECK_TASK,
        ];
        for name in names {
            assert!(machine.contains(&format!("\"{name}\": {{")), "{name}");
        }
    }
}
