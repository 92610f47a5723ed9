//! Stacks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::{stack, subscription};
use utoipa::ToSchema;

use crate::BlueprintReference;

/// A stack: one instance of a blueprint in an environment.
///
/// For callers who may list it and not read it, what Terraform and the blueprint say of it is empty or null: `variables`, `applied`,
/// `endpoints`, `notes`, `services`, `subscriptions`, `tasks`, `drift`, `unsettled` and `quiesced`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Stack {
    /// Its ID.
    #[schema(example = "lusab-babad")]
    pub id: String,
    /// Its name.
    #[schema(example = "guestbook")]
    pub name: String,
    /// Its environment.
    #[schema(example = "local")]
    pub environment: String,
    /// The owner: a caller or a team.
    pub owner: String,
    /// Its status: `provisioning`, `ready`, `updating`, `releasing`, `destroying`, `failed` or `destroyed`.
    #[schema(value_type = String, example = "ready")]
    pub status: stack::StackStatus,
    /// The revision, which grows with every change; its ETag is this in quotes.
    pub revision: u64,
    /// Its blueprint.
    pub blueprint: BlueprintReference,
    /// `current` if its files are those of a draft, `replaced` if that draft was published again with other files,
    /// `discarded` if there is no such version any more. Null if its files are
    /// final.
    #[schema(value_type = Option<String>, example = "replaced")]
    pub draft: Option<stack::DraftState>,
    /// The requested variables. Sensitive values are `(sensitive)`. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub variables: Option<Map<String, Value>>,
    /// The variables of the last successful apply, which differ from `variables` after a failed one. Null before the first, and in lists.
    pub applied: Option<Applied>,
    /// Addresses for people. Empty once the stack is destroyed.
    pub endpoints: BTreeMap<String, String>,
    /// Notes of the blueprint, such as the command that connects to the database. Empty once the stack is destroyed.
    pub notes: BTreeMap<String, String>,
    /// The services that releases roll out.
    #[schema(example = json!(["web"]))]
    pub services: Vec<String>,
    /// The image subscriptions of services.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// The tasks that can be run with its current images. Empty once the stack is destroyed.
    #[schema(example = json!(["createsuperuser"]))]
    pub tasks: Vec<String>,
    /// The result of the last drift check; null if there was none since its infrastructure changed.
    pub drift: Option<StackDrift>,
    /// The services and schedules that may run another release than the current one, because an operation ended before it had
    /// restored them. Null since a release or rollback succeeded.
    pub unsettled: Option<Unsettled>,
    /// The services and schedules that are stopped for migrations. Null if all of them run, and in lists.
    pub quiesced: Option<Quiesced>,
    /// The number of the release that its services run.
    pub current_release: Option<u32>,
    /// The number of the last requested release; 0 for none.
    pub last_release: u32,
    /// The ID of the operation in progress.
    pub active_operation: Option<String>,
    /// The ID of the operation that runs while the plan of `active_operation` waits for its approval.
    pub operation_beside: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Related paths.
    pub links: StackLinks,
}

/// The result of the last successful apply.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The version of the blueprint.
    #[schema(example = "1.2.0")]
    pub version: String,
    /// The variables. Sensitive values are `(sensitive)`.
    #[schema(value_type = Object)]
    pub variables: Map<String, Value>,
}

/// A service's subscription to pushed images.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Subscription {
    /// The ARN of the repository.
    #[schema(example = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web")]
    pub repository: String,
    /// The tags; `*` matches any characters.
    #[schema(example = "v*")]
    pub tags: String,
}

/// The result of a drift check.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StackDrift {
    /// How many resources drifted.
    pub count: u64,
    /// The addresses of the first 10 of them; the operation lists more.
    pub resources: Vec<String>,
    /// When the resources were checked.
    pub looked_at: Timestamp,
    /// The operation that checked.
    pub operation: String,
}

/// The services and schedules that may run another release than the current one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Unsettled {
    /// The release that they may run.
    pub release: u32,
    /// The services.
    #[schema(example = json!(["web"]))]
    pub services: Vec<String>,
    /// Whether schedules may start tasks of that release.
    pub schedules: bool,
    /// The operation that ended too early.
    pub operation: String,
    /// When it ended.
    pub since: Timestamp,
    /// The same as a sentence, with the remedy.
    pub message: String,
}

/// The services and schedules that are stopped for migrations.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Quiesced {
    /// The services.
    #[schema(example = json!(["worker"]))]
    pub services: Vec<String>,
    /// The schedules.
    #[schema(example = json!(["nightly"]))]
    pub schedules: Vec<String>,
    /// The operation that stopped them.
    pub operation: String,
    /// The same as a sentence, with what happens next.
    pub message: String,
}

impl Quiesced {
    /// What an operation has stopped and not restored.
    pub fn by(operation: &Operation) -> Option<Self> {
        let message = operation.quiesced_sentence()?;
        let services = operation.quiesced.services.iter();
        let schedules = operation.quiesced.schedules.iter();
        Some(Self {
            services: services.map(|service| service.key.to_string()).collect(),
            schedules: schedules.map(|schedule| schedule.key.to_string()).collect(),
            operation: operation.id.to_string(),
            message,
        })
    }
}

/// Paths related to a stack.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StackLinks {
    /// The stack.
    #[serde(rename = "self")]
    #[schema(example = "/v1/stacks/lusab-babad")]
    pub this: String,
    /// Its operations.
    pub operations: String,
    /// Its releases.
    pub releases: String,
}

impl Stack {
    /// The stack in a list, without its values, which may be long.
    pub fn in_list(stack: stack::Stack, draft: Option<stack::DraftState>) -> Self {
        Self {
            draft,
            variables: None,
            applied: None,
            ..Self::from(stack)
        }
    }

    /// The stack for callers who may list it and not read it: that it exists, and whom to ask.
    pub fn without_content(stack: stack::Stack, draft: Option<stack::DraftState>) -> Self {
        Self {
            endpoints: BTreeMap::new(),
            notes: BTreeMap::new(),
            services: Vec::new(),
            subscriptions: BTreeMap::new(),
            tasks: Vec::new(),
            drift: None,
            unsettled: None,
            ..Self::in_list(stack, draft)
        }
    }
}

impl From<stack::Stack> for Stack {
    fn from(stack: stack::Stack) -> Self {
        let applied = stack.applied().map(|applied| Applied {
            version: applied.version.to_string(),
            variables: applied.shown_variables(),
        });
        let contract = stack.contract.unwrap_or_default();
        let is_live = stack.status != stack::StackStatus::Destroyed;
        let while_live = |values| if is_live { values } else { BTreeMap::new() };
        let tasks = contract.tasks.keys().filter(|_| is_live);
        let this = format!("/v1/stacks/{}", stack.id);
        Self {
            id: stack.id.to_string(),
            name: stack.name.to_string(),
            environment: stack.environment.to_string(),
            owner: stack.owner,
            status: stack.status,
            revision: stack.revision,
            variables: Some(stack.configuration.shown_variables()),
            applied,
            blueprint: BlueprintReference {
                name: stack.configuration.blueprint.to_string(),
                version: stack.configuration.version.to_string(),
            },
            draft: None,
            tasks: tasks.map(ToString::to_string).collect(),
            endpoints: while_live(contract.endpoints),
            notes: while_live(contract.notes),
            drift: stack.drift.map(|seen| StackDrift {
                count: seen.count,
                resources: seen.resources,
                looked_at: seen.looked_at,
                operation: seen.operation.to_string(),
            }),
            unsettled: stack.unsettled.map(|left| Unsettled {
                message: left.sentence(stack.current_release),
                release: left.release.0,
                services: left.services,
                schedules: left.schedules,
                operation: left.operation.to_string(),
                since: left.since,
            }),
            quiesced: None,
            services: contract.services.keys().map(ToString::to_string).collect(),
            subscriptions: stack.subscriptions.into_iter().map(subscription).collect(),
            current_release: stack.current_release.map(|number| number.0),
            last_release: stack.last_release.0,
            active_operation: stack.active_operation.map(String::from),
            operation_beside: stack.beside.and_then(|beside| beside.operation).map(String::from),
            created_at: stack.created_at,
            updated_at: stack.updated_at,
            links: StackLinks {
                operations: format!("{this}/operations"),
                releases: format!("{this}/releases"),
                this,
            },
        }
    }
}

fn subscription((service, one): (Name, subscription::Subscription)) -> (String, Subscription) {
    let shown = Subscription {
        repository: one.repository.to_string(),
        tags: one.tags.to_string(),
    };
    (service.to_string(), shown)
}
