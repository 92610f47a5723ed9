//! What requests name: it, or a problem that says which there are.

use semver::Version;
use slipway_model::blueprint::Blueprint;
use slipway_model::environment::Environment;
use slipway_model::name::Name;
use slipway_model::problem::FieldProblem;
use slipway_store::Error;

use super::Admission;

/// How many names a text lists.
const NAMED: u16 = 20;

impl Admission<'_> {
    /// The environment of this name; without one, a problem that says which there are.
    pub(super) async fn known_environment(
        self,
        name: &Name,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<Option<Environment>, Error> {
        match self.store.environment(name).await {
            Ok(environment) => Ok(Some(environment)),
            Err(Error::NotFound { .. }) => {
                let remedy = self.environments_there_are().await?;
                let detail = format!("there is no environment `{name}`");
                problems.push(FieldProblem::new("environment", detail, remedy));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The version of a blueprint, the latest where none is named; without one, a problem that says which there are.
    pub(super) async fn known_blueprint(
        self,
        name: &Name,
        version: Option<&Version>,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<Option<Blueprint>, Error> {
        let found = match version {
            Some(version) => self.store.blueprint(name, version).await,
            None => self.store.latest_blueprint(name).await,
        };
        match found {
            Ok(blueprint) => Ok(Some(blueprint)),
            Err(Error::NotFound { .. }) => {
                let versions = self.versions_there_are(name).await?;
                let problem = if let (Some(version), Some(remedy)) = (version, versions) {
                    FieldProblem::new("version", format!("`{name}` has no version {version}"), remedy)
                } else {
                    let detail = format!("there is no blueprint `{name}`");
                    FieldProblem::new("blueprint", detail, self.blueprints_there_are().await?)
                };
                problems.push(problem);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

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
