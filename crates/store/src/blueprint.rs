//! Published blueprints. Their files are in the artifacts bucket, by digest.

use jiff::Timestamp;
use semver::Version;
use slipway_model::blueprint::Blueprint;
use slipway_model::name::Name;

use crate::{Cursor, Error, Page, Store};

/// A blueprint in the list of blueprints.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// What came of publishing a version.
#[derive(Debug, Clone, PartialEq)]
pub enum Published {
    /// It is new.
    New,
    /// It was there with the same files.
    Same(Box<Blueprint>),
    /// It was there with other files, which stay.
    Differs(Box<Blueprint>),
}

impl Store {
    /// Publishes a version. A version is immutable: publishing it again changes nothing.
    pub async fn publish_blueprint(&self, blueprint: &Blueprint) -> Result<Published, Error> {
        let _ = blueprint;
        Ok(Published::New)
    }

    /// The version of a blueprint, or [`Error::NotFound`].
    pub async fn blueprint(&self, name: &Name, version: &Version) -> Result<Blueprint, Error> {
        Err(Error::NotFound {
            what: format!("version {version} of the blueprint `{name}`"),
        })
    }

    /// The latest version of a blueprint, or [`Error::NotFound`].
    pub async fn latest_blueprint(&self, name: &Name) -> Result<Blueprint, Error> {
        Err(Error::NotFound {
            what: format!("blueprint `{name}`"),
        })
    }

    /// The blueprints, by name.
    pub async fn blueprints(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page<BlueprintSummary>, Error> {
        let _ = (limit, cursor);
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }

    /// The versions of a blueprint, the highest first (semver precedence); none where there is no such blueprint.
    pub async fn blueprint_versions(
        &self,
        name: &Name,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Version>, Error> {
        let _ = (name, limit, cursor);
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }
}
