//! What policies say to one caller.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use slipway_model::operation::Operation;
use slipway_model::policy::Principal;
use slipway_policy::facts::{OperationFacts, StackFacts};
use slipway_policy::{Action, Denial, Facts, Policies, Question, Resource};

use crate::caller::Caller;
use crate::error::Error;

/// The policies, as the caller of a request meets them.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    policies: Arc<Policies>,
    principal: Principal,
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::Unauthenticated)
    }
}

impl Viewer {
    pub(crate) fn new(policies: Arc<Policies>, caller: impl Into<Principal>) -> Self {
        Self {
            policies,
            principal: caller.into(),
        }
    }

    /// The caller, as policies know it.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether the caller may do this.
    pub(crate) fn may(&self, action: Action, resource: &Resource) -> bool {
        self.decide(action, resource, &Facts::None).is_ok()
    }

    /// Whether the caller may read an operation of this stack.
    pub(crate) fn may_read(&self, operation: &Operation, stack: StackFacts) -> bool {
        let operation = OperationFacts::new(operation, stack);
        self.may(Action::Read, &Resource::Operation(operation))
    }

    /// Whether the caller may know of what a request is about. Stacks, environments and blueprints are known to callers who may list or
    /// read them, and an operation to those who may read it or know its stack.
    pub(crate) fn knows(&self, resource: &Resource) -> bool {
        let sees = |resource: &Resource| self.may(Action::List, resource) || self.may(Action::Read, resource);
        match resource {
            Resource::Installation => true,
            // A new one is the caller's own.
            Resource::Stack(stack) => stack.id.is_none() || sees(resource),
            Resource::Operation(operation) => sees(resource) || sees(&Resource::Stack(operation.stack.clone())),
            Resource::Environment(_) | Resource::Blueprint(_) => sees(resource),
        }
    }

    /// The denial of what no policy permits.
    pub(crate) fn unpermitted(&self, action: Action, resource: &Resource) -> Denial {
        Denial::unpermitted(&self.principal, action, resource)
    }

    /// The policies that permit it, or why it is denied. Only a caller who may read a plan approves it.
    pub(crate) fn decide(&self, action: Action, resource: &Resource, facts: &Facts) -> Result<Vec<String>, Denial> {
        let decide = |action, facts| {
            self.policies.decide(&Question {
                principal: &self.principal,
                action,
                resource,
                facts,
            })
        };
        let policies = decide(action, facts)?;
        if action == Action::Approve {
            decide(Action::Read, &Facts::None)?;
        }
        Ok(policies)
    }
}

impl From<&Caller> for Principal {
    fn from(caller: &Caller) -> Self {
        Self {
            name: caller.name.clone(),
            former: caller.former.clone(),
            groups: caller.groups.clone(),
            administrator: caller.admin,
        }
    }
}
