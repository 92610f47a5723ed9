//! What policies say to one caller.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use slipway_api_types::{Missing, MissingKind};
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

    /// The thing that a request is about, as one that does not exist, if the caller may not know of it. A stack is known to callers who may
    /// list or read it, and an operation to those who may read it or know its stack.
    pub(crate) fn hidden(&self, resource: &Resource) -> Option<Missing> {
        let knows = |resource: &Resource| self.may(Action::List, resource) || self.may(Action::Read, resource);
        let (kind, id, is_known) = match resource {
            Resource::Stack(stack) => (MissingKind::Stack, stack.id.as_ref()?, knows(resource)),
            Resource::Operation(operation) => {
                let stack = Resource::Stack(operation.stack.clone());
                (MissingKind::Operation, &operation.id, knows(resource) || knows(&stack))
            }
            Resource::Installation | Resource::Environment(_) | Resource::Blueprint(_) => return None,
        };
        let name = id.clone();
        (!is_known).then_some(Missing { kind, name })
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
