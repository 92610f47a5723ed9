//! The layout of the table: every key is made here.
//!
//! | item | `pk` | `sk` | in the indexes by |
//! | --- | --- | --- | --- |
//! | stack | `stack#<id>` | `stack` | everything, environment, blueprint, owner, status |
//! | place in a stack's queue | `stack#<stack>` | `queue#<sequence>` | |
//! | release | `stack#<stack>` | `release#<number>` | |
//! | Terraform lock holder | `stack#<stack>` | `lock` | |
//! | operation | `operation#<id>` | `operation` | its stack; its status |
//! | claim on a name | `name#<environment>#<name>` | `name` | |
//! | idempotency record | `answer#<digest of caller and key>` | `answer` | |
//! | blueprint version | `blueprint#<name>` | `version#<sortable version>` | |
//! | README of a blueprint version | `blueprint#<name>` | `readme#<version>#<digest of the files>` | |
//! | latest version of a blueprint | `blueprints` | `<name>` | |
//! | environment | `environments` | `<name>` | |
//! | newest revision of the policies | `policies` | `head` |
//! | policies at a revision | `policies` | `revision#<number>` |
//! | source account | `source-accounts` | `<account>` | |
//! | name of a sensitive variable of any version | `sensitive-variables` | `<name>` | |
//! | stack that subscribes to a repository | `repository#<ARN>` | `stack#<stack>` | |
//! | step that waits for a rollout | `rollout#<service ARN>#<deployment>` | `rollout` | |
//! | notification | `notifications#<subject>` | `<sequence>` | everything, environment, stack, kind; its status while it is not sent |
//! | webhook | `webhooks` | `<name>` | |
//! | delivery to a webhook | `deliveries#<webhook>` | `<time of the notification>#<delivery>` | status, by its next attempt, while it is pending |
//! | record of the audit log | `audit#<chain>` | `record#<sequence>` | everything, subject, actor, action |
//! | end of a chain of the audit log | `audit-heads` | `<chain>` | |
//! | reader who was recorded in this hour | `audit-reader#<digest of reader, subject and hour>` | `reader` | |
//! | place of a request that waits | `waiting` | `<number>` | |
//! | digest of a prepared folder | `prepared` | `<key of the object>` | |
//!
//! Numbers in keys have leading zeros, so that they sort. Idempotency records, rollouts, places to wait, digests of prepared folders, records
//! of the audit log and their readers, notifications and deliveries expire by `expires_at`.
//!
//! # Indexes
//!
//! Each index has one attribute for its partition and shares the sort key `listed` with the others: an item is in an index
//! when it has the index's attribute. The indexes hold no records: a page of keys comes from the index, and the records
//! from the table, so that a write of a record that moves in no list costs nothing in the indexes. What filters a list
//! besides its partition is projected.
//!
//! | index | partition | holds |
//! | --- | --- | --- |
//! | `by-collection` | `in_collection` | `live#stacks`, `operations#<stack>` |
//! | `by-environment` | `in_environment` | `live#<environment>` |
//! | `by-blueprint` | `of_blueprint` | `live#<blueprint>`, `operation#<status>` of those that wait in a queue or have ended |
//! | `by-owner` | `of_owner` | `live#<owner>` |
//! | `by-status` | `has_status` | `stack#<status>`, `operation#<status>`, `operation#untold`, `operation#quiesced` |
//!
//! A destroyed stack has `destroyed#` where a live one has `live#`: it leaves every list at once, and the lists of
//! destroyed stacks are queries as well.
//!
//! All live stacks are one partition of `by-collection`. A partition takes 1,000 writes a second, and a stack moves in this
//! index twice in its life.

use std::fmt;

use semver::Version;
use serde_json::{Value, json};
use slipway_model::account::AccountId;
use slipway_model::blueprint::Blueprint;
use slipway_model::id::{OperationId, ReleaseNumber, StackId};
use slipway_model::name::{Digest, Name};
use slipway_model::notification::NotificationId;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_model::stack::{Stack, StackStatus};
use slipway_model::subscription::Repository;
use slipway_model::webhook::WebhookId;

/// The partition key of the table.
pub const PK: &str = "pk";
/// The sort key of the table.
pub const SK: &str = "sk";
/// The sort key of every index: what is listed is listed by the time it was made.
pub const LISTED: &str = "listed";
/// When an item expires, in seconds since 1970.
pub const EXPIRES_AT: &str = "expires_at";

/// A global secondary index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// All stacks; the operations of a stack.
    Collection,
    /// Stacks by environment.
    Environment,
    /// Stacks by blueprint.
    Blueprint,
    /// Stacks by owner.
    Owner,
    /// Stacks by status; operations whose execution should run, by status.
    Status,
}

impl Index {
    /// Every index.
    pub const ALL: [Self; 5] = [
        Self::Collection,
        Self::Environment,
        Self::Blueprint,
        Self::Owner,
        Self::Status,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collection => "by-collection",
            Self::Environment => "by-environment",
            Self::Blueprint => "by-blueprint",
            Self::Owner => "by-owner",
            Self::Status => "by-status",
        }
    }

    /// The attribute that is its partition key.
    pub fn partition(self) -> &'static str {
        match self {
            Self::Collection => "in_collection",
            Self::Environment => "in_environment",
            Self::Blueprint => "of_blueprint",
            Self::Owner => "of_owner",
            Self::Status => "has_status",
        }
    }

    /// The attributes that filter its lists: the partition keys of the other indexes of stacks.
    pub fn projected(self) -> Vec<&'static str> {
        let filters = Self::ALL
            .into_iter()
            .filter(|index| *index != self && *index != Self::Collection);
        filters.map(Self::partition).collect()
    }
}

/// The table as CloudFormation's `AWS::DynamoDB::Table` describes it: the properties that decide how it works.
pub fn definition() -> Value {
    let key = |partition: &str, sort: &str| {
        json!([
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": sort, "KeyType": "RANGE"},
        ])
    };
    let keys = [PK, SK, LISTED].into_iter().chain(Index::ALL.map(Index::partition));
    let attributes: Vec<Value> = keys
        .map(|name| json!({"AttributeName": name, "AttributeType": "S"}))
        .collect();
    let indexes = Index::ALL.map(|index| {
        json!({
            "IndexName": index.name(),
            "KeySchema": key(index.partition(), LISTED),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": index.projected()},
        })
    });
    json!({
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": key(PK, SK),
        "GlobalSecondaryIndexes": indexes,
        "TimeToLiveSpecification": {"AttributeName": EXPIRES_AT, "Enabled": true},
    })
}

/// The most bytes that an item has.
pub(crate) const ITEM_BYTES: usize = 400 * 1024;

/// The longest partition key and sort key of a table or an index, in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub(crate) const PARTITION_BYTES: usize = 2_048;
const SORT_BYTES: usize = 1_024;

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub pk: String,
    pub sk: String,
}

/// What the sort keys of a stack's queue start with.
pub(crate) const QUEUE: &str = "queue#";
/// What the sort keys of a stack's releases start with.
pub(crate) const RELEASE: &str = "release#";
/// What the sort keys of the stacks that subscribe to a repository start with.
pub(crate) const SUBSCRIBER: &str = "stack#";
/// What the sort keys of a blueprint's versions start with.
pub(crate) const VERSION: &str = "version#";
/// The partition of the latest versions.
pub(crate) const BLUEPRINTS: &str = "blueprints";
/// The partition of the environments.
pub const ENVIRONMENTS: &str = "environments";
/// The partition of the policies.
pub const POLICIES: &str = "policies";
/// The partition of the digests of prepared folders.
pub const PREPARED: &str = "prepared";
/// The partition of the ends of the audit log's chains.
pub(crate) const AUDIT_HEADS: &str = "audit-heads";
/// What the sort keys of the audit log's records start with.
pub(crate) const AUDIT_RECORD: &str = "record#";
/// What the partitions of notifications start with. The template sends new items of these to the notify function.
pub const NOTIFICATIONS: &str = "notifications#";
/// What the partitions of deliveries start with. New ones go to the notify function likewise.
pub const DELIVERIES: &str = "deliveries#";
/// The partition of the webhooks.
pub const WEBHOOKS: &str = "webhooks";
/// The partition of the names of sensitive variables.
pub(crate) const SENSITIVE_VARIABLES: &str = "sensitive-variables";
/// The partition of the source accounts.
pub(crate) const SOURCE_ACCOUNTS: &str = "source-accounts";

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    /// Whether DynamoDB takes it. It rejects a longer one even in a read, which then looks like a failure of the table.
    pub fn fits(&self) -> bool {
        self.pk.len() <= PARTITION_BYTES && self.sk.len() <= SORT_BYTES
    }

    pub fn stack(id: &StackId) -> Self {
        Self::new(stack_partition(id), "stack")
    }

    /// The sequence is the revision that the stack got when the operation was queued: it grows with every write of the stack,
    /// and a write is conditional on the revision before, so no two operations share one.
    pub fn queue(stack: &StackId, sequence: u64) -> Self {
        Self::new(format!("stack#{stack}"), format!("{QUEUE}{sequence:020}"))
    }

    pub fn release(stack: &StackId, number: ReleaseNumber) -> Self {
        Self::new(format!("stack#{stack}"), format!("{RELEASE}{:010}", number.0))
    }

    pub fn lock(stack: &StackId) -> Self {
        Self::new(stack_partition(stack), "lock")
    }

    pub fn operation(id: &OperationId) -> Self {
        Self::new(operation_partition(id), "operation")
    }

    pub fn name(environment: &Name, name: &Name) -> Self {
        Self::new(format!("name#{environment}#{name}"), "name")
    }

    /// A digest, because a caller's name and key may hold anything: a JSON array keeps the two apart.
    pub fn answer(caller: &str, key: &str) -> Self {
        let digest = Digest::of(json!([caller, key]).to_string().as_bytes());
        Self::new(format!("answer#{}", digest.hex()), "answer")
    }

    pub fn blueprint(name: &Name, version: &Version) -> Self {
        Self::new(format!("blueprint#{name}"), format!("{VERSION}{}", sortable(version)))
    }

    pub fn readme(blueprint: &Blueprint) -> Self {
        let Blueprint {
            name, version, digest, ..
        } = blueprint;
        Self::new(format!("blueprint#{name}"), format!("readme#{version}#{digest}"))
    }

    pub fn latest(name: &Name) -> Self {
        Self::new(BLUEPRINTS, name.as_str())
    }

    pub fn sensitive_variable(name: &str) -> Self {
        Self::new(SENSITIVE_VARIABLES, name)
    }

    pub fn environment(name: &Name) -> Self {
        Self::new(ENVIRONMENTS, name.as_str())
    }

    pub fn policy_head() -> Self {
        Self::new(POLICIES, "head")
    }

    pub fn policies(revision: u64) -> Self {
        Self::new(POLICIES, format!("revision#{revision:020}"))
    }

    pub fn source_account(account: &AccountId) -> Self {
        Self::new(SOURCE_ACCOUNTS, account.as_str())
    }

    /// The partition of those that subscribe to a repository.
    pub fn repository(repository: &Repository) -> String {
        format!("repository#{repository}")
    }

    pub fn subscriber(repository: &Repository, stack: &StackId) -> Self {
        Self::new(Self::repository(repository), format!("{SUBSCRIBER}{stack}"))
    }

    pub fn rollout(service: &str, deployment: &str) -> Self {
        Self::new(format!("rollout#{service}#{deployment}"), "rollout")
    }

    pub fn prepared(key: &str) -> Self {
        Self::new(PREPARED, key)
    }

    /// The partition of a chain of the audit log. The template denies every role to delete or to update its items.
    pub fn audit_chain(chain: u8) -> String {
        format!("audit#{chain:02}")
    }

    pub fn audit_record(chain: u8, sequence: u64) -> Self {
        Self::new(Self::audit_chain(chain), format!("{AUDIT_RECORD}{sequence:020}"))
    }

    pub fn audit_head(chain: u8) -> Self {
        Self::new(AUDIT_HEADS, format!("{chain:02}"))
    }

    pub fn notification(id: &NotificationId) -> Self {
        Self::new(format!("{NOTIFICATIONS}{}", id.subject), format!("{:020}", id.sequence))
    }

    pub fn webhook(name: &Name) -> Self {
        Self::new(WEBHOOKS, name.as_str())
    }

    pub fn delivery(webhook: &WebhookId, sort: &str) -> Self {
        Self::new(format!("{DELIVERIES}{webhook}"), sort)
    }

    /// A digest, because names may hold anything.
    pub fn audit_reader(reader: &str, subject: &str, hour: i64) -> Self {
        let digest = Digest::of(json!([reader, subject, hour]).to_string().as_bytes());
        Self::new(format!("audit-reader#{}", digest.hex()), "reader")
    }

    pub fn waiting(place: u16) -> Self {
        Self::new("waiting", format!("{place:05}"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
    }
}

/// Where an item is in the indexes: attributes and their values.
pub(crate) type Places = Vec<(&'static str, String)>;

/// The partition of all stacks that are, or are not, destroyed.
pub(crate) fn all_stacks(destroyed: bool) -> String {
    of_stacks("stacks", destroyed)
}

/// The partition of the stacks that are, or are not, destroyed, of an environment, a blueprint or an owner.
pub(crate) fn of_stacks(value: &str, destroyed: bool) -> String {
    let life = if destroyed { "destroyed" } else { "live" };
    format!("{life}#{value}")
}

/// The partition of the stacks with a status.
pub(crate) fn stacks_with_status(status: StackStatus) -> String {
    format!("stack#{status}")
}

/// The partition of the table with a stack's records.
pub fn stack_partition(id: &StackId) -> String {
    format!("stack#{id}")
}

/// The partition of the table with an operation's record.
pub fn operation_partition(id: &OperationId) -> String {
    format!("operation#{id}")
}

/// The partition of the operations of a stack.
pub(crate) fn operations_of(stack: &StackId) -> String {
    format!("operations#{stack}")
}

/// The partition of the operations with a status.
pub(crate) fn operations_with_status(status: OperationStatus) -> String {
    format!("operation#{status}")
}

/// The partition of the rollouts that an operation waits for.
pub(crate) fn rollouts_of(operation: &OperationId) -> String {
    format!("rollouts#{operation}")
}

/// The partition of the operations that have ended and whose result was not reported to the requesting account.
pub(crate) const RESULT_DUE: &str = "operation#untold";

/// The partition of the operations that have ended before everything that they stopped ran again.
pub(crate) const RESUME_DUE: &str = "operation#quiesced";

/// Where a stack is listed.
pub(crate) fn stack_places(stack: &Stack) -> Places {
    let destroyed = stack.status == StackStatus::Destroyed;
    let blueprint = stack.configuration.blueprint.as_str();
    vec![
        (
            LISTED,
            format!("{:020}#{}", stack.created_at.as_microsecond().max(0), stack.id),
        ),
        (Index::Collection.partition(), all_stacks(destroyed)),
        (
            Index::Environment.partition(),
            of_stacks(stack.environment.as_str(), destroyed),
        ),
        (Index::Blueprint.partition(), of_stacks(blueprint, destroyed)),
        (Index::Owner.partition(), of_stacks(&stack.owner, destroyed)),
        (Index::Status.partition(), stacks_with_status(stack.status)),
    ]
}

/// The index of the operations with a status. [`Index::Status`] has only those whose execution should run, or whose result or
/// resume is due:
/// these are the operations that the sweeper checks.
pub(crate) fn operations_index(status: OperationStatus) -> Index {
    if status == OperationStatus::Queued || status.has_ended() {
        Index::Blueprint
    } else {
        Index::Status
    }
}

/// The index partitions of an operation.
pub(crate) fn operation_places(operation: &Operation) -> Places {
    let mut places = vec![
        (LISTED, operation.id.to_string()),
        (Index::Collection.partition(), operations_of(&operation.stack)),
        (
            operations_index(operation.status).partition(),
            operations_with_status(operation.status),
        ),
    ];
    // An operation has one place in an index. What does not run comes before what is not reported.
    if operation.owes_resume() {
        places.push((Index::Status.partition(), RESUME_DUE.to_owned()));
    } else if operation.owes_result() {
        places.push((Index::Status.partition(), RESULT_DUE.to_owned()));
    }
    places
}

/// A text that sorts as the version does by semver's precedence (`https://semver.org/#spec-item-11`).
///
/// The identifiers of a pre-release are parted by `!`, which is below every character that they may have, so that `a` sorts
/// before `a.b`. A number gets its length in front and a `0` before it, any other identifier a `1`. A version without a
/// pre-release gets `~`, which is above all of them. Build metadata has no precedence; it comes last, after a space.
fn sortable(version: &Version) -> String {
    let core = format!("{:020}.{:020}.{:020}", version.major, version.minor, version.patch);
    let identifier = |text: &str| {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            format!("!0{:04}{text}", text.len())
        } else {
            format!("!1{text}")
        }
    };
    let pre: String = match version.pre.as_str() {
        "" => "~".to_owned(),
        pre => pre.split('.').map(identifier).collect(),
    };
    let build = if version.build.is_empty() { "" } else { " " };
    format!("{core}{pre}{build}{}", version.build)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn versions_sort_as_semver_says(
            one in "[0-3]\\.[0-9]{1,2}\\.[0-3](-[a-c0-9]{1,3}(\\.[a-c0-9-]{1,2}){0,2})?",
            other in "[0-3]\\.[0-9]{1,2}\\.[0-3](-[a-c0-9]{1,3}(\\.[a-c0-9-]{1,2}){0,2})?",
        ) {
            if let (Ok(one), Ok(other)) = (Version::parse(&one), Version::parse(&other)) {
                prop_assert_eq!(sortable(&one).cmp(&sortable(&other)), one.cmp(&other));
            }
        }
    }

    #[test]
    fn the_specifications_own_example_sorts() {
        let versions = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.0+build",
            "1.0.1-a+x",
            "1.0.1-a.1",
            "2.0.0",
            "10.0.0",
        ];
        let keys = versions.map(|version| sortable(&version.parse().expect("a version")));
        assert!(keys.is_sorted(), "{keys:#?}");
    }
}
