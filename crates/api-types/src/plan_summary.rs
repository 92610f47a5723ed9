//! What a plan or a drift check counts, and the first of its resources.

use serde::{Deserialize, Serialize};
use slipway_model::plan;
use utoipa::ToSchema;

/// What the rules say of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Only the plan was requested.
    ShownOnly,
    /// There is nothing to apply.
    NothingToChange,
    /// It is applied.
    Apply,
    /// It waits for an approval.
    ApprovalNeeded,
    /// It is refused.
    Refused,
}

/// A plan: what Terraform would change, and the verdict.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// How many resources an apply touches. The counts below may have one twice: imported and updated.
    #[serde(default)]
    pub resource_count: u64,
    /// Resources to create.
    pub add: u64,
    /// Resources to update in place.
    pub change: u64,
    /// Resources to destroy.
    pub destroy: u64,
    /// Resources to destroy and create again.
    pub replace: u64,
    /// Resources to import into the state.
    pub import: u64,
    /// Resources to remove from the state without destroying them.
    pub forget: u64,
    /// Resources that only get another address in the state.
    pub moved: u64,
    /// Actions to invoke.
    pub invoke: u64,
    /// Resources to create or destroy whose provisioners may run.
    #[serde(default)]
    pub provision: u64,
    /// Changes and actions that Terraform defers to a later plan.
    pub deferred: u64,
    /// Drifted resources.
    pub drifted: u64,
    /// Drifted resources that the provider no longer finds. The apply drops them from the state.
    #[serde(default)]
    pub not_found: u64,
    /// Failed checks and conditions.
    pub checks_failed: u64,
    /// What Slipway does not understand in the plan, which then needs an approval.
    pub not_understood: Vec<String>,
    /// What Terraform warns of: the first ten texts, without secrets. The log has all.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether an output would change.
    pub outputs_changed: bool,
    /// What would change in services: a line for each of the first ten.
    #[serde(default)]
    #[schema(example = json!(["web: desired_count 2 -> 3"]))]
    pub services: Vec<String>,
    /// The first 100 resources that would change, deletions first. `links.plan` has all of them.
    pub resources: Vec<ResourceChange>,
    /// The verdict: `shown_only`, `nothing_to_change`, `apply`, `approval_needed` or `refused`; null before the review.
    #[schema(value_type = Option<String>, example = "apply")]
    pub verdict: Option<Verdict>,
    /// Why the environment's rules refuse it.
    pub refused_because: Option<String>,
    /// The policy that refuses it.
    #[schema(example = "environment.protected_types")]
    pub refused_by: Option<String>,
    /// The addresses of the resources that the policy is about. The first ones, if there are many.
    pub refused_resources: Vec<String>,
}

/// Drift: differences between the resources and the stack's state.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// How many resources drifted.
    pub count: u64,
    /// The first 100 of them: `update` for a changed one, `delete` for one that no longer exists.
    pub resources: Vec<ResourceChange>,
}

/// The change of one resource in a plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResourceChange {
    /// Its address in the configuration.
    #[schema(example = "terraform_data.service[\"web\"]")]
    pub address: String,
    /// The change: `create`, `update`, `replace`, `delete`, `import`, `forget`, `move` or `unknown`.
    #[schema(value_type = String, example = "create")]
    pub action: plan::Action,
}

impl Plan {
    /// The summary of a plan, and the verdict on it.
    pub fn new(plan: plan::PlanSummary, verdict: Option<plan::Verdict>) -> Self {
        let (verdict, refusal) = match verdict {
            None => (None, None),
            Some(plan::Verdict::ShownOnly) => (Some(Verdict::ShownOnly), None),
            Some(plan::Verdict::NothingToChange) => (Some(Verdict::NothingToChange), None),
            Some(plan::Verdict::Apply) => (Some(Verdict::Apply), None),
            Some(plan::Verdict::ApprovalNeeded) => (Some(Verdict::ApprovalNeeded), None),
            Some(plan::Verdict::Refused(refusal)) => (Some(Verdict::Refused), Some(refusal)),
        };
        Self {
            resource_count: plan.resource_count(),
            add: plan.add,
            change: plan.change,
            destroy: plan.destroy,
            replace: plan.replace,
            import: plan.imports(),
            forget: plan.forget,
            moved: plan.moved,
            invoke: plan.invoke,
            provision: plan.provision,
            deferred: plan.deferred,
            drifted: plan.drifted,
            not_found: plan.not_found_count(),
            checks_failed: plan.checks_failed,
            not_understood: plan.not_understood,
            warnings: plan.warnings,
            outputs_changed: plan.outputs_changed,
            services: plan.services,
            resources: resources(plan.resources),
            verdict,
            refused_because: refusal.as_ref().map(|refusal| refusal.reason.clone()),
            refused_by: refusal.as_ref().map(|refusal| refusal.policy.clone()),
            refused_resources: refusal.map(|refusal| refusal.resources).unwrap_or_default(),
        }
    }
}

impl From<plan::Drift> for Drift {
    fn from(drift: plan::Drift) -> Self {
        Self {
            count: drift.count,
            resources: resources(drift.resources),
        }
    }
}

fn resources(changes: Vec<plan::ResourceChange>) -> Vec<ResourceChange> {
    let shown = |change: plan::ResourceChange| ResourceChange {
        address: change.address,
        action: change.action,
    };
    changes.into_iter().map(shown).collect()
}
