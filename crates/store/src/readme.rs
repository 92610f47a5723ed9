//! The READMEs of published blueprints.
//!
//! A README is no part of the files of a version: a build does not need it, and the digest of a version is that of its files. So it is
//! an item of its own, which belongs to the version and to its digest. It can be added to a version that is published, so the audit
//! log has a record of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::blueprint::Blueprint;
use slipway_model::name::Digest;

use crate::item::encode;
use crate::table::Key;
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Error, Store};

#[derive(Serialize, Deserialize)]
struct Readme {
    text: String,
}

impl Store {
    /// Keeps the README of a version. The first one stays.
    pub async fn keep_readme(&self, blueprint: &Blueprint, text: &str, by: &str) -> Result<(), Error> {
        let key = Key::readme(blueprint);
        let readme = Readme { text: text.to_owned() };
        let after = json!({
            "version": blueprint.version,
            "digest": blueprint.digest,
            "readme": Digest::of(text.as_bytes()),
        });
        let entry = Entry::new(by, Action::AddReadme, format!("blueprint/{}", blueprint.name));
        let entry = entry.with_change(None, Some(after), |_| false);
        for attempt in 0..ATTEMPTS {
            // Another publication of the same files keeps its own.
            if self.get_item(&key).await?.is_some() {
                return Ok(());
            }
            let mut writes = vec![Write::Put(encode(&key, Vec::new(), &readme)?, Condition::New)];
            writes.extend(self.audit_writes(entry.clone(), Timestamp::now()).await?);
            if self.write("keep a README", writes).await? == Written::Yes {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("the README of the blueprint `{}`", blueprint.name),
        })
    }

    /// The README of a version, if it was published with one.
    pub async fn readme(&self, blueprint: &Blueprint) -> Result<Option<String>, Error> {
        let readme: Option<Readme> = self.get(&Key::readme(blueprint)).await?;
        Ok(readme.map(|readme| readme.text))
    }
}
