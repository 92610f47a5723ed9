//! Published blueprints. Their files are in the artifacts bucket, by digest.

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::blueprint::{Blueprint, Deprecation};
use slipway_model::name::Name;

use crate::item::{Item, decode, encode};
use crate::query::Query;
use crate::table::{BLUEPRINTS, Key, VERSION};
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Cursor, Error, Page, Store};

/// A blueprint in the list of blueprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlueprintSummary {
    /// Its name.
    pub name: Name,
    /// Its latest version: the highest that is not a pre-release, where there is one.
    pub latest: Version,
    /// What that version is for.
    pub description: String,
    /// When that version was published.
    pub published_at: Timestamp,
}

/// The record of a blueprint's latest version.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Latest {
    #[serde(flatten)]
    summary: BlueprintSummary,
    revision: u64,
}

impl Latest {
    /// The record after a version was published, where that changes it.
    fn after(read: Option<&Self>, published: &Blueprint) -> Option<Self> {
        // A release comes before every pre-release, which must be requested by its version.
        let rank = |version: &Version| (version.pre.is_empty(), version.clone());
        if read.is_some_and(|latest| rank(&latest.summary.latest) >= rank(&published.version)) {
            return None;
        }
        Some(Self {
            summary: BlueprintSummary {
                name: published.name.clone(),
                latest: published.version.clone(),
                description: published.description.clone(),
                published_at: published.published_at,
            },
            revision: read.map_or(1, |latest| latest.revision + 1),
        })
    }
}

/// What the audit log says of a published version.
fn publish_entry(blueprint: &Blueprint, by: &str) -> Entry {
    let after = json!({"version": blueprint.version, "digest": blueprint.digest, "description": blueprint.description});
    Entry::new(by, Action::Publish, format!("blueprint/{}", blueprint.name)).with_change(None, Some(after), |_| false)
}

/// What the audit log says of a deprecation, or of its end.
fn deprecation_entry(before: &Blueprint, after: Option<&Deprecation>, by: &str) -> Entry {
    let members = |of: Option<&Deprecation>| Some(json!({"version": before.version, "deprecated": of?.message}));
    let entry = Entry::new(by, Action::Deprecate, format!("blueprint/{}", before.name));
    let (old, new) = (members(before.deprecation.as_ref()), members(after));
    // Members that are the same on both sides are left out, and the version would be.
    entry.with_change(old.filter(|_| new.is_none()), new, |_| false)
}

/// What came of publishing a version.
#[derive(Debug, Clone, PartialEq)]
pub enum Published {
    /// It is new.
    New,
    /// It was there with the same files.
    Same(Box<Blueprint>),
    /// It was there with others, which stay.
    Differs(Box<Blueprint>),
}

impl Store {
    /// Publishes a version. A version is immutable: publishing it again changes nothing.
    pub async fn publish_blueprint(&self, blueprint: &Blueprint, by: &str) -> Result<Published, Error> {
        let key = Key::blueprint(&blueprint.name, &blueprint.version);
        let latest_key = Key::latest(&blueprint.name);
        self.note_sensitive_variables(&blueprint.variables).await?;
        for attempt in 0..ATTEMPTS {
            if let Some(published) = self.published(blueprint).await? {
                return Ok(published);
            }
            let mut writes = vec![Write::Put(encode(&key, Vec::new(), blueprint)?, Condition::New)];
            let read: Option<Latest> = self.get(&latest_key).await?;
            if let Some(latest) = Latest::after(read.as_ref(), blueprint) {
                let condition = read.map_or(Condition::New, |read| Condition::Revision(read.revision));
                writes.push(Write::Put(encode(&latest_key, Vec::new(), &latest)?, condition));
            }
            writes.extend(
                self.audit_writes(publish_entry(blueprint, by), Timestamp::now())
                    .await?,
            );
            if self.write("publish a blueprint", writes).await? == Written::Yes {
                return Ok(Published::New);
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("the blueprint `{}`", blueprint.name),
        })
    }

    /// Deprecates a version, or ends its deprecation; [`Error::NotFound`] for an unknown one.
    pub async fn deprecate_blueprint(
        &self,
        name: &Name,
        version: &Version,
        deprecation: Option<&Deprecation>,
        by: &str,
    ) -> Result<Blueprint, Error> {
        let key = Key::blueprint(name, version);
        let message = deprecation.map(|deprecation| &deprecation.message);
        for attempt in 0..ATTEMPTS {
            let before = self.blueprint(name, version).await?;
            if before.deprecation.as_ref().map(|there| &there.message) == message {
                return Ok(before);
            }
            let after = Blueprint {
                deprecation: deprecation.cloned(),
                revision: before.revision + 1,
                ..before.clone()
            };
            let condition = match before.revision {
                0 => Condition::Without("revision"),
                revision => Condition::Revision(revision),
            };
            let mut writes = vec![Write::Put(encode(&key, Vec::new(), &after)?, condition)];
            let entry = deprecation_entry(&before, deprecation, by);
            writes.extend(self.audit_writes(entry, Timestamp::now()).await?);
            if self.write("deprecate a blueprint", writes).await? == Written::Yes {
                return Ok(after);
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("version {version} of the blueprint `{name}`"),
        })
    }

    /// How what is published as this version compares with it; `None` where nothing is. Two are the same by their files alone: a
    /// description that was corrected since is no other version.
    pub async fn published(&self, blueprint: &Blueprint) -> Result<Option<Published>, Error> {
        let there: Option<Blueprint> = self.get(&Key::blueprint(&blueprint.name, &blueprint.version)).await?;
        Ok(there.map(|there| {
            if there.digest == blueprint.digest {
                Published::Same(Box::new(there))
            } else {
                Published::Differs(Box::new(there))
            }
        }))
    }

    /// The version of a blueprint, or [`Error::NotFound`].
    pub async fn blueprint(&self, name: &Name, version: &Version) -> Result<Blueprint, Error> {
        let key = Key::blueprint(name, version);
        self.require(&key, || format!("version {version} of the blueprint `{name}`"))
            .await
    }

    /// The latest version of a blueprint, or [`Error::NotFound`].
    pub async fn latest_blueprint(&self, name: &Name) -> Result<Blueprint, Error> {
        let latest: Latest = self
            .require(&Key::latest(name), || format!("blueprint `{name}`"))
            .await?;
        self.blueprint(name, &latest.summary.latest).await
    }

    /// The blueprints, by name.
    pub async fn blueprints(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page<BlueprintSummary>, Error> {
        let query = Query::of_items(BLUEPRINTS, "");
        let summary = |key: &Key, item: Item| decode::<Latest>(key, item).map(|latest| latest.summary);
        self.page(&query, limit, cursor, summary).await
    }

    /// The versions of a blueprint, the highest first (semver precedence); none where there is no such blueprint.
    pub async fn blueprint_versions(
        &self,
        name: &Name,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Blueprint>, Error> {
        let partition = format!("blueprint#{name}");
        let query = Query::of_items(&partition, VERSION).newest_first();
        self.page(&query, limit, cursor, decode::<Blueprint>).await
    }
}
