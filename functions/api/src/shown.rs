//! Records of the store, and decisions of policies, as the API shows them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use slipway_api_types::{
    BlueprintSummary, ConfiguredItems, Decision, Environment, Items, PlanDecision, Policies, Policy, PolicyEffect,
    SheetApproval,
};
use slipway_model::name::Digest;
use slipway_model::operation::Operation;
use slipway_model::policy::{PolicyRevision, StoredPolicy};
use slipway_model::{environment, error_chain};
use slipway_policy::policies::defaults;
use slipway_policy::text::{Does, does};
use slipway_policy::{Denial, file};
use slipway_store::configured::Configured;
use slipway_store::{Cursor, Page, blueprint};

use crate::error::Error;
use crate::{Api, Caller};

impl Api {
    /// A page of a list.
    pub(crate) async fn items<R, T>(&self, page: Page<R>, show: impl FnMut(R) -> T) -> Result<Items<T>, Error> {
        Ok(Items {
            items: page.items.into_iter().map(show).collect(),
            next: self.sealed(page.next.as_ref()).await?,
        })
    }

    /// A page of configured records. The reasons for unreadable ones go to the log.
    pub(crate) async fn configured_items<R, T>(
        &self,
        page: Page<Configured<R>>,
        mut show: impl FnMut(R, u64) -> T,
    ) -> Result<ConfiguredItems<T>, Error> {
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for configured in page.items {
            match configured.record {
                Ok(record) => items.push(show(record, configured.revision)),
                Err(error) => {
                    let error = error_chain::chain(&Error::from(error));
                    tracing::error!(name = configured.name, error, "a record cannot be read");
                    unreadable.push(configured.name);
                }
            }
        }
        Ok(ConfiguredItems {
            items,
            unreadable,
            next: self.sealed(page.next.as_ref()).await?,
        })
    }

    /// Where a list goes on, as its reader gets it: the page may have ended at a record that the caller may not see.
    pub(crate) async fn sealed(&self, next: Option<&Cursor>) -> Result<Option<String>, Error> {
        match next {
            Some(next) => Ok(Some(self.store.seal(next).await?)),
            None => Ok(None),
        }
    }

    /// Where a list goes on, as a request gives it back.
    pub(crate) async fn opened(&self, cursor: Option<String>) -> Result<Option<Cursor>, Error> {
        match cursor {
            Some(cursor) => Ok(Some(self.store.open(&cursor).await?)),
            None => Ok(None),
        }
    }
}

/// A blueprint in a list.
pub(crate) fn blueprint_summary(summary: blueprint::BlueprintSummary) -> BlueprintSummary {
    BlueprintSummary {
        name: summary.name.to_string(),
        description: summary.description,
        version: summary.latest.to_string(),
        published_at: summary.published_at,
        draft: summary.draft,
    }
}

/// An environment as the caller may see it. `sensitive` are the names under which values are hidden.
pub(crate) fn environment(
    mut environment: environment::Environment,
    revision: u64,
    caller: &Caller,
    sensitive: &BTreeSet<String>,
) -> Environment {
    if !caller.admin {
        environment.external_id = None;
    }
    Environment::of(environment, revision, sensitive)
}

/// A sheet with its hash, and what has become of the operation: its status, the decision and the approvals.
pub(crate) fn sheet(mut shown: Value, hash: &Digest, operation: &Operation) -> Value {
    let this = format!("/v1/operations/{}", operation.id);
    let decision = PlanDecision::about(operation);
    let decided_by = match decision {
        Some(PlanDecision::Approved) => operation.approved_by.as_ref(),
        Some(PlanDecision::Rejected) => operation.rejection.as_ref().map(|rejection| &rejection.by),
        None => None,
    };
    let approvals = operation.approvals.iter().map(|approval| SheetApproval {
        counts: operation.counts(approval, hash),
        approval: approval.clone().into(),
    });
    let approvals: Vec<SheetApproval> = approvals.collect();
    shown["hash"] = hash.as_str().into();
    shown["status"] = json!(operation.status);
    shown["decision"] = json!(decision);
    shown["decided_by"] = json!(decided_by);
    shown["approvals_given"] = approvals.iter().filter(|approval| approval.counts).count().into();
    shown["approvals"] = json!(approvals);
    shown["links"] = json!({
        "self": format!("{this}/sheet"),
        "operation": this,
        "plan": format!("{this}/plan"),
        "approve": format!("{this}/approve"),
    });
    shown
}

/// A policy that was stored.
pub(crate) fn policy(policy: StoredPolicy) -> Policy {
    Policy {
        replaces_default: defaults().any(|(name, _)| name == policy.name.as_str()),
        effect: effect(policy.name.as_str(), &policy.text),
        in_file: file::part(policy.name.as_str(), &policy.text),
        name: policy.name.to_string(),
        text: policy.text,
        default: false,
        updated_by: Some(policy.updated_by),
        updated_at: Some(policy.updated_at),
    }
}

fn effect(name: &str, text: &str) -> PolicyEffect {
    match does(name, text) {
        Does::Permit => PolicyEffect::Permit,
        Does::Forbid => PolicyEffect::Forbid,
        Does::Nothing => PolicyEffect::Off,
    }
}

/// The policies that hold: those that were stored, and the default policies that they do not replace.
pub(crate) fn policies(revision: PolicyRevision) -> Policies {
    let is_replaced = |name: &str| revision.policies.iter().any(|policy| policy.name.as_str() == name);
    let kept = defaults().filter(|(name, _)| !is_replaced(name));
    let mut items: Vec<Policy> = kept
        .map(|(name, text)| Policy {
            name: name.to_owned(),
            effect: effect(name, &text),
            in_file: file::part(name, &text),
            text,
            default: true,
            replaces_default: false,
            updated_by: None,
            updated_at: None,
        })
        .collect();
    items.extend(revision.policies.into_iter().map(policy));
    items.sort_by(|one, other| one.name.cmp(&other.name));
    Policies {
        revision: revision.revision,
        changed_by: revision.changed_at.map(|_| revision.changed_by),
        changed_at: revision.changed_at,
        judges_plans: revision.judges_plans,
        items,
    }
}

/// A decision of the policies.
pub(crate) fn decision(decision: Result<Vec<String>, Denial>) -> Decision {
    match decision {
        Ok(policies) => Decision {
            allowed: true,
            policies,
            reason: None,
        },
        Err(denial) => Decision {
            allowed: false,
            policies: denial.policies,
            reason: Some(denial.reason),
        },
    }
}
