//! Whether an account may request this by event: the decision of the policies by which requests over HTTPS are decided, too. What its
//! source account does not list is rejected before, whatever the policies say.

use slipway_control::admission::Change;
use slipway_model::name::Name;
use slipway_model::policy::{ImageFacts, PermittedRequest, Principal, RequestFacts};
use slipway_model::request::StackDraft;
use slipway_model::source_account::{Action, SourceAccount};
use slipway_model::stack::Stack;
use slipway_policy::facts::StackFacts;
use slipway_policy::{Denial, Facts, Question, Resource};

use crate::error::Refused;
use crate::{EventError, Events};

impl Events {
    /// The request for a new stack, if the account may send it.
    pub(crate) async fn permit_new(
        &self,
        source: &SourceAccount,
        caller: &str,
        draft: &StackDraft,
        environment: &Name,
    ) -> Result<PermittedRequest, EventError> {
        let text = |name: &Option<Name>| name.as_ref().map(ToString::to_string).unwrap_or_default();
        let stack = StackFacts {
            id: None,
            name: text(&draft.name),
            owner: draft.owner.as_ref().map_or(caller, |owner| owner.as_str()).to_owned(),
            blueprint: text(&draft.blueprint),
            environment: self.gate.environment(environment).await.map_err(EventError::Policies)?,
        };
        let facts = RequestFacts {
            variables: draft.variables.keys().cloned().collect(),
            images: draft.images.values().collect(),
            version: draft.version.as_ref().map(ToString::to_string),
        };
        self.permit(source, caller, slipway_policy::Action::RequestCreate, stack, facts)
            .await
    }

    /// The request for a change of a stack, if the account may send it.
    pub(crate) async fn permit_change(
        &self,
        source: &SourceAccount,
        caller: &str,
        action: Action,
        stack: &Stack,
        change: &Change,
    ) -> Result<PermittedRequest, EventError> {
        let environment = self.gate.environment(&stack.environment).await;
        let stack = StackFacts::new(stack, environment.map_err(EventError::Policies)?);
        let images = match change {
            Change::Release(release) => release.images.values().collect(),
            _ => ImageFacts::default(),
        };
        let facts = RequestFacts {
            images,
            ..RequestFacts::default()
        };
        let action = match action {
            Action::Provision => slipway_policy::Action::RequestCreate,
            Action::Release => slipway_policy::Action::RequestRelease,
            Action::Destroy => slipway_policy::Action::RequestDestroy,
            Action::Drift => slipway_policy::Action::Operate,
        };
        self.permit(source, caller, action, stack, facts).await
    }

    async fn permit(
        &self,
        source: &SourceAccount,
        caller: &str,
        action: slipway_policy::Action,
        stack: StackFacts,
        facts: RequestFacts,
    ) -> Result<PermittedRequest, EventError> {
        let policies = self.gate.policies().await.map_err(EventError::Policies)?;
        let principal = Principal::named(caller);
        let decision = policies.decide(&Question {
            principal: &principal,
            action,
            resource: &Resource::Stack(stack),
            facts: &Facts::Request(facts.clone()),
        });
        match decision {
            Ok(_policies) => Ok(PermittedRequest { principal, facts }),
            Err(denial) => Err(denied(source, action, &denial).into()),
        }
    }
}

/// The message to the account.
fn denied(source: &SourceAccount, action: slipway_policy::Action, denial: &Denial) -> Refused {
    let account = &source.account;
    tracing::warn!(%account, %action, policies = denial.policies.join(","), reason = denial.reason, "denied");
    Refused::denied(denial.to_account(account.as_str(), action))
}
