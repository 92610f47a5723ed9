//! Protected resource types: resources that hold data, which no plan may lose in a protected environment.
//!
//! The rule looks at the plan, never at the name of the request. An update, a version without the resource, `count = 0`, a
//! replacement, a `removed` block, a move to another type and a destroy are all the same loss. What Slipway cannot read counts as
//! lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::item::Item;
use super::{Action, PlanSummary, Refusal};
use crate::environment::Environment;

/// The policy's name in refusals and on approval sheets.
pub const PROTECTED_TYPES: &str = "environment.protected_types";

/// The policy that keeps whole stacks from being destroyed.
pub const PROTECTED: &str = "environment.protected";

/// The types that a protected environment protects unless it names its own: databases, tables, caches with data, buckets, file
/// systems, volumes, snapshots, streams, registries, user pools, secrets, and the keys without which encrypted data cannot be read.
pub const DEFAULT_TYPES: [&str; 52] = [
    "aws_backup_vault",
    "aws_cloudtrail_event_data_store",
    "aws_cognito_user_pool",
    "aws_db_cluster_snapshot",
    "aws_db_instance",
    "aws_db_snapshot",
    "aws_docdb_cluster",
    "aws_docdbelastic_cluster",
    "aws_dsql_cluster",
    "aws_dynamodb_table",
    "aws_ebs_snapshot",
    "aws_ebs_volume",
    "aws_ecr_repository",
    "aws_efs_file_system",
    "aws_elasticache_cluster",
    "aws_elasticache_replication_group",
    "aws_elasticache_serverless_cache",
    "aws_elasticsearch_domain",
    "aws_fsx_*_file_system",
    "aws_fsx_*_volume",
    "aws_glacier_vault",
    "aws_keyspaces_keyspace",
    "aws_keyspaces_table",
    "aws_kinesis_stream",
    "aws_kms_key",
    "aws_kms_replica_key",
    "aws_lightsail_bucket",
    "aws_lightsail_database",
    "aws_lightsail_disk",
    "aws_memorydb_cluster",
    "aws_mq_broker",
    "aws_msk_cluster",
    "aws_msk_serverless_cluster",
    "aws_neptune_cluster",
    "aws_opensearch_domain",
    "aws_opensearchserverless_collection",
    "aws_qldb_ledger",
    "aws_rds_cluster",
    "aws_rds_global_cluster",
    "aws_redshift_cluster",
    "aws_redshiftserverless_namespace",
    "aws_s3_bucket",
    "aws_s3_directory_bucket",
    "aws_s3tables_namespace",
    "aws_s3tables_table",
    "aws_s3tables_table_bucket",
    "aws_secretsmanager_secret",
    "aws_timestreaminfluxdb_db_instance",
    "aws_timestreamwrite_database",
    "aws_timestreamwrite_table",
    "mysql_database",
    "postgresql_database",
];

/// How many addresses of each type are kept, and how many bytes of them all: enough to say what a refused plan would lose.
const ADDRESSES: usize = 5;
const BYTES: usize = 16 * 1024;

/// How many types are kept. Losses of more are kept under [`UNKNOWN`].
const TYPES: usize = 200;

/// The type of a resource that is not known. Every protected environment protects it.
pub const UNKNOWN: &str = "(unknown)";

/// The longest pattern.
const LENGTH: usize = 128;

/// The resources of one type that a plan would lose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub resources: Vec<super::ResourceChange>,
}

/// What a plan would lose, by resource type.
pub type Losses = BTreeMap<String, Lost>;

/// The type, where there is one: an empty text is no key of a map in DynamoDB.
pub(super) fn known(kind: &str) -> &str {
    if kind.is_empty() { UNKNOWN } else { kind }
}

/// Whether the action loses the resource, or its effect is unknown.
pub(super) fn loses(action: Action) -> bool {
    match action {
        Action::Delete | Action::Replace | Action::Forget | Action::Unknown => true,
        Action::Invoke | Action::Update | Action::Import | Action::Create | Action::Move | Action::Read => false,
    }
}

/// Counts what an item loses. A move to another type loses the resource of the type before.
pub(super) fn count(losses: &mut Losses, item: &Item) {
    let Some(action) = item.action else { return };
    let kind = known(&item.kind);
    let before = item.previous_address.as_deref().map(type_in);
    if let Some(before) = before.filter(|before| *before != kind) {
        lose(losses, before, item, action);
    }
    if loses(action) {
        lose(losses, kind, item, action);
    }
}

fn lose(losses: &mut Losses, kind: &str, item: &Item, action: Action) {
    let kind = if losses.len() >= TYPES && !losses.contains_key(kind) {
        UNKNOWN
    } else {
        kind
    };
    let bytes: usize = losses
        .values()
        .flat_map(|lost| &lost.resources)
        .map(|resource| resource.address.len())
        .sum();
    let lost = losses.entry(kind.to_owned()).or_default();
    lost.count += 1;
    if lost.resources.len() < ADDRESSES && bytes + item.address.len() <= BYTES {
        lost.resources.push(super::ResourceChange {
            address: item.address.clone(),
            action,
        });
    }
}

/// The resource type in an address: `aws_s3_bucket` in `module.a["x.y"].aws_s3_bucket.this[0]`.
/// <https://developer.hashicorp.com/terraform/cli/state/resource-addressing>
pub fn type_in(address: &str) -> &str {
    let mut parts = parts(address).into_iter().peekable();
    while parts.next_if_eq(&"module").is_some() {
        parts.next();
    }
    match parts.next() {
        Some("data" | "ephemeral") => parts.next().unwrap_or(UNKNOWN),
        kind => known(kind.unwrap_or_default()),
    }
}

/// An address at its dots; those in keys are part of the key.
fn parts(address: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut in_text, mut is_escaped, mut depth) = (false, false, 0_usize);
    for (index, character) in address.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            '[' if !in_text => depth += 1,
            ']' if !in_text => depth = depth.saturating_sub(1),
            '.' if !in_text && depth == 0 => {
                parts.push(&address[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&address[start..]);
    parts
}

/// Resource types: one, or all that a pattern with `*` describes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypePattern(String);

/// A text that describes no resource types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no resource type: lower-case letters, digits, `_`, and `*` for any of them")]
pub struct InvalidTypePattern;

impl FromStr for TypePattern {
    type Err = InvalidTypePattern;

    fn from_str(text: &str) -> Result<Self, InvalidTypePattern> {
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*".contains(&b);
        if text.is_empty() || text.len() > LENGTH || !text.bytes().all(is_allowed) {
            return Err(InvalidTypePattern);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TypePattern {
    type Error = InvalidTypePattern;

    fn try_from(text: String) -> Result<Self, InvalidTypePattern> {
        text.parse()
    }
}

impl From<TypePattern> for String {
    fn from(pattern: TypePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a pattern describes this type.
fn describes(pattern: &str, kind: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = kind.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

impl Environment {
    /// Whether resources of this type are protected here.
    pub fn protects(&self, kind: &str) -> bool {
        if !self.protected {
            return false;
        }
        if kind == UNKNOWN || kind.is_empty() {
            return true;
        }
        match &self.protected_types {
            Some(patterns) => patterns.iter().any(|pattern| describes(&pattern.0, kind)),
            None => DEFAULT_TYPES.iter().any(|pattern| describes(pattern, kind)),
        }
    }
}

/// Why the environment refuses the plan: it would lose resources of protected types. None if it would not.
pub fn refusal(plan: &PlanSummary, environment: &Environment) -> Option<Refusal> {
    let lost = plan.losses.iter().filter(|(kind, _)| environment.protects(kind));
    let mut resources: Vec<String> = Vec::new();
    let mut phrases: Vec<String> = Vec::new();
    let mut types: BTreeSet<&str> = BTreeSet::new();
    for (kind, lost) in lost {
        types.insert(kind);
        resources.extend(lost.resources.iter().map(|resource| resource.address.clone()));
        phrases.push(lost.phrase(kind));
    }
    // A record of an earlier version has no losses, only counts.
    for kind in plan.lost_types().filter(|kind| environment.protects(kind)) {
        if types.insert(kind) {
            phrases.push(format!("resources of the type `{kind}`"));
        }
    }
    if environment.protected
        && plan.losses.is_empty()
        && plan.types.is_empty()
        && plan.destroy + plan.replace + plan.forget + plan.unknown > 0
    {
        phrases.push("resources of types that the plan does not name".to_owned());
    }
    if phrases.is_empty() {
        return None;
    }
    Some(Refusal {
        policy: PROTECTED_TYPES.to_owned(),
        reason: format!(
            "the environment `{}` is protected, and the plan would lose {}",
            environment.name,
            phrases.join("; ")
        ),
        resources,
    })
}

impl Lost {
    fn phrase(&self, kind: &str) -> String {
        let named = self
            .resources
            .iter()
            .map(|resource| format!("{} ({})", resource.address, resource.action));
        let phrase = named.collect::<Vec<_>>().join(", ");
        let more = self.count - u64::try_from(self.resources.len()).unwrap_or(u64::MAX).min(self.count);
        match (more, phrase.is_empty()) {
            (0, _) => phrase,
            (more, true) => format!("{more} of the type `{kind}`"),
            (more, false) => format!("{phrase} and {more} more of the type `{kind}`"),
        }
    }
}

#[cfg(test)]
#[path = "protection_tests.rs"]
mod tests;
