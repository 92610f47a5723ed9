//! Plans and approval sheets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use slipway_model::operation::OperationStatus;
use slipway_model::plan::Action;
use slipway_model::plan::item::Subject;
use utoipa::ToSchema;

use crate::{Approval, PlanDecision};

/// Items of a plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanItems {
    /// The items, deletions first.
    pub items: Vec<PlanItem>,
    /// How many items the plan has, without filters.
    pub total: u64,
    /// Send this as `after`, with the same filters, for the next page; null on the last one.
    pub next: Option<String>,
}

/// One entry of a plan. If it has many attributes, the following items continue it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanItem {
    /// The subject: `resource`, `action`, `deferred_resource`, `deferred_action`, `output`, `drift` or `check`.
    #[schema(value_type = String, example = "resource")]
    pub subject: Subject,
    /// The change: `unknown`, `delete`, `replace`, `forget`, `invoke`, `update`, `import`, `create`, `move` or `read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "replace")]
    pub action: Option<Action>,
    /// The address, or the name of an output.
    #[schema(example = "aws_db_instance.main")]
    pub address: String,
    /// The type of the resource or action.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(example = "aws_db_instance")]
    pub kind: Option<String>,
    /// The source address of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The address before a move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_address: Option<String>,
    /// The key of a deposed object, which an earlier replacement did not delete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// Terraform's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "replace_because_cannot_update")]
    pub reason: Option<String>,
    /// The attributes that force the replacement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace_paths: Option<Vec<String>>,
    /// The order of a replacement: `delete_then_create`, `create_then_delete`, `create_then_forget` or `forget_then_create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace_order: Option<String>,
    /// The id with which the resource is imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_id: Option<String>,
    /// The identity with which it is imported, if that is not an ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_identity: Option<Value>,
    /// The changed attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
    /// The trigger of an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<ActionTrigger>,
    /// For drift: whether the apply overwrites it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwritten: Option<bool>,
    /// For a check: `pass`, `fail`, `error` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// For a check: its messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<String>>,
    /// Why the item is not understood. The plan then needs an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_understood: Option<String>,
    /// The number of this part of the entry, from 1, if it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// The number of parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// The types of the provisioners that Terraform may run when it creates or destroys the resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["local-exec"]))]
    pub provisioners: Vec<String>,
    /// Whether a part of an address, a replace path, an import ID or a message is hidden: a sensitive value stands in it that Terraform does
    /// not mark. The plan then needs an approval, except for drift.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// A changed attribute. A side is absent if the attribute does not exist there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the marks of Terraform's JSON, each of its own"
)]
pub struct AttributeChange {
    /// Its path.
    #[schema(example = "ingress[0].from_port")]
    pub path: String,
    /// The value before.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether the value is known only after the apply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_unknown: bool,
    /// Whether there is a sensitive value before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_sensitive: bool,
    /// Whether there is a sensitive value after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_sensitive: bool,
    /// Whether a part of the value before is hidden: a sensitive value stands in it that Terraform does not mark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_hidden: bool,
    /// Whether a part of the value after is hidden. The plan then needs an approval.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_hidden: bool,
    /// Whether a part of the path is hidden. The plan then needs an approval.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub path_hidden: bool,
    /// Whether it forces the replacement of the resource.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
    /// For a long text: its changed lines, as a unified diff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// For a text that contains JSON: the changes in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub json: Vec<AttributeChange>,
    /// The size and SHA-256 of the value before, if it is too long to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_cut: Option<CutText>,
    /// The size and SHA-256 of the value after, if it is too long to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_cut: Option<CutText>,
}

/// A value, which may be `null`; absent is different.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A text that is too long to be shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CutText {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// The trigger of an action.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionTrigger {
    /// The resource whose change invokes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The event, such as `AfterCreate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What Terraform does if the action fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
}

/// An approval, beside the sheet.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SheetApproval {
    /// The approval.
    #[serde(flatten)]
    pub approval: Approval,
    /// Whether it counts. An approval of an earlier sheet does not, nor does one that the policies do not permit by now (`denied`), and
    /// none does once the plan is rejected.
    pub counts: bool,
}

/// The approval sheet of an operation: everything that an approver needs for the decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SheetDocument {
    /// The SHA-256 of the sheet's canonical JSON without this field, `status`, `decision`, `decided_by`, `approvals_given`,
    /// `approvals` and `links`: no spaces, keys in byte order. An approval quotes it.
    #[schema(example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub hash: String,
    /// The operation's ID.
    pub operation: String,
    /// The operation's status: the plan of one that is not `waiting_for_approval` needs no decision. It does not change the hash.
    #[schema(value_type = String, example = "waiting_for_approval")]
    pub status: OperationStatus,
    /// The decision about the plan: `approved` or `rejected`; null before. It does not change the hash.
    #[schema(value_type = Option<String>, example = "rejected")]
    pub decision: Option<PlanDecision>,
    /// The approver whose approval was the last required one, or the caller who rejected the plan; null before a decision. The sheet is the
    /// one that was approved or rejected. It does not change the hash.
    #[serde(default)]
    pub decided_by: Option<String>,
    /// The operation's kind.
    pub kind: String,
    /// The stack: `id` and `name`.
    pub stack: Value,
    /// The environment: `name`, `account`, `region` and `protected`.
    pub environment: Value,
    /// The requester.
    pub requested_by: String,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// The blueprint: `name`, `version`, `previous_version` and `digest`.
    pub blueprint: Value,
    /// The variables that differ from the last successful change of the stack: `name`, `before`, `after`. Values of `sensitive` ones are
    /// hidden.
    pub variables: Vec<Value>,
    /// The subscriptions that change: `service`, `before` and `after`, each with `repository` and `tags`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Value>,
    /// The plan: its counts, the SHA-256 of its items, and the `first` of them. `cost` has what the stack's resources cost a month by list
    /// prices, in cents: `before_cents` and `after_cents`, how many resources are `without_price`, and the day (`prices_of`) and Region
    /// (`prices_in`) of the prices.
    pub plan: Value,
    /// How many resources are destroyed, including those that are created again.
    pub destroy_count: u64,
    /// How many resources leave the state without being destroyed.
    pub forget_count: u64,
    /// Services whose image or task definition changes: `name`, `action`, `image_before`, `image_after` and `attributes`.
    pub services: Vec<Value>,
    /// What runs after the apply: `release`, `migrations`, `backups`, `snapshot` and `task`. For a preview, what would run if an update
    /// applied its plan. `dangerous` has the dangerous statements in the SQL of new and changed migrations: `migration`, `file`, `line`,
    /// `column`, `rule`, `message` and `remedy`; `dangerous_count` is their number if not all are named.
    pub runs: Value,
    /// The verdict of each rule: `policy`, `verdict` and `reason`.
    pub policies: Vec<Value>,
    /// The rule of the approval, since the review of the plan: how many approvers are `required`, whether the requester may be one
    /// (`self_approval`), when the plan expires (`expires_at`), and `required_by`, the `policy` and `reason` of each rule that
    /// requires an approval. Absent if the plan needs none.
    pub approval: Option<Value>,
    /// How many of `approvals` count.
    pub approvals_given: u64,
    /// The approvals that were given. They do not change the hash.
    pub approvals: Vec<SheetApproval>,
    /// The SHA-256 of everything that the apply uses.
    pub artifacts: Option<Value>,
    /// Paths of the operation, its plan, and the approval.
    pub links: Value,
}
