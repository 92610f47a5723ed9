//! Review plan: the rules of the environment judge what Terraform would change, unless the build of Plan has applied them already.

use jiff::Timestamp;
use serde::Serialize;
use slipway_model::id::OperationId;
use slipway_model::operation::one_build::{Next, Planned};
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::plan::{self, Verdict};

use crate::{StepError, Steps, state};

/// What the workflow does next.
#[derive(Debug, Serialize)]
pub(crate) struct Reviewed {
    verdict: Answer,
    /// Whether the build of Plan applied the plan.
    applied: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// Nothing: the plan was all that was wanted, or nothing would change.
    Complete,
    ApprovalNeeded,
    Apply,
}

impl Steps {
    pub(crate) async fn review_plan(&self, operation: &OperationId) -> Result<Reviewed, StepError> {
        let began = Timestamp::now();
        let planned = self.store.operation(operation).await?;
        match planned.planned() {
            Some(Planned::Applied) => {
                return Ok(Reviewed {
                    verdict: Answer::Apply,
                    applied: true,
                });
            }
            Some(Planned::Applies | Planned::Failed) => {
                let why = "the build of Plan began to apply the plan and did not record its success";
                return Err(StepError::PlanFailed(why.to_owned()));
            }
            Some(Planned::Left) | None => {}
        }
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
        let verdict = match reviewed.after_review(&verdict) {
            Next::Refused(why) => return Err(StepError::PlanRefused(why)),
            Next::Approval => Answer::ApprovalNeeded,
            Next::Apply => Answer::Apply,
            Next::Complete => Answer::Complete,
        };
        Ok(Reviewed {
            verdict,
            applied: false,
        })
    }
}
