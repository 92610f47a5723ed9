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
//! | schema of a replaced draft | `blueprint#<name>` | `replaced#<version>#<digest of the files>` | |
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
//! | reader who was recorded in this hour; of a list, with its stacks | `audit-reader#<digest of reader, subject and hour>` | `reader` | |
//! | place of a request that waits | `waiting` | `<number>` | |
//! | key that cursors are encrypted with | `sealing` | `key` | |
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

mod key;

use serde_json::{Value, json};
use slipway_model::id::{OperationId, StackId};
use slipway_model::operation::{Operation, OperationStatus};
use slipway_model::stack::{Stack, StackStatus};

pub(crate) use self::key::Key;

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
pub(crate) const ITEM_BYTES: usize = slipway_model::stack::room::RECORD_BYTES;

/// The longest partition key and sort key of a table or an index, in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub(crate) const PARTITION_BYTES: usize = 2_048;
pub(crate) const SORT_BYTES: usize = 1_024;

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
