//! Requests as they were written: fields of the right form, before anything is looked up.

use std::collections::BTreeMap;
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::id::{OperationId, ReleaseNumber, StackId};
use crate::name::{Image, Name};
use crate::principal::{OWNER_REMEDY, Owner};
use crate::problem::FieldProblem;
use crate::subscription::{self, Subscription};

/// What to give for a name.
pub const NAME_REMEDY: &str = "give a name like `guestbook` or `team-a`";

/// What is wrong with a text that is no version.
pub const NO_VERSION: &str = "is not a version";

/// What to give for a version.
pub const VERSION_REMEDY: &str = "give a version like `1.2.0`";

/// What to give for images.
pub const IMAGES_REMEDY: &str =
    "give each service, by its name, an image by digest: `repository@sha256:` and 64 hexadecimal digits";

/// The request for a new stack. An unreadable field is absent here and among the problems, so that all problems of a request
/// are reported at once.
#[derive(Debug, Clone, Default)]
pub struct StackDraft {
    /// What people call it.
    pub name: Option<Name>,
    /// The blueprint that it is made from.
    pub blueprint: Option<Name>,
    /// The version of the blueprint; the latest where none is named.
    pub version: Option<Version>,
    /// Where it is to live.
    pub environment: Option<Name>,
    /// Values for the variables of the blueprint.
    pub variables: Map<String, Value>,
    /// The images of its first release; empty for none.
    pub images: BTreeMap<Name, Image>,
    /// Which images its services get when they are pushed.
    pub subscriptions: BTreeMap<Name, Subscription>,
    /// Its owner; by default the requester. Only [`StackDraft::read_with_owner`] lets a request name one.
    pub owner: Option<Owner>,
    /// What is wrong with its fields.
    pub problems: Vec<FieldProblem>,
}

impl StackDraft {
    /// Reads it from the fields of a request that may name the owner.
    pub fn read_with_owner(mut fields: Fields) -> Self {
        let owner = fields.optional("owner", OWNER_REMEDY);
        Self {
            owner,
            ..Self::read(fields)
        }
    }

    /// Reads it from the fields of a request.
    pub fn read(mut fields: Fields) -> Self {
        let subscriptions = subscription::read(&mut fields).into_iter();
        let name: Option<Name> = fields.required("name", NAME_REMEDY);
        let mistaken = name.as_ref().filter(|name| is_taken_for_an_id(name)).map(|name| {
            let detail = format!("`{name}` has the form of an ID, and would be taken for one");
            FieldProblem::new("name", detail, "choose another name")
        });
        Self {
            // There is nothing yet to unsubscribe from: null says the same as leaving it out.
            subscriptions: subscriptions
                .filter_map(|(service, one)| Some((service, one?)))
                .collect(),
            name,
            blueprint: fields.required("blueprint", "name a blueprint: `slipway blueprint list` lists them"),
            version: fields.optional_of("version", NO_VERSION, VERSION_REMEDY),
            environment: fields.required(
                "environment",
                "name an environment: `slipway environment list` lists them",
            ),
            variables: fields.object("variables").unwrap_or_default(),
            images: fields.texts("images", IMAGES_REMEDY).unwrap_or_default(),
            owner: None,
            problems: fields.problems().into_iter().chain(mistaken).collect(),
        }
    }
}

/// Whether commands would take a name for the ID of a stack or an operation.
fn is_taken_for_an_id(name: &Name) -> bool {
    name.as_str().parse::<StackId>().is_ok() || name.as_str().parse::<OperationId>().is_ok()
}

/// What is to be different in a stack, as an operation keeps it: applied once more when its turn comes.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// The version of the blueprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The values to set; null removes one.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// Which images services get when they are pushed; none unsubscribes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<Name, Option<Subscription>>,
}

/// Never prints a value, which may be a sensitive one.
impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.variables.keys().collect();
        write!(f, "{:?} {names:?} {:?}", self.version, self.subscriptions)
    }
}

impl Patch {
    /// Reads it from the fields of a request.
    pub fn read(mut fields: Fields) -> Result<Self, Vec<FieldProblem>> {
        let version = fields.optional_of("version", NO_VERSION, VERSION_REMEDY);
        let variables = fields.object("variables").unwrap_or_default();
        let subscriptions = subscription::read(&mut fields);
        let problems = fields.problems();
        if problems.is_empty() {
            Ok(Self {
                version,
                variables,
                subscriptions,
            })
        } else {
            Err(problems)
        }
    }

    /// The values of a stack with these over them.
    pub fn over(&self, values: &Map<String, Value>) -> Map<String, Value> {
        let mut merged = values.clone();
        for (name, value) in &self.variables {
            if value.is_null() {
                merged.remove(name);
            } else {
                merged.insert(name.clone(), value.clone());
            }
        }
        merged
    }
}

/// Reads the release that a rollback goes back to from the fields of a request; none where it is left out.
pub fn read_rollback(mut fields: Fields) -> Result<Option<ReleaseNumber>, Vec<FieldProblem>> {
    let number = fields.number("release", "give the number of an earlier release, from 1");
    let problems = fields.problems();
    if problems.is_empty() {
        Ok(number.map(ReleaseNumber))
    } else {
        Err(problems)
    }
}

/// A release that is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// The images; a service that is not named keeps its own.
    pub images: BTreeMap<Name, Image>,
    /// Whether a snapshot of the database is taken, and the backups of the blueprint, before the migrations.
    pub snapshot: bool,
    /// Whether the previous release works with the database after the migrations; none for what the blueprint says.
    pub compatible_with_previous: Option<bool>,
}

impl From<BTreeMap<Name, Image>> for ReleaseRequest {
    /// A release that says nothing but its images.
    fn from(images: BTreeMap<Name, Image>) -> Self {
        Self {
            images,
            snapshot: false,
            compatible_with_previous: None,
        }
    }
}

/// Reads the request for a release from its fields.
pub fn read_release(mut fields: Fields) -> Result<ReleaseRequest, Vec<FieldProblem>> {
    let snapshot = fields.flag("snapshot").unwrap_or_default();
    let compatible_with_previous = fields.flag("compatible_with_previous");
    Ok(ReleaseRequest {
        images: read_images(fields)?,
        snapshot,
        compatible_with_previous,
    })
}

/// Reads the images of a release from the fields of a request.
pub fn read_images(mut fields: Fields) -> Result<BTreeMap<Name, Image>, Vec<FieldProblem>> {
    let images: Option<BTreeMap<Name, Image>> = fields.texts("images", IMAGES_REMEDY);
    let mut problems = fields.problems();
    if problems.is_empty() && images.as_ref().is_none_or(BTreeMap::is_empty) {
        problems.push(FieldProblem::new("images", "names no service", IMAGES_REMEDY));
    }
    match images {
        Some(images) if problems.is_empty() => Ok(images),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_that_would_be_taken_for_an_id_is_rejected() {
        for (name, is_rejected) in [
            ("lusab-babad", true),
            ("op-01kaj3v9mz5x0q8r2t4w6y7z9a", true),
            ("shop-front", false),
        ] {
            let body = json!({"name": name, "blueprint": "web", "environment": "live"});
            let draft = StackDraft::read(Fields::new(body.as_object().cloned().unwrap_or_default()));
            let fields: Vec<&str> = draft.problems.iter().map(|problem| problem.field.as_str()).collect();
            assert_eq!(fields == ["name"], is_rejected, "{name}: {fields:?}");
        }
    }
}
