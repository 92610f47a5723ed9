//! The names that the text of a problem lists: those that the caller may read.

use slipway_control::admission::{BLUEPRINTS_REMEDY, ENVIRONMENTS_REMEDY, Refusal};
use slipway_model::environment::Environment;
use slipway_model::name::Name;
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
    /// The refusal, which lists the names that the caller may read if it is about one that does not exist.
    pub(crate) async fn with_known_names(&self, viewer: &Viewer, refusal: Refusal) -> Result<Refusal, Error> {
        match refusal {
            Refusal::Invalid(mut problems) => {
                for problem in &mut problems {
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
    pub(crate) async fn known_environments(&self, viewer: &Viewer) -> Result<String, Error> {
        let mut page = VisiblePage::new(NAMED, None, |_| 0);
        while let Some((limit, cursor)) = page.wanted() {
            let read = self.store.environments(limit, cursor).await?;
            let judge = |one: Configured<Environment>| viewer.may_read_environment(&one).then_some(one.name);
            page.take(read.items.into_iter().map(judge).collect(), read.next);
        }
        Ok(listed("environments", &page.page()))
    }

    /// Which blueprints the caller may read, as a remedy.
    pub(crate) async fn known_blueprints(&self, viewer: &Viewer) -> Result<String, Error> {
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
