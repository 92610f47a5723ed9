//! What policies know. Facts that policies search are sets: Cedar has no loops.

use std::collections::BTreeSet;

use slipway_model::environment::Environment;
use slipway_model::name::Image;
use slipway_model::operation::Operation;
use slipway_model::plan::{Action, PlanSummary};
use slipway_model::stack::Stack;

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFacts {
    /// Its name.
    pub name: String,
    /// Its account.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// Whether it is protected.
    pub protected: bool,
}

impl EnvironmentFacts {
    /// An environment whose record does not exist or cannot be read. It counts as protected.
    pub fn unknown(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            account: String::new(),
            region: String::new(),
            protected: true,
        }
    }
}

impl From<&Environment> for EnvironmentFacts {
    fn from(environment: &Environment) -> Self {
        Self {
            name: environment.name.to_string(),
            account: environment.account.to_string(),
            region: environment.region.to_string(),
            protected: environment.protected,
        }
    }
}

/// A stack; of a new one, what the request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFacts {
    /// Its ID. A new stack has none.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Its blueprint.
    pub blueprint: String,
    /// Where it is.
    pub environment: EnvironmentFacts,
}

impl StackFacts {
    /// A stack that exists.
    pub fn new(stack: &Stack, environment: EnvironmentFacts) -> Self {
        Self {
            id: Some(stack.id.to_string()),
            name: stack.name.to_string(),
            owner: stack.owner.clone(),
            blueprint: stack.configuration.blueprint.to_string(),
            environment,
        }
    }
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationFacts {
    /// Its ID.
    pub id: String,
    /// What it does.
    pub kind: String,
    /// Its requester.
    pub requester: String,
    /// Its stack.
    pub stack: StackFacts,
}

impl OperationFacts {
    /// An operation of this stack.
    pub fn new(operation: &Operation, stack: StackFacts) -> Self {
        Self {
            id: operation.id.to_string(),
            kind: operation.kind().to_string(),
            requester: operation.requested_by.clone(),
            stack,
        }
    }
}

/// Where images come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// The registries: `111122223333.dkr.ecr.eu-west-1.amazonaws.com`, `docker.io`.
    pub registries: BTreeSet<String>,
    /// The repositories, each with its registry if the image names one.
    pub repositories: BTreeSet<String>,
}

impl<'a> FromIterator<&'a Image> for ImageFacts {
    fn from_iter<I: IntoIterator<Item = &'a Image>>(images: I) -> Self {
        images.into_iter().map(Image::repository).collect()
    }
}

impl<'a> FromIterator<&'a str> for ImageFacts {
    /// From repositories as images name them.
    fn from_iter<I: IntoIterator<Item = &'a str>>(repositories: I) -> Self {
        let mut facts = Self::default();
        for repository in repositories {
            // What Docker takes for a host: https://github.com/distribution/reference
            let host = repository.split_once('/').map(|(host, _)| host);
            let host = host.filter(|host| host.contains(['.', ':']) || *host == "localhost");
            facts.registries.insert(host.unwrap_or("docker.io").to_owned());
            facts.repositories.insert(repository.to_owned());
        }
        facts
    }
}

/// A request about a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The variables that it sets or removes.
    pub variables: BTreeSet<String>,
    /// Where its images come from.
    pub images: ImageFacts,
    /// The version that it names.
    pub version: Option<String>,
}

/// A plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanFacts {
    /// Its counts and types.
    pub summary: PlanSummary,
    /// Where the images of its operation come from.
    pub images: ImageFacts,
}

impl PlanFacts {
    /// The plan of an operation.
    pub fn new(operation: &Operation, plan: &PlanSummary) -> Self {
        Self {
            summary: plan.clone(),
            images: operation.work.images().map(|(_, image)| image).collect(),
        }
    }

    /// The types of resources for which the plan has this action.
    pub fn types(&self, action: Action) -> BTreeSet<String> {
        let types = self.summary.types.iter();
        types
            .filter(|(_, counts)| counts.contains_key(&action))
            .map(|(kind, _)| kind.clone())
            .collect()
    }

    /// The types that would be lost, as the rule of protected types sees it.
    pub fn lost_types(&self) -> BTreeSet<String> {
        let lost = self.summary.lost_types().map(ToOwned::to_owned);
        lost.chain(self.summary.losses.keys().cloned()).collect()
    }
}
