//! Published blueprints. Their files are in the artifacts bucket, by digest.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::blueprint::{Blueprint, Deprecation};
use slipway_model::name::Name;
use slipway_model::stack::{DraftState, Stack};

use crate::item::{Item, decode, encode, key_of};
use crate::query::Query;
use crate::secrets::keep_schema;
use crate::table::{BLUEPRINTS, Key, VERSION};
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Cursor, Error, Page, Store};

/// A blueprint in the list of blueprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlueprintSummary {
    /// Its name.
    pub name: Name,
    /// Its latest version: the highest that is neither a draft nor a pre-release, where there is one.
    pub latest: Version,
    /// What that version is for.
    pub description: String,
    /// When that version was published.
    pub published_at: Timestamp,
    /// Whether it is a draft: then there are only drafts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

/// The record of a blueprint's latest version.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Latest {
    #[serde(flatten)]
    summary: BlueprintSummary,
    revision: u64,
}

impl Latest {
    /// The same under the next revision: a writer that has read this one reads again.
    fn again(self) -> Self {
        Self {
            revision: self.revision + 1,
            ..self
        }
    }

    /// The record after a version was published, where that changes it.
    fn after(read: Option<&Self>, published: &Blueprint) -> Option<Self> {
        let new = rank(published.draft, &published.version);
        if read.is_some_and(|Self { summary, .. }| {
            summary.latest != published.version && rank(summary.draft, &summary.latest) >= new
        }) {
            return None;
        }
        Some(Self::of(published, read.map_or(1, |latest| latest.revision + 1)))
    }

    /// The record after this version became the latest in place of a discarded one.
    fn replaced(&self, by: &Blueprint) -> Self {
        Self::of(by, self.revision + 1)
    }

    fn of(blueprint: &Blueprint, revision: u64) -> Self {
        Self {
            summary: BlueprintSummary {
                name: blueprint.name.clone(),
                latest: blueprint.version.clone(),
                description: blueprint.description.clone(),
                published_at: blueprint.published_at,
                draft: blueprint.draft,
            },
            revision,
        }
    }
}

/// The order of versions. A release comes before every pre-release, and both before every draft: these must be requested by their
/// version.
fn rank(draft: bool, version: &Version) -> impl Ord + use<> {
    (!draft, version.pre.is_empty(), version.clone())
}

/// The record of a version is still the one with this revision.
fn of_revision(revision: u64) -> Condition {
    match revision {
        0 => Condition::Without("revision"),
        revision => Condition::Revision(revision),
    }
}

/// What the audit log says of a published version.
fn publish_entry(blueprint: &Blueprint, by: &str) -> Entry {
    let mut after =
        json!({"version": blueprint.version, "digest": blueprint.digest, "description": blueprint.description});
    if blueprint.draft {
        after["draft"] = true.into();
    }
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
    /// It was there with others, or not as a draft: it stays.
    Differs(Box<Blueprint>),
    /// It was a draft, and is replaced.
    Draft(Box<Blueprint>),
}

/// The versions of which stacks are made that were drafts then, as they are now.
#[derive(Debug)]
pub struct VersionsOfDrafts(HashMap<Key, Blueprint>);

impl VersionsOfDrafts {
    /// What became of the draft that the stack is made from; none if its files are final.
    pub fn state_of(&self, Stack { configuration, .. }: &Stack) -> Option<DraftState> {
        let key = Key::blueprint(&configuration.blueprint, &configuration.version);
        configuration.draft_state(self.0.get(&key))
    }
}

impl Store {
    /// The versions of those stacks, of a page at most, that are made of drafts. Without one, nothing is read.
    pub async fn versions_of_drafts(
        &self,
        stacks: impl IntoIterator<Item = &Stack>,
    ) -> Result<VersionsOfDrafts, Error> {
        let made = stacks.into_iter().map(|stack| &stack.configuration);
        let drafts = made.filter(|configuration| configuration.draft);
        let keys: HashSet<Key> = drafts
            .map(|made| Key::blueprint(&made.blueprint, &made.version))
            .collect();
        let keys = Vec::from_iter(keys);
        let found = self.get_some(&keys).await?.in_order(&keys);
        let versions = found.map(|(key, item)| Ok((key.clone(), decode(key, item)?)));
        Ok(VersionsOfDrafts(versions.collect::<Result<_, Error>>()?))
    }

    /// Publishes a version. A version is immutable: publishing it again changes nothing. A draft is replaced.
    pub async fn publish_blueprint(&self, blueprint: &Blueprint, by: &str) -> Result<Published, Error> {
        let key = Key::blueprint(&blueprint.name, &blueprint.version);
        let latest_key = Key::latest(&blueprint.name);
        self.note_sensitive_variables(&blueprint.variables).await?;
        for attempt in 0..ATTEMPTS {
            let (condition, blueprint, published) = match self.published(blueprint).await? {
                Some(Published::Draft(draft)) => {
                    let next = Blueprint {
                        revision: draft.revision + 1,
                        deprecation: draft.deprecation.clone(),
                        ..blueprint.clone()
                    };
                    (of_revision(draft.revision), Cow::Owned(next), Published::Draft(draft))
                }
                Some(published) => return Ok(published),
                None => (Condition::New, Cow::Borrowed(blueprint), Published::New),
            };
            let blueprint = blueprint.as_ref();
            let mut writes = vec![Write::Put(encode(&key, Vec::new(), blueprint)?, condition)];
            if let Published::Draft(draft) = &published
                && draft.digest != blueprint.digest
            {
                writes.push(keep_schema(draft)?);
            }
            let read: Option<Latest> = self.get(&latest_key).await?;
            let condition = read
                .as_ref()
                .map_or(Condition::New, |read| Condition::Revision(read.revision));
            // Also where it stays: a draft may be discarded meanwhile, and this version come after it.
            if let Some(latest) = Latest::after(read.as_ref(), blueprint).or(read.map(Latest::again)) {
                writes.push(Write::Put(encode(&latest_key, Vec::new(), &latest)?, condition));
            }
            writes.extend(
                self.audit_writes(publish_entry(blueprint, by), Timestamp::now())
                    .await?,
            );
            if self.write("publish a blueprint", writes).await? == Written::Yes {
                return Ok(published);
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
            let condition = of_revision(before.revision);
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

    /// Deletes a draft; [`Error::NotFound`] for an unknown version. `false` for a version that was published for good: it stays.
    pub async fn discard_draft(&self, name: &Name, version: &Version, by: &str) -> Result<bool, Error> {
        let (key, latest_key) = (Key::blueprint(name, version), Key::latest(name));
        for attempt in 0..ATTEMPTS {
            let draft = self.blueprint(name, version).await?;
            if !draft.draft {
                return Ok(false);
            }
            let mut writes = vec![
                Write::Delete(key.clone(), of_revision(draft.revision)),
                keep_schema(&draft)?,
            ];
            let read: Option<Latest> = self.get(&latest_key).await?;
            if let Some(latest) = read {
                let condition = Condition::Revision(latest.revision);
                let put = |latest: &Latest| encode(&latest_key, Vec::new(), latest);
                writes.push(if latest.summary.latest != *version {
                    Write::Put(put(&latest.again())?, condition)
                } else if let Some(next) = self.latest_without(&draft).await? {
                    Write::Put(put(&latest.replaced(&next))?, condition)
                } else {
                    Write::Delete(latest_key.clone(), condition)
                });
            }
            let before = json!({"version": draft.version, "digest": draft.digest});
            let entry = Entry::new(by, Action::Discard, format!("blueprint/{name}"));
            let entry = entry.with_change(Some(before), None, |_| false);
            writes.extend(self.audit_writes(entry, Timestamp::now()).await?);
            if self.write("discard a draft", writes).await? == Written::Yes {
                return Ok(true);
            }
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("version {version} of the blueprint `{name}`"),
        })
    }

    /// The latest version but for this one.
    async fn latest_without(&self, draft: &Blueprint) -> Result<Option<Blueprint>, Error> {
        let query = Query::of_items(&format!("blueprint#{}", draft.name), VERSION);
        let all = self.query_all(&query, None).await?.into_iter();
        let all = all.map(|item| decode(&key_of(&item), item));
        let all = all.collect::<Result<Vec<Blueprint>, Error>>()?;
        let others = all.into_iter().filter(|one| one.version != draft.version);
        Ok(others.max_by_key(|one| rank(one.draft, &one.version)))
    }

    /// How what is published as this version compares with it; `None` where nothing is. Two are the same by their files alone: a
    /// description that was corrected since is no other version.
    pub async fn published(&self, blueprint: &Blueprint) -> Result<Option<Published>, Error> {
        let there: Option<Blueprint> = self.get(&Key::blueprint(&blueprint.name, &blueprint.version)).await?;
        Ok(there.map(|there| {
            let (is_same, there) = (there.is_made_of(blueprint), Box::new(there));
            match (there.draft, blueprint.draft) {
                (true, true) | (false, false) if is_same => Published::Same(there),
                (true, _) => Published::Draft(there),
                (false, _) => Published::Differs(there),
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
