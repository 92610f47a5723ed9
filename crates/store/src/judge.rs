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
use slipway_model::request::{Edit, IMAGES_REMEDY, StackDraft};
use slipway_model::stack::{Configuration, HIDDEN, Stack, StackStatus};
use slipway_model::variable;

use crate::create::{Accepted, NewOperation, NewStack, Outcome};
use crate::idempotency::{Answer, Idempotency};
use crate::{Error, Store};

/// How often a request is judged again because others changed the stack meanwhile.
const ATTEMPTS: usize = 5;

/// Why a request is not what is going to happen.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Fields of it are wrong.
    #[error("wrong fields: {0:?}")]
    Invalid(Vec<FieldProblem>),
    /// What is there now does not allow it; the text says why, and what to do.
    #[error("{0}")]
    Conflict(String),
    /// The stack is not the one that the caller has seen.
    #[error("the revision is {current}, not the one that was expected")]
    RevisionMismatch {
        /// The revision that the stack has.
        current: u64,
    },
    /// It could not be judged.
    #[error("the request could not be judged")]
    Store(#[from] Error),
}

/// Who asks for an operation, and how.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The name under which it is asked for.
    pub requested_by: &'a str,
    /// By what the same request is known when it comes again.
    pub idempotency: Option<&'a Idempotency>,
}

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

impl Store {
    /// Judges the request for a new stack.
    pub async fn judge_new_stack(&self, draft: StackDraft, requested_by: &str) -> Result<NewStack, Refusal> {
        let StackDraft {
            name,
            blueprint,
            version,
            environment,
            variables,
            images,
            mut problems,
        } = draft;
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
                requested_by: requested_by.to_owned(),
            }),
            _ => Err(Refusal::Invalid(problems)),
        }
    }

    /// Judges a change of a stack and asks for its operation; again where others changed the stack meanwhile. `if_match` is the
    /// revision that the stack must have, and `answer` as in [`Store::create_stack`].
    pub async fn request_change(
        &self,
        mut stack: Stack,
        change: &Change,
        if_match: Option<u64>,
        asking: Asking<'_>,
        answer: impl Fn(Accepted<'_>) -> Answer,
    ) -> Result<Outcome, Refusal> {
        for _ in 0..ATTEMPTS {
            let new = self.judge_change(&stack, change, if_match, asking.requested_by).await?;
            match self.create_operation(&new, asking.idempotency, &answer).await? {
                Outcome::StackChanged(now) => stack = *now,
                outcome => return Ok(outcome),
            }
        }
        Err(Refusal::Store(Error::Conflict {
            what: format!("the stack {}", stack.id),
        }))
    }

    async fn judge_change(
        &self,
        stack: &Stack,
        change: &Change,
        if_match: Option<u64>,
        requested_by: &str,
    ) -> Result<NewOperation, Refusal> {
        if if_match.is_some_and(|revision| revision != stack.revision) {
            return Err(Refusal::RevisionMismatch {
                current: stack.revision,
            });
        }
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
            ..NewOperation::new(kind, stack.clone(), requested_by)
        })
    }

    /// What the stack is made from after `edit`.
    async fn edited(&self, stack: &Stack, edit: &Edit) -> Result<Configuration, Refusal> {
        let mut problems = Vec::new();
        let environment = self.environment(&stack.environment).await?;
        let before = &stack.configuration;
        let version = edit.version.as_ref().unwrap_or(&before.version);
        let blueprint = self
            .known_blueprint(&before.blueprint, Some(version), &mut problems)
            .await?;
        let Some(blueprint) = blueprint else {
            return Err(Refusal::Invalid(problems));
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
            Refusal::Invalid(problems)
        })
    }

    /// The image of each service after a release: the named ones, and what the stack has for the others.
    async fn judge_images(
        &self,
        stack: &Stack,
        named: &BTreeMap<Name, Image>,
    ) -> Result<BTreeMap<Name, Image>, Refusal> {
        let mut images = self.images_of(stack).await?;
        images.extend(named.iter().map(|(service, image)| (service.clone(), image.clone())));
        let Some(contract) = &stack.contract else {
            // It is being made: its services are known when the release's turn comes.
            if stack.status == StackStatus::Provisioning {
                return Ok(images);
            }
            return Err(Refusal::Conflict(format!(
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
            Err(Refusal::Invalid(problems))
        }
    }

    /// The images that the stack runs; before its first release is out, those that were asked for last.
    async fn images_of(&self, stack: &Stack) -> Result<BTreeMap<Name, Image>, Error> {
        let asked = (stack.last_release.0 > 0).then_some(stack.last_release);
        match stack.current_release.or(asked) {
            Some(number) => Ok(self.release(&stack.id, number).await?.images),
            None => Ok(BTreeMap::new()),
        }
    }

    async fn require_unprotected(&self, stack: &Stack) -> Result<(), Refusal> {
        let environment = self.environment(&stack.environment).await?;
        if environment.protected {
            return Err(Refusal::Conflict(format!(
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
        match self.environment(name).await {
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
    async fn known_blueprint(
        &self,
        name: &Name,
        version: Option<&Version>,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<Option<Blueprint>, Error> {
        let found = match version {
            Some(version) => self.blueprint(name, version).await,
            None => self.latest_blueprint(name).await,
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

fn require_alive(stack: &Stack) -> Result<(), Refusal> {
    match stack.status {
        StackStatus::Destroyed => Err(Refusal::Conflict(format!(
            "The stack `{}` is destroyed: nothing of it is left but its record. Create a new stack.",
            stack.id
        ))),
        StackStatus::Destroying => Err(Refusal::Conflict(format!(
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
