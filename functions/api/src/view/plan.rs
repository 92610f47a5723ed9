//! Plans and approval sheets as they are shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slipway_model::operation::Operation;
use slipway_model::plan::Action;
use slipway_model::plan::item::Subject;
use slipway_model::plan::sheet::Sheet;
use utoipa::ToSchema;

/// Items of a plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlanItems {
    /// The items, in the order in which people read them: what destroys comes first.
    pub items: Vec<PlanItem>,
    /// How many items the plan has, whatever the filters are.
    pub total: u64,
    /// Give this as `after`, with the same filters, for what comes after; null at the end of the plan.
    pub next: Option<String>,
}

/// One entry of a plan. One with many attributes is continued in the items after it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanItem {
    /// What it is about: `resource`, `action`, `deferred_resource`, `deferred_action`, `output`, `drift` or `check`.
    #[schema(value_type = String, example = "resource")]
    pub subject: Subject,
    /// What would be done: `unknown`, `delete`, `replace`, `forget`, `invoke`, `update`, `import`, `create`, `move` or `read`.
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
    /// Why, in Terraform's words.
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
    /// The identity with which it is imported, where that is not an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_identity: Option<Value>,
    /// What changes in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
    /// What invokes an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<ActionTrigger>,
    /// Of drift: whether the apply overwrites it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwritten: Option<bool>,
    /// Of a check: `pass`, `fail`, `error` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Of a check: its messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<String>>,
    /// Why the item is not understood. The plan then needs an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_understood: Option<String>,
    /// Which part of the entry this is, where one item does not hold it: from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
}

/// An attribute that changes. A side is absent where the attribute does not exist there.
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
    /// Whether there is a value before, which is sensitive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_sensitive: bool,
    /// Whether there is a value after, which is sensitive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_sensitive: bool,
    /// Whether it forces the replacement of the resource.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
    /// A long text: its changed lines, as a unified diff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// A text that is JSON: what changes in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub json: Vec<AttributeChange>,
    /// The size and SHA-256 of the value before, where it is too long to be shown whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_cut: Option<CutText>,
    /// The size and SHA-256 of the value after, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_cut: Option<CutText>,
}

/// `null` is a value too, and not the same as none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A text that is not shown whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CutText {
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// What invokes an action.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionTrigger {
    /// The resource whose change invokes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// When: `AfterCreate`, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What Terraform does if the action fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
}

/// The approval sheet of an operation: everything that an approver decides by.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of an answer; `sheet` makes it")]
pub struct SheetDocument {
    /// The SHA-256 of the sheet's canonical JSON, without this field and `links`: no spaces, fields in the order of their names. An
    /// approval quotes it.
    #[schema(example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: String,
    /// The operation's id.
    operation: String,
    /// What it does.
    kind: String,
    /// The stack: `id` and `name`.
    stack: Value,
    /// The environment: `name`, `account`, `region` and `protected`.
    environment: Value,
    /// The requester.
    requested_by: String,
    /// When it was requested.
    requested_at: Timestamp,
    /// The blueprint: `name`, `version`, `previous_version` and `digest`.
    blueprint: Value,
    /// The variables that change since the last operation that changed the stack and succeeded: `name`, `before`, `after`. Values of
    /// `sensitive` ones are not shown.
    variables: Vec<Value>,
    /// The plan: what it counts, the SHA-256 of its items, and the `first` of them.
    plan: Value,
    /// How many resources are destroyed, for good or to be made anew.
    destroy_count: u64,
    /// How many resources leave the state without being destroyed.
    forget_count: u64,
    /// Services whose image or task definition changes: `name`, `action`, `image_before`, `image_after` and `attributes`.
    services: Vec<Value>,
    /// What runs after the apply: `release`, `migrations`, `backups`, `snapshot` and `task`.
    runs: Value,
    /// What each rule says: `policy`, `verdict` and `reason`.
    policies: Vec<Value>,
    /// What the apply uses, by SHA-256.
    artifacts: Option<Value>,
    /// Paths of the operation, its plan, and the approval.
    links: Value,
}

/// A sheet with its hash.
pub fn sheet(sheet: &Sheet, operation: &Operation) -> Value {
    let mut shown = sheet.to_json();
    let this = format!("/v1/operations/{}", operation.id);
    shown["hash"] = sheet.hash().as_str().into();
    shown["links"] = json!({
        "self": format!("{this}/sheet"),
        "operation": this,
        "plan": format!("{this}/plan"),
        "approve": format!("{this}/approve"),
    });
    shown
}
