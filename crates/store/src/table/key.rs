//! The keys of items.

use std::fmt;

use semver::Version;
use serde_json::json;
use slipway_model::account::AccountId;
use slipway_model::blueprint::Blueprint;
use slipway_model::id::{OperationId, ReleaseNumber, StackId};
use slipway_model::name::{Digest, Name};
use slipway_model::notification::NotificationId;
use slipway_model::subscription::Repository;
use slipway_model::webhook::WebhookId;

use super::{
    AUDIT_HEADS, AUDIT_RECORD, BLUEPRINTS, DELIVERIES, ENVIRONMENTS, NOTIFICATIONS, PARTITION_BYTES, POLICIES,
    PREPARED, QUEUE, RELEASE, SENSITIVE_VARIABLES, SORT_BYTES, SOURCE_ACCOUNTS, SUBSCRIBER, VERSION, WEBHOOKS,
    operation_partition, stack_partition,
};

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub pk: String,
    pub sk: String,
}

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

    pub fn replaced(blueprint: &Name, version: &Version, digest: &Digest) -> Self {
        Self::new(format!("blueprint#{blueprint}"), format!("replaced#{version}#{digest}"))
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

    pub fn sealing() -> Self {
        Self::new("sealing", "key")
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
