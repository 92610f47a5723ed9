//! The one place where a request is allowed or denied. The list of the routes says what each of them is about ([`Access`]), so no
//! route is served without a decision.
//!
//! The record on which the policies decided is the one that the handler gets ([`Admitted`]), and so are their facts of it
//! ([`Resource`]). A change that came in between makes the write of the handler fail.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::try_join_all;
use slipway_control::admission::{Admission, Change, Refusal};
use slipway_model::environment::Environment;
use slipway_model::id::{ReleaseNumber, StackId};
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::policy::{PermittedRequest, RequestFacts};
use slipway_model::request::{Patch, StackDraft, read_release, read_rollback};
use slipway_model::stack::Stack;
use slipway_policy::facts::{EnvironmentFacts, OperationFacts, StackFacts};
use slipway_policy::{Action, Denial, Facts, Resource};

use crate::body::{self, REQUEST_SIZE};
use crate::error::Error;
use crate::parameters::InPath;
use crate::records::{found, found_stack, operation_id, stack_id};
use crate::submission::{Settled, Submission};
use crate::viewer::Viewer;
use crate::{Api, Caller};

/// What a route is about, and what its caller must be permitted to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone, also without a name.
    Open,
    /// Every caller: the answer is about the caller, or has only items that the caller may see.
    Callers,
    /// Slipway itself.
    Installation(Action),
    /// The environment in the path.
    Environment(Action),
    /// The blueprint in the path.
    Blueprint(Action),
    /// A new stack, as the body says.
    NewStack,
    /// The stack in the path.
    Stack(Action),
    /// The stack in the path, and the release that the body wants it to go back to.
    Rollback,
    /// The operation in the path.
    Operation(Action),
}

impl Access {
    /// Whether the decision is about what the body says.
    fn reads_body(self) -> bool {
        match self {
            Self::NewStack | Self::Rollback => true,
            Self::Stack(action) => action.is_request(),
            _ => false,
        }
    }
}

/// The record in the path, on which the policies decided.
#[derive(Debug, Clone)]
pub(crate) struct Admitted<T>(pub T);

/// The release on which the policies decided, if the rollback can go to one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RollbackTarget(pub Option<ReleaseNumber>);

/// A stack that the caller may list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The stack.
    pub stack: Stack,
    /// Whether the caller may read it, too. A list shows no more than the stack itself.
    pub is_readable: bool,
}

impl<S: Sync, T: Clone + Send + Sync + 'static> FromRequestParts<S> for Admitted<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let undeclared = || {
            let why = "its entry in the list of routes does not say it";
            Error::internal("reading what a route is about", why)
        };
        parts.extensions.get::<Self>().cloned().ok_or_else(undeclared)
    }
}

impl Api {
    /// Lets a request through to its handler, if a policy permits it and none forbids it.
    pub(crate) async fn admit(&self, access: Access, request: Request) -> Result<Request, Box<Response>> {
        if access == Access::Open {
            return Ok(request);
        }
        let answer = |error: Error| Box::new(error.into_response());
        let (mut parts, mut body) = request.into_parts();
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| answer(Error::Unauthenticated))?;
        let mut bytes = Bytes::new();
        if access.reads_body() {
            bytes = body::read(&parts.headers, body, REQUEST_SIZE).await.map_err(answer)?;
            body = Body::from(bytes.clone());
        }
        let decision = self.judge(access, &caller, &mut parts, &bytes).await.map_err(answer)?;
        let request = Request::from_parts(parts, body);
        match decision {
            Ok(()) => Ok(request),
            Err(denial) => Err(Box::new(self.deny(denial, &caller, request).await)),
        }
    }

    /// Decides about a request, and leaves the record that it is about in its extensions.
    async fn judge(
        &self,
        access: Access,
        caller: &Caller,
        parts: &mut Parts,
        body: &[u8],
    ) -> Result<Result<(), Denial>, Error> {
        let InPath(path) = InPath::<BTreeMap<String, String>>::from_request_parts(parts, self).await?;
        let part = |name: &str| path.get(name).map_or("", String::as_str);
        let (viewer, action, resource, facts) = match access {
            Access::Open | Access::Callers => {
                parts.extensions.insert(self.viewer(caller).await?);
                return Ok(Ok(()));
            }
            Access::Installation(action) => (self.viewer(caller).await?, action, Resource::Installation, Facts::None),
            Access::Blueprint(action) => {
                let blueprint = Resource::Blueprint(part("name").to_owned());
                (self.viewer(caller).await?, action, blueprint, Facts::None)
            }
            Access::Environment(action) => {
                let (viewer, environment, _) = self.viewer_and_environment(caller, part("name")).await?;
                (viewer, action, Resource::Environment(environment), Facts::None)
            }
            Access::NewStack => {
                let (viewer, stack, facts, environment) = self.new_stack(body, caller).await?;
                parts.extensions.insert(Admitted(environment));
                let action = Action::RequestCreate;
                (viewer, action, Resource::Stack(stack), Facts::Request(facts))
            }
            Access::Stack(action) => {
                let (viewer, stack, resource) = self.viewer_and_stack(caller, part("id")).await?;
                parts.extensions.insert(Admitted(stack));
                let facts = change_in(action, body).map(|change| change.facts());
                (viewer, action, resource, Facts::Request(facts.unwrap_or_default()))
            }
            Access::Rollback => {
                let (viewer, stack, resource) = self.viewer_and_stack(caller, part("id")).await?;
                let (target, facts) = self.rollback_target(&stack, body).await?;
                parts.extensions.insert(Admitted(target));
                parts.extensions.insert(Admitted(stack));
                (viewer, Action::RequestRelease, resource, Facts::Request(facts))
            }
            Access::Operation(action) => {
                let id = operation_id(part("id"))?;
                let (operation, head) = found(&id, self.store.operation_and_policy_head(&id).await)?;
                let viewer = Viewer::new(self.gate.policies_at(head).await?, caller);
                let resource = self.operation_resource(&operation).await?;
                parts.extensions.insert(Admitted(operation));
                (viewer, action, resource, Facts::None)
            }
        };
        let decision = viewer.decide(action, &resource, &facts);
        if let Facts::Request(facts) = facts {
            let principal = viewer.principal().clone();
            parts.extensions.insert(PermittedRequest { principal, facts });
        }
        parts.extensions.insert(resource);
        parts.extensions.insert(viewer);
        parts.extensions.insert(action);
        Ok(decision.map(|_policies| ()))
    }

    /// The answer to a denied request: what the caller may not know of does not exist. If the same request was permitted before, its
    /// answer is given again.
    async fn deny(&self, denial: Denial, caller: &Caller, request: Request) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let extensions = request.extensions();
        let (viewer, resource) = (
            extensions.get::<Viewer>().cloned(),
            extensions.get::<Resource>().cloned(),
        );
        let action = extensions.get::<Action>().copied();
        if !method.is_safe()
            && let Err(Settled::Answered(answer)) = Submission::<REQUEST_SIZE>::from_request(request, self).await
        {
            return answer;
        }
        let policies = denial.policies.join(",");
        tracing::warn!(caller = caller.name, %method, path, policies, reason = denial.reason, "denied");
        let (Some(viewer), Some(resource), Some(action)) = (viewer, resource, action) else {
            return Error::Denied(denial).into_response();
        };
        let is_named = matches!(resource, Resource::Environment(_) | Resource::Blueprint(_));
        let answer = if is_named && !method.is_safe() && !viewer.knows(&resource) {
            // A change may create the environment or the blueprint, so one that does not exist is denied, too.
            Ok(Some(Error::Denied(viewer.unpermitted(action, &resource))))
        } else {
            Box::pin(self.missing_to(&viewer, &resource)).await
        };
        let error = match answer {
            Ok(Some(answer)) => Error::Hidden {
                answer: Box::new(answer),
                denial,
            },
            Ok(None) => Error::Denied(denial),
            Err(error) => error,
        };
        error.into_response()
    }

    /// The policies, as this caller meets them.
    pub(crate) async fn viewer(&self, caller: &Caller) -> Result<Viewer, Error> {
        Ok(Viewer::new(self.gate.policies().await?, caller))
    }

    /// The policies, as this caller meets them, and the stack of this ID, as it is and as policies know it.
    async fn viewer_and_stack(&self, caller: &Caller, id: &str) -> Result<(Viewer, Stack, Resource), Error> {
        let id = stack_id(id)?;
        let (stack, head) = found_stack(&id, self.store.stack_and_policy_head(&id).await)?;
        let viewer = Viewer::new(self.gate.policies_at(head).await?, caller);
        let resource = self.stack_resource(&stack).await?;
        Ok((viewer, stack, resource))
    }

    /// The policies, as this caller meets them, and the environment of this name, as policies know it and as it is.
    async fn viewer_and_environment(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(Viewer, EnvironmentFacts, Option<Environment>), Error> {
        let Ok(parsed) = name.parse::<Name>() else {
            return Ok((self.viewer(caller).await?, EnvironmentFacts::unknown(name), None));
        };
        let (policies, facts, environment) = self.gate.policies_and_environment(&parsed).await?;
        Ok((Viewer::new(policies, caller), facts, environment))
    }

    /// The environment of this name. One that does not exist, or cannot be read, counts as protected.
    pub(crate) async fn environment_facts(&self, name: &str) -> Result<EnvironmentFacts, Error> {
        let Ok(parsed) = name.parse::<Name>() else {
            return Ok(EnvironmentFacts::unknown(name));
        };
        Ok(self.gate.environment(&parsed).await?)
    }

    /// The stack as policies know it.
    pub(crate) async fn stack_resource(&self, stack: &Stack) -> Result<Resource, Error> {
        let environment = self.environment_facts(stack.environment.as_str()).await?;
        Ok(Resource::Stack(StackFacts::new(stack, environment)))
    }

    /// The operation as policies know it.
    pub(crate) async fn operation_resource(&self, operation: &Operation) -> Result<Resource, Error> {
        let (stack, environment) = self.gate.stack_and_environment(operation).await?;
        let stack = StackFacts::new(&stack, environment);
        Ok(Resource::Operation(OperationFacts::new(operation, stack)))
    }

    /// The stack that a request would create, and its environment.
    async fn new_stack(
        &self,
        body: &[u8],
        caller: &Caller,
    ) -> Result<(Viewer, StackFacts, RequestFacts, Option<Environment>), Error> {
        // What cannot be read says nothing: the handler rejects it.
        let draft = StackDraft::read_with_owner(body::fields(body).unwrap_or_default());
        let named = draft.environment.as_ref().map_or("", Name::as_str);
        let (viewer, facts_of_it, environment) = self.viewer_and_environment(caller, named).await?;
        let stack = StackFacts::of_draft(&draft, &caller.name, facts_of_it);
        Ok((viewer, stack, RequestFacts::of_new_stack(&draft), environment))
    }

    /// The release that a rollback goes to, and what it would release. A request that its handler rejects goes to none.
    async fn rollback_target(&self, stack: &Stack, body: &[u8]) -> Result<(RollbackTarget, RequestFacts), Error> {
        let none = (RollbackTarget(None), RequestFacts::default());
        let Ok(wanted) = read_rollback(body::fields(body).unwrap_or_default()) else {
            return Ok(none);
        };
        match Admission::by(&self.store).judge_rollback(stack, wanted).await {
            Ok(release) => {
                let facts = RequestFacts::of_images(&release.images);
                Ok((RollbackTarget(Some(release.number)), facts))
            }
            Err(Refusal::Store(error)) => Err(error.into()),
            Err(_) => Ok(none),
        }
    }

    /// The stacks of a page; `None` for each that the caller may not list.
    pub(crate) async fn listed(&self, viewer: &Viewer, stacks: Vec<Stack>) -> Result<Vec<Option<Listed>>, Error> {
        let environments = self
            .environments_of(stacks.iter().map(|stack| &stack.environment))
            .await?;
        let listed = stacks.into_iter().map(|stack| {
            let environment = environments[&stack.environment].clone();
            let resource = Resource::Stack(StackFacts::new(&stack, environment));
            viewer.may(Action::List, &resource).then(|| Listed {
                is_readable: viewer.may(Action::Read, &resource),
                stack,
            })
        });
        Ok(listed.collect())
    }

    /// These environments as policies know them, each read once.
    pub(crate) async fn environments_of(
        &self,
        names: impl Iterator<Item = &Name>,
    ) -> Result<BTreeMap<Name, EnvironmentFacts>, Error> {
        let names: BTreeSet<&Name> = names.collect();
        let facts = names.iter().map(|name| self.environment_facts(name.as_str()));
        let facts = try_join_all(facts).await?;
        Ok(names.into_iter().cloned().zip(facts).collect())
    }

    /// The operations of a page, with `None` for each that the caller may not read, and the stacks of the page.
    pub(crate) async fn readable(
        &self,
        viewer: &Viewer,
        operations: Vec<Operation>,
    ) -> Result<(Vec<Option<Operation>>, BTreeMap<StackId, Stack>), Error> {
        let environments = self
            .environments_of(operations.iter().map(|operation| &operation.environment))
            .await?;
        let stacks = self
            .stacks_of(operations.iter().map(|operation| &operation.stack))
            .await?;
        let may_read = |operation: &Operation| {
            let environment = environments[&operation.environment].clone();
            viewer.may_read(operation, StackFacts::new(&stacks[&operation.stack], environment))
        };
        let operations = operations
            .into_iter()
            .map(|operation| may_read(&operation).then_some(operation))
            .collect();
        Ok((operations, stacks))
    }

    /// These stacks as they are now, each read once.
    pub(crate) async fn stacks_of(
        &self,
        ids: impl Iterator<Item = &StackId>,
    ) -> Result<BTreeMap<StackId, Stack>, Error> {
        let ids: BTreeSet<&StackId> = ids.collect();
        let stacks = try_join_all(ids.iter().map(|id| self.store.stack(id))).await?;
        Ok(ids.into_iter().cloned().zip(stacks).collect())
    }
}

/// The change of a stack that a body requests; none if it cannot be read, or the action takes no fields. Its handler reads it in the same
/// way, and rejects what cannot be read.
fn change_in(action: Action, body: &[u8]) -> Option<Change> {
    let fields = body::fields(body).ok()?;
    match action {
        Action::RequestUpdate => Patch::read(fields).ok().map(Change::Update),
        Action::RequestPreview => Patch::read(fields).ok().map(Change::Preview),
        Action::RequestRelease => read_release(fields).ok().map(Change::Release),
        _ => None,
    }
}
