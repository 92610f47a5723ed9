//! `/v1/can-i` and `/v1/permissions`: what the caller may do.

use axum::Json;
use axum::extract::State;
use slipway_api_types as view;
use slipway_model::operation::Operation;
use slipway_policy::facts::StackFacts;
use slipway_policy::{Action, Denial, Facts, Resource};

use crate::error::{Error, OWN_PLAN};
use crate::openapi::ReadProblems;
use crate::parameters::{Parameters, one_of};
use crate::records::{found, operation_id};
use crate::shown;
use crate::viewer::Viewer;
use crate::{Api, Caller};

/// Ask whether the caller may do something
///
/// To a stack, an operation, an environment or a blueprint; to Slipway itself if none is named. `request-create` needs the environment
/// and the blueprint of the new stack. What a request itself says, such as its images, is not known here.
#[utoipa::path(
    get,
    path = "/v1/can-i",
    operation_id = "can_i",
    tag = "policies",
    params(
        ("action" = String, Query, description = "The action.", example = "request-update"),
        ("stack" = Option<String>, Query, description = "The stack's id."),
        ("operation" = Option<String>, Query, description = "The operation's id."),
        ("environment" = Option<String>, Query, description = "The environment's name."),
        ("blueprint" = Option<String>, Query, description = "The blueprint's name."),
        ("owner" = Option<String>, Query, description = "Of `request-create`: the owner of the new stack, if that is not the caller."),
    ),
    responses((status = 200, description = "The decision.", body = view::Decision), ReadProblems),
)]
pub(super) async fn can_i(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    mut parameters: Parameters,
) -> Result<Json<view::Decision>, Error> {
    let action: Option<Action> = parameters.optional("action", &one_of(Action::ALL));
    let named = Named::take(&mut parameters);
    parameters.finish()?;
    let action = action.ok_or_else(|| Error::parameter("action", "is missing", one_of(Action::ALL)))?;
    let (resource, operation) = api.resource(named, &caller).await?;
    let is_own = operation.is_some_and(|operation| is_own_plan(&operation, &caller));
    let mut decision = viewer.decide(action, &resource, &Facts::None);
    // What the caller may not know of, and what does not exist, have the same answer.
    if decision.is_err()
        && let Some(missing) = Box::pin(api.missing_to(&viewer, &resource)).await?
    {
        return Err(missing);
    }
    if (decision.is_err() || !may_create(action))
        && let Some(missing) = Box::pin(api.no_such(&viewer, &resource)).await?
    {
        return Err(missing);
    }
    if is_own && action == Action::Approve {
        decision = decision.and(Err(Denial {
            policies: Vec::new(),
            reason: OWN_PLAN.to_owned(),
            description: None,
        }));
    }
    Ok(Json(shown::decision(decision)))
}

/// List what the caller may do
///
/// Every action that `GET /v1/can-i` would allow, for a program that offers only these.
#[utoipa::path(
    get,
    path = "/v1/permissions",
    operation_id = "list_permissions",
    tag = "policies",
    params(
        ("stack" = Option<String>, Query, description = "The stack's id."),
        ("operation" = Option<String>, Query, description = "The operation's id."),
        ("environment" = Option<String>, Query, description = "The environment's name."),
        ("blueprint" = Option<String>, Query, description = "The blueprint's name."),
        ("owner" = Option<String>, Query, description = "The owner of the new stack, if an environment and a blueprint are named."),
    ),
    responses((status = 200, description = "The permitted actions.", body = view::Permissions), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    mut parameters: Parameters,
) -> Result<Json<view::Permissions>, Error> {
    let named = Named::take(&mut parameters);
    parameters.finish()?;
    let (resource, operation) = api.resource(named, &caller).await?;
    let is_own = operation.is_some_and(|operation| is_own_plan(&operation, &caller));
    // Only the workflow asks whether a plan may be applied.
    let actions = Action::ALL.into_iter().filter(|action| *action != Action::Apply);
    let actions = actions.filter(|action| !(is_own && *action == Action::Approve));
    let no_such = Box::pin(api.no_such(&viewer, &resource)).await?;
    let actions = actions.filter(|action| no_such.is_none() || may_create(*action));
    let permitted = actions.filter(|action| viewer.may(*action, &resource));
    let actions: Vec<String> = permitted.map(|action| action.to_string()).collect();
    if actions.is_empty() {
        let missing = match no_such {
            Some(missing) => Some(missing),
            None => Box::pin(api.missing_to(&viewer, &resource)).await?,
        };
        if let Some(missing) = missing {
            return Err(missing);
        }
    }
    Ok(Json(view::Permissions { actions }))
}

/// Whether an action on an environment or a blueprint that does not exist may create it.
fn may_create(action: Action) -> bool {
    matches!(action, Action::Configure | Action::Publish)
}

/// Whether the rule of the environment forbids the caller to approve this plan, as its requester. Without a plan there is no rule yet.
fn is_own_plan(operation: &Operation, caller: &Caller) -> bool {
    operation.approval_rule.is_some() && operation.forbids_own_approval(caller.approver(None, None))
}

/// What a question is about.
struct Named {
    stack: Option<String>,
    operation: Option<String>,
    environment: Option<String>,
    blueprint: Option<String>,
    owner: Option<String>,
}

impl Named {
    fn take(parameters: &mut Parameters) -> Self {
        let mut named = |name| parameters.optional::<String>(name, "give a name or an id");
        Self {
            stack: named("stack"),
            operation: named("operation"),
            environment: named("environment"),
            blueprint: named("blueprint"),
            owner: named("owner"),
        }
    }
}

impl Api {
    /// What a question is about; the operation, where it is one.
    async fn resource(&self, named: Named, caller: &Caller) -> Result<(Resource, Option<Operation>), Error> {
        let Named {
            stack,
            operation,
            environment,
            blueprint,
            owner,
        } = named;
        let mut asked = None;
        let resource = match (stack, operation, environment, blueprint) {
            (None, None, Some(environment), Some(blueprint)) => Resource::Stack(StackFacts {
                id: None,
                name: String::new(),
                owner: owner.unwrap_or_else(|| caller.name.clone()),
                blueprint,
                environment: self.environment_facts(&environment).await?,
            }),
            (Some(id), None, None, None) => self.stack_resource(&self.stack(&id).await?).await?,
            (None, Some(id), None, None) => {
                let id = operation_id(&id)?;
                let operation = found(&id, self.store.operation(&id).await)?;
                let resource = self.operation_resource(&operation).await?;
                asked = Some(operation);
                resource
            }
            (None, None, Some(name), None) => Resource::Environment(self.environment_facts(&name).await?),
            (None, None, None, Some(name)) => Resource::Blueprint(name),
            (None, None, None, None) => Resource::Installation,
            _ => {
                let remedy =
                    "name a stack, an operation, an environment, a blueprint, or an environment and a blueprint";
                return Err(Error::parameter("stack", "more than one thing is named", remedy));
            }
        };
        Ok((resource, asked))
    }
}
