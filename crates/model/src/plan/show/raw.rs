//! The parts of the document, as they stand there.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::plan::Action;
use crate::plan::difference::Sides;
use crate::plan::item::ReplaceOrder;

/// An element of `resource_changes` or `resource_drift`.
#[derive(Deserialize)]
pub(super) struct Resource {
    pub(super) address: String,
    pub(super) previous_address: Option<String>,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) mode: String,
    #[serde(default)]
    pub(super) provider_name: String,
    pub(super) deposed: Option<String>,
    pub(super) action_reason: Option<String>,
    pub(super) change: Change,
}

impl Resource {
    pub(super) fn read(value: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(value)
    }
}

/// What changes in an object.
#[derive(Deserialize)]
pub(super) struct Change {
    pub(super) actions: Vec<String>,
    before: Option<Value>,
    after: Option<Value>,
    after_unknown: Option<Value>,
    before_sensitive: Option<Value>,
    after_sensitive: Option<Value>,
    #[serde(default)]
    pub(super) replace_paths: Value,
    pub(super) importing: Option<Value>,
}

impl Change {
    pub(super) fn read(value: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(value)
    }

    pub(super) fn is_no_op(&self) -> bool {
        self.actions == ["no-op"]
    }

    /// What would be done; none where nothing would, and where the actions are not known.
    pub(super) fn actions(&self) -> Option<(Action, Option<ReplaceOrder>)> {
        let actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        let replace = |order| Some((Action::Replace, Some(order)));
        match actions.as_slice() {
            ["create"] => Some((Action::Create, None)),
            ["read"] => Some((Action::Read, None)),
            ["update"] => Some((Action::Update, None)),
            ["delete"] => Some((Action::Delete, None)),
            ["forget"] => Some((Action::Forget, None)),
            ["delete", "create"] => replace(ReplaceOrder::DeleteThenCreate),
            ["create", "delete"] => replace(ReplaceOrder::CreateThenDelete),
            ["create", "forget"] => replace(ReplaceOrder::CreateThenForget),
            ["forget", "create"] => replace(ReplaceOrder::ForgetThenCreate),
            _ => None,
        }
    }

    /// Whether an object stays where it is, without Terraform.
    pub(super) fn forgets(&self) -> bool {
        use ReplaceOrder::{CreateThenForget, ForgetThenCreate};
        matches!(
            self.actions(),
            Some((Action::Forget, _) | (Action::Replace, Some(CreateThenForget | ForgetThenCreate)))
        )
    }

    /// The keys of the tags that the resource will have; none where it has no tags. `tags_all` includes the provider's default
    /// tags: <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/resource-tagging>. Where the plan does
    /// not know it, only the resource's own tags count.
    pub(super) fn tags(&self) -> Option<BTreeSet<String>> {
        let after = self.after.as_ref()?.as_object()?;
        let is_unknown = |name: &str| {
            let unknown = self.after_unknown.as_ref();
            unknown.is_some_and(|unknown| unknown[name] == Value::Bool(true))
        };
        let has_tags = ["tags", "tags_all"]
            .iter()
            .any(|name| after.contains_key(*name) || is_unknown(name));
        let keys = |name: &str| {
            after
                .get(name)
                .and_then(Value::as_object)
                .map(|tags| tags.keys().cloned())
        };
        has_tags.then(|| keys("tags_all").into_iter().chain(keys("tags")).flatten().collect())
    }

    pub(super) fn sides(&self) -> Sides<'_> {
        Sides {
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            unknown: self.after_unknown.as_ref(),
            before_sensitive: self.before_sensitive.as_ref(),
            after_sensitive: self.after_sensitive.as_ref(),
        }
    }
}

/// An element of `deferred_changes`.
#[derive(Deserialize)]
pub(super) struct Deferred {
    pub(super) reason: String,
    pub(super) resource_change: Value,
}

/// An element of `action_invocations`.
#[derive(Deserialize)]
pub(super) struct Invocation {
    pub(super) address: String,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) provider_name: String,
    pub(super) config_values: Option<Value>,
    pub(super) config_sensitive: Option<Value>,
    pub(super) config_unknown: Option<Value>,
    pub(super) lifecycle_action_trigger: Option<Value>,
    pub(super) invoke_action_trigger: Option<Value>,
}

/// An element of `deferred_action_invocations`.
#[derive(Deserialize)]
pub(super) struct DeferredInvocation {
    pub(super) reason: String,
    pub(super) action_invocation: Invocation,
}

/// An element of `checks`.
#[derive(Deserialize)]
pub(super) struct Check {
    pub(super) address: CheckAddress,
    pub(super) status: String,
    #[serde(default)]
    pub(super) instances: Vec<CheckInstance>,
}

#[derive(Deserialize)]
pub(super) struct CheckAddress {
    pub(super) to_display: String,
    #[serde(default)]
    pub(super) kind: String,
}

#[derive(Deserialize)]
pub(super) struct CheckInstance {
    #[serde(default)]
    pub(super) problems: Vec<CheckProblem>,
}

#[derive(Deserialize)]
pub(super) struct CheckProblem {
    pub(super) message: String,
}
