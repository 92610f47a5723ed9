//! One entry of a complete plan: a resource, an output, a drifted resource, an action or a check.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attribute::AttributeChange;
use super::{Action, protection};
use crate::named;

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A resource that the apply changes.
    Resource,
    /// An action that the apply invokes (Terraform 1.14 and later).
    Action,
    /// A resource whose change Terraform leaves to a later plan.
    DeferredResource,
    /// An action that Terraform leaves to a later plan.
    DeferredAction,
    /// An output of the root module.
    Output,
    /// A resource that was changed outside Terraform.
    Drift,
    /// A `check` block, a condition or a validation.
    Check,
}

impl Subject {
    /// Every subject.
    pub const ALL: [Self; 7] = [
        Self::Resource,
        Self::Action,
        Self::DeferredResource,
        Self::DeferredAction,
        Self::Output,
        Self::Drift,
        Self::Check,
    ];

    /// Its name, as requests and records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Action => "action",
            Self::DeferredResource => "deferred_resource",
            Self::DeferredAction => "deferred_action",
            Self::Output => "output",
            Self::Drift => "drift",
            Self::Check => "check",
        }
    }
}

/// A text that names no [`Subject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no subject of a plan's items")]
pub struct InvalidSubject;

named!(InvalidSubject: Subject);

/// In which order a replacement happens, and what becomes of the old object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplaceOrder {
    /// The old object is destroyed first.
    DeleteThenCreate,
    /// The new object is created first.
    CreateThenDelete,
    /// The new object is created, and the old one leaves the state without being destroyed.
    CreateThenForget,
    /// The same, in OpenTofu's order.
    ForgetThenCreate,
}

/// What invokes an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The resource whose change invokes it; none where the request named the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// When: `AfterCreate`, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What Terraform does if the action fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
}

/// One entry of a plan. An entry with many attributes is continued in the items after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What it is about.
    pub subject: Subject,
    /// What would be done; none for a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The address, or the name of an output.
    pub address: String,
    /// The type of the resource or action.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The source address of the provider.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// The address before a move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_address: Option<String>,
    /// The key of a deposed object, which an earlier replacement did not delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// Why, in Terraform's words: `replace_because_cannot_update`, say. Of a deferred change: why it is deferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attributes that force the replacement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace_paths: Vec<String>,
    /// The order of a replacement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_order: Option<ReplaceOrder>,
    /// The id with which the resource is imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_id: Option<String>,
    /// The identity with which it is imported, where that is not an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_identity: Option<Value>,
    /// What changes in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
    /// What invokes an action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Of drift: whether the apply overwrites it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overwritten: Option<bool>,
    /// Of a check: `pass`, `fail`, `error` or `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Of a check: its messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Why the item is not understood, which makes the plan need an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_understood: Option<String>,
    /// Which part of the entry this is, where one item does not hold it: from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// The types of the provisioners that Terraform may run when it makes or destroys the resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provisioners: Vec<String>,
    /// Whether Slipway hides a part of an address, a replace path, an import ID or a message, because a sensitive value stands in it that
    /// Terraform does not mark. Attributes have marks of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// The most bytes of an item as JSON, less the last attribute that is added to it: far below the 400 KB of a DynamoDB item.
const ITEM_BYTES: usize = 192 * 1024;

/// The attributes that tag a resource.
const TAGS: [&str; 2] = ["tags", "tags_all"];

impl Item {
    /// An item about this, with nothing in it.
    pub fn new(subject: Subject, action: Option<Action>, address: impl Into<String>) -> Self {
        Self {
            subject,
            action,
            address: address.into(),
            kind: String::new(),
            provider: String::new(),
            previous_address: None,
            deposed: None,
            reason: None,
            replace_paths: Vec::new(),
            replace_order: None,
            import_id: None,
            import_identity: None,
            attributes: Vec::new(),
            trigger: None,
            overwritten: None,
            status: None,
            problems: Vec::new(),
            not_understood: None,
            part: None,
            parts: None,
            provisioners: Vec::new(),
            hidden: false,
        }
    }

    /// Whether it is taken into the state, perhaps beside another change.
    pub fn is_imported(&self) -> bool {
        self.action == Some(Action::Import) || self.import_id.is_some() || self.import_identity.is_some()
    }

    /// Its position in a plan: deletions first, and before them actions that are not understood.
    pub(super) fn rank(&self) -> u8 {
        match (self.subject, self.action) {
            (Subject::Resource, Some(action)) => action.rank(),
            (Subject::Resource, None) => Action::Unknown.rank(),
            (Subject::Action, _) => Action::Invoke.rank(),
            (Subject::DeferredResource, _) => 20,
            (Subject::DeferredAction, _) => 21,
            (Subject::Output, _) => 22,
            // The apply drops it from the state, as it does a resource that it forgets.
            (Subject::Drift, Some(action)) if protection::loses(action) => Action::Forget.rank(),
            (Subject::Drift, _) => 23,
            (Subject::Check, _) => 24,
        }
    }

    /// Whether the apply deploys a service of ECS, or makes a service or schedule that only a release fills. Every change of a service
    /// but that of its tags may begin a deployment: blueprints update services with `force_new_deployment`, and ECS deploys a new network
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
    pub(super) fn is_deployed(&self) -> bool {
        let is_tag = |path: &str| path.split(['.', '[']).next().is_some_and(|root| TAGS.contains(&root));
        match (self.kind.as_str(), self.action) {
            ("aws_ecs_service" | "aws_scheduler_schedule", Some(Action::Create | Action::Replace)) => true,
            ("aws_ecs_service", Some(Action::Update)) => self.attributes.iter().any(|change| !is_tag(&change.path)),
            _ => false,
        }
    }

    /// The item in parts that are small enough, each with the same head.
    pub(super) fn into_parts(mut self) -> Vec<Self> {
        let attributes = std::mem::take(&mut self.attributes);
        let mut groups: Vec<Vec<AttributeChange>> = vec![Vec::new()];
        let mut bytes = 0;
        for attribute in attributes {
            let size = attribute.bytes();
            if bytes + size > ITEM_BYTES && bytes > 0 {
                groups.push(Vec::new());
                bytes = 0;
            }
            bytes += size;
            if let Some(group) = groups.last_mut() {
                group.push(attribute);
            }
        }
        if groups.len() == 1 {
            self.attributes = groups.pop().unwrap_or_default();
            return vec![self];
        }
        let parts = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let part = |(group, number): (Vec<AttributeChange>, u32)| Self {
            attributes: group,
            part: Some(number),
            parts: Some(parts),
            ..self.clone()
        };
        groups.into_iter().zip(1..).map(part).collect()
    }
}
