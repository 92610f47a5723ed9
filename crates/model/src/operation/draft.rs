//! Drafts are applied in sandboxes alone, whatever they were when they were requested.

use super::{Operation, OperationKind};
use crate::environment::Environment;
use crate::plan::{PlanSummary, Refusal, Verdict, review};

/// The policy of a refused draft.
pub const SANDBOX: &str = "environment.sandbox";

impl Operation {
    /// The verdict on its plan, by the rules of its environment.
    pub fn review(&self, plan: &PlanSummary, environment: &Environment) -> Verdict {
        match self.draft_refusal(environment) {
            Some(refusal) => Verdict::Refused(refusal),
            None => review(self.kind(), plan, environment),
        }
    }

    /// Why its configuration may not be applied: it is a draft, and the environment is no sandbox any more. A stack that was made of
    /// a draft can still be checked for drift and destroyed.
    pub fn draft_refusal(&self, environment: &Environment) -> Option<Refusal> {
        let makes = match self.kind() {
            OperationKind::Provision | OperationKind::Update => true,
            OperationKind::Preview
            | OperationKind::Release
            | OperationKind::Destroy
            | OperationKind::Drift
            | OperationKind::Rollback
            | OperationKind::Task => false,
        };
        if !makes || !self.configuration.draft || environment.sandbox {
            return None;
        }
        Some(Refusal {
            policy: SANDBOX.to_owned(),
            reason: format!(
                "{}@{} is a draft, and the environment `{}` is not a sandbox; request a published version, or publish this one \
                 without `--draft`",
                self.configuration.blueprint, self.configuration.version, environment.name
            ),
            resources: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operation::example;

    fn environment(sandbox: bool) -> Environment {
        serde_json::from_value(json!({
            "name": "play", "account": "000000000000", "region": "us-east-1", "sandbox": sandbox,
        }))
        .expect("an environment")
    }

    #[test]
    fn draft_is_refused_outside_a_sandbox_and_can_be_destroyed() {
        let plan = PlanSummary {
            outputs_changed: true,
            ..PlanSummary::default()
        };
        for (kind, refused) in [
            (OperationKind::Provision, true),
            (OperationKind::Update, true),
            (OperationKind::Preview, false),
            (OperationKind::Drift, false),
            (OperationKind::Destroy, false),
        ] {
            let mut operation = example::operation(&json!({ "kind": kind }));
            operation.configuration.draft = true;
            let verdict = operation.review(&plan, &environment(false));
            let is_refused = matches!(&verdict, Verdict::Refused(refusal) if refusal.policy == SANDBOX);
            assert_eq!(is_refused, refused, "{kind}: {verdict:?}");
            assert_eq!(
                operation.review(&plan, &environment(true)),
                review(kind, &plan, &environment(true)),
                "{kind}"
            );
            operation.configuration.draft = false;
            assert_eq!(operation.draft_refusal(&environment(false)), None, "{kind}");
        }
    }
}
