//! Whether an account may request this by event: the decision of the policies by which requests over HTTPS are decided, too. What its
//! source account does not list is rejected before, whatever the policies say.

use slipway_control::admission::Change;
use slipway_model::name::Name;
use slipway_model::policy::{PermittedRequest, Principal, RequestFacts};
use slipway_model::request::StackDraft;
use slipway_model::source_account::SourceAccount;
use slipway_model::stack::Stack;
use slipway_model::subscription::Push;
use slipway_policy::facts::StackFacts;
use slipway_policy::{Action, Denial, Facts, Question, Resource};

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
        let environment = self.gate.environment(environment).await.map_err(EventError::Policies)?;
        let stack = StackFacts::of_draft(draft, caller, environment);
        let facts = RequestFacts::of_new_stack(draft);
        self.permit(source, caller, Action::RequestCreate, stack, facts).await
    }

    /// The request for a change of a stack, if the account may send it.
    pub(crate) async fn permit_change(
        &self,
        source: &SourceAccount,
        caller: &str,
        stack: &Stack,
        change: &Change,
    ) -> Result<PermittedRequest, EventError> {
        let action = Action::to_request(change.kind());
        self.permit_on(source, caller, action, stack, change.facts()).await
    }

    /// The release of a pushed image, if the push may lead to it.
    pub(crate) async fn permit_push(
        &self,
        source: &SourceAccount,
        caller: &str,
        stack: &Stack,
        push: &Push,
    ) -> Result<PermittedRequest, EventError> {
        let facts = RequestFacts::of_push(push);
        self.permit_on(source, caller, Action::RequestRelease, stack, facts)
            .await
    }

    async fn permit_on(
        &self,
        source: &SourceAccount,
        caller: &str,
        action: Action,
        stack: &Stack,
        facts: RequestFacts,
    ) -> Result<PermittedRequest, EventError> {
        let environment = self.gate.environment(&stack.environment).await;
        let stack = StackFacts::new(stack, environment.map_err(EventError::Policies)?);
        self.permit(source, caller, action, stack, facts).await
    }

    async fn permit(
        &self,
        source: &SourceAccount,
        caller: &str,
        action: Action,
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
fn denied(source: &SourceAccount, action: Action, denial: &Denial) -> Refused {
    let account = &source.account;
    tracing::warn!(%account, %action, policies = denial.policies.join(","), reason = denial.reason, "denied");
    Refused::denied(denial.to_account(account.as_str(), action))
}
