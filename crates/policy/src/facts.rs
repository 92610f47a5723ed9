//! What policies know. Facts that policies search are sets: Cedar has no loops.

use std::collections::BTreeSet;

use slipway_model::environment::Environment;
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::plan::{Action, PlanSummary};
use slipway_model::policy::ImageFacts;
use slipway_model::principal::Owner;
use slipway_model::request::StackDraft;
use slipway_model::stack::Stack;

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFacts {
    /// Its name.
    pub name: String,
    /// Its account.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// Whether it is protected.
    pub protected: bool,
}

impl EnvironmentFacts {
    /// An environment whose record does not exist or cannot be read. It counts as protected.
    pub fn unknown(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            account: String::new(),
            region: String::new(),
            protected: true,
        }
    }
}

impl From<&Environment> for EnvironmentFacts {
    fn from(environment: &Environment) -> Self {
        Self {
            name: environment.name.to_string(),
            account: environment.account.to_string(),
            region: environment.region.to_string(),
            protected: environment.protected,
        }
    }
}

/// A stack; of a new one, what the request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFacts {
    /// Its ID. A new stack has none.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Its blueprint.
    pub blueprint: String,
    /// Where it is.
    pub environment: EnvironmentFacts,
}

impl StackFacts {
    /// A stack that exists.
    pub fn new(stack: &Stack, environment: EnvironmentFacts) -> Self {
        Self {
            id: Some(stack.id.to_string()),
            name: stack.name.to_string(),
            owner: stack.owner.clone(),
            blueprint: stack.configuration.blueprint.to_string(),
            environment,
        }
    }

    /// The stack that a request would create. It belongs to the requester unless the request names an owner.
    pub fn of_draft(draft: &StackDraft, requester: &str, environment: EnvironmentFacts) -> Self {
        let text = |name: Option<&Name>| name.map(ToString::to_string).unwrap_or_default();
        Self {
            id: None,
            name: text(draft.name.as_ref()),
            owner: draft.owner.as_ref().map_or(requester, Owner::as_str).to_owned(),
            blueprint: text(draft.blueprint.as_ref()),
            environment,
        }
    }
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationFacts {
    /// Its ID.
    pub id: String,
    /// What it does.
    pub kind: String,
    /// Its requester.
    pub requester: String,
    /// Its stack.
    pub stack: StackFacts,
}

impl OperationFacts {
    /// An operation of this stack.
    pub fn new(operation: &Operation, stack: StackFacts) -> Self {
        Self {
            id: operation.id.to_string(),
            kind: operation.kind().to_string(),
            requester: operation.requested_by.clone(),
            stack,
        }
    }
}

/// A plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanFacts {
    /// Its counts and types.
    pub summary: PlanSummary,
    /// Where the images of its operation come from.
    pub images: ImageFacts,
}

impl PlanFacts {
    /// The plan of an operation.
    pub fn new(operation: &Operation, plan: &PlanSummary) -> Self {
        Self {
            summary: plan.clone(),
            images: operation.work.images().map(|(_, image)| image).collect(),
        }
    }

    /// The types of resources for which the plan has this action.
    pub fn types(&self, action: Action) -> BTreeSet<String> {
        let types = self.summary.types.iter();
        types
            .filter(|(_, counts)| counts.contains_key(&action))
            .map(|(kind, _)| kind.clone())
            .collect()
    }

    /// The types that would be lost, as the rule of protected types sees it.
    pub fn lost_types(&self) -> BTreeSet<String> {
        let lost = self.summary.lost_types().map(ToOwned::to_owned);
        lost.chain(self.summary.losses.keys().cloned()).collect()
    }
}
