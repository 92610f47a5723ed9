//! Source accounts: AWS accounts whose events may request operations.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::account::{AccountId, ResultBus};
use crate::fields::Fields;
use crate::name::Name;
use crate::named;
use crate::problem::FieldProblem;

/// An action that an event may request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A new stack.
    Provision,
    /// New images for a stack.
    Release,
    /// That a stack goes.
    Destroy,
    /// Whether a stack still is what its Terraform says.
    Drift,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Provision, Self::Release, Self::Destroy, Self::Drift];

    /// The action as requests and records call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Release => "release",
            Self::Destroy => "destroy",
            Self::Drift => "drift",
        }
    }
}

/// A text that is no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of provision, release, destroy and drift")]
pub struct InvalidAction;

named!(InvalidAction: Action);

/// A source account: an AWS account whose events may request operations.
///
/// An event must satisfy all three lists: its action, the blueprint of its stack, and the environment of that stack. An empty list
/// permits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAccount {
    /// The account, as in the envelope of its events.
    pub account: AccountId,
    /// A description.
    #[serde(default)]
    pub description: String,
    /// The permitted actions.
    pub actions: BTreeSet<Action>,
    /// The permitted blueprints.
    pub blueprints: BTreeSet<Name>,
    /// The permitted environments.
    pub environments: BTreeSet<Name>,
    /// The ARN of the event bus in that account that receives the results of its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<String>,
}

/// A request that a source account may not make: what is missing on its lists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the account {account} may not request this: {}", missing.join("; "))]
pub struct NotAllowed {
    account: AccountId,
    missing: Vec<String>,
}

/// The most bytes of a description.
const DESCRIPTION_LENGTH: usize = 256;

impl SourceAccount {
    /// Reads a source account from the fields of a request or of a file; otherwise everything that is wrong with them.
    ///
    /// `called` is its id where that is said elsewhere, in a path: the field `account` may then be left out.
    pub fn read(mut fields: Fields, called: Option<&AccountId>) -> Result<Self, Vec<FieldProblem>> {
        let remedy = "give the 12 digits of the AWS account";
        let account: Option<AccountId> = match called {
            Some(called) => fields.optional("account", remedy).or_else(|| Some(called.clone())),
            None => fields.required("account", remedy),
        };
        let description: String = fields.optional("description", "give a text").unwrap_or_default();
        let actions = fields.set("actions", "give a list of provision, release, destroy and drift");
        let blueprints = fields.set("blueprints", "give a list of the names of blueprints");
        let environments = fields.set("environments", "give a list of the names of environments");
        let results: Option<ResultBus> = fields.optional(
            "results",
            "give the output `ResultsBusArn` of aws/event-source-account, or leave it out",
        );
        let mut problems = fields.problems();
        if description.len() > DESCRIPTION_LENGTH {
            let detail = format!("has more than {DESCRIPTION_LENGTH} bytes");
            problems.push(FieldProblem::new("description", detail, "give a sentence"));
        }
        if let (Some(account), Some(called)) = (&account, called)
            && account != called
        {
            let detail = format!("is {account}, and the request is about {called}");
            problems.push(FieldProblem::new(
                "account",
                detail,
                "leave it out, or give the account of the path",
            ));
        }
        if let (Some(account), Some(results)) = (&account, &results)
            && results.account() != account.as_str()
        {
            let detail = format!(
                "is in the account {}, and the requests come from {account}",
                results.account()
            );
            problems.push(FieldProblem::new("results", detail, "give a bus of the account itself"));
        }
        match (account, actions, blueprints, environments) {
            (Some(account), Some(actions), Some(blueprints), Some(environments)) if problems.is_empty() => Ok(Self {
                account,
                description,
                actions,
                blueprints,
                environments,
                results: results.map(String::from),
            }),
            _ => Err(problems),
        }
    }

    /// Whether the account may request this.
    pub fn allows(&self, action: Action, blueprint: &Name, environment: &Name) -> Result<(), NotAllowed> {
        let mut missing = Vec::new();
        if !self.actions.contains(&action) {
            missing.push(format!("the action `{action}` is none of its actions"));
        }
        if !self.blueprints.contains(blueprint) {
            missing.push(format!("the blueprint `{blueprint}` is none of its blueprints"));
        }
        if !self.environments.contains(environment) {
            missing.push(format!("the environment `{environment}` is none of its environments"));
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(NotAllowed {
            account: self.account.clone(),
            missing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    #[test]
    fn a_request_has_to_satisfy_all_three_lists() {
        let account = SourceAccount {
            account: "111122223333".parse().expect("an account"),
            description: String::new(),
            actions: BTreeSet::from([Action::Provision, Action::Drift]),
            blueprints: BTreeSet::from([name("web")]),
            environments: BTreeSet::from([name("dev")]),
            results: None,
        };
        assert_eq!(account.allows(Action::Provision, &name("web"), &name("dev")), Ok(()));
        for (action, blueprint, environment, expected) in [
            (Action::Destroy, "web", "dev", "action `destroy`"),
            (Action::Drift, "queue", "dev", "blueprint `queue`"),
            (Action::Drift, "web", "live", "environment `live`"),
        ] {
            let refused = account.allows(action, &name(blueprint), &name(environment));
            let refused = refused.expect_err("refused").to_string();
            assert!(refused.contains("111122223333"), "{refused}");
            assert!(refused.contains(expected), "{refused}");
            assert_eq!(refused.matches("is none of").count(), 1, "{refused}");
        }
        let all = account.allows(Action::Destroy, &name("queue"), &name("live"));
        assert_eq!(all.expect_err("refused").to_string().matches("is none of").count(), 3);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let read = |body: serde_json::Value| {
            let called = "111122223333".parse().expect("an account");
            let fields = Fields::new(body.as_object().expect("an object").clone());
            let read = SourceAccount::read(fields, Some(&called));
            read.map_err(|problems| problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>())
        };
        let right = serde_json::json!({
            "account": "111122223333", "description": "the shop", "actions": ["drift", "release"], "blueprints": ["web"],
            "environments": ["dev"], "results": "arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results",
        });
        let account = read(right.clone()).expect("an account");
        let mut written = serde_json::to_value(account).expect("JSON");
        written["actions"] = right["actions"].clone();
        assert_eq!(written, right);
        assert_eq!(
            read(serde_json::json!({})),
            Err(vec!["actions".into(), "blueprints".into(), "environments".into()])
        );
        let wrong = serde_json::json!({
            "account": "999999999999", "description": "x".repeat(257), "actions": ["all", 1, "drift"], "blueprints": "*",
            "environments": ["Dev"], "results": "arn:aws:events:eu-west-1:111122223333:event-bus/slipway-results", "x": 1,
        });
        let named = [
            "actions[0]",
            "actions[1]",
            "blueprints",
            "environments[0]",
            "x",
            "description",
            "account",
            "results",
        ];
        assert_eq!(read(wrong), Err(named.map(String::from).to_vec()));
    }

    #[test]
    fn an_action_is_written_as_it_is_read() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).expect("JSON"), action.as_str());
        }
        assert_eq!("Provision".parse::<Action>(), Err(InvalidAction));
    }
}
