//! Decisions at the pauses of progressive rollouts.

use slipway_model::audit::{Action, Entry};
use slipway_model::operation::Operation;
use slipway_model::operation::rollouts::PauseAction;

use crate::judged::Judged;
use crate::{Error, Store};

/// In the place of a deployment's ID: a progressive rollout is found by its service alone. ECS's events name its deployment in several
/// ways, so an event of its service is no more than a reason to check.
pub const PROGRESSIVE: &str = "progressive";

impl Store {
    /// Records a decision at every pause of an operation. The steps that wait are yet to be woken. A conflict as for [`Store::reject`].
    pub async fn decide_pauses(
        &self,
        judged: impl Into<Judged<'_>>,
        action: PauseAction,
        by: &str,
    ) -> Result<Operation, Error> {
        let audited = match action {
            PauseAction::Continue => Action::ContinueRollout,
            PauseAction::RollBack => Action::RollBackRollout,
        };
        let entry = |operation: &Operation| {
            Entry::new(by, audited, format!("stack/{}", operation.stack)).of_operation(&operation.id)
        };
        self.decide(judged.into(), entry, |operation, now| {
            operation.decide_pauses(action, by, now)
        })
        .await
    }
}
