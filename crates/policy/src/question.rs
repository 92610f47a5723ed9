//! A question to the policies, in Cedar's terms.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use slipway_model::plan::Action as Change;
use slipway_model::policy::{Principal, RequestFacts};
use slipway_model::principal::{self, Kind, TEAM};

use crate::action::Action;
use crate::facts::{EnvironmentFacts, OperationFacts, PlanFacts, StackFacts};

/// What the action is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// Slipway itself.
    Installation,
    /// An environment.
    Environment(EnvironmentFacts),
    /// A blueprint, by name.
    Blueprint(String),
    /// A stack.
    Stack(StackFacts),
    /// An operation.
    Operation(OperationFacts),
}

/// What else is known of the action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Facts {
    /// Nothing.
    #[default]
    None,
    /// The request.
    Request(RequestFacts),
    /// The plan that would be applied.
    Plan(Box<PlanFacts>),
}

/// May this principal do this?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What would be done.
    pub action: Action,
    /// To what.
    pub resource: &'a Resource,
    /// What is known of it.
    pub facts: &'a Facts,
}

/// Why a question cannot be put: its parts do not fit the schema.
#[derive(Debug, thiserror::Error)]
#[error("the question does not fit the schema of policies")]
pub(crate) struct Unaskable(#[source] Box<dyn std::error::Error + Send + Sync>);

fn unaskable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Unaskable {
    Unaskable(error.into())
}

type Attributes = HashMap<String, RestrictedExpression>;

impl Question<'_> {
    /// The requester of the operation, if it is the principal under another name: a user of IAM Identity Center has one in each
    /// permission set.
    pub(crate) fn other_name(&self) -> Option<&str> {
        let Resource::Operation(operation) = self.resource else {
            return None;
        };
        let requester = operation.requester.as_str();
        let (mut is_known, mut is_same_person) = (false, false);
        for name in self.principal.former.iter().chain([&self.principal.name]) {
            is_known |= principal::canonical(name) == principal::canonical(requester);
            is_same_person |= principal::is_same_person(name, requester);
        }
        (is_same_person && !is_known).then_some(requester)
    }

    /// The request, and the entities that it is about. The principal is an owner under `other_name`, too.
    pub(crate) fn in_cedar(&self, schema: &Schema, other_name: Option<&str>) -> Result<(Request, Entities), Unaskable> {
        let mut entities = Made::default();
        let principal = entities.principal(self.principal, other_name)?;
        let resource = entities.resource(self.resource)?;
        let context = context(self.action, self.facts)?;
        let action = uid("Action", self.action.as_str())?;
        let request = Request::new(principal, action, resource, context, Some(schema)).map_err(unaskable)?;
        let entities = Entities::from_entities(entities.0.into_values(), Some(schema)).map_err(unaskable)?;
        Ok((request, entities))
    }
}

impl Resource {
    /// As people read it.
    pub fn phrase(&self) -> String {
        match self {
            Self::Installation => "Slipway".to_owned(),
            Self::Environment(environment) => format!("the environment `{}`", environment.name),
            Self::Blueprint(name) => format!("the blueprint `{name}`"),
            Self::Stack(stack) => match &stack.id {
                Some(id) => format!("the stack `{id}`, which belongs to {}", stack.owner),
                None => format!("a new stack of {}", stack.owner),
            },
            Self::Operation(operation) => format!(
                "the operation `{}` of a stack that belongs to {}",
                operation.id, operation.stack.owner
            ),
        }
    }
}

/// Slipway itself.
pub(crate) fn installation() -> Result<EntityUid, Unaskable> {
    uid("Installation", "slipway")
}

pub(crate) fn uid(kind: &str, id: &str) -> Result<EntityUid, Unaskable> {
    let kind = EntityTypeName::from_str(kind).map_err(unaskable)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn texts<'a>(all: impl IntoIterator<Item = &'a String>) -> RestrictedExpression {
    RestrictedExpression::new_set(all.into_iter().map(|one| text(one)))
}

fn number(number: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The entities that are made for a question; the same one may be named twice.
#[derive(Default)]
struct Made(HashMap<EntityUid, Entity>);

impl Made {
    fn add(
        &mut self,
        uid: EntityUid,
        attributes: Attributes,
        parents: HashSet<EntityUid>,
    ) -> Result<EntityUid, Unaskable> {
        let entity = Entity::new(uid.clone(), attributes, parents).map_err(unaskable)?;
        self.0.insert(uid.clone(), entity);
        Ok(uid)
    }

    /// An owner, by the name that this version gives it.
    fn owner(&mut self, name: &str) -> Result<EntityUid, Unaskable> {
        let uid = uid("Owner", &principal::canonical(name))?;
        self.add(uid, Attributes::new(), HashSet::new())
    }

    fn principal(&mut self, principal: &Principal, other_name: Option<&str>) -> Result<EntityUid, Unaskable> {
        let mut parents = HashSet::new();
        let names = principal.former.iter().chain([&principal.name]);
        for name in names.map(String::as_str).chain(other_name) {
            parents.insert(self.owner(name)?);
        }
        for group in &principal.groups {
            let owner = self.owner(&format!("{TEAM}{group}"))?;
            let team = self.add(uid("Team", group)?, Attributes::new(), HashSet::from([owner]))?;
            parents.insert(team);
        }
        let kind = match principal::kind_of(&principal.name) {
            Kind::Person => "Person",
            Kind::Role => "Role",
            Kind::Account => "Account",
        };
        let administrator = RestrictedExpression::new_bool(principal.administrator);
        let attributes = HashMap::from([
            ("name".to_owned(), text(&principal.name)),
            ("administrator".to_owned(), administrator),
        ]);
        self.add(uid(kind, &principal.name)?, attributes, parents)
    }

    fn resource(&mut self, resource: &Resource) -> Result<EntityUid, Unaskable> {
        match resource {
            Resource::Installation => self.add(installation()?, Attributes::new(), HashSet::new()),
            Resource::Environment(environment) => self.environment(environment),
            Resource::Blueprint(name) => self.blueprint(name),
            Resource::Stack(stack) => self.stack(stack),
            Resource::Operation(operation) => self.operation(operation),
        }
    }

    fn environment(&mut self, environment: &EnvironmentFacts) -> Result<EntityUid, Unaskable> {
        let protected = RestrictedExpression::new_bool(environment.protected);
        let attributes = HashMap::from([
            ("name".to_owned(), text(&environment.name)),
            ("account".to_owned(), text(&environment.account)),
            ("region".to_owned(), text(&environment.region)),
            ("protected".to_owned(), protected),
        ]);
        self.add(uid("Environment", &environment.name)?, attributes, HashSet::new())
    }

    fn blueprint(&mut self, name: &str) -> Result<EntityUid, Unaskable> {
        let attributes = HashMap::from([("name".to_owned(), text(name))]);
        self.add(uid("Blueprint", name)?, attributes, HashSet::new())
    }

    /// What stacks and operations have in common: owner, environment and blueprint. The last two are parents as well.
    fn places(&mut self, stack: &StackFacts) -> Result<(Attributes, HashSet<EntityUid>), Unaskable> {
        let owner = self.owner(&stack.owner)?;
        let (environment, blueprint) = (self.environment(&stack.environment)?, self.blueprint(&stack.blueprint)?);
        let attributes = [
            ("owner", &owner),
            ("environment", &environment),
            ("blueprint", &blueprint),
        ]
        .map(|(name, uid)| (name.to_owned(), RestrictedExpression::new_entity_uid(uid.clone())));
        Ok((HashMap::from(attributes), HashSet::from([environment, blueprint])))
    }

    fn stack(&mut self, stack: &StackFacts) -> Result<EntityUid, Unaskable> {
        let (mut attributes, parents) = self.places(stack)?;
        attributes.insert("name".to_owned(), text(&stack.name));
        // No ID is empty, so a new stack is none that exists.
        let uid = uid("Stack", stack.id.as_deref().unwrap_or_default())?;
        self.add(uid, attributes, parents)
    }

    fn operation(&mut self, operation: &OperationFacts) -> Result<EntityUid, Unaskable> {
        let stack = self.stack(&operation.stack)?;
        let (mut attributes, mut parents) = self.places(&operation.stack)?;
        parents.insert(stack);
        let requester = RestrictedExpression::new_entity_uid(self.owner(&operation.requester)?);
        attributes.insert("requester".to_owned(), requester);
        attributes.insert("kind".to_owned(), text(&operation.kind));
        self.add(uid("Operation", &operation.id)?, attributes, parents)
    }
}

fn context(action: Action, facts: &Facts) -> Result<Context, Unaskable> {
    let pairs = match facts {
        Facts::Plan(plan) if action == Action::Apply => {
            let record = RestrictedExpression::new_record(plan_facts(plan)).map_err(unaskable)?;
            vec![("plan".to_owned(), record)]
        }
        Facts::Request(request) if action.is_request() => request_facts(request),
        _ if action.is_request() => request_facts(&RequestFacts::default()),
        // `apply` without a plan does not fit the schema, and is denied.
        _ => Vec::new(),
    };
    Context::from_pairs(pairs).map_err(unaskable)
}

fn request_facts(request: &RequestFacts) -> Vec<(String, RestrictedExpression)> {
    let mut pairs = vec![
        ("variables".to_owned(), texts(&request.variables)),
        ("registries".to_owned(), texts(&request.images.registries)),
        ("repositories".to_owned(), texts(&request.images.repositories)),
        ("pushed".to_owned(), RestrictedExpression::new_bool(request.pushed)),
    ];
    if let Some(version) = &request.version {
        pairs.push(("version".to_owned(), text(version)));
    }
    pairs
}

fn plan_facts(plan: &PlanFacts) -> Vec<(String, RestrictedExpression)> {
    let summary = &plan.summary;
    let types = |name: &str, action| (name.to_owned(), texts(&plan.types(action)));
    let count = |name: &str, count| (name.to_owned(), number(count));
    let understood = RestrictedExpression::new_bool(summary.not_understood.is_empty());
    vec![
        count("create", summary.add),
        count("update", summary.change),
        count("delete", summary.destroy),
        count("replace", summary.replace),
        count("forget", summary.forget),
        count("import", summary.imports()),
        count("changes", summary.resource_count()),
        types("created_types", Change::Create),
        types("updated_types", Change::Update),
        types("deleted_types", Change::Delete),
        types("replaced_types", Change::Replace),
        types("forgotten_types", Change::Forget),
        ("lost_types".to_owned(), texts(&plan.lost_types())),
        types("actions", Change::Invoke),
        count("tagged", summary.tagged),
        ("tags".to_owned(), texts(&summary.tags)),
        ("registries".to_owned(), texts(&plan.images.registries)),
        ("repositories".to_owned(), texts(&plan.images.repositories)),
        ("understood".to_owned(), understood),
    ]
}
