//! The names that a caller may know of: the text of a problem lists only those that the caller may read, and the others do not exist.

use slipway_api_types::MissingKind;
use slipway_control::admission::{BLUEPRINTS_REMEDY, ENVIRONMENTS_REMEDY, Refusal};
use slipway_model::environment::Environment;
use slipway_model::name::Name;
use slipway_model::problem::shortened;
use slipway_policy::facts::EnvironmentFacts;
use slipway_policy::{Action, Resource};
use slipway_store::Page;
use slipway_store::configured::Configured;

use crate::Api;
use crate::error::Error;
use crate::viewer::Viewer;
use crate::visible::VisiblePage;

/// How many names a text lists.
const NAMED: u16 = 20;

/// The remedy for a version of a blueprint that the caller may not read.
const VERSION_REMEDY: &str = "give a version that exists: ask its publisher";

impl Viewer {
    /// Whether the caller may read this environment. One whose record cannot be read counts as protected.
    pub(crate) fn may_read_environment(&self, environment: &Configured<Environment>) -> bool {
        let unknown = |_| EnvironmentFacts::unknown(&environment.name);
        let facts = environment.record.as_ref().map_or_else(unknown, EnvironmentFacts::from);
        self.may(Action::Read, &Resource::Environment(facts))
    }

    /// Whether the caller may read the blueprint of this name.
    pub(crate) fn may_read_blueprint(&self, name: &Name) -> bool {
        self.may(Action::Read, &Resource::Blueprint(name.to_string()))
    }
}

impl Api {
    /// The answer to a request about what the caller may not know of: that it does not exist. None if the caller may know of it.
    pub(crate) async fn missing_to(&self, viewer: &Viewer, resource: &Resource) -> Result<Option<Error>, Error> {
        if viewer.knows(resource) {
            return Ok(None);
        }
        Ok(match resource {
            Resource::Installation => None,
            Resource::Stack(stack) => stack.id.as_deref().map(|id| Error::missing(MissingKind::Stack, id, "")),
            Resource::Operation(operation) => Some(Error::missing(MissingKind::Operation, &operation.id, "")),
            Resource::Environment(environment) => Some(self.no_environment(viewer, &environment.name).await?),
            Resource::Blueprint(name) => Some(self.no_blueprint(viewer, name).await?),
        })
    }

    /// The error if this is an environment or a blueprint that does not exist. An environment whose record cannot be read counts as one.
    pub(crate) async fn no_such(&self, viewer: &Viewer, resource: &Resource) -> Result<Option<Error>, Error> {
        Ok(match resource {
            Resource::Environment(environment) if environment.account.is_empty() => {
                Some(self.no_environment(viewer, &environment.name).await?)
            }
            Resource::Blueprint(name) => {
                if self.has_blueprint(name).await? {
                    None
                } else {
                    Some(self.no_blueprint(viewer, name).await?)
                }
            }
            _ => None,
        })
    }

    async fn has_blueprint(&self, name: &str) -> Result<bool, Error> {
        let Ok(name) = name.parse::<Name>() else {
            return Ok(false);
        };
        match self.store.latest_blueprint(&name).await {
            Ok(_) => Ok(true),
            Err(slipway_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The error for an unknown environment, with those that the caller may read.
    pub(crate) async fn no_environment(&self, viewer: &Viewer, name: &str) -> Result<Error, Error> {
        let there_are = self.known_environments(viewer).await?;
        let name = shortened(name);
        Ok(Error::NotFound(format!(
            "There is no environment `{name}`; {there_are}."
        )))
    }

    /// The error for an unknown blueprint, with those that the caller may read.
    pub(crate) async fn no_blueprint(&self, viewer: &Viewer, name: &str) -> Result<Error, Error> {
        let there_are = self.known_blueprints(viewer).await?;
        let name = shortened(name);
        Ok(Error::NotFound(format!("There is no blueprint `{name}`; {there_are}.")))
    }

    /// The refusal of a new stack, which lists the names that the caller may read if it is about one that does not exist. The versions of
    /// a blueprint that the caller may not read are not listed.
    pub(crate) async fn with_known_names(
        &self,
        viewer: &Viewer,
        blueprint: Option<&Name>,
        refusal: Refusal,
    ) -> Result<Refusal, Error> {
        let hides_versions = blueprint.is_some_and(|name| !viewer.may_read_blueprint(name));
        match refusal {
            Refusal::Invalid(mut problems) => {
                for problem in &mut problems {
                    if hides_versions && problem.field == "version" {
                        VERSION_REMEDY.clone_into(&mut problem.remedy);
                        continue;
                    }
                    if problem.remedy == ENVIRONMENTS_REMEDY {
                        problem.remedy = self.known_environments(viewer).await?;
                    } else if problem.remedy == BLUEPRINTS_REMEDY {
                        problem.remedy = self.known_blueprints(viewer).await?;
                    }
                }
                Ok(Refusal::Invalid(problems))
            }
            other => Ok(other),
        }
    }

    /// Which environments the caller may read, as a remedy.
    async fn known_environments(&self, viewer: &Viewer) -> Result<String, Error> {
        let mut page = VisiblePage::new(NAMED, None, |_| 0);
        while let Some((limit, cursor)) = page.wanted() {
            let read = self.store.environments(limit, cursor).await?;
            let judge = |one: Configured<Environment>| viewer.may_read_environment(&one).then_some(one.name);
            page.take(read.items.into_iter().map(judge).collect(), read.next);
        }
        Ok(listed("environments", &page.page()))
    }

    /// Which blueprints the caller may read, as a remedy.
    async fn known_blueprints(&self, viewer: &Viewer) -> Result<String, Error> {
        let mut page = VisiblePage::new(NAMED, None, |_| 0);
        while let Some((limit, cursor)) = page.wanted() {
            let read = self.store.blueprints(limit, cursor).await?;
            let names = read.items.into_iter().map(|one| one.name);
            let judged = names.map(|name| viewer.may_read_blueprint(&name).then(|| name.to_string()));
            page.take(judged.collect(), read.next);
        }
        Ok(listed("blueprints", &page.page()))
    }
}

fn listed(noun: &str, page: &Page<String>) -> String {
    match page.items.as_slice() {
        [] => format!("there are no {noun} that you may read"),
        names if page.next.is_some() => format!("some of the {noun} are: {}", names.join(", ")),
        names => format!("the {noun} are: {}", names.join(", ")),
    }
}
