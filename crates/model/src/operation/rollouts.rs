//! Progressive rollouts of an operation: the progress of each service, and the decisions at their pauses.
//!
//! Only the step that waits for a rollout may call ECS, in the account of the stack. So a decision is recorded first, and the step is
//! woken: it reads the decision and continues or rolls back the deployment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operation, OperationStatus};
use crate::name::Name;
use crate::named;

/// The progressive rollout of a service, as ECS last described it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceRollout {
    /// What the blueprint calls the service.
    pub service: Name,
    /// Its ARN.
    pub arn: String,
    /// ECS's name of the strategy: `CANARY`.
    pub strategy: String,
    /// ECS's name of the lifecycle stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The share of the requests that the new tasks get, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// The pause in which it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// A pause of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The ID by which ECS knows it. Each pause has its own.
    pub hook: String,
    /// When it ends without a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What ECS does then.
    pub at_expiry: PauseAction,
    /// The decision, which the step may not have delivered to ECS yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<PauseDecision>,
}

/// How a pause ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseAction {
    /// The rollout continues.
    Continue,
    /// The requests go back to the previous tasks.
    RollBack,
}

impl PauseAction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Continue, Self::RollBack];

    /// Its name in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::RollBack => "roll_back",
        }
    }
}

/// A text that names no action at a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no action at a pause")]
pub struct InvalidPauseAction;

named!(InvalidPauseAction: PauseAction);

/// A decision at a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseDecision {
    /// The decision.
    pub action: PauseAction,
    /// The caller.
    pub by: String,
    /// When it was made.
    pub at: Timestamp,
}

/// Why a decision at a pause does not count. Nothing is recorded then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPaused {
    /// The operation is not rolling out.
    #[error("no release of the operation waits for a decision: its status is `{0}`")]
    NotRunning(OperationStatus),
    /// No rollout waits.
    #[error("no rollout of the operation is paused. `slipway operation cancel` stops one that is not")]
    NoPause,
    /// The operation is being cancelled.
    #[error("the operation is being cancelled")]
    Cancelled,
    /// There is a decision.
    #[error("{by} has decided already: {action}")]
    Decided {
        /// The caller who decided.
        by: String,
        /// What was decided.
        action: PauseAction,
    },
}

impl ServiceRollout {
    /// Why the deployment failed, where a pause ended it: the caller who rolled it back, or its time.
    pub fn ended_by_pause(&self, now: Timestamp) -> Option<String> {
        let pause = self.pause.as_ref()?;
        let stage = self.stage.as_deref().unwrap_or("an unknown stage");
        match &pause.decision {
            Some(decision) if decision.action == PauseAction::RollBack => {
                Some(format!("{} rolled it back at the pause {stage}", decision.by))
            }
            Some(_) => None,
            None if pause.at_expiry == PauseAction::RollBack && pause.expires_at.is_some_and(|end| end <= now) => Some(
                format!("the pause {stage} ended without a decision, so ECS rolled it back"),
            ),
            None => None,
        }
    }
}

impl Operation {
    /// Records what ECS says of a rollout. The decision at a pause remains while the pause lasts.
    pub fn note_rollout(&mut self, mut rollout: ServiceRollout) {
        let known = self.rollouts.iter_mut().find(|known| known.service == rollout.service);
        let Some(known) = known else {
            self.rollouts.push(rollout);
            return;
        };
        if let (Some(pause), Some(was)) = (&mut rollout.pause, &known.pause)
            && pause.hook == was.hook
        {
            pause.decision.clone_from(&was.decision);
        }
        *known = rollout;
    }

    /// The progressive rollout of a service.
    pub fn rollout_of(&self, service: &Name) -> Option<&ServiceRollout> {
        self.rollouts.iter().find(|rollout| rollout.service == *service)
    }

    /// A rollout has ended, or is being restored: it has no pause any more.
    pub fn leave_pause(&mut self, service: &Name) {
        for rollout in self.rollouts.iter_mut().filter(|rollout| rollout.service == *service) {
            rollout.pause = None;
        }
    }

    /// All requests of a service go to the previous tasks again.
    pub fn requests_restored(&mut self, service: &Name) {
        self.leave_pause(service);
        for rollout in self.rollouts.iter_mut().filter(|rollout| rollout.service == *service) {
            rollout.percent = Some(0.0);
        }
    }

    /// The rollouts that wait for a decision.
    pub fn paused(&self) -> impl Iterator<Item = &ServiceRollout> {
        let waits = self.status == OperationStatus::Running && self.cancel_requested().is_none();
        let open = |pause: &Pause| pause.decision.is_none();
        let rollouts = self.rollouts.iter().filter(move |_| waits);
        rollouts.filter(move |rollout| rollout.pause.as_ref().is_some_and(open))
    }

    /// Decides at every pause that has no decision. The same decision again changes nothing.
    pub fn decide_pauses(&mut self, action: PauseAction, by: &str, now: Timestamp) -> Result<(), NotPaused> {
        if self.status != OperationStatus::Running {
            return Err(NotPaused::NotRunning(self.status));
        }
        if self.cancel_requested().is_some() {
            return Err(NotPaused::Cancelled);
        }
        let pauses: Vec<&mut Pause> = self.rollouts.iter_mut().filter_map(|one| one.pause.as_mut()).collect();
        if pauses.is_empty() {
            return Err(NotPaused::NoPause);
        }
        let (mut is_open, mut before) = (false, None);
        for pause in pauses {
            if let Some(decision) = &pause.decision {
                before = Some(decision.clone());
            } else {
                is_open = true;
                pause.decision = Some(PauseDecision {
                    action,
                    by: by.to_owned(),
                    at: now,
                });
            }
        }
        match before.filter(|before| !is_open && before.action != action) {
            Some(before) => Err(NotPaused::Decided {
                by: before.by,
                action: before.action,
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::operation::example;

    fn operation() -> Operation {
        example::operation(&json!({ "kind": "release", "release": 2 }))
    }

    fn paused(hook: &str) -> ServiceRollout {
        ServiceRollout {
            service: "web".parse().expect("a name"),
            arn: "arn".to_owned(),
            strategy: "CANARY".to_owned(),
            stage: Some("POST_SCALE_UP".to_owned()),
            percent: Some(0.0),
            pause: Some(Pause {
                hook: hook.to_owned(),
                expires_at: Some(Timestamp::from_second(100).expect("a time")),
                at_expiry: PauseAction::RollBack,
                decision: None,
            }),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn the_first_decision_at_a_pause_counts() {
        let mut operation = operation();
        let decide = |operation: &mut Operation, action| operation.decide_pauses(action, "ann", at(1));
        assert_eq!(decide(&mut operation, PauseAction::Continue), Err(NotPaused::NoPause));
        operation.note_rollout(paused("one"));
        assert_eq!(operation.paused().count(), 1);
        assert_eq!(decide(&mut operation, PauseAction::Continue), Ok(()));
        let decided = operation.clone();
        assert_eq!(operation.paused().count(), 0);
        // Read from ECS again, the pause keeps its decision.
        operation.note_rollout(paused("one"));
        assert_eq!(operation, decided);
        assert_eq!(operation.decide_pauses(PauseAction::Continue, "bob", at(2)), Ok(()));
        assert_eq!(operation, decided);
        assert_eq!(
            operation.decide_pauses(PauseAction::RollBack, "bob", at(2)),
            Err(NotPaused::Decided {
                by: "ann".to_owned(),
                action: PauseAction::Continue
            })
        );
        // The next pause takes its own.
        operation.note_rollout(paused("two"));
        assert_eq!(decide(&mut operation, PauseAction::RollBack), Ok(()));
        operation.status = OperationStatus::Failed;
        assert_eq!(
            decide(&mut operation, PauseAction::RollBack),
            Err(NotPaused::NotRunning(OperationStatus::Failed))
        );
    }

    #[test]
    fn the_end_of_a_pause_says_who_ended_it() {
        let mut rollout = paused("one");
        assert_eq!(rollout.ended_by_pause(at(99)), None);
        assert!(
            rollout
                .ended_by_pause(at(100))
                .is_some_and(|text| text.contains("without a decision"))
        );
        let decision = |action| PauseDecision {
            action,
            by: "ann".to_owned(),
            at: at(1),
        };
        let pause = rollout.pause.as_mut().expect("a pause");
        pause.decision = Some(decision(PauseAction::RollBack));
        assert!(
            rollout
                .ended_by_pause(at(2))
                .is_some_and(|text| text.starts_with("ann rolled it back"))
        );
        let pause = rollout.pause.as_mut().expect("a pause");
        pause.decision = Some(decision(PauseAction::Continue));
        assert_eq!(rollout.ended_by_pause(at(200)), None);
    }
}
