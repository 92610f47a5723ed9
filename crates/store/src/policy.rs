//! The policies. Each change is a new revision of all of them, which never changes afterwards; the head says which is the newest.

use jiff::Timestamp;
use serde_json::{Map, Value};
use slipway_model::audit::{Action, Entry};
use slipway_model::policy::{PolicyHead, PolicyRevision};

use crate::item::encode;
use crate::table::Key;
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

impl Store {
    /// The newest revision, as the last write left it. Before the first change it is 0.
    pub async fn policy_head(&self) -> Result<PolicyHead, Error> {
        Ok(self.get(&Key::policy_head()).await?.unwrap_or_default())
    }

    /// The policies at a revision, or [`Error::NotFound`].
    pub async fn policies(&self, revision: u64) -> Result<PolicyRevision, Error> {
        if revision == 0 {
            return Ok(PolicyRevision::default());
        }
        let what = || format!("revision {revision} of the policies");
        self.require(&Key::policies(revision), what).await
    }

    /// Writes the revision after the newest one, which is `before`; `false` if that is not the newest any more.
    pub async fn put_policies(&self, before: &PolicyRevision, policies: &PolicyRevision) -> Result<bool, Error> {
        let head = PolicyHead {
            revision: policies.revision,
            judges_plans: policies.judges_plans,
        };
        let condition = match policies.revision {
            0 | 1 => Condition::New,
            revision => Condition::Revision(revision - 1),
        };
        let (head_key, key) = (Key::policy_head(), Key::policies(policies.revision));
        let mut writes = vec![
            Write::Put(encode(&key, Vec::new(), policies)?, Condition::New),
            Write::Put(encode(&head_key, Vec::new(), &head)?, condition),
        ];
        let entry = Entry::new(&policies.changed_by, Action::PutPolicies, "policies");
        let entry = entry.with_change(Some(texts(before)), Some(texts(policies)), |_| false);
        writes.extend(self.audit_writes(entry, Timestamp::now()).await?);
        let written = self.write("write the policies", writes).await?;
        Ok(written == Written::Yes)
    }
}

/// The texts by the names of the policies, as the audit log shows them.
fn texts(revision: &PolicyRevision) -> Value {
    let policies = revision.policies.iter();
    let mut texts: Map<String, Value> = policies
        .map(|policy| (format!("policies.{}", policy.name), policy.text.clone().into()))
        .collect();
    texts.insert("revision".to_owned(), revision.revision.into());
    texts.into()
}
