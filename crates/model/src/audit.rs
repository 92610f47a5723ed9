//! The audit log: who did, decided, read or was denied what.
//!
//! # Chains
//!
//! Records are in [`CHAINS`] chains. A record belongs to the chain of its subject, so what happened to one stack is in one
//! chain, in order, and changes of different stacks seldom meet. One chain for all would be one item that every change of the
//! installation writes.
//!
//! A record is a text, [`Sealed::body`], with its SHA-256. The text has the hash of the record before, so no record can be
//! altered, removed or moved without a trace. The head of a chain has the number and the hash of its last record: it shows when
//! the last records are removed. Record, head and the change itself are one transaction of DynamoDB.
//!
//! Beside its text, a record has the attributes by which queries find it. The hash is not over them, but the text says what they
//! are: a record with others would be whole, and missing from the lists that people read.
//!
//! # Expiry
//!
//! A record says until when it is kept, and until when all before it are kept. If records at the beginning of a chain have expired,
//! the first remaining one is the anchor: the ones before it may be missing only if their retention is over.
//!
//! # What the chain cannot show
//!
//! A principal with write access to the table can write a whole chain anew, with its head. Compare the heads with those of an earlier check
//! (`slipway audit verify --expect`), kept outside the account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::id::OperationId;
use crate::name::Digest;
use crate::named;
use crate::operation::OperationKind;
use crate::stack::Configuration;
use crate::variable::HIDDEN;

mod verify;

pub use verify::{Broken, Checked, Why, verify, whole};

/// How many chains there are. It never changes: a subject would get another chain.
pub const CHAINS: u8 = 16;

/// A longer value is recorded by its size and digest: a record is one item, beside what it is about.
const LONGEST_VALUE: usize = 4_096;

/// Likewise for all that was changed, on either side.
const LONGEST_CHANGE: usize = 128 * 1024;

/// What the name of a variable's member begins with.
pub const VARIABLE: &str = "variables.";

/// Something that a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An operation was requested: a new stack.
    Provision,
    /// Likewise: an update.
    Update,
    /// Likewise: a release.
    Release,
    /// Likewise: an earlier release.
    Rollback,
    /// Likewise: a task.
    Task,
    /// Likewise: a preview.
    Preview,
    /// Likewise: a drift check.
    Drift,
    /// Likewise: the end of a stack.
    Destroy,
    /// A plan was approved.
    Approve,
    /// A plan was rejected.
    Reject,
    /// The cancel of an operation was requested.
    Cancel,
    /// A paused rollout was continued.
    ContinueRollout,
    /// A paused rollout was rolled back.
    RollBackRollout,
    /// A stack got another owner.
    Transfer,
    /// A blueprint version was published.
    Publish,
    /// A blueprint version was deprecated, or is in good standing again.
    Deprecate,
    /// A draft of a blueprint was discarded.
    Discard,
    /// A blueprint version got its README.
    AddReadme,
    /// An environment was put.
    PutEnvironment,
    /// An environment was deleted.
    DeleteEnvironment,
    /// A source account was put.
    PutSourceAccount,
    /// A source account was deleted.
    DeleteSourceAccount,
    /// A webhook was put.
    PutWebhook,
    /// A webhook was deleted.
    DeleteWebhook,
    /// A notification was redelivered to a webhook.
    Redeliver,
    /// Policies were put, deleted or replaced.
    PutPolicies,
    /// A dead-lettered event was redriven.
    Redrive,
    /// A request was denied.
    Deny,
    /// A caller read the values, the plan or the log of a stack of another owner. One record for each reader, stack and hour. Of a
    /// list, one record has all of its stacks.
    Read,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 29] = [
        Self::Provision,
        Self::Update,
        Self::Release,
        Self::Rollback,
        Self::Task,
        Self::Preview,
        Self::Drift,
        Self::Destroy,
        Self::Approve,
        Self::Reject,
        Self::Cancel,
        Self::ContinueRollout,
        Self::RollBackRollout,
        Self::Transfer,
        Self::Publish,
        Self::Deprecate,
        Self::Discard,
        Self::AddReadme,
        Self::PutEnvironment,
        Self::DeleteEnvironment,
        Self::PutSourceAccount,
        Self::DeleteSourceAccount,
        Self::PutWebhook,
        Self::DeleteWebhook,
        Self::Redeliver,
        Self::PutPolicies,
        Self::Redrive,
        Self::Deny,
        Self::Read,
    ];

    /// As records and parameters call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Update => "update",
            Self::Release => "release",
            Self::Rollback => "rollback",
            Self::Task => "task",
            Self::Preview => "preview",
            Self::Drift => "drift",
            Self::Destroy => "destroy",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::ContinueRollout => "continue_rollout",
            Self::RollBackRollout => "roll_back_rollout",
            Self::Transfer => "transfer",
            Self::Publish => "publish",
            Self::Deprecate => "deprecate",
            Self::Discard => "discard",
            Self::AddReadme => "add_readme",
            Self::PutEnvironment => "put_environment",
            Self::DeleteEnvironment => "delete_environment",
            Self::PutSourceAccount => "put_source_account",
            Self::DeleteSourceAccount => "delete_source_account",
            Self::PutWebhook => "put_webhook",
            Self::DeleteWebhook => "delete_webhook",
            Self::Redeliver => "redeliver",
            Self::PutPolicies => "put_policies",
            Self::Redrive => "redrive",
            Self::Deny => "deny",
            Self::Read => "read",
        }
    }
}

impl From<OperationKind> for Action {
    fn from(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Provision => Self::Provision,
            OperationKind::Update => Self::Update,
            OperationKind::Release => Self::Release,
            OperationKind::Rollback => Self::Rollback,
            OperationKind::Task => Self::Task,
            OperationKind::Preview => Self::Preview,
            OperationKind::Drift => Self::Drift,
            OperationKind::Destroy => Self::Destroy,
        }
    }
}

/// A text that names no [`Action`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no action of the audit log")]
pub struct InvalidAction;

named!(InvalidAction: Action);

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Who: the name of the caller.
    pub actor: String,
    /// Did what.
    pub action: Action,
    /// With what: `stack/lusab-babad`, `environment/live`, `source-account/111122223333`, `blueprint/shop`, `policies`, or a method and
    /// a path of the API.
    pub subject: String,
    /// The operation that does it, or that was decided about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// Why: the comment of an approval, the reason of a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it was before, as far as that is changed. Secrets are hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is afterwards, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Entry {
    /// An entry that says no more than this.
    pub fn new(actor: impl Into<String>, action: Action, subject: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            action,
            subject: subject.into(),
            operation: None,
            reason: None,
            before: None,
            after: None,
        }
    }

    /// With what was changed: members that are the same on both sides are left out. Then the values of members that `is_hidden`
    /// names are hidden, so a record shows that a secret was changed, and not the secret.
    #[must_use]
    pub fn with_change(
        mut self,
        before: Option<Value>,
        after: Option<Value>,
        is_hidden: impl Fn(&str) -> bool,
    ) -> Self {
        let (mut before, mut after) = (before.map(members), after.map(members));
        if let (Some(before), Some(after)) = (&mut before, &mut after) {
            let same = before.iter().filter(|(name, value)| after.get(*name) == Some(*value));
            let same: Vec<String> = same.map(|(name, _)| name.clone()).collect();
            for name in same {
                before.remove(&name);
                after.remove(&name);
            }
        }
        let shown = |members: Map<String, Value>| -> Value {
            let member = |(name, value): (String, Value)| {
                let value = if is_hidden(&name) && !value.is_null() {
                    HIDDEN.into()
                } else {
                    shortened(value, LONGEST_VALUE)
                };
                (name, value)
            };
            shortened(members.into_iter().map(member).collect(), LONGEST_CHANGE)
        };
        (self.before, self.after) = (before.map(shown), after.map(shown));
        self
    }

    /// With the change of what a stack is made from. A variable that is sensitive on either side is hidden on both.
    #[must_use]
    pub fn with_configurations(self, before: Option<&Configuration>, after: &Configuration) -> Self {
        let sensitive: BTreeSet<&String> = before
            .into_iter()
            .chain([after])
            .flat_map(|one| &one.sensitive)
            .collect();
        let value = |one: &Configuration| {
            let blueprint = format!("{}@{}", one.blueprint, one.version);
            json!({"blueprint": blueprint, "variables": one.variables})
        };
        self.with_change(before.map(value), Some(value(after)), |member| {
            let name = member.strip_prefix(VARIABLE).map(str::to_owned);
            name.is_some_and(|name| sensitive.contains(&name))
        })
    }

    /// Of this operation.
    #[must_use]
    pub fn of_operation(mut self, operation: &OperationId) -> Self {
        self.operation = Some(operation.clone());
        self
    }

    /// For this reason.
    #[must_use]
    pub fn because(mut self, reason: Option<&str>) -> Self {
        self.reason = reason.map(str::to_owned);
        self
    }

    /// The chain that it belongs to.
    pub fn chain(&self) -> u8 {
        let digest = Digest::of(self.subject.as_bytes());
        // The last digit in hexadecimal: as many chains as it has values.
        let last = digest.hex().chars().next_back().and_then(|digit| digit.to_digit(16));
        u8::try_from(last.unwrap_or_default()).unwrap_or_default() % CHAINS
    }
}

/// The members of a record by name; those of its variables as `variables.<name>`.
fn members(record: Value) -> Map<String, Value> {
    let Value::Object(mut members) = record else {
        return Map::new();
    };
    if let Some(Value::Object(variables)) = members.remove("variables") {
        members.extend(
            variables
                .into_iter()
                .map(|(name, value)| (format!("{VARIABLE}{name}"), value)),
        );
    }
    members
}

/// The value; one that is too long, by its size and digest.
fn shortened(value: Value, longest: usize) -> Value {
    let text = value.to_string();
    if text.len() <= longest {
        return value;
    }
    json!({"bytes": text.len(), "digest": Digest::of(text.as_bytes()).as_str()})
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its chain.
    pub chain: u8,
    /// Its number in the chain, from 1.
    pub sequence: u64,
    /// When it was written.
    pub time: Timestamp,
    /// The hash of the record before; none for the first one.
    pub previous: Option<Digest>,
    /// Until when it is kept; none for ever.
    pub kept_until: Option<Timestamp>,
    /// Until when the records before it are kept, at the latest; none if one of them is kept for ever. The first record has its own
    /// time here: nothing is before it.
    pub earlier_kept_until: Option<Timestamp>,
    /// What it records.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A record as it is stored: the text that is hashed, and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The record as JSON.
    pub body: String,
    /// The SHA-256 of that text.
    pub hash: Digest,
}

/// What is beside the text of a record: the attributes by which queries find it, and by which it expires.
pub type Index = BTreeMap<String, String>;

/// A record in its place in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The number in its key.
    pub sequence: u64,
    /// The record.
    #[serde(flatten)]
    pub sealed: Sealed,
    /// What is beside it.
    pub index: Index,
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chain.
    pub chain: u8,
    /// The number of its last record.
    pub sequence: u64,
    /// The hash of that record.
    pub hash: Digest,
    /// Until when its records are kept, at the latest; none if one of them is kept for ever.
    pub kept_until: Option<Timestamp>,
}

/// The later of two times, of which none is never.
fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    Some(one?.max(other?))
}

/// The record after the head of its chain, and the head then.
pub fn append(
    head: Option<&Head>,
    entry: Entry,
    now: Timestamp,
    kept_until: Option<Timestamp>,
) -> (Record, Sealed, Head) {
    let chain = entry.chain();
    let earlier_kept_until = head.map_or(Some(now), |head| head.kept_until);
    let record = Record {
        chain,
        sequence: head.map_or(1, |head| head.sequence + 1),
        time: now,
        previous: head.map(|head| head.hash.clone()),
        kept_until,
        earlier_kept_until,
        entry,
    };
    // It has only texts for names, which always are JSON.
    let body = serde_json::to_string(&record).unwrap_or_default();
    let hash = Digest::of(body.as_bytes());
    let head = Head {
        chain,
        sequence: record.sequence,
        hash: hash.clone(),
        kept_until: later(earlier_kept_until, kept_until),
    };
    (record, Sealed { body, hash }, head)
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
