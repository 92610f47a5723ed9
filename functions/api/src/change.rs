//! What a request about a stack must satisfy before anything is written.
//!
//! A request is judged as a whole: everything that is wrong with it is named at once.

use std::collections::BTreeMap;

use semver::Version;
use serde_json::{Map, Value};
use slipway_model::blueprint::Blueprint;
use slipway_model::environment::Environment;
use slipway_model::name::{Image, Name};
use slipway_model::operation::OperationKind;
use slipway_model::problem::FieldProblem;
use slipway_model::stack::{Configuration, HIDDEN, Stack, StackStatus};
use slipway_model::variable;
use slipway_store::create::{NewOperation, NewStack, Outcome};

use crate::Api;
use crate::body::Fields;
use crate::caller::Caller;
use crate::error::Error;
use crate::revision::Expected;

/// How often a request is judged again because others changed the stack meanwhile.
const ATTEMPTS: usize = 5;

/// What to give for a name.
pub(crate) const NAME_REMEDY: &str = "give a name like `guestbook` or `team-a`";

/// What to give for a version.
pub(crate) const VERSION_REMEDY: &str = "give a version like `1.2.0`";

const IMAGES_REMEDY: &str =
    "give each service, by its name, an image by digest: `repository@sha256:` and 64 hexadecimal digits";

/// What is asked of a stack that exists.
#[derive(Debug, Clone)]
pub enum Change {
    /// To be made from another version, or with other values; what is not named stays.
    Update(Edit),
    /// To show what that would change.
    Preview(Edit),
    /// To run these images; a service that is not named keeps its own.
    Release(BTreeMap<Name, Image>),
    /// To be destroyed.
    Destroy,
}

/// What is to be different in a stack's configuration.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// The version of the blueprint.
    version: Option<Version>,
    /// The values to set; null removes one.
    variables: Map<String, Value>,
}

impl Edit {
    /// Reads it from the body of a request.
    pub fn read(mut fields: Fields) -> Result<Self, Error> {
        let version = fields.optional("version", VERSION_REMEDY);
        let variables = fields.object("variables").unwrap_or_default();
        let problems = fields.problems();
        if problems.is_empty() {
            Ok(Self { version, variables })
        } else {
            Err(Error::invalid(problems))
        }
    }

    /// The values of a stack with these over them.
    fn over(&self, values: &Map<String, Value>) -> Map<String, Value> {
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

/// Reads the images of a release from the body of a request.
pub fn read_images(mut fields: Fields) -> Result<BTreeMap<Name, Image>, Error> {
    let images: Option<BTreeMap<Name, Image>> = fields.texts("images", IMAGES_REMEDY);
    let mut problems = fields.problems();
    if problems.is_empty() && images.as_ref().is_none_or(BTreeMap::is_empty) {
        problems.push(FieldProblem::new("images", "names no service", IMAGES_REMEDY));
    }
    match images {
        Some(images) if problems.is_empty() => Ok(images),
        _ => Err(Error::invalid(problems)),
    }
}

impl Api {
    /// Judges the request for a new stack.
    pub(crate) async fn judge_new_stack(&self, mut fields: Fields, caller: &Caller) -> Result<NewStack, Error> {
        let name: Option<Name> = fields.required("name", NAME_REMEDY);
        let blueprint: Option<Name> = fields.required("blueprint", "name a blueprint of GET /v1/blueprints");
        let version: Option<Version> = fields.optional("version", VERSION_REMEDY);
        let environment: Option<Name> = fields.required("environment", "name an environment of GET /v1/environments");
        let variables = fields.object("variables").unwrap_or_default();
        let images = fields.texts("images", IMAGES_REMEDY).unwrap_or_default();
        let mut problems = fields.problems();

        let environment = match environment {
            Some(name) => self.known_environment(&name, &mut problems).await?,
            None => None,
        };
        let blueprint = match blueprint {
            Some(name) => self.known_blueprint(&name, version.as_ref(), &mut problems).await?,
            None => None,
        };
        let configuration = match (&environment, &blueprint) {
            (Some(environment), Some(blueprint)) => configure(blueprint, environment, &variables, &variables)
                .map_err(|wrong| problems.extend(wrong))
                .ok(),
            _ => None,
        };
        match (name, environment, configuration) {
            (Some(name), Some(environment), Some(configuration)) if problems.is_empty() => Ok(NewStack {
                name,
                environment: environment.name,
                configuration,
                images,
                requested_by: caller.name.clone(),
            }),
            _ => Err(Error::invalid(problems)),
        }
    }

    /// Judges a change of a stack and asks for its operation; again where others changed the stack meanwhile.
    pub(crate) async fn request_change(
        &self,
        mut stack: Stack,
        change: &Change,
        expected: Expected,
        submission: &crate::submission::Submission,
    ) -> Result<Outcome, Error> {
        for _ in 0..ATTEMPTS {
            let new = self.judge_change(&stack, change, expected, &submission.caller).await?;
            let idempotency = submission.idempotency.as_ref();
            let outcome = self
                .store
                .create_operation(&new, idempotency, crate::submission::accepted);
            match outcome.await? {
                Outcome::StackChanged(now) => stack = *now,
                outcome => return Ok(outcome),
            }
        }
        Err(Error::Unavailable {
            doing: "judging a change of a stack that others keep changing",
            source: format!("the stack {} was changed {ATTEMPTS} times meanwhile", stack.id).into(),
        })
    }

    async fn judge_change(
        &self,
        stack: &Stack,
        change: &Change,
        expected: Expected,
        caller: &Caller,
    ) -> Result<NewOperation, Error> {
        caller.require_owner(stack)?;
        let if_match = match expected {
            Expected::Any => None,
            Expected::Revision(revision) if revision == stack.revision => Some(revision),
            Expected::Revision(_) => {
                return Err(Error::RevisionMismatch {
                    current: stack.revision,
                });
            }
        };
        require_alive(stack)?;
        let (kind, configuration, images) = match change {
            Change::Update(edit) => (
                OperationKind::Update,
                Some(self.edited(stack, edit).await?),
                BTreeMap::new(),
            ),
            Change::Preview(edit) => (
                OperationKind::Preview,
                Some(self.edited(stack, edit).await?),
                BTreeMap::new(),
            ),
            Change::Release(images) => (OperationKind::Release, None, self.judge_images(stack, images).await?),
            Change::Destroy => {
                self.require_unprotected(stack).await?;
                (OperationKind::Destroy, None, BTreeMap::new())
            }
        };
        Ok(NewOperation {
            configuration,
            images,
            if_match,
            ..NewOperation::new(kind, stack.clone(), &*caller.name)
        })
    }

    /// What the stack is made from after `edit`.
    async fn edited(&self, stack: &Stack, edit: &Edit) -> Result<Configuration, Error> {
        let mut problems = Vec::new();
        let environment = self.store.environment(&stack.environment).await?;
        let before = &stack.configuration;
        let version = edit.version.as_ref().unwrap_or(&before.version);
        let blueprint = self
            .known_blueprint(&before.blueprint, Some(version), &mut problems)
            .await?;
        let Some(blueprint) = blueprint else {
            return Err(Error::invalid(problems));
        };
        let values = edit.over(&before.variables);
        configure(&blueprint, &environment, &edit.variables, &values).map_err(|mut problems| {
            // A value that the stack has, and that its new version has no use for, is not in the request: say how to drop it.
            for problem in &mut problems {
                let name = problem.field.strip_prefix("variables.").unwrap_or_default();
                let kept = before.variables.contains_key(name) && !edit.variables.contains_key(name);
                if kept && !blueprint.variables.iter().any(|variable| variable.name == name) {
                    problem.detail = format!("the stack has this value, and version {version} has no such variable");
                    problem.remedy = format!("remove it with this request: {{\"variables\": {{\"{name}\": null}}}}");
                }
            }
            Error::invalid(problems)
        })
    }

    /// The image of each service after a release: the named ones, and what the stack has for the others.
    async fn judge_images(&self, stack: &Stack, named: &BTreeMap<Name, Image>) -> Result<BTreeMap<Name, Image>, Error> {
        let mut images = self.images_of(stack).await?;
        images.extend(named.iter().map(|(service, image)| (service.clone(), image.clone())));
        let Some(contract) = &stack.contract else {
            // It is being made: its services are known when the release's turn comes.
            if stack.status == StackStatus::Provisioning {
                return Ok(images);
            }
            return Err(Error::Conflict(format!(
                "The stack `{}` is {} and has no services yet. Update it until it is ready, then release.",
                stack.id, stack.status
            )));
        };
        let services: Vec<&str> = contract.services.keys().map(Name::as_str).collect();
        let mut problems = Vec::new();
        for service in named.keys().filter(|service| !contract.services.contains_key(*service)) {
            let remedy = match services.as_slice() {
                [] => "leave it out: the stack has no services".to_owned(),
                services => format!("the services of this stack are: {}", services.join(", ")),
            };
            let field = format!("images.{service}");
            problems.push(FieldProblem::new(field, "the stack has no such service", remedy));
        }
        // What a service had that the blueprint has no more is no part of the next release.
        images.retain(|service, _| contract.services.contains_key(service));
        for service in contract
            .services
            .keys()
            .filter(|service| !images.contains_key(*service))
        {
            problems.push(FieldProblem::new(
                format!("images.{service}"),
                "is missing, and no release before has an image for this service",
                IMAGES_REMEDY,
            ));
        }
        if problems.is_empty() {
            Ok(images)
        } else {
            Err(Error::invalid(problems))
        }
    }

    /// The images that the stack runs; before its first release is out, those that were asked for last.
    async fn images_of(&self, stack: &Stack) -> Result<BTreeMap<Name, Image>, Error> {
        let asked = (stack.last_release.0 > 0).then_some(stack.last_release);
        match stack.current_release.or(asked) {
            Some(number) => Ok(self.store.release(&stack.id, number).await?.images),
            None => Ok(BTreeMap::new()),
        }
    }

    async fn require_unprotected(&self, stack: &Stack) -> Result<(), Error> {
        let environment = self.store.environment(&stack.environment).await?;
        if environment.protected {
            return Err(Error::Conflict(format!(
                "The environment `{}` is protected: stacks in it are not destroyed. An administrator has to take the protection \
                 from the environment first.",
                environment.name
            )));
        }
        Ok(())
    }

    /// The environment of this name; without one, a problem that says which there are.
    async fn known_environment(
        &self,
        name: &Name,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<Option<Environment>, Error> {
        match self.store.environment(name).await {
            Ok(environment) => Ok(Some(environment)),
            Err(slipway_store::Error::NotFound { .. }) => {
                let remedy = self.environments_there_are().await?;
                let detail = format!("there is no environment `{name}`");
                problems.push(FieldProblem::new("environment", detail, remedy));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The version of a blueprint, the latest where none is named; without one, a problem that says which there are.
    async fn known_blueprint(
        &self,
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
            Err(slipway_store::Error::NotFound { .. }) => {
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
            Err(error) => Err(error.into()),
        }
    }
}

/// What a stack is made from: `values` checked against the version's schema. `given` are those of them that this request
/// gives.
fn configure(
    blueprint: &Blueprint,
    environment: &Environment,
    given: &Map<String, Value>,
    values: &Map<String, Value>,
) -> Result<Configuration, Vec<FieldProblem>> {
    let sensitive = variable::sensitive_names(&blueprint.variables);
    let placeholders = given
        .iter()
        .filter(|(name, value)| sensitive.contains(*name) && value.as_str() == Some(HIDDEN));
    let mut problems: Vec<FieldProblem> = placeholders
        .map(|(name, _)| {
            FieldProblem::new(
                format!("variables.{name}"),
                format!("`{HIDDEN}` stands for the value where it is not shown; it is not the value"),
                "give the value itself, or leave the variable out to keep what the stack has",
            )
        })
        .collect();
    match variable::check(&blueprint.variables, &environment.variables, values) {
        Ok(variables) if problems.is_empty() => Ok(Configuration {
            blueprint: blueprint.name.clone(),
            version: blueprint.version.clone(),
            digest: blueprint.digest.clone(),
            variables,
            sensitive,
        }),
        Ok(_) => Err(problems),
        Err(wrong) => {
            problems.extend(wrong);
            Err(problems)
        }
    }
}

fn require_alive(stack: &Stack) -> Result<(), Error> {
    match stack.status {
        StackStatus::Destroyed => Err(Error::Conflict(format!(
            "The stack `{}` is destroyed: nothing of it is left but its record. Create a new stack.",
            stack.id
        ))),
        StackStatus::Destroying => Err(Error::Conflict(format!(
            "The stack `{}` is being destroyed. Wait for the operation that does, or cancel it.",
            stack.id
        ))),
        StackStatus::Provisioning
        | StackStatus::Ready
        | StackStatus::Updating
        | StackStatus::Releasing
        | StackStatus::Failed => Ok(()),
    }
}
