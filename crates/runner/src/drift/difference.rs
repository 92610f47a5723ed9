//! How a resource differs from the state.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use slipway_model::plan::Action;

/// Attributes that change without anybody's fault, by the type of their resource.
const MOVING: [(&str, &[&str]); 4] = [
    // A release points the service at its task definition, and an autoscaler may count its tasks.
    ("aws_ecs_service", &["/desired_count", "/task_definition"]),
    // A release points the schedule at its task definition and enables it.
    (
        "aws_scheduler_schedule",
        &["/state", "/target/0/ecs_parameters/0/task_definition_arn"],
    ),
    // The capacity provider counts the machines.
    ("aws_autoscaling_group", &["/desired_capacity"]),
    // It is a few minutes ago, whenever one looks.
    ("aws_db_instance", &["/latest_restorable_time"]),
];

/// A resource that differs.
#[derive(Debug, Deserialize)]
pub(super) struct Drifted {
    pub(super) address: String,
    #[serde(rename = "type")]
    kind: String,
    change: Difference,
}

/// How it differs. The values may be secret, so they stay here.
#[derive(Deserialize)]
struct Difference {
    actions: Vec<String>,
    before: Value,
    after: Value,
}

impl std::fmt::Debug for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.actions)
    }
}

impl Drifted {
    /// What happened to the resource; none where only an attribute moved that moves by itself, or an address in the blueprint.
    pub(super) fn action(&self) -> Option<Action> {
        let actions: Vec<&str> = self.change.actions.iter().map(String::as_str).collect();
        match actions.as_slice() {
            ["delete"] => Some(Action::Delete),
            ["no-op"] => None,
            ["update"] => {
                let (before, after) = self.sides();
                (before != after).then_some(Action::Update)
            }
            // Whatever a later version of Terraform calls it, it differs.
            _ => Some(Action::Update),
        }
    }

    /// The names of the attributes that differ.
    pub(super) fn attributes(&self) -> BTreeSet<String> {
        let (before, after) = self.sides();
        let names = [&before, &after]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(Map::keys);
        names
            .filter(|name| before.get(name.as_str()) != after.get(name.as_str()))
            .cloned()
            .collect()
    }

    /// The values before and after, without those that move by themselves.
    fn sides(&self) -> (Value, Value) {
        let Difference { before, after, .. } = &self.change;
        (without_moving(&self.kind, before), without_moving(&self.kind, after))
    }
}

/// The values of a side, without those that move by themselves.
fn without_moving(kind: &str, side: &Value) -> Value {
    let mut side = side.clone();
    let moving = MOVING.iter().find(|(resource, _)| *resource == kind);
    for attribute in moving.into_iter().flat_map(|(_, attributes)| *attributes) {
        if let Some(value) = side.pointer_mut(attribute) {
            *value = Value::Null;
        }
    }
    side
}
