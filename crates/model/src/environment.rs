//! Where stacks live, and the rules there.

pub mod protected_types;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::protected_types::TypePattern;
use crate::account::{AccountId, EnvironmentRole, ExternalId, Region};
use crate::fields::Fields;
use crate::name::Name;
use crate::problem::FieldProblem;
use crate::reference::Reference;
use crate::variable::HIDDEN;

/// When a plan needs approval before it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Plans are applied at once.
    #[default]
    Never,
    /// A plan that deletes or replaces a resource waits for an approval.
    WhenDestroying,
    /// Every plan that changes something waits for an approval.
    Always,
}

impl Approval {
    /// As requests and records call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::WhenDestroying => "when_destroying",
            Self::Always => "always",
        }
    }
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that says no [`Approval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is unknown")]
pub struct InvalidApproval;

impl FromStr for Approval {
    type Err = InvalidApproval;

    fn from_str(text: &str) -> Result<Self, InvalidApproval> {
        [Self::Never, Self::WhenDestroying, Self::Always]
            .into_iter()
            .find(|approval| approval.as_str() == text)
            .ok_or(InvalidApproval)
    }
}

/// A place for stacks: an AWS account and region, the role that deploys there, and the rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The name by which requests call it.
    pub name: Name,
    /// The AWS account.
    pub account: AccountId,
    /// The AWS region.
    pub region: Region,
    /// The role that Terraform assumes; `None` means the runner's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<EnvironmentRole>,
    /// The external ID that the role's trust policy requires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    /// When a plan waits for an approval.
    #[serde(default)]
    pub approval: Approval,
    /// How many approvers a plan takes that waits for an approval.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals_required: u32,
    /// Whether the requester may be one of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub self_approval: bool,
    /// How long a plan waits for them.
    #[serde(default = "three_days", skip_serializing_if = "is_three_days")]
    pub approval_timeout_seconds: u32,
    /// After how long the approvers of a plan that waits are reminded, each time; 0 for never.
    #[serde(default = "a_day", skip_serializing_if = "is_a_day")]
    pub approval_reminder_seconds: u32,
    /// Whether stacks here are kept from being destroyed, and resources of protected types from being lost.
    #[serde(default)]
    pub protected: bool,
    /// Whether stacks here may be made from drafts of blueprints.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sandbox: bool,
    /// The protected types; none for [`DEFAULT_TYPES`](protected_types::DEFAULT_TYPES).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_types: Option<BTreeSet<TypePattern>>,
    /// Values that the environment gives to every blueprint which declares a variable of that name (a VPC, a domain): a
    /// request cannot set these.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// Likewise, values that a build reads when it plans, with the role. No record holds them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub references: BTreeMap<String, Reference>,
    /// The last values that `variables` had before, the newest first: what runs may have them still, and print them. Never shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub former: BTreeMap<String, Vec<Value>>,
}

/// How many former values of a variable are kept.
const FORMER: usize = 3;

impl Environment {
    /// The environment in place of the one before, whose values of `sensitive` variables it remembers.
    #[must_use]
    pub fn after(mut self, before: &Self, sensitive: &BTreeSet<String>) -> Self {
        self.former.clone_from(&before.former);
        for (name, value) in &before.variables {
            if sensitive.contains(name) && self.variables.get(name) != Some(value) {
                let values = self.former.entry(name.clone()).or_default();
                values.retain(|known| known != value);
                values.insert(0, value.clone());
                values.truncate(FORMER);
            }
        }
        self
    }
}

/// What to do about a reference that is none.
const REFERENCE_REMEDY: &str = "give the ARN of a secret, and after it `#` and the name of a member if you want one of them; or the ARN of \
                                a parameter";

/// The most approvers that a plan may take.
const MOST_APPROVERS: u32 = 10;

/// How long a plan waits where the environment says nothing.
const THREE_DAYS: u32 = 259_200;

/// The longest that a plan may wait for an approval, in seconds: six days.
pub const APPROVAL_SECONDS: u32 = 518_400;

const TIMEOUTS: std::ops::RangeInclusive<u32> = 60..=APPROVAL_SECONDS;

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

fn three_days() -> u32 {
    THREE_DAYS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_three_days(seconds: &u32) -> bool {
    *seconds == THREE_DAYS
}

/// How often approvers are reminded where the environment says nothing.
const A_DAY: u32 = 86_400;

/// The sweeper, which reminds them, runs every five minutes.
const REMINDERS: std::ops::RangeInclusive<u32> = 300..=518_400;

fn a_day() -> u32 {
    A_DAY
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_a_day(seconds: &u32) -> bool {
    *seconds == A_DAY
}

/// The field `approval_reminder_seconds`, of which 0 is for no reminders.
fn reminder(fields: &mut Fields) -> u32 {
    const NAME: &str = "approval_reminder_seconds";
    let seconds = match fields.take(NAME) {
        None => return A_DAY,
        Some(value) => value.as_u64().and_then(|seconds| u32::try_from(seconds).ok()),
    };
    if let Some(seconds) = seconds.filter(|seconds| *seconds == 0 || REMINDERS.contains(seconds)) {
        return seconds;
    }
    let (least, most) = (REMINDERS.start(), REMINDERS.end());
    let remedy = format!("give a whole number from {least} to {most}, or 0 for no reminders");
    fields.problem(FieldProblem::new(NAME, "is no such number of seconds", remedy));
    A_DAY
}

/// A whole number of a field, where it is within bounds.
fn within(fields: &mut Fields, name: &'static str, bounds: &std::ops::RangeInclusive<u32>, otherwise: u32) -> u32 {
    let remedy = format!("give a whole number from {} to {}", bounds.start(), bounds.end());
    let Some(number) = fields.number(name, &remedy) else {
        return otherwise;
    };
    if !bounds.contains(&number) {
        fields.problem(FieldProblem::new(name, format!("is {number}"), remedy));
    }
    number
}

impl Environment {
    /// The values that requests can neither set nor omit. One that only a build reads is null here: it is not known.
    pub fn fixed(&self) -> Map<String, Value> {
        let unknown = self.references.keys().map(|name| (name.clone(), Value::Null));
        let known = self.variables.clone();
        known.into_iter().chain(unknown).collect()
    }

    /// The values as they may be shown: those under the names of sensitive variables are hidden.
    pub fn shown_variables(&self, sensitive: &BTreeSet<String>) -> Map<String, Value> {
        let shown = |(name, value): (&String, &Value)| {
            let is_hidden = sensitive.contains(name) && !value.is_null();
            (
                name.clone(),
                if is_hidden { Value::from(HIDDEN) } else { value.clone() },
            )
        };
        self.variables.iter().map(shown).collect()
    }

    /// Gives each value that was shown hidden, and came back so, what the environment had; a problem where it had none.
    pub fn keep_hidden(
        &mut self,
        before: Option<&Self>,
        sensitive: &BTreeSet<String>,
    ) -> Result<(), Vec<FieldProblem>> {
        let mut problems = Vec::new();
        for (name, value) in &mut self.variables {
            if !sensitive.contains(name) || value.as_str() != Some(HIDDEN) {
                continue;
            }
            match before.and_then(|before| before.variables.get(name)) {
                Some(kept) => value.clone_from(kept),
                None => problems.push(FieldProblem::new(
                    format!("variables.{name}"),
                    format!(
                        "`{HIDDEN}` stands for the value where it is not shown, and the environment has no value yet"
                    ),
                    "give the value itself",
                )),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Reads an environment from the fields of a request or of a file; otherwise everything that is wrong with them.
    ///
    /// `called` is its name where that is said elsewhere, in a path: the field `name` may then be left out.
    pub fn read(mut fields: Fields, called: Option<&Name>) -> Result<Self, Vec<FieldProblem>> {
        let remedy = "give a name like `live` or `team-a`";
        let name = match called {
            Some(called) => fields.optional("name", remedy).or_else(|| Some(called.clone())),
            None => fields.required("name", remedy),
        };
        let account: Option<AccountId> = fields.required("account", "give the 12 digits of the AWS account");
        let region = fields.required("region", "give a region like `eu-west-1`");
        let role: Option<EnvironmentRole> = fields.optional(
            "role",
            "give the output `RoleArn` of aws/target-account, or leave it out: Terraform then has the rights of the build",
        );
        let external_id = fields.optional("external_id", "give the external ID of the role's trust policy");
        let approval = fields.optional("approval", "give never, when_destroying or always");
        let approvals_required = within(&mut fields, "approvals_required", &(1..=MOST_APPROVERS), 1);
        let self_approval = fields.flag("self_approval");
        let approval_timeout_seconds = within(&mut fields, "approval_timeout_seconds", &TIMEOUTS, THREE_DAYS);
        let approval_reminder_seconds = reminder(&mut fields);
        let protected = fields.flag("protected");
        let sandbox = fields.flag("sandbox");
        let protected_types = fields.optional_set(
            "protected_types",
            "give resource types like `aws_db_instance` or `aws_rds_*`, or leave it out for the default",
        );
        let variables = fields.object("variables").unwrap_or_default();
        let references: BTreeMap<String, Reference> = fields.texts("references", REFERENCE_REMEDY).unwrap_or_default();
        let mut problems = fields.problems();
        problems.extend(different_name(name.as_ref(), called));
        let named_wrong = |field: &str| problems.iter().any(|problem| problem.field == field);
        if named_wrong("role") || named_wrong("external_id") {
            // What is wrong with each says enough.
        } else {
            problems.extend(wrong_role(account.as_ref(), role.as_ref(), external_id.as_ref()));
        }
        problems.extend(variables.keys().filter_map(|name| wrong_variable("variables", name)));
        problems.extend(references.keys().filter_map(|name| wrong_variable("references", name)));
        problems.extend(wrong_references(&references, &variables, role.as_ref()));
        match (name, account, region) {
            (Some(name), Some(account), Some(region)) if problems.is_empty() => Ok(Self {
                name,
                account,
                region,
                role,
                external_id,
                approval: approval.unwrap_or_default(),
                approvals_required,
                self_approval: self_approval.unwrap_or_default(),
                approval_timeout_seconds,
                approval_reminder_seconds,
                protected: protected.unwrap_or_default(),
                sandbox: sandbox.unwrap_or_default(),
                protected_types,
                variables,
                references,
                former: BTreeMap::new(),
            }),
            _ => Err(problems),
        }
    }
}

fn different_name(name: Option<&Name>, called: Option<&Name>) -> Option<FieldProblem> {
    let (name, called) = (name?, called?);
    (name != called).then(|| {
        let detail = format!("is `{name}`, and the request is about `{called}`");
        FieldProblem::new("name", detail, "leave it out, or give the name of the path")
    })
}

/// A role, its account and its external id belong together. On AWS a build may assume no role without an external id.
fn wrong_role(
    account: Option<&AccountId>,
    role: Option<&EnvironmentRole>,
    external_id: Option<&ExternalId>,
) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    match (role, external_id) {
        (Some(_), None) => problems.push(FieldProblem::new(
            "external_id",
            "is missing: builds may assume no role without one",
            "give the ExternalId that aws/target-account was deployed with",
        )),
        (None, Some(_)) => problems.push(FieldProblem::new(
            "external_id",
            "is given without a role",
            "give the role that requires it, or omit both",
        )),
        _ => {}
    }
    if let (Some(account), Some(role)) = (account, role)
        && role.account() != account.as_str()
    {
        problems.push(FieldProblem::new(
            "role",
            format!("is in the account {}, and the environment in {account}", role.account()),
            "give the role that is in the environment's account",
        ));
    }
    problems
}

/// Only the role of an environment may read a secret, and a variable has one value.
fn wrong_references(
    references: &BTreeMap<String, Reference>,
    variables: &Map<String, Value>,
    role: Option<&EnvironmentRole>,
) -> Vec<FieldProblem> {
    let twice = references.keys().filter(|name| variables.contains_key(*name));
    let twice = twice.map(|name| {
        let detail = "has a value in `variables` as well";
        FieldProblem::new(format!("references.{name}"), detail, "keep one of the two")
    });
    let without_role = (!references.is_empty() && role.is_none()).then(|| {
        let detail = "is given without a role: builds may read no secret with their own permissions";
        FieldProblem::new("references", detail, "give the role that may read them, or omit both")
    });
    twice.chain(without_role).collect()
}

/// A value whose name no blueprint can declare.
fn wrong_variable(field: &str, name: &str) -> Option<FieldProblem> {
    let starts_right = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let all_allowed = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    (!starts_right || !all_allowed).then(|| {
        FieldProblem::new(
            format!("{field}.{}", crate::problem::shortened(name)),
            "no blueprint can have a variable of this name",
            "give letters, digits, underscores and hyphens, and a letter or an underscore first",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: Value) -> Result<Environment, Vec<String>> {
        let Value::Object(body) = body else { panic!("an object") };
        let called = "live".parse().expect("a name");
        let read = Environment::read(Fields::new(body), Some(&called));
        read.map_err(|problems| problems.into_iter().map(|problem| problem.field).collect())
    }

    #[test]
    fn an_environment_is_read_as_it_is_written() {
        let role = "arn:aws:iam::111122223333:role/slipway-environment-live";
        let whole = json!({
            "name": "live", "account": "111122223333", "region": "eu-west-1", "role": role,
            "external_id": "0123456789abcdef", "approval": "when_destroying", "approvals_required": 2, "self_approval": true,
            "approval_timeout_seconds": 3600, "approval_reminder_seconds": 900, "protected": true, "sandbox": true, "protected_types": ["aws_db_*", "terraform_data"],
            "variables": {"vpc": {"id": 1}},
        });
        let environment = read(whole.clone()).expect("an environment");
        assert_eq!(serde_json::to_value(environment).expect("JSON"), whole);
        let least = read(json!({"account": "111122223333", "region": "eu-west-1"})).expect("an environment");
        assert_eq!(
            (least.name.as_str(), least.approval, least.protected),
            ("live", Approval::Never, false)
        );
        assert_eq!((least.approvals_required, least.self_approval), (1, false));
        assert_eq!(least.approval_timeout_seconds, THREE_DAYS);
        assert_eq!(least.approval_reminder_seconds, A_DAY);
        let never = read(json!({"account": "111122223333", "region": "eu-west-1", "approval_reminder_seconds": 0}));
        assert_eq!(never.expect("an environment").approval_reminder_seconds, 0);
    }

    #[test]
    fn hidden_values_are_kept_when_they_come_back() {
        let with = |variables: Value| {
            read(json!({"account": "111122223333", "region": "eu-west-1", "variables": variables}))
                .expect("an environment")
        };
        let sensitive = BTreeSet::from(["token".to_owned()]);
        let before = with(json!({"token": "hunter2", "zone": "a"}));
        let shown = Value::from(before.shown_variables(&sensitive));
        assert_eq!(shown, json!({"token": HIDDEN, "zone": "a"}));
        let mut again = with(shown);
        again.keep_hidden(Some(&before), &sensitive).expect("the value is kept");
        assert_eq!(again, before);
        let problems = with(json!({"token": HIDDEN}))
            .keep_hidden(None, &sensitive)
            .expect_err("no value");
        assert_eq!(problems[0].field, "variables.token");
        // Under another name it is a text like any other.
        with(json!({"zone": HIDDEN}))
            .keep_hidden(None, &sensitive)
            .expect("a text");
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let fields = |body| read(body).expect_err("refused");
        assert_eq!(fields(json!({})), ["account", "region"]);
        assert_eq!(
            fields(json!({
                "name": "dev", "account": 1, "region": "moon", "role": "admin", "external_id": "x", "approval": "sometimes",
                "approvals_required": 11, "approval_timeout_seconds": 59, "approval_reminder_seconds": 299, "protected": "yes", "sandbox": 1, "protected_types": ["Database"],
                "variables": {"a b": 1}, "colour": "red",
            })),
            [
                "account",
                "region",
                "role",
                "external_id",
                "approval",
                "approvals_required",
                "approval_timeout_seconds",
                "approval_reminder_seconds",
                "protected",
                "sandbox",
                "protected_types[0]",
                "colour",
                "name",
                "variables.a b",
            ]
        );
    }

    #[test]
    fn a_role_is_in_the_account_and_has_an_external_id() {
        let with = |more: &[(&str, &str)]| {
            let mut body = json!({"account": "111122223333", "region": "eu-west-1"});
            for (name, value) in more {
                body[*name] = json!(value);
            }
            read(body).expect_err("refused")
        };
        let role = "arn:aws:iam::111122223333:role/slipway-environment-live";
        let elsewhere = "arn:aws:iam::999999999999:role/slipway-environment-live";
        assert_eq!(with(&[("role", role)]), ["external_id"]);
        assert_eq!(with(&[("external_id", "0123456789abcdef")]), ["external_id"]);
        assert_eq!(
            with(&[("role", elsewhere), ("external_id", "0123456789abcdef")]),
            ["role"]
        );
    }
}
