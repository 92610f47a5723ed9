//! Suggestions for requests that name something that does not exist.

use slipway_model::blueprint::Blueprint;
use slipway_model::name::Name;
use slipway_store::Error;

use super::Admission;

/// How many names a text lists.
const NAMED: u16 = 20;

impl Admission<'_> {
    /// Which environments there are, as a remedy.
    pub async fn environments_there_are(self) -> Result<String, Error> {
        let page = self.store.environments(NAMED, None).await?;
        let names: Vec<String> = page.items.into_iter().map(|environment| environment.name).collect();
        Ok(listed("environments", &names, page.next.is_some()))
    }

    /// Which blueprints there are, as a remedy.
    pub async fn blueprints_there_are(self) -> Result<String, Error> {
        let page = self.store.blueprints(NAMED, None).await?;
        let names: Vec<String> = page.items.iter().map(|blueprint| blueprint.name.to_string()).collect();
        Ok(listed("blueprints", &names, page.next.is_some()))
    }

    /// Which versions of a blueprint there are, as a remedy; none where there is no such blueprint.
    pub async fn versions_there_are(self, blueprint: &Name) -> Result<Option<String>, Error> {
        let page = self.store.blueprint_versions(blueprint, NAMED, None).await?;
        let marked = |blueprint: &Blueprint| {
            let mark = if blueprint.draft { " (draft)" } else { "" };
            format!("{}{mark}", blueprint.version)
        };
        let versions: Vec<String> = page.items.iter().map(marked).collect();
        Ok((!versions.is_empty()).then(|| listed("versions", &versions, page.next.is_some())))
    }
}

fn listed(noun: &str, names: &[String], more: bool) -> String {
    match names {
        [] => format!("there are no {noun} yet"),
        names if more => format!("some of the {noun} are: {}", names.join(", ")),
        names => format!("the {noun} are: {}", names.join(", ")),
    }
}
