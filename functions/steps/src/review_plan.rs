//! Review plan: the rules of the environment judge what Terraform would change.

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::id::OperationId;
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::plan::{self, Verdict};

use crate::{StepError, Steps, state};

/// What the workflow does next.
#[derive(Debug, Serialize)]
pub(crate) struct Reviewed {
    verdict: Next,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Next {
    /// Nothing: the plan was all that was wanted, or nothing would change.
    Complete,
    ApprovalNeeded,
    Apply,
}

impl Steps {
    pub(crate) async fn review_plan(&self, operation: &OperationId) -> Result<Reviewed, StepError> {
        let began = Timestamp::now();
        let planned = self.store.operation(operation).await?;
        let verdict = match (&planned.plan, &planned.drift) {
            // What differs is not planned for: it is shown.
            (None, Some(_)) if planned.kind == OperationKind::Drift => Verdict::ShownOnly,
            (Some(plan), _) => {
                let environment = self.store.environment(&planned.environment).await?;
                plan::review(planned.kind, plan, &environment)
            }
            (None, _) => return Err(StepError::PlanFailed("the build ended without a plan".to_owned())),
        };
        let change = |operation: &mut Operation| operation.verdict = Some(verdict.clone());
        let reviewed = self.note(planned, state::REVIEW_PLAN, began, change).await?;
        let verdict = match &verdict {
            Verdict::Refused(why) => return Err(StepError::PlanRefused(why.clone())),
            Verdict::ApprovalNeeded => Next::ApprovalNeeded,
            Verdict::Apply => Next::Apply,
            Verdict::ShownOnly => Next::Complete,
            // Applying the empty plan changes nothing, and says the outputs: what failed before may not have come to that.
            Verdict::NothingToChange if reviewed.mends => Next::Apply,
            Verdict::NothingToChange => Next::Complete,
        };
        Ok(Reviewed { verdict })
    }
}
