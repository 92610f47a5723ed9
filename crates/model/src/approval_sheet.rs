//! The approval sheet: everything that an approver decides by, with one hash.
//!
//! An approval quotes the hash. Where anything on the sheet has changed since it was read (the plan, the rules of the
//! environment, the image that a release replaces), the hash is another one, and the approval is rejected.
//!
//! The rule of the approval is on the sheet: an approver decides differently if a second approval is required. The approvals that were
//! given are not. They would make the sheet of every approver another one, so two approvals could never be of the same sheet. They are
//! shown beside it, and each counts by the hash that it quotes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::environment::{Approval, Environment};
use crate::json::canonical;
use crate::name::{Digest, Image, Name};
use crate::operation::work::Work;
use crate::operation::{Operation, OperationKind};
use crate::plan::attribute::AttributeChange;
use crate::plan::binding::Binding;
use crate::plan::contract::PlannedContract;
use crate::plan::cost::MonthlyCost;
use crate::plan::migration::DangerousStatement;
use crate::plan::pages::Index;
use crate::plan::review::{self, requirements};
use crate::plan::{Action, PlanSummary, Refusal, Requirement, Verdict, is_zero, protection};
use crate::stack::{Configuration, StackStatus};
use crate::subscription::Subscription;

mod rule;
mod subscriptions;

pub use rule::{ApprovalOnSheet, RequiredBy};
use subscriptions::subscriptions;
pub use subscriptions::{Follows, SubscriptionChange};

/// What a sheet is made of.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The operation, which has a plan.
    pub operation: &'a Operation,
    /// Its environment as it is now.
    pub environment: &'a Environment,
    /// What the stack was made from last; none for a new one.
    pub applied: Option<&'a Configuration>,
    /// The images that its services run.
    pub images: &'a BTreeMap<Name, Image>,
    /// Whether an update may release the current images again ([`crate::stack::Stack::release_to_repeat`]).
    pub may_repeat_release: bool,
    /// What its services subscribe to; of a new stack, what its request says.
    pub subscriptions: &'a BTreeMap<Name, Subscription>,
    /// The index of the plan.
    pub index: &'a Index,
    /// The first items of the plan.
    pub first: Vec<Value>,
}

/// Everything that an approver decides by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sheet {
    /// The operation.
    pub operation: String,
    /// What it does.
    pub kind: OperationKind,
    /// The stack.
    pub stack: StackOnSheet,
    /// Where it is.
    pub environment: EnvironmentOnSheet,
    /// The requester.
    pub requested_by: String,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// The blueprint.
    pub blueprint: BlueprintOnSheet,
    /// The variables that change.
    pub variables: Vec<VariableChange>,
    /// The subscriptions that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<SubscriptionChange>,
    /// The plan.
    pub plan: PlanOnSheet,
    /// How many resources are destroyed, for good or to be made anew.
    pub destroy_count: u64,
    /// How many leave the state without being destroyed.
    pub forget_count: u64,
    /// What changes in services: task definitions and images.
    pub services: Vec<ServiceOnSheet>,
    /// What runs after the apply.
    pub runs: RunsOnSheet,
    /// The rules that judged the plan.
    pub policies: Vec<PolicyVerdict>,
    /// By what rule it is approved; none for a plan that needs no approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalOnSheet>,
    /// What the apply uses, by SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Binding>,
}

/// The stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackOnSheet {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentOnSheet {
    /// Its name.
    pub name: String,
    /// The AWS account.
    pub account: String,
    /// The AWS Region.
    pub region: String,
    /// Whether its stacks are protected.
    pub protected: bool,
}

/// The blueprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlueprintOnSheet {
    /// Its name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The version that the stack was made from last, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<String>,
    /// The digest of its files.
    pub digest: Digest,
}

/// A variable that changes. Values of sensitive ones are not shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariableChange {
    /// Its name.
    pub name: String,
    /// The value before; none where the default held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after; none where the default holds from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether the values are hidden.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// The plan: what it counts, and its first items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanOnSheet {
    /// The counts.
    pub add: u64,
    /// Updates in place.
    pub change: u64,
    /// Resources that are destroyed for good.
    pub destroy: u64,
    /// Resources that are destroyed and made anew.
    pub replace: u64,
    /// Resources that leave the state.
    pub forget: u64,
    /// Resources that are taken into the state.
    pub import: u64,
    /// Resources that get another address.
    pub moved: u64,
    /// Actions that are invoked.
    pub invoke: u64,
    /// Resources whose provisioners may run.
    #[serde(skip_serializing_if = "is_zero")]
    pub provision: u64,
    /// What Terraform leaves to a later plan.
    pub deferred: u64,
    /// Resources that were changed outside Terraform.
    pub drifted: u64,
    /// Of these, how many are changed back.
    pub drift_overwritten: u64,
    /// Resources that the provider no longer finds.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_found: u64,
    /// Checks that failed.
    pub checks_failed: u64,
    /// Whether an output changes.
    pub outputs_changed: bool,
    /// What changes in services: the lines of the plan's summary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// What in the plan is not understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<String>,
    /// What Terraform warns of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the resources cost a month, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<MonthlyCost>,
    /// How many items the plan has.
    pub items: u64,
    /// The SHA-256 of all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// The first of them: what destroys comes first.
    pub first: Vec<Value>,
}

/// A service whose image or task definition changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceOnSheet {
    /// Its name.
    pub name: String,
    /// What becomes of it, where the plan changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The image that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_before: Option<Image>,
    /// The image that it gets, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_after: Option<Image>,
    /// What changes in its task definition and count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
}

/// What runs after the apply; of a preview, what would run if an update applied its plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunsOnSheet {
    /// Whether the apply is followed by a release: of the request's images, or of the current ones again.
    pub release: bool,
    /// The migrations of that release, in order.
    pub migrations: Vec<String>,
    /// The backups before them.
    pub backups: Vec<String>,
    /// The dangerous statements in the SQL of new and changed migrations, which run in this release or the next. If a release failed beside
    /// the plan, also those of the other migrations, which run again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dangerous: Vec<DangerousStatement>,
    /// How many of these there are, if not all are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dangerous_count: Option<u64>,
    /// Whether a snapshot of the database is taken.
    pub snapshot: bool,
    /// The task that the operation runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// What a rule says of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyVerdict {
    /// Its name.
    pub policy: String,
    /// `allow`, `approval_needed` or `refuse`.
    pub verdict: &'static str,
    /// Why.
    pub reason: String,
}

impl Sheet {
    /// The sheet of an operation; none where it has no plan yet.
    pub fn new(basis: Basis<'_>) -> Option<Self> {
        let operation = basis.operation;
        let plan = operation.plan.as_ref()?;
        let environment = basis.environment;
        let configuration = &operation.configuration;
        let previous = basis.applied.map(|applied| applied.version.to_string());
        Some(Self {
            operation: operation.id.to_string(),
            kind: operation.kind(),
            stack: StackOnSheet {
                id: operation.stack.to_string(),
                name: operation.stack_name.to_string(),
            },
            environment: EnvironmentOnSheet {
                name: environment.name.to_string(),
                account: environment.account.to_string(),
                region: environment.region.to_string(),
                protected: environment.protected,
            },
            requested_by: operation.requested_by.clone(),
            requested_at: operation.created_at,
            blueprint: BlueprintOnSheet {
                name: configuration.blueprint.to_string(),
                version: configuration.version.to_string(),
                previous_version: previous.filter(|previous| *previous != configuration.version.to_string()),
                digest: configuration.digest.clone(),
            },
            variables: variables(basis.applied, configuration),
            subscriptions: subscriptions(&basis),
            destroy_count: plan.destroy + plan.replace,
            forget_count: plan.forget,
            services: services(&basis),
            runs: runs(&basis),
            policies: policies(plan, operation, environment),
            approval: operation.approval_rule.as_ref().map(ApprovalOnSheet::from),
            plan: on_sheet(plan, basis.first),
            artifacts: operation.binding.clone(),
        })
    }

    /// Adds a policy that refuses the plan, unless it is on the sheet.
    pub fn refuse(&mut self, refusal: Refusal) {
        if self.policies.iter().all(|verdict| verdict.policy != refusal.policy) {
            self.policies.push(PolicyVerdict {
                policy: refusal.policy,
                verdict: "refuse",
                reason: refusal.reason,
            });
        }
    }

    /// The sheet as JSON, without its hash.
    pub fn to_json(&self) -> Value {
        // Every name in it is a text.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The SHA-256 of the sheet's canonical JSON.
    pub fn hash(&self) -> Digest {
        Digest::of(canonical(&self.to_json()).as_bytes())
    }
}

fn on_sheet(plan: &PlanSummary, first: Vec<Value>) -> PlanOnSheet {
    PlanOnSheet {
        add: plan.add,
        change: plan.change,
        destroy: plan.destroy,
        replace: plan.replace,
        forget: plan.forget,
        import: plan.imports(),
        moved: plan.moved,
        invoke: plan.invoke,
        provision: plan.provision,
        deferred: plan.deferred,
        drifted: plan.drifted,
        drift_overwritten: plan.drift_overwritten,
        not_found: plan.not_found_count(),
        checks_failed: plan.checks_failed,
        outputs_changed: plan.outputs_changed,
        services: plan.services.clone(),
        not_understood: plan.not_understood.clone(),
        warnings: plan.warnings.clone(),
        cost: plan.cost.clone(),
        items: plan.document.as_ref().map_or(0, |document| document.items),
        sha256: plan.document.as_ref().map(|document| document.index.clone()),
        first,
    }
}

fn variables(applied: Option<&Configuration>, wanted: &Configuration) -> Vec<VariableChange> {
    let value = |configuration: Option<&Configuration>, name: &str| configuration?.variables.get(name).cloned();
    let before = applied.into_iter().flat_map(|applied| applied.variables.keys());
    let names: BTreeSet<&String> = before.chain(wanted.variables.keys()).collect();
    let change = |name: &String| {
        let (before, after) = (value(applied, name), value(Some(wanted), name));
        if before == after {
            return None;
        }
        let is_sensitive = |configuration: &Configuration| configuration.sensitive.contains(name);
        let sensitive = applied.is_some_and(is_sensitive) || is_sensitive(wanted);
        Some(VariableChange {
            name: name.clone(),
            before: before.filter(|_| !sensitive),
            after: after.filter(|_| !sensitive),
            sensitive,
        })
    };
    names.into_iter().filter_map(change).collect()
}

fn services(basis: &Basis<'_>) -> Vec<ServiceOnSheet> {
    let planned = basis.index.contract.as_ref().map(|contract| &contract.services);
    let images = || basis.operation.work.images();
    let names = images().map(|(service, _)| service.as_str());
    let names: BTreeSet<&str> = names
        .chain(
            planned
                .into_iter()
                .flat_map(|services| services.keys().map(String::as_str)),
        )
        .collect();
    let service = |name: &str| {
        let change = planned.and_then(|services| services.get(name));
        let is_of_service = |(service, _): &(&Name, &Image)| service.as_str() == name;
        let before = basis.images.iter().find(is_of_service).map(|(_, image)| image.clone());
        let after = images().find(is_of_service).map(|(_, image)| image.clone());
        let after = after.filter(|after| before.as_ref() != Some(after));
        if change.is_none() && after.is_none() {
            return None;
        }
        Some(ServiceOnSheet {
            name: name.to_owned(),
            action: change.map(|change| change.action),
            image_before: before,
            image_after: after,
            attributes: change.map(|change| change.attributes.clone()).unwrap_or_default(),
        })
    };
    names.into_iter().filter_map(service).collect()
}

/// An update releases the current images again where the shape of its services changes, or Terraform deploys them; a provision has a
/// release where images came with the request. A preview has what an update with its plan would run.
fn runs(basis: &Basis<'_>) -> RunsOnSheet {
    let operation = basis.operation;
    let contract = basis.index.contract.as_ref();
    let releases_again = |mends: bool| {
        basis.may_repeat_release
            && (mends || operation.deploys() || contract.is_some_and(|contract| contract.shape_changes))
    };
    let release = match &operation.work {
        Work::Destroy | Work::Drift | Work::Task { .. } => false,
        Work::Provision { release } => release.is_some(),
        Work::Release { .. } | Work::Rollback { .. } => true,
        Work::Update { mends, .. } => releases_again(*mends),
        // An update of a failed stack mends it.
        Work::Preview { .. } => releases_again(operation.found == Some(StackStatus::Failed)),
    };
    let (dangerous, dangerous_count) = dangerous(contract, operation);
    let named = |names: Option<&Vec<String>>| names.cloned().unwrap_or_default();
    RunsOnSheet {
        release,
        migrations: if release {
            named(contract.map(|contract| &contract.migrations))
        } else {
            Vec::new()
        },
        backups: if release && operation.work.with_snapshot() {
            named(contract.map(|contract| &contract.backups))
        } else {
            Vec::new()
        },
        dangerous_count: (dangerous_count > dangerous.len() as u64).then_some(dangerous_count),
        dangerous,
        snapshot: operation.work.with_snapshot(),
        task: operation.work.task().map(ToString::to_string),
    }
}

/// The dangerous statements that run, and how many there are. Those of known files run again after a release that failed beside the plan:
/// it may have run them in part.
fn dangerous(contract: Option<&PlannedContract>, operation: &Operation) -> (Vec<DangerousStatement>, u64) {
    let Some(contract) = contract else {
        return (Vec::new(), 0);
    };
    let (mut named, mut count) = (contract.dangerous.clone(), contract.dangerous_count);
    if operation.found == Some(StackStatus::Failed) {
        named.extend(contract.dangerous_known.iter().cloned());
        count += contract.dangerous_known_count;
    }
    (named, count)
}

/// What the rules of the environment say, by name.
fn policies(plan: &PlanSummary, operation: &Operation, environment: &Environment) -> Vec<PolicyVerdict> {
    let verdict = |policy: &str, verdict: &'static str, reason: String| PolicyVerdict {
        policy: policy.to_owned(),
        verdict,
        reason,
    };
    let required = requirements(plan, environment);
    let needed = |why: &Requirement| verdict(why.policy(), "approval_needed", why.reason().to_owned());
    let mut verdicts: Vec<PolicyVerdict> = required.iter().map(needed).collect();
    let allowed = match environment.approval {
        Approval::Never => Some("plans need no approval"),
        Approval::WhenDestroying if !plan.may_lose() => Some("the plan destroys nothing"),
        Approval::WhenDestroying | Approval::Always => None,
    };
    verdicts.extend(allowed.map(|reason| verdict(review::APPROVAL, "allow", reason.to_owned())));
    if environment.protected {
        verdicts.push(verdict(
            protection::PROTECTED,
            if operation.kind() == OperationKind::Destroy {
                "refuse"
            } else {
                "allow"
            },
            "stacks of the environment are not destroyed".to_owned(),
        ));
    }
    if environment.protected {
        let judged = match protection::refusal(plan, environment) {
            Some(refusal) => Some(("refuse", refusal.reason)),
            None if required.contains(&Requirement::NotFoundInProtected) => None,
            None => Some(("allow", "no resource of a protected type would be lost".to_owned())),
        };
        verdicts.extend(judged.map(|(judged, reason)| verdict(protection::PROTECTED_TYPES, judged, reason)));
    }
    if let Some(Verdict::Refused(refusal)) = &operation.verdict
        && verdicts.iter().all(|verdict| verdict.policy != refusal.policy)
    {
        verdicts.push(verdict(&refusal.policy, "refuse", refusal.reason.clone()));
    }
    verdicts
}

#[cfg(test)]
#[path = "approval_sheet_tests.rs"]
mod tests;
