//! The policies, and their decisions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cedar_policy::{
    ActionConstraint, AuthorizationError, Authorizer, Decision, Effect, EntityUid, Policy, PolicyId, PolicySet, Schema,
};
use slipway_model::error_chain::chain;
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::plan::{PlanSummary, Refusal};
use slipway_model::policy::{PermittedRequest, Principal, StoredPolicy};

use crate::action::Action;
use crate::facts::{OperationFacts, PlanFacts, StackFacts};
use crate::question::{Facts, Question, Resource, installation, uid};
use crate::text::{self, Invalid, Parsed};

/// The text of the schema.
pub const SCHEMA_TEXT: &str = include_str!("schema.cedarschema");

/// The default policies.
pub const DEFAULTS_TEXT: &str = include_str!("defaults.cedar");

/// How many resources a refusal names.
const NAMED: usize = 10;

/// The default policy that permits to apply plans.
const PLANS: &str = "plans";

pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let (schema, _warnings) =
        Schema::from_cedarschema_str(SCHEMA_TEXT).expect("the schema is compiled in, and a test parses it");
    schema
});

/// The default policies, by name.
static DEFAULTS: LazyLock<Vec<(String, Policy)>> =
    LazyLock::new(|| text::split(DEFAULTS_TEXT).expect("the default policies are compiled in, and a test parses them"));

/// The names and the texts of the default policies.
pub fn defaults() -> impl Iterator<Item = (&'static str, String)> {
    DEFAULTS
        .iter()
        .map(|(name, policy)| (name.as_str(), policy.to_cedar().unwrap_or_default()))
}

/// The policies of an installation: those that are stored, and the default policies that they do not replace.
#[derive(Debug)]
pub struct Policies {
    set: PolicySet,
    /// What policies say of themselves: the annotation `@description`.
    descriptions: BTreeMap<String, String>,
}

/// Why an action is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Denial {
    /// The policies that forbid it; none if no policy permits it.
    pub policies: Vec<String>,
    /// Why, in a sentence for the caller.
    pub reason: String,
    /// What the first of them says of itself.
    pub description: Option<String>,
}

impl Denial {
    /// The denial of what no policy permits.
    pub fn unpermitted(principal: &Principal, action: Action, resource: &Resource) -> Self {
        Self {
            policies: Vec::new(),
            reason: format!(
                "No policy permits {} to `{action}` {}.",
                principal.name,
                resource.phrase()
            ),
            description: None,
        }
    }

    /// The denial in a sentence for an account that asked by event. It does not name the owner of the stack, as the reason does.
    pub fn to_account(&self, account: &str, action: Action) -> String {
        match self.policies.first() {
            Some(policy) => {
                format!("Not allowed: the policy `{policy}` forbids `{action}` to the account {account} here.")
            }
            None => format!(
                "Not allowed: no policy permits the account {account} to `{action}` this stack. By default, a stack that does not belong \
                 to the account {account} is not changed by its events."
            ),
        }
    }
}

impl Policies {
    /// The policies, with these in place of the default policies of the same names. Texts were checked when they were stored
    /// ([`crate::check`]), so a text that does not parse is a fault of the table.
    pub fn new(stored: &[StoredPolicy]) -> Result<Self, Invalid> {
        let is_replaced = |name: &str| stored.iter().any(|stored| stored.name.as_str() == name);
        let kept = DEFAULTS.iter().filter(|(name, _)| !is_replaced(name));
        let mut policies: Vec<Policy> = kept.map(|(_, policy)| policy.clone()).collect();
        for stored in stored {
            match text::parse(stored.name.as_str(), &stored.text)? {
                Parsed::Policy(policy) => policies.push(*policy),
                Parsed::Nothing => {}
            }
        }
        let described = |policy: &Policy| Some((policy.id().to_string(), policy.annotation("description")?.to_owned()));
        let descriptions = policies.iter().filter_map(described).collect();
        let set = PolicySet::from_policies(policies).map_err(|error| Invalid::of_set(&error))?;
        Ok(Self { set, descriptions })
    }

    pub(crate) fn set(&self) -> &PolicySet {
        &self.set
    }

    /// The policies that permit it, or why it is denied. A policy that fails denies, because it may be one that forbids.
    ///
    /// A requester under another name must be permitted under both names. The other name alone permits nothing: a user of IAM Identity
    /// Center has the permissions of one permission set at a time.
    pub fn decide(&self, question: &Question<'_>) -> Result<Vec<String>, Denial> {
        let policies = self.decide_under(question, None)?;
        if let Some(other_name) = question.other_name() {
            self.decide_under(question, Some(other_name))?;
        }
        Ok(policies)
    }

    fn decide_under(&self, question: &Question<'_>, other_name: Option<&str>) -> Result<Vec<String>, Denial> {
        let (request, entities) = question.in_cedar(&SCHEMA, other_name).map_err(|error| Denial {
            policies: Vec::new(),
            description: None,
            reason: match (question.action, question.resource) {
                (Action::Approve | Action::Reject, other) if !matches!(other, Resource::Operation(_)) => {
                    format!("`{}` is about an operation: name the operation.", question.action)
                }
                (action, _) => format!("No policy can permit `{action}`: {}.", chain(&error)),
            },
        })?;
        let answer = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let errors = answer.diagnostics().errors();
        let failed: Vec<String> = errors
            .map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id().to_string())
            .collect();
        if !failed.is_empty() {
            return Err(self.denial(question, failed, "cannot be evaluated for"));
        }
        let mut policies: Vec<String> = answer.diagnostics().reason().map(PolicyId::to_string).collect();
        policies.sort();
        match answer.decision() {
            Decision::Allow => Ok(policies),
            Decision::Deny => Err(self.denial(question, policies, "forbids")),
        }
    }

    fn denial(&self, question: &Question<'_>, policies: Vec<String>, verb: &str) -> Denial {
        let (action, resource) = (question.action, question.resource.phrase());
        let Some(policy) = policies.first() else {
            return Denial::unpermitted(question.principal, action, question.resource);
        };
        let description = self.descriptions.get(policy).cloned();
        let reason = match &description {
            None => format!("The policy `{policy}` {verb} `{action}` on {resource}."),
            Some(text) => format!("The policy `{policy}` {verb} `{action}` on {resource}. {text}"),
        };
        Denial {
            policies,
            reason,
            description,
        }
    }

    /// Why the policies refuse a plan; none if they permit to apply it. The requester is known by name alone here.
    pub fn refusal(&self, operation: &Operation, plan: &PlanSummary, stack: StackFacts) -> Option<Refusal> {
        let decision = self.decide(&Question {
            principal: &Principal::named(operation.requested_by.as_str()),
            action: Action::Apply,
            resource: &Resource::Operation(OperationFacts::new(operation, stack)),
            facts: &Facts::Plan(Box::new(PlanFacts::new(operation, plan))),
        });
        let denial = decision.err()?;
        Some(Refusal {
            policy: denial.policies.first().map_or(PLANS, String::as_str).to_owned(),
            reason: denial.description.unwrap_or(denial.reason),
            resources: plan
                .resources
                .iter()
                .take(NAMED)
                .map(|change| change.address.clone())
                .collect(),
        })
    }

    /// Why the policies deny an operation that begins; none if they still permit its request. The requester and the request are as they
    /// were then, and everything else is as it is now.
    pub fn denial_now(&self, kind: OperationKind, request: &PermittedRequest, stack: StackFacts) -> Option<Denial> {
        let question = Question {
            principal: &request.principal,
            action: Action::to_request(kind),
            resource: &Resource::Stack(stack),
            facts: &Facts::Request(request.facts.clone()),
        };
        self.decide(&question).err()
    }

    /// Whether this is permitted.
    pub fn permits(&self, principal: &Principal, action: Action, resource: &Resource) -> bool {
        let question = Question {
            principal,
            action,
            resource,
            facts: &Facts::None,
        };
        self.decide(&question).is_ok()
    }

    /// Whether a policy may refuse a plan: one forbids `apply`, or the default policy that permits it is replaced, or one permits it on
    /// a condition, which may fail. Only who has the policies can judge a plan then.
    pub fn judges_plans(&self) -> bool {
        let apply = uid("Action", Action::Apply.as_str()).ok();
        let is_apply = |action: &EntityUid| Some(action) == apply.as_ref();
        let concerns_apply = |policy: &Policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::In(actions) => actions.iter().any(is_apply),
            ActionConstraint::Eq(action) => is_apply(&action),
        };
        let is_conditional = |policy: &Policy| {
            let is_plain = policy
                .to_json()
                .is_ok_and(|json| json["conditions"].as_array().is_some_and(Vec::is_empty));
            !is_plain && !DEFAULTS.iter().any(|(_, default)| default == policy)
        };
        let may_refuse =
            |policy: &Policy| concerns_apply(policy) && (policy.effect() == Effect::Forbid || is_conditional(policy));
        let default = DEFAULTS.iter().find(|(name, _)| name == PLANS);
        let is_default = |policy: &Policy| default.is_some_and(|(_, default)| default == policy);
        self.set.policies().any(may_refuse) || !self.set.policies().any(is_default)
    }

    /// A policy that may decide who configures Slipway itself, and that is not as it was before. Whether administrators still may is no
    /// question of examples: their names and groups are known to their identity provider alone, and a policy could recognise an example.
    pub fn changed_about_configuring(&self, before: &Self) -> Option<String> {
        let texts = |policies: &Self| -> BTreeMap<String, Option<String>> {
            let concerned = policies.set.policies().filter(|policy| is_about_configuring(policy));
            concerned
                .map(|policy| (policy.id().to_string(), policy.to_cedar()))
                .collect()
        };
        let (now, before) = (texts(self), texts(before));
        let mut names = now.keys().chain(before.keys());
        names.find(|name| now.get(*name) != before.get(*name)).cloned()
    }

    /// Whether none of these administrators may configure Slipway: the policies could not be changed any more.
    pub fn locks_out(&self, administrators: &[Principal]) -> bool {
        let may = |principal: &Principal| self.permits(principal, Action::Configure, &Resource::Installation);
        !administrators.iter().any(may)
    }
}

/// Whether a policy may decide about `configure` on [`Resource::Installation`]: a kind of request that the schema allows, and that the
/// scope and the condition of the policy do not rule out.
fn is_about_configuring(policy: &Policy) -> bool {
    let (Ok(configure), Ok(installation)) = (uid("Action", Action::Configure.as_str()), installation()) else {
        return true;
    };
    policy
        .get_valid_request_envs(&SCHEMA)
        .any(|request| request.action() == &configure && request.resource() == installation.type_name())
}
