//! Progressive rollouts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::operation::rollouts::{self, PauseAction};
use utoipa::ToSchema;

/// The progressive rollout of a service.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    /// The service.
    #[schema(example = "web")]
    pub service: String,
    /// The deployment strategy of ECS: `BLUE_GREEN`, `LINEAR` or `CANARY`.
    #[schema(example = "CANARY")]
    pub strategy: String,
    /// The lifecycle stage of ECS.
    #[schema(example = "PRODUCTION_TRAFFIC_SHIFT")]
    pub stage: Option<String>,
    /// The share of the requests that the new tasks get, in percent.
    #[schema(example = 5.0)]
    pub percent: Option<f64>,
    /// The pause in which it waits for a decision; null if there is none.
    pub pause: Option<Pause>,
}

/// A pause of a rollout.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    /// When it ends without a decision.
    pub expires_at: Option<Timestamp>,
    /// What ECS does then: `continue` or `roll_back`.
    #[schema(value_type = String, example = "roll_back")]
    pub at_expiry: PauseAction,
    /// The decision: `continue` or `roll_back`; null until there is one.
    #[schema(value_type = Option<String>, example = "continue")]
    pub decision: Option<PauseAction>,
    /// The caller who decided.
    pub decided_by: Option<String>,
}

impl From<rollouts::ServiceRollout> for Rollout {
    fn from(rollout: rollouts::ServiceRollout) -> Self {
        Self {
            service: rollout.service.to_string(),
            strategy: rollout.strategy,
            stage: rollout.stage,
            percent: rollout.percent,
            pause: rollout.pause.map(|pause| Pause {
                expires_at: pause.expires_at,
                at_expiry: pause.at_expiry,
                decision: pause.decision.as_ref().map(|decision| decision.action),
                decided_by: pause.decision.map(|decision| decision.by),
            }),
        }
    }
}
