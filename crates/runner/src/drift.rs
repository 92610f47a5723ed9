//! Drift, from a refresh-only plan.
//!
//! The plan's stream only names the resources. Their differences are in the output of `show -json`, an additional process that runs
//! only if there are any: some attributes do not belong to Terraform, because releases, autoscalers and AWS itself change them all
//! the time.

use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use slipway_model::plan::{Action, Drift, ResourceChange, address_without_secrets};

use crate::error::Error;
use crate::report::Report;
use crate::secrets;
use crate::session::Session;
use crate::terraform::Terraform;
use crate::work_folder::WorkFolder;

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

/// Looks into a refresh-only plan that is kept in `folder`, where the report of it says that something differs.
pub(crate) async fn find(
    session: &Session,
    terraform: &Terraform,
    folder: &WorkFolder,
    report: &Report,
) -> Result<Drift, Error> {
    if !report.drifted {
        return Ok(Drift::default());
    }
    let shown = folder.path().join("drift.json");
    terraform.show(folder, &shown, &session.cancel).await?;
    read(&shown)
}

fn read(shown: &Path) -> Result<Drift, Error> {
    let failed = |source| Error::File {
        action: "read",
        path: shown.to_owned(),
        source,
    };
    let text = std::fs::read(shown).map_err(failed)?;
    let plan: Shown = serde_json::from_slice(&text).map_err(|error| failed(io::Error::other(error)))?;
    Ok(plan.drift())
}

/// The part of `show -json` that says what differs.
#[derive(Debug, Deserialize)]
struct Shown {
    #[serde(default)]
    resource_drift: Vec<Drifted>,
}

/// A resource that differs.
#[derive(Debug, Deserialize)]
struct Drifted {
    address: String,
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

impl Shown {
    fn drift(self) -> Drift {
        let mut drift = Drift::default();
        for drifted in self.resource_drift {
            if let Some(action) = drifted.change.action(&drifted.kind) {
                drift.add(ResourceChange {
                    address: address_without_secrets(&drifted.address, &secrets::hide),
                    action,
                });
            }
        }
        drift
    }
}

impl Difference {
    /// What happened to the resource; none where only an attribute moved that moves by itself, or an address in the blueprint.
    fn action(mut self, kind: &str) -> Option<Action> {
        match self.actions.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["delete"] => Some(Action::Delete),
            ["update"] => {
                let moving = MOVING.iter().find(|(resource, _)| *resource == kind);
                for attribute in moving.into_iter().flat_map(|(_, attributes)| *attributes) {
                    for side in [&mut self.before, &mut self.after] {
                        if let Some(value) = side.pointer_mut(attribute) {
                            *value = Value::Null;
                        }
                    }
                }
                (self.before != self.after).then_some(Action::Update)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drift(resources: &Value) -> Drift {
        let shown: Shown = serde_json::from_value(json!({"resource_drift": resources})).expect("a plan");
        shown.drift()
    }

    fn changed(kind: &str, before: &Value, after: &Value) -> Value {
        json!({"address": format!("{kind}.a"), "type": kind, "change": {"actions": ["update"], "before": before, "after": after}})
    }

    #[test]
    fn what_releases_and_autoscalers_change_is_no_drift() {
        let target = |definition: &str, input: &str| json!([{"input": input, "ecs_parameters": [{"task_definition_arn": definition}]}]);
        let quiet = drift(&json!([
            changed(
                "aws_ecs_service",
                &json!({"desired_count": 0, "task_definition": "x:1", "name": "web"}),
                &json!({"desired_count": 2, "task_definition": "x:2", "name": "web"}),
            ),
            changed(
                "aws_scheduler_schedule",
                &json!({"state": "DISABLED", "target": target("x:1", "{}")}),
                &json!({"state": "ENABLED", "target": target("x:2", "{}")}),
            ),
        ]));
        assert_eq!(quiet, Drift::default());
        let loud = drift(&json!([
            changed(
                "aws_ecs_service",
                &json!({"desired_count": 0, "enable_execute_command": false}),
                &json!({"desired_count": 2, "enable_execute_command": true}),
            ),
            changed(
                "aws_scheduler_schedule",
                &json!({"target": target("x:1", "{}")}),
                &json!({"target": target("x:2", "{\"command\": [\"rm\"]}")}),
            ),
            {"address": "aws_sqs_queue.a", "type": "aws_sqs_queue", "change": {"actions": ["delete"], "before": {}, "after": null}},
            {"address": "aws_sqs_queue.b", "type": "aws_sqs_queue", "change": {"actions": ["no-op"], "before": {}, "after": {}}},
        ]));
        assert_eq!(loud.count, 3);
        let actions: Vec<Action> = loud.resources.iter().map(|resource| resource.action).collect();
        assert_eq!(actions, [Action::Update, Action::Update, Action::Delete]);
    }

    #[test]
    fn a_plan_in_which_nothing_differs_has_no_list() {
        let shown: Shown = serde_json::from_value(json!({"format_version": "1.2"})).expect("a plan");
        assert_eq!(shown.drift(), Drift::default());
    }
}
