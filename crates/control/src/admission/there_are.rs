//! What requests name: it, or a problem with a remedy.

use semver::Version;
use slipway_model::blueprint::Blueprint;
use slipway_model::environment::Environment;
use slipway_model::name::Name;
use slipway_model::problem::FieldProblem;
use slipway_store::Error;

use super::Admission;

/// How many versions a text lists.
const NAMED: u16 = 20;

/// The remedy for an unknown environment. Policies decide which names a caller may read, so none is in it.
pub const ENVIRONMENTS_REMEDY: &str = "give one of those that you may read: `slipway environment list`";

/// The remedy for an unknown blueprint, likewise.
pub const BLUEPRINTS_REMEDY: &str = "give one of those that you may read: `slipway blueprint list`";

impl Admission<'_> {
    /// The environment of this name; without one, a problem.
    pub(super) async fn known_environment(
        self,
        name: &Name,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<Option<Environment>, Error> {
        match self.store.environment(name).await {
            Ok(environment) => Ok(Some(environment)),
            Err(Error::NotFound { .. }) => {
                let detail = format!("there is no environment `{name}`");
                problems.push(FieldProblem::new("environment", detail, ENVIRONMENTS_REMEDY));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The version of a blueprint, the latest where none is named; without one, a problem that says which versions there are.
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
                    FieldProblem::new("blueprint", detail, BLUEPRINTS_REMEDY)
                };
                problems.push(problem);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Which versions of a blueprint there are, as a remedy; none where there is no such blueprint.
    pub async fn versions_there_are(self, blueprint: &Name) -> Result<Option<String>, Error> {
        let page = self.store.blueprint_versions(blueprint, NAMED, None).await?;
        let marked = |blueprint: &Blueprint| {
            let mark = if blueprint.draft { " (draft)" } else { "" };
            format!("{}{mark}", blueprint.version)
        };
        let versions: Vec<String> = page.items.iter().map(marked).collect();
        let which = if page.next.is_some() {
            "some of the versions"
        } else {
            "the versions"
        };
        Ok((!versions.is_empty()).then(|| format!("{which} are: {}", versions.join(", "))))
    }
}
